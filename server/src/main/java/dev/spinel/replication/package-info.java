/// Replication: a primary's stream of effects, and the replicas that follow it (PSYNC2).
///
/// - **What it is.** [dev.spinel.replication.ReplicationMachine] decides everything: it is given
///   what happens ([dev.spinel.replication.ReplicationEvent]) and answers what is to be done
///   ([dev.spinel.replication.ReplicationAction]). Its two halves are
///   [dev.spinel.replication.ReplicaSide], the link to the own primary, and
///   [dev.spinel.replication.PrimarySide], the replicas of this server.
///   [dev.spinel.replication.History] says of which history the data is, and
///   [dev.spinel.replication.Backlog] keeps the last part of the stream for those who were away.
/// - **Who calls it.** The shell, which performs the actions over `peer`, the journal and the
///   engine; tests and the simulation in its place.
/// - **What the machine must not know.** Sockets, threads, clocks, disks, chance: time is a
///   parameter, ids are handed in. So one seed is one run, and a text script can tell a whole
///   story.
///
/// Decisions: `docs/adr/037-peers-and-machines.md`.
@NullMarked
package dev.spinel.replication;

import org.jspecify.annotations.NullMarked;
