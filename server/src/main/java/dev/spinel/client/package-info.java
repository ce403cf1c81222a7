/// What a client and the server say to each other about their connection: the protocol, the login,
/// the database, names, and the list of all clients.
///
/// Called by the engine, through [dev.spinel.engine.Family]. Must not know of sockets: a session
/// reaches its connection through [dev.spinel.engine.Outlet].
@NullMarked
package dev.spinel.client;

import org.jspecify.annotations.NullMarked;
