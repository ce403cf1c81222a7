package dev.spinel.engine;

import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.wire.HeapBudget;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Client-side caching: which sessions have read which keys, and who is to hear of all keys with a
/// prefix. When a key changes, they get an *invalidation*, and throw away what they keep of it.
///
/// ```
///   GET k ──► value ──► remember(k, reader) ──► unlock         SET k ──► changed(k) ──► unlock
///             └──── under the lock of k's slot ────┘           └── under the same lock ──┘
///                                                                       │ letters to the readers' threads
///                                                                       ▼
///                                                          reader's output: … value … invalidation
/// ```
///
/// **Nothing is missed.** A read is remembered under the lock of the key's slot, the one under
/// which the value was read. A later writer takes that lock, finds the reader, and puts a letter
/// into its inbox. The reader's thread has written the value to the output before it looks into the
/// inbox, so the invalidation stands behind the value. One case needs care, a reply that another
/// thread makes for a waiting session: see [Invalidations].
///
/// **It costs nothing where nobody tracks.** A slot with remembered keys has the flag
/// [Slots#TRACKED], which writers read together with the flags of WATCH and of waiting calls.
/// Prefixes have a plain field: a session reads keys after it has asked for a prefix, so whoever
/// locks one of these slots later sees the field.
///
/// **The table is bounded**, by `tracking-table-max-keys` and by the Java heap: keys beyond the
/// number are invalidated, in random order ([#makeRoom]); a read for which the heap has no room is
/// invalidated at once. Names are those of keys in any database, and numbers of sessions that are
/// gone stay until their keys change, both as in Redis.
public final class Tracking {
  /// Keys that begin with this are told to these sessions. Its lists are under the monitor of
  /// [Tracking]; the arrays are never changed.
  public static final class Prefix implements Comparable<Prefix> {
    final byte[] bytes;
    volatile Session[] sessions = {};

    Prefix(byte[] bytes) {
      this.bytes = bytes;
    }

    public byte[] bytes() {
      return bytes;
    }

    /// What it takes of the Java heap for each session.
    private long heldBytes() {
      return PREFIX_BYTES + bytes.length;
    }

    boolean begins(Slice key) {
      return key.length >= bytes.length
          && Arrays.equals(
              bytes, 0, bytes.length, key.array, key.offset, key.offset + bytes.length);
    }

    @Override
    public int compareTo(Prefix other) {
      return Arrays.compareUnsigned(bytes, other.bytes);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Prefix prefix && Arrays.equals(bytes, prefix.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }
  }

  private static final Setting<Long> MOST_KEYS = Settings.TRACKING_TABLE_MAX_KEYS;

  /// What a session's prefix takes of the Java heap besides its bytes.
  private static final int PREFIX_BYTES = 200;

  private static final int EFFORT = 100; // keys that are invalidated at a time, at first

  private final Engine engine;
  private final Slots slots;
  private final HeapBudget heap;
  private final @Nullable TrackedKeys[] bySlot = new TrackedKeys[Slots.COUNT]; // slot lock
  private final AtomicLong keys = new AtomicLong();
  private final AtomicLong items = new AtomicLong();
  private final AtomicLong heldBytes = new AtomicLong();
  private final AtomicInteger clients = new AtomicInteger();
  private final AtomicInteger failedEfforts = new AtomicInteger();

  /// In the order of their bytes; replaced as a whole, under this object's monitor.
  private volatile Prefix[] prefixes = {};

  /// Whether there are prefixes. Plain: see the class.
  boolean broadcasts;

  private Runnable onCrowded = () -> {}; // before the first session

  Tracking(Engine engine) {
    this.engine = engine;
    this.slots = engine.slots;
    this.heap = engine.heap;
  }

  /// Sets what is called when the table has got more keys than it may have. It may be called on any
  /// thread, under a slot's lock. Before the first session.
  public void onCrowded(Runnable listener) {
    onCrowded = listener;
  }

  // ── sessions ──

