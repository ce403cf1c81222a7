/// Event loops, sockets and the order of a turn: what arrives is read, handed over and answered, in
/// phases.
///
/// - **What it is.** A [dev.spinel.net.Net] starts some [dev.spinel.net.Loop]s, each one thread
///   with one transport, and opens [dev.spinel.net.Listener]s that hand every accepted socket to
///   the loop with the fewest connections. [dev.spinel.net.Loop#connect] makes connections to
///   others, which are like accepted ones. A [dev.spinel.net.Connection] stays on its loop until it
///   closes; its [dev.spinel.net.Handler] is the owner's and turns bytes into replies.
/// - **Who calls it.** The assembly (`dev.spinel.server`) makes the loops, binds the addresses and
///   gives each connection a handler. Other code reaches a connection through that handler, by
///   posting to its loop.
/// - **What it must not know.** Commands, keys, the engine, the configuration, clocks other than
///   the loop's own. It depends on the JDK and on `dev.spinel.wire`.
///
/// [dev.spinel.net.Transport] is what a loop needs of the operating system.
/// [dev.spinel.net.UringTransport] is Linux's io_uring ([dev.spinel.net.IoRing] its queues,
/// [dev.spinel.net.Kernel] the way to them), [dev.spinel.net.NioTransport] is for everywhere else.
/// [dev.spinel.net.Net#start] chooses. Decisions and measurements:
/// `docs/adr/007-loop-in-phases.md`, `docs/adr/021-io-uring.md`.
@NullMarked
package dev.spinel.net;

import org.jspecify.annotations.NullMarked;
