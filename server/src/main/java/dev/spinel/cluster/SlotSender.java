package dev.spinel.cluster;

import dev.spinel.engine.Engine;
import dev.spinel.engine.Session;
import dev.spinel.journal.Journal;
import dev.spinel.persist.CopyOwner;
import dev.spinel.persist.Persistence;
import dev.spinel.replication.ReplicaFeed;
import dev.spinel.replication.Spool;
import dev.spinel.wire.Chunks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// The source's end of slots that move whole: what they held at a cut, as commands, then the
/// effects since, over the connection by which the target has asked for them.
///
/// ```
///   walk ──SlotCopy──► spool ─────────────────────────────┐
///   journal ──append──► queue ──TailFilter──► spool ──────┴──► the target's connection
///            merging            spinel-slots                   a thread of the feed
/// ```
///
/// Neither the walk nor whoever merges the journal waits for the target: clients that write to the
/// slots do, while too much waits to be sent ([MovePace]). A queue of effects that grows too long
/// all the same ends the move.
final class SlotSender implements CopyOwner, Journal.Reader {
  /// Hears of it. Any thread; never under a lock of the sender's.
  interface Owner {
    /// Little is left to be sent.
    void ready(String move);

    /// Nothing more comes, and this is the length of all.
    void paused(String move, long total);

    void failed(String move, String reason);

    /// Clients that write to the slots are to wait from now on, or to go on.
    void holdWriters(String move, boolean wait);
  }

  private static final long QUEUE_MOST = 256L << 20;
  private static final long PACE_MILLIS = 20;
  private static final byte[] END = {};

  /// A reader that is given up finds its stream failed.
  private static final Spool.Owner UNTOLD =
      new Spool.Owner() {
        @Override
        public void spills(long mostBytes) {}

        @Override
        public void fellBehind(Spool.Reader reader, long bytes) {}
      };

  final String id;
  final Session session;
  final SlotSet slots;
  private final Engine engine;
  private final Persistence persistence;
  private final Owner owner;
  private final ReplicaFeed feed;
  private final Spool base;
  private final Spool tail;
  private final LinkedBlockingQueue<byte[]> queue = new LinkedBlockingQueue<>();
  private final AtomicLong queuedBytes = new AtomicLong();
  private Runnable cancel = () -> {};
  private boolean isAttached; // stopped world
  private volatile boolean isOver;
  private volatile boolean isTooMuch; // has been queued
  private volatile boolean baseIsSent;
  private volatile boolean isReady;
  private volatile long sent; // to the connection
  private volatile long applied; // by the target, as it says
  private @Nullable Thread filtering; // monitor
  private final MovePace pace = new MovePace(); // that thread's

  SlotSender(
      String id,
      SlotSet slots,
      Session session,
      Engine engine,
      Persistence persistence,
      Chunks chunks,
      Path folder,
      Owner owner) {
    this.id = id;
    this.slots = slots;
    this.session = session;
    this.engine = engine;
    this.persistence = persistence;
    this.owner = owner;
    feed = new ReplicaFeed(session, new LongAdder(), event -> {});
    base = new Spool(chunks, folder, 0, UNTOLD);
    tail = new Spool(chunks, folder, 0, UNTOLD);
  }

  long sentBytes() {
    return sent;
  }

  /// Begins. If it throws, nothing was sent, and [#end] is to be called. The session's thread.
  void begin() {
    Spool.Reader ofBase = base.reader(id);
    Spool.Reader ofTail = tail.reader(id);
    base.closeToReaders();
    tail.closeToReaders();
    synchronized (this) {
      Thread thread = new Thread(this::filter, "spinel-slots");
      thread.setDaemon(true);
      thread.start();
      filtering = thread;
    }
    cancel = persistence.slotsTo(base, slots::contains, this);
    session.isReplica = true;
    session.gatesChanged();
    feed.send("+OK\r\n", new Stream(ofBase, ofTail), "");
    feed.deliver(true);
  }

  /// What is sent: first the one, then the other.
  private final class Stream implements ReplicaFeed.Snapshot {
    private final Spool.Reader first;
    private final Spool.Reader then;

