package dev.spinel.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Plans: who gets which slots and replicas, which slots move.
class PlanTest {
  private static ManagedNode node(String host, int port) {
    ManagedNode node = new ManagedNode(host, port);
    node.id = host + "-" + port;
    return node;
  }

  private static ManagedNode primary(int port, int from, int to) {
    ManagedNode node = node("h", port);
    node.slots.set(from, to + 1);
    node.slotCount = node.slots.cardinality();
    return node;
  }

  @Test
  void primariesAndReplicasAreSpreadOverHosts() {
    List<ManagedNode> nodes = new ArrayList<>();
    for (int host = 1; host <= 3; host++) {
      nodes.add(node("10.0.0." + host, 1));
      nodes.add(node("10.0.0." + host, 2));
    }
    Creation creation = new Creation(nodes, 1);
    assertThat(creation.plan())
        .startsWith(
            new Creation.Step.Slots(0, 0, 5460),
            new Creation.Step.Slots(1, 5461, 10922),
            new Creation.Step.Slots(2, 10923, 16383))
        .contains(new Creation.Step.Replica(nodes.get(3), nodes.get(0)));
    assertThat(creation.hasAffinity()).isFalse();
  }

  @Test
  void replicasOnTheirPrimarysHostAreExchanged() {
    long seed = Long.getLong("spinel.seed", 16);
    for (int round = 0; round < 50; round++) {
      SplittableRandom random = new SplittableRandom(seed + round);
      List<ManagedNode> nodes = new ArrayList<>();
      int hosts = 3 + random.nextInt(3);
      for (int i = 0; i < hosts * 3; i++) nodes.add(node("10.0.0." + i % hosts, 1000 + i));
      Creation creation = new Creation(nodes, 2);
      creation.plan();
      Creation.Affinity affinity = creation.separate(random);
      assertThat(affinity)
          .as("seed " + (seed + round))
          .isIn(Creation.Affinity.FINE, Creation.Affinity.PERFECT);
      int replicas = 0;
      for (ManagedNode n : nodes) {
        if (n.primaryId == null) continue;
        replicas++;
        assertThat(n.primaryId).doesNotStartWith(n.host + "-");
      }
      assertThat(replicas).isEqualTo(hosts * 2);
    }
  }

  @Test
  void eachSourceGivesItsShareAndTheLargestOneMore() {
    List<ManagedNode> sources =
        List.of(primary(1, 0, 5460), primary(2, 5461, 10922), primary(3, 10923, 16383));
    List<Moves.Move> moves = Moves.share(sources, 4096);
    assertThat(moves).hasSize(4096);
    assertThat(moves.get(0)).isEqualTo(new Moves.Move(sources.get(1), 5461));
    assertThat(moves.stream().filter(m -> m.from() == sources.get(1))).hasSize(1366);
    assertThat(moves.stream().filter(m -> m.from() == sources.get(0))).hasSize(1365);
    Set<Integer> slots = new HashSet<>();
    for (Moves.Move m : moves) assertThat(slots.add(m.slot())).isTrue();
  }

  @Test
  void aRebalanceGivesEachItsWeight() {
    long seed = Long.getLong("spinel.seed", 17);
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < 200; round++) {
      List<ManagedNode> nodes = new ArrayList<>();
      int count = 2 + random.nextInt(8);
      for (int i = 0; i < count; i++) nodes.add(primary(i, 1, 0));
      for (int slot = 0; slot < ManagedNode.SLOTS; slot++) {
        nodes.get(random.nextInt(1 + random.nextInt(count))).slots.set(slot);
      }
      float weight = 0;
      for (ManagedNode n : nodes) {
        n.slotCount = n.slots.cardinality();
        n.weight = 1 + random.nextInt(3);
        weight += n.weight;
      }
      Moves.Balance balance = new Moves.Balance(nodes, 2);
      for (Moves.Transfer t : balance.transfers()) {
        for (Moves.Move m : Moves.share(List.of(t.from()), t.slots())) {
          m.from().slots.clear(m.slot());
          t.to().slots.set(m.slot());
        }
      }
      int all = 0;
      for (ManagedNode n : nodes) {
        int slots = n.slots.cardinality();
        all += slots;
        assertThat((double) slots)
            .as("seed " + seed)
            .isCloseTo(
                ManagedNode.SLOTS * n.weight / weight,
                org.assertj.core.data.Offset.offset((double) count + 1));
      }
      assertThat(all).isEqualTo(ManagedNode.SLOTS);
    }
  }

  @Test
  void linesOfEveryVersionAreRead() {
    String reply =
        "07c37d 127.0.0.1:30004@31004 slave e7d1ee 0 1426238317239 4 connected\n"
            + "e7d1ee 127.0.0.1:30001@31001,host.example.com,shard-id=1 myself,master - 0 0 1"
            + " connected 0-5460 5462 [93-<-292f8b] [77->-67ed2d]\n"
            + "67ed2d :0@0 master,noaddr - 1 1 2 disconnected\n";
    List<NodeLine> lines = NodeLine.parse(reply);
    assertThat(lines).hasSize(3);
    NodeLine me = lines.get(1);
    assertThat(me.isMyself()).isTrue();
    assertThat(me.busPort()).isEqualTo(31001);
    assertThat(me.slots().cardinality()).isEqualTo(5462);
    assertThat(me.importing()).containsEntry(93, "292f8b");
    assertThat(me.migrating()).containsEntry(77, "67ed2d");
    assertThat(lines.get(0).primaryId()).isEqualTo("e7d1ee");
    assertThat(lines.get(2).isUnlinked()).isTrue();
    assertThat(ManagedNode.rangesOf(me.slots())).isEqualTo("[0-5460],[5462]");
    assertThat(NodeLine.signature(lines)).isEqualTo("e7d1ee:0-5460,5462");
    assertThat(NodeLine.parse("no cluster\n")).isNull();
  }
}
