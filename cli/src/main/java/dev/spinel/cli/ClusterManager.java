package dev.spinel.cli;

import dev.spinel.cli.SlotMover.Way;
import dev.spinel.cli.cluster.Creation;
import dev.spinel.cli.cluster.HostPort;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.Moves;
import dev.spinel.wire.Client;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// `--cluster`: makes, checks, mends, changes clusters, with redis-cli's dialogues and words.
///
/// What is to be done is decided in [dev.spinel.cli.cluster]; here nodes are asked, the user is
/// told and asked, and it is carried out.
final class ClusterManager {
  private static final int NODE_TIMEOUT_LEAST_MILLIS = 100;
  private static final int FEWEST_PRIMARIES = 3;
  private static final int MOST_DIGITS = 5; // of a number of slots; what follows isn't looked at
  private static final String BAD_ADDRESS =
      "[ERR] Invalid arguments: you need to pass either a valid address (ie. 120.0.0.1:7000) or"
          + " space separated IP and port (ie. 120.0.0.1 7000)";

  private final Screen screen;
  private final Options all;
  private final ClusterOptions options;
  final ClusterLog log;
  final ClusterView view;
  final Membership membership;
  final SlotMover mover;
  final WholeMover whole;
  private final SplittableRandom random = new SplittableRandom();
  private final boolean fixes;

  ClusterManager(Screen screen, Options options) {
    this(options, new ClusterLog(screen, options.cluster.colours));
  }

  ClusterManager(Options options, ClusterLog log) {
    this.screen = log.screen;
    this.all = options;
    this.options = options.cluster;
    this.log = log;
    this.view = new ClusterView(log, options);
    this.membership = new Membership(view, log);
    this.fixes = "fix".equals(options.cluster.command);
    this.mover = new SlotMover(view, log, options, fixes);
    this.whole = new WholeMover(this.options);
  }

  /// A subcommand's arguments: as many as `arity`, or at least -`arity`; 0 takes any number.
  private record Subcommand(String name, int arity, String arguments, String... options) {}

  private static final String ANY_NODE =
      "<host:port> or <host> <port> - separated by either colon or space";

  private static final List<Subcommand> SUBCOMMANDS =
      List.of(
          new Subcommand("create", -2, "host1:port1 ... hostN:portN", "replicas <arg>"),
          new Subcommand("check", -1, ANY_NODE, "search-multiple-owners"),
          new Subcommand("info", -1, ANY_NODE),
          new Subcommand(
              "fix", -1, ANY_NODE, "search-multiple-owners", "fix-with-unreachable-masters"),
          new Subcommand(
              "reshard",
              -1,
              ANY_NODE,
              "from <arg>",
              "to <arg>",
              "slots <arg>",
              "yes",
              "timeout <arg>",
              "pipeline <arg>",
              "replace"),
          new Subcommand(
              "rebalance",
              -1,
              ANY_NODE,
              "weight <node1=w1...nodeN=wN>",
              "use-empty-masters",
              "timeout <arg>",
              "simulate",
              "pipeline <arg>",
              "threshold <arg>",
              "replace"),
          new Subcommand(
              "add-node",
              2,
              "new_host:new_port existing_host:existing_port",
              "slave",
              "master-id <arg>"),
          new Subcommand("del-node", 2, "host:port node_id"),
          new Subcommand(
              "call", -2, "host:port command arg arg .. arg", "only-masters", "only-replicas"),
          new Subcommand("set-timeout", 2, "host:port milliseconds"),
          new Subcommand(
              "import",
              1,
              "host:port",
              "from <arg>",
              "from-user <arg>",
              "from-pass <arg>",
              "from-askpass",
              "copy",
              "replace"),
          new Subcommand("backup", 2, "host:port backup_directory"),
          new Subcommand("help", 0, ""));

