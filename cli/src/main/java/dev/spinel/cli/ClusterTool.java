package dev.spinel.cli;

import dev.spinel.cli.cluster.HostPort;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.Spread;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import sun.misc.Signal;

/// `spinel cluster`: grows, shrinks, balances clusters of any nodes and says what ails them, one
/// command each. The options in front are redis-cli's: they name one node of the cluster.
///
/// Whatever moves slots shows its plan and asks first, moves one slot after the other, and stops
/// between two when it is interrupted. Plans are made of what is there, so the same command, or
/// `resume`, goes on where one ended, however it ended.
public final class ClusterTool {
  private static final int SLOTS_AT_ONCE = 256; // that move whole: between such, a user may stop
  private static final String USAGE =
      """
      Usage: spinel cluster [-h HOST] [-p PORT] [-a PASSWORD] [other options of redis-cli] COMMAND

        status                 who has which slots, keys and replicas
        doctor                 what is wrong, why, and what helps
        grow HOST:PORT...       takes empty nodes in as primaries, and spreads the slots evenly
        shrink NODE...          spreads the slots of primaries over the others, and takes them out
        balance                spreads the slots evenly
        resume                 finishes slots that are half moved
        switch NODE            a replica and its primary change places, without losing a write
        plan COMMAND ...       shows what grow, shrink or balance would do

        NODE is an address or (the beginning of) an id.
        --yes                  doesn't ask
        --throttle N           moves at most N slots a second
        --whole                lets nodes move slots whole, which is faster and new, where they can
        --json                 status, doctor and plan as JSON
      """;

  private static final int KEYS_AT_A_TIME = 100;
  private static final int WAIT_SECONDS = 60;
  private static final int ATTEMPT_TENTHS = 70;
  private static final long SECOND_NANOS = 1_000_000_000;
  private static final int SECONDS_BETWEEN_LINES = 10; // of progress, where nobody watches

  private final Screen screen;
  private final Options options;
  private final ClusterManager manager;
  private final ClusterView view;
  private final List<String> words = new ArrayList<>();
  private boolean yes;
  private boolean json;
  private boolean onlyPlan;
  private double throttle;
  private volatile boolean stopped;

  private ClusterTool(Screen screen, Options options) {
    this.screen = screen;
    this.options = options;
    options.cluster.pipeline = KEYS_AT_A_TIME;
    manager = new ClusterManager(screen, options);
    view = manager.view;
  }

  public static void main(String[] arguments) {
    int status = run(Screen.ofProcess(), Main.bytesOf(arguments));
    Runtime.getRuntime().halt(status);
  }

  /// Runs the program; answers its exit status.
  static int run(Screen screen, List<String> words) {
    return Main.status(screen, () -> run(screen, Options.parse(screen, words)));
  }

  static int run(Screen screen, Options options) throws IOException {
    return new ClusterTool(screen, options).run() ? 0 : 1;
  }

  private boolean run() throws IOException {
    takeWords();
    String command = words.isEmpty() ? "help" : words.removeFirst();
    if (command.equals("plan")) {
      onlyPlan = true;
      command = words.isEmpty() ? "balance" : words.removeFirst();
      if (!List.of("grow", "shrink", "balance").contains(command)) throw usage();
    }
    if (command.equals("help")) {
      screen.out(USAGE);
      return true;
    }
    boolean takesNodes = List.of("grow", "shrink", "switch").contains(command);
    if (takesNodes == words.isEmpty()) throw usage();
    if (!view.load(view.peer(options.host, options.port))) return false;
    return switch (command) {
      case "status" -> status();
      case "doctor" -> doctor();
      case "grow" -> grow();
      case "shrink" -> shrink();
      case "balance" -> move(Spread.evenly(primaries(), primaries()));
      case "resume" -> resume();
      case "switch" -> switchOver();
      default -> throw usage();
    };
  }

  private void takeWords() {
    List<String> given = options.command;
    for (int i = 0; i < given.size(); i++) {
      switch (given.get(i)) {
        case "--yes" -> yes = true;
        case "--json" -> json = true;
        case "--whole" -> manager.whole.allow();
        case "--throttle" -> {
          if (++i == given.size()) throw usage();
          throttle = Figures.atof(given.get(i));
          if (throttle <= 0) throw fails("--throttle takes a number of slots per second");
        }
        default -> {
          if (given.get(i).startsWith("-")) throw usage();
          words.add(given.get(i));
        }
      }
    }
  }

