/// Keys and certificates from PEM files, as Redis's users have them, and the JDK's TLS made of
/// them.
///
/// For servers and tools alike. It knows no socket, no configuration and no protocol.
@NullMarked
package dev.spinel.wire.tls;

import org.jspecify.annotations.NullMarked;