  /// Carries the subcommand out; answers the exit status.
  int run() throws IOException {
    List<String> arguments = options.arguments;
    for (Subcommand s : SUBCOMMANDS) {
      if (!s.name.equals(options.command)) continue;
      int n = arguments.size();
      if (s.arity > 0 && n != s.arity || s.arity < 0 && n < -s.arity) {
        screen.errLine("[ERR] Wrong number of arguments for specified --cluster sub command");
        return 1;
      }
      boolean done =
          switch (s.name) {
            case "create" -> create(arguments);
            case "check", "fix" -> check(arguments);
            case "info" -> info(arguments);
            case "reshard" -> reshard(arguments);
            case "rebalance" -> rebalance(arguments);
            case "add-node" -> addNode(arguments);
            case "del-node" -> deleteNode(arguments);
            case "call" -> call(arguments);
            case "set-timeout" -> setTimeout(arguments);
            case "import" -> importKeys(arguments);
            case "backup" -> backup(arguments);
            default -> help();
          };
      return done ? 0 : 1;
    }
    screen.errLine("Unknown --cluster subcommand");
    return 1;
  }

  // ── Addresses, questions ──

  /// `host:port`, or `host` and `port`; null if it is neither, which is said.
  private @Nullable HostPort address(List<String> arguments) {
    HostPort at = HostPort.parse(arguments.get(0));
    if (arguments.size() > 1) {
      at = new HostPort(arguments.get(0), Figures.atoi(arguments.get(1)), 0);
    }
    if (at != null && at.port() != 0) return at;
    screen.errLine(BAD_ADDRESS);
    return null;
  }

  /// Loads the cluster that a node belongs to; null if that fails, which is said.
  private @Nullable Peer load(List<String> arguments) {
    HostPort at = address(arguments);
    if (at == null) return null;
    Peer first = view.peer(at.host(), at.port());
    return view.load(first) ? first : null;
  }

  boolean checkCluster(boolean quiet) throws IOException {
    return new ClusterCheck(view, log, all, mover, fixes, random).run(quiet);
  }

  private boolean confirmsUnlessYes(String question) throws IOException {
    return options.yes || confirms(screen, question);
  }

  static boolean confirms(Screen screen, String question) throws IOException {
    screen.out(question + " (type 'yes' to accept): ");
    screen.flush();
    String answer = screen.readLine();
    return answer != null && answer.startsWith("yes");
  }

  /// A line of the user; the end of the input ends the program.
  private String answer(String question) throws IOException {
    screen.out(question);
    screen.flush();
    String line = screen.readLine();
    if (line == null) throw new Exit(1);
    return line;
  }

  // ── create ──

  private boolean create(List<String> addresses) throws IOException {
    for (String address : addresses) {
      HostPort at = HostPort.parse(address);
      if (at == null) {
        screen.errLine("Invalid address format: " + address);
        return false;
      }
      Peer peer = view.peer(at.host(), at.port());
      if (!peer.connect() || !view.isClusterNode(peer) || !view.loadNode(peer, false)) return false;
      if (!view.isEmpty(peer)) return false;
      view.peers.add(peer);
    }
    int nodes = view.peers.size();
    if (Creation.primaries(nodes, options.replicas) < FEWEST_PRIMARIES) {
      log.error(
          "*** ERROR: Invalid configuration for cluster creation.\n"
              + "*** Redis Cluster requires at least 3 master nodes.\n"
              + "*** This is not possible with "
              + nodes
              + " nodes and "
              + options.replicas
              + " replicas per node.");
      int least = FEWEST_PRIMARIES * (options.replicas + 1);
      log.error("\n*** At least " + least + " nodes are required.\n");
      return false;
    }
    plan(nodes);
    view.showNodes();
    if (!confirmsUnlessYes("Can I set the above configuration?")) return true;
    return carryOut();
  }

