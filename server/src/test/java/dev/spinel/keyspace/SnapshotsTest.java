package dev.spinel.keyspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Heap;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Snapshots wait for each other, and each ends exactly once, whatever happens.
@Timeout(60)
class SnapshotsTest {
  private static final int KEYS = 50;

  private final Heap heap = new Heap();
  private final Keyspace keyspace = new Keyspace(heap, 1, 1, 2, () -> 1, new Failing());
  private final Seat seat = keyspace.seat();
  private final Place place = new Place();
  private final List<Throwable> told = new CopyOnWriteArrayList<>();
  private final List<Integer> walked = new CopyOnWriteArrayList<>();
  private int deafFor; // how often the listener throws at the end of a walk
  private boolean closed;
  private boolean stuck; // a walk
  private volatile int steps; // locks until the snapshots' thread fails; 0: it doesn't

  /// Lets the snapshots' thread fail when it locks a slot.
  private final class Failing implements Schedule {
    @Override
    public boolean point() {
      if (steps > 0 && Thread.currentThread().getName().equals("spinel-snapshots") && locks()) {
        if (--steps == 0) {
          throw new OutOfMemoryError("the walker's");
        }
      }
      return true;
    }

    private static boolean locks() {
      return StackWalker.getInstance()
          .walk(frames -> frames.limit(3).anyMatch(f -> f.getMethodName().equals("lock")));
    }

    @Override
    public boolean until(BooleanSupplier free) {
      return true;
    }
  }

  SnapshotsTest() {
    keyspace.start(
        new KeyspaceListener() {
          @Override
          public boolean expired(Seat by, int database, int slot, Place where) {
            return false;
          }

          @Override
          public void walked(int slot) {
            if (slot == -1 && deafFor-- > 0) {
              throw new OutOfMemoryError("of the listener");
            }
            walked.add(slot);
          }

          @Override
          public void failed(Throwable bug) {
            told.add(bug);
          }
        });
    for (int i = 0; i < KEYS; i++) {
      set("key" + i, 10);
    }
  }

  @AfterEach
  void nothingIsLeft() {
    if (!stuck) {
      assertThat(keyspace.walk().active()).isFalse();
      assertThat(keyspace.walk().preservedBytes()).isZero();
    }
    close();
    assertThat(heap.liveBytes()).isZero();
    heap.close();
  }

  private void close() {
    if (!closed) {
      closed = true;
      seat.close();
      keyspace.close();
    }
  }

  private static int slot(String key) {
    return key.hashCode() & 7;
  }

  private void find(String key) {
    Dictionary dictionary = seat.values.dictionary();
    Slice name = Slice.of(key);
    long header = keyspace.database(0).headerForWrite(seat, slot(key));
    dictionary.find(header, dictionary.hash(name), name, place);
  }

  private void set(String key, int bytes) {
    Dictionary dictionary = seat.values.dictionary();
    seat.enter();
    seat.lock(slot(key));
    find(key);
    long entry = dictionary.create(Slice.of(key), Entry.STRING, Entry.RAW, bytes, -1);
    seat.values.memory().putByte(Entry.valueAddress(seat.values.memory(), entry), (byte) bytes);
    if (place.exists()) {
      dictionary.replace(place, entry);
    } else {
      dictionary.insert(place, entry);
    }
    seat.unlock(slot(key));
    seat.leave();
  }

  /// Notes the keys; once told to stand still it does that in its first pause.
  private class Noting extends AwaitedSink {
    final List<String> seen = new ArrayList<>();
    final CountDownLatch still = new CountDownLatch(1);
    final CountDownLatch goOn = new CountDownLatch(1);
    boolean stands;
    Seat by;

    @Override
    public void cut(Seat seat) {
      by = seat;
    }

    @Override
    public void entry(long entry, long expiry) {
      seen.add(new String(Entry.key(by.values.memory(), entry), StandardCharsets.US_ASCII));
    }

    @Override
    public void drain() throws IOException {
      if (stands) {
        still.countDown();
        try {
          assertThat(goOn.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
          throw new IOException("interrupted", e);
        }
      }
    }
  }

  private Noting standing() throws InterruptedException {
    Noting first = new Noting();
    first.stands = true;
    keyspace.snapshots().take(first);
    assertThat(first.still.await(20, TimeUnit.SECONDS)).isTrue();
    return first;
  }

  private void nextIsWhole() {
    Noting next = new Noting();
    next.take(keyspace);
    assertThat(next.seen).doesNotHaveDuplicates().hasSize(KEYS);
  }

  @Test
  void aSecondOneWaitsForTheFirst() throws Exception {
    Noting first = standing();
    Noting second = new Noting();
    Noting third = new Noting();
    keyspace.snapshots().take(second);
    keyspace.snapshots().take(third);
    assertThat(keyspace.snapshots().tryTake(new Noting())).as("told no").isFalse();
    assertThat(second.by).as("not begun").isNull();
    first.goOn.countDown();
    assertThat(third.await()).isNull();
    assertThat(second.await()).isNull();
    assertThat(first.await()).isNull();
    assertThat(second.seen).hasSize(KEYS);
    Noting last = new Noting();
    assertThat(keyspace.snapshots().tryTake(last)).isTrue();
    assertThat(last.await()).isNull();
  }

