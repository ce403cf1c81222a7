package dev.spinel.keyspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.memory.Heap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// Seats, slot locks and the stopped world, by many threads: a slot has one holder, and nobody is
/// in while the world stands still.
class WorldTest {
  private static final int THREADS = 6;
  private static final int ROUNDS = 20_000;

  @Test
  void slotsExcludeAndTheStoppedWorldIsEmpty() throws Exception {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, System::currentTimeMillis, Schedule.FREE)) {
      int[] counters = new int[3]; // each: its slot's lock, or a stopped world
      AtomicInteger inside = new AtomicInteger();
      Crowd.of(
              THREADS,
              seed -> {
                try (Seat seat = keyspace.seat()) {
                  work(keyspace, seat, seed, counters, inside);
                }
              })
          .join();
      assertThat(counters[0] + counters[1] + counters[2]).isEqualTo(THREADS * ROUNDS);
    }
  }

  private static void work(
      Keyspace keyspace, Seat seat, int seed, int[] counters, AtomicInteger inside) {
    seat.enter();
    for (int i = 0; i < ROUNDS; i++) {
      int which = (i * 7 + seed) % counters.length;
      if (i % 500 == seed) {
        keyspace
            .world()
            .stop(
                seat,
                () -> {
                  assertThat(inside.get()).as("somebody is in").isZero();
                  counters[which]++;
                });
      } else {
        seat.lock(100 + which);
        inside.incrementAndGet();
        counters[which]++;
        inside.decrementAndGet();
        seat.unlock(100 + which);
      }
      seat.breathe();
      if (i % 64 == 0) {
        seat.leave();
        seat.enter();
      }
    }
    seat.leave();
  }
}