  /// The session tracks keys like this from now on. Errors: there is no room on the heap for its
  /// prefixes. The session's own thread.
  ///
  /// @param more prefixes, in addition to those that it has, for a session that broadcasts
  public synchronized void start(
      Session session, TrackingMode.Kind kind, long redirect, boolean noLoop, List<byte[]> more) {
    TrackingMode before = session.tracking;
    List<Prefix> old = before == null ? List.of() : before.prefixes();
    List<Prefix> wanted =
        more.stream().map(Prefix::new).distinct().filter(each -> !old.contains(each)).toList();
    session.hold(wanted.stream().mapToLong(Prefix::heldBytes).sum());
    List<Prefix> all = new ArrayList<>(old);
    for (Prefix each : wanted) {
      all.add(listen(session, each));
    }
    all.sort(null);
    if (before == null) {
      clients.incrementAndGet();
    }
    session.redirectBroken = false;
    session.tracking = new TrackingMode(kind, redirect, noLoop, List.copyOf(all));
  }

  private Prefix listen(Session session, Prefix wanted) {
    int at = Arrays.binarySearch(prefixes, wanted);
    Prefix found = at >= 0 ? prefixes[at] : wanted;
    if (at < 0) {
      Prefix[] more = Arrays.copyOf(prefixes, prefixes.length + 1);
      System.arraycopy(prefixes, ~at, more, ~at + 1, prefixes.length + at + 1);
      more[~at] = wanted;
      prefixes = more;
      broadcasts = true;
    }
    Session[] sessions = Arrays.copyOf(found.sessions, found.sessions.length + 1);
    sessions[sessions.length - 1] = session;
    found.sessions = sessions;
    return found;
  }

  /// The session tracks no keys any more. Its own thread.
  public synchronized void stop(Session session) {
    TrackingMode mode = session.tracking;
    if (mode == null) {
      return;
    }
    for (Prefix prefix : mode.prefixes()) {
      prefix.sessions =
          Arrays.stream(prefix.sessions).filter(one -> one != session).toArray(Session[]::new);
      session.release(prefix.heldBytes());
    }
    prefixes =
        Arrays.stream(prefixes)
            .filter(prefix -> prefix.sessions.length != 0)
            .toArray(Prefix[]::new);
    broadcasts = prefixes.length != 0;
    session.tracking = null;
    session.caching = false;
    session.redirectBroken = false;
    clients.decrementAndGet();
  }

  /// How many sessions track keys.
  public int clients() {
    return clients.get();
  }

  /// How many keys are remembered.
  public long keys() {
    return keys.get();
  }

  /// How many pairs of a key and a reader are remembered.
  public long items() {
    return items.get();
  }

  public int prefixes() {
    return prefixes.length;
  }

  /// What the table takes of the Java heap.
  public long bytes() {
    return heldBytes.get();
  }

  // ── reads ──

  /// The call's command, which only reads, has run for this client, which tracks keys. Its keys are
  /// locked.
  void remember(Call call, Session client, TrackingMode mode) {
    if (!mode.remembers(client.caching)) {
      return;
    }
    for (int i = 0; i < call.keyCount; i++) {
      Slice name = call.args.at(call.keyPositions[i]);
      if (name.node == 0 && !remember(call.keySlots[i], name, client)) {
        call.dispatcher.recorder.invalidations.atOnce(client, name);
      }
    }
  }

  /// False if there is no room for it.
  private boolean remember(int slot, Slice name, Session reader) {
    TrackedKeys of = bySlot[slot];
    TrackedKeys.Tracked key = of == null ? null : of.find(name);
    if (key == null) {
      long bytes = TrackedKeys.bytesFor(name);
      if (heldBytes.get() + bytes > heap.limitBytes() / 2 || !heap.hold(bytes)) {
        return false;
      }
      heldBytes.addAndGet(bytes);
      if (of == null) {
        bySlot[slot] = of = new TrackedKeys();
        slots.raise(slot, Slots.TRACKED);
      }
      of.addReader(of.add(name), reader.id);
      items.incrementAndGet();
      if (keys.incrementAndGet() > mostKeys()) {
        onCrowded.run();
      }
    } else {
      long before = key.bytes();
      if (of.addReader(key, reader.id)) {
        items.incrementAndGet();
        heap.add(key.bytes() - before);
        heldBytes.addAndGet(key.bytes() - before);
      }
    }
    return true;
  }

  // ── changes ──

  /// The key has changed. Its slot's lock.
  ///
  /// @param by the client whose call changed it
  void changed(int slot, Slice key, @Nullable Session by, Invalidations to) {
    tell(slot, key, by, by, to);
  }

