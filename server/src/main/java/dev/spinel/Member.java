package dev.spinel;

import dev.spinel.peer.Address;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A server of a topology from its start to its end: one of this JVM, or a process. Any thread.
interface Member {
  /// The TCP port that it listens at.
  int port();

  /// How it stands, as last seen; doesn't wait for anything.
  View view();

  /// The nodes that it knows, itself too, but for those that it is just meeting; none if it isn't
  /// of a cluster. As last seen, too.
  List<Known> known();

  boolean hasEnded();

  /// Waits for its end, whoever brings it about.
  void awaitEnd() throws InterruptedException;

  /// Ends it as SHUTDOWN does, and waits for that.
  void shutDown();

  /// Ends it as a crash does: it says and saves nothing more. Waits for that.
  void kill();

  /// Is run when the view may have changed, on a thread that must not be held up.
  void onChange(Runnable listener);

  /// How a server stands.
  ///
  /// @param primary that it follows, or null
  /// @param isInSync whether it is a primary, or has all that its primary has
  /// @param trouble why it isn't in sync, or empty
  /// @param offset the last byte of the stream of changes that it has
  /// @param node its part in a cluster, or null
  record View(
      @Nullable Address primary,
      boolean isInSync,
      String trouble,
      long offset,
      @Nullable ClusterPart node) {
    /// Of a Sentinel, which has no data.
    static final View NONE = new View(null, true, "", 0, null);
  }

  /// A node of the cluster.
  ///
  /// @param address and port, as clients use them
  /// @param primary the id of the node that it follows, or empty
  /// @param slots its own, as ranges
  record Known(String id, String address, String primary, String slots, boolean hasFailed) {}

  /// A node's part in a cluster, as it sees it.
  ///
  /// @param primary the id of the node that it follows, or empty
  /// @param epoch of its own configuration
  /// @param slots its own, as ranges
  /// @param isUp whether it finds that the cluster serves
  /// @param known the ids of all nodes that it knows, itself too
  record ClusterPart(
      String id,
      String primary,
      long epoch,
      String slots,
      int slotCount,
      boolean isUp,
      Set<String> known) {
    boolean isPrimary() {
      return primary.isEmpty();
    }
  }
}
