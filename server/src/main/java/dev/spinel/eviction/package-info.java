/// `maxmemory`: the gate that makes room before a command that needs memory runs, the choice of
/// keys to evict, and the calls that wait until there is room.
///
/// The assembly makes one [Eviction] and lists it among the gates; the engine knows it as its
/// `Reclaimer`. Must not know of connections, nor of any family of commands.
@NullMarked
package dev.spinel.eviction;

import org.jspecify.annotations.NullMarked;
