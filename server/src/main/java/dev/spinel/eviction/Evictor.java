package dev.spinel.eviction;

import dev.spinel.engine.Engine;
import dev.spinel.engine.Recorder;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.value.Walk;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Chooses keys to evict, and evicts them, for one thread.
///
/// Least recently and least frequently used are approximated as in Redis: a few keys are sampled in
/// each database, the best of them join a pool of 16 that were the best so far, sorted by score,
/// and the one with the highest score is evicted. So the choice is better than the samples alone
/// would allow.
///
/// The samples are neighbours, in the order of the hash, behind a random place of the first slot
/// with keys behind a random one: their addresses stand side by side, and they have nothing else in
/// common. A policy that takes any key takes a random one. If only keys with an expiry count and a
/// slot has few of them among many, one is found by the bounds that expiry goes by. If there is no
/// such key at all, that is remembered until a key gets an expiry. One slot is locked at a time,
/// none while choosing among the pool.
final class Evictor {
  private static final int POOL = 16;
  private static final int PICKS = 16;
  private static final int ROUNDS = 16;

  /// The outcome of an attempt to evict a key.
  enum Outcome {
    EVICTED,
    /// It isn't there any more, or may not be evicted any more.
    GONE,
    /// The walk would have to keep more of it than it may.
    KEPT,
    /// There is none that may be evicted.
    NOTHING
  }

  private static final IntPredicate NOTHING_IS = slot -> false;

  private record Candidate(int database, int slot, byte[] key, long score) {}

  private final Engine engine;
  private final Eviction eviction;
  final Seat seat;
  private final Dictionary dictionary;
  private final Memory memory;
  private final Recorder recorder;
  private final SplittableRandom random = new SplittableRandom();
  private final java.util.Random source = new java.util.Random();
  private final Place place = new Place();
  private final @Nullable Candidate[] pool = new Candidate[POOL]; // scores ascending
  private int pooled;
  private int nextDatabase; // of random policies
  private final Sampled sampled = new Sampled();
  private long noneSince = -1; // what Keyspace.expiriesSet was when none was found

  // what goes for now: see sparing and now
  private IntPredicate isSpared = NOTHING_IS;
  private boolean mayWait = true; // for locks
  private boolean isPassedOver; // a slot that another thread has locked

  Evictor(Engine engine, Eviction eviction, Seat seat) {
    this.engine = engine;
    this.eviction = eviction;
    this.seat = seat;
    this.recorder = engine.recorder();
    this.dictionary = seat.values.dictionary();
    this.memory = seat.values.memory();
  }

  /// It evicts no more.
  void close() {
    recorder.close();
  }

  /// Runs `action`, during which no key of these slots is evicted, which ascend.
  <T> T sparing(int[] slots, Supplier<T> action) {
    if (slots.length == 0) {
      return action.get();
    }
    isSpared = slot -> Arrays.binarySearch(slots, slot) >= 0;
    try {
      return action.get();
    } finally {
      isSpared = NOTHING_IS;
    }
  }

  /// Evicts one key, while the thread holds locks of other slots, or has the world to itself: so it
  /// waits for no lock. What it holds stays, and what `touched` tells.
  Outcome evictOneNow(IntPredicate touched) {
    isSpared = touched;
    mayWait = false;
    isPassedOver = false;
    try {
      Outcome outcome = evictOne();
      return outcome == Outcome.NOTHING && isPassedOver ? Outcome.GONE : outcome;
    } finally {
      isSpared = NOTHING_IS;
      mayWait = true;
    }
  }

  /// Begins to look at a slot. False if its keys can't go now.
  private boolean enter(int slot) {
    if (isSpared.test(slot)) {
      return false;
    }
    if (mayWait) {
      seat.lock(slot);
      return true;
    }
    boolean mayLook = seat.stopsWorld() || seat.tryLock(slot);
    isPassedOver |= !mayLook;
    return mayLook;
  }

