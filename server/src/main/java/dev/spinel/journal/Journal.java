package dev.spinel.journal;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The journal: effects in one order, handed to *audiences*, each of which has its own byte offset.
///
/// ```
///   thread A  ──encode──► Effects ──append──► its lane   41  43 44 ─┐            ┌─► AOF       offset 8123
///   thread B  ──encode──► Effects ──append──► its lane   42     45 ─┴─ merge ────┴─► REPLICAS  offset 90411
///                                   slot locks held                    no slot lock needed
/// ```
///
/// **A position is a ticket.** A thread draws the next number while it holds the locks of all slots
/// that its effects touched, so the order of positions is a legal serial order; then it puts the
/// record into a lane of its own. No thread waits for another one to copy bytes.
///
/// **Whoever calls [#merge]** puts the records of all lanes in order and hands them to the readers,
/// with the SELECT that an audience needs before a record of another database and with MULTI and
/// EXEC around a record of several commands. If somebody is at it already, that one goes around
/// once more. Every thread calls it after it has appended, before its replies leave, so no record
/// stays in a lane. It stops before a position that was drawn and whose record isn't there yet: the
/// thread that drew it will merge, too.
///
/// A *long* record, which would not fit into a lane, is handed over by the thread itself, while it
/// merges: it draws its position then, and whoever has drawn an earlier one needs nothing to put
/// its record where it belongs.
///
/// **Releases.** A reply may be bound to a position and leaves when that position is *released*: at
/// once as long as nobody binds ([#bind]); else when everybody who does has released it, an fsync
/// or replicas' acknowledgements. Listeners then send what waited.
///
/// **A journal that relays** ([#relays]): on a replica the stream for replicas is not made of
/// effects, but of the primary's bytes, as they came ([Lane#relay]). Effects are for the file alone
/// then.
///
/// Readers come and go, and replies begin and cease to be bound, in stopped worlds only.
public final class Journal {
  /// Audiences, as bits.
  public static final int AOF = 1;

  public static final int REPLICAS = 2;

  /// Another node of the cluster, which is going to have some slots.
  public static final int MOVES = 4;

  public static final int ALL = AOF | REPLICAS | MOVES;

  private static final byte[] MULTI = bytes("*1\r\n$5\r\nMULTI\r\n");
  private static final byte[] EXEC = bytes("*1\r\n$4\r\nEXEC\r\n");

  /// Reads what an audience gets. It is called by whoever merges, one call after the other: take
  /// the bytes and return; never block, never call back.
  public interface Reader {
    /// Framing and records come in order. A record may come in several pieces.
    void append(byte[] bytes, int from, int length);

    /// All records up to this position have been handed over, so far as they concern this audience.
    /// Said at least once after the last of them; the place to pass on what was gathered.
    ///
    /// @param offset of the audience: bytes that it was given
    default void passed(long position, long offset) {}
  }

  /// One who binds replies: they wait until all who do have released their positions.
  public final class Binding {
    private volatile long upTo;

    private Binding(long upTo) {
      this.upTo = upTo;
    }

    /// Releases all positions up to `position`. Never goes back. One thread at a time.
    public void release(long position) {
      if (position > upTo) {
        upTo = position;
        tellReleased();
      }
    }

    /// Replies are bound to this no more. Stopped world.
    public void end() {
      synchronized (bindings) {
        bindings.remove(this);
        bound = !bindings.isEmpty();
      }
      tellReleased();
    }
  }

  private static final class Audience {
    final int bit;
    @Nullable Reader reader; // merging
    long offset; // merging
    int database = -1; // merging: what the last SELECT chose; -1 = none yet

    Audience(int bit) {
      this.bit = bit;
    }

    void give(byte[] bytes, int from, int length) {
      Reader to = reader;
      if (to != null) {
        to.append(bytes, from, length);
        offset += length;
      }
    }
  }

  private final ReentrantLock merging = new ReentrantLock();
  private final Audience[] audiences = {
    new Audience(AOF), new Audience(REPLICAS), new Audience(MOVES)
  };
  private final Merging into = new Merging(); // merging
  private volatile Lane[] lanes = {}; // written under `merging`
  private final CopyOnWriteArrayList<Binding> bindings = new CopyOnWriteArrayList<>();
  private final CopyOnWriteArrayList<Runnable> releaseListeners = new CopyOnWriteArrayList<>();
  private final AtomicLong drawn = new AtomicLong(); // the last position
  private volatile long merged; // the last position that was handed over; merging
  private volatile boolean asked; // to merge, since somebody who does began to
  private volatile int reading; // bits of the audiences that have a reader
  private volatile int effectsFor = ALL; // the audiences that effects are for; stopped world
  private volatile boolean recording; // whether one of those has a reader
  private volatile boolean bound;

