package dev.spinel.keyspace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.memory.Heap;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/// The background thread: what goes wrong in it doesn't end it, and it lets the world stand still
/// whatever it frees.
class KeeperTest {
  private final AtomicLong now = new AtomicLong(1_700_000_000_000L);
  private final AtomicInteger cycles = new AtomicInteger();
  private final List<Throwable> failures = new CopyOnWriteArrayList<>();

  private volatile boolean expires = true;

  /// Fails at the key `bad`, and at its third cycle.
  private final class Stumbling implements KeyspaceListener {
    @Override
    public boolean expires() {
      return expires;
    }

    @Override
    public boolean expired(Seat seat, int database, int slot, Place place) {
      byte[] key = Entry.key(seat.values.memory(), place.entry);
      if (new String(key, StandardCharsets.US_ASCII).equals("bad")) {
        throw new StackOverflowError("at a key");
      }
      seat.values.dictionary().remove(place);
      return true;
    }

    @Override
    public void cycle(Seat seat) {
      if (cycles.incrementAndGet() == 3) {
        throw new OutOfMemoryError("in a cycle");
      }
    }

    @Override
    public void failed(Throwable bug) {
      failures.add(bug);
      throw new OutOfMemoryError("while telling of it");
    }
  }

  @Test
  void outlivesWhatGoesWrong() {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, now::get, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      seat.enter();
      for (int slot = 0; slot < 100; slot++) {
        put(keyspace, seat, slot, slot == 50 ? "bad" : "k" + slot, now.get() + 1_000);
      }
      seat.leave();
      keyspace.start(new Stumbling());
      await().until(() -> cycles.get() > 4);
      assertThat(failures).singleElement().isInstanceOf(OutOfMemoryError.class);
      now.addAndGet(2_000);
      await().until(() -> keys(keyspace, seat) == 1);
      await().until(() -> failures.size() > 2);
      assertThat(failures.getLast()).isInstanceOf(StackOverflowError.class);
      seat.enter();
      seat.lock(50); // given back, as is the keeper's seat: else the world would not stop
      seat.unlock(50);
      keyspace.world().stop(seat, () -> assertThat(keyspace.flush(seat, 0, false)).isEqualTo(1));
      seat.leave();
    }
  }

  @Test
  void slotsOfExpiredKeysUseNothing() {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, now::get, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      seat.enter();
      for (int slot = 0; slot < 100; slot++) {
        put(keyspace, seat, slot, "k" + slot, now.get() - 1);
      }
      seat.leave();
      keyspace.start(new Stumbling());
      await().until(() -> heap.liveBytes() == 0);
    }
  }

  @Test
  void removesNothingWhereNothingExpires() {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, now::get, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      seat.enter();
      put(keyspace, seat, 7, "k", now.get() - 1);
      seat.leave();
      expires = false;
      keyspace.start(new Stumbling());
      awaitCycles(3);
      assertThat(keys(keyspace, seat)).isEqualTo(1);
      expires = true;
      await().until(() -> keys(keyspace, seat) == 0);
    }
  }

  /// It doesn't look at all slots all the time, but whatever comes due is found: what was known,
  /// what is new, and what comes due earlier than it was known to.
  @Test
  void findsWhatComesDueWhenItHasLookedBefore() {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, now::get, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      seat.enter();
      for (int slot = 0; slot < 10; slot++) {
        put(keyspace, seat, slot, "k" + slot, slot < 8 ? now.get() + 3_600_000 : -1);
      }
      seat.leave();
      keyspace.start(new Stumbling());
      awaitCycles(3);
      seat.enter();
      setExpiry(keyspace, seat, 3, "k3", now.get() + 500);
      seat.leave();
      awaitCycles(3);
      now.addAndGet(1_000);
      await().until(() -> keys(keyspace, seat) == 9);
      awaitCycles(3);
      seat.enter();
      setExpiry(keyspace, seat, 9, "k9", now.get() + 500);
      put(keyspace, seat, 20, "new", now.get() + 500);
      seat.leave();
      awaitCycles(3);
      assertThat(keys(keyspace, seat)).isEqualTo(10);
      now.addAndGet(1_000);
      await().until(() -> keys(keyspace, seat) == 8);
      awaitCycles(3);
      now.addAndGet(3_600_000);
      await().until(() -> keys(keyspace, seat) == 1);
    }
  }

  /// Tables that change places while it goes from slot to slot are a reason to look again.
  @Test
  void aSwapIsAReasonToLookAgain() {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 2, 1, 2, now::get, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      long before = keyspace.expiriesSet();
      seat.enter();
      keyspace.world().stop(seat, () -> keyspace.swap(0, 1));
      seat.leave();
      assertThat(keyspace.expiriesSet()).isGreaterThan(before);
    }
  }

  private void awaitCycles(int more) {
    int end = cycles.get() + more;
    await().until(() -> cycles.get() >= end);
  }

  private static void setExpiry(Keyspace keyspace, Seat seat, int slot, String text, long expiry) {
    Dictionary dictionary = seat.values.dictionary();
    Slice key = new Slice(text.getBytes(StandardCharsets.US_ASCII));
    Place place = new Place();
    seat.lock(slot);
    dictionary.find(keyspace.database(0).header(slot), dictionary.hash(key), key, place);
    dictionary.setExpiry(place, expiry);
    seat.unlock(slot);
  }

  /// One table of many keys, freed while somebody has the world stand still again and again: it
  /// happens in the middle of it.
  @Test
  void theReaperBreathesWithinOneTable() {
    try (Heap heap = new Heap();
        Keyspace keyspace = new Keyspace(heap, 1, 1, 2, now::get, Schedule.FREE);
        Seat seat = keyspace.seat()) {
      seat.enter();
      for (int i = 0; i < 200_000; i++) {
        put(keyspace, seat, 7, "key" + i, -1);
      }
      seat.values.allocator().flush();
      long before = heap.liveBytes();
      keyspace.start(new Stumbling());
      keyspace.world().stop(seat, () -> keyspace.flush(seat, 0, true));
      AtomicInteger between = new AtomicInteger();
      while (keyspace.keeper().pending() > 0) {
        keyspace
            .world()
            .stop(
                seat,
                () -> {
                  long live = heap.liveBytes();
                  if (live > 0 && live < before * 9 / 10) {
                    between.incrementAndGet();
                  }
                });
      }
      seat.leave();
      assertThat(between.get()).isPositive();
      await().until(() -> heap.liveBytes() == 0);
    }
  }

  private static void put(Keyspace keyspace, Seat seat, int slot, String text, long expiry) {
    Dictionary dictionary = seat.values.dictionary();
    Slice key = new Slice(text.getBytes(StandardCharsets.US_ASCII));
    Place place = new Place();
    seat.lock(slot);
    long header = keyspace.database(0).headerForWrite(seat, slot);
    dictionary.find(header, dictionary.hash(key), key, place);
    dictionary.insert(place, dictionary.create(key, Entry.STRING, Entry.RAW, 0, expiry));
    seat.unlock(slot);
  }

  private static long keys(Keyspace keyspace, Seat seat) {
    seat.enter();
    long size = keyspace.database(0).size(seat);
    seat.leave();
    return size;
  }
}
