package dev.spinel.cli;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.EOFException;
import java.io.IOException;
import java.net.ProtocolException;
import java.net.SocketException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The connection to the server that commands go to, and what is known of it: address, database,
/// protocol, transaction, subscriptions. It logs in, selects the database and says HELLO whenever
/// it is made, also after a redirect.
///
/// Belongs to the main thread; only [#abort] may be called by a signal's.
final class Connection {
  /// What becomes of a push (RESP3) that arrives while a reply is awaited.
  enum Pushes {
    SHOWN,
    DROPPED,
    /// Answered like a reply: the answers to SUBSCRIBE are such.
    ANSWERED
  }

  /// The connection is gone, or what it says isn't RESP.
  static final class Lost extends Exception {
    private static final long serialVersionUID = 1;

    /// Whether a new connection may do better.
    final boolean mayReconnect;

    private Lost(String message, boolean mayReconnect) {
      super(message, null, false, false);
      this.mayReconnect = mayReconnect;
    }

    String text() {
      return String.valueOf(getMessage());
    }
  }

  private final Screen screen;
  private final Options options;

  String host;
  int port;

  /// The database that was asked for, and the one that the connection has.
  int wantedDatabase;

  int database;
  boolean resp3;
  boolean inTransaction;
  boolean isSubscribed;
  Pushes pushes = Pushes.DROPPED;
  boolean wasRedirected;
  @Nullable String serverVersion;

  private volatile @Nullable Client client;

  /// Why the connection can't be used any more; null as long as it can.
  private @Nullable Lost failure;

  Connection(Screen screen, Options options) {
    this.screen = screen;
    this.options = options;
    host = options.host;
    port = options.port;
    wantedDatabase = options.database;
  }

  boolean isOpen() {
    return client != null;
  }

  /// Whether it is open and nothing failed on it.
  boolean isUsable() {
    return client != null && failure == null;
  }

  /// The client itself, for whoever speaks anything but commands and replies. It must be open.
  Client client() {
    Client c = client;
    if (c == null) throw new IllegalStateException("not connected");
    return c;
  }

  /// Where the server is, as prompts and messages show it.
  String address() {
    if (options.socket != null) return "redis " + options.socket;
    return host.indexOf(':') >= 0 ? "[" + host + "]:" + port : host + ":" + port;
  }

  // ── Making it ──

  /// Connects unless it is connected. What fails is said, unless `quiet`; false then. After a
  /// failed login the connection stays open, and the server says what it doesn't allow.
  boolean connect(boolean quiet) {
    return client != null || reconnect(quiet);
  }

  /// Gives up the present connection, if any, and makes a new one.
  boolean reconnect(boolean quiet) {
    if (client != null) {
      close();
      database = 0;
      inTransaction = false;
      isSubscribed = false;
    }
    boolean bySocket = options.socket != null && !(options.followRedirects && wasRedirected);
    Client made;
    try {
      made =
          bySocket
              ? Client.connectUnix(Path.of(String.valueOf(options.socket)))
              : options.tls.connect(host, port);
    } catch (IOException | RuntimeException e) {
      if (!quiet) {
        String where = bySocket ? String.valueOf(options.socket) : host + ":" + port;
        screen.errLine("Could not connect to Redis at " + where + ": " + Unreachable.reason(e));
      }
      return false;
    }
    client = made;
    failure = null;
    resp3 = false;
    pushes = Pushes.DROPPED;
    if (!logIn(options.user, options.password) || !select() || !switchProtocol()) return false;
    if (options.showPushes) pushes = Pushes.SHOWN;
    return true;
  }

  boolean logIn(@Nullable String user, @Nullable String password) {
    if (password == null) return true;
    RespValue reply =
        user == null ? askOrNull("AUTH", password) : askOrNull("AUTH", user, password);
    if (reply instanceof RespValue.Error e) screen.errLine("AUTH failed: " + e.text());
    return reply != null && !reply.isError();
  }