  private void plan(int nodes) {
    log.info(">>> Performing hash slots allocation on " + nodes + " nodes...\n");
    Creation creation = new Creation(view.nodes(), options.replicas);
    for (Creation.Step step : creation.plan()) {
      log.plain(
          switch (step) {
            case Creation.Step.Slots s ->
                "Master[" + s.primary() + "] -> Slots " + s.from() + " - " + s.to() + "\n";
            case Creation.Step.Replica r ->
                "Adding replica " + r.replica().address() + " to " + r.primary().address() + "\n";
            case Creation.Step.Extra _ -> "Adding extra replicas...\n";
          });
    }
    if (!creation.hasAffinity()) return;
    log.info(">>> Trying to optimize slaves allocation for anti-affinity\n");
    switch (creation.separate(random)) {
      case FINE, PERFECT -> log.success("[OK] Perfect anti-affinity obtained!\n");
      case REPLICA_WITH_PRIMARY ->
          log.warning("[WARNING] Some slaves are in the same host as their master\n");
      case REPLICAS_TOGETHER ->
          log.warning("[WARNING] Some slaves of the same master are in the same host\n");
    }
  }

  private boolean carryOut() throws IOException {
    for (Peer p : view.peers) if (!configure(p) && p.node.primaryId == null) return false;
    log.info(">>> Nodes configuration updated\n");
    log.info(">>> Assign a different config epoch to each node\n");
    int epoch = 1;
    for (Peer p : view.peers) p.ask("cluster", "set-config-epoch", Integer.toString(epoch++));
    log.info(">>> Sending CLUSTER MEET messages to join the cluster\n");
    Peer first = view.peers.get(0);
    String ip = membership.resolve(first.node.host);
    if (ip == null) return false;
    for (Peer p : view.peers.subList(1, view.peers.size())) {
      RespValue reply = Membership.meet(p, ip, first.node);
      if (reply == null) screen.errLine("Failed to send CLUSTER MEET command.");
      if (!p.succeeds(reply)) return false;
    }
    screen.flush();
    Shell.pause(Sampler.SECOND_MICROS); // until they know of each other all agree on nothing
    view.awaitAgreement();
    for (Peer p : view.peers) {
      if (p.node.changed && !configure(p) && p.node.primaryId == null) return false;
    }
    for (Peer p : view.peers.subList(1, view.peers.size())) p.close();
    if (!view.load(new Peer(new ManagedNode(first.node.host, first.node.port), log, all))) {
      return false;
    }
    checkCluster(false);
    return true;
  }

  /// Tells a node its slots or its primary, once. A replica may not know its primary yet: false,
  /// and it is told again later.
  private boolean configure(Peer p) {
    if (!p.node.changed) return false;
    String primaryId = p.node.primaryId;
    if (primaryId != null) {
      RespValue reply = p.ask("CLUSTER", "REPLICATE", primaryId);
      if (reply == null || reply.isError()) return false;
      p.node.changed = false;
      return true;
    }
    List<String> command = new ArrayList<>(List.of("CLUSTER", "ADDSLOTS"));
    p.node.slots.stream().forEach(slot -> command.add(Integer.toString(slot)));
    boolean done = p.succeeds(p.ask(command.toArray(new String[0])));
    p.node.changed = false;
    return done;
  }

  // ── check, fix, info ──

  private boolean check(List<String> arguments) throws IOException {
    if (load(arguments) == null) return false;
    view.showSummary();
    return checkCluster(false);
  }

  private boolean info(List<String> arguments) {
    if (load(arguments) == null) return false;
    view.showSummary();
    return true;
  }

  // ── add-node, del-node ──

  private boolean addNode(List<String> arguments) throws IOException {
    HostPort existing = address(arguments.subList(1, 2));
    if (existing == null) return false;
    HostPort added = address(arguments.subList(0, 1));
    if (added == null) return false;
    Peer fresh = view.peer(added.host(), added.port());
    String name = fresh.node.address();
    log.info(
        ">>> Adding node "
            + name
            + " to cluster "
            + existing.host()
            + ":"
            + existing.port()
            + "\n");
    Peer first = view.peer(existing.host(), existing.port());
    if (!view.load(first) || !checkCluster(false)) return false;
    Peer primary = null;
    if (options.slave) {
      primary = primaryOfNew();
      if (primary == null) return false;
    }
    if (!fresh.connect()) {
      log.error("[ERR] Sorry, can't connect to node " + name + "\n");
      return false;
    }
    if (!view.isClusterNode(fresh) || !view.loadNode(fresh, false) || !view.isEmpty(fresh)) {
      return false;
    }
    view.peers.add(fresh);
    if (primary == null && !membership.copyFunctions(first, fresh)) return false;
    log.info(">>> Send CLUSTER MEET to node " + name + " to make it join the cluster.\n");
    if (!membership.introduce(fresh, first)) return false;
    if (primary != null) {
      screen.flush();
      Shell.pause(Sampler.SECOND_MICROS);
      view.awaitAgreement();
      log.info(">>> Configure node as replica of " + primary.node.address() + ".\n");
      if (!fresh.succeeds(fresh.ask("CLUSTER", "REPLICATE", primary.node.id))) return false;
    }
    log.success("[OK] New node added correctly.\n");
    return true;
  }

