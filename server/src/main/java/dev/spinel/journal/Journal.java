package dev.spinel.journal;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The journal: effects in one order, handed to *targets*, each of which keeps its own byte offset.
///
/// ```
///   handlers ──encode──► Effects ──append (one short critical section, slot locks held)──►  AOF      offset 8123
///                                       position 41, 42, 43 …                               REPLICAS offset 90411
/// ```
///
/// A *position* counts appended records and is what replies, slots and releases speak of; a
/// target's *offset* counts the bytes that it was given. A target has a reader or it hasn't:
/// without any reader nothing is encoded at all ([#recording]). The SELECT that a target needs
/// before a record of another database, and the MULTI/EXEC around a record of several commands, are
/// added here, per target, since each began at another moment.
///
/// **Releases.** A reply may be bound to a position and leaves when that position is *released*: by
/// nobody (then replies are not bound at all), by an fsync, by replicas' acknowledgements. Whoever
/// binds replies calls [#bind] before the first reply and [#release] as positions become safe;
/// listeners (the loops) then send what waited.
public final class Journal {
  /// Targets, as bits.
  public static final int AOF = 1;

  public static final int REPLICAS = 2;
  public static final int ALL = AOF | REPLICAS;

  private static final byte[] MULTI = bytes("*1\r\n$5\r\nMULTI\r\n");
  private static final byte[] EXEC = bytes("*1\r\n$4\r\nEXEC\r\n");

  /// Reads a target's bytes. Called within the journal's critical section: take them and return;
  /// never block, never call back. Framing and records come in order; a record with large arguments
  /// comes in several calls.
  public interface Reader {
    void append(byte[] bytes, int from, int length);
  }

  private static final class Target {
    final int bit;
    @Nullable Reader reader; // append lock
    long offset; // append lock
    int database = -1; // append lock: what the last SELECT chose; -1 = none yet

    Target(int bit) {
      this.bit = bit;
    }
  }

  private final ReentrantLock appending = new ReentrantLock();
  private final Target[] targets = {new Target(AOF), new Target(REPLICAS)};
  private final CopyOnWriteArrayList<Runnable> releaseListeners = new CopyOnWriteArrayList<>();
  private volatile int recording; // bits of the targets that have a reader
  private long position; // append lock
  private volatile boolean bound;
  private volatile long released;

  /// Whether anybody reads: if not, encode nothing.
  public boolean recording() {
    return recording != 0;
  }

  public boolean recording(int target) {
    return (recording & target) != 0;
  }

  /// Gives a target its reader, from the next record on. Errors: it has one already.
  public void attach(int target, Reader reader) {
    appending.lock();
    try {
      Target to = target(target);
      if (to.reader != null) {
        throw new IllegalStateException("the target has a reader");
      }
      to.reader = reader;
      to.database = -1;
      recording |= target;
    } finally {
      appending.unlock();
    }
  }

  public void detach(int target) {
    appending.lock();
    try {
      target(target).reader = null;
      recording &= ~target;
    } finally {
      appending.unlock();
    }
  }

  /// Bytes given to the target since it was made.
  public long offset(int target) {
    appending.lock();
    try {
      return target(target).offset;
    } finally {
      appending.unlock();
    }
  }

  /// A cut: each target's offset as of now, and from here each begins with a SELECT. Stopped world.
  public long[] cut() {
    appending.lock();
    try {
      long[] offsets = new long[targets.length];
      for (int i = 0; i < targets.length; i++) {
        offsets[i] = targets[i].offset;
        targets[i].database = -1;
      }
      return offsets;
    } finally {
      appending.unlock();
    }
  }

  /// Appends a record for the given targets and returns its position. The caller holds the locks of
  /// all slots that the effects touched.
  public long append(Effects effects, int to) {
    appending.lock();
    try {
      boolean several = effects.commands() > 1;
      for (Target target : targets) {
        Reader reader = target.reader;
        if (reader != null && (to & target.bit) != 0) {
          if (several) {
            write(target, reader, MULTI); // before the SELECT, as in Redis
          }
          if (target.database != effects.firstDatabase()) {
            write(target, reader, select(effects.firstDatabase()));
          }
          target.database = effects.lastDatabase();
          effects.writeTo(reader);
          target.offset += effects.length();
          if (several) {
            write(target, reader, EXEC);
          }
        }
      }
      return ++position;
    } finally {
      appending.unlock();
    }
  }

  private static void write(Target target, Reader reader, byte[] bytes) {
    reader.append(bytes, 0, bytes.length);
    target.offset += bytes.length;
  }

  private static byte[] select(int database) {
    String number = Integer.toString(database);
    return bytes("*2\r\n$6\r\nSELECT\r\n$" + number.length() + "\r\n" + number + "\r\n");
  }

  /// The position of the last record.
  public long position() {
    appending.lock();
    try {
      return position;
    } finally {
      appending.unlock();
    }
  }

  /// Whether replies wait for their positions to be released.
  public boolean bound() {
    return bound;
  }

  /// From now on replies wait for [#release] (true), or all that wait may go (false).
  public void bind(boolean on) {
    if (on) {
      released = position(); // before anybody asks for it
    }
    bound = on;
    if (!on) {
      tellReleased();
    }
  }

  /// The last released position: replies bound to it and to earlier ones may leave.
  public long released() {
    return bound ? released : Long.MAX_VALUE;
  }

  /// Releases all positions up to `upTo`.
  public void release(long upTo) {
    released = upTo;
    tellReleased();
  }

  private void tellReleased() {
    for (Runnable listener : releaseListeners) {
      listener.run();
    }
  }

  public void onRelease(Runnable listener) {
    releaseListeners.add(listener);
  }

  private Target target(int bit) {
    for (Target target : targets) {
      if (target.bit == bit) {
        return target;
      }
    }
    throw new IllegalArgumentException("no target " + bit);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
