package dev.spinel.journal;

import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.LargeSink;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.concurrent.locks.LockSupport;

/// Parts of records on their way from one thread to the [Journal]: a ring that the thread fills
/// while it holds the locks of what it changed, and that whoever merges empties.
///
/// ```
///   ring   │ header  bytes of the part        │ header  bytes … │        free         │
///          ▲ taken (who merges writes)                          ▲ filled (the owner writes)
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

  private static final int RELAYED = 16 * 1024; // at a time
  private static final int FIRST_BYTES = 4 * 1024;
  private static final int MOST_BYTES = 256 * 1024;
  private static final int HEADER = 24;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());
  private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);

  /// A number that one thread writes and another reads stands alone in its cache lines: at this
  /// index of an array of twice as many, and one.
  private static final int ALONE = 16;

  private final Journal journal;

  // Changed by the owner, under the journal's lock, while the ring is empty; so either may read it.
  private byte[] ring = new byte[FIRST_BYTES];

  private final long[] filled = new long[2 * ALONE + 1]; // bytes ever put here
  private final long[] taken = new long[2 * ALONE + 1]; // bytes ever removed

  private final Effects relayed = new Effects(LargeSink.NONE); // the owner's
  private final Owner owner = new Owner();
  private final Merger merger = new Merger();

  /// What only the owner knows.
  private static final class Owner {
    long end; // as in `filled`
    long taken; // as last read
  }

  /// What only who merges knows.
  private static final class Merger {
    long end; // as in `filled`, as last read
    long at; // bytes removed so far, which may not be in `taken` yet
  }

  Lane(Journal journal) {
    this.journal = journal;
  }

  // ── the owner ──

  /// Appends a record, for those of its audiences that are among `to`, and returns its position.
  /// The caller holds the locks of all slots that the effects touched.
  public long append(Effects effects, int to) {
    return journal.append(this, effects, to);
  }

  /// Appends commands as they stand in bytes, or a part of some, for replicas only.
  public void relay(byte[] bytes, int from, int count) {
    for (int at = 0; at < count; at += RELAYED) {
      relayed.clear();
      relayed.raw(bytes, from + at, Math.min(RELAYED, count - at));
      journal.append(this, relayed, Journal.REPLICAS);
    }
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
    if (owner.end + bytes - owner.taken <= ring.length) {
      return true;
    }
    owner.taken = (long) CELL.getAcquire(taken, ALONE);
    return owner.end + bytes - owner.taken <= ring.length;
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
          owner.end = 0;
          owner.taken = 0;
          merger.end = 0;
          merger.at = 0;
          filled[ALONE] = 0;
          taken[ALONE] = 0;
        });
  }

  /// Puts a record here, for which there is room; its parts have the positions from `first` on.
  void put(long first, Effects effects, int to) {
    int transaction = effects.transactionFor() & to;
    int last = effects.parts() - 1;
    long end = owner.end;
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
    owner.end = end;
    CELL.setRelease(filled, ALONE, end);
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
    if (merger.at == merger.end) {
      merger.end = (long) CELL.getAcquire(filled, ALONE);
      if (merger.at == merger.end) {
        return -1;
      }
    }
    return (long) LONGS.get(ring, (int) start(merger.at, ring.length) & (ring.length - 1));
  }

  /// Hands the next part, which is there, to whom it is for. Its room is the owner's again after
  /// [#giveBack].
  void take(Journal.Merging into) {
    long at = start(merger.at, ring.length);
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
    merger.at = at + HEADER + length;
  }

  /// What was taken may be overwritten.
  void giveBack() {
    CELL.setRelease(taken, ALONE, merger.at);
  }
}