    Stream(Spool.Reader first, Spool.Reader then) {
      this.first = first;
      this.then = then;
    }

    @Override
    public int read(byte[] into) throws IOException, InterruptedException {
      int n = baseIsSent ? -1 : first.read(into);
      if (n < 0) {
        if (!baseIsSent) {
          baseIsSent = true;
          first.close();
          look();
        }
        n = then.read(into);
      }
      sent += Math.max(0, n);
      return n;
    }

    @Override
    public void close() {
      first.close();
      then.close();
    }
  }

  /// The target has applied so much. The session's thread.
  void applied(long bytes) {
    applied = bytes;
    look();
  }

  private void look() {
    if (baseIsSent && !isReady && !isOver && came() - applied < MovePace.REST) {
      isReady = true;
      owner.ready(id); // the machine takes it once, whoever says so twice
    }
  }

  /// Bytes that there are to be applied, so far.
  private long came() {
    return base.size() + tail.size() + queuedBytes.get();
  }

  /// The filter's thread.
  private void keepPace() {
    boolean before = pace.holds();
    long came = baseIsSent ? came() : -1;
    if (pace.look(System.nanoTime(), queuedBytes.get(), came, applied) != before) {
      owner.holdWriters(id, !before);
    }
  }

  // ── the snapshot ──

  @Override
  public void cut() throws IOException {
    if (isOver) {
      throw new IOException("nobody wants the slots any more");
    }
    engine.journal.attach(Journal.MOVES, this);
    isAttached = true;
  }

  @Override
  public boolean isWanted() {
    return !isOver;
  }

  @Override
  public void ended(@Nullable Throwable failure, @Nullable Path file) {
    if (failure == null) {
      base.complete();
    } else {
      base.fail("the snapshot has failed");
      if (!isOver) {
        owner.failed(id, "the snapshot has failed: " + failure.getMessage());
      }
    }
  }

  // ── what came since ──

  @Override
  public void append(byte[] bytes, int from, int length) {
    if (isOver || isTooMuch) {
      return;
    }
    if (queuedBytes.addAndGet(length) > QUEUE_MOST) {
      isTooMuch = true;
      queue.clear();
      queue.add(END); // the other thread sees why
      return;
    }
    byte[] copy = new byte[length];
    System.arraycopy(bytes, from, copy, 0, length);
    queue.add(copy);
  }

  private void filter() {
    TailFilter filter = new TailFilter(engine.table, slots, tail::write);
    try {
      while (!isOver) {
        byte[] next = queue.poll(PACE_MILLIS, TimeUnit.MILLISECONDS);
        keepPace();
        if (next == null) {
          continue;
        }
        if (isTooMuch) {
          throw new IOException("more is written than can be sent, though writers were held");
        }
        if (next == END) {
          if (!filter.isBetweenCommands()) {
            throw new IOException("the stream of effects is cut off");
          }
          tail.complete();
          owner.paused(id, base.size() + tail.size());
          return;
        }
        filter.feed(next, 0, next.length);
        queuedBytes.addAndGet(-next.length);
        look();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      fail(String.valueOf(e.getMessage()));
    } catch (RuntimeException | Error e) { // memory, or the disk's: nobody else would say so
      fail(e.toString());
    }
  }

  private void fail(String reason) {
    tail.fail(reason);
    if (!isOver) {
      owner.failed(id, reason);
    }
  }

  /// From here on nothing more belongs to it. Stopped world.
  void pause() {
    detach();
    queue.add(END);
  }

  private void detach() {
    if (isAttached) {
      isAttached = false;
      engine.journal.detach(Journal.MOVES);
    }
  }

  /// Stopped world.
  void end() {
    isOver = true;
    detach();
    cancel.run();
    Thread thread;
    synchronized (this) {
      thread = filtering;
    }
    if (thread != null) {
      thread.interrupt();
    }
    base.release();
    tail.release();
    queue.clear();
    feed.drop();
    feed.deliver(false);
  }

  /// The connection has closed. The session's thread.
  void gone() {
    feed.gone();
  }
}
