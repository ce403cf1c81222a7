package dev.spinel.cluster;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A node of a small cluster to which a stranger says something on the bus, perhaps in another
/// one's name.
public final class HostileBus {
  private static final String ME = "a".repeat(40);
  private static final String PRIMARY = "b".repeat(40);
  private static final String REPLICA = "c".repeat(40);
  private static final int SENDER = 40; // where the id of the sender stands in a message
  private static final long LINK = 1;

  private static final String NODES =
      ME
          + " 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-8191\n"
          + PRIMARY
          + " 127.0.0.1:7001@17001 master - 0 0 2 connected 8192-16383\n"
          + REPLICA
          + " 127.0.0.1:7002@17002 slave "
          + ME
          + " 0 0 1 connected\n"
          + "vars currentEpoch 2 lastVoteEpoch 0\n";

  private final ClusterMachine machine =
      new ClusterMachine(ClusterPolicy.usual(7000), new HandCluster.Nowhere());
  private long now = 1_000_000;

  private HostileBus() {}

  /// Has a node read bytes. If the first byte of the first sender's offset isn't 0 they come in the
  /// name of a node that is known. Throws if the node breaks, or has written what it can't read
  /// after a restart, or a message is written otherwise than it was read.
  public static void hear(byte[] data) {
    if (data.length > SENDER + 40 && data[32] != 0) {
      byte[] known = (data[32] < 0 ? PRIMARY : REPLICA).getBytes(ISO_8859_1);
      System.arraycopy(known, 0, data, SENDER, 40);
    }
    List<BusMessage> messages = new ArrayList<>();
    BusReader.Sink sink =
        new BusReader.Sink() {
          @Override
          public void message(BusMessage message) {
            messages.add(message);
          }

          @Override
          public void invalid(String words) {}
        };
    BusReader reader = new BusReader();
    int piece = data.length / 2;
    reader.feed(data, 0, piece, sink);
    reader.feed(data, piece, data.length, sink);
    if (messages.isEmpty()) {
      return;
    }
    try {
      for (BusMessage message : messages) {
        byte[] written = BusCodec.encode(message);
        if (!Arrays.equals(BusCodec.encode(BusCodec.decode(written)), written)) {
          throw new AssertionError("written otherwise");
        }
      }
      HostileBus node = new HostileBus();
      node.start();
      for (BusMessage message : messages) {
        node.step(new ClusterEvent.Received(LINK, message));
        node.now += 1_000;
        node.step(new ClusterEvent.Tick());
      }
      for (String call : List.of("NODES", "SLOTS", "SHARDS", "INFO", "LINKS")) {
        node.step(new ClusterEvent.Asked(7, List.of(call)));
      }
      NodesFile.read(NodesFile.write(node.machine.contents(), false));
    } catch (NodesFile.Corrupt e) {
      throw new AssertionError("a nodes.conf that can't be read", e);
    } catch (BusCodec.Invalid e) {
      throw new AssertionError("can't read what it has written", e);
    }
  }

  private void start() throws NodesFile.Corrupt {
    step(new ClusterEvent.Started(NodesFile.read(NODES.getBytes(ISO_8859_1)), false));
    step(new ClusterEvent.Accepted(LINK, "127.0.0.1", 40_000, "127.0.0.1"));
  }

  private void step(ClusterEvent event) {
    for (ClusterAction action : machine.step(now, now, event)) {
      if (action instanceof ClusterAction.Save save) {
        step(new ClusterEvent.Saved(save.generation()));
      }
    }
  }
}
