package dev.spinel.cli;

import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.NodeLine;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A node that the cluster manager talks to. Whatever fails is told to the user where it happens;
/// the caller sees null, or false.
final class Peer {
  private static final int QUIET_MILLIS = 2000;
  private static final int QUIET_REPLY_MILLIS = 15_000;

  final ManagedNode node;
  private final ClusterLog log;
  private final Options options;
  private @Nullable Client client;

  Peer(ManagedNode node, ClusterLog log, Options options) {
    this.node = node;
    this.log = log;
    this.options = options;
  }

  boolean isConnected() {
    return client != null;
  }

  Client client() {
    Client c = client;
    if (c == null) throw new IllegalStateException("not connected: " + node.address());
    return c;
  }

  /// Connects and logs in.
  boolean connect() {
    return connect(false);
  }

  /// As [#connect()], without a word if nobody answers, for which two seconds are enough; replies
  /// may then take fifteen.
  boolean connectQuietly() {
    return connect(true);
  }

  /// As [#connectQuietly], without logging in.
  boolean connectAsStranger() {
    return reach(true);
  }

  private boolean connect(boolean quiet) {
    return reach(quiet) && logIn();
  }

  private boolean reach(boolean quiet) {
    close();
    try {
      Client made = options.tls.connect(node.host, node.port, quiet ? QUIET_MILLIS : 0);
      client = quiet ? made.timeoutMillis(QUIET_REPLY_MILLIS) : made;
    } catch (IOException | RuntimeException e) {
      if (!quiet) {
        log.screen.errLine(
            "Could not connect to Redis at " + node.address() + ": " + Unreachable.reason(e));
      }
      return false;
    }
    return true;
  }

  private boolean logIn() {
    String password = options.password;
    if (password == null) return true;
    return succeeds(
        options.user == null ? ask("AUTH", password) : ask("AUTH", options.user, password));
  }

  void close() {
    Client c = client;
    client = null;
    if (c != null) c.close();
  }

  /// The reply; null if the connection is lost, now or before.
  @Nullable RespValue ask(String... command) {
    Client c = client;
    if (c == null) return null;
    try {
      RespValue reply = c.command(command);
      options.afterCommand.run();
      return reply;
    } catch (IOException e) {
      close();
      return null;
    }
  }

  /// The reply to a command about a key of a slot that the node may be importing.
  @Nullable RespValue askWhatMoves(String... command) {
    RespValue asking = ask("ASKING");
    return asking == null || asking.isError() ? asking : ask(command);
  }

  /// Whether the reply is one and no error; an error is shown.
  boolean succeeds(@Nullable RespValue reply) {
    if (reply instanceof RespValue.Error e) sayError(e.text());
    return reply != null && !reply.isError();
  }

  /// The same, with an error that is kept for the caller instead.
  static @Nullable String errorOf(@Nullable RespValue reply) {
    return reply instanceof RespValue.Error e ? e.text() : null;
  }

  void sayError(String error) {
    log.error("Node " + node.address() + " replied with error:\n" + error + "\n");
  }

  /// The text of a reply; null if there is none, or it is an error.
  static @Nullable String textOf(@Nullable RespValue reply) {
    return reply == null || reply.isError() ? null : reply.text();
  }

  // ── What is asked more than once ──

  /// Its lines of CLUSTER NODES; empty if it doesn't answer.
  List<NodeLine> lines() {
    String text = textOf(ask("CLUSTER", "NODES"));
    List<NodeLine> lines = text == null ? null : NodeLine.parse(text);
    return lines == null ? List.of() : lines;
  }

  /// How many keys it has in all.
  long countKeys() {
    return ask("DBSIZE") instanceof RespValue.Int n ? n.value() : 0;
  }

  /// How many keys it has in a slot; -1 if it doesn't say.
  long countKeys(int slot) {
    RespValue reply = ask("CLUSTER", "COUNTKEYSINSLOT", Integer.toString(slot));
    if (!succeeds(reply)) return -1;
    return reply instanceof RespValue.Int n ? n.value() : -1;
  }

  /// CLUSTER SETSLOT; null if that succeeded, else the error.
  @Nullable String setSlot(int slot, String state, String id) {
    if (options.cluster.onlyShows()) return null;
    RespValue reply = ask("CLUSTER", "SETSLOT", Integer.toString(slot), state, id);
    return reply == null ? "CLUSTER SETSLOT failed to run" : errorOf(reply);
  }

  /// The same; an error is shown.
  boolean setSlotOrSay(int slot, String state, String id) {
    if (options.cluster.onlyShows()) return true;
    RespValue reply = ask("CLUSTER", "SETSLOT", Integer.toString(slot), state, id);
    return succeeds(reply);
  }

  boolean makeStable(int slot) {
    if (options.cluster.onlyShows()) return true;
    return succeeds(ask("CLUSTER", "SETSLOT", Integer.toString(slot), "STABLE"));
  }
}
