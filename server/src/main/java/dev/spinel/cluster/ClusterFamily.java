package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Waiting;
import dev.spinel.keyspace.Seat;
import dev.spinel.wire.Args;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// CLUSTER. What only looks is answered from a [ClusterView]; what changes something is asked of
/// the machine, in a stopped world, and is answered once `nodes.conf` says so.
///
/// Inside EXEC nobody can wait for a disk: there such a command is answered as soon as the change
/// holds.
public final class ClusterFamily implements Family {
  private static final int CHANGE = 0,
      COUNT_KEYS = 1,
      GET_KEYS = 2,
      HELP = 3,
      INFO = 4,
      KEYSLOT = 5,
      LINKS = 6,
      MYID = 7,
      MYSHARDID = 8,
      NODES = 9,
      REPLICAS = 10,
      SHARDS = 11,
      SLOTS = 12,
      MIGRATION = 13,
      SYNC_SLOTS = 14;

  private static final CommandError DISABLED =
      new CommandError("ERR This instance has cluster support disabled");
  private static final int WAIT_MILLIS = 60_000;

  private final Config config;
  private @Nullable Cluster cluster; // before the first session
  private @Nullable SlotKeys keys; // likewise

  public ClusterFamily(Config config) {
    this.config = config;
  }

  /// Once they are made, if the cluster is.
  public void of(Cluster made, SlotKeys ofSlots) {
    cluster = made;
    keys = ofSlots;
  }

  private SlotKeys keys() {
    return Objects.requireNonNull(keys);
  }

  private static final String CHANGES = " admin stale no_async_loading global";

