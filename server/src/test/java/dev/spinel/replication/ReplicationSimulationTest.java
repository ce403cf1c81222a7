package dev.spinel.replication;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.Address;
import dev.spinel.peer.SimNetwork;
import dev.spinel.replication.ReplicationPolicy.Load;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A primary, replicas and a replica's replica in a network where everything happens. At every byte
/// that anybody applies: it is the byte that its history has at this offset ([ToyServer.Truth]). In
/// the end: once nothing happens any more, all are online and have the same data.
class ReplicationSimulationTest {
  private static final int PORT = 6379;
  private static final ReplicationPolicy QUICK = policy(32 << 10, true);

  private static ReplicationPolicy policy(int backlogBytes, boolean diskless) {
    return policy(backlogBytes, diskless, Load.FROM_FILE);
  }

  private static ReplicationPolicy policy(int backlogBytes, boolean diskless, Load load) {
    return new ReplicationPolicy(
        "", "", 6379, "", 10, 3, diskless, 1, 0, load, false, backlogBytes, 60, 0, 0, 0);
  }

  private final ToyServer.Truth truth = new ToyServer.Truth(true);
  private final List<ToyServer> servers = new ArrayList<>();
  private SimNetwork network;
  private int written;

  private void make(long seed, SimNetwork.Conditions conditions, ReplicationPolicy... policies) {
    network = new SimNetwork(seed, conditions);
    for (int i = 0; i < policies.length; i++) {
      String name = String.valueOf((char) ('a' + i));
      ToyServer server =
          new ToyServer(
              new Address(name, PORT),
              network.host(name),
              network.random(),
              ToyServer.LINES,
              true,
              truth,
              policies[i]);
      network.host(name).listen(PORT, server::accept);
      servers.add(server);
    }
  }

  private SimNetwork.Host host(ToyServer server) {
    return network.host(server.address.host());
  }

  /// The first one leads, two follow it, and the others follow those.
  private void arrange(int primary) {
    List<ToyServer> order = order(primary);
    if (host(order.getFirst()).isUp()) {
      order.getFirst().promote();
    }
    for (int i = 1; i < order.size(); i++) {
      if (host(order.get(i)).isUp()) {
        order.get(i).follow(leaderOf(order, i).address);
      }
    }
  }

  private List<ToyServer> order(int primary) {
    List<ToyServer> order = new ArrayList<>(servers);
    order.add(0, order.remove(primary));
    return order;
  }

  private static ToyServer leaderOf(List<ToyServer> order, int i) {
    return i < 3 ? order.getFirst() : order.get(i - 2);
  }

  private void writeSome(ToyServer primary, int most) {
    Random random = network.random();
    if (host(primary).isUp() && !primary.isReplica()) {
      for (int i = random.nextInt(most + 1); i > 0; i--) {
        primary.write("key" + random.nextInt(300), "v".repeat(random.nextInt(60)) + written++);
      }
    }
  }

  private boolean allAgree(int primary) {
    ToyServer leader = servers.get(primary);
    return servers.stream()
        .allMatch(
            server ->
                (server == leader) == !server.isReplica()
                    && (server == leader
                        || server.machine().replicaSide().state() == ReplicaSide.State.CONNECTED)
                    && server.offset() == leader.offset()
                    && server.data().equals(leader.data()));
  }