  /// Selects the database that was asked for, if it isn't.
  boolean select() {
    if (wantedDatabase == database) return true;
    RespValue reply = askOrNull("SELECT", Integer.toString(wantedDatabase));
    if (reply instanceof RespValue.Error e) {
      screen.errLine("SELECT " + wantedDatabase + " failed: " + e.text());
    }
    if (reply == null || reply.isError()) return false;
    database = wantedDatabase;
    return true;
  }

  private boolean switchProtocol() {
    if (options.resp3 == Options.Resp3.NO || options.resp2) return true;
    RespValue reply = askOrNull("HELLO", "3");
    if (reply == null) return false;
    resp3 = true;
    if (reply instanceof RespValue.Error e) {
      screen.errLine("HELLO 3 failed: " + e.text());
      return options.resp3 != Options.Resp3.YES;
    }
    var all = reply.elements();
    for (int i = 0; i + 1 < all.size(); i += 2) {
      if ("version".equals(all.get(i).text())) serverVersion = all.get(i + 1).text();
    }
    return true;
  }

  boolean asking() {
    if (client == null) return false;
    RespValue reply = askOrNull("ASKING");
    if (reply instanceof RespValue.Error e) screen.errLine("ASKING failed: " + e.text());
    return reply != null && !reply.isError();
  }

  private @Nullable RespValue askOrNull(String... command) {
    try {
      return ask(command);
    } catch (Lost e) {
      screen.err("\nI/O error\n");
      return null;
    }
  }

  // ── Using it ──

  RespValue ask(String... command) throws Lost {
    send(command);
    return read();
  }

  void send(String... command) throws Lost {
    try {
      client().send(command);
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /// The next reply; of pushes, what is set.
  RespValue read() throws Lost {
    Client c = client();
    try {
      c.flush();
      while (true) {
        RespValue reply = c.next();
        if (!(reply instanceof RespValue.Push push) || pushes == Pushes.ANSWERED) return reply;
        if (pushes == Pushes.SHOWN) screen.out(shown(push));
      }
    } catch (IOException e) {
      throw lost(e);
    }
  }

  /// Whether something to read is there, or comes within `millis`.
  boolean isReadable(int millis) throws Lost {
    Client c = client();
    try {
      return c.isBuffered() || !c.isQuiet(millis);
    } catch (IOException e) {
      throw lost(e);
    }
  }

  private String shown(RespValue.Push push) {
    if (options.form == Form.STANDARD
        && push.elements().size() == 2
        && push.elements().get(0) instanceof RespValue.Bulk kind
        && Form.textOf(kind).startsWith("invalidate")
        && push.elements().get(1) instanceof RespValue.Array keys) {
      StringBuilder b = new StringBuilder("-> invalidate: ");
      String separator = "";
      for (RespValue key : keys.elements()) {
        b.append(separator).append('\'').append(Form.cString(Form.textOf(key))).append('\'');
        separator = ", ";
      }
      return b.append('\n').toString();
    }
    return options.form.of(push, options.delimiters());
  }

  private Lost lost(IOException e) {
    Lost lost = explain(e);
    failure = lost;
    return lost;
  }

  static Lost explain(IOException e) {
    if (e instanceof EOFException) return new Lost("Server closed the connection", true);
    String message = String.valueOf(e.getMessage());
    if (e instanceof ProtocolException) return new Lost("Protocol error, " + message, false);
    if (message.equals("Connection reset")) {
      return new Lost("Connection reset by peer", true);
    }
    return new Lost(message, e instanceof SocketException);
  }

  /// Says why the connection failed, if it did.
  void sayFailure() {
    if (client == null) return;
    screen.errLine("Error: " + (failure == null ? "" : failure.text()));
  }

  void close() {
    Client c = client;
    client = null;
    failure = null;
    if (c != null) c.close();
  }

  /// Ends what the main thread waits for, from any thread: its read fails.
  void abort() {
    Client c = client;
    if (c != null) c.close();
  }
}
