package dev.spinel.cli;

import dev.spinel.cli.cluster.Estimate;
import dev.spinel.cli.cluster.HostPort;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.NodeLine;
import dev.spinel.cli.cluster.Spread;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import sun.misc.Signal;

/// `spinel cluster`: grows, shrinks, balances clusters of any nodes and says what ails them, one
/// command each. The options in front are redis-cli's: they name one node of the cluster.
///
/// Whatever moves slots shows its plan and asks first, moves one slot after the other, and stops
/// between two when it is interrupted. Plans are made of what is there, and what is done already is
/// passed over, so the same command goes on where one ended, however it ended.
public final class ClusterTool {
  private static final int SLOTS_AT_ONCE = 256; // that move whole: between such, a user may stop
  private static final String USAGE =
      """
      Usage: spinel cluster [-h HOST] [-p PORT] [-a PASSWORD] [other options of redis-cli] COMMAND

        form HOST:PORT...      makes a cluster of empty nodes, or finishes one that is half made
        status                 who has which slots, keys and replicas
        doctor                 what is wrong, why, and what helps
        fix [HOST:PORT...]     mends it: addresses that moved, slots half moved or without an owner;
                               nodes may be at the addresses that are named
        add-node HOST:PORT     takes an empty node in, and says what became of it
        grow HOST:PORT...      takes empty nodes in as primaries, and spreads the slots evenly
        shrink NODE...         spreads the slots of primaries over the others, and takes them out;
                               also nodes that have none and are gone for good
        balance                spreads the slots evenly
        resume                 finishes slots that are half moved
        switch NODE            a replica and its primary change places, without losing a write
        plan COMMAND ...       shows what grow, shrink or balance would do, and how long it takes

        NODE is an address or (the beginning of) an id.
        --yes                  doesn't ask
        --dry-run              form, fix, grow, shrink, balance: says what it would do, and
                               changes nothing
        --replicas N           form: replicas of each primary (0)
        --replica              add-node: a replica of the primary that has the fewest
        --replica-of NODE      add-node: a replica of this one
        --throttle N           moves at most N slots a second
        --keep-served          of keys that two nodes have with different values, keeps those that
                               clients are served, which may be the older ones, and says which
                               others it deletes; without it such a slot is left as it is
        --key-by-key           moves the keys of a slot one by one, as between other servers, though
                               its nodes could move it whole, which is faster
        --json                 one JSON object a line, the last of which says whether it is done,
                               or is the answer to status, doctor and plan

        A command that was interrupted is simply given again.
      """;

  private static final int KEYS_AT_A_TIME = 100;
  private static final int WAIT_SECONDS = 60;
  private static final int AGREE_SECONDS = 10;
  private static final int PINGS = 3;
  private static final int ATTEMPT_TENTHS = 70;
  private static final long SECOND_NANOS = 1_000_000_000;
  private static final int SECONDS_BETWEEN_LINES = 10; // of progress, where nobody watches

  private final Screen screen;
  private final Options options;
  private final ClusterManager manager;
  private final ClusterView view;
  private final Notices notices;
  private final boolean json;
  private final List<String> words = new ArrayList<>();
  private boolean yes;
  private boolean onlyPlan;
  private boolean dryRun;
  private int replicas;
  private boolean asReplica;
  private @Nullable String replicaOf;
  private double throttle;
  private String saidWhyNotWhole = "";
  private volatile boolean stopped;

  private ClusterTool(Screen screen, Options options) {
    this.screen = screen;
    this.options = options;
    options.cluster.pipeline = KEYS_AT_A_TIME;
    options.cluster.doubles = ClusterOptions.Doubles.EQUAL_GO;
    json = options.form.isJson() || options.command.contains("--json");
    notices = new Notices(screen, json);
    manager =
        json
            ? new ClusterManager(options, new ClusterLog(screen, notices::text, notices::fact))
            : new ClusterManager(screen, options);
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
    String command = "";
    boolean done = false;
    try {
      takeWords();
      command = words.isEmpty() ? "help" : words.removeFirst();
      done = run(command);
      return done;
    } finally {
      if (!command.equals("help")) notices.end(command, done);
    }
  }

