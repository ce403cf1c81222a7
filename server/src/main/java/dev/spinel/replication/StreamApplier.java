package dev.spinel.replication;

import dev.spinel.engine.Applier;
import dev.spinel.engine.Command;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.wire.Threads;
import java.util.ArrayDeque;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Applies the primary's stream, on a thread of its own, and stops the world for the machine where
/// nobody else does.
///
/// ```
///   links' thread ──bytes──► queue (4 MB, then the link is paused) ──► this thread: seat · 64 KB · seat left · applied(offset)
/// ```
///
/// **A disk that fails** would have what is applied gather on the Java heap. So nothing is applied
/// while 32 MB wait to be written to the append-only file.
///
/// **The end of a stream.** What came before the link ended is applied before the machine is told
/// ([#afterAll]): it knows then exactly what to ask the primary for. If the machine itself gives a
/// stream up, that happens in a stopped world ([#forget]): the thread is between two commands, and
/// runs none of this stream any more.
///
/// **A bug** must not have the thread fail again and again without a pause, whatever it was about:
/// the first one costs nothing, each one soon after it a longer rest, up to a minute.
final class StreamApplier implements AutoCloseable {
  /// Hears how it goes. This thread. News of a stream that is over ([#isCurrent], under the
  /// machine's lock) is of no interest.
  interface Owner {
    /// All up to this offset is applied.
    void applied(Object stream, long offset);

    /// The stream can't be applied.
    void failed(Object stream, String reason);

    /// Something failed that must not. What became of the stream is unknown. If this fails, too, it
    /// is called again.
    ///
    /// @param seconds that the thread does nothing now
    void broke(Throwable bug, long seconds);

    /// CLIENT KILL wants the link closed.
    void killed(Object stream);

    /// The queue is full, or has room again. Any thread.
    void full(boolean on);

    /// Nothing is applied because the disk takes no more, or it goes on.
    void heldUp(boolean on);

    /// The command failed. Returns whether the stream goes on even so.
    boolean mayPassOver(@Nullable Command command, String error);
  }

  private static final long QUEUE_MOST = 4 << 20;
  private static final long QUEUE_LEAST = 1 << 20;
  private static final int AT_A_TIME = 64 << 10;

  /// So much may wait to be written to the append-only file before nothing more is applied.
  static final long UNWRITTEN_MOST = 32 << 20;

  private static final long LOOK_MILLIS = 100;
  private static final long CALM_MILLIS = 60_000; // without a bug: the next one is the first

  /// A stream from one offset on.
  private static final class Stream {
    final long begin;
    final int database;
    final String remote;
    final String local;
    volatile @Nullable Applier applier; // made by the thread
    @Nullable String failure; // the thread
    boolean isOver; // monitor of the outer object

    Stream(long begin, int database, String remote, String local) {
      this.begin = begin;
      this.database = database;
      this.remote = remote;
      this.local = local;
    }

    long applied() {
      Applier at = applier;
      return at == null ? begin : begin + at.appliedBytes();
    }
  }

  @SuppressWarnings("ArrayRecordComponent")
  private record Piece(Stream of, byte[] bytes, int from, int to, @Nullable Runnable then) {}

  private static final byte[] NOTHING = {};

  private final Engine engine;
  private final Owner owner;
  private final LongSupplier unwritten; // bytes; waits for nothing
  private final BooleanSupplier ending;
  private final ArrayDeque<Piece> queue = new ArrayDeque<>(); // monitor
  private final ArrayDeque<Stream> over = new ArrayDeque<>(); // to be closed by the thread; monitor
  private @Nullable Stream current; // monitor
  private @Nullable Stream last; // whose database the next one begins with; monitor
  private int nextDatabase; // monitor
  private long queuedBytes; // monitor
  private boolean isFull; // monitor
  private int ends; // pieces of the queue after which the machine is told something; monitor
  private boolean isHeldUp; // the thread
  private final Retries bugs = new Retries(); // the thread
  private long calmAtMillis; // the thread
  private boolean hasMail; // monitor
  private @Nullable Consumer<Dispatcher> wantsStop; // monitor
  private boolean closing; // monitor
  private @Nullable Thread thread; // monitor

  /// @param unwritten says how many bytes wait to be written to the append-only file; waits for
  ///   nothing
  /// @param ending whether the server is about to end, and has saved its data
  StreamApplier(Engine engine, Owner owner, LongSupplier unwritten, BooleanSupplier ending) {
    this.engine = engine;
    this.owner = owner;
    this.unwritten = unwritten;
    this.ending = ending;
  }

  // ── under the machine's lock ──

