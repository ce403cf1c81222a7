package dev.spinel.persist;

import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import dev.spinel.value.Values;
import java.io.IOException;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A file that a snapshot is written to. What it is shown it gathers, and writes in [#drain], while
/// the walk has left its seat.
abstract class BaseFile implements Snapshots.Sink {
  /// So much is written before it is brought to the disk, so that no sync at the end takes long.
  private static final long SYNC_BYTES = 4 << 20;

  /// About so much is gathered before it is written.
  static final int PIECE = 64 << 10;

  private final Disk.Output file;
  private final boolean syncsOften;
  private byte[] gathered = new byte[2 * PIECE];
  private int used;
  private long unsynced;
  private long bytes;
  private @Nullable Seat seat;

  /// Keys written so far. Any thread reads it.
  volatile long keys;

  /// How many there are, or nearly so. Any thread reads it.
  volatile long allKeys;

  BaseFile(Disk.Output file, boolean syncsOften) {
    this.file = file;
    this.syncsOften = syncsOften;
  }

  /// Counts the keys before the cut, since nobody should stand still for that. Without a seat.
  final void countKeys(Keyspace keyspace) {
    try (Seat own = keyspace.seat()) {
      own.enter();
      try {
        countKeys(keyspace, own);
      } finally {
        own.leave();
      }
    }
  }

  /// The same with a seat that is taken.
  void countKeys(Keyspace keyspace, Seat counting) {
    long sum = 0;
    for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
      Database database = keyspace.database(number);
      long size = database.size(counting);
      counted(number, database, size, counting);
      counting.breathe();
      sum += size;
    }
    allKeys = sum;
  }

  /// A database has so many keys, or nearly so.
  void counted(int number, Database database, long size, Seat counting) {}

  /// At the cut.
  void begin(Seat ofWalk, long nowMillis, boolean stamps) {
    seat = ofWalk;
  }

  final Values values() {
    return Objects.requireNonNull(seat).values;
  }

  /// Takes bytes to be written; the array is the caller's again when this returns.
  final void write(byte[] from, int at, int length) {
    if (used + length > gathered.length) {
      gathered = Arrays.copyOf(gathered, Math.max(used + length, 2 * gathered.length));
    }
    System.arraycopy(from, at, gathered, used, length);
    used += length;
  }

  /// Whether it is time to [#drain].
  final boolean isFull() {
    return used >= PIECE;
  }

  /// Passes on what is still in a buffer.
  abstract void flush();

  /// Writes what was gathered, once it is worth it.
  @Override
  public void drain() throws IOException {
    if (isFull()) {
      writeRest();
    }
  }

  /// Writes all that was gathered.
  final void writeRest() throws IOException {
    file.write(gathered, 0, used);
    bytes += used;
    unsynced += used;
    used = 0;
    if (gathered.length > 16 * PIECE) {
      gathered = new byte[2 * PIECE];
    }
    if (syncsOften && unsynced >= SYNC_BYTES) {
      file.sync();
      unsynced = 0;
    }
  }

  /// All has been shown: the file is complete, and on the disk. Returns its size.
  long finish() throws IOException {
    flush();
    writeRest();
    file.sync();
    file.close();
    return bytes;
  }

  /// It isn't worth anything.
  void abandon() {
    try {
      file.close();
    } catch (IOException e) {
      return; // it is deleted anyway
    }
  }

  @Override
  public void ended(@Nullable Throwable failure) {
    throw new AssertionError("its owner hears of that");
  }
}