  /// The server has removed the key: it expired, or memory was short. Its slot's lock.
  ///
  /// @param meanwhile the client whose call is running here, if one is
  void removed(int slot, Slice key, @Nullable Session meanwhile, Invalidations to) {
    tell(slot, key, null, meanwhile, to);
  }

  private void tell(
      int slot, Slice key, @Nullable Session by, @Nullable Session running, Invalidations to) {
    if (broadcasts) {
      for (Prefix prefix : prefixes) {
        if (prefix.begins(key)) {
          to.broadcast(prefix, key, by);
        }
      }
    }
    TrackedKeys of = bySlot[slot];
    TrackedKeys.Tracked tracked = of == null ? null : of.remove(key);
    if (of != null && tracked != null) {
      forget(slot, of, tracked);
      invalidate(tracked, by, running, to);
    }
  }

  private void forget(int slot, TrackedKeys of, TrackedKeys.Tracked removed) {
    if (of.size() == 0) {
      bySlot[slot] = null;
      slots.lower(slot, Slots.TRACKED);
    }
    keys.decrementAndGet();
    items.addAndGet(-removed.readers());
    release(removed.bytes());
  }

  private void release(long bytes) {
    heldBytes.addAndGet(-bytes);
    heap.release(bytes);
  }

  private void invalidate(
      TrackedKeys.Tracked tracked,
      @Nullable Session by,
      @Nullable Session running,
      Invalidations to) {
    byte[] text = Invalidations.ofKey(tracked.name);
    for (int i = 0; i < tracked.readers(); i++) {
      Session reader = engine.session(tracked.reader(i));
      TrackingMode mode = reader == null ? null : reader.tracking;
      if (reader != null
          && mode != null
          && !mode.broadcasts()
          && !(mode.noLoop() && reader == by)) {
        to.add(reader, mode, text, running);
      }
    }
    to.send(text);
  }

  /// A database was emptied: all sessions that track keys forget all of them. Stopped world.
  ///
  /// @param running the client whose call does it, if one does
  void flushed(@Nullable Session running, Invalidations to) {
    if (clients.get() != 0) {
      for (Session session : engine.sessions()) {
        TrackingMode mode = session.tracking;
        if (mode != null) {
          to.add(session, mode, Invalidations.OF_ALL, running);
        }
      }
      to.send(Invalidations.OF_ALL);
    }
    for (int slot = 0; keys.get() != 0 && slot < Slots.COUNT; slot++) {
      TrackedKeys of = bySlot[slot];
      if (of != null) {
        release(of.bytes());
        keys.addAndGet(-of.size());
        bySlot[slot] = null;
        slots.lower(slot, Slots.TRACKED);
      }
    }
    items.set(0);
  }

  // ── the bound ──

  private long mostKeys() {
    long most = engine.limits.get(MOST_KEYS);
    return most == 0 ? Long.MAX_VALUE : most;
  }

  /// Whether the table has more keys than it may have.
  public boolean isCrowded() {
    return keys.get() > mostKeys();
  }

  /// Invalidates keys until there are no more than there may be, or many are done: each time more
  /// of them, while that isn't enough. Returns whether it is. No lock; the thread of the
  /// dispatcher, seated.
  public boolean makeRoom(Dispatcher by) {
    int effort = EFFORT * (failedEfforts.get() + 1);
    for (int i = 0; i < effort && isCrowded(); i++) {
      invalidateAny(by);
    }
    by.recorder.append(); // its messages, where they wait for that
    if (isCrowded()) {
      failedEfforts.incrementAndGet();
      return false;
    }
    failedEfforts.set(0);
    return true;
  }

  private void invalidateAny(Dispatcher by) {
    Seat seat = by.seat();
    int from = ThreadLocalRandom.current().nextInt(Slots.COUNT);
    for (int i = 0; i < Slots.COUNT; i++) {
      int slot = from + i & Slots.COUNT - 1;
      if ((slots.flags(slot) & Slots.TRACKED) == 0) {
        continue;
      }
      seat.lock(slot);
      try {
        TrackedKeys of = bySlot[slot];
        if (of != null) {
          Slice name = new Slice(of.any(ThreadLocalRandom.current().nextInt()).name);
          TrackedKeys.Tracked tracked = of.remove(name);
          if (tracked != null) {
            forget(slot, of, tracked);
            invalidate(tracked, null, null, by.recorder.invalidations);
          }
          return;
        }
      } finally {
        seat.unlock(slot);
      }
    }
  }
}
