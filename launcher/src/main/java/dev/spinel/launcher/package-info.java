/// What a person starts: `spinel up`, one store or a whole topology; and what is done to it then.
///
/// Called by the script `spinel` in the root. It knows the embedded API (`dev.spinel`) and the
/// wire, and nothing of the server's inside: whatever a launcher can do, an application can do too.
@NullMarked
package dev.spinel.launcher;

import org.jspecify.annotations.NullMarked;
