package dev.spinel.cluster;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The cluster as this node sees it at one moment: what CLUSTER NODES, SLOTS, SHARDS, INFO and
/// LINKS show, and what decides whether a key is served here. Nobody changes it, so any thread may
/// read it.
public final class ClusterView {
  /// Slots in a row with one owner.
  public record Range(int first, int last, NodeView owner) {}

  /// A primary and its replicas.
  ///
  /// @param slots first, last, first, last …
  public record ShardView(List<Integer> slots, List<NodeView> nodes) {}

  /// @param waiting bytes
  public record LinkView(boolean inbound, String node, long created, long waiting) {}

  private final boolean isUp;
  private final NodeView myself;
  private final Map<String, NodeView> nodes;
  private final @Nullable String[] owners; // ids
  private final SortedMap<Integer, String> migrating;
  private final SortedMap<Integer, String> importing;
  private final Set<Integer> fromOurs; // those of them that a node of our kind has
  private final int size;
  private final long currentEpoch;
  private final List<LinkView> links;
  private final BusLinks.Counts counts;
  private final boolean awaitsTakeover;
  private final SlotSet hidden;
  private final SlotSet purging;
  private final SlotSet handed;
  private final SlotSet unsaved;
  private final List<MoveView> moves;

  private ClusterView(ClusterMachine machine) {
    isUp = machine.health().isUp();
    awaitsTakeover = machine.health().awaitsTakeover();
    nodes = new LinkedHashMap<>();
    owners = machine.slots().ids();
    for (ClusterNode node : machine.nodes().all()) {
      nodes.put(node.id, machine.describe(node));
    }
    myself = machine.describe(machine.myself());
    migrating = ClusterMachine.ids(machine.slots().migrating());
    importing = ClusterMachine.ids(machine.slots().importing());
    fromOurs =
        machine.slots().importing().entrySet().stream()
            .filter(e -> e.getValue().isOurs)
            .map(Map.Entry::getKey)
            .collect(Collectors.toUnmodifiableSet());
    size = machine.health().size();
    currentEpoch = machine.currentEpoch();
    links = links(machine);
    counts = machine.links().counts();
    hidden = machine.moves().hidden();
    purging = machine.moves().purging().copy();
    handed = machine.moves().handed();
    unsaved = machine.moves().unsaved();
    moves = machine.moves().views();
  }

  static ClusterView of(ClusterMachine machine) {
    return new ClusterView(machine);
  }

  private static List<LinkView> links(ClusterMachine machine) {
    List<LinkView> links = new ArrayList<>();
    for (BusLinks.BusLink link : machine.links().ofNodes()) {
      ClusterNode node = link.node;
      if (node != null) {
        links.add(
            new LinkView(
                link.inbound, node.id, link.sinceWall, machine.world().unsentBytes(link.id)));
      }
    }
    return links;
  }

  // ── for gates ──

  public boolean isUp() {
    return isUp;
  }

  /// Whether this node waits for a replica to take over, since its data is missing.
  public boolean awaitsTakeover() {
    return awaitsTakeover;
  }

  /// Slots whose keys are here and are shown to nobody.
  public SlotSet hidden() {
    return hidden;
  }

  /// Of those, slots whose keys go.
  public SlotSet purging() {
    return purging;
  }

  /// Slots of this node of which another one says whether they still are, and those of [#unsaved].
  public SlotSet handed() {
    return handed;
  }

  /// Slots that have moved here: they are served once that is on the disk.
  public SlotSet unsaved() {
    return unsaved;
  }

  /// Slots that move whole, and the last ones that did.
  public List<MoveView> moves() {
    return moves;
  }

  public NodeView myself() {
    return myself;
  }

  public @Nullable NodeView owner(int slot) {
    String id = owners[slot];
    return id == null ? null : nodes.get(id);
  }

  /// Whether this node owns the slot, or its primary does.
  public boolean isMine(int slot) {
    String id = owners[slot];
    return id != null && (id.equals(myself.id()) || id.equals(myself.primary()));
  }

  /// Where a slot of this node is going, or null.
  public @Nullable NodeView migratingTo(int slot) {
    String id = migrating.get(slot);
    return id == null ? null : nodes.get(id);
  }

  /// Where a slot of another node comes from, or null.
  public @Nullable NodeView importingFrom(int slot) {
    String id = importing.get(slot);
    return id == null ? null : nodes.get(id);
  }

  /// Whether this slot is imported from a node that is known to be of our kind: its MIGRATE asks
  /// for a replica's acknowledgement itself, once for all its keys.
  public boolean importsFromOurs(int slot) {
    return fromOurs.contains(slot);
  }

