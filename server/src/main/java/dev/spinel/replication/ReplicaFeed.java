package dev.spinel.replication;

import dev.spinel.config.IoReason;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Outlet;
import dev.spinel.engine.Session;
import dev.spinel.wire.Output;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What a replica of this server is sent, over the connection by which it came: replies, a
/// snapshot, the stream.
///
/// ```
///   machine ──todo──► session's thread:  reply · snapshot (given by a thread of its own) · stream (read by the cursor)
///                                          └──────────────► output, 256 KB at most ──► socket
/// ```
///
/// **Threads.** The machine's actions are noted under its lock, in order, and carried out by the
/// session's own thread: at once if that is the one that performs them ([#deliver]), else in a
/// message. A snapshot is read by a virtual thread, as it may come from the disk; it hands pieces
/// to the session's thread, as many as the connection takes. The stream is read by the session's
/// thread itself.
public final class ReplicaFeed {
  /// Where a snapshot comes from. Belongs to the thread that sends it, but for [#close].
  public interface Snapshot extends AutoCloseable {
    /// Copies what comes next; waits for it. Returns -1 if that was all.
    int read(byte[] into) throws IOException, InterruptedException;

    /// Ends a read that waits. Any thread; may be called more than once.
    @Override
    void close();
  }

  /// So much may wait in the output before the rest stays where it is.
  private static final int PENDING_MOST = 256 << 10;

  private static final int PIECE_BYTES = 64 << 10;
  private static final int LEFT_UNSENT = 4 << 10; // more of it isn't waited for at the end

  private final Session session;
  private final Outlet outlet;
  private final LongAdder sent;
  private final Consumer<ReplicationEvent> news;
  private final ArrayDeque<Runnable> todo = new ArrayDeque<>(); // monitor
  private final AtomicBoolean awaitsMore = new AtomicBoolean(); // of the stream

  private int emptyRequests; // of the session, when last asked; the links' thread

  // Written by the session's thread.
  private volatile Backlog.@Nullable Cursor cursor;
  private volatile boolean streams;
  private volatile boolean isDropped; // written under the machine's lock
  private @Nullable Transfer transfer;
  private boolean isOver;
  private @Nullable ByteBuffer piece;

  /// @param sent counts the bytes of snapshots and the stream
  /// @param news told, from any thread, what becomes of it
  public ReplicaFeed(Session session, LongAdder sent, Consumer<ReplicationEvent> news) {
    this.session = session;
    this.sent = sent;
    this.outlet = session.outlet;
    this.news = news;
  }

  // ── the machine's actions, under its lock ──

  private synchronized void add(Runnable action) {
    todo.add(action);
  }

  /// Has what was noted done.
  ///
  /// @param own whether this is the session's own thread
  public void deliver(boolean own) {
    if (own) {
      work();
    } else {
      outlet.post(this::work);
    }
  }

  private void work() {
    for (Runnable next; (next = next()) != null; ) {
      next.run();
    }
  }

  private synchronized @Nullable Runnable next() {
    return todo.poll();
  }

  void reply(String text) {
    add(
        () -> {
          if (!isOver) {
            outlet.output().write(text.getBytes(StandardCharsets.ISO_8859_1));
            outlet.flush();
          }
        });
  }

  /// What it said has a reply: it is disconnected.
  void misplaced(Engine engine, String text) {
    String error = text.startsWith("-") ? text.substring(1).strip() : null;
    add(
        () -> {
          if (!isOver) {
            engine.repliedToReplica(session, error);
          }
        });
  }

  /// What is sent to replicas counts neither for `maxmemory` nor for that of clients.
  private void becomeReplica() {
    session.isReplica = true;
    outlet.output().leaveUncounted();
  }

  /// Takes its place in the stream.
  void keep(Backlog.Cursor place) {
    add(
        () -> {
          closeCursor();
          if (isOver) {
            place.close();
          } else {
            becomeReplica();
            cursor = place;
          }
        });
  }

  /// Sends a snapshot: `header`, what `from` gives, `mark`.
  public void send(String header, Snapshot from, String mark) {
    add(
        () -> {
          if (isOver) {
            from.close();
          } else {
            becomeReplica();
            Transfer made = new Transfer(header, from, mark);
            transfer = made;
            outlet.onDrained(this::drained);
            Thread.ofVirtual().name("spinel-sync-" + session.id).start(made);
          }
        });
  }

  /// Sends the stream, from its place on.
  ///
  /// @param fewPackets whether small packets are held back
  void stream(boolean fewPackets) {
    add(
        () -> {
          if (!isOver) {
            streams = true;
            if (fewPackets) {
              outlet.delaySmall();
            }
            outlet.onDrained(this::drained);
            pump();
          }
        });
  }

  /// Closes the connection, after what has been replied. A replica that doesn't take what it is
  /// sent isn't waited for.
  public void drop() {
    isDropped = true; // what is appended from here on may be of another history
    add(
        () -> {
          if (!isOver) {
            end();
            if (outlet.output().pendingBytes() <= LEFT_UNSENT) {
              outlet.closeAfterReply();
            } else {
              outlet.kill();
            }
          }
        });
  }

  // ── the session's thread ──

  /// The connection has closed.
  public void gone() {
    end();
  }

  private void end() {
    isOver = true;
    streams = false;
    closeCursor();
    Transfer running = transfer;
    transfer = null;
    if (running != null) {
      running.stop();
    }
  }

