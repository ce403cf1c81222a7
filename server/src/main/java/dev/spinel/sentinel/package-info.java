/// Sentinel: watches primaries, agrees with other Sentinels that one is down, and makes a replica
/// take its place.
///
/// - **What it is.** [dev.spinel.sentinel.SentinelMachine] decides everything and is pure:
///   `step(now, event) → actions`. [dev.spinel.sentinel.SentinelShell] performs the actions over
///   [dev.spinel.peer.Peers] and answers clients; what it needs of the process (log, file, scripts)
///   is [dev.spinel.sentinel.SentinelHost].
/// - **Who calls it.** The assembly, as the program `redis-sentinel`; tests over the simulated
///   network.
/// - **What it must not know.** Keys, commands of the store, replication, sockets, files, threads.
///   To the servers that it watches a Sentinel is a client. It depends on `peer` and `wire` alone.
///
/// Decision: `docs/adr/043-sentinel.md`.
@NullMarked
package dev.spinel.sentinel;

import org.jspecify.annotations.NullMarked;