  private boolean run(String given) throws IOException {
    String command = given;
    if (command.equals("plan")) {
      onlyPlan = true;
      command = words.isEmpty() ? "balance" : words.removeFirst();
      if (!List.of("grow", "shrink", "balance").contains(command)) {
        throw misused("plan takes grow, shrink or balance, not '" + command + "'.");
      }
    }
    if (command.equals("help")) {
      screen.out(USAGE);
      return true;
    }
    checkWords(command);
    checkOptions(command);
    if (command.equals("form")) return form();
    if (command.equals("fix")) return fix();
    if (!view.load(view.peer(options.host, options.port))) return false;
    return switch (command) {
      case "status" -> status();
      case "doctor" -> doctor();
      case "add-node" -> addNode();
      case "grow" -> grow();
      case "shrink" -> shrink();
      case "balance" -> balance();
      case "resume" -> resume();
      case "switch" -> switchOver();
      default -> throw new IllegalStateException(command);
    };
  }

  private void checkWords(String command) {
    String takes =
        switch (command) {
          case "form", "grow" -> "HOST:PORT...";
          case "add-node" -> "one HOST:PORT";
          case "shrink" -> "NODE...";
          case "switch" -> "one NODE";
          case "fix", "status", "doctor", "balance", "resume" -> "";
          default -> throw misused("There is no command '" + command + "'.");
        };
    if (!takes.isEmpty() && (words.isEmpty() || takes.startsWith("one ") && words.size() > 1)) {
      throw misused(command + " takes " + takes.replace("...", ", one or more") + ".");
    }
    if (takes.isEmpty() && !words.isEmpty() && !command.equals("fix")) {
      throw misused(command + " takes nothing behind it: '" + words.getFirst() + "'.");
    }
  }

  /// An option that a command doesn't know is refused: it would do what wasn't meant.
  private void checkOptions(String command) {
    switch (command) {
      case "form", "fix" -> {}
      case "grow", "shrink", "balance" -> onlyPlan |= dryRun;
      default -> {
        if (dryRun) throw fails(command + " takes no --dry-run.");
      }
    }
    if (replicas > 0 && !command.equals("form")) throw fails("--replicas is for form.");
    if ((asReplica || replicaOf != null) && !command.equals("add-node")) {
      throw fails("--replica and --replica-of are for add-node.");
    }
  }

  private void takeWords() {
    List<String> given = options.command;
    for (int i = 0; i < given.size(); i++) {
      switch (given.get(i)) {
        case "--help" -> words.addFirst("help");
        case "--yes" -> yes = true;
        case "--json" -> {} // seen before
        case "--dry-run" -> dryRun = true;
        case "--replica" -> asReplica = true;
        case "--keep-served" -> options.cluster.doubles = ClusterOptions.Doubles.SERVED_STAYS;
        case "--key-by-key" -> options.cluster.keyByKey = true;
        case "--replicas", "--replica-of" -> {
          if (i + 1 == given.size()) throw misused(given.get(i) + " takes a value.");
          boolean number = given.get(i).equals("--replicas");
          i++;
          if (number) replicas = replicas(given.get(i));
          else replicaOf = given.get(i);
        }
        case "--throttle" -> {
          if (++i == given.size()) throw misused("--throttle takes a number.");
          throttle = Figures.atof(given.get(i));
          if (throttle <= 0) throw fails("--throttle takes a number of slots per second");
        }
        default -> {
          if (given.get(i).startsWith("-")) {
            throw misused(
                "There is no option "
                    + given.get(i)
                    + " behind a command; those of redis-cli go in front of it.");
          }
          words.add(given.get(i));
        }
      }
    }
  }

  private int replicas(String text) {
    int number = Figures.isInteger(text) ? Figures.atoi(text) : -1;
    if (number < 0) throw fails("--replicas takes a number");
    return number;
  }

  private Exit misused(String why) {
    return fails(why + " spinel cluster help lists all.");
  }

  private Exit fails(String message) {
    notices.complain(message);
    return new Exit(1);
  }

  private void say(String text) {
    notices.say(text);
  }

  private boolean agreed(String question) throws IOException {
    if (yes) return true;
    if (json) throw fails("With --json nothing is asked: --yes says that it shall be done.");
    if (ClusterManager.confirms(screen, question)) return true;
    notices.complain("Nothing was changed.");
    return false;
  }