  @Override
  public void declare(CommandTable.Builder t) {
    t.container(
        "CLUSTER",
        "cluster 3.0.0",
        "Asks about the cluster and its slots.\nDepends on subcommand.");
    t.command(
        CHANGE,
        "CLUSTER|ADDSLOTS slot:integer...",
        "cluster 3.0.0" + CHANGES,
        "Makes this node the owner of slots that have none.\nO(N), N slots");
    t.command(
        CHANGE,
        "CLUSTER|ADDSLOTSRANGE (range: start-slot:integer end-slot:integer)...",
        "cluster 7.0.0" + CHANGES,
        "Makes this node the owner of ranges of slots that have none.\nO(N), N slots");
    t.command(
        CHANGE,
        "CLUSTER|BUMPEPOCH",
        "cluster 3.0.0" + CHANGES + " nondeterministic_output",
        "Gives this node a newer configuration epoch.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|COUNT-FAILURE-REPORTS node-id",
        "cluster 3.0.0 admin stale global nondeterministic_output",
        "Counts the nodes that report a node as failing.\nO(N), N reports");
    t.command(
        COUNT_KEYS,
        "CLUSTER|COUNTKEYSINSLOT slot:integer",
        "cluster 3.0.0 stale sweeps",
        "Counts the keys of a slot.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|DELSLOTS slot:integer...",
        "cluster 3.0.0" + CHANGES,
        "Has this node forget who owns slots.\nO(N), N slots");
    t.command(
        CHANGE,
        "CLUSTER|DELSLOTSRANGE (range: start-slot:integer end-slot:integer)...",
        "cluster 7.0.0" + CHANGES,
        "Has this node forget who owns ranges of slots.\nO(N), N slots");
    t.command(
        CHANGE,
        "CLUSTER|FAILOVER [options: FORCE | TAKEOVER]",
        "cluster 3.0.0" + CHANGES,
        "Has a replica take over from its primary.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|FLUSHSLOTS",
        "cluster 3.0.0" + CHANGES,
        "Has this node own no slots.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|FORGET node-id",
        "cluster 3.0.0" + CHANGES,
        "Removes a node from this one's cluster.\nO(1)");
    t.command(
        GET_KEYS,
        "CLUSTER|GETKEYSINSLOT slot:integer count:integer",
        "cluster 3.0.0 stale sweeps nondeterministic_output",
        "Lists keys of a slot.\nO(N), N keys asked for");
    t.command(HELP, "CLUSTER|HELP", "cluster 5.0.0 loading stale", "Lists the subcommands.\nO(1)");
    t.command(
        INFO,
        "CLUSTER|INFO",
        "cluster 3.0.0 stale nondeterministic_output",
        "Tells how the cluster is, as this node sees it.\nO(1)");
    t.command(
        KEYSLOT,
        "CLUSTER|KEYSLOT key",
        "cluster 3.0.0 stale",
        "Computes the slot of a key.\nO(N), N the bytes of the key");
    t.command(
        LINKS,
        "CLUSTER|LINKS",
        "cluster 7.0.0 stale nondeterministic_output",
        "Lists the links of the bus.\nO(N), N nodes");
    t.command(
        CHANGE,
        "CLUSTER|MEET ip port:integer [cluster-bus-port:integer]^4.0.0",
        "cluster 3.0.0" + CHANGES,
        """
        Makes this node's cluster and another node's one.
        O(1)
        4.0.0 The port of the bus
        """);
    t.command(
        MIGRATION,
        "CLUSTER|MIGRATION operation [argument...]",
        "cluster 8.4.0 admin stale no_async_loading roams",
        "Moves whole slots to this node, tells how far that is, or cancels it.\nO(N), N slots",
        allBut("STATUS"));
    t.command(
        MYID, "CLUSTER|MYID", "cluster 3.0.0 stale", "Tells the identifier of this node.\nO(1)");
    t.command(
        MYSHARDID,
        "CLUSTER|MYSHARDID",
        "cluster 7.2.0 stale nondeterministic_output",
        "Tells the identifier of this node's shard.\nO(1)");
    t.command(
        NODES,
        "CLUSTER|NODES",
        "cluster 3.0.0 stale nondeterministic_output",
        "Lists the nodes as this one knows them.\nO(N), N nodes");
    t.command(
        REPLICAS,
        "CLUSTER|REPLICAS node-id",
        "cluster 5.0.0 admin stale nondeterministic_output",
        "Lists the replicas of a primary.\nO(N), N replicas");
    t.command(
        CHANGE,
        "CLUSTER|REPLICATE node-id",
        "cluster 3.0.0" + CHANGES,
        "Makes this node a replica of another.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|RESET [reset-type: HARD | SOFT]",
        "cluster 3.0.0 admin noscript stale global",
        "Has this node forget its cluster.\nO(N), N nodes");
    t.command(
        CHANGE,
        "CLUSTER|SAVECONFIG",
        "cluster 3.0.0" + CHANGES,
        "Writes what this node knows of the cluster to its file.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|SET-CONFIG-EPOCH config-epoch:integer",
        "cluster 3.0.0" + CHANGES,
        "Sets the configuration epoch of a new node.\nO(1)");
    t.command(
        CHANGE,
        "CLUSTER|SETSLOT slot:integer (subcommand: IMPORTING importing<node-id> | MIGRATING"
            + " migrating<node-id> | NODE node<node-id> | STABLE)",
        "cluster 3.0.0" + CHANGES,
        "Says whose a slot is, or where it is going.\nO(1)");
    t.command(
        SHARDS,
        "CLUSTER|SHARDS",
        "cluster 7.0.0 loading stale nondeterministic_output",
        "Maps ranges of slots to groups of nodes.\nO(N), N nodes");
    t.command(
        REPLICAS,
        "CLUSTER|SLAVES node-id",
        "cluster 3.0.0 admin stale nondeterministic_output",
        """
        The old name of CLUSTER REPLICAS.
        O(N), N replicas
        deprecated 5.0.0: `CLUSTER REPLICAS`
        """);
    t.command(
        SLOTS,
        "CLUSTER|SLOTS",
        "cluster 3.0.0 loading stale nondeterministic_output",
        """
        Maps ranges of slots to nodes.
        O(N), N nodes
        4.0.0 Identifiers of nodes
        7.0.0 Further ways to reach a node
        deprecated 7.0.0: `CLUSTER SHARDS`
        """);
    t.command(
        SYNC_SLOTS,
        "CLUSTER|SYNCSLOTS argument [argument...]",
        "cluster 8.4.0 admin noscript stale no_async_loading no_multi roams",
        "Asks for the keys of slots that move to another node: for nodes among themselves.\n"
            + "O(N), N keys",
        allBut("ACK"));
  }

