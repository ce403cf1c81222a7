/// Talking to other servers: dialling, links, requests with replies in order, timers.
///
/// - **What it is.** [dev.spinel.peer.Peers] is what a shell needs of the world: it dials, tells
///   the time and wakes. A [dev.spinel.peer.PeerLink] carries bytes both ways and ends once, with a
///   reason. [dev.spinel.peer.Requests] puts commands and replies over a link,
///   [dev.spinel.peer.ReplyReader] reads replies as their bytes arrive.
/// - **Who calls it.** The shells of `replication`, `cluster` and `sentinel`. Each of them belongs
///   to one thread, and so does everything here: all calls come from that thread.
/// - **What it must not know.** Sockets, selectors, loops and clocks: there are two implementations
///   of [dev.spinel.peer.Peers], one over the event loops, which belongs to the assembly, and a
///   simulated network for tests, whose every run is decided by its seed. It depends on `wire`
///   alone.
///
/// Decisions: `docs/adr/037-peers-and-machines.md`.
@NullMarked
package dev.spinel.peer;

import org.jspecify.annotations.NullMarked;
