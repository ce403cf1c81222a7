package dev.spinel.journal;

import dev.spinel.wire.JavaHeap;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.concurrent.locks.LockSupport;

/// Parts of records on their way from one thread to the [Journal]: a ring that the thread fills
/// while it holds the locks of what it changed, and that whoever merges empties.
///
/// ```
///   ring   │ header  bytes of the part        │ header  bytes … │        free         │
///          ▲ taken (the merger writes)                          ▲ filled (the owner writes)
///   header   position 8 · length 4 · audiences 4 · database 4 · flags 4
/// ```
///
/// A part begins at a multiple of eight. Its header never wraps: where there is no room for one
/// before the ring's end, the part begins at the ring's start. Its bytes may wrap. The parts of one
/// record appear all at once.
///
/// The ring grows up to [#MOST_BYTES] as long as its owner fills it faster than it is emptied. A
/// record that is longer than [#LONGEST] doesn't go through it ([Journal#append]).
public final class Lane {
  static final int LONGEST = 32 * 1024;

  /// Where in a part's flags the audiences are for whom a transaction opens before it, or closes
  /// after it.
  static final int OPENS = 0;

  static final int CLOSES = 8;

  private static final int FIRST_BYTES = 4 * 1024;
  private static final int MOST_BYTES = 256 * 1024;
  private static final int HEADER = 24;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());
  private static final VarHandle FILLED;
  private static final VarHandle TAKEN;

  static {
    try {
      FILLED = MethodHandles.lookup().findVarHandle(Lane.class, "filled", long.class);
      TAKEN = MethodHandles.lookup().findVarHandle(Lane.class, "taken", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Journal journal;

  // Changed by the owner, under the journal's lock, while the ring is empty; so either may read it.
  private byte[] ring = new byte[FIRST_BYTES];

  private long filled; // bytes ever put here; the owner writes
  private long taken; // bytes ever removed; the merger writes
  private long knownTaken; // what the owner last read

  Lane(Journal journal) {
    this.journal = journal;
  }

  // ── the owner ──

  /// Appends a record, for those of its audiences that are among `to`, and returns its position.
  /// The caller holds the locks of all slots that the effects touched.
  public long append(Effects effects, int to) {
    return journal.append(this, effects, to);
  }

  /// Its thread appends no more.
  public void close() {
    journal.close(this);
  }

  /// What the parts of a record take in a lane at most.
  static int room(Effects effects) {
    return effects.copiedBytes() + effects.parts() * (HEADER + HEADER + 8);
  }

  /// Makes room for a record that takes so many bytes ([#room]). It may wait for the merger, who
  /// never waits for this thread: it has drawn no position yet.
  void makeRoom(int bytes) {
    while (!hasRoom(bytes)) {
      if (ring.length < MOST_BYTES) {
        grow(bytes);
      } else {
        journal.merge();
        if (!hasRoom(bytes)) {
          LockSupport.parkNanos(1_000);
        }
      }
    }
  }

  private boolean hasRoom(int bytes) {
    if (filled + bytes - knownTaken <= ring.length) {
      return true;
    }
    knownTaken = (long) TAKEN.getAcquire(this);
    return filled + bytes - knownTaken <= ring.length;
  }

  private void grow(int bytes) {
    int length = 4 * ring.length;
    while (length < 4 * bytes) {
      length *= 2;
    }
    byte[] grown = JavaHeap.bytes(Math.min(length, MOST_BYTES));
    journal.emptying(
        this,
        () -> {
          ring = grown;
          filled = 0;
          taken = 0;
          knownTaken = 0;
        });
  }

  /// Puts a record here, for which there is room; its parts have the positions from `first` on.
  void put(long first, Effects effects, int to) {
    int transaction = effects.transactionFor() & to;
    int last = effects.parts() - 1;
    long end = filled;
    for (int part = 0; part <= last; part++) {
      int length = effects.partLength(part);
      long at = start(end, ring.length);
      int header = (int) at & (ring.length - 1);
      LONGS.set(ring, header, first + part);
      INTS.set(ring, header + 8, length);
      INTS.set(ring, header + 12, effects.partAudiences(part) & to);
      INTS.set(ring, header + 16, effects.partDatabase(part));
      INTS.set(
          ring,
          header + 20,
          (part == 0 ? transaction << OPENS : 0) | (part == last ? transaction << CLOSES : 0));
      effects.writeTo(part, ring, (header + HEADER) & (ring.length - 1));
      end = at + HEADER + length;
    }
    FILLED.setRelease(this, end);
  }

  /// Where the next record begins if the last one ended at `end`.
  private static long start(long end, int ringLength) {
    long at = (end + 7) & -8L;
    int left = ringLength - ((int) at & (ringLength - 1));
    return left < HEADER ? at + left : at;
  }

  // ── the merger, under the journal's lock ──

  /// The position of the next part, or -1 if there is none.
  long next() {
    long filledNow = (long) FILLED.getAcquire(this);
    if (taken == filledNow) {
      return -1;
    }
    return (long) LONGS.get(ring, (int) start(taken, ring.length) & (ring.length - 1));
  }

  /// Hands the next part, which is there, to whom it is for, and removes it.
  void take(Journal.Merging into) {
    long at = start(taken, ring.length);
    int header = (int) at & (ring.length - 1);
    int length = (int) INTS.get(ring, header + 8);
    int audiences = (int) INTS.get(ring, header + 12);
    int database = (int) INTS.get(ring, header + 16);
    int flags = (int) INTS.get(ring, header + 20);
    into.begin(audiences, database, flags >>> OPENS & 0xff);
    int from = (header + HEADER) & (ring.length - 1);
    int piece = Math.min(length, ring.length - from);
    into.bytes(ring, from, piece);
    if (piece < length) {
      into.bytes(ring, 0, length - piece);
    }
    into.end(flags >>> CLOSES & 0xff);
    TAKEN.setRelease(this, at + HEADER + length);
  }
}
