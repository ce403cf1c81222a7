package dev.spinel.cli.cluster;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A node of a cluster as the manager knows it: where it answers, what it says of itself, and what
/// is planned for it. Belongs to the manager's thread.
public final class ManagedNode {
  public static final int SLOTS = 16384;
  public static final int BUS_PORT_OFFSET = 10000;

  public final String host;
  public final int port;
  public int busPort;

  /// Its id; empty until it was asked.
  public String id = "";

  private final List<String> flags = new ArrayList<>();
  private boolean replica;
  private boolean unusable;

  /// The id of the primary that it replicates, or shall replicate.
  public @Nullable String primaryId;

  public long epoch;
  public final BitSet slots = new BitSet(SLOTS);

  /// How many slots it had when it was asked, or was given; moves don't change it.
  public int slotCount;

  /// Slot → id of the node that it goes to, comes from.
  public final Map<Integer, String> migrating = new LinkedHashMap<>();

  public final Map<Integer, String> importing = new LinkedHashMap<>();

  /// How many known nodes replicate it.
  public int replicas;

  /// Whether something is planned that it wasn't told yet.
  public boolean changed;

  public float weight = 1;

  /// Slots that it has too many (of a rebalance under way).
  int balance;

  public ManagedNode(String host, int port) {
    this.host = host;
    this.port = port;
    this.busPort = port + BUS_PORT_OFFSET;
  }

  /// As it stands in another node's line.
  public static ManagedNode of(NodeLine line) {
    ManagedNode node = new ManagedNode(line.host(), line.port());
    if (line.busPort() != 0) node.busPort = line.busPort();
    node.takeState(line);
    return node;
  }

  /// What it says of itself: the line with "myself".
  public void describe(NodeLine line) {
    busPort = line.busPort();
    slots.clear();
    slots.or(line.slots());
    slotCount = slots.cardinality();
    migrating.clear();
    migrating.putAll(line.migrating());
    importing.clear();
    importing.putAll(line.importing());
    changed = false;
    takeState(line);
  }

  private void takeState(NodeLine line) {
    id = line.id();
    epoch = line.epoch();
    flags.clear();
    flags.addAll(line.flags());
    if (line.has("noaddr") || line.has("disconnected") || line.has("fail")) unusable = true;
    if (line.has("slave")) {
      replica = true;
      primaryId = line.primaryId();
    }
  }

  public boolean isReplica() {
    return replica;
  }

  /// Whether somebody says that it failed, or that nobody knows where it is.
  public boolean isUnusable() {
    return unusable;
  }

  public String address() {
    return host + ":" + port;
  }

  /// Its flags but "myself".
  public String flagText() {
    return String.join(",", flags.stream().filter(f -> !f.equals("myself")).toList());
  }

  public String slotText() {
    return rangesOf(slots);
  }

  /// `[0-5460],[5462]`
  public static String rangesOf(BitSet slots) {
    StringBuilder b = new StringBuilder();
    for (int from = slots.nextSetBit(0); from >= 0; ) {
      int end = slots.nextClearBit(from);
      if (!b.isEmpty()) b.append(',');
      b.append('[').append(from);
      if (end - from > 1) b.append('-').append(end - 1);
      b.append(']');
      from = slots.nextSetBit(end);
    }
    return b.toString();
  }

  /// The lines that describe it, indented by so many blanks; the last has no end.
  public String description(int indent) {
    String blanks = " ".repeat(indent);
    StringBuilder b = new StringBuilder(blanks);
    if (changed && primaryId != null) {
      b.append("S: ").append(id).append(' ').append(address());
    } else {
      b.append(replica ? "S: " : "M: ").append(id).append(' ').append(address());
      b.append('\n').append(blanks).append("   slots:").append(slotText());
      b.append(" (").append(slotCount).append(" slots) ").append(flagText());
    }
    if (primaryId != null) {
      b.append('\n').append(blanks).append("   replicates ").append(primaryId);
    } else if (replicas > 0) {
      b.append('\n').append(blanks).append("   ").append(replicas).append(" additional replica(s)");
    }
    return b.toString();
  }

  /// The first node whose id is, or begins with, this text; of any case.
  public static @Nullable ManagedNode byId(
      Iterable<ManagedNode> nodes, String id, boolean abbreviated) {
    String lower = id.toLowerCase(Locale.ROOT);
    for (ManagedNode n : nodes) {
      if (n.id.isEmpty()) continue;
      if (abbreviated ? n.id.startsWith(lower) : n.id.equals(lower)) return n;
    }
    return null;
  }
}
