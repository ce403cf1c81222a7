/// The commands on data, a family to a file: its rows, its switch, a static method for each
/// command, from a call's arguments to the value's verbs to the reply.
///
/// Called by the engine, through [dev.spinel.engine.Family]. Must not know of locks, threads,
/// sockets or files.
@NullMarked
package dev.spinel.commands;

import org.jspecify.annotations.NullMarked;
