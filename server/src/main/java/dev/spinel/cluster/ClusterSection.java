package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A part of INFO cluster: what keeps a node from taking part, and slots that move whole, so long
/// as there are such.
public final class ClusterSection implements Section {
  private final Config config;
  private final Supplier<@Nullable Cluster> cluster;

  /// @param cluster null: there is none, for good or not yet
  public ClusterSection(Config config, Supplier<@Nullable Cluster> cluster) {
    this.config = config;
    this.cluster = cluster;
  }

  @Override
  public String title() {
    return "Cluster";
  }

  /// Whether this node, once it is a replica, can't log in to its primary.
  public static boolean lacksMasterauth(Config config) {
    return config.get(Settings.CLUSTER_ENABLED)
        && !config.get(Settings.REQUIREPASS).isEmpty()
        && config.get(Settings.MASTERAUTH).isEmpty();
  }

  @Override
  public void tell(Call call, Fields out) {
    if (lacksMasterauth(config)) out.field("cluster_masterauth_missing", 1);
    Cluster of = cluster.get();
    if (of == null) {
      return;
    }
    ClusterView view = of.view();
    List<MoveView> underWay = view.moves().stream().filter(move -> move.ended() == 0).toList();
    long imports = underWay.stream().filter(MoveView::isImport).count();
    out.field("cluster_slot_imports", imports);
    out.field("cluster_slot_exports", underWay.size() - imports);
    out.field(
        "cluster_slot_moved_bytes",
        underWay.stream().mapToLong(move -> of.movedBytes(move.id())).sum());
    out.field("cluster_slots_hidden", view.hidden().count());
    out.field("cluster_slots_handed_over", view.handed().count());
  }
}
