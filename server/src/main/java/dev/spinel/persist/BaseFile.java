package dev.spinel.persist;

import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Snapshots;
import dev.spinel.value.Values;
import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A file that a snapshot is written to. What it is shown it gathers, and writes in [#drain], while
/// the walk has left its seat.
abstract class BaseFile implements Snapshots.Sink {
  /// So much is written before it is brought to the disk, so that no sync at the end takes long.
  private static final long SYNC_BYTES = 4 << 20;

  private final Disk.Output file;
  private final boolean syncsOften;
  private final java.util.ArrayDeque<byte[]> gathered = new java.util.ArrayDeque<>();
  private long unsynced;
  private long bytes;
  private @Nullable Seat seat;

  /// Keys written so far.
  volatile long keys;

  BaseFile(Disk.Output file, boolean syncsOften) {
    this.file = file;
    this.syncsOften = syncsOften;
  }

  /// At the cut.
  void begin(Seat ofWalk, long nowMillis, boolean stamps) {
    seat = ofWalk;
  }

  final Values values() {
    return Objects.requireNonNull(seat).values;
  }

  /// Takes bytes to be written; the array is the caller's again when this returns.
  final void write(byte[] from, int at, int length) {
    if (length > 0) {
      byte[] copy = new byte[length];
      System.arraycopy(from, at, copy, 0, length);
      gathered.add(copy);
    }
  }

  /// Passes on what is still in a buffer.
  abstract void flush();

  @Override
  public void drain() throws IOException {
    for (byte[] piece; (piece = gathered.poll()) != null; ) {
      file.write(piece, 0, piece.length);
      bytes += piece.length;
      unsynced += piece.length;
    }
    if (syncsOften && unsynced >= SYNC_BYTES) {
      file.sync();
      unsynced = 0;
    }
  }

  /// All has been shown: the file is complete, and on the disk. Returns its size.
  long finish() throws IOException {
    flush();
    drain();
    file.sync();
    file.close();
    return bytes;
  }

  /// It isn't worth anything.
  void abandon() {
    gathered.clear();
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