  /// A command that has no keys, and runs in a stopped world unless its operation is this one,
  /// which comes often.
  private static Command.KeyFinder allBut(String operation) {
    return new Command.KeyFinder() {
      @Override
      public int find(Args args, int from, int[] out, int @Nullable [] flags) {
        return 0;
      }

      @Override
      public boolean roams(Args args, int from) {
        return !args.at(from + 1).is(operation);
      }
    };
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    Cluster of = cluster;
    if (of == null) {
      throw DISABLED;
    }
    ClusterView view = of.view();
    switch (row) {
      case CHANGE -> change(of, call, reply);
      case MIGRATION -> {
        if (call.is(2, "STATUS")) {
          status(of, view, call, reply);
        } else {
          change(of, call, reply);
        }
      }
      case SYNC_SLOTS -> syncSlots(of, call);
      case HELP -> Help.reply(call, reply);
      case COUNT_KEYS -> {
        long slot = call.integer(2);
        if (slot < 0 || slot >= SlotSet.SLOTS) {
          throw new CommandError("ERR Invalid slot");
        }
        boolean isHidden = view.hidden().contains((int) slot); // keys that nobody is served
        reply.integer(isHidden ? 0 : keys().count(call.seat(), (int) slot));
      }
      case GET_KEYS -> getKeys(view, call, reply);
      case INFO -> text(reply, view.infoText());
      case KEYSLOT -> reply.integer(KeySlot.of(call.arg(2)));
      case LINKS -> links(view, reply);
      case MYID -> reply.bulk(view.myself().id());
      case MYSHARDID -> reply.bulk(view.myself().shard());
      case NODES -> text(reply, view.nodesText(wantsOtherPort(call)));
      case REPLICAS -> replicas(view, call, wantsOtherPort(call), reply);
      case SHARDS -> shards(of, view, reply);
      case SLOTS -> slots(of, view, wantsOtherPort(call), reply);
      default -> throw new AssertionError(row);
    }
  }

  /// Whether the client is of the kind, with or without TLS, that the bus isn't.
  private boolean wantsOtherPort(Call call) {
    return call.session().outlet.isEncrypted() != config.get(Settings.TLS_CLUSTER);
  }

  private static void text(Reply reply, String text) {
    reply.verbatim("txt", text.getBytes(StandardCharsets.ISO_8859_1));
  }

  // ── changes ──

  /// A reply that comes once `nodes.conf` is written. The command doesn't run again: by then a new
  /// replica may be loading, which its gates would refuse.
  private static final class Written implements Condition, Cluster.Answer {
    private final Cluster cluster;
    private volatile @Nullable String text;
    private @Nullable Waiting call; // this object's monitor
    private @Nullable Runnable write; // the session's thread

    Written(Cluster cluster) {
      this.cluster = cluster;
    }

    @Override
    public void is(String reply) {
      Waiting waits;
      synchronized (this) {
        text = reply;
        waits = call;
        call = null;
      }
      if (waits != null) {
        waits.finish();
      }
    }

    @Override
    public void saves(Runnable writing) {
      write = writing;
    }

    @Override
    public void worldGoesOn() {
      Runnable own = write;
      write = null;
      if (own != null) {
        own.run();
      }
    }

    @Override
    public void over(Seat seat) {
      writeLater(); // there was no memory to keep the waiting call
    }

    /// The call doesn't wait.
    void writeLater() {
      Runnable own = write;
      write = null;
      if (own != null) {
        cluster.writeLater(own);
      }
    }

    @Override
    public void begin(Waiting waiting) {
      synchronized (this) {
        if (text == null) {
          call = waiting;
          return;
        }
      }
      waiting.finish();
    }

    @Override
    public synchronized void end(Waiting waiting) {
      call = null;
    }

    @Override
    public void timedOut(Reply reply) {
      String known = text;
      if (known == null) {
        reply.error("ERR the change holds, but isn't in the cluster's file yet");
      } else {
        answer(reply, known);
      }
    }

    @Override
    public boolean isAskedFor() {
      return false;
    }
  }

  private static void change(Cluster cluster, Call call, Reply reply) {
    List<String> arguments = new ArrayList<>(call.argc() - 1);
    for (int i = 1; i < call.argc(); i++) {
      arguments.add(call.text(i));
    }
    Written written = new Written(cluster);
    cluster.ask(arguments, call.dispatcher(), written);
    String text = written.text;
    if (text == null && call.await(written, WAIT_MILLIS)) {
      return;
    }
    written.writeLater();
    if (text != null && text.startsWith("-")) {
      throw new CommandError(text.substring(1, text.length() - 2));
    }
    if (text != null) {
      answer(reply, text);
    } else {
      reply.ok();
    }
  }