  private void leave(int slot) {
    if (!seat.stopsWorld()) {
      seat.unlock(slot);
    }
  }

  /// Evicts one key.
  Outcome evictOne() {
    Policy policy = eviction.policy();
    if (!policy.onlyExpiring) {
      return policy.random() ? evictAny(policy) : evictBest(policy);
    }
    long set = engine.keyspace.expiriesSet();
    if (set == noneSince) {
      return Outcome.NOTHING;
    }
    Outcome outcome = policy.random() ? evictAny(policy) : evictBest(policy);
    boolean all = mayWait && isSpared == NOTHING_IS;
    noneSince = outcome == Outcome.NOTHING && all ? set : -1;
    return outcome;
  }

  private Outcome evictAny(Policy policy) {
    int last = nextDatabase;
    Outcome outcome = evictAny(policy, last + 1, Integer.MAX_VALUE);
    return outcome == Outcome.EVICTED ? outcome : evictAny(policy, 0, last);
  }

  /// In the first database, from one number to another, that has something to evict.
  private Outcome evictAny(Policy policy, int from, int to) {
    Keyspace keyspace = engine.keyspace;
    Outcome outcome = Outcome.NOTHING;
    for (int number = keyspace.nextUsed(from);
        number >= 0 && number <= to && outcome != Outcome.EVICTED;
        number = keyspace.nextUsed(number + 1)) {
      nextDatabase = number;
      Candidate any = any(number, policy);
      if (any != null) {
        outcome = evict(any, policy);
      }
    }
    return outcome;
  }

