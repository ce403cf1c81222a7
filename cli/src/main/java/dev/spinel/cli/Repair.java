package dev.spinel.cli;

import dev.spinel.cli.ClusterOptions.Mending;
import dev.spinel.cli.cluster.HostPort;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.cli.cluster.NodeLine;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Mends a cluster (`spinel cluster fix`): introduces nodes anew whose addresses have changed,
/// finishes or closes slots that are half moved, and gives slots away that nobody owns.
///
/// Nodes are known by their ids. Whoever answers at an address that a node of the cluster knows, or
/// that the user has named, is asked for its id; so a node is found although it answers where
/// another one did before. A slot is given away only if no node is missing that owns any: it comes
/// back with that node, with its keys.
final class Repair {
  private static final int WAIT_SECONDS = 60;
  private static final long SEED = 1; // what is shown is what is done

  private final ClusterView view;
  private final ClusterLog log;
  private final Options options;
  private final Notices notices;
  private final Membership membership;

  /// Who answers where; null: nobody. An address is tried once.
  private final Map<String, @Nullable Peer> answers = new LinkedHashMap<>();

  /// Nodes of the cluster by id, with what each of them says.
  private final Map<String, Peer> nodes = new LinkedHashMap<>();

  private final Map<Peer, List<NodeLine>> tables = new LinkedHashMap<>();
  private @Nullable Peer first;
  private List<HostPort> named = List.of();
  private boolean isWell; // or will be, as the check of slots has it

  /// One node that knows another one by a wrong address.
  private record Meeting(Peer from, Peer to, String wrong) {}

  private final List<Meeting> meetings = new ArrayList<>();

  /// Nodes that answer nowhere, as others know them.
  private final Map<String, NodeLine> missing = new LinkedHashMap<>();

  Repair(ClusterView view, ClusterLog log, Options options, Notices notices) {
    this.view = view;
    this.log = log;
    this.options = options;
    this.notices = notices;
    this.membership = new Membership(view, log);
  }

  /// Looks at a cluster. False if its node `first` can't be asked, which is said.
  ///
  /// @param named where nodes may answer besides
  boolean look(Peer first, Collection<HostPort> named) {
    if (!first.connect() || !view.isClusterNode(first) || !view.loadNode(first, false)) {
      return false;
    }
    this.first = first;
    this.named = List.copyOf(named);
    answers.clear();
    nodes.clear();
    tables.clear();
    meetings.clear();
    missing.clear();
    answers.put(first.node.address(), first);
    Set<String> known = new LinkedHashSet<>(List.of(first.node.id));
    Deque<Peer> unread = new ArrayDeque<>(List.of(first));
    for (HostPort at : named) answering(at.host(), at.port());
    while (!unread.isEmpty()) {
      Peer one = unread.removeFirst();
      nodes.put(one.node.id, one);
      List<NodeLine> lines = one.lines();
      tables.put(one, lines);
      for (NodeLine line : lines) {
        if (line.has("handshake")) continue;
        known.add(line.id());
        if (!line.isMyself() && line.port() != 0) answering(line.host(), line.port());
      }
      // Somebody else may answer at an address of ours: only who is known by id belongs to us.
      for (Peer p : answers.values()) {
        if (p == null || !known.contains(p.node.id)) continue;
        Peer before = nodes.get(p.node.id);
        if (before == null && !unread.contains(p) && isNew(unread, p)) unread.addLast(p);
      }
    }
    compare();
    view.take(nodes.values());
    return true;
  }

  private static boolean isNew(Collection<Peer> unread, Peer p) {
    for (Peer other : unread) if (other.node.id.equals(p.node.id)) return false;
    return true;
  }

  private @Nullable Peer answering(String host, int port) {
    String address = host + ":" + port;
    if (answers.containsKey(address)) return answers.get(address);
    Peer p = view.peer(host, port);
    boolean answered = p.connectQuietly() && view.loadNode(p, true) && !p.node.id.isEmpty();
    answers.put(address, answered ? p : null);
    return answered ? p : null;
  }

  /// Finds whom each node knows by a wrong address, and who is missing.
  private void compare() {
    tables.forEach(
        (from, lines) -> {
          for (NodeLine line : lines) {
            if (line.isMyself() || line.has("handshake")) continue;
            Peer there = line.port() == 0 ? null : answers.get(line.place());
            if (there != null && there.node.id.equals(line.id())) continue;
            Peer to = place(line.id());
            if (to == null) missing.merge(line.id(), line, Repair::withSlots);
            else meetings.add(new Meeting(from, to, line.place()));
          }
        });
  }

