/// What the server tells about itself, and what may be set in it: commands, configuration,
/// statistics. INFO shows the sections that all rooms declare ([dev.spinel.engine.Section]).
///
/// Called by the engine, through [dev.spinel.engine.Family]. Must not know of sockets.
@NullMarked
package dev.spinel.observe;

import org.jspecify.annotations.NullMarked;
