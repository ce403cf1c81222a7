package dev.spinel.cluster;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A part of INFO cluster: slots that move whole, so long as there are such.
public final class MovesSection implements Section {
  private final Supplier<@Nullable Cluster> cluster;

  /// @param cluster null: there is none, for good or not yet
  public MovesSection(Supplier<@Nullable Cluster> cluster) {
    this.cluster = cluster;
  }

  @Override
  public String title() {
    return "Cluster";
  }

  @Override
  public void tell(Call call, Fields out) {
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