  /// Where a node answers: at an address that other hosts can reach, if there is one.
  private @Nullable Peer place(String id) {
    Peer place = nodes.get(id);
    for (Peer p : answers.values()) {
      if (place == null || p == null || !p.node.id.equals(id)) continue;
      if (isLoopback(place.node.host) && !isLoopback(p.node.host)) place = p;
    }
    return place;
  }

  private static NodeLine withSlots(NodeLine one, NodeLine other) {
    return one.slots().isEmpty() ? other : one;
  }

  // ── what is found ──

  /// Shows what is to be done. False if there is nothing.
  boolean show() throws IOException {
    for (Meeting m : meetings) notices.say(text(m));
    for (NodeLine line : missing.values()) notices.say(text(line));
    if (slotsAreOfTheMissing()) return !meetings.isEmpty();
    return slots(Mending.SHOWS) > 0 || !meetings.isEmpty();
  }

  private static String text(Meeting m) {
    String where = m.wrong.equals(":0") ? "knows no address of " : "knows " + m.wrong + " for ";
    return m.from.node.address()
        + " "
        + where
        + m.to.node.id.substring(0, 8)
        + ", which is at "
        + m.to.node.address()
        + ": it is introduced anew";
  }

  private static String text(NodeLine line) {
    String role = line.has("slave") ? "replica" : "primary";
    int slots = line.slots().cardinality();
    return role
        + " "
        + line.id().substring(0, 8)
        + " answers nowhere; it was at "
        + line.place()
        + (slots == 0 ? "" : ", and has " + slots + " slots");
  }

  private boolean slotsAreOfTheMissing() {
    return missing.values().stream().anyMatch(line -> !line.slots().isEmpty());
  }

  /// Whether something is wrong that can't be mended, which is said then. Asked if [#show] has
  /// shown nothing to do.
  boolean isLeft() {
    if (refuses()) return true;
    if (!missing.isEmpty()) {
      notices.complain("Whoever answers nowhere must be started; nothing else is to be mended.");
      return true;
    }
    if (!isWell) {
      notices.complain(
          "Something is wrong that can't be mended so: spinel cluster doctor says more.");
    }
    return !isWell;
  }

  // ── mending ──

  /// Does what was shown. Whether that succeeded; why not is said.
  boolean mend() throws IOException {
    Peer one = first;
    if (one == null) throw new IllegalStateException("nobody has looked");
    for (Meeting m : meetings) if (!introduce(m)) return false;
    if (!meetings.isEmpty() && !awaitMeetings()) return false;
    if (!look(one, named) || refuses()) return false; // somebody may be missing by now
    slots(Mending.ACTS);
    return true;
  }

  /// Whether slots are left as they are, which is said then.
  boolean refuses() {
    if (!slotsAreOfTheMissing()) return false;
    notices.complain(
        "Slots stay with the nodes that answer nowhere, with their keys. Start those, or say where"
            + " they are now: spinel cluster fix HOST:PORT...");
    return true;
  }

  private boolean introduce(Meeting m) {
    ManagedNode to = m.to.node;
    String ip = membership.resolve(to.host);
    if (ip == null) return false;
    if (ip.startsWith("127.") && !isLoopback(m.from.node.host)) {
      notices.complain(
          to.address()
              + " is an address that "
              + m.from.node.address()
              + " can't reach: name the one by which other hosts know that node.");
      return false;
    }
    return m.from.succeeds(Membership.meet(m.from, ip, to));
  }

  private boolean isLoopback(String host) {
    String ip = membership.resolve(host);
    return ip != null && ip.startsWith("127.");
  }

  private boolean awaitMeetings() {
    for (int tenths = 0; tenths < WAIT_SECONDS * 10; tenths++) {
      if (meetings.stream().allMatch(Repair::isDone) && view.agrees()) return true;
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    notices.complain("Not all nodes have found each other: their bus ports must be reachable.");
    return false;
  }

  private static boolean isDone(Meeting m) {
    for (NodeLine line : m.from.lines()) {
      if (!line.id().equals(m.to.node.id)) continue;
      return !line.place().equals(m.wrong) && !line.isUnlinked() && !line.has("fail");
    }
    return false;
  }

  /// Mends slots that are open, and those without an owner. Returns how much there was to do, if it
  /// is only shown.
  private int slots(Mending how) throws IOException {
    options.cluster.mending = how;
    options.cluster.shown = 0;
    SlotMover mover = new SlotMover(view, log, options, true);
    isWell =
        new ClusterCheck(view, log, options, mover, true, new SplittableRandom(SEED)).run(true);
    return options.cluster.shown;
  }
}