  private @Nullable Peer primaryOfNew() {
    if (options.masterId != null) {
      Peer named = view.byId(options.masterId);
      if (named == null) log.error("[ERR] No such master ID " + options.masterId + "\n");
      return named;
    }
    Peer chosen = view.withFewestReplicas();
    if (chosen != null) {
      log.plain("Automatically selected master " + chosen.node.address() + "\n");
    }
    return chosen;
  }

  private boolean deleteNode(List<String> arguments) {
    HostPort at = address(arguments.subList(0, 1));
    if (at == null) return false;
    String id = arguments.get(1);
    log.info(">>> Removing node " + id + " from cluster " + at.host() + ":" + at.port() + "\n");
    if (!view.load(view.peer(at.host(), at.port()))) return false;
    Peer gone = view.byId(id);
    if (gone == null) {
      log.error("[ERR] No such node ID " + id + "\n");
      return false;
    }
    if (gone.node.slotCount != 0) {
      log.error(
          "[ERR] Node "
              + gone.node.address()
              + " is not empty! Reshard data away and try again.\n");
      return false;
    }
    log.info(">>> Sending CLUSTER FORGET messages to the cluster...\n");
    return membership.remove(gone, Membership.Removal.STRICT);
  }

  // ── reshard ──

  private boolean reshard(List<String> arguments) throws IOException {
    if (load(arguments) == null) return false;
    checkCluster(false);
    if (!view.errors.isEmpty()) {
      screen.errLine("*** Please fix your cluster problems before resharding");
      return false;
    }
    int slots = options.slots == 0 ? askForSlots() : options.slots;
    String to = options.to;
    if (to == null) {
      do to = answer("What is the receiving node ID? ");
      while (to.isEmpty());
    }
    Peer target = primaryOrSay(to);
    if (target == null) return false;
    List<Peer> sources = options.from == null ? askForSources(target) : sources(target);
    if (sources == null) return false;
    if (sources.isEmpty()) {
      screen.errLine("*** No source nodes given, operation aborted.");
      return false;
    }
    List<ManagedNode> from = new ArrayList<>();
    log.plain("\nReady to move " + slots + " slots.\n  Source nodes:\n");
    for (Peer p : sources) {
      from.add(p.node);
      log.plain(p.node.description(4) + "\n");
    }
    log.plain("  Destination node:\n" + target.node.description(4) + "\n");
    List<Moves.Move> moves = Moves.share(from, slots);
    log.plain("  Resharding plan:\n");
    for (Moves.Move m : moves) {
      log.plain("    Moving slot " + m.slot() + " from " + m.from().id + "\n");
    }
    if (!options.yes
        && !answerOrNothing("Do you want to proceed with the proposed reshard plan (yes/no)? ")
            .startsWith("yes")) {
      return false;
    }
    if (movesWhole(moves, target)) return true;
    for (Moves.Move m : moves) {
      Peer source = view.of(m.from());
      if (source == null) continue;
      String error = mover.move(source, target, m.slot(), Way.VERBOSE);
      if (error != null) {
        if (!error.isEmpty()) log.error("clusterManagerMoveSlot failed: " + error + "\n");
        return false;
      }
    }
    return true;
  }