  private HostPort address(String name) {
    HostPort at = HostPort.parse(name);
    if (at == null || at.port() == 0) throw fails(oddAddress(name));
    return at;
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

  private List<ManagedNode> primaries() {
    List<ManagedNode> nodes = new ArrayList<>();
    for (Peer p : view.primaries()) nodes.add(p.node);
    return nodes;
  }

  /// A node of the cluster by its address, or the beginning of its id.
  private Peer node(String name) {
    Peer found = nodeOrNull(name);
    if (found == null) throw fails("There is no node " + name + " in the cluster.");
    return found;
  }

  private @Nullable Peer nodeOrNull(String name) {
    if (name.isEmpty()) throw fails("A node has an address or an id.");
    for (Peer p : view.peers) if (p.node.address().equals(name)) return p;
    Peer found = null;
    for (Peer p : view.peers) {
      if (!beginsId(p.node.id, name)) continue;
      if (found != null) throw fails("The ids of several nodes begin with " + name + ".");
      found = p;
    }
    return found;
  }

  private static boolean beginsId(String id, String text) {
    return !id.isEmpty() && id.startsWith(text.toLowerCase(Locale.ROOT));
  }

  // ── looking ──

  private boolean status() {
    if (json) {
      List<String> nodes = new ArrayList<>();
      for (Peer p : view.peers) {
        nodes.add(
            "{\"id\":"
                + Notices.quoted(p.node.id)
                + ",\"address\":"
                + Notices.quoted(p.node.address())
                + ",\"role\":"
                + Notices.quoted(p.node.isReplica() ? "replica" : "primary")
                + ",\"primary\":"
                + (p.node.primaryId == null ? "null" : Notices.quoted(p.node.primaryId))
                + (p.node.isReplica() ? ",\"link\":" + Notices.quoted("" + link(p)) : "")
                + ",\"slots\":"
                + p.node.slots.cardinality()
                + ",\"ranges\":"
                + Notices.quoted(p.node.slotText())
                + ",\"keys\":"
                + p.countKeys()
                + "}");
      }
      notices.answer("{\"nodes\":[" + String.join(",", nodes) + "]}");
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
              p.countKeys(),
              p.node.slotText()));
      for (Peer r : view.peers) {
        if (!p.node.id.equals(r.node.primaryId)) continue;
        screen.out(
            String.format(
                Locale.ROOT,
                "  replica %-19s %s  link %s%n",
                r.node.address(),
                r.node.id.substring(0, 8),
                link(r)));
      }
    }
    return true;
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
                + Notices.quoted(f.problem())
                + ",\"remedy\":"
                + Notices.quoted(f.remedy())
                + "}");
      }
      notices.answer("{\"well\":" + well + ",\"findings\":[" + String.join(",", all) + "]}");
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

  // ── growing and shrinking ──

  private boolean form() throws IOException {
    List<HostPort> at = new ArrayList<>();
    for (String name : words) at.add(address(name));
    Formation formation = new Formation(view, manager.log, notices, replicas);
    if (!formation.look(at)) return false;
    boolean any = formation.show();
    if (dryRun) {
      if (!any) say("They are a cluster: there is nothing to do.");
      return true;
    }
    if (any && !agreed("Make that of them?")) return false;
    if (!formation.carryOut()) return false;
    say("The cluster is formed, and serves.");
    return true;
  }

  private boolean fix() throws IOException {
    List<HostPort> named = new ArrayList<>();
    for (String name : words) named.add(address(name));
    Peer first = view.peer(options.host, options.port);
    Repair repair = new Repair(view, manager.log, options, notices);
    if (!repair.look(first, named)) return false;
    boolean any = repair.show();
    if (!any && repair.isLeft()) return false;
    if (!any) say("There is nothing to mend.");
    if (!any || dryRun) return true;
    if (!agreed("Do that?") || !repair.mend()) return false;
    return view.load(first) && isWhole();
  }

  /// A node that comes in, and whether the cluster has it by now: an earlier attempt has ended
  /// before its end then.
  private record Newcomer(Peer peer, boolean isMember) {}

  /// A node that is to come into the cluster. One that can't ends the program.
  private Newcomer newcomer(String name) {
    HostPort at = address(name);
    Peer p = view.peer(at.host(), at.port());
    if (!p.connect()) {
      String other = p.isConnected() ? null : whereItAnswers(at);
      if (other != null) notices.complain(other);
      throw new Exit(1);
    }
    if (!view.isClusterNode(p) || !view.loadNode(p, false)) throw new Exit(1);
    Peer member = view.byId(p.node.id);
    if (member != null) return new Newcomer(member, true);
    if (!knowsOnlyOurs(p) && !view.isEmpty(p)) throw new Exit(1);
    if (!p.node.slots.isEmpty()) { // an owner of these here would lose them to it, or it its own
      throw fails(
          p.node.address()
              + " isn't empty: it has slots, as after a cluster that was half made. CLUSTER RESET"
              + " there takes them away.");
    }
    return new Newcomer(p, false);
  }

  /// Whether a node has met nobody but nodes of this cluster, and at least one of them: it was on
  /// its way in, or out.
  private boolean knowsOnlyOurs(Peer p) {
    boolean any = false;
    for (NodeLine line : p.lines()) {
      if (line.isMyself()) continue;
      if (!line.has("handshake") && view.byId(line.id()) == null) return false;
      any = true;
    }
    return any && p.node.slots.isEmpty() && p.countKeys() == 0;
  }

  /// Where at the same host a server answers that isn't one of the cluster's; null if none is found
  /// at the ports that are likely.
  private @Nullable String whereItAnswers(HostPort wanted) {
    Set<Integer> ports = new LinkedHashSet<>(List.of(wanted.port() - 1, wanted.port() + 1));
    ports.add(wanted.port() - ManagedNode.BUS_PORT_OFFSET);
    for (Peer p : view.peers) ports.addAll(List.of(p.node.port, p.node.port + 1));
    ports.add(Options.USUAL_PORT);
    ports.removeIf(port -> port <= 0 || port > 65535 || port == wanted.port());
    for (int port : ports) {
      Peer p = view.peer(wanted.host(), port);
      if (!p.connectAsStranger()) continue; // who that is isn't known: no password for it
      boolean isMember =
          view.loadNode(p, true)
              ? view.byId(p.node.id) != null
              : view.peers.stream().anyMatch(one -> one.node.port == p.node.port);
      p.close();
      if (isMember) continue;
      return "But a server that isn't in the cluster answers at "
          + p.node.address()
          + ": that may be the port in its configuration.";
    }
    return null;
  }

  private boolean addNode() throws IOException {
    Newcomer one = newcomer(words.getFirst());
    if (!isWhole()) return false;
    one = newcomer(words.getFirst()); // the nodes may have been loaded anew
    Peer primary = null;
    if (replicaOf != null) primary = node(replicaOf);
    else if (asReplica) primary = primaryFor(one);
    String name = one.peer.node.address();
    if (primary != null && primary.node.isReplica()) {
      throw fails(primary.node.address() + " is a replica, and can't have one.");
    }
    String as = primary == null ? "an empty primary" : "a replica of " + primary.node.address();
    if (!one.isMember && !agreed("Take in " + name + " as " + as + "?")) return false;
    boolean moves = primary != null && !primary.node.id.equals(one.peer.node.primaryId);
    if (one.isMember && moves && !agreed("Make " + name + " " + as + "?")) return false;
    Peer fresh = one.peer;
    if (!one.isMember && !join(fresh, primary == null)) return false;
    if (primary != null && !follow(fresh, primary)) return false;
    say(whatItIs(fresh));
    return true;
  }

  /// Whose replica a node becomes that may be anybody's: it stays where it is one.
  private Peer primaryFor(Newcomer one) {
    Peer best = view.byId(String.valueOf(one.peer.node.primaryId));
    if (one.isMember && best != null) return best;
    best = null;
    for (Peer p : view.primaries()) {
      if (p.node.slots.isEmpty() || p.node.id.equals(one.peer.node.id)) continue;
      if (best == null || p.node.replicas < best.node.replicas) best = p;
    }
    if (best == null) throw fails("There is no primary with slots.");
    return best;
  }

  /// Makes a node without slots a replica, unless it is one by now, and waits for its copy.
  private boolean follow(Peer fresh, Peer primary) {
    if (!fresh.node.slots.isEmpty()) {
      throw fails(fresh.node.address() + " is a primary that has slots.");
    }
    if (!primary.node.id.equals(fresh.node.primaryId)) {
      RespValue reply = fresh.ask("CLUSTER", "REPLICATE", primary.node.id);
      if (!fresh.succeeds(reply)) return false;
    }
    for (int tenths = 0; tenths < WAIT_SECONDS * 10; tenths++) {
      if ("up".equals(link(fresh))) return view.loadNode(fresh, false);
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    notices.complain(
        fresh.node.address() + " has no data of its primary yet: spinel cluster doctor says why.");
    return false;
  }

  private static @Nullable String link(Peer replica) {
    String info = Peer.textOf(replica.ask("INFO", "replication"));
    return info == null ? null : Info.field(info, "master_link_status");
  }

  private String whatItIs(Peer p) {
    String name = p.node.address() + " (" + p.node.id.substring(0, 8) + ") is in the cluster: ";
    if (p.node.isReplica()) {
      Peer primary = view.byId(String.valueOf(p.node.primaryId));
      return name
          + "a replica of "
          + (primary == null ? p.node.primaryId : primary.node.address())
          + ", its link "
          + link(p)
          + ".";
    }
    int slots = p.node.slots.cardinality();
    return name
        + (slots == 0
            ? "a primary without slots. spinel cluster balance gives it its share."
            : "a primary with " + slots + " slots.");
  }

  private boolean grow() throws IOException {
    newcomers(); // mistakes first
    if (!isWhole()) return false;
    List<Newcomer> fresh = newcomers();
    List<ManagedNode> all = new ArrayList<>(primaries());
    for (Newcomer n : fresh) if (!n.isMember) all.add(n.peer.node);
    List<Spread.Step> steps = Spread.evenly(all, all);
    fresh.removeIf(Newcomer::isMember);
    if (onlyPlan || fresh.isEmpty()) return move(steps);
    showPlan(steps);
    String names = String.join(", ", fresh.stream().map(n -> n.peer.node.address()).toList());
    if (!agreed("Take in " + names + " and spread the slots evenly?")) return false;
    for (Newcomer n : fresh) if (!join(n.peer, true)) return false;
    yes = true; // that was the question
    return isWhole() && moveAsShown(Spread.evenly(primaries(), primaries()));
  }

  private boolean balance() throws IOException {
    return isWhole() && move(Spread.evenly(primaries(), primaries()));
  }

  private List<Newcomer> newcomers() {
    List<Newcomer> fresh = new ArrayList<>();
    for (String name : words) {
      Newcomer n = newcomer(name);
      if (n.peer.node.isReplica()) {
        throw fails(n.peer.node.address() + " is a replica in this cluster, and gets no slots.");
      }
      fresh.add(n);
    }
    return fresh;
  }

  private boolean join(Peer fresh, boolean isPrimary) {
    Peer first = view.peers.getFirst();
    if (isPrimary
        && !Membership.hasFunctionsOf(fresh, first)
        && !manager.membership.copyFunctions(first, fresh)) {
      return false;
    }
    if (!manager.membership.introduce(fresh, first)) return false;
    say("Waiting for " + fresh.node.address() + " to find the cluster.");
    for (int tenths = 0; tenths < WAIT_SECONDS * 10; tenths++) {
      if (serves(fresh) && isKnown(fresh)) {
        view.loadNode(fresh, false);
        return view.load(first) && view.byId(fresh.node.id) != null;
      }
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    notices.complain(
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
    for (NodeLine line : one.lines()) {
      if (line.id().equals(other.node.id)) return !line.isUnlinked();
    }
    return false;
  }

  private boolean shrink() throws IOException {
    for (String name : words) leaver(name); // mistakes first
    if (!isWhole()) return false;
    List<Peer> leaving = new ArrayList<>();
    for (String name : words) leaving.add(leaver(name));
    leaving.removeIf(this::hasLeft);
    if (leaving.isEmpty()) {
      say(String.join(", ", words) + " left the cluster before.");
      return true;
    }
    List<ManagedNode> staying = new ArrayList<>(primaries());
    for (Peer p : leaving) staying.remove(p.node);
    if (staying.isEmpty()) throw fails("No primary would be left.");
    List<Spread.Step> steps = Spread.evenly(primaries(), staying);
    if (onlyPlan) return move(steps);
    showPlan(steps);
    String names = String.join(", ", leaving.stream().map(p -> p.node.address()).toList());
    String out = names + " out of the cluster?";
    if (!agreed(
        steps.isEmpty() ? "Take " + out : "Move " + steps.size() + " slots, and take " + out)) {
      return false;
    }
    if (!moveAsShown(steps)) return false;
    for (Peer gone : leaving) {
      Peer now = view.byId(gone.node.id); // asked again meanwhile
      Peer one = now == null ? gone : now;
      if (!manager.membership.remove(one, Membership.Removal.REPEATED)) return false;
      view.peers.remove(one);
    }
    say(names + " left the cluster.");
    for (Peer gone : leaving) {
      if (!gone.isConnected()) {
        say("If " + gone.node.address() + " comes back, it has to be told: CLUSTER RESET there.");
      }
    }
    return true;
  }

  /// A node that leaves. After an attempt that was interrupted some nodes may not know it any more,
  /// or nobody does. One that has failed, and has no slots any more, isn't connected.
  private Peer leaver(String name) {
    Peer member = nodeOrNull(name);
    if (member != null) return member;
    String id = null;
    Peer lost = null;
    for (Peer p : view.peers) {
      for (NodeLine line : p.lines()) {
        String address = line.place();
        if (!address.equals(name) && !beginsId(line.id(), name)) continue;
        if (id != null && !id.equals(line.id())) {
          throw fails("The ids of several nodes begin with " + name + ".");
        }
        id = address.equals(name) ? null : line.id();
        Peer half = view.peer(line.host(), line.port());
        if (half.connectQuietly() && view.loadNode(half, false) && half.node.id.equals(line.id())) {
          return half;
        }
        if (!line.slots().isEmpty()) {
          throw fails(
              address + " can't be reached, and has slots: spinel cluster doctor says more.");
        }
        if (line.has("fail") && !half.isConnected()) {
          half.node.id = line.id();
          lost = half;
        }
      }
    }
    if (lost != null) return lost;
    HostPort at = HostPort.parse(name);
    if (at != null && at.port() != 0) {
      Peer out = view.peer(at.host(), at.port());
      if (out.connectQuietly()
          && view.loadNode(out, true)
          && (hasLeft(out) || knowsOnlyOurs(out))) {
        return out;
      }
    }
    throw fails("There is no node " + name + " in the cluster.");
  }

  /// Whether a node knows nobody, as one that was taken out.
  private boolean hasLeft(Peer p) {
    return view.byId(p.node.id) == null
        && p.lines().size() == 1
        && p.node.slots.isEmpty()
        && p.countKeys() == 0;
  }

  // ── moving slots ──

  /// Nothing moves in a cluster that isn't whole. Slots that an interrupted command has left half
  /// moved are finished first; what it has told only some nodes, the others hear within seconds. A
  /// node that has just come in refuses keys for its first seconds (`CLUSTERDOWN`): it is waited
  /// for, too.
  private boolean isWhole() throws IOException {
    boolean finished = onlyPlan;
    for (int tenths = 0; ; tenths++) {
      BitSet served = new BitSet();
      int slots = 0;
      boolean open = false;
      for (Peer p : view.primaries()) {
        slots += p.node.slots.cardinality();
        served.or(p.node.slots);
      }
      for (Peer p : view.peers) open |= !p.node.migrating.isEmpty() || !p.node.importing.isEmpty();
      boolean all = served.cardinality() == ManagedNode.SLOTS;
      if (open && all && !finished) {
        if (!agreed("Some slots are half moved. Finish them first?")) return false;
        finished = true;
        check();
      } else if (slots == ManagedNode.SLOTS
          && (onlyPlan || !open)
          && view.agrees()
          && (onlyPlan || allServe())) {
        return true;
      } else if (view.unreachablePrimaries > 0 || tenths == AGREE_SECONDS * 10) {
        notices.complain("The cluster isn't whole: spinel cluster doctor says why.");
        return false;
      } else {
        Shell.pause(Sampler.SECOND_MICROS / 10);
      }
      if (!view.load(view.peers.getFirst())) return false;
    }
  }

  /// Whether all primaries serve, and know each other.
  private boolean allServe() {
    List<Peer> primaries = view.primaries();
    for (Peer p : primaries) {
      List<String> known = p.lines().stream().map(NodeLine::id).toList();
      if (!serves(p) || !primaries.stream().allMatch(o -> known.contains(o.node.id))) return false;
    }
    return true;
  }

  private static boolean serves(Peer p) {
    String info = Peer.textOf(p.ask("CLUSTER", "INFO"));
    return info != null && info.contains("cluster_state:ok");
  }

  /// Checks all as redis-cli does, and mends it.
  private boolean check() throws IOException {
    SlotMover mover = new SlotMover(view, manager.log, options, true);
    return new ClusterCheck(view, manager.log, options, mover, true, new SplittableRandom())
        .run(true);
  }

  private boolean move(List<Spread.Step> steps) throws IOException {
    if (steps.isEmpty()) {
      if (json && onlyPlan) answerPlan(List.of(), new long[3], 0);
      else say("The slots are spread evenly.");
      return true;
    }
    showPlan(steps);
    if (onlyPlan) return true;
    return agreed("Move them?") && moveAsShown(steps);
  }

  /// Moves what the user has agreed to.
  private boolean moveAsShown(List<Spread.Step> steps) {
    Signal.handle(new Signal("INT"), signal -> stopped = true);
    return carryOut(steps);
  }

  private record Route(ManagedNode from, ManagedNode to) {}

  private void showPlan(List<Spread.Step> steps) {
    if (steps.isEmpty()) return;
    Map<Route, long[]> routes = new LinkedHashMap<>(); // slots, keys, bytes
    for (Spread.Step step : steps) {
      long[] sums = routes.computeIfAbsent(new Route(step.from(), step.to()), any -> new long[3]);
      sums[0]++;
      Peer from = view.of(step.from());
      if (from != null) sums[1] += Math.max(0, from.countKeys(step.slot()));
    }
    Estimate estimate = new Estimate(view.primaries().size(), KEYS_AT_A_TIME, throttle);
    List<String> rows = new ArrayList<>();
    long[] all = new long[3];
    routes.forEach(
        (route, sums) -> {
          Peer from = view.of(route.from());
          sums[2] = from == null ? 0 : sums[1] * bytesPerKey(from);
          estimate.add((int) sums[0], sums[1], sums[2], from == null ? 0 : roundTrip(from));
          for (int i = 0; i < 3; i++) all[i] += sums[i];
          rows.add(json && onlyPlan ? object(route, sums) : row(route, sums));
        });
    if (json && onlyPlan) {
      answerPlan(rows, all, estimate.seconds());
      return;
    }
    rows.forEach(this::say);
    String time = Estimate.text(estimate.seconds());
    if (manager.whole.isAllowed()) time = "at most " + time;
    say("In all " + amounts(all) + ": " + time + (throttle == 0 ? "." : ", with the throttle."));
  }

  private static String amounts(long[] sums) {
    return String.format(
        Locale.ROOT, "%d slots, %d keys, about %.1f MB", sums[0], sums[1], sums[2] / 1e6);
  }

  private static String row(Route route, long[] sums) {
    return route.from().address() + " -> " + route.to().address() + ": " + amounts(sums);
  }

  private static String object(Route route, long[] sums) {
    return "{\"from\":"
        + Notices.quoted(route.from().address())
        + ",\"to\":"
        + Notices.quoted(route.to().address())
        + fields(sums)
        + "}";
  }

  private static String fields(long[] sums) {
    return ",\"slots\":" + sums[0] + ",\"keys\":" + sums[1] + ",\"bytes\":" + sums[2];
  }

  private void answerPlan(List<String> moves, long[] all, double seconds) {
    notices.answer(
        String.format(
            Locale.ROOT,
            "{\"moves\":[%s]%s,\"seconds\":%.1f}",
            String.join(",", moves),
            fields(all),
            seconds));
  }

  private static long bytesPerKey(Peer p) {
    String info = Peer.textOf(p.ask("INFO", "memory"));
    long used = info == null ? 0 : Info.number(info, "used_memory_dataset");
    return Math.max(0, used) / Math.max(1, p.countKeys());
  }

  /// Seconds that a command to the node takes at least.
  private static double roundTrip(Peer p) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < PINGS; i++) {
      long begin = System.nanoTime();
      p.ask("PING");
      best = Math.min(best, System.nanoTime() - begin);
    }
    return best / 1e9;
  }

  private boolean carryOut(List<Spread.Step> steps) {
    long begin = System.nanoTime();
    long told = begin;
    long pause = screen.isForPeople() ? SECOND_NANOS : SECONDS_BETWEEN_LINES * SECOND_NANOS;
    int done = 0;
    int whole = 0; // of the next steps, that have been moved already
    int apart = 0; // of the next steps, that can't be moved whole
    for (Spread.Step step : steps) {
      if (stopped && whole == 0) {
        endProgress();
        notices.complain(
            "Stopped: "
                + done
                + " of "
                + steps.size()
                + " slots are moved, none is half. The same command goes on.");
        return false;
      }
      Peer from = view.of(step.from());
      Peer to = view.of(step.to());
      if (from == null || to == null) return false;
      if (whole == 0 && apart == 0) {
        int tried = stepsAtOnce(steps, done);
        boolean isDone = moveWhole(steps.subList(done, done + tried), from, to);
        whole = isDone ? tried : 0;
        apart = isDone ? 0 : tried;
      }
      boolean moved = whole > 0;
      whole -= moved ? 1 : 0;
      apart -= moved ? 0 : 1;
      String error = moved ? null : manager.mover.move(from, to, step.slot(), SlotMover.Way.QUIET);
      if (error != null) {
        endProgress();
        boolean isSaid = from.isConnected() && to.isConnected();
        notices.complain(
            "Slot "
                + step.slot()
                + " can't be moved from "
                + from.node.address()
                + " to "
                + to.node.address()
                + ": "
                + (!error.isEmpty() ? error : isSaid ? "see above" : "a node doesn't answer")
                + ". "
                + done
                + " slots are moved. spinel cluster doctor says more; the same command goes on.");
        return false;
      }
      from.node.slots.clear(step.slot());
      to.node.slots.set(step.slot());
      done++;
      long now = System.nanoTime();
      if (now - told > pause || done == steps.size()) {
        notices.progress(done, steps.size(), done / ((now - begin) / 1e9));
        told = now;
      }
      throttle(done, begin);
    }
    endProgress();
    return settle();
  }

  /// The line in which a person sees the progress ends.
  private void endProgress() {
    if (screen.isForPeople() && !json) say("");
  }

  /// How many of the steps from `begin` on have one source and one target, and may be one move.
  private int stepsAtOnce(List<Spread.Step> steps, int begin) {
    Spread.Step first = steps.get(begin);
    int end = begin;
    int most = throttle == 0 ? SLOTS_AT_ONCE : Math.clamp((long) throttle, 1, SLOTS_AT_ONCE);
    while (end < steps.size()
        && end - begin < most
        && steps.get(end).from() == first.from()
        && steps.get(end).to() == first.to()) {
      end++;
    }
    return end - begin;
  }

  /// Moves the slots of the steps whole, if they can be. Returns whether they were; where they
  /// could have been, and weren't, it is said why.
  private boolean moveWhole(List<Spread.Step> steps, Peer from, Peer to) {
    BitSet slots = new BitSet();
    steps.forEach(step -> slots.set(step.slot()));
    boolean isDone = manager.whole.move(from, to, slots) == WholeMover.Outcome.MOVED;
    String why = manager.whole.reason();
    if (!isDone && !why.isEmpty() && !why.equals(saidWhyNotWhole)) {
      saidWhyNotWhole = why;
      say("Keys move one by one, as the slots can't move whole: " + why);
    }
    return isDone;
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
    notices.complain("All is moved, but the nodes don't agree about it yet.");
    return false;
  }

  private boolean resume() throws IOException {
    if (json && !agreed("")) return false; // it may come to a question
    if (yes) options.cluster.mending = ClusterOptions.Mending.ACTS;
    return check();
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
    notices.complain(
        replica.node.address() + " hasn't become the primary: its log says why. Nothing is lost.");
    return false;
  }

  private static boolean asksToLead(Peer replica) {
    RespValue reply = replica.ask("CLUSTER", "FAILOVER");
    String error = Peer.errorOf(reply);
    return error != null && error.contains("to a replica") || replica.succeeds(reply);
  }
}