  static LongStream seeds() {
    long first = Long.getLong("spinel.seed", System.nanoTime());
    return LongStream.range(first, first + Integer.getInteger("spinel.seeds", 15));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void inTheEndAllHaveTheSame(long seed) {
    make(
        seed,
        SimNetwork.Conditions.ROUGH,
        QUICK,
        policy(32 << 10, true, Load.BESIDE),
        policy(16 << 10, false),
        policy(32 << 10, true, Load.FROM_LINK_IF_EMPTY));
    try {
      int primary = live(300);
      network.heal();
      for (ToyServer server : servers) {
        host(server).goOn();
        if (!host(server).isUp()) {
          restart(server, false, null);
        }
      }
      arrange(primary);
      int leads = primary;
      boolean agree = network.runUntil(() -> allAgree(leads), 600_000);
      assertThat(agree).as("seed %d: %s", seed, servers).isTrue();
      // And they go on together.
      for (int i = 0; i < 50; i++) {
        writeSome(servers.get(primary), 5);
        network.run(100);
      }
      agree = network.runUntil(() -> allAgree(leads), 60_000);
      assertThat(agree).as("seed %d: %s", seed, servers).isTrue();
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError("seed " + seed + ": " + servers, e);
    }
  }

  /// Lets so many things happen. Returns who leads at last.
  private int live(int happenings) {
    Random random = network.random();
    int primary = 0;
    arrange(primary);
    for (int i = 0; i < happenings; i++) {
      network.run(random.nextInt(1500));
      writeSome(servers.get(primary), 20);
      ToyServer some = servers.get(random.nextInt(servers.size()));
      ToyServer other = servers.get(random.nextInt(servers.size()));
      switch (random.nextInt(20)) {
        case 0, 1, 2 -> network.breakLinks(some.address.host(), other.address.host());
        case 3 -> network.part(some.address.host(), other.address.host());
        case 4, 5, 6 -> network.heal();
        case 7 -> network.halfOpen(some.address.host(), other.address.host());
        case 8 -> host(some).pause();
        case 9, 10, 11 -> servers.forEach(server -> host(server).goOn());
        case 12 -> {
          if (host(some).isUp()) {
            host(some).crash();
            some.crash();
          }
        }
        case 13, 14, 15 -> restart(some, primary, random.nextBoolean());
        case 16 -> {
          if (random.nextInt(4) == 0) {
            primary = random.nextInt(servers.size());
            arrange(primary);
          }
        }
        default -> {}
      }
    }
    return primary;
  }

  private void restart(ToyServer server, int primary, boolean inPeace) {
    if (!host(server).isUp()) {
      List<ToyServer> order = order(primary);
      int i = order.indexOf(server);
      restart(server, inPeace, i == 0 ? null : leaderOf(order, i).address);
    }
  }

  private void restart(ToyServer server, boolean inPeace, @Nullable Address primary) {
    host(server).restart();
    server.restart(inPeace, primary);
    host(server).listen(PORT, server::accept);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void brokenLinksAloneNeverCostAFullSynchronization(long seed) {
    ReplicationPolicy roomy = policy(1 << 20, true);
    make(seed, SimNetwork.Conditions.ROUGH, roomy, roomy, roomy, roomy);
    arrange(0);
    assertThat(network.runUntil(() -> allAgree(0), 300_000)).as("seed %d", seed).isTrue();
    List<Long> before = servers.stream().map(this::fullSyncs).toList();
    for (int i = 0; i < 60; i++) {
      network.run(network.random().nextInt(700));
      writeSome(servers.getFirst(), 20);
      for (ToyServer server : servers) {
        network.breakLinks(
            server.address.host(), servers.get(network.random().nextInt(4)).address.host());
      }
    }
    assertThat(network.runUntil(() -> allAgree(0), 60_000)).as("seed %d", seed).isTrue();
    assertThat(servers.stream().map(this::fullSyncs).toList())
        .as("seed %d", seed)
        .isEqualTo(before);
  }

  private long fullSyncs(ToyServer server) {
    return server.machine().primarySide().fullSyncs();
  }

  @Test
  void afterAPromotionTheOthersGoOnWithoutAFullSynchronization() {
    ReplicationPolicy roomy = policy(1 << 20, true);
    make(7, SimNetwork.Conditions.GOOD, roomy, roomy, roomy);
    arrange(0);
    assertThat(network.runUntil(() -> allAgree(0), 60_000)).isTrue();
    long before = servers.stream().mapToLong(this::fullSyncs).sum();
    for (int i = 0; i < 5; i++) {
      writeSome(servers.get(i % 3), 50);
      int leads = i % 3;
      assertThat(network.runUntil(() -> allAgree(leads), 60_000)).isTrue();
      int next = (i + 1) % 3;
      arrange(next);
      assertThat(network.runUntil(() -> allAgree(next), 60_000)).as(servers.toString()).isTrue();
    }
    assertThat(servers.stream().mapToLong(this::fullSyncs).sum()).isEqualTo(before);
  }

  @Test
  void equalSeedsGiveEqualRuns() {
    List<List<String>> logs = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      servers.clear();
      var run = new ReplicationSimulationTest();
      run.make(99, SimNetwork.Conditions.ROUGH, QUICK, QUICK, QUICK);
      run.live(60);
      logs.add(run.servers.stream().flatMap(server -> server.log.stream()).toList());
    }
    assertThat(logs.get(0)).isNotEmpty().isEqualTo(logs.get(1));
  }
}
