/// Running commands: what a command is and where it is declared, the call of one command, gates,
/// the locks of its keys, blocking, transactions, effects and replies.
///
/// Called by all that have a session: the server's connections, embedded callers, tests. A
/// session's commands are run by one thread, from that thread's [Dispatcher] (one per seat). Must
/// not know of sockets, files or any family of commands.
@NullMarked
package dev.spinel.engine;

import org.jspecify.annotations.NullMarked;
