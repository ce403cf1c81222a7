/// The embedded API: a Spinel server in one's own JVM. The one exported package of this module;
/// whoever embeds needs no other.
@NullMarked
package dev.spinel;

import org.jspecify.annotations.NullMarked;