  /// Returns whether all slots have moved whole. Else what hasn't is still to be moved: those of a
  /// source that did are taken out of the list.
  private boolean movesWhole(List<Moves.Move> moves, Peer target) {
    Map<ManagedNode, BitSet> bySource = new LinkedHashMap<>();
    for (Moves.Move m : moves) {
      bySource.computeIfAbsent(m.from(), any -> new BitSet()).set(m.slot());
    }
    for (var each : bySource.entrySet()) {
      Peer source = view.of(each.getKey());
      if (source == null) return false;
      if (whole.move(source, target, each.getValue()) != WholeMover.Outcome.MOVED) return false;
      for (Moves.Move m : moves) {
        if (m.from() == each.getKey()) {
          log.plain(
              "Moving slot "
                  + m.slot()
                  + " from "
                  + m.from().address()
                  + " to "
                  + target.node.address()
                  + ": "
                  + ".".repeat(keys(target, m.slot()))
                  + "\n");
        }
      }
      moves.removeIf(m -> m.from() == each.getKey());
    }
    return true;
  }

  /// How many keys of a slot a node has.
  private static int keys(Peer of, int slot) {
    RespValue count = of.ask("CLUSTER", "COUNTKEYSINSLOT", "" + slot);
    return count instanceof RespValue.Int number ? (int) number.value() : 0;
  }

  private String answerOrNothing(String question) throws IOException {
    screen.out(question);
    screen.flush();
    String line = screen.readLine();
    return line == null ? "" : line;
  }

  private @Nullable Peer primaryOrSay(String id) {
    Peer p = view.byId(id);
    if (p != null && !p.node.isReplica()) return p;
    log.error("*** The specified node (" + id + ") is not known or not a master, please retry.\n");
    return null;
  }

  /// Adds a source, unless it is the target, which is said. False if there is no such primary.
  private boolean addSource(List<Peer> sources, String id, Peer target) {
    Peer p = primaryOrSay(id);
    if (p == null) return false;
    if (p == target) {
      log.error("*** It is not possible to use the target node as source node.\n");
    } else {
      sources.add(p);
    }
    return true;
  }

  private List<Peer> allBut(Peer target) {
    List<Peer> sources = new ArrayList<>(view.primaries());
    sources.removeIf(p -> p == target || p.node.primaryId != null);
    return sources;
  }

  private int askForSlots() throws IOException {
    while (true) {
      String typed = answer("How many slots do you want to move (from 1 to 16384)? ");
      int slots = Figures.atoi(typed.substring(0, Math.min(typed.length(), MOST_DIGITS)));
      if (slots > 0 && slots <= ManagedNode.SLOTS) return slots;
    }
  }

  private @Nullable List<Peer> askForSources(Peer target) throws IOException {
    log.plain(
        "Please enter all the source node IDs.\n"
            + "  Type 'all' to use all the nodes as source nodes for the hash slots.\n"
            + "  Type 'done' once you entered all the source nodes IDs.\n");
    List<Peer> sources = new ArrayList<>();
    while (true) {
      String id = answer("Source node #" + (sources.size() + 1) + ": ");
      if (id.equals("done")) return sources;
      if (id.equals("all")) return allBut(target);
      if (!addSource(sources, id, target)) return null;
    }
  }

  private @Nullable List<Peer> sources(Peer target) {
    List<Peer> sources = new ArrayList<>();
    String[] ids = String.valueOf(options.from).split(",", -1);
    for (int i = 0; i < ids.length; i++) {
      if (ids[i].equals("all")) return allBut(target);
      if (i == ids.length - 1 && ids[i].isEmpty()) break;
      if (!addSource(sources, ids[i], target)) return null;
    }
    return sources;
  }

  // ── rebalance ──

