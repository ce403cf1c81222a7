package dev.spinel.sentinel;

import dev.spinel.sentinel.NodeLink.Channel;
import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The connections to servers and Sentinels: what is asked over them, and when.
final class SentinelLinks {
  private static final int PENDING_MAX = 100;

  /// How often INFO is asked of those whose change a failover waits for.
  private static final long HASTE = 50;

  private final SentinelMachine machine;
  private final Map<Integer, Channel> channels = new HashMap<>();
  private int last;

  SentinelLinks(SentinelMachine machine) {
    this.machine = machine;
  }

  // ── connecting ──

  void connect(WatchedNode node) {
    NodeLink link = node.link;
    long now = machine.now();
    if (!link.isDisconnected
        || node.address.port() == 0
        || Math.abs(now - link.reconnectAt) < machine.periods.ping) {
      return;
    }
    link.reconnectAt = now;
    if (link.commands == null) {
      if (machine.settings.resolvesNames) {
        SentinelAddress again =
            machine.addressOrNull(node.address.host(), node.address.port(), false);
        if (again != null) {
          node.address = again;
        }
      }
      Channel channel = dial(node, false);
      link.commands = channel;
      authenticate(node, channel);
      ask(channel, null, command(node, "CLIENT"), "SETNAME", clientName("cmd"));
      ping(node);
    }
    if (node instanceof WatchedServer && link.messages == null) {
      Channel channel = dial(node, true);
      link.messages = channel;
      authenticate(node, channel);
      ask(channel, null, command(node, "CLIENT"), "SETNAME", clientName("pubsub"));
      machine.act(
          new SentinelAction.Subscribe(
              channel.number, List.of(command(node, "SUBSCRIBE"), Hello.CHANNEL)));
    }
    link.isDisconnected = false;
  }

  private Channel dial(WatchedNode node, boolean forMessages) {
    Channel channel = new Channel(++last, node, machine.now(), forMessages);
    channels.put(channel.number, channel);
    machine.act(new SentinelAction.Dial(channel.number, node.address.toDial(), forMessages));
    return channel;
  }

  private String clientName(String kind) {
    return "sentinel-" + machine.id.substring(0, Math.min(8, machine.id.length())) + "-" + kind;
  }

  private void authenticate(WatchedNode node, Channel channel) {
    String user = node.primary().user;
    String password = node.primary().password;
    if (node instanceof FellowSentinel) {
      SentinelSettings settings = machine.settings;
      boolean own = !settings.password.isEmpty();
      user = own ? settings.user : "";
      password = own ? settings.password : settings.requirepass;
    }
    if (!password.isEmpty()) {
      if (user.isEmpty()) {
        ask(channel, null, command(node, "AUTH"), password);
      } else {
        ask(channel, null, command(node, "AUTH"), user, password);
      }
    }
  }

  private static String command(WatchedNode node, String name) {
    return node.primary().command(name);
  }

  // ── asking ──

  private void ask(Channel channel, @Nullable Consumer<RespValue> answer, String... arguments) {
    channel.asked.add(answer == null ? reply -> {} : answer);
    machine.act(new SentinelAction.Ask(channel.number, List.of(arguments)));
  }

  /// Asks a node. Its name of the command is used. Returns false if there is no connection.
  boolean ask(WatchedNode node, @Nullable Consumer<RespValue> answer, String name, String... rest) {
    Channel channel = node.link.commands;
    if (channel == null) {
      return false;
    }
    List<String> words = new ArrayList<>();
    words.add(command(node, name));
    words.addAll(List.of(rest));
    Consumer<RespValue> told =
        answer == null
            ? null
            : reply -> {
              if (!node.isGone) {
                answer.accept(reply);
              }
            };
    ask(channel, told, words.toArray(new String[0]));
    return true;
  }

  void ping(WatchedNode node) {
    if (ask(node, reply -> pong(node, reply), "PING")) {
      NodeLink link = node.link;
      link.pingAt = machine.now();
      if (link.pendingPingAt == 0) {
        link.pendingPingAt = link.pingAt;
      }
    }
  }

  private void pong(WatchedNode node, RespValue reply) {
    NodeLink link = node.link;
    if (reply instanceof RespValue.Simple || reply instanceof RespValue.Error) {
      String text = String.valueOf(reply.text());
      if (text.startsWith("PONG") || text.startsWith("LOADING") || text.startsWith("MASTERDOWN")) {
        link.availableAt = machine.now();
        link.pendingPingAt = 0;
        if (node instanceof WatchedServer server && text.startsWith("PONG")) {
          server.rebooted = false;
        }
      } else if (text.startsWith("BUSY") && node.isDown && !node.scriptKillSent) {
        ask(node, null, "SCRIPT", "KILL");
        node.scriptKillSent = true;
      }
    }
    link.pongAt = machine.now();
  }