  private Outcome evictBest(Policy policy) {
    for (int round = 0; ; round++) {
      boolean some = false;
      Keyspace keyspace = engine.keyspace;
      for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
        some |= sample(number, policy);
      }
      Outcome outcome = evictBestPooled(policy);
      if (outcome == Outcome.EVICTED) {
        return outcome;
      }
      if (!some) {
        return Outcome.NOTHING;
      }
      if (outcome != Outcome.GONE || round == ROUNDS) {
        return outcome;
      }
    }
  }

  /// Evicts the best of the pool that is still where it was. If none is evicted, returns the
  /// outcome of the last that wasn't GONE.
  private Outcome evictBestPooled(Policy policy) {
    Outcome outcome = Outcome.GONE;
    while (pooled > 0 && outcome != Outcome.EVICTED) {
      Candidate best = Objects.requireNonNull(pool[--pooled]);
      pool[pooled] = null;
      Outcome of = evict(best, policy);
      outcome = of == Outcome.GONE ? outcome : of;
    }
    return outcome;
  }

  private void add(Candidate one) {
    for (int i = 0; i < pooled; i++) {
      Candidate known = pool[i];
      if (known != null && known.database == one.database && Arrays.equals(known.key, one.key)) {
        return;
      }
    }
    int at = pooled;
    while (at > 0 && score(at - 1) > one.score) {
      at--;
    }
    if (pooled == POOL) {
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

  /// Looks at some keys that may be evicted, those that come first behind a random place: the best
  /// join the pool. False if the database has none.
  private boolean sample(int number, Policy policy) {
    sampled.left = eviction.samples();
    sampled.database = number;
    sampled.policy = policy;
    sampled.now = engine.clock.millis();
    Database database = engine.keyspace.database(number);
    int first = random.nextInt(Slots.COUNT);
    for (int i = 0; i < Slots.COUNT && sampled.left > 0 && database.used(); i++) {
      int slot = (first + i) & (Slots.COUNT - 1);
      if (database.header(slot) == 0
          || engine
              .keyspace
              .slots()
              .isHidden(slot)) { // without a lock: taken only where there is something
        continue;
      }
      if (!enter(slot)) {
        continue;
      }
      sampled.slot = slot;
      try {
        long header = engine.keyspace.database(number).header(slot);
        if (header != 0 && (!policy.onlyExpiring || dictionary.expiring(header) > 0)) {
          sample(header, policy);
        }
      } finally {
        leave(slot);
      }
    }
    return sampled.left < eviction.samples();
  }

  private void sample(long header, Policy policy) {
    int before = sampled.left;
    int looks = policy.onlyExpiring ? PICKS : before;
    dictionary.scan(
        header, random.nextLong() >>> Long.SIZE - Dictionary.CURSOR_BITS, looks, sampled);
    if (sampled.left == before) {
      dictionary.scan(header, 0, looks, sampled);
    }
    if (sampled.left == before && dictionary.nextExpired(header, Long.MAX_VALUE, place)) {
      sampled.entry(place.entry);
    }
  }

  /// What is being sampled, and where; called with each entry. Slot lock.
  private final class Sampled implements Dictionary.Visitor {
    int left;
    int database;
    int slot;
    Policy policy = Policy.NOEVICTION;
    long now;

    @Override
    public void entry(long entry) {
      if (left == 0 || policy.onlyExpiring && !Entry.hasExpiry(memory, entry)) {
        return;
      }
      left--;
      long score = score(entry, policy, now);
      if (pooled < POOL || score > Evictor.this.score(0)) {
        add(new Candidate(database, slot, Entry.key(memory, entry), score));
      }
    }
  }

  /// A random key that may be evicted, or null if the database has none.
  private @Nullable Candidate any(int number, Policy policy) {
    Database database = engine.keyspace.database(number);
    int first = random.nextInt(Slots.COUNT);
    for (int i = 0; i < Slots.COUNT && database.used(); i++) {
      int slot = (first + i) & (Slots.COUNT - 1);
      if (database.header(slot) == 0 || !enter(slot)) {
        continue;
      }
      try {
        long header = engine.keyspace.database(number).header(slot);
        if (header != 0 && pick(header, policy)) {
          return new Candidate(number, slot, Entry.key(memory, place.entry), 0);
        }
      } finally {
        leave(slot);
      }
    }
    return null;
  }

  private boolean pick(long header, Policy policy) {
    if (!policy.onlyExpiring) {
      return dictionary.random(header, source, place);
    }
    if (dictionary.expiring(header) == 0) {
      return false;
    }
    for (int i = 0; i < PICKS; i++) {
      if (dictionary.random(header, source, place) && Entry.hasExpiry(memory, place.entry)) {
        return true;
      }
    }
    return dictionary.nextExpired(header, Long.MAX_VALUE, place);
  }

  /// The score of an entry: the entry with the highest is evicted first.
  private long score(long entry, Policy policy, long now) {
    int access = Entry.access(memory, entry);
    return switch (policy) {
      case ALLKEYS_LRU, VOLATILE_LRU -> ((now / 1000) - access) & 0xffffff;
      case ALLKEYS_LFU, VOLATILE_LFU -> 255 - engine.frequency.counter(access, now);
      case VOLATILE_TTL -> Long.MAX_VALUE - Entry.expiry(memory, entry);
      default -> 0;
    };
  }

  private Outcome evict(Candidate what, Policy policy) {
    if (!enter(what.slot)) {
      return Outcome.GONE;
    }
    try {
      Database database = engine.keyspace.database(what.database);
      long header = database.header(what.slot);
      Slice key = new Slice(what.key);
      if (header == 0
          || !dictionary.find(header, dictionary.hash(key), key, place)
          || policy.onlyExpiring && !Entry.hasExpiry(memory, place.entry)) {
        return Outcome.GONE;
      }
      Walk walk = engine.keyspace.walk();
      if (walk.active() && !walk.mayKeep(dictionary.keptBytes(place))) {
        return Outcome.KEPT;
      }
      engine.evict(seat, recorder, what.database, what.slot, key, place);
      if (!walk.active()) {
        database.dropIfEmpty(seat, what.slot);
      }
      return Outcome.EVICTED;
    } finally {
      leave(what.slot);
    }
  }
}
