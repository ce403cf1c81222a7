/// The keys of all databases, by hash slot: who may touch them when (slot locks, seats, the stopped
/// world), where they are (one dictionary per database and slot), and what happens to them in the
/// background (expiry, the reaper, evacuation).
///
/// Called by the engine, which runs commands from a [Seat] under the locks of the slots of their
/// keys. Knows `value` and `memory`; must not know of commands, sessions, the journal or sockets:
/// changes that it makes by itself (an expired key) are reported through its one listener,
/// [KeyspaceListener].
@NullMarked
package dev.spinel.keyspace;

import org.jspecify.annotations.NullMarked;
