package dev.spinel.sentinel;

import dev.spinel.wire.RespValue;
import java.util.ArrayDeque;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The way to one server or Sentinel: a connection for commands and, for servers, one for messages.
/// A Sentinel that watches several primaries with us has one link, shared by its [FellowSentinel]s.
final class NodeLink {
  /// One connection.
  static final class Channel {
    final int number;
    final WatchedNode node; // whose connecting it was
    final NodeLink link;
    final long since;
    final boolean forMessages;
    final ArrayDeque<Consumer<RespValue>> asked = new ArrayDeque<>();
    @Nullable String localHost; // null until it stands

    Channel(int number, WatchedNode node, long since, boolean forMessages) {
      this.number = number;
      this.node = node;
      this.link = node.link;
      this.since = since;
      this.forMessages = forMessages;
    }
  }

  int owners = 1;
  boolean isDisconnected = true; // something is to be connected
  @Nullable Channel commands;
  @Nullable Channel messages;
  long messageAt; // the last of the channel for messages
  long availableAt; // the last good answer to PING
  long pendingPingAt; // the first PING that isn't answered, or 0
  long pingAt; // the last PING
  long pongAt; // the last answer to PING, good or bad
  long reconnectAt;
  long lostAt; // the last end of the channel for commands, or 0

  NodeLink(long now) {
    pendingPingAt = now; // whoever can't be connected to is late, too
    availableAt = now;
    pongAt = now;
  }

  int pending() {
    return (commands == null ? 0 : commands.asked.size())
        + (messages == null ? 0 : messages.asked.size());
  }
}