  private void closeCursor() {
    Backlog.Cursor old = cursor;
    cursor = null;
    if (old != null) {
      old.close();
    }
  }

  private void drained() {
    Transfer running = transfer;
    if (running != null) {
      running.pending(outlet.output().pendingBytes());
      if (outlet.output().pendingBytes() > 0) {
        outlet.awaitDrained();
      }
    }
    pump();
  }

  /// Gives the connection what there is of the stream, as long as it takes it.
  private void pump() {
    Backlog.Cursor from = cursor;
    if (!streams || from == null) {
      return;
    }
    Output out = outlet.output();
    ByteBuffer buffer = piece;
    if (buffer == null) {
      piece = buffer = ByteBuffer.allocate(PIECE_BYTES);
    }
    boolean wrote = false;
    while (out.pendingBytes() < PENDING_MOST) {
      int n = from.read(buffer.clear());
      if (n > 0 && isDropped) {
        break;
      }
      if (n > 0) {
        out.write(buffer.array(), 0, n);
        sent.add(n);
        wrote = true;
        continue;
      }
      if (n < 0) {
        news.accept(ReplicationEvent.Pending.lost(session.id));
        outlet.kill();
        return;
      }
      awaitsMore.set(true);
      if (from.unreadBytes() == 0 || !awaitsMore.compareAndSet(true, false)) {
        break;
      }
    }
    if (out.pendingBytes() >= PENDING_MOST) {
      outlet.awaitDrained();
    }
    if (wrote) {
      outlet.flush();
    }
  }

  // ── any thread ──

  /// The stream has grown.
  void appended() {
    if (awaitsMore.get() && awaitsMore.compareAndSet(true, false)) {
      outlet.post(this::pump);
    }
  }

  /// What waits for it, as far as this can be told from outside.
  ReplicationEvent.Pending pending() {
    Backlog.Cursor from = cursor;
    long output = outlet.pendingBytes();
    long unread = from == null ? 0 : Math.max(0, from.unreadBytes());
    return new ReplicationEvent.Pending(session.id, output, streams ? output + unread : unread);
  }

  /// How far it may fall behind.
  void limit(long bytes) {
    Backlog.Cursor from = cursor;
    if (from != null) {
      from.limit(bytes);
    }
  }

  /// Whether the replica has sent an empty line since this was last asked. The links' thread.
  boolean isAlive() {
    int now = session.emptyRequests;
    boolean more = now != emptyRequests;
    emptyRequests = now;
    return more;
  }

  long client() {
    return session.id;
  }

  // ── a snapshot ──

  private final class Transfer implements Runnable {
    private final String header;
    private final Snapshot from;
    private final String mark;
    private long unwritten; // handed over, not yet in the output; monitor
    private long pending; // in the output; monitor
    private boolean stopped; // monitor
    private final ArrayDeque<byte[]> spare = new ArrayDeque<>(); // arrays of pieces; monitor

    Transfer(String header, Snapshot from, String mark) {
      this.header = header;
      this.from = from;
      this.mark = mark;
    }

    @Override
    public void run() {
      try {
        give(header.getBytes(StandardCharsets.ISO_8859_1));
        byte[] bytes = take();
        for (int n; (n = from.read(bytes)) >= 0; bytes = take()) {
          give(bytes, n);
        }
        give(mark.getBytes(StandardCharsets.ISO_8859_1));
        awaitRoom(0);
        outlet.post(this::done);
      } catch (IOException e) {
        String reason = IoReason.of(e);
        outlet.post(() -> failed(reason));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        outlet.post(() -> failed("the server is being closed"));
      } finally {
        from.close();
      }
    }

    private synchronized byte[] take() {
      byte[] one = spare.poll();
      return one == null ? new byte[PIECE_BYTES] : one;
    }

    private void give(byte[] bytes) throws IOException, InterruptedException {
      give(bytes, bytes.length);
    }

    private void give(byte[] bytes, int n) throws IOException, InterruptedException {
      awaitRoom(PENDING_MOST - 1);
      synchronized (this) {
        unwritten += n;
      }
      outlet.post(() -> write(bytes, n));
    }

    private synchronized void awaitRoom(long most) throws IOException, InterruptedException {
      while (unwritten + pending > most && !stopped) {
        wait();
      }
      if (stopped) {
        throw new IOException("nobody wants it any more");
      }
    }

    synchronized void pending(long bytes) {
      pending = bytes;
      notifyAll();
    }

    synchronized void stop() {
      stopped = true;
      notifyAll();
      from.close();
    }

    // ── the session's thread ──

    private void write(byte[] bytes, int n) {
      if (isOver) {
        return;
      }
      outlet.output().write(bytes, 0, n);
      sent.add(n);
      outlet.awaitDrained();
      outlet.flush();
      synchronized (this) {
        if (bytes.length == PIECE_BYTES) {
          spare.push(bytes);
        }
        unwritten -= n;
        pending = outlet.output().pendingBytes();
        notifyAll();
      }
    }

    private void done() {
      if (transfer == this) {
        transfer = null;
        news.accept(new ReplicationEvent.Transferred(session.id));
      }
    }

    private void failed(String reason) {
      if (transfer == this) {
        transfer = null;
        news.accept(new ReplicationEvent.TransferFailed(session.id, reason));
        outlet.kill();
      }
    }
  }
}