  private boolean rebalance(List<String> arguments) throws IOException {
    if (load(arguments) == null || !takeWeights()) return false;
    List<ManagedNode> involved = new ArrayList<>();
    for (Peer p : view.primaries()) {
      if (p.node.primaryId != null) continue;
      if (!options.useEmptyMasters && p.node.slotCount == 0) p.node.weight = 0;
      else involved.add(p.node);
    }
    checkCluster(true);
    if (!view.errors.isEmpty()) {
      log.error("*** Please fix your cluster problems before rebalancing\n");
      return false;
    }
    Moves.Balance balance = new Moves.Balance(involved, options.threshold);
    if (!balance.isNeeded()) {
      log.warning(
          "*** No rebalancing needed! All nodes are within the "
              + Figures.fixed(options.threshold, 2)
              + "% threshold.\n");
      return true;
    }
    log.info(
        ">>> Rebalancing across "
            + involved.size()
            + " nodes. Total weight = "
            + Figures.fixed(balance.totalWeight, 2)
            + "\n");
    if (all.verbose) {
      for (ManagedNode n : balance.nodes()) {
        log.plain(n.address() + " balance is " + balance.of(n) + " slots\n");
      }
    }
    for (Moves.Transfer t : balance.transfers()) if (!carryOut(t)) return false;
    return true;
  }

  private boolean takeWeights() {
    for (String given : options.weights) {
      int equals = given.indexOf('=');
      String name = given.substring(0, equals);
      ManagedNode node = ManagedNode.byId(view.nodes(), name, true);
      if (node == null) {
        log.error("*** No such master node " + name + "\n");
        return false;
      }
      node.weight = (float) Figures.atof(given.substring(equals + 1));
    }
    return true;
  }

  private boolean carryOut(Moves.Transfer t) {
    log.plain(
        "Moving "
            + t.slots()
            + " slots from "
            + t.from().address()
            + " to "
            + t.to().address()
            + "\n");
    List<Moves.Move> moves = Moves.share(List.of(t.from()), t.slots());
    if (moves.size() != t.slots()) {
      log.error("*** Assertion failed: Reshard table != number of slots");
      return false;
    }
    Peer from = view.of(t.from());
    Peer to = view.of(t.to());
    if (from == null || to == null) return false;
    BitSet all = new BitSet();
    moves.forEach(m -> all.set(m.slot()));
    boolean done = !options.simulate && whole.move(from, to, all) == WholeMover.Outcome.MOVED;
    for (Moves.Move m : moves) {
      if (done) {
        from.node.slots.clear(m.slot());
        to.node.slots.set(m.slot());
      } else if (!options.simulate) {
        String error = mover.move(from, to, m.slot(), Way.QUIET);
        if (error != null) {
          log.error("*** clusterManagerMoveSlot: " + (error.isEmpty() ? "(null)" : error) + "\n");
          return false;
        }
        from.node.slots.clear(m.slot());
        to.node.slots.set(m.slot());
      }
      log.plain("#");
      screen.flush();
    }
    log.plain("\n");
    return true;
  }

  // ── call, set-timeout ──

  private boolean call(List<String> arguments) {
    if (load(arguments.subList(0, 1)) == null) return false;
    String[] command = arguments.subList(1, arguments.size()).toArray(new String[0]);
    log.info(">>> Calling");
    log.plain(" " + String.join(" ", command) + "\n");
    for (Peer p : view.peers) {
      boolean replica = p.node.primaryId != null;
      if (options.onlyMasters && replica || options.onlyReplicas && !replica) continue;
      RespValue reply = p.ask(command);
      String shown =
          reply == null ? "Failed!" : Form.cString(Form.raw(reply, all.elementDelimiter));
      log.plain(p.node.address() + ": " + shown + "\n");
    }
    return true;
  }

  private boolean setTimeout(List<String> arguments) {
    HostPort at = address(arguments.subList(0, 1));
    if (at == null) return false;
    int millis = Figures.atoi(arguments.get(1));
    if (millis < NODE_TIMEOUT_LEAST_MILLIS) {
      screen.errLine("Setting a node timeout of less than 100 milliseconds is a bad idea.");
      return false;
    }
    if (!view.load(view.peer(at.host(), at.port()))) return false;
    log.info(">>> Reconfiguring node timeout in every cluster node...\n");
    int done = 0;
    for (Peer p : view.peers) {
      String where = p.node.address();
      RespValue reply = p.ask("CONFIG", "SET", "cluster-node-timeout", Integer.toString(millis));
      if (reply != null && !reply.isError()) reply = p.ask("CONFIG", "REWRITE");
      if (reply != null && !reply.isError()) {
        log.warning("*** New timeout set for " + where + "\n");
        done++;
      } else {
        String error = Peer.errorOf(reply);
        log.error(
            "ERR setting node-timeout for " + where + ": " + (error == null ? "" : error) + "\n");
      }
    }
    log.info(
        ">>> New node timeout set. " + done + " OK, " + (view.peers.size() - done) + " ERR.\n");
    return true;
  }