  /// Whether clients are served the same slots as by that view, or sent to the same nodes, and this
  /// node has the same part. (Addresses may differ.)
  public boolean servesAs(ClusterView other) {
    if (isUp != other.isUp
        || awaitsTakeover != other.awaitsTakeover
        || myself.isPrimary() != other.myself.isPrimary()
        || !myself.primary().equals(other.myself.primary())
        || !migrating.equals(other.migrating)
        || !importing.equals(other.importing)
        || !hidden.equals(other.hidden)
        || !purging.equals(other.purging)
        || !handed.equals(other.handed)
        || !unsaved.equals(other.unsaved)) {
      return false;
    }
    return owners == other.owners; // there is a new array whenever one has changed
  }

  /// Slots of this node that are going elsewhere.
  public Set<Integer> migrating() {
    return migrating.keySet();
  }

  /// Slots of other nodes that are coming here.
  public Set<Integer> importing() {
    return importing.keySet();
  }

  // ── for commands ──

  public @Nullable NodeView node(String id) {
    return nodes.get(id);
  }

  public List<NodeView> nodes() {
    return List.copyOf(nodes.values());
  }

  /// In the order of their ids, so that all nodes list them alike.
  public List<NodeView> replicasOf(String id) {
    return nodes.values().stream()
        .filter(node -> node.primary().equals(id))
        .sorted(Comparator.comparing(NodeView::id))
        .toList();
  }

  public List<LinkView> links() {
    return links;
  }

  /// CLUSTER NODES, as for a client of the kind that the bus is.
  public String nodesText() {
    return nodesText(false);
  }

  /// CLUSTER NODES.
  ///
  /// @param other with the ports for clients of the kind that the bus isn't ([NodeView#port])
  public String nodesText(boolean other) {
    var text = new StringBuilder();
    for (NodeView node : nodes.values()) {
      NodesFile.line(text, node, migrating, importing, node.port(other), "");
      text.append('\n');
    }
    return text.toString();
  }

  /// A line of CLUSTER REPLICAS.
  public String line(NodeView node) {
    return line(node, false);
  }

  String line(NodeView node, boolean other) {
    var text = new StringBuilder();
    NodesFile.line(text, node, migrating, importing, node.port(other), "");
    return text.toString();
  }

  /// What CLUSTER SLOTS shows, owners only: their replicas are [#replicasOf].
  public List<Range> ranges() {
    List<Range> ranges = new ArrayList<>();
    for (int slot = 0; slot < SlotSet.SLOTS; ) {
      NodeView owner = owner(slot);
      int first = slot;
      while (slot < SlotSet.SLOTS && Objects.equals(owners[slot], owners[first])) {
        slot++;
      }
      if (owner != null) {
        ranges.add(new Range(first, slot - 1, owner));
      }
    }
    return ranges;
  }

  /// What CLUSTER SHARDS shows.
  public List<ShardView> shards() {
    Map<String, List<NodeView>> members = new LinkedHashMap<>();
    for (NodeView node : nodes.values()) {
      if (!node.is(NodeFlags.HANDSHAKE)) {
        members.computeIfAbsent(node.shard(), any -> new ArrayList<>()).add(node);
      }
    }
    List<ShardView> shards = new ArrayList<>();
    for (List<NodeView> shard : members.values()) {
      List<Integer> slots = new ArrayList<>();
      for (NodeView node : shard) {
        if (node.isPrimary()) {
          node.slots()
              .ranges(
                  (first, last) -> {
                    slots.add(first);
                    slots.add(last);
                  });
        }
      }
      shards.add(new ShardView(slots, shard));
    }
    return shards;
  }

  /// CLUSTER INFO.
  public String infoText() {
    int assigned = 0;
    int failed = 0;
    int suspected = 0;
    for (NodeView owner : nodes.values()) {
      int slots = owner.slots().count();
      assigned += slots;
      if (owner.hasFailed()) {
        failed += slots;
      } else if (owner.mayHaveFailed()) {
        suspected += slots;
      }
    }
    List<String> lines = new ArrayList<>();
    lines.add("cluster_state:" + (isUp ? "ok" : "fail"));
    lines.add("cluster_slots_assigned:" + assigned);
    lines.add("cluster_slots_ok:" + (assigned - failed - suspected));
    lines.add("cluster_slots_pfail:" + suspected);
    lines.add("cluster_slots_fail:" + failed);
    lines.add("cluster_known_nodes:" + nodes.size());
    lines.add("cluster_size:" + size);
    lines.add("cluster_current_epoch:" + Long.toUnsignedString(currentEpoch));
    lines.add("cluster_my_epoch:" + Long.toUnsignedString(myself.configEpoch()));
    count("sent", counts.sent(), lines);
    count("received", counts.received(), lines);
    lines.add("total_cluster_links_buffer_limit_exceeded:" + counts.overflows());
    return String.join("\r\n", lines) + "\r\n";
  }

  private static void count(String word, long[] byType, List<String> lines) {
    long all = 0;
    for (BusType type : BusType.values()) {
      long count = byType[type.ordinal()];
      all += count;
      if (count > 0) {
        lines.add("cluster_stats_messages_" + type.word() + "_" + word + ":" + count);
      }
    }
    lines.add("cluster_stats_messages_" + word + ":" + all);
  }
}
