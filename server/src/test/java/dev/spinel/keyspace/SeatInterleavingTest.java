package dev.spinel.keyspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Heap;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Seats, slot locks and the stopped world under thousands of interleavings, each a seed: whoever
/// is in sees a slot or the whole world as its own, and nobody waits for ever.
///
/// `-Dspinel.seeds=N` runs more of them.
class SeatInterleavingTest {
  private static final int SEEDS = Integer.getInteger("spinel.seeds", 400);
  private static final int STEPS = 8;

  private final boolean[] held = new boolean[3]; // by slot
  private int in; // threads that work under a lock
  private boolean stopped;

  @Test
  void aSlotHasOneHolderAndAStoppedWorldNobodyElse() throws Exception {
    try (Heap heap = new Heap()) {
      for (long seed = 0; seed < SEEDS; seed++) {
        var order = new Interleaving(seed);
        int[] done = new int[1];
        try (Keyspace keyspace = new Keyspace(heap, 1, 1, 2, System::currentTimeMillis, order)) {
          Interleaving.Work[] works = new Interleaving.Work[3];
          for (int i = 0; i < works.length; i++) {
            var random = new Random(seed * 31 + i);
            works[i] =
                () -> {
                  try (Seat seat = keyspace.seat()) {
                    for (int step = 0; step < STEPS; step++) {
                      work(keyspace, seat, random, order);
                      done[0]++;
                    }
                  }
                };
          }
          order.run(works);
          assertThat(done[0]).isEqualTo(works.length * STEPS);
          assertThat(order.points()).isGreaterThan(works.length * STEPS);
        }
      }
    }
  }

  /// A stopped world may use every seat's allocator, so a seat that closes then has to wait.
  @Test
  void aSeatThatClosesIsTaken() throws Exception {
    try (Heap heap = new Heap()) {
      for (long seed = 0; seed < SEEDS; seed++) {
        var order = new Interleaving(seed);
        try (Keyspace keyspace = new Keyspace(heap, 1, 1, 2, System::currentTimeMillis, order)) {
          boolean[] stands = new boolean[1];
          boolean[] closedMeanwhile = new boolean[1];
          Interleaving.Work stopper =
              () -> {
                try (Seat seat = keyspace.seat()) {
                  seat.enter();
                  for (int i = 0; i < STEPS; i++) {
                    keyspace
                        .world()
                        .stop(
                            seat,
                            () -> {
                              stands[0] = true;
                              order.point();
                              for (Seat each : keyspace.world().seats()) {
                                each.values.allocator().flush();
                              }
                              stands[0] = false;
                            });
                  }
                  seat.leave();
                }
              };
          Interleaving.Work closer =
              () -> {
                for (int i = 0; i < STEPS; i++) {
                  Seat seat = keyspace.seat();
                  seat.enter();
                  seat.values.allocator().free(seat.values.allocator().allocate(100));
                  seat.leave();
                  seat.close();
                  closedMeanwhile[0] |= stands[0];
                }
              };
          order.run(stopper, closer, closer);
          assertThat(closedMeanwhile[0]).as("closed while the world stood still").isFalse();
        }
        assertThat(heap.liveBytes()).isZero();
      }
    }
  }

  private void work(Keyspace keyspace, Seat seat, Random random, Interleaving order) {
    seat.enter();
    for (int i = random.nextInt(3); i >= 0; i--) {
      if (random.nextInt(4) == 0) {
        keyspace
            .world()
            .stop(
                seat,
                () -> {
                  assertThat(in).as("holders of slots in a stopped world").isZero();
                  assertThat(stopped).as("two stopped the world").isFalse();
                  stopped = true;
                  order.point();
                  stopped = false;
                });
      } else {
        int first = random.nextInt(held.length);
        int last = first + random.nextInt(held.length - first);
        for (int slot = first; slot <= last; slot++) {
          seat.lock(slot);
          assertThat(held[slot]).as("a second holder").isFalse();
          held[slot] = true;
          in++;
        }
        order.point();
        assertThat(stopped).as("holds a slot while the world stands still").isFalse();
        for (int slot = last; slot >= first; slot--) {
          held[slot] = false;
          in--;
          seat.unlock(slot);
        }
      }
      seat.breathe();
    }
    seat.leave();
  }
}