  @Test
  void oneThatFailsAtTheCutIsNoWalk() {
    AwaitedSink fails =
        new AwaitedSink() {
          @Override
          public void cut(Seat seat) throws IOException {
            throw new IOException("at the cut");
          }
        };
    keyspace.snapshots().take(fails);
    assertThat(fails.await()).hasMessage("at the cut");
    assertThat(keyspace.walk().epoch()).isEqualTo(1);
    nextIsWhole();
  }

  @Test
  void oneThatFailsBeforeTheCutIsNoWalk() {
    AwaitedSink fails =
        new AwaitedSink() {
          @Override
          public void prepare() throws IOException {
            set("key1", 20); // the world goes on
            throw new IOException("no such folder");
          }

          @Override
          public void cut(Seat by) {
            throw new AssertionError("asked after it failed");
          }
        };
    keyspace.snapshots().take(fails);
    assertThat(fails.await()).hasMessage("no such folder");
    assertThat(keyspace.walk().epoch()).isEqualTo(1);
    nextIsWhole();
  }

  /// Whoever reads a value in pieces is away from its seat in between, and writers and stopped
  /// worlds go on.
  @Test
  void aValueMayBeReadInPieces() {
    Noting pieces =
        new Noting() {
          int left;
          long shown;
          boolean drained = true;

          @Override
          public void entry(long entry, long expiry) {
            super.entry(entry, expiry);
            shown = entry;
            left = 3;
          }

          @Override
          public boolean more() {
            assertThat(left == 3 || drained).isTrue();
            drained = false;
            assertThat(by.taken()).isTrue();
            assertThat(by.values.memory().getByte(Entry.valueAddress(by.values.memory(), shown)))
                .as("the value at the cut")
                .isEqualTo((byte) 10);
            return left-- > 0;
          }

          @Override
          public void drain() {
            drained = true;
            set("key" + seen.size() % KEYS, 200);
            if (!seen.isEmpty()) {
              set(seen.getLast(), 100);
            }
            seat.enter();
            keyspace.world().stop(seat, () -> keyspace.flush(seat, 0, true));
            seat.leave();
            set("key1", 50);
          }
        };
    pieces.take(keyspace);
    assertThat(pieces.seen).doesNotHaveDuplicates().hasSize(KEYS);
  }

  @Test
  void aSinkMayRunOutOfMemory() throws Exception {
    AwaitedSink fails =
        new AwaitedSink() {
          @Override
          public void entry(long entry, long expiry) {
            throw new OutOfMemoryError("of the sink");
          }
        };
    keyspace.snapshots().take(fails);
    assertThat(fails.await()).hasMessage("of the sink");
    nextIsWhole();
  }

  /// The walker itself fails, at any of its steps, when much is kept for it.
  @Test
  void theNextOneWorksAfterTheWalkerFailed() throws Exception {
    int failed = 0;
    boolean more = true;
    for (int step = 1; more; step++) {
      walked.clear();
      Noting first = standing();
      for (int i = 0; i < KEYS; i++) {
        set("key" + i, 1_000 + i);
      }
      assertThat(keyspace.walk().preservedBytes()).isPositive();
      steps = step;
      first.goOn.countDown();
      if (first.await() != null) {
        failed++;
      } else {
        assertThat(first.seen).doesNotHaveDuplicates().hasSize(KEYS);
      }
      more = steps == 0;
      steps = 0;
      assertThat(walked).containsOnlyOnce(-1);
      nextIsWhole();
    }
    assertThat(failed).isGreaterThan(10);
    assertThat(told).as("fails when it tidies up").hasSize(8);
  }

  /// A table that nobody can walk through ends the snapshot, and there are none from then on: but
  /// the data is served.
  @Test
  void aWalkThatCannotBeEndedIsTheLast() throws Exception {
    Noting first = standing();
    long[] tables = keyspace.database(0).tables()[0];
    long header = tables[7];
    tables[7] = 8; // no address
    first.goOn.countDown();
    assertThat(first.await()).isNotNull();
    tables[7] = header;
    Noting second = new Noting();
    keyspace.snapshots().take(second);
    assertThat(second.await()).hasMessage("an earlier snapshot could not be ended");
    set("key1", 5 << 10);
    assertThat(keyspace.walk().overBudget()).isFalse();
    stuck = true;
  }

  @Test
  void whoeverIsPutOffHearsOfTheEnd() {
    deafFor = 3;
    nextIsWhole();
    assertThat(walked).endsWith(-1);
    assertThat(told).hasSize(3);
  }

  @Test
  void anEndThatThrowsIsTold() {
    AwaitedSink fails =
        new AwaitedSink() {
          @Override
          public void ended(Throwable failure) {
            super.ended(failure);
            throw new IllegalStateException("at the end");
          }
        };
    fails.take(keyspace);
    nextIsWhole();
    assertThat(told).singleElement().asString().contains("at the end");
  }

  @Test
  void closingEndsThemAll() throws Exception {
    Noting first = standing();
    set("key1", 100);
    Noting second = new Noting();
    keyspace.snapshots().take(second);
    close();
    assertThat(first.await()).hasMessage("interrupted");
    assertThat(second.await()).hasMessage("the server is being closed");
    assertThat(second.seen).isEmpty();
    Noting third = new Noting();
    keyspace.snapshots().take(third);
    assertThat(third.await()).hasMessage("the server is being closed");
  }
}
