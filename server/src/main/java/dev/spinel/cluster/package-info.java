/// The cluster: who its nodes are, which of them owns which slot, and who takes over when one dies.
///
/// - **What it is.** [dev.spinel.cluster.ClusterMachine] decides everything: it is given what
///   happens ([dev.spinel.cluster.ClusterEvent]) and answers what is to be done
///   ([dev.spinel.cluster.ClusterAction]). Nodes talk over the cluster bus of Redis, protocol
///   version 1: [dev.spinel.cluster.BusCodec] and [dev.spinel.cluster.BusReader] turn its bytes
///   into [dev.spinel.cluster.BusMessage]s and back. [dev.spinel.cluster.NodesFile] is
///   `nodes.conf`. [dev.spinel.cluster.ClusterView] is the picture that commands and gates read, on
///   any thread.
/// - **Who calls it.** The shell, which performs the actions over `peer`, the disk and the engine;
///   tests and the simulation in its place.
/// - **What the machine must not know.** Sockets, threads, clocks, disks, chance: time is a
///   parameter, chance and keys come from [dev.spinel.cluster.ClusterMachine.World]. So one seed is
///   one run, and a text script can tell a whole story.
///
/// Decisions: `docs/adr/040-cluster-machine.md`, `docs/adr/041-failover-and-lease.md`.
@NullMarked
package dev.spinel.cluster;

import org.jspecify.annotations.NullMarked;