  /// Whether a stream is being applied.
  synchronized boolean isActive() {
    return current != null;
  }

  /// Whether this is the stream that is being applied.
  synchronized boolean isCurrent(Object stream) {
    return stream == current;
  }

  /// A stream that begins next means this database at first.
  synchronized void database(int number) {
    last = null;
    nextDatabase = number;
  }

  /// The database that the stream means next. Exact in a stopped world.
  synchronized int database() {
    Stream of = current != null ? current : last;
    Applier at = of == null ? null : of.applier;
    return at == null ? (of == null ? nextDatabase : of.database) : at.database();
  }

  /// Applies these bytes, which stand behind `offset` in the stream. They belong to this from now
  /// on.
  synchronized void apply(
      long offset, byte[] bytes, int from, int to, String remote, String local) {
    Stream stream = current;
    if (stream == null) {
      stream = new Stream(offset, database(), remote, local);
      current = stream;
    }
    queue.add(new Piece(stream, bytes, from, to, null));
    queuedBytes += to - from;
    if (!isFull && queuedBytes > QUEUE_MOST) {
      isFull = true;
      owner.full(true);
    }
    work();
  }

  /// Runs `action` on the thread when all is applied that has come so far. Returns false if nothing
  /// is being applied.
  synchronized boolean afterAll(Runnable action) {
    Stream stream = current;
    if (stream == null) {
      return false;
    }
    queue.add(new Piece(stream, NOTHING, 0, 0, action));
    ends++;
    work();
    return true;
  }

  /// The stream is over, with half a command and an open MULTI. In a stopped world, or when all of
  /// it is applied.
  synchronized void forget() {
    Stream stream = current;
    current = null;
    if (stream == null) {
      return;
    }
    stream.isOver = true;
    last = stream;
    Applier at = stream.applier;
    if (at != null) {
      at.stop();
    }
    for (Piece piece : queue) {
      queuedBytes -= piece.of == stream ? piece.to - piece.from : 0;
    }
    queue.removeIf(piece -> piece.of == stream && piece.then == null);
    over.add(stream);
    room();
    work();
  }

  /// What is applied of the stream now, -1 without one. The thread's own, or a stopped world.
  synchronized long applied() {
    Stream stream = current;
    return stream == null ? -1 : stream.applied();
  }

  /// Runs `action` in a stopped world, soon.
  synchronized void stopWorld(Consumer<Dispatcher> action) {
    wantsStop = action;
    work();
  }

  private void work() {
    if (thread == null && !closing) {
      Thread starting = new Thread(this::run, "spinel-replica");
      starting.setDaemon(true);
      starting.start();
      thread = starting;
    }
    notifyAll();
  }

  private void room() {
    if (isFull && queuedBytes < QUEUE_LEAST) {
      isFull = false;
      owner.full(false);
    }
  }

  private synchronized void mail() {
    hasMail = true;
    notifyAll();
  }

  // ── the thread ──

  private void run() {
    try (Dispatcher stopper = engine.dispatcher()) {
      boolean goesOn = true;
      while (goesOn) {
        try {
          goesOn = step(stopper);
        } catch (RuntimeException | Error bug) { // else the link and changes of the role would wait
          broke(bug);
        }
      }
    }
  }

  private void broke(Throwable bug) {
    long now = engine.clock.nanos() / 1_000_000;
    if (now > calmAtMillis) {
      bugs.reset();
    }
    long seconds = bugs.failed(now, Retries.Cause.BUG);
    calmAtMillis = now + seconds * 1000 + CALM_MILLIS;
    boolean isTold = false;
    while (!isTold) {
      long began = engine.clock.nanos();
      try {
        owner.broke(bug, seconds);
        isTold = true;
      } catch (RuntimeException | Error again) { // as if memory is short: somebody has to know
        seconds = Math.max(1, seconds);
      }
      isTold |= rest(began + seconds * 1_000_000_000);
    }
  }

  /// Does nothing until then. Returns whether the thread is to end.
  private synchronized boolean rest(long untilNanos) {
    while (!closing && engine.clock.nanos() - untilNanos < 0) {
      try {
        wait(LOOK_MILLIS);
      } catch (InterruptedException e) {
        closing = true;
      }
    }
    return closing;
  }

