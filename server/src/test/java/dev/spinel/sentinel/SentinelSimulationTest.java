package dev.spinel.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.SimNetwork;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Sentinels, a primary and its replicas in a network where everything happens. Always: a Sentinel
/// votes once in an epoch, nobody promotes who doesn't lead by the saved votes of a majority, and
/// whoever is promoted is the best of those that could be ([ToySentinel.Ledger]). In the end: one
/// primary, known to all.
///
/// `-Dspinel.seeds=N` runs N of them, from `-Dspinel.seed=S` on: each takes about a second of a
/// processor.
class SentinelSimulationTest {
  private static final AtomicInteger RUNS = new AtomicInteger();
  private static final AtomicInteger CHOICES = new AtomicInteger();

  private final List<ToyRedis> servers = new ArrayList<>();
  private final List<ToySentinel> sentinels = new ArrayList<>();
  private final Set<String> paused = new HashSet<>(); // Sentinels
  private SimNetwork network;
  private ToySentinel.Ledger ledger;

  private void make(long seed, SimNetwork.Conditions conditions, int count, int replicas) {
    network = new SimNetwork(seed, conditions);
    ledger = new ToySentinel.Ledger(count, servers);
    for (int i = 0; i <= replicas; i++) {
      servers.add(new ToyRedis(network, "r" + i, i == 0 ? null : "r0"));
    }
    for (int i = 0; i < count; i++) {
      sentinels.add(
          new ToySentinel(
              network,
              "s" + i,
              ledger,
              List.of(
                  "sentinel resolve-hostnames yes",
                  "sentinel announce-hostnames yes",
                  "sentinel monitor m r0 6379 " + (count / 2 + 1),
                  "sentinel down-after-milliseconds m 2000",
                  "sentinel failover-timeout m 8000",
                  "sentinel announce-ip s" + i)));
    }
    boolean met =
        network.runUntil(
            () ->
                sentinels.stream()
                    .allMatch(
                        each ->
                            each.primary().sentinels.size() == count - 1
                                && each.primary().replicas.size() == replicas),
            120_000);
    assertThat(met).as("seed %d: all know each other", seed).isTrue();
  }

  private @Nullable ToyRedis agreed() {
    SentinelAddress first = sentinels.getFirst().primary().currentAddress();
    for (ToySentinel sentinel : sentinels) {
      WatchedPrimary primary = sentinel.primary();
      if (!primary.currentAddress().isSame(first) || primary.isFailingOver()) {
        return null;
      }
    }
    for (ToyRedis server : servers) {
      boolean leads = server.name.equals(first.host());
      boolean follows =
          server.primary != null && server.primary.host().equals(first.host()) && server.linkUp;
      if (leads ? server.primary != null : !follows) {
        return null;
      }
    }
    return servers.stream().filter(s -> s.name.equals(first.host())).findFirst().orElseThrow();
  }

  private String state() {
    StringBuilder text = new StringBuilder(servers.toString());
    for (ToySentinel each : sentinels) {
      text.append("\n").append(each.name).append(' ').append(each.primary().currentAddress());
      text.append(' ').append(each.primary().state);
      int size = each.log.size();
      each.log.subList(Math.max(0, size - 12), size).forEach(l -> text.append("\n    ").append(l));
    }
    return text.toString();
  }

