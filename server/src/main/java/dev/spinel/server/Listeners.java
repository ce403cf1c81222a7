package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import dev.spinel.net.Acceptor;
import dev.spinel.net.BindException;
import dev.spinel.net.Listener;
import dev.spinel.net.Net;
import dev.spinel.observe.Listening;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A server's listeners, as `bind`, `port`, `unixsocket` and CONFIG SET have them. Any thread.
final class Listeners implements Listening {
  private final Config config;
  private final Log log;
  private final Loops loops;
  private final Encryption encryption;
  private final Acceptor acceptor;
  private final Acceptor encrypted;
  private volatile List<Listener> tcp = List.of(); // the starting thread, then CONFIG SET
  private volatile List<Listener> tls = List.of(); // likewise

  Listeners(Config config, Log log, Loops loops, Encryption encryption, Acceptor acceptor) {
    this.config = config;
    this.log = log;
    this.loops = loops;
    this.encryption = encryption;
    this.acceptor = acceptor;
    encrypted = encryption.over(acceptor);
    config.onChange(
        Settings.PORT, changed -> move("Unable to listen on this port. Check server logs."));
    config.onChange(Settings.TLS_PORT, changed -> moveTls());
    config.onChange(Settings.BIND, changed -> move("Failed to bind to specified addresses."));
  }

  /// Listens as the configuration says: with port 0 at no TCP port. Errors: a [BindException] says
  /// which address can't be had and why.
  void open(Net net) throws BindException {
    openTcp(net);
    openTls(net);
    openUnix(net);
  }

  /// As [#open], but port 0 means any that is free. The configuration says from then on which.
  void openAtAnyPort(Net net) throws BindException {
    if (config.intOf(Settings.PORT) == 0 && !config.get(Settings.BIND).isEmpty()) {
      tcp = net.listen(config.get(Settings.BIND), 0, backlog(), acceptor);
      config.put(Settings.PORT, (long) port());
    } else {
      openTcp(net);
    }
    openTls(net);
    openUnix(net);
  }

  private void openUnix(Net net) throws BindException {
    if (!config.text(Settings.UNIXSOCKET).isEmpty()) {
      Path path = config.path(Settings.UNIXSOCKET).normalize();
      net.listen(path, config.intOf(Settings.UNIXSOCKETPERM), backlog(), acceptor);
    }
  }

  /// Listens as `port` and `bind` say, in place of the TCP listeners that there are.
  private void openTcp(Net net) throws BindException {
    int port = config.intOf(Settings.PORT);
    List<String> addresses = port == 0 ? List.of() : config.get(Settings.BIND);
    tcp = net.move(tcp, addresses, port, backlog(), acceptor);
  }

  private void openTls(Net net) throws BindException {
    int port = config.intOf(Settings.TLS_PORT);
    List<String> addresses = port == 0 ? List.of() : config.get(Settings.BIND);
    tls = net.move(tls, addresses, port, backlog(), encrypted);
  }

  private int backlog() {
    return config.intOf(Settings.TCP_BACKLOG);
  }

  /// After CONFIG SET of `port` or `bind`. If an address can't be had, the listeners stay as they
  /// are; CONFIG SET then takes the setting back, and this is called again with nothing to do.
  private void move(String refusal) {
    Net net = loops.net();
    if (net == null) {
      return;
    }
    try {
      openTcp(net);
      openTls(net);
    } catch (BindException e) {
      log.warning("Warning: " + e.getMessage());
      throw new ConfigError(refusal);
    }
  }

  private void moveTls() {
    if (config.get(Settings.TLS_PORT) != 0) {
      encryption.configureOnce();
    }
    move("Unable to listen on this port. Check server logs.");
  }

  // ── Listening ──

  @Override
  public int port() {
    List<Listener> now = tcp;
    return now.isEmpty() ? 0 : now.getFirst().port();
  }

  @Override
  public String transport() {
    return loops.transport();
  }

  @Override
  public List<String> listeners() {
    List<String> lines = new ArrayList<>();
    int port = port();
    if (port != 0) {
      StringBuilder line = new StringBuilder("name=tcp");
      for (String address : config.get(Settings.BIND)) {
        line.append(",bind=").append(address);
      }
      lines.add(line.append(",port=").append(port).toString());
    }
    List<Listener> now = tls;
    if (!now.isEmpty()) {
      StringBuilder line = new StringBuilder("name=tls");
      for (String address : config.get(Settings.BIND)) {
        line.append(",bind=").append(address);
      }
      lines.add(line.append(",port=").append(now.getFirst().port()).toString());
    }
    String socket = config.text(Settings.UNIXSOCKET);
    if (!socket.isEmpty()) {
      lines.add("name=unix,bind=" + socket);
    }
    return lines;
  }
}