  // ── import ──

  private boolean importKeys(List<String> arguments) throws IOException {
    HostPort at = address(arguments);
    if (at == null) return false;
    if (options.from == null) {
      screen.errLine("[ERR] Option '--cluster-from' is required for subcommand 'import'.");
      return false;
    }
    HostPort from = HostPort.parse(options.from);
    if (from == null || from.port() == 0) {
      screen.errLine(
          "[ERR] Invalid --cluster-from host. You need to pass a valid address (ie."
              + " 120.0.0.1:7000).");
      return false;
    }
    String source = from.host() + ":" + from.port();
    log.info(
        ">>> Importing data from " + source + " to cluster " + at.host() + ":" + at.port() + "\n");
    if (!view.load(view.peer(at.host(), at.port())) || !checkCluster(false)) return false;
    Client client;
    try {
      client = Client.connect(from.host(), from.port(), 0);
    } catch (IOException e) {
      screen.errLine(
          "Could not connect to Redis at " + source + ": " + Unreachable.reason(e) + ".");
      return false;
    }
    try (client) {
      return logInTo(client) && importFrom(client, source);
    } catch (IOException e) {
      screen.errLine("Error: " + Connection.explain(e).text());
      return false;
    }
  }

  private boolean logInTo(Client client) throws IOException {
    if (options.fromPass == null) return true;
    RespValue reply =
        options.fromUser == null
            ? client.command("AUTH", options.fromPass)
            : client.command("AUTH", options.fromUser, options.fromPass);
    if (reply instanceof RespValue.Error e) screen.errLine("AUTH failed: " + e.text());
    return !reply.isError();
  }

  private boolean importFrom(Client client, String source) throws IOException {
    RespValue info = client.command("INFO");
    if (info instanceof RespValue.Error e) return sourceFailed(source, e.text());
    if (Info.number(Form.textOf(info), "cluster_enabled") > 0) {
      log.error("[ERR] The source node should not be a cluster node.\n");
      return false;
    }
    RespValue size = client.command("DBSIZE");
    if (size instanceof RespValue.Error e) return sourceFailed(source, e.text());
    log.warning("*** Importing " + Form.textOf(size) + " keys from DB 0\n");
    String cursor = "0";
    do {
      RespValue reply = client.command("SCAN", cursor, "COUNT", "1000");
      if (reply instanceof RespValue.Error e) return sourceFailed(source, e.text());
      cursor = Form.textOf(reply.elements().get(0));
      for (RespValue key : reply.elements().get(1).elements()) {
        if (!importKey(client, source, Form.textOf(key))) return false;
      }
    } while (!cursor.equals("0"));
    return true;
  }

  private boolean importKey(Client client, String source, String key) throws IOException {
    byte[] bytes = key.getBytes(StandardCharsets.ISO_8859_1);
    int slot = KeySlot.of(bytes, 0, bytes.length);
    ManagedNode target = null;
    for (Peer p : view.primaries()) {
      if (p.node.slots.get(slot)) {
        target = p.node;
        break;
      }
    }
    if (target == null) {
      log.error("[ERR] Nobody has slot " + slot + ", to which a key belongs.\n");
      return false;
    }
    log.plain("Migrating " + Form.cString(key) + " to " + target.address() + ": ");
    List<String> command = new ArrayList<>(List.of("MIGRATE", target.host));
    command.addAll(List.of(Integer.toString(target.port), key, "0"));
    command.add(Integer.toString(options.timeoutMillis));
    String password = all.password;
    if (password != null) {
      if (all.user != null) command.addAll(List.of("AUTH2", all.user, password));
      else command.addAll(List.of("AUTH", password));
    }
    if (options.copy) command.add("COPY");
    if (options.replace) command.add("REPLACE");
    RespValue reply = client.command(command.toArray(new String[0]));
    if (reply instanceof RespValue.Error e) return sourceFailed(source, e.text());
    log.success("OK\n");
    return true;
  }

