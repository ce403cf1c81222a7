package dev.spinel.replication;

import dev.spinel.persist.CopyOwner;
import dev.spinel.persist.Persistence;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/// One snapshot for replicas: the dump file, or a stream straight to them.
final class FullSync implements CopyOwner {
  /// Hears of it. The snapshots' thread.
  interface Owner {
    /// The cut. In the stopped world. Errors: it isn't wanted any more.
    void cut(FullSync sync) throws IOException;

    void ended(FullSync sync, @Nullable Throwable failure);

    /// Its file is away: this server keeps none.
    void removed();
  }

  final ReplicationAction.Target target;
  private final Owner owner;
  private final @Nullable Spool spool; // of a stream
  private final String mark = newMark();
  private Runnable cancel = () -> {};
  private boolean deletesFile;
  private @Nullable FileChannel file; // once it is written; monitor
  private int users = 1; // the owner, and readers of the file; 0: not wanted; monitor

  /// What keeps the stream from the cut on, until the replicas do. The owner's.
  Backlog.@Nullable Cursor pin;

  /// Whether the moment of the snapshot has come. The owner's.
  boolean isCut;

  /// @param spool if it goes straight to replicas
  FullSync(ReplicationAction.Target target, @Nullable Spool spool, Owner owner) {
    this.target = target;
    this.spool = spool;
    this.owner = owner;
  }

  private static String newMark() {
    byte[] bytes = new byte[20];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /// Begins, as soon as no other snapshot is being taken. Returns false if it can't.
  boolean begin(Persistence persistence, boolean hasData) {
    if (spool == null) {
      deletesFile = persistence.deletesSyncFiles();
      cancel = () -> persistence.abandonSaveFor(this);
      return persistence.saveFor(this);
    }
    cancel = persistence.copyTo(spool, hasData, this);
    return true;
  }

  /// Nobody wants it any more.
  void abandon() {
    letGo();
    cancel.run();
    if (spool != null) {
      spool.release();
    }
  }

  @Override
  public synchronized boolean isWanted() {
    return users > 0;
  }

  /// Sends the replica the stream, as it comes.
  ///
  /// @param name of the replica, for the log
  void streamTo(ReplicaFeed replica, String name) {
    Spool from = spool;
    if (from != null) {
      Spool.Reader reader = from.reader(name);
      replica.send(
          "$EOF:" + mark + "\r\n",
          new ReplicaFeed.Snapshot() {
            @Override
            public int read(byte[] into) throws IOException, InterruptedException {
              return reader.read(into);
            }

            @Override
            public void close() {
              reader.close();
            }
          },
          mark);
    }
  }

  /// All replicas that get the stream are there.
  void isJoined() {
    if (spool != null) {
      spool.closeToReaders();
    }
  }

  /// How many replicas are still there.
  int readers() {
    return spool == null ? 0 : spool.readers();
  }

  /// Memory that the stream takes.
  long heldBytes() {
    return spool == null ? 0 : spool.heldBytes();
  }

  /// What of it waits on the disk.
  long diskBytes() {
    return spool == null ? 0 : spool.diskBytes();
  }

  // ── the snapshot ──

  @Override
  public void cut() throws IOException {
    owner.cut(this);
  }

  @Override
  public void ended(@Nullable Throwable failure, @Nullable Path path) {
    Throwable why = failure;
    if (spool == null && why == null && path != null) {
      try {
        open(path);
      } catch (IOException e) {
        why = e;
      }
    }
    if (spool != null && why == null) {
      spool.complete();
    } else if (spool != null) {
      spool.fail("the snapshot failed");
      spool.closeToReaders();
    }
    owner.ended(this, why);
  }

  private synchronized void open(Path path) throws IOException {
    if (!isWanted()) {
      return;
    }
    file = FileChannel.open(path, StandardOpenOption.READ);
    if (deletesFile) {
      Files.deleteIfExists(path); // it stays readable
      owner.removed();
    }
  }

  // ── a file ──

  /// Sends the replica the file.
  void fileTo(ReplicaFeed replica) throws IOException {
    FileChannel channel;
    synchronized (this) {
      channel = file;
      if (channel == null) {
        throw new IOException("there is no file");
      }
      users++;
    }
    long size = channel.size();
    replica.send("$" + size + "\r\n", new FileSnapshot(channel, size), "");
  }

  private final class FileSnapshot implements ReplicaFeed.Snapshot {
    private final FileChannel channel;
    private final long size;
    private long at;
    private boolean isClosed; // monitor

    FileSnapshot(FileChannel channel, long size) {
      this.channel = channel;
      this.size = size;
    }

    @Override
    public int read(byte[] into) throws IOException {
      if (at == size) {
        return -1;
      }
      int n = channel.read(ByteBuffer.wrap(into), at);
      if (n <= 0) {
        throw new IOException("the file has become shorter");
      }
      at += n;
      return n;
    }

    @Override
    public synchronized void close() {
      if (!isClosed) {
        isClosed = true;
        letGo();
      }
    }
  }

  /// The file isn't needed any more by one of those who did.
  synchronized void letGo() {
    FileChannel channel = file;
    if (--users == 0 && channel != null) {
      file = null;
      try {
        channel.close();
      } catch (IOException e) {
        return; // it was read only
      }
    }
  }
}
