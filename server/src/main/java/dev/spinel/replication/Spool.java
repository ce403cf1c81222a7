package dev.spinel.replication;

import dev.spinel.persist.Disk;
import dev.spinel.wire.Chunks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// An RDB stream on its way from a snapshot to replicas of different speed.
///
/// ```
///   what the slowest has  ◄── file, up to a limit ──►◄── memory, 16 MB ──► what is written now
/// ```
///
/// **Who writes never waits for who reads**: a walk that waited for a replica would have all
/// writers of this server wait. What doesn't fit into memory goes to a file, and what all have read
/// is forgotten; its place in the file is used again, so the file is as long as the slowest reader
/// was ever behind. Who is behind by more than the limit is given up, and the others go on. If
/// there is no room on the disk, the write fails, and with it the synchronization.
///
/// The file has no name, where the system allows that: whatever becomes of this process, it goes.
///
/// Any thread; the monitor guards everything.
public final class Spool implements Disk.Output, AutoCloseable {
  /// Hears what is worth telling. Under the monitor.
  public interface Owner {
    /// The file begins, as a reader is slow.
    ///
    /// @param mostBytes that it may have
    void spills(long mostBytes);

    /// This reader was given up.
    void fellBehind(Reader reader, long bytes);
  }

  private static final int BLOCK_BYTES = 1 << 20;
  private static final int BLOCKS = 16; // in memory

  /// A reader's place.
  public final class Reader implements AutoCloseable {
    /// Who it is, for the log.
    final String name;

    private long at;

    private Reader(String name) {
      this.name = name;
    }

    /// Copies what comes next; waits for it if there is nothing yet. Returns -1 if that was all.
    /// Errors: the stream won't be whole, or this reader has fallen behind too far.
    public int read(byte[] into) throws IOException, InterruptedException {
      return Spool.this.read(this, into);
    }

    /// Nothing is kept for it any more.
    @Override
    public void close() {
      Spool.this.left(this);
    }
  }

  /// The n-th megabyte of the stream.
  private record Block(long number, ByteBuffer bytes) {
    long begin() {
      return number * BLOCK_BYTES;
    }
  }

  private final Chunks chunks;
  private final Path folder;
  private final long limitBytes;
  private final Owner owner;
  private final ArrayDeque<Block> blocks = new ArrayDeque<>(); // the newest, in memory
  private final Map<Long, Integer> spilled =
      new HashMap<>(); // number of a block → place in the file
  private final ArrayDeque<Integer> freePlaces = new ArrayDeque<>();
  private final List<Reader> readers = new ArrayList<>();
  private int places; // that the file has
  private long mostSpilled; // blocks, once there is a file
  private long forgotten; // blocks before this one are nobody's
  private boolean isOpenToReaders = true;
  private long end; // bytes ever written
  private boolean isComplete;
  private boolean isClosed;
  private @Nullable IOException failure;
  private @Nullable FileChannel file;

  /// @param folder for its file
  /// @param limitBytes how much of it may be on the disk; 0: up to half of what is free there
  public Spool(Chunks chunks, Path folder, long limitBytes, Owner owner) {
    this.chunks = chunks;
    this.folder = folder;
    this.limitBytes = limitBytes;
    this.owner = owner;
  }

  // ── readers ──

  /// One who reads from the beginning. Before [#closeToReaders].
  public synchronized Reader reader(String name) {
    Reader reader = new Reader(name);
    readers.add(reader);
    return reader;
  }

  /// No more readers come: what all have read may go.
  public synchronized void closeToReaders() {
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
        throw new IOException("nothing is kept for this reader any more");
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
    long number = from / BLOCK_BYTES;
    int index = (int) (from % BLOCK_BYTES);
    for (Block block : blocks) {
      if (block.number == number) {
        int n = Math.min(into.length, block.bytes.position() - index);
        block.bytes.get(index, into, 0, n);
        return n;
      }
    }
    Integer place = spilled.get(number);
    FileChannel channel = file;
    ByteBuffer to = ByteBuffer.wrap(into, 0, Math.min(into.length, BLOCK_BYTES - index));
    int n =
        place == null || channel == null
            ? -1
            : channel.read(to, (long) place * BLOCK_BYTES + index);
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
    for (; forgotten < least / BLOCK_BYTES; forgotten++) {
      Integer place = spilled.remove(forgotten);
      if (place != null) {
        freePlaces.push(place);
      }
      Block first = blocks.peekFirst();
      if (first != null && first.number == forgotten) {
        blocks.removeFirst();
        chunks.give(first.bytes);
      }
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
        last = new Block(end / BLOCK_BYTES, chunks.take(BLOCK_BYTES));
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

  /// The oldest block in memory goes to the file, if anybody still needs it.
  private void spill() throws IOException {
    FileChannel channel = file;
    if (channel == null) {
      channel = begin();
    }
    if (spilled.size() >= mostSpilled) {
      giveUpSlowest();
    }
    Block first = blocks.peekFirst();
    if (blocks.size() < BLOCKS || first == null) {
      return; // that made room
    }
    Integer place = freePlaces.poll();
    if (place == null) {
      place = places++;
    }
    ByteBuffer out = first.bytes.duplicate().flip();
    long to = (long) place * BLOCK_BYTES;
    while (out.hasRemaining()) {
      to += channel.write(out, to);
    }
    spilled.put(first.number, place);
    blocks.removeFirst();
    chunks.give(first.bytes);
  }

  private FileChannel begin() throws IOException {
    String name = "temp-sync-" + ProcessHandle.current().pid() + "-" + System.nanoTime() + ".rdb";
    FileChannel made =
        FileChannel.open(
            folder.resolve(name),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE); // Unix: at once
    file = made;
    long most = limitBytes != 0 ? limitBytes : Files.getFileStore(folder).getUsableSpace() / 2;
    mostSpilled = Math.max(1, most / BLOCK_BYTES);
    owner.spills(mostSpilled * BLOCK_BYTES);
    return made;
  }

  /// Whoever still needs the oldest block on the disk gets nothing more.
  private void giveUpSlowest() throws IOException {
    if (isOpenToReaders) {
      throw new IOException("no replica has come to read it");
    }
    long needed = (forgotten + 1) * BLOCK_BYTES;
    for (Reader reader : List.copyOf(readers)) {
      if (reader.at < needed) {
        readers.remove(reader);
        owner.fellBehind(reader, end - reader.at);
      }
    }
    forget();
    notifyAll();
  }

  /// All is there.
  public synchronized void complete() {
    isComplete = true;
    notifyAll();
    releaseIfDone();
  }

  /// It won't be whole.
  public synchronized void fail(String why) {
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
  public synchronized void release() {
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
    spilled.clear();
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

  /// Bytes of the disk.
  synchronized long diskBytes() {
    return file == null ? 0 : (long) places * BLOCK_BYTES;
  }
}