  private boolean sourceFailed(String source, String error) {
    log.error("Source " + source + " replied with error:\n" + error + "\n");
    return false;
  }

  // ── backup ──

  private boolean backup(List<String> arguments) throws IOException {
    if (load(arguments.subList(0, 1)) == null) return false;
    boolean well = checkCluster(false);
    int errors = well ? 0 : view.errors.size();
    String folder = arguments.get(1);
    String prefix = folder.endsWith("/") ? folder : folder + "/";
    List<String> nodes = new ArrayList<>();
    for (Peer p : view.peers) {
      nodes.add(json(p.node, errors));
      if (p.node.primaryId != null) continue;
      log.info(">>> Node " + p.node.address() + " -> Saving RDB...\n");
      screen.flush();
      String file =
          prefix + "redis-node-" + p.node.host + "-" + p.node.port + "-" + p.node.id + ".rdb";
      Replica.download(screen, p.client(), file);
      p.close();
    }
    String json = "[\n" + String.join(",\n", nodes) + "\n]";
    String path = prefix + "nodes.json";
    log.info("Saving cluster configuration to: " + path + "\n");
    try {
      Files.writeString(Path.of(Program.name(path)), json, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      log.error("Could not save nodes to: " + path + "\n");
      log.success("[ERR] Failed to back cluster!\n");
      return false;
    }
    if (!well) {
      log.warning(
          "*** Cluster seems to have some problems, please be aware of it if you're going to"
              + " restore this backup.\n");
    }
    log.success("[OK] Backup created into: " + folder + "\n");
    return true;
  }

  private static String json(ManagedNode n, int errors) {
    StringBuilder b = new StringBuilder("  {\n    \"name\": \"").append(n.id);
    b.append("\",\n    \"host\": \"").append(n.host);
    b.append("\",\n    \"port\": ").append(n.port);
    b.append(",\n    \"replicate\": ");
    b.append(n.primaryId == null ? "null" : "\"" + n.primaryId + "\"");
    b.append(",\n    \"slots\": [").append(n.slotText().replace('-', ','));
    b.append("],\n    \"slots_count\": ").append(n.slotCount);
    b.append(",\n    \"flags\": \"").append(n.flagText());
    b.append("\",\n    \"current_epoch\": ").append(n.epoch);
    if (errors > 0) b.append(",\n    \"cluster_errors\": ").append(errors);
    open(b, "migrating", n.migrating);
    open(b, "importing", n.importing);
    return b.append("\n  }").toString();
  }

  private static void open(StringBuilder b, String name, java.util.Map<Integer, String> slots) {
    if (slots.isEmpty()) return;
    List<String> pairs = new ArrayList<>();
    slots.forEach((slot, id) -> pairs.add("\"" + slot + "\": \"" + id + "\""));
    b.append(",\n    \"").append(name).append("\": {").append(String.join(",", pairs)).append('}');
  }

  // ── help ──

  private boolean help() {
    int width = 15;
    screen.outLine("Cluster Manager Commands:");
    for (Subcommand s : SUBCOMMANDS) {
      screen.outLine("  " + Figures.left(s.name, width) + s.arguments);
      for (String option : s.options) {
        screen.outLine(" ".repeat(width) + "  --cluster-" + option);
      }
    }
    screen.outLine(
        "\n"
            + "For check, fix, reshard, del-node, set-timeout, info, rebalance, call, import,"
            + " backup you can specify the host and port of any working node in the cluster.");
    screen.outLine("\nCluster Manager Options:");
    screen.outLine(
        "  " + Figures.left("--cluster-yes", width) + "Automatic yes to cluster commands prompts");
    screen.outLine("");
    return false; // status 1, as in Redis
  }
}
