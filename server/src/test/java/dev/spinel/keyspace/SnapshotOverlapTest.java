package dev.spinel.keyspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Heap;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/// A snapshot that begins before the one before it has tidied up.
class SnapshotOverlapTest {
  private static final int SLOT = 7;

  private final Slice key = Slice.of("key");
  private final Place place = new Place();
  private final CountDownLatch cut = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final List<String> seen = new CopyOnWriteArrayList<>();

  /// Notes the keys; if told to, stands still before the first slot.
  private final class Noting implements Snapshot.Sink {
    private final Seat seat;
    private final boolean waits;

    Noting(Seat seat, boolean waits) {
      this.seat = seat;
      this.waits = waits;
    }

    @Override
    public void database(int number) {
      if (waits) {
        seat.leave();
        cut.countDown();
        await(goOn);
        seat.enter();
      }
    }

    @Override
    public void entry(long entry, long expiry) {
      if (waits) {
        byte[] name = Entry.key(seat.values.memory(), entry);
        seen.add(new String(name, StandardCharsets.US_ASCII));
      }
    }

    @Override
    public void open(long entry, long expiry, long count) {}

    @Override
    public void field(long field) {}

    @Override
    public void close() {}
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void whatTheSecondNeedsIsLeftAloneByTheFirst() throws Exception {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, () -> 1, Schedule.FREE);
        Seat seat = keyspace.seat();
        Seat other = keyspace.seat()) {
      Dictionary dictionary = seat.values.dictionary();
      Thread second =
          new Thread(
              () -> {
                try {
                  other.enter();
                  Snapshot.take(keyspace, other, () -> {}, new Noting(other, true));
                  other.leave();
                } catch (Throwable t) {
                  failure.set(t);
                }
              });
      keyspace.start(
          new KeyspaceListener() {
            @Override
            public boolean expired(Seat by, int database, int slot, Place where) {
              return false;
            }

            @Override
            public void walked(int slot) {
              if (slot == -1 && second.getState() == Thread.State.NEW) {
                seat.leave();
                second.start();
                await(cut);
                seat.enter();
                find(keyspace, seat);
                dictionary.remove(place); // kept for the second snapshot; the table is empty
                seat.unlock(SLOT);
              }
            }
          });
      seat.enter();
      find(keyspace, seat);
      dictionary.insert(place, dictionary.create(key, Entry.STRING, Entry.RAW, 0, -1));
      seat.unlock(SLOT);
      Snapshot.take(keyspace, seat, () -> {}, new Noting(seat, false));
      seat.leave();
      goOn.countDown();
      second.join(20_000);
      assertThat(second.isAlive()).isFalse();
      assertThat(failure.get()).isNull();
      assertThat(seen).containsExactly("key");
      assertThat(heap.liveBytes()).isZero();
    }
  }

  /// Looks the key up under its slot's lock, which is kept.
  private void find(Keyspace keyspace, Seat seat) {
    Dictionary dictionary = seat.values.dictionary();
    seat.lock(SLOT);
    long header = keyspace.database(0).headerForWrite(seat, SLOT);
    dictionary.find(header, dictionary.hash(key), key, place);
  }

  @Test
  void aCutThatFailsLeavesNoWalk() throws Exception {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, () -> 1, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      seat.enter();
      try {
        Snapshot.take(
            keyspace,
            seat,
            () -> {
              throw new IllegalStateException("at the cut");
            },
            new Noting(seat, false));
      } catch (IllegalStateException e) {
        assertThat(e).hasMessage("at the cut");
      }
      assertThat(keyspace.walk().active()).isFalse();
      Snapshot.take(keyspace, seat, () -> {}, new Noting(seat, false));
      seat.leave();
    }
  }
}