  private Exit usage() {
    screen.err(USAGE);
    return new Exit(1);
  }

  private Exit fails(String message) {
    screen.errLine(message);
    return new Exit(1);
  }

  private List<ManagedNode> primaries() {
    List<ManagedNode> nodes = new ArrayList<>();
    for (Peer p : view.primaries()) nodes.add(p.node);
    return nodes;
  }

  /// A node of the cluster by its address, or the beginning of its id.
  private Peer node(String name) {
    for (Peer p : view.peers) if (p.node.address().equals(name)) return p;
    Peer found = view.of(ManagedNode.byId(view.nodes(), name, true));
    if (found == null) throw fails("There is no node " + name + " in the cluster.");
    return found;
  }

  // ── looking ──

  private boolean status() {
    if (json) {
      List<String> nodes = new ArrayList<>();
      for (Peer p : view.peers) {
        nodes.add(
            "{\"id\":"
                + quoted(p.node.id)
                + ",\"address\":"
                + quoted(p.node.address())
                + ",\"role\":"
                + quoted(p.node.isReplica() ? "replica" : "primary")
                + ",\"primary\":"
                + (p.node.primaryId == null ? "null" : quoted(p.node.primaryId))
                + ",\"slots\":"
                + p.node.slots.cardinality()
                + ",\"ranges\":"
                + quoted(p.node.slotText())
                + ",\"keys\":"
                + keys(p)
                + "}");
      }
      screen.out("{\"nodes\":[" + String.join(",", nodes) + "]}\n");
      return true;
    }
    for (Peer p : view.primaries()) {
      screen.out(
          String.format(
              Locale.ROOT,
              "primary %-21s %s  %5d slots  %d keys  %s%n",
              p.node.address(),
              p.node.id.substring(0, 8),
              p.node.slots.cardinality(),
              keys(p),
              p.node.slotText()));
      for (Peer r : view.peers) {
        if (!p.node.id.equals(r.node.primaryId)) continue;
        String info = String.valueOf(Peer.textOf(r.ask("INFO", "replication")));
        screen.out(
            String.format(
                Locale.ROOT,
                "  replica %-19s %s  link %s%n",
                r.node.address(),
                r.node.id.substring(0, 8),
                Info.field(info, "master_link_status")));
      }
    }
    return true;
  }

  private static long keys(Peer p) {
    return p.ask("DBSIZE") instanceof RespValue.Int n ? n.value() : 0;
  }

  private boolean doctor() {
    List<Doctor.Finding> findings = new Doctor(view).findings();
    boolean well = findings.stream().noneMatch(Doctor.Finding::grave);
    if (json) {
      List<String> all = new ArrayList<>();
      for (Doctor.Finding f : findings) {
        all.add(
            "{\"grave\":"
                + f.grave()
                + ",\"problem\":"
                + quoted(f.problem())
                + ",\"remedy\":"
                + quoted(f.remedy())
                + "}");
      }
      screen.out("{\"well\":" + well + ",\"findings\":[" + String.join(",", all) + "]}\n");
      return well;
    }
    for (Doctor.Finding f : findings) {
      screen.out((f.grave() ? "PROBLEM  " : "note     ") + f.problem() + "\n");
      screen.out("         -> " + f.remedy() + "\n");
    }
    if (findings.isEmpty())
      screen.out("Nothing is wrong with these " + view.peers.size() + " nodes.\n");
    return well;
  }