  static LongStream seeds() {
    long first = Long.getLong("spinel.seed", System.nanoTime());
    return LongStream.range(first, first + Integer.getInteger("spinel.seeds", 6));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @Execution(ExecutionMode.CONCURRENT)
  void inTheEndOnePrimaryIsKnownToAll(long seed) {
    try {
      int count = 3 + (int) Math.floorMod(seed, 5L);
      make(seed, SimNetwork.Conditions.ROUGH, count, 2 + (int) Math.floorMod(seed, 2L));
      for (ToyRedis server : servers) {
        server.priority = network.random().nextInt(3) == 0 ? 50 : 100;
      }
      live(150);
      network.heal();
      for (ToyRedis server : servers) {
        network.host(server.name).goOn();
        server.isWhole = true;
        if (server.isStranger && server.isUp()) {
          server.crash();
        }
        if (!server.isUp()) {
          restart(server);
        }
      }
      for (ToySentinel sentinel : sentinels) {
        network.host(sentinel.name).goOn();
        sentinel.diskFails = false;
        sentinel.dies = false;
        if (!sentinel.isUp()) {
          sentinel.restart();
        }
      }
      boolean agree = network.runUntil(() -> agreed() != null, 600_000);
      assertThat(agree).as("seed %d: %s", seed, state()).isTrue();
      RUNS.incrementAndGet();
      CHOICES.addAndGet(ledger.choices);
    } catch (AssertionError | RuntimeException e) {
      if (Boolean.getBoolean("spinel.story")) {
        ledger.story.forEach(System.out::println);
      }
      throw new AssertionError("seed " + seed + ": " + e.getMessage() + state(), e);
    }
  }

  /// The checks have had something to check.
  @AfterAll
  static void choicesWereHeldAgainstTheOffsets() {
    assertThat(CHOICES.get()).isGreaterThanOrEqualTo(RUNS.get() >= 6 ? 1 : 0);
  }

  private void restart(ToyRedis server) {
    if (server.isStranger) {
      server.takeBack();
    }
    server.restart();
  }

  /// Has a Sentinel fail over, if all are well: by itself it needs no majority, so another one that
  /// doesn't hear of it may lead one of the same epoch.
  private void failOver(ToySentinel sentinel, boolean isCoordinated) {
    boolean isWell = paused.isEmpty() && !sentinel.diskFails;
    for (ToySentinel each : sentinels) {
      isWell &= each.isUp() && !each.primary().isFailingOver();
      isWell &= each.machine.epoch == sentinel.machine.epoch;
      for (ToySentinel other : sentinels) {
        isWell &= other == each || network.isReachable(each.name, other.name);
      }
      for (ToyRedis server : servers) {
        isWell &= network.isReachable(each.name, server.name);
      }
    }
    if (isWell) {
      List<String> words = new ArrayList<>(List.of("SENTINEL", "FAILOVER", "m"));
      if (isCoordinated) {
        words.add("COORDINATED");
      }
      sentinel.tell(new SentinelEvent.Asked(-1, words));
    }
  }

  /// The address of a server that is down may be had by another one: not where it may be thought to
  /// be an old primary, which comes back with a history that nobody knows.
  private boolean mayBeLent(ToyRedis server) {
    return server.primary != null
        && sentinels.stream()
            .noneMatch(
                each -> each.isOrWasPrimary(server.name) || each.primary().histories.isEmpty());
  }

  private void live(int happenings) {
    Random random = network.random();
    for (int i = 0; i < happenings; i++) {
      network.run(random.nextInt(3000));
      ToyRedis server = servers.get(random.nextInt(servers.size()));
      ToySentinel sentinel = sentinels.get(random.nextInt(sentinels.size()));
      ToySentinel other = sentinels.get(random.nextInt(sentinels.size()));
      switch (random.nextInt(26)) {
        case 0 -> network.part(sentinel.name, server.name);
        case 1 -> network.part(sentinel.name, other.name);
        case 2 -> network.isolate(random.nextBoolean() ? server.name : sentinel.name);
        case 3, 4, 5 -> network.heal();
        case 6 -> network.breakLinks(sentinel.name, server.name);
        case 7 -> network.halfOpen(sentinel.name, other.name);
        case 8, 9 -> {
          if (server.isUp()) {
            server.crash();
          }
        }
        case 10, 11 -> {
          if (!server.isUp()) {
            restart(server);
          }
        }
        case 12 -> {
          if (sentinel.isUp()) {
            sentinel.crashNow();
          }
        }
        case 13, 14 -> {
          for (ToySentinel each : sentinels) {
            if (!each.isUp()) {
              each.restart();
            }
          }
        }
        case 15 -> {
          network.host(sentinel.name).pause();
          paused.add(sentinel.name);
        }
        case 16 -> {
          sentinels.forEach(each -> network.host(each.name).goOn());
          paused.clear();
        }
        case 17 -> sentinel.diskFails = !sentinel.diskFails;
        case 19 -> sentinel.dies = true;
        case 18 -> sentinel.clockOffset += random.nextInt(20_000) - 10_000;
        case 20 -> failOver(sentinel, random.nextBoolean());
        case 21 -> {
          if (server.isUp() && !server.isStranger) { // with an append-only file
            server.crash();
            server.forget();
            server.restart();
          }
        }
        case 22 -> {
          if (!server.isUp() && !server.isStranger && mayBeLent(server)) {
            server.lend();
          }
        }
        case 23 -> {
          if (server.isWhole && server.primary != null) {
            server.isWhole = false;
            server.incompleteAt = network.now();
          }
        }
        case 24 -> servers.forEach(each -> each.isWhole = true);
        default -> {}
      }
    }
  }

  @Test
  void theNewestOfTheBestPriorityIsPromotedWithinASecondOfBeingMissed() {
    make(5, SimNetwork.Conditions.GOOD, 3, 3);
    servers.get(1).priority = 50;
    servers.get(2).priority = 50;
    network.run(25_000); // INFO tells of the priorities
    network.part("r2", "r0"); // it falls behind, but not for long
    network.run(800);
    network.heal();
    servers.getFirst().crash();
    boolean missed = network.runUntil(() -> logged("# +odown"), 10_000);
    assertThat(missed).as(state()).isTrue();
    long at = network.now();
    boolean promoted = network.runUntil(() -> logged("# +promoted-slave"), 5000);
    assertThat(promoted).as(state()).isTrue();
    assertThat(network.now() - at).isLessThan(1000);
    long best = Math.max(servers.get(1).offset, servers.get(2).offset);
    ToyRedis chosen =
        servers.stream().filter(s -> s.primary == null && s.isUp()).findFirst().orElseThrow();
    assertThat(chosen.priority).isEqualTo(50);
    assertThat(chosen.offset).isGreaterThanOrEqualTo(best);
    servers.getFirst().restart();
    assertThat(network.runUntil(() -> agreed() != null, 60_000)).as(state()).isTrue();
    assertThat(ledger.elections()).isEqualTo(1);
  }

  private boolean logged(String begin) {
    return sentinels.stream()
        .anyMatch(each -> each.log.stream().anyMatch(line -> line.startsWith(begin)));
  }

  @Test
  void aServerThatHasGotTheAddressOfAReplicaIsNeverMadeAReplica() {
    make(6, SimNetwork.Conditions.GOOD, 3, 2);
    network.run(25_000);
    ToyRedis foreign = servers.get(2);
    foreign.crash();
    foreign.primary = null;
    foreign.history = "f".repeat(40);
    foreign.offset = 10_000;
    foreign.restart();
    network.run(120_000);
    assertThat(foreign.primary).as(state()).isNull();
    assertThat(foreign.history).isEqualTo("f".repeat(40));
    assertThat(logged("# The server at r2:6379 has data of a history")).isTrue();
  }

  @Test
  void anOldPrimaryIsMadeAReplicaAsSoonAsItIsBack() {
    make(7, SimNetwork.Conditions.GOOD, 3, 2);
    network.run(25_000);
    ToyRedis old = servers.getFirst();
    old.crash();
    boolean switched = network.runUntil(() -> logged("# +switch-master"), 20_000);
    assertThat(switched).as(state()).isTrue();
    network.run(5000);
    old.restart();
    assertThat(network.runUntil(() -> old.primary != null, 3000)).as(state()).isTrue();
  }

  @Test
  void equalSeedsGiveEqualRuns() {
    List<List<String>> logs = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      SentinelSimulationTest run = new SentinelSimulationTest();
      run.make(99, SimNetwork.Conditions.ROUGH, 3, 2);
      run.live(40);
      logs.add(run.sentinels.stream().flatMap(each -> each.log.stream()).toList());
    }
    assertThat(logs.get(0)).isNotEmpty().isEqualTo(logs.get(1));
  }
}