  /// A reply of one line, or one bulk string, as RESP has it.
  private static void answer(Reply reply, String line) {
    if (line.charAt(0) == '$') {
      reply.bulk(line.substring(line.indexOf('\n') + 1, line.length() - 2));
      return;
    }
    String text = line.substring(1, line.length() - 2);
    switch (line.charAt(0)) {
      case '+' -> reply.simple(text);
      case '-' -> reply.error(text);
      case ':' -> reply.integer(Long.parseLong(text));
      default -> throw new AssertionError(line);
    }
  }

  // ── slots that move whole ──

  private static void syncSlots(Cluster cluster, Call call) {
    if (call.is(2, "ACK")) {
      if (call.argc() == 4) {
        cluster.applied(call.session(), call.integer(3));
      }
      return; // nobody waits for a reply
    }
    if (call.session().isReplica || call.argc() < 6 || call.argc() % 2 != 0) {
      throw CommandError.SYNTAX;
    }
    List<String> arguments = new ArrayList<>(call.argc() - 1);
    for (int i = 1; i < call.argc(); i++) {
      arguments.add(call.text(i));
    }
    String refused = cluster.send(arguments, call.session(), call.dispatcher());
    if (refused != null) {
      throw new CommandError(refused.substring(1, refused.length() - 2));
    }
  }

  /// CLUSTER MIGRATION STATUS [ID id | ALL].
  private static void status(Cluster cluster, ClusterView view, Call call, Reply reply) {
    List<MoveView> moves = view.moves();
    if (call.argc() == 5 && call.is(3, "ID")) {
      String id = call.text(4);
      moves = moves.stream().filter(move -> move.id().equals(id) || move.job().equals(id)).toList();
    } else if (call.argc() != 3 && !(call.argc() == 4 && call.is(3, "ALL"))) {
      throw CommandError.SYNTAX;
    }
    reply.array(moves.size());
    for (MoveView move : moves) {
      reply.map(11);
      text(reply, "id", move.id());
      text(reply, "slots", move.slots());
      text(reply, "source", move.source());
      text(reply, "dest", move.target());
      text(reply, "operation", move.isImport() ? "import" : "migrate");
      text(reply, "state", move.state());
      text(reply, "last_error", move.error());
      number(reply, "create_time", move.created());
      number(reply, "end_time", move.ended());
      number(reply, "write_pause_ms", move.pauseMillis());
      number(reply, "moved_bytes", cluster.movedBytes(move.id()));
    }
  }

  private static void text(Reply reply, String name, String value) {
    reply.bulk(name);
    reply.bulk(value);
  }

  private static void number(Reply reply, String name, long value) {
    reply.bulk(name);
    reply.integer(value);
  }

  // ── keys ──

  private void getKeys(ClusterView view, Call call, Reply reply) {
    long slot = call.integer(2);
    long count = call.integer(3);
    if (slot < 0 || slot >= SlotSet.SLOTS || count < 0) {
      throw new CommandError("ERR Invalid slot or number of keys");
    }
    boolean isHidden = view.hidden().contains((int) slot);
    List<byte[]> names = keys().some(call, (int) slot, isHidden ? 0 : count);
    call.session().toldKeys =
        view.migratingTo((int) slot) == null
            ? 0
            : SlotKeys.hash(call.values().dictionary(), names.stream().map(Slice::new));
    reply.array(names.size());
    names.forEach(reply::bulk);
  }

  // ── nodes ──

  private static void links(ClusterView view, Reply reply) {
    List<ClusterView.LinkView> links = view.links();
    reply.array(links.size());
    for (ClusterView.LinkView link : links) {
      reply.map(6);
      reply.bulk("direction");
      reply.bulk(link.inbound() ? "from" : "to");
      reply.bulk("node");
      reply.bulk(link.node());
      reply.bulk("create-time");
      reply.integer(link.created());
      reply.bulk("events");
      reply.bulk(link.waiting() > 0 ? "rw" : "r");
      reply.bulk("send-buffer-allocated");
      reply.integer(link.waiting());
      reply.bulk("send-buffer-used");
      reply.integer(link.waiting());
    }
  }