  // ── readers ──

  /// Whether anybody reads: if not, encode nothing.
  public boolean recording() {
    return recording;
  }

  /// Whether this audience has a reader.
  public boolean recording(int audience) {
    return (reading & audience) != 0;
  }

  /// The audiences that effects are for.
  public int effectsFor() {
    return effectsFor;
  }

  /// From now on replicas get what is relayed, or effects again. Stopped world.
  public void relays(boolean on) {
    alone(
        () -> {
          effectsFor = on ? AOF : ALL;
          look();
        });
  }

  private void look() {
    recording = (reading & effectsFor) != 0;
  }

  /// The database that the last SELECT of an audience chose; -1: none has.
  public int database(int audience) {
    int[] number = new int[1];
    alone(() -> number[0] = audience(audience).database);
    return number[0];
  }

  /// The next record that an audience gets begins with a SELECT, if it means a database.
  public void selectAnew(int audience) {
    alone(() -> audience(audience).database = -1);
  }

  /// Gives an audience its reader, from the next record on. Stopped world. Errors: it has one
  /// already.
  public void attach(int audience, Reader reader) {
    alone(
        () -> {
          Audience to = audience(audience);
          if (to.reader != null) {
            throw new IllegalStateException("the audience has a reader");
          }
          to.reader = reader;
          to.database = -1;
          reading |= audience;
          look();
        });
  }

  /// Its reader is given nothing more, after all that was appended before. Stopped world.
  public void detach(int audience) {
    alone(
        () -> {
          audience(audience).reader = null;
          reading &= ~audience;
          look();
        });
  }

  /// Bytes given to the audience since the journal was made, with all that is appended now.
  public long offset(int audience) {
    long[] offset = new long[1];
    alone(() -> offset[0] = audience(audience).offset);
    return offset[0];
  }

  /// A cut: everything is handed over, and from here each audience begins with a SELECT. Stopped
  /// world. Returns the offsets of [#AOF], [#REPLICAS], [#MOVES].
  public long[] cut() {
    long[] offsets = new long[audiences.length];
    alone(
        () -> {
          for (int i = 0; i < audiences.length; i++) {
            offsets[i] = audiences[i].offset;
            audiences[i].database = -1;
          }
        });
    return offsets;
  }

  private Audience audience(int bit) {
    for (Audience audience : audiences) {
      if (audience.bit == bit) {
        return audience;
      }
    }
    throw new IllegalArgumentException("no audience " + bit);
  }

  // ── appending ──

  /// A lane for a thread that appends. It is closed when the thread appends no more.
  public Lane lane() {
    Lane lane = new Lane(this);
    alone(
        () -> {
          Lane[] all = Arrays.copyOf(lanes, lanes.length + 1);
          all[lanes.length] = lane;
          lanes = all;
        });
    return lane;
  }

  void close(Lane lane) {
    emptying(
        lane, () -> lanes = Arrays.stream(lanes).filter(each -> each != lane).toArray(Lane[]::new));
  }

  long append(Lane lane, Effects effects, int to) {
    int room = Lane.room(effects);
    if (effects.refers() || room > Lane.LONGEST) {
      return appendLong(effects, to);
    }
    lane.makeRoom(room);
    long first = drawn.getAndAdd(effects.parts()) + 1;
    lane.put(first, effects, to);
    return first + effects.parts() - 1;
  }

  private long appendLong(Effects effects, int to) {
    effects.prepare();
    int last = effects.parts() - 1;
    int transaction = effects.transactionFor() & to;
    long position;
    merging.lock();
    try {
      position = drawn.addAndGet(effects.parts());
      mergeUpTo(position - effects.parts());
      try {
        for (int part = 0; part <= last; part++) {
          int audiencesOf = effects.partAudiences(part) & to;
          into.begin(audiencesOf, effects.partDatabase(part), part == 0 ? transaction : 0);
          effects.writeTo(part, into);
          into.end(part == last ? transaction : 0);
        }
      } finally {
        merged = position;
      }
      tellPassed();
    } finally {
      merging.unlock();
    }
    mergeIfAsked();
    return position;
  }

