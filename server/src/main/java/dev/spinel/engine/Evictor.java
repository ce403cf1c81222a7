package dev.spinel.engine;

import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Slice;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Chooses keys to evict, and evicts them, for one thread.
///
/// Least recently and least frequently used are approximated as in Redis: a few keys are sampled in
/// each database, the best of them join a pool of 16 that were the best so far, sorted by how
/// gladly they would be spared, and the last of the pool goes. So the choice gets better with each
/// eviction than the samples alone would be.
///
/// A sample is a random entry of the first slot with keys behind a random one. If only keys with an
/// expiry count and a slot has few of them among many, one is found by the bounds that expiry goes
/// by. If there is no such key at all, that is remembered until somebody sets an expiry. One slot
/// is locked at a time, none while choosing among the pool.
final class Evictor {
  private static final int POOL = 16;
  private static final int PICKS = 16;

  private record Candidate(int database, int slot, byte[] key, long score) {}

  private final Engine engine;
  private final Eviction eviction;
  private final Seat seat;
  private final Dictionary dictionary;
  private final Memory memory;
  private final Recorder recorder;
  private final SplittableRandom random = new SplittableRandom();
  private final java.util.Random source = new java.util.Random();
  private final Place place = new Place();
  private final @Nullable Candidate[] pool = new Candidate[POOL]; // scores ascending
  private int pooled;
  private int nextDatabase; // of random policies
  private boolean found; // a key with an expiry, by this attempt
  private long noneSince = -1; // what Keyspace.expiriesSet was when none was found

  /// Commands that need not look at the account.
  int unseen;

  /// The limit that was found to be far.
  long unseenLimit;

  Evictor(Engine engine, Eviction eviction, Seat seat) {
    this.engine = engine;
    this.eviction = eviction;
    this.seat = seat;
    this.recorder = new Recorder(engine.journal, LargeSink.NONE, engine.pressure);
    this.dictionary = seat.values.dictionary();
    this.memory = seat.values.memory();
  }

  /// Evicts one key. False if there is none that may be.
  boolean evictOne() {
    var policy = eviction.policy();
    if (!policy.onlyExpiring) {
      return policy.random() ? evictAny(policy) : evictBest(policy);
    }
    long set = engine.keyspace.expiriesSet();
    if (set == noneSince) {
      return false;
    }
    found = false;
    boolean evicted = policy.random() ? evictAny(policy) : evictBest(policy);
    noneSince = found ? -1 : set;
    return evicted;
  }

  /// Waits a moment and lets global operations pass.
  void rest(long nanos) {
    LockSupport.parkNanos(nanos);
    seat.breathe();
  }

  private boolean evictAny(Eviction.Policy policy) {
    int databases = engine.keyspace.databases();
    for (int i = 0; i < databases; i++) {
      nextDatabase = (nextDatabase + 1) % databases;
      Candidate any = sample(nextDatabase, policy);
      if (any != null && evict(any, policy)) {
        return true;
      }
    }
    return false;
  }

  private boolean evictBest(Eviction.Policy policy) {
    for (int round = 0; round < POOL; round++) {
      boolean found = false;
      for (int number = 0; number < engine.keyspace.databases(); number++) {
        for (int i = eviction.samples(); i > 0; i--) {
          Candidate one = sample(number, policy);
          if (one == null) {
            break;
          }
          found = true;
          add(one);
        }
      }
      while (pooled > 0) {
        Candidate best = pool[--pooled];
        pool[pooled] = null;
        if (best != null && evict(best, policy)) {
          return true;
        }
      }
      if (!found) {
        return false;
      }
    }
    return false;
  }

  private void add(Candidate one) {
    for (int i = 0; i < pooled; i++) {
      Candidate known = pool[i];
      if (known != null
          && known.database == one.database
          && java.util.Arrays.equals(known.key, one.key)) {
        return;
      }
    }
    int at = pooled;
    while (at > 0 && score(at - 1) > one.score) {
      at--;
    }
    if (pooled == POOL) {
      if (at == 0) {
        return; // all of the pool go before it
      }
      System.arraycopy(pool, 1, pool, 0, --at);
      pool[at] = one;
    } else {
      System.arraycopy(pool, at, pool, at + 1, pooled++ - at);
      pool[at] = one;
    }
  }

  private long score(int at) {
    Candidate candidate = pool[at];
    return candidate == null ? Long.MIN_VALUE : candidate.score;
  }

  /// A random key that may be evicted, or null if the database has none.
  private @Nullable Candidate sample(int number, Eviction.Policy policy) {
    Database database = engine.keyspace.database(number);
    int first = random.nextInt(Slots.COUNT);
    for (int i = 0; i < Slots.COUNT && database.used(); i++) {
      int slot = (first + i) & (Slots.COUNT - 1);
      if (database.header(slot)
          == 0) { // a look without a lock: taken only where there is something
        continue;
      }
      seat.lock(slot);
      try {
        long header = engine.keyspace.database(number).header(slot);
        if (header != 0 && pick(header, policy)) {
          return new Candidate(number, slot, Entry.key(memory, place.entry), score(policy));
        }
      } finally {
        seat.unlock(slot);
      }
    }
    return null;
  }

  private boolean pick(long header, Eviction.Policy policy) {
    if (!policy.onlyExpiring) {
      return dictionary.random(header, source, place);
    }
    if (dictionary.expiring(header) == 0) {
      return false;
    }
    found = true;
    for (int i = 0; i < PICKS; i++) {
      if (dictionary.random(header, source, place) && Entry.hasExpiry(memory, place.entry)) {
        return true;
      }
    }
    return dictionary.nextExpired(header, Long.MAX_VALUE, place);
  }

  /// How gladly the entry at `place` would be spared.
  private long score(Eviction.Policy policy) {
    long now = engine.clock.millis();
    int access = Entry.access(memory, place.entry);
    return switch (policy) {
      case ALLKEYS_LRU, VOLATILE_LRU -> ((now / 1000) - access) & 0xffffff;
      case ALLKEYS_LFU, VOLATILE_LFU -> 255 - engine.frequency.counter(access, now);
      case VOLATILE_TTL -> Long.MAX_VALUE - Entry.expiry(memory, place.entry);
      default -> 0;
    };
  }

  /// False if the key is gone, or may not be evicted any more.
  private boolean evict(Candidate what, Eviction.Policy policy) {
    seat.lock(what.slot);
    try {
      Database database = engine.keyspace.database(what.database);
      long header = database.header(what.slot);
      Slice key = new Slice(what.key);
      if (header == 0
          || !dictionary.find(header, dictionary.hash(key), key, place)
          || policy.onlyExpiring && !Entry.hasExpiry(memory, place.entry)) {
        return false;
      }
      engine.evict(seat, recorder, what.database, what.slot, key, place);
      if (!engine.keyspace.walk().active()) {
        database.dropIfEmpty(seat, what.slot);
      }
      return true;
    } finally {
      seat.unlock(what.slot);
    }
  }
}
