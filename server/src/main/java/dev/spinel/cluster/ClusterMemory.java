package dev.spinel.cluster;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// INFO memory, and what it tells of the bus: bytes that wait for other nodes.
public final class ClusterMemory implements Section {
  private final Supplier<@Nullable Cluster> cluster;

  /// @param cluster null: there is none, for good or not yet
  public ClusterMemory(Supplier<@Nullable Cluster> cluster) {
    this.cluster = cluster;
  }

  @Override
  public String title() {
    return "Memory";
  }

  @Override
  public void tell(Call call, Fields out) {
    Cluster of = cluster.get();
    if (of != null) {
      out.field("mem_cluster_links", of.unsentBytes());
    }
  }
}