  /// Returns whether it goes on.
  private boolean step(Dispatcher stopper) {
    Consumer<Dispatcher> stop;
    Stream ended;
    Piece piece = null;
    Applier waiting = null;
    synchronized (this) {
      while (true) {
        Stream now = current;
        Applier at = now == null ? null : now.applier;
        waiting = at != null && at.waits() ? at : null;
        boolean hasWork = waiting == null && !queue.isEmpty();
        boolean heldUp = hasWork && mustWait();
        if (closing || wantsStop != null || !over.isEmpty() || hasMail || hasWork && !heldUp) {
          break;
        }
        try {
          wait(heldUp ? LOOK_MILLIS : 0);
        } catch (InterruptedException e) {
          closing = true;
        }
      }
      if (closing) {
        Stream left = current;
        current = null;
        if (left != null) {
          over.add(left);
        }
      }
      stop = wantsStop;
      wantsStop = null;
      ended = over.poll();
      if (!closing && stop == null && ended == null) {
        if (hasMail) {
          hasMail = false;
          Stream now = current;
          waiting = now == null ? null : now.applier;
        } else {
          piece = queue.poll();
          if (piece != null) {
            queuedBytes -= piece.to - piece.from;
            ends -= piece.then == null ? 0 : 1;
            room();
          }
        }
      } else if (closing && ended == null) {
        return false;
      }
    }
    if (ended != null) {
      close(ended);
    }
    if (stop != null) {
      stopWorld(stopper, stop);
    } else if (piece != null) {
      take(piece);
    } else if (waiting != null) {
      Stream of = streamOf(waiting);
      if (of != null) {
        within(of, waiting, waiting::receive);
      }
    }
    return true;
  }

  /// Whether the disk takes no more, or has had the last: replicas of this server are to get no
  /// more of the stream than it starts from again. What has come when the link ends is applied even
  /// if the disk is slow: the machine may have to know at once where that was. The monitor.
  private boolean mustWait() {
    if (ending.getAsBoolean()) {
      return true;
    }
    long most = isHeldUp ? UNWRITTEN_MOST / 2 : UNWRITTEN_MOST; // it doesn't flicker
    boolean now = ends == 0 && unwritten.getAsLong() > most;
    if (now != isHeldUp) {
      isHeldUp = now;
      owner.heldUp(now);
    }
    return now;
  }

  private synchronized @Nullable Stream streamOf(Applier applier) {
    Stream now = current;
    return now != null && now.applier == applier ? now : null;
  }

  private static void close(Stream ended) {
    Applier applier = ended.applier;
    if (applier != null) {
      applier.close();
    }
  }

  private void stopWorld(Dispatcher stopper, Consumer<Dispatcher> action) {
    stopper.turnBegins();
    try {
      engine.keyspace.world().stop(stopper.seat(), () -> action.accept(stopper));
    } finally {
      stopper.turnEnds();
    }
  }

  private void take(Piece piece) {
    Runnable then = piece.then;
    if (then != null) {
      then.run();
      return;
    }
    Stream stream = piece.of;
    Applier applier = stream.applier;
    if (applier == null) {
      applier = begin(stream);
    }
    for (int at = piece.from; at < piece.to && !applier.isOver(); at += AT_A_TIME) {
      int from = at;
      int to = Math.min(piece.to, at + AT_A_TIME);
      Applier with = applier;
      within(stream, applier, () -> with.apply(piece.bytes, from, to));
    }
  }

  private Applier begin(Stream stream) {
    Applier made =
        new Applier(
                engine,
                (command, error) -> {
                  if (stream.failure == null && !owner.mayPassOver(command, error)) {
                    stream.failure = error;
                    Applier at = stream.applier;
                    if (at != null) {
                      at.stop();
                    }
                  }
                })
            .relaying(stream.database, this::mail, stream.remote, stream.local);
    synchronized (this) {
      stream.applier = made;
      if (stream.isOver) {
        made.stop();
      }
    }
    return made;
  }

  /// Does something with the seat taken, and tells what came of it.
  private void within(Stream stream, Applier applier, Runnable action) {
    long before = stream.applied();
    String failure = null;
    applier.begin();
    try {
      action.run();
    } catch (RuntimeException | OutOfMemoryError e) {
      failure = String.valueOf(e);
      applier.stop();
    } finally {
      applier.end();
    }
    if (stream.applied() != before) {
      owner.applied(stream, stream.applied());
    }
    if (applier.isOver()) {
      if (failure == null) {
        failure = stream.failure != null ? stream.failure : applier.error();
      }
      if (failure != null) {
        owner.failed(stream, failure);
      } else {
        owner.killed(stream);
      }
    }
  }

  /// Ends the thread, and waits for that.
  @Override
  public void close() {
    Thread running;
    synchronized (this) {
      closing = true;
      Stream stream = current;
      Applier at = stream == null ? null : stream.applier;
      if (at != null) {
        at.stop();
      }
      queue.clear();
      running = thread;
      notifyAll();
    }
    if (running != null) {
      Threads.awaitEnd(running);
    }
  }
}
