package dev.spinel.server;

import dev.spinel.acl.Users;
import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Login;
import dev.spinel.engine.Session;
import dev.spinel.net.Acceptor;
import dev.spinel.net.Connection;
import dev.spinel.net.Handler;
import dev.spinel.observe.Traffic;
import dev.spinel.wire.RespWriter;
import org.jspecify.annotations.Nullable;

/// Decides whether a new connection becomes a client: not beyond `maxclients`, and not in protected
/// mode. Called on the thread of the connection's loop.
final class Admission implements Acceptor {
  static final String PROTECTED =
      "DENIED Spinel runs in protected mode: no password is set for the default user, so only"
          + " clients on this machine may connect. To change that, set a password (CONFIG SET"
          + " requirepass, or requirepass in the configuration file), or, if nobody else can reach"
          + " this port, CONFIG SET protected-mode no from this machine";

  private final Config config;
  private final Log log;
  private final Users users;
  private final Login login;
  private final Traffic traffic;
  private final Loops loops;
  final MaxClients maxClients;
  private volatile boolean protectedMode;

  Admission(Config config, Log log, Users users, Login login, Traffic traffic, Loops loops) {
    this.config = config;
    this.log = log;
    this.users = users;
    this.login = login;
    this.traffic = traffic;
    this.loops = loops;
    maxClients = new MaxClients(config, log);
    protectedMode = config.get(Settings.PROTECTED_MODE);
    config.onChange(
        Settings.PROTECTED_MODE, changed -> protectedMode = changed.get(Settings.PROTECTED_MODE));
  }

  @Override
  public @Nullable Handler accept(Connection connection) {
    traffic.accept();
    if (traffic.clients() >= maxClients.now()) {
      refuse(connection, "ERR max number of clients reached");
      return null;
    }
    if (protectedMode && !connection.isLocal() && users.isOpen()) {
      refuse(connection, PROTECTED);
      return null;
    }
    traffic.enter();
    LoopSide side = loops.sideOf(connection);
    ClientConnection client;
    try {
      client = new ClientConnection(side, connection);
      side.connections.add(client);
      logIn(client.session);
    } catch (Throwable t) {
      traffic.leave(); // no handler will be told that the connection closes
      throw t;
    }
    if (log.isOn(Log.Level.VERBOSE)) {
      log.verbose(
          connection.isUnixSocket()
              ? "Accepted connection to " + config.text(Settings.UNIXSOCKET)
              : "Accepted " + connection.remoteAddress());
    }
    return client;
  }

  private void refuse(Connection connection, String error) {
    traffic.refuse();
    new RespWriter(connection.output(), 2).error(error);
  }

  /// Logs a new session in, if no password is asked for.
  void logIn(Session session) {
    login.begin(session);
  }

  /// A client's connection has closed.
  void left() {
    traffic.leave();
  }
}