  /// The position of the last record.
  public long position() {
    return drawn.get();
  }

  /// All up to this position has been handed to the readers.
  public long merged() {
    return merged;
  }

  // ── merging ──

  /// Has all records that are there handed over: by this thread, or by the one that is at it.
  public void merge() {
    if (merged != drawn.get()) {
      asked = true;
      mergeIfAsked();
    }
  }

  private void mergeIfAsked() {
    while (asked && merging.tryLock()) {
      try {
        asked = false;
        if (mergeSome()) {
          tellPassed();
        }
      } finally {
        merging.unlock();
      }
    }
  }

  /// Runs an action between two records, after all whose positions are drawn now.
  private void alone(Runnable action) {
    merging.lock();
    try {
      mergeUpTo(drawn.get());
      tellPassed();
      action.run();
    } finally {
      merging.unlock();
    }
    mergeIfAsked();
  }

  /// Runs an action while the lane, whose thread calls, is empty.
  void emptying(Lane lane, Runnable action) {
    merging.lock();
    try {
      while (lane.next() >= 0) {
        mergeUpTo(lane.next());
      }
      tellPassed();
      action.run();
    } finally {
      merging.unlock();
    }
    mergeIfAsked();
  }

  /// Waits for records whose positions are drawn: their threads need nothing any more.
  private void mergeUpTo(long position) {
    for (int spins = 0; merged < position; spins++) {
      if (!mergeSome()) {
        if (spins < 100) {
          Thread.onSpinWait();
        } else {
          LockSupport.parkNanos(10_000);
        }
      }
    }
  }

  /// Hands over what is there. Returns whether there was anything.
  private boolean mergeSome() {
    long before = merged;
    long at = before;
    for (Lane lane = laneOf(at + 1); lane != null; lane = laneOf(at + 1)) {
      do {
        lane.take(into);
        at++;
      } while (lane.next() == at + 1);
      lane.giveBack();
    }
    merged = at;
    return at != before;
  }

  private @Nullable Lane laneOf(long position) {
    for (Lane lane : lanes) {
      if (lane.next() == position) {
        return lane;
      }
    }
    return null;
  }

  private void tellPassed() {
    for (Audience audience : audiences) {
      Reader reader = audience.reader;
      if (reader != null) {
        reader.passed(merged, audience.offset);
      }
    }
  }

  /// Hands one part of a record after the other to whom it is for.
  final class Merging {
    private int whom;

    void begin(int audienceBits, int database, int opens) {
      whom = audienceBits;
      for (Audience to : audiences) {
        if ((opens & to.bit) != 0) {
          to.give(MULTI, 0, MULTI.length); // before the SELECT, as in Redis
        }
        if ((whom & to.bit) != 0 && database >= 0 && to.database != database) {
          byte[] select = select(database);
          to.give(select, 0, select.length);
          to.database = database;
        }
      }
    }

    void bytes(byte[] array, int from, int length) {
      for (Audience to : audiences) {
        if ((whom & to.bit) != 0) {
          to.give(array, from, length);
        }
      }
    }

    void end(int closes) {
      for (Audience to : audiences) {
        if ((closes & to.bit) != 0) {
          to.give(EXEC, 0, EXEC.length);
        }
      }
    }
  }

  private static byte[] select(int database) {
    String number = Integer.toString(database);
    return bytes("*2\r\n$6\r\nSELECT\r\n$" + number.length() + "\r\n" + number + "\r\n");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  // ── releases ──

  /// Whether replies wait for their positions to be released.
  public boolean bound() {
    return bound;
  }

  /// From now on replies wait for this binding, too. What was appended before is released. Stopped
  /// world.
  public Binding bind() {
    Binding binding = new Binding(position());
    bindings.add(binding);
    bound = true;
    return binding;
  }

  /// The last released position: replies bound to it and to earlier ones may leave.
  public long released() {
    long least = Long.MAX_VALUE;
    if (bound) {
      for (Binding binding : bindings) {
        least = Math.min(least, binding.upTo);
      }
    }
    return least;
  }

  private void tellReleased() {
    for (Runnable listener : releaseListeners) {
      listener.run();
    }
  }

  /// Has `listener` told of releases: by those who release, so it does next to nothing.
  public void onRelease(Runnable listener) {
    releaseListeners.add(listener);
  }

  public void removeReleaseListener(Runnable listener) {
    releaseListeners.remove(listener);
  }
}
