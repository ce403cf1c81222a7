package dev.spinel.replication;

import dev.spinel.persist.Disk;
import dev.spinel.wire.Chunks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An RDB stream on its way from a snapshot to replicas of different speed.
///
/// ```
///   what the slowest has  ◄── file (deleted: only this process knows it) ──►◄── memory, 16 MB ──► what is written now
/// ```
///
/// **Who writes never waits for who reads**: a walk that waited for a replica would have all
/// writers of this server wait. What doesn't fit into memory goes to a file, and what all have read
/// is forgotten. If there is no room on the disk, the write fails, and with it the synchronization.
///
/// Any thread; the monitor guards everything.
final class Spool implements Disk.Output, AutoCloseable {
  private static final int BLOCK_BYTES = 1 << 20;
  private static final int BLOCKS = 16; // in memory

  /// A reader's place.
  final class Reader implements AutoCloseable {
    private long at;

    /// Copies what comes next; waits for it if there is nothing yet. Returns -1 if that was all.
    /// Errors: the stream won't be whole.
    int read(byte[] into) throws IOException, InterruptedException {
      return Spool.this.read(this, into);
    }

    /// Nothing is kept for it any more.
    @Override
    public void close() {
      Spool.this.left(this);
    }
  }

  private record Block(long begin, ByteBuffer bytes) {}

  private final Chunks chunks;
  private final Path folder;
  private final ArrayDeque<Block> blocks = new ArrayDeque<>();
  private final List<Reader> readers = new ArrayList<>();
  private boolean isOpenToReaders = true;
  private long end; // bytes ever written
  private boolean isComplete;
  private boolean isClosed;
  private @Nullable IOException failure;
  private @Nullable FileChannel file;

  /// @param folder for its file
  Spool(Chunks chunks, Path folder) {
    this.chunks = chunks;
    this.folder = folder;
  }

  // ── readers ──

  /// One who reads from the beginning. Before [#closeToReaders].
  synchronized Reader reader() {
    Reader reader = new Reader();
    readers.add(reader);
    return reader;
  }

  /// No more readers come: what all have read may go.
  synchronized void closeToReaders() {
    isOpenToReaders = false;
    forget();
    releaseIfDone();
  }

  private synchronized void left(Reader reader) {
    readers.remove(reader);
    forget();
    notifyAll();
    releaseIfDone();
  }

  private void releaseIfDone() {
    if (readers.isEmpty() && !isOpenToReaders && (isComplete || failure != null)) {
      release();
    }
  }

  /// How many read it.
  synchronized int readers() {
    return readers.size();
  }

  private synchronized int read(Reader reader, byte[] into)
      throws IOException, InterruptedException {
    while (true) {
      if (failure != null) {
        throw failure;
      }
      if (!readers.contains(reader)) {
        throw new IOException("nobody reads any more");
      }
      if (reader.at < end) {
        int n = copy(reader.at, into);
        reader.at += n;
        forget();
        return n;
      }
      if (isComplete) {
        return -1;
      }
      wait();
    }
  }

  private int copy(long from, byte[] into) throws IOException {
    for (Block block : blocks) {
      int index = (int) Math.min(Integer.MAX_VALUE, from - block.begin);
      if (index < 0) {
        break; // it is in the file
      }
      if (index < block.bytes.position()) {
        int n = Math.min(into.length, block.bytes.position() - index);
        block.bytes.get(index, into, 0, n);
        return n;
      }
    }
    Block first = blocks.peekFirst();
    long spilled = first == null ? end : first.begin;
    ByteBuffer to = ByteBuffer.wrap(into, 0, (int) Math.min(into.length, spilled - from));
    FileChannel channel = file;
    int n = channel == null ? -1 : channel.read(to, from);
    if (n <= 0) {
      throw new IOException("the spooled data can't be read");
    }
    return n;
  }

  /// Lets go of what nobody will read.
  private void forget() {
    if (isOpenToReaders) {
      return;
    }
    long least = end;
    for (Reader reader : readers) {
      least = Math.min(least, reader.at);
    }
    while (!blocks.isEmpty()) {
      Block first = blocks.getFirst();
      boolean isFull = !first.bytes.hasRemaining();
      if (least < first.begin + first.bytes.position() || !isFull) {
        return;
      }
      blocks.removeFirst();
      chunks.give(first.bytes);
    }
  }

  // ── the snapshot ──

  @Override
  public synchronized void write(byte[] bytes, int from, int length) throws IOException {
    if (isClosed) {
      throw new IOException("nobody wants it any more");
    }
    int at = from;
    int left = length;
    while (left > 0) {
      Block last = blocks.peekLast();
      if (last == null || !last.bytes.hasRemaining()) {
        if (blocks.size() == BLOCKS) {
          spill();
        }
        last = new Block(end, chunks.take(BLOCK_BYTES));
        blocks.add(last);
      }
      int n = Math.min(left, last.bytes.remaining());
      last.bytes.put(bytes, at, n);
      end += n;
      at += n;
      left -= n;
    }
    notifyAll();
  }

  /// The oldest block goes to the file, at the place that it has in the stream.
  private void spill() throws IOException {
    FileChannel channel = file;
    if (channel == null) {
      String name = "temp-sync-" + ProcessHandle.current().pid() + "-" + System.nanoTime() + ".rdb";
      channel =
          FileChannel.open(
              folder.resolve(name),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
      file = channel;
    }
    Block first = blocks.getFirst();
    ByteBuffer out = first.bytes.duplicate().flip();
    long to = first.begin;
    while (out.hasRemaining()) {
      to += channel.write(out, to);
    }
    blocks.removeFirst();
    chunks.give(first.bytes);
  }

  /// All is there.
  synchronized void complete() {
    isComplete = true;
    notifyAll();
    releaseIfDone();
  }

  /// It won't be whole.
  synchronized void fail(String why) {
    if (!isComplete) {
      failure = new IOException(why);
      notifyAll();
      releaseIfDone();
    }
  }

  @Override
  public void sync() {}

  @Override
  public synchronized long size() {
    return end;
  }

  @Override
  public void truncate(long size) throws IOException {
    throw new IOException("a stream");
  }

  /// The snapshot's own end says nothing: see [#complete].
  @Override
  public void close() {}

  /// Nobody reads it any more.
  synchronized void release() {
    if (isClosed) {
      return;
    }
    isClosed = true;
    if (failure == null) {
      failure = new IOException("nobody wants it any more");
    }
    notifyAll();
    for (Block block : blocks) {
      chunks.give(block.bytes);
    }
    blocks.clear();
    FileChannel channel = file;
    file = null;
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        return; // it is deleted in any case
      }
    }
  }

  /// Bytes of memory.
  synchronized long heldBytes() {
    return (long) blocks.size() * BLOCK_BYTES;
  }
}