  private static String quoted(String text) {
    StringBuilder b = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') b.append('\\').append(c);
      else if (c < ' ') b.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      else b.append(c);
    }
    return b.append('"').toString();
  }

  // ── growing and shrinking ──

  private boolean grow() throws IOException {
    List<Peer> fresh = new ArrayList<>();
    for (String name : words) fresh.add(stranger(name));
    if (!isWhole()) return false;
    List<ManagedNode> all = new ArrayList<>(primaries());
    for (Peer p : fresh) all.add(p.node);
    if (onlyPlan) return move(Spread.evenly(all, all));
    if (!agreed("Take in " + String.join(", ", words) + " and spread the slots evenly?")) {
      return false;
    }
    Peer first = view.peers.getFirst();
    for (Peer p : fresh) if (!join(p, first)) return false;
    yes = true; // that was the question
    return move(Spread.evenly(primaries(), primaries()));
  }

  /// A node that is to come into the cluster.
  private Peer stranger(String name) {
    HostPort at = HostPort.parse(name);
    if (at == null || at.port() == 0) throw fails(oddAddress(name));
    Peer p = view.peer(at.host(), at.port());
    if (!p.connect() || !view.isClusterNode(p) || !view.loadNode(p, false) || !view.isEmpty(p)) {
      throw new Exit(1);
    }
    return p;
  }

  private static String oddAddress(String name) {
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c <= ' ' || c >= 127) {
        return "'"
            + name
            + "' is no address HOST:PORT: its character "
            + (i + 1)
            + " is neither a letter nor a colon of ASCII.";
      }
    }
    return "'" + name + "' is no address HOST:PORT.";
  }

  private boolean join(Peer fresh, Peer first) {
    if (!manager.copyFunctions(first, fresh)) return false;
    String ip = manager.resolve(first.node.host);
    if (ip == null || !fresh.succeeds(ClusterManager.meet(fresh, ip, first.node))) return false;
    say("Waiting for " + fresh.node.address() + " to find the cluster.");
    for (int tenths = 0; tenths < WAIT_SECONDS * 10; tenths++) {
      String text = Peer.textOf(fresh.ask("CLUSTER", "INFO"));
      if (text != null && text.contains("cluster_state:ok") && isKnown(fresh)) {
        view.peers.add(fresh);
        view.loadNode(fresh, false);
        return view.load(first) && view.byId(fresh.node.id) != null;
      }
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    screen.errLine(
        fresh.node.address()
            + " hasn't found the cluster. Its bus port ("
            + fresh.node.busPort
            + ") and those of the others must be reachable from all nodes.");
    return false;
  }

  /// Whether all nodes know the new one: who doesn't would refuse to give it a slot.
  private boolean isKnown(Peer fresh) {
    return view.peers.stream().allMatch(one -> one == fresh || knows(one, fresh));
  }

  private static boolean knows(Peer one, Peer other) {
    String text = Peer.textOf(one.ask("CLUSTER", "NODES"));
    if (text == null) return false;
    for (String line : text.split("\n", -1)) {
      if (line.startsWith(other.node.id)) return line.contains(" connected");
    }
    return false;
  }

  private boolean shrink() throws IOException {
    List<Peer> leaving = new ArrayList<>();
    for (String name : words) leaving.add(node(name));
    if (!isWhole()) return false;
    List<ManagedNode> staying = new ArrayList<>(primaries());
    for (Peer p : leaving) staying.remove(p.node);
    if (staying.isEmpty()) throw fails("No primary would be left.");
    List<Spread.Step> steps = Spread.evenly(primaries(), staying);
    if (onlyPlan) return move(steps);
    if (!agreed(
        "Move "
            + steps.size()
            + " slots, and take "
            + String.join(", ", words)
            + " out of the cluster?")) {
      return false;
    }
    yes = true;
    if (!move(steps)) return false;
    for (Peer gone : leaving) {
      Peer now = view.byId(gone.node.id); // asked again meanwhile
      if (now == null || !forget(now)) return false;
    }
    say(String.join(", ", words) + " left the cluster.");
    return true;
  }

  private boolean forget(Peer gone) {
    for (Peer p : view.peers) {
      if (p == gone) continue;
      if (gone.node.id.equals(p.node.primaryId) && !follow(p, gone)) return false;
      RespValue reply = p.ask("CLUSTER", "FORGET", gone.node.id);
      String error = Peer.errorOf(reply);
      if (error != null && !error.contains("Unknown node") && !p.succeeds(reply)) return false;
    }
    view.peers.remove(gone);
    return gone.succeeds(gone.ask("CLUSTER", "RESET", "SOFT"));
  }

  /// A replica of a node that leaves follows the primary with the fewest, if it doesn't by now.
  private boolean follow(Peer replica, Peer gone) {
    String info = Peer.textOf(replica.ask("CLUSTER", "NODES"));
    if (info != null && !info.contains("myself,slave " + gone.node.id)) return true;
    Peer best = null;
    for (Peer p : view.primaries()) {
      if (p != gone && (best == null || p.node.replicas < best.node.replicas)) best = p;
    }
    if (best == null) return false;
    best.node.replicas++;
    return replica.succeeds(replica.ask("CLUSTER", "REPLICATE", best.node.id));
  }

  // ── moving slots ──

  /// Nothing moves in a cluster that isn't whole.
  private boolean isWhole() {
    int slots = 0;
    boolean open = false;
    for (Peer p : view.primaries()) slots += p.node.slots.cardinality();
    for (Peer p : view.peers) open |= !p.node.migrating.isEmpty() || !p.node.importing.isEmpty();
    if (slots == ManagedNode.SLOTS && !open && view.agrees()) return true;
    screen.errLine(
        open
            ? "Some slots are half moved: spinel cluster resume finishes them."
            : "The cluster isn't whole: spinel cluster doctor says why.");
    return false;
  }

  private boolean agreed(String question) throws IOException {
    if (yes) return true;
    return ClusterManager.confirms(screen, question);
  }

  private boolean move(List<Spread.Step> steps) throws IOException {
    if (!isWhole()) return false;
    if (steps.isEmpty()) {
      if (json && onlyPlan) screen.out("{\"moves\":[]}\n");
      else say("The slots are spread evenly.");
      return true;
    }
    showPlan(steps);
    if (onlyPlan) return true;
    if (!agreed("Move them?")) return false;
    Signal.handle(new Signal("INT"), signal -> stopped = true);
    return carryOut(steps);
  }

  private record Route(ManagedNode from, ManagedNode to) {}

  private void showPlan(List<Spread.Step> steps) {
    Map<Route, long[]> routes = new LinkedHashMap<>(); // slots, keys
    for (Spread.Step step : steps) {
      long[] sums = routes.computeIfAbsent(new Route(step.from(), step.to()), any -> new long[2]);
      sums[0]++;
      Peer from = view.of(step.from());
      if (from != null) sums[1] += Math.max(0, from.countKeys(step.slot()));
    }
    List<String> rows = new ArrayList<>();
    routes.forEach(
        (route, sums) -> {
          Peer from = view.of(route.from());
          long bytes = from == null ? 0 : sums[1] * bytesPerKey(from);
          rows.add(
              json && onlyPlan
                  ? "{\"from\":"
                      + quoted(route.from().address())
                      + ",\"to\":"
                      + quoted(route.to().address())
                      + ",\"slots\":"
                      + sums[0]
                      + ",\"keys\":"
                      + sums[1]
                      + ",\"bytes\":"
                      + bytes
                      + "}"
                  : String.format(
                      Locale.ROOT,
                      "%s -> %s: %d slots, %d keys, about %.1f MB",
                      route.from().address(),
                      route.to().address(),
                      sums[0],
                      sums[1],
                      bytes / 1e6));
        });
    if (json && onlyPlan) screen.out("{\"moves\":[" + String.join(",", rows) + "]}\n");
    else rows.forEach(this::say);
  }

  private static long bytesPerKey(Peer p) {
    String info = Peer.textOf(p.ask("INFO", "memory"));
    long used = info == null ? 0 : Info.number(info, "used_memory_dataset");
    return Math.max(0, used) / Math.max(1, keys(p));
  }

  private boolean carryOut(List<Spread.Step> steps) {
    long begin = System.nanoTime();
    long told = begin;
    long pause = screen.isForPeople() ? SECOND_NANOS : SECONDS_BETWEEN_LINES * SECOND_NANOS;
    int done = 0;
    int whole = 0; // of the next steps, that have been moved already
    for (Spread.Step step : steps) {
      if (stopped && whole == 0) {
        say(
            "\nStopped: "
                + done
                + " of "
                + steps.size()
                + " slots are moved, none is half. The same command goes on.");
        return false;
      }
      Peer from = view.of(step.from());
      Peer to = view.of(step.to());
      if (from == null || to == null) return false;
      if (whole == 0) whole = moveWhole(steps, done, to);
      boolean moved = whole > 0;
      whole -= moved ? 1 : 0;
      String error = moved ? null : manager.mover.move(from, to, step.slot(), SlotMover.Way.QUIET);
      if (error != null) {
        screen.errLine(
            "\nSlot "
                + step.slot()
                + " can't be moved from "
                + from.node.address()
                + " to "
                + to.node.address()
                + ": "
                + (error.isEmpty() ? "a node doesn't answer" : error)
                + ". "
                + done
                + " slots are moved. spinel cluster doctor, then spinel cluster resume.");
        return false;
      }
      from.node.slots.clear(step.slot());
      to.node.slots.set(step.slot());
      done++;
      long now = System.nanoTime();
      if (now - told > pause || done == steps.size()) {
        progress(done, steps.size(), now - begin);
        told = now;
      }
      throttle(done, begin);
    }
    if (screen.isForPeople()) say("");
    return settle();
  }

  /// Moves the slots of the next steps with one source and one target whole, if they can. Returns
  /// how many steps that were.
  private int moveWhole(List<Spread.Step> steps, int begin, Peer to) {
    Spread.Step first = steps.get(begin);
    BitSet slots = new BitSet();
    int end = begin;
    while (end < steps.size()
        && end - begin < SLOTS_AT_ONCE
        && steps.get(end).from() == first.from()
        && steps.get(end).to() == first.to()) {
      slots.set(steps.get(end++).slot());
    }
    return manager.whole.move(to, slots) == WholeMover.Outcome.MOVED ? end - begin : 0;
  }

  private void progress(int done, int all, long nanos) {
    double rate = done / (nanos / 1e9);
    String line =
        String.format(
            Locale.ROOT,
            "%d of %d slots (%d %%), %.0f a second, %.0f s left",
            done,
            all,
            100L * done / all,
            rate,
            (all - done) / rate);
    screen.out(screen.isForPeople() ? "\r" + line + "   " : line + "\n");
    screen.flush();
  }

  private void throttle(int done, long begin) {
    if (throttle == 0) return;
    long due = begin + (long) (done / throttle * SECOND_NANOS);
    long wait = due - System.nanoTime();
    if (wait > 0) Shell.pause(wait / 1000);
  }

  /// Waits until all nodes have heard of it.
  private boolean settle() {
    for (int tenths = 0; tenths < WAIT_SECONDS * 10; tenths++) {
      if (view.agrees()) return view.load(view.peers.getFirst());
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    screen.errLine("All is moved, but the nodes don't agree about it yet.");
    return false;
  }

  private boolean resume() throws IOException {
    options.cluster.command = "fix";
    ClusterManager mending = new ClusterManager(screen, options);
    if (!mending.view.load(mending.view.peer(options.host, options.port))) return false;
    return mending.checkCluster(true);
  }

  // ── changing places ──

  private boolean switchOver() {
    Peer named = node(words.getFirst());
    Peer replica = named;
    if (!named.node.isReplica()) {
      replica = null;
      for (Peer p : view.peers) if (named.node.id.equals(p.node.primaryId)) replica = p;
      if (replica == null)
        throw fails(named.node.address() + " has no replica that can be reached.");
    }
    String before = String.valueOf(replica.node.primaryId);
    for (int tenths = 0; tenths < WAIT_SECONDS * 10; tenths++) {
      // Nodes give an attempt up after five seconds: votes may come late.
      if (tenths % ATTEMPT_TENTHS == 0 && !asksToLead(replica)) return false;
      RespValue role = replica.ask("ROLE");
      if (role != null && !role.isError() && "master".equals(role.elements().getFirst().text())) {
        Peer old = view.byId(before);
        say(
            replica.node.address()
                + " is the primary now"
                + (old == null ? "." : ", " + old.node.address() + " its replica."));
        return true;
      }
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    screen.errLine(
        replica.node.address() + " hasn't become the primary: its log says why. Nothing is lost.");
    return false;
  }

  private static boolean asksToLead(Peer replica) {
    RespValue reply = replica.ask("CLUSTER", "FAILOVER");
    String error = Peer.errorOf(reply);
    return error != null && error.contains("to a replica") || replica.succeeds(reply);
  }

  private void say(String text) {
    screen.out(text + "\n");
    screen.flush();
  }
}