  void askPeriodically(WatchedNode node) {
    NodeLink link = node.link;
    if (link.isDisconnected || link.pending() >= PENDING_MAX * link.owners) {
      return;
    }
    long now = machine.now();
    if (node instanceof WatchedServer server
        && (!isKnown(server) || now - server.infoAt > infoPeriod(server))) {
      info(server);
    }
    long period = Math.min(node.downAfter, machine.periods.ping);
    if (now - link.pongAt > period && now - link.pingAt > period / 2) {
      ping(node);
    }
    if (now - node.publishedAt > machine.periods.publish) {
      hello(node);
    }
  }

  /// Asks what a server says of itself, unless the answer is on its way.
  void info(WatchedServer server) {
    if (!server.infoAsked) {
      infoAnew(server);
    }
  }

  /// The same, also if an answer is on its way: it may be older than this moment.
  void infoAnew(WatchedServer server) {
    @Nullable Channel over = server.link.commands;
    long at = machine.now();
    server.infoAskedAt = at;
    server.infoAsked =
        ask(
            server,
            reply -> {
              server.infoAsked &= server.infoAskedAt != at;
              if (reply instanceof RespValue.Bulk || reply instanceof RespValue.Verbatim) {
                server.infoOver = over;
                server.infoOf = at;
                machine.reports.take(server, String.valueOf(reply.text()));
              }
            },
            "INFO");
  }

  private long infoPeriod(WatchedServer server) {
    WatchedPrimary primary = server.primary();
    if (!(server instanceof WatchedReplica replica)) {
      return machine.periods.info;
    }
    boolean awaited =
        (replica.isPromoted && primary.state == WatchedPrimary.FailoverState.WAIT_PROMOTION)
            || replica.reconfiguration == WatchedReplica.Reconfiguration.SENT
            || replica.reconfiguration == WatchedReplica.Reconfiguration.IN_PROGRESS;
    if (awaited) {
      return Math.min(HASTE, machine.periods.info);
    }
    boolean matters =
        primary.isDown
            || primary.isAgreedDown
            || primary.isFailingOver()
            || replica.reportsPrimary // soon it will be made a replica, or a hello explains it
            || replica.linkDownMillis != 0;
    return matters ? Math.min(1000, machine.periods.info) : machine.periods.info;
  }

  // ── hellos ──

  void hello(WatchedNode node) {
    Channel channel = node.link.commands;
    WatchedPrimary primary = node.primary();
    if (node.link.isDisconnected || channel == null) {
      return;
    }
    SentinelSettings settings = machine.settings;
    String own = settings.announceIp.isEmpty() ? channel.localHost : settings.announceIp;
    if (own == null || own.isEmpty()) {
      return; // not connected yet, so nobody knows by what address we are reached
    }
    SentinelAddress at = primary.currentAddress();
    Hello hello =
        new Hello(
            own,
            settings.announcePort != 0 ? settings.announcePort : settings.port,
            machine.id,
            machine.epoch,
            primary.name,
            machine.shown(at),
            at.port(),
            primary.configEpoch);
    ask(
        node,
        reply -> {
          if (!(reply instanceof RespValue.Error)) {
            node.publishedAt = machine.now();
          }
        },
        "PUBLISH",
        Hello.CHANNEL,
        hello.text());
  }

  /// Tells everybody around a primary at once.
  void helloToAll(WatchedPrimary primary) {
    hello(primary);
    primary.sentinels.values().forEach(this::hello);
    primary.replicas.values().forEach(this::hello);
  }

  // ── SLAVEOF ──

  /// Whether the server has said over the present connection who it is: at its address may be
  /// another one than before.
  static boolean isKnown(WatchedServer server) {
    return server.infoOver != null && server.infoOver == server.link.commands;
  }

  /// Makes a server a replica of an address, or a primary (null), as one transaction that also
  /// writes its configuration and makes its clients ask for the primary anew. Returns false if it
  /// can't be sent, or if it isn't known who is at the other end.
  boolean slaveOf(WatchedServer server, @Nullable SentinelAddress of) {
    if (!isKnown(server)) {
      return false;
    }
    String host = of == null ? "NO" : machine.shown(of);
    String port = of == null ? "ONE" : Integer.toString(of.port());
    ask(server, null, "MULTI");
    ask(server, null, "SLAVEOF", host, port);
    settleAndExecute(server);
    return true;
  }

