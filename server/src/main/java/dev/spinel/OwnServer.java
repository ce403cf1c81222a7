package dev.spinel;

import dev.spinel.cluster.ClusterView;
import dev.spinel.cluster.NodeView;
import dev.spinel.replication.Standing;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.stream.Collectors;

/// A Spinel of this JVM as a member of a topology.
final class OwnServer implements Member {
  private final Spinel spinel;
  private final OutputStream log;
  private final boolean isOfCluster;

  /// @param log is closed when it ends
  OwnServer(Spinel spinel, OutputStream log, boolean isOfCluster) {
    this.spinel = spinel;
    this.log = log;
    this.isOfCluster = isOfCluster;
  }

  @Override
  public int port() {
    return spinel.port();
  }

  @Override
  public View view() {
    Standing standing = spinel.standing();
    ClusterPart node = isOfCluster ? part(spinel.clusterView()) : null;
    boolean hasAll = standing.link().isUp() && standing.isComplete();
    boolean follows = standing.isReplica();
    boolean shouldFollow = node == null ? follows : !node.isPrimary();
    boolean isInSync = follows == shouldFollow && (!follows || hasAll);
    return new View(
        standing.primary(), isInSync, isInSync ? "" : trouble(standing), spinel.offset(), node);
  }

  private static ClusterPart part(ClusterView view) {
    NodeView myself = view.myself();
    return new ClusterPart(
        myself.id(),
        myself.isPrimary() ? "" : myself.primary(),
        myself.configEpoch(),
        myself.slots().toString(),
        myself.slots().count(),
        view.isUp(),
        view.nodes().stream().map(NodeView::id).collect(Collectors.toSet()));
  }

  @Override
  public List<Known> known() {
    if (!isOfCluster) {
      return List.of();
    }
    return spinel.clusterView().nodes().stream()
        .filter(node -> !node.isHandshake())
        .map(
            node ->
                new Known(
                    node.id(),
                    node.ip() + ":" + node.port(),
                    node.primary(),
                    node.slots().toString(),
                    node.hasFailed()))
        .toList();
  }

  private static String trouble(Standing standing) {
    if (!standing.link().downReason().isEmpty()) {
      return standing.link().downReason();
    }
    return switch (standing.link().state()) {
      case CONNECTED -> "its copy isn't complete";
      default -> standing.link().receivedBytes() > 0 ? "it copies the data" : "it connects";
    };
  }

  @Override
  public boolean hasEnded() {
    return spinel.hasEnded();
  }

  @Override
  public void awaitEnd() throws InterruptedException {
    spinel.awaitStop();
  }

  @Override
  public void shutDown() {
    try {
      spinel.close();
    } finally {
      closeLog();
    }
  }

  @Override
  public void kill() {
    spinel.kill();
    closeLog();
  }

  private void closeLog() {
    try {
      log.close();
    } catch (IOException e) {
      // what was written is there
    }
  }

  @Override
  public void onChange(Runnable listener) {
    spinel.onStanding(listener);
  }
}
