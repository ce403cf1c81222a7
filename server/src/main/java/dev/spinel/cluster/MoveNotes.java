package dev.spinel.cluster;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What a primary has its replicas write down of slots that move, so that whoever is promoted
/// knows.
///
/// ```
///   primary                                  each replica of ours
///   list, version ── "list v items" ───────► has all data that TAKING needs? then on its disk
///   known by it  ◄── "known v" ─────────────
/// ```
///
/// The primary tells the newest list again and again until each replica has said that it is on its
/// disk. A replica writes a list with TAKING down only once it has all data of these slots. So that
/// it is written means that the data was there, whatever has become of the offsets since.
///
/// A replica keeps its list when it follows another primary of its shard, until that one tells it
/// another: what its first primary had begun isn't over because that one was replaced.
///
/// Belongs to the machine's thread.
final class MoveNotes {
  private final ClusterMachine machine;
  private final Supplier<List<MoveText.Item>> items;

  // As a primary: what its replicas are told.
  private String version = ""; // LIFE.NUMBER, and numbers of one life grow
  private String life = "";
  private long versions;
  private final Set<String> knownTo = new HashSet<>();
  private boolean tells;

  // As a replica: what its primary has told, on the disk or on its way there.
  private List<MoveText.Item> kept = List.of();
  private String keptFrom = "";
  private String keptVersion = "";
  private boolean isKept; // on the disk

  // As a replica: a list whose data isn't here yet.
  private @Nullable List<MoveText.Item> awaited;
  private String awaitedVersion = "";

  /// @param items what replicas of this primary are to know
  MoveNotes(ClusterMachine machine, Supplier<List<MoveText.Item>> items) {
    this.machine = machine;
    this.items = items;
  }

  // ── a primary ──

  /// There is another list.
  void changed() {
    if (life.isEmpty()) {
      life = machine.wall() + "."; // no other life of this node had it
    }
    version = life + ++versions;
    knownTo.clear();
    tells = true;
    machine.changed();
  }

  /// A primary that was started again has nothing to say, but a replica may still have what it said
  /// in its life before.
  void begin() {
    if (version.isEmpty() && machine.myself().isPrimary()) {
      changed();
    }
  }

  /// Whether each replica has the newest list on its disk.
  boolean areKnown() {
    return unknowing().isEmpty();
  }

  /// A replica that hasn't; empty: all have.
  String unknowing() {
    for (ClusterNode replica : machine.myself().replicas) {
      if (!knownTo.contains(replica.id)) {
        return replica.id;
      }
    }
    return "";
  }

  /// A new replica of this primary has to know, too.
  void hasReplica(ClusterNode replica) {
    if (replica.isOurs && !knownTo.contains(replica.id)) {
      tells = !version.isEmpty();
    }
  }

  void known(ClusterNode sender, String which) {
    if (which.equals(version)) {
      knownTo.add(sender.id);
    } else if (which.equals(MoveText.NONE)) {
      begin();
    } else if (knownTo.remove(sender.id)) {
      tells = true; // one of another life has overtaken the newest
    }
  }

  void tick() {
    forgetFormerReplicas();
    tells |= !version.isEmpty() && !areKnown();
    ClusterNode primary = machine.myself().primary;
    if (primary != null && !kept.isEmpty() && !keptFrom.equals(primary.id)) {
      machine.moves().say(primary, "known " + MoveText.NONE); // it may have nothing to tell
    }
  }

  /// A replica that leaves forgets what it was told, and may come back.
  private void forgetFormerReplicas() {
    if (!knownTo.isEmpty()) {
      Set<String> ids = new HashSet<>();
      for (ClusterNode replica : machine.myself().replicas) {
        ids.add(replica.id);
      }
      knownTo.retainAll(ids);
    }
  }

  // ── a replica ──

  /// What this node goes by if it is promoted.
  List<MoveText.Item> kept() {
    return kept;
  }

  /// Of this replica: for `nodes.conf`.
  String contents() {
    return kept.isEmpty() ? "" : keptFrom + "|" + MoveText.write(kept);
  }

  void load(String from, List<MoveText.Item> list) {
    keptFrom = from;
    kept = list;
  }

  /// Its primary tells.
  void told(ClusterNode sender, String which, String text) {
    List<MoveText.Item> list = MoveText.read(text);
    if (list == null || sender != machine.myself().primary) {
      return;
    }
    if (keptVersion.equals(which) && keptFrom.equals(sender.id)) {
      awaited = null;
      answer(); // it may not have heard it
      return;
    }
    if (awaited != null && isOlder(which, awaitedVersion)
        || keptFrom.equals(sender.id) && isOlder(which, keptVersion)) {
      return; // it was on its way over a link that broke
    }
    awaited = list;
    awaitedVersion = which;
    look();
  }

  /// Whether both are of one life of one primary, and which is the first of them.
  private static boolean isOlder(String version, String than) {
    int dot = version.indexOf('.') + 1;
    return dot > 0
        && than.startsWith(version.substring(0, dot))
        && MoveText.number(version.substring(dot)) < MoveText.number(than.substring(dot));
  }

  /// Whether it waits for the data that a list is about.
  boolean awaitsOffset() {
    return awaited != null;
  }

  private boolean isHere(MoveText.Item item) {
    return item.state() != MoveText.Written.TAKING
        || machine.world().hasCompleteCopy() && machine.world().offset() >= item.number();
  }

  private void look() {
    ClusterNode primary = machine.myself().primary;
    List<MoveText.Item> list = awaited;
    if (list == null || primary == null || !list.stream().allMatch(this::isHere)) {
      return;
    }
    awaited = null;
    kept = list;
    keptFrom = primary.id;
    keptVersion = awaitedVersion;
    isKept = false;
    machine.changed();
    String which = keptVersion;
    machine.whenSaved(
        () -> {
          if (keptVersion.equals(which)) {
            isKept = true;
            answer();
          }
        });
  }

  private void answer() {
    ClusterNode primary = machine.myself().primary;
    if (isKept && primary != null && primary.id.equals(keptFrom)) {
      machine.moves().say(primary, "known " + keptVersion);
    }
  }

  // ── roles ──

  /// This node follows a primary from now on, perhaps another one.
  void follows() {
    version = "";
    knownTo.clear();
    tells = false;
    awaited = null;
    keptVersion = "";
    isKept = false;
    ClusterNode teller = machine.nodes().get(keptFrom);
    if (teller == null || !teller.shard.equals(machine.myself().shard)) {
      kept = List.of();
      keptFrom = "";
    }
  }

  /// This node takes its primary's place. Returns what it has to go on with.
  List<MoveText.Item> promoted() {
    List<MoveText.Item> inherited = kept;
    clear();
    return inherited;
  }

  void clear() {
    version = "";
    knownTo.clear();
    tells = false;
    awaited = null;
    kept = List.of();
    keptFrom = "";
    keptVersion = "";
    isKept = false;
  }

  void endOfStep() {
    look();
    if (tells) {
      tells = false;
      tellReplicas();
    }
  }

  private void tellReplicas() {
    ClusterNode myself = machine.myself();
    if (myself.isReplica() || version.isEmpty()) {
      return;
    }
    String list = MoveText.write(new ArrayList<>(items.get()));
    for (ClusterNode replica : myself.replicas) {
      if (replica.isOurs && !knownTo.contains(replica.id)) {
        machine.moves().say(replica, "list " + version + " " + list);
      }
    }
  }
}