  /// Has a server write its configuration and end its clients: its role has changed otherwise.
  void settle(WatchedServer server) {
    if (ask(server, null, "MULTI")) {
      settleAndExecute(server);
    }
  }

  private void settleAndExecute(WatchedServer server) {
    ask(server, null, "CONFIG", "REWRITE");
    ask(server, null, "CLIENT", "KILL", "TYPE", "normal");
    ask(server, null, "CLIENT", "KILL", "TYPE", "pubsub");
    ask(
        server,
        reply -> infoAnew(server), // it says at once what has become of it
        "EXEC");
  }

  // ── what is told of connections ──

  void connected(int number, String localHost) {
    Channel channel = channels.get(number);
    if (channel != null) {
      channel.localHost = localHost;
      channel.link.messageAt = channel.forMessages ? machine.now() : channel.link.messageAt;
    }
  }

  void replied(int number, RespValue reply) {
    Channel channel = channels.get(number);
    Consumer<RespValue> answer = channel == null ? null : channel.asked.poll();
    if (answer != null) {
      answer.accept(reply);
    }
  }

  void message(int number, RespValue message) {
    Channel channel = channels.get(number);
    if (channel == null) {
      return;
    }
    channel.link.messageAt = machine.now();
    List<RespValue> parts = message.elements();
    if (parts.size() == 3
        && parts.get(2) instanceof RespValue.Bulk text
        && "message".equals(parts.get(0).text())) {
      String hello = String.valueOf(text.text());
      if (!hello.contains(machine.id)) {
        machine.hellos.take(hello);
      }
    }
  }

  void ended(int number, String reason) {
    Channel channel = channels.get(number);
    if (channel != null && channel.localHost == null && !channel.node.isGone) {
      String kind = channel.forMessages ? "pubsub" : "cmd";
      machine.event(Level.DEBUG, "-" + kind + "-link-reconnection", channel.node, " #" + reason);
    }
    ended(number);
  }

  private void ended(int number) {
    Channel channel = channels.remove(number);
    if (channel == null) {
      return;
    }
    NodeLink link = channel.link;
    if (link.commands == channel) {
      link.commands = null;
      link.lostAt = machine.now();
      forgetAsked(link);
    }
    if (link.messages == channel) {
      link.messages = null;
    }
    link.isDisconnected = true;
  }

  /// INFO that was asked over a link that has ended is never answered.
  private void forgetAsked(NodeLink link) {
    for (WatchedPrimary primary : machine.primaries.values()) {
      if (primary.link == link) {
        primary.infoAsked = false;
        machine.failover.giveUpCoordinated(primary, "ERR The connection to the master was lost");
      }
      for (WatchedReplica replica : primary.replicas.values()) {
        if (replica.link == link) {
          replica.infoAsked = false;
        }
      }
    }
  }

  // ── ending ──

  void hangUp(NodeLink link) {
    hangUpCommands(link);
    hangUpMessages(link);
  }

  void hangUpCommands(NodeLink link) {
    hangUp(link.commands);
  }

  void hangUpMessages(NodeLink link) {
    hangUp(link.messages);
  }

  private void hangUp(@Nullable Channel channel) {
    if (channel != null) {
      machine.act(new SentinelAction.HangUp(channel.number));
      ended(channel.number);
    }
  }

  void release(WatchedNode node) {
    NodeLink link = node.link;
    link.owners--;
    if (link.owners == 0) {
      hangUp(link);
    }
  }

  /// Takes one more owner for the link of a Sentinel that another primary knows, or null.
  @Nullable NodeLink shared(WatchedPrimary primary, String runId) {
    for (WatchedPrimary other : machine.primaries.values()) {
      FellowSentinel same = other == primary ? null : other.sentinels.get(runId);
      if (same != null) {
        same.link.owners++;
        return same.link;
      }
    }
    return null;
  }

  /// Ends the connections to all other Sentinels: their password has changed.
  void dropSentinels() {
    for (WatchedPrimary primary : machine.primaries.values()) {
      for (FellowSentinel sentinel : primary.sentinels.values()) {
        hangUp(sentinel.link);
      }
    }
  }

  /// Ends the connections to a primary and its replicas: their password has changed.
  void dropServers(WatchedPrimary primary) {
    hangUp(primary.link);
    primary.replicas.values().forEach(replica -> hangUp(replica.link));
  }
}