  private static void replicas(ClusterView view, Call call, boolean otherPort, Reply reply) {
    String id = call.text(2);
    NodeView node = view.node(id);
    if (node == null) {
      throw new CommandError("ERR Unknown node " + id);
    }
    if (node.isReplica()) {
      throw new CommandError("ERR The specified node is not a master");
    }
    List<NodeView> replicas = view.replicasOf(id);
    reply.array(replicas.size());
    for (NodeView replica : replicas) {
      reply.bulk(view.line(replica, otherPort));
    }
  }

  /// How clients are told to reach a node.
  private String endpointType() {
    return config.get(Settings.CLUSTER_PREFERRED_ENDPOINT_TYPE);
  }

  private static long offset(Cluster cluster, NodeView node) {
    return node.isMyself() ? cluster.offset() : node.offset();
  }

  private void slots(Cluster cluster, ClusterView view, boolean otherPort, Reply reply) {
    List<ClusterView.Range> ranges = view.ranges();
    reply.array(ranges.size());
    for (ClusterView.Range range : ranges) {
      List<NodeView> replicas =
          view.replicasOf(range.owner().id()).stream()
              .filter(node -> !node.hasFailed() && offset(cluster, node) > 0)
              .toList();
      reply.array(3 + replicas.size());
      reply.integer(range.first());
      reply.integer(range.last());
      node(range.owner(), otherPort, reply);
      replicas.forEach(replica -> node(replica, otherPort, reply));
    }
  }

  private void node(NodeView node, boolean otherPort, Reply reply) {
    String type = endpointType();
    boolean tellsIp = !type.equals("ip");
    boolean tellsHostname = !type.equals("hostname") && !node.hostname().isEmpty();
    reply.array(4);
    switch (type) {
      case "ip" -> reply.bulk(node.ip());
      case "hostname" -> reply.bulk(node.hostname().isEmpty() ? "?" : node.hostname());
      default -> reply.nil();
    }
    reply.integer(node.port(otherPort));
    reply.bulk(node.id());
    reply.map((tellsIp ? 1 : 0) + (tellsHostname ? 1 : 0));
    if (tellsIp) {
      reply.bulk("ip");
      reply.bulk(node.ip());
    }
    if (tellsHostname) {
      reply.bulk("hostname");
      reply.bulk(node.hostname());
    }
  }

  private void shards(Cluster cluster, ClusterView view, Reply reply) {
    List<ClusterView.ShardView> shards = view.shards();
    reply.array(shards.size());
    for (ClusterView.ShardView shard : shards) {
      reply.map(2);
      reply.bulk("slots");
      reply.array(shard.slots().size());
      shard.slots().forEach(reply::integer);
      reply.bulk("nodes");
      reply.array(shard.nodes().size());
      for (NodeView node : shard.nodes()) {
        member(cluster, node, reply);
      }
    }
  }

  private void member(Cluster cluster, NodeView node, Reply reply) {
    boolean hasHostname = !node.hostname().isEmpty();
    boolean encrypted = config.get(Settings.TLS_CLUSTER);
    int plain = encrypted ? node.otherPort() : node.port();
    int secure = encrypted ? node.port() : node.otherPort();
    reply.map(6 + (hasHostname ? 1 : 0) + (plain != 0 ? 1 : 0) + (secure != 0 ? 1 : 0));
    reply.bulk("id");
    reply.bulk(node.id());
    if (plain != 0) {
      reply.bulk("port");
      reply.integer(plain);
    }
    if (secure != 0) {
      reply.bulk("tls-port");
      reply.integer(secure);
    }
    reply.bulk("ip");
    reply.bulk(node.ip());
    reply.bulk("endpoint");
    reply.bulk(
        switch (endpointType()) {
          case "ip" -> node.ip();
          case "hostname" -> hasHostname ? node.hostname() : "?";
          default -> "";
        });
    if (hasHostname) {
      reply.bulk("hostname");
      reply.bulk(node.hostname());
    }
    long offset = offset(cluster, node);
    reply.bulk("role");
    reply.bulk(node.isReplica() ? "replica" : "master");
    reply.bulk("replication-offset");
    reply.integer(offset);
    reply.bulk("health");
    reply.bulk(node.hasFailed() ? "fail" : node.isReplica() && offset == 0 ? "loading" : "online");
  }
}
