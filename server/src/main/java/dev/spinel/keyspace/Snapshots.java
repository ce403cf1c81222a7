package dev.spinel.keyspace;

import dev.spinel.value.Dictionary;
import dev.spinel.value.Walk;
import dev.spinel.value.Walker;
import dev.spinel.wire.Threads;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// Walks through all databases as they were at one moment, while writers go on. RDB files, AOF
/// rewrites, full syncs and migrations are made by it. There is no fork, no pause beyond the cut
/// itself, and no copy of the data except of what is replaced before the walk gets there
/// ([Walker]).
///
/// ```
///   take ─► waiting ─► prepare: the sink makes its files, say
///            (in turn)  cut: world stopped, tables captured, epoch + 1         ── µs
///                       walk: database by database, slot by slot, page by page   lock · copy a page's words · unlock · visit
///                       end: world stopped; what FLUSH took out goes to the reaper
///                       ended(null, or why it failed)                           once, whatever happens
/// ```
///
/// **One walk at a time.** A caller that wants a snapshot hands over a [Sink], which waits for its
/// turn and is served by the one thread of this class, in a seat of its own. The thread exists
/// while there is something to do.
///
/// **A failure** concerns this snapshot only. A sink that throws isn't called any more, except for
/// [Sink#ended]; nor is it if a writer finds no memory for what it should keep, or a step of the
/// walker itself fails. In each case the walk goes on without a sink, for its own sake: through
/// every table that isn't passed, from the beginning of the one in which it failed. So what was
/// kept is freed, and calls that were put off go on, by the code that does so anyway. Steps of the
/// walk and of its end allocate next to nothing, and are repeated. If one fails again and again,
/// our own code is at fault: then the data is served as before, but the next snapshot could be
/// wrong, and is refused.
///
/// Beyond a budget of what is kept for the walk, writers that would have it keep more are put off
/// until it has come further; so are those that would move a large value before the walk has seen
/// it ([KeyspaceListener#walked]).
///
/// FLUSHDB and FLUSHALL during a walk take the tables out of the database, but leave them to the
/// walk, which frees them when it is through. SWAPDB only renumbers: the walk tells the numbers as
/// of the cut.
public final class Snapshots {
  /// What a snapshot is taken for. It is called by the thread of [Snapshots], one call after the
  /// other, [#ended] last. Between cut and end that is in its seat (but for [#drain]): the sink may
  /// read what it is shown, must not wait for anything, and forgets all addresses when it returns.
  /// Whatever it throws ends the snapshot; so it can be cancelled, too.
  public interface Sink extends Walker.Visitor {
    /// It is this sink's turn, and the world goes on: the place to make files, since whatever fails
    /// here fails before the cut. No seat is taken.
    default void prepare() throws IOException {}

    /// The moment whose data is shown: the world stands still.
    ///
    /// @param seat that of the walk, to read with
    default void cut(Seat seat) throws IOException {}

    /// What follows is in the database that had this number at the cut.
    void database(int number);

    /// What follows is in this slot.
    default void slot(int number) {}

    /// Called after every few entries, and whenever [#more] was true, the seat left: the place to
    /// write what was gathered, however long that takes. Interrupted when the server is closed.
    default void drain() throws IOException {}

    /// The snapshot is complete, or (`failure`) not worth anything. Exactly once, the seat left; no
    /// walk is under way. Must not close the server.
    void ended(@Nullable Throwable failure);
  }

  /// Writers may have the walk keep a tenth of the memory, but not less than this before they are
  /// slowed.
  private static final long LEAST_BUDGET = 4 << 20;

  /// How often a step that fails is tried, and the pause before it is tried again.
  private static final int TRIES = 20;

  private static final long PAUSE_NANOS = 50_000_000;

  private final Keyspace keyspace;
  private final ArrayDeque<Sink> waiting = new ArrayDeque<>(); // this object's monitor
  private final ArrayDeque<Runnable> errands = new ArrayDeque<>(); // this object's monitor
  private int unended; // sinks that wait, and the one under way; this object's monitor
  private @Nullable Thread thread; // null: nothing to do; this object's monitor
  private volatile boolean closed;
  private final AtomicLong begun = new AtomicLong();
  private volatile long lastCutNanos; // the thread, or a stopped world
  private @Nullable Throwable stuck; // why a walk could not be ended; the thread

  Snapshots(Keyspace keyspace) {
    this.keyspace = keyspace;
  }

  /// Takes a snapshot as soon as those that were asked for before have ended.
  public void take(Sink sink) {
    Throwable refused = add(sink);
    if (refused != null) {
      tell(sink, refused);
    }
  }

  /// Takes a snapshot now. Returns false, and tells the sink nothing, if another one is under way
  /// or waits.
  public boolean tryTake(Sink sink) {
    Throwable refused;
    synchronized (this) {
      if (unended > 0) {
        return false;
      }
      refused = add(sink);
    }
    if (refused != null) {
      tell(sink, refused);
    }
    return true;
  }

  /// Runs `errand`, which may take long, on the thread of snapshots, in no seat, before the next
  /// one. Returns false if it can't, as the server is being closed or has no thread.
  public synchronized boolean between(Runnable errand) {
    if (closed) {
      return false;
    }
    try {
      errands.add(errand);
      startThread();
      return true;
    } catch (OutOfMemoryError e) {
      errands.remove(errand);
      return false;
    }
  }

  private void startThread() {
    if (thread == null) {
      Thread starting = new Thread(this::run, "spinel-snapshots");
      starting.setDaemon(true);
      starting.start();
      thread = starting;
    }
  }

  /// Returns why it can't be, null if it waits now.
  private synchronized @Nullable Throwable add(Sink sink) {
    if (closed) {
      return closing();
    }
    try {
      waiting.add(sink);
      startThread();
      unended++;
      return null;
    } catch (Throwable t) { // no memory, or no thread
      waiting.removeLastOccurrence(sink);
      return t;
    }
  }

  private static IOException closing() {
    return new IOException("the server is being closed");
  }

  /// Counts one that is there to be seen from now on, whatever becomes of it.
  public void countBegun() {
    begun.incrementAndGet();
  }

  /// How many there were since the start, or since that was forgotten.
  public long begun() {
    return begun.get();
  }

  /// How long everybody had to wait for the last cut; 0: there was none.
  public long lastCutNanos() {
    return lastCutNanos;
  }

  /// CONFIG RESETSTAT. Stopped world.
  public void forgetCounts() {
    begun.set(0);
    lastCutNanos = 0;
  }

  /// Ends all snapshots, and waits for that. No call may be put off any more. The walk under way
  /// still comes to its end, without its sink.
  void close() {
    Thread running;
    synchronized (this) {
      closed = true;
      running = thread;
    }
    if (running == null) {
      return;
    }
    running.interrupt();
    Threads.awaitEnd(running);
  }

  // ── the thread ──

  private void run() {
    do {
      try (Seat seat = keyspace.seat()) {
        for (Sink next = next(); next != null; next = next()) {
          end(next, take(seat, next));
        }
      } catch (Throwable t) { // there is no seat
        for (Sink next = next(); next != null; next = next()) {
          end(next, t);
        }
      }
    } while (!isDone());
  }

  private @Nullable Throwable take(Seat seat, Sink sink) {
    try {
      return new Taking(seat, sink).take();
    } catch (Throwable t) {
      return t;
    }
  }

  private void end(Sink sink, @Nullable Throwable failure) {
    synchronized (this) {
      unended--;
    }
    tell(sink, failure);
  }

  private @Nullable Sink next() {
    while (true) {
      Runnable errand;
      synchronized (this) {
        errand = errands.poll();
        if (errand == null) {
          return waiting.poll();
        }
      }
      try {
        errand.run();
      } catch (Throwable bug) {
        keyspace.failed(bug);
      }
    }
  }

  private synchronized boolean isDone() {
    if (!waiting.isEmpty() || !errands.isEmpty()) {
      return false;
    }
    thread = null;
    return true;
  }

  private void tell(Sink sink, @Nullable Throwable failure) {
    try {
      sink.ended(failure);
    } catch (Throwable bug) {
      keyspace.failed(bug);
    }
  }

  private record Captured(int number, long[][] tables) {}

  /// One snapshot. Belongs to the thread.
  private final class Taking implements Walker.Visitor {
    private final Seat seat;
    private final Sink sink;
    private final Walk walk = keyspace.walk();
    private final Walker walker;
    private final ArrayList<Captured> captured = new ArrayList<>();
    private final Runnable cut;
    private final Runnable giveUp;
    private final Runnable end;
    private @Nullable Throwable failure; // then the sink is asked no more

    Taking(Seat seat, Sink sink) {
      this.seat = seat;
      this.sink = sink;
      walker = new Walker(seat.values.dictionary());
      cut = this::cut;
      giveUp = walker::giveUp; // made now: later there may be no memory for it
      end = this::end;
    }

    /// Returns why it failed, or null.
    @Nullable Throwable take() {
      if (stuck != null) {
        return new IOException("an earlier snapshot could not be ended", stuck);
      }
      if (closed) {
        return closing();
      }
      walk.forgetPeak();
      try {
        sink.prepare();
      } catch (Throwable t) {
        return t;
      } finally {
        Thread.interrupted(); // that was meant for the sink
      }
      seat.enter();
      long began = System.nanoTime();
      try {
        keyspace.world().stop(seat, cut);
        lastCutNanos = System.nanoTime() - began;
      } catch (Throwable t) {
        fail(t);
        pause();
      }
      try {
        if (walk.active()) {
          walkAll();
          dropEmpty();
        }
      } catch (Throwable t) { // none of the steps says so: it was between them
        fail(t);
        if (walk.active()) {
          leaveOpen();
        }
      } finally {
        if (seat.taken()) {
          seat.leave();
        }
      }
      return failure != null ? failure : walk.spoilt();
    }

    /// The walk can't be ended: lets all calls go on that wait for it.
    private void leaveOpen() {
      stuck = failure;
      walk.budget(Long.MAX_VALUE);
      tellWalked();
    }

    private void tellWalked() {
      for (int tries = 1; !walked(-1) && tries < TRIES; tries++) {
        pause();
      }
    }

    /// Whether the sink is still asked.
    private boolean asks() {
      return failure == null && !walk.abandoned();
    }

    private void fail(Throwable why) {
      if (failure == null) {
        failure = why;
      }
      walk.abandon();
    }

    /// Begins the walk, unless something fails.
    private void cut() {
      if (closed) {
        fail(closing());
        return;
      }
      for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
        captured.add(new Captured(number, keyspace.database(number).tables()));
      }
      try {
        sink.cut(seat);
      } catch (Throwable t) {
        fail(t);
        return;
      }
      walk.budget(Math.max(LEAST_BUDGET, keyspace.heap().liveBytes() / 10));
      walk.begin();
    }

    private void walkAll() {
      boolean through = true;
      for (int i = 0; i < captured.size() && through; i++) {
        Captured one = captured.get(i);
        database(one.number);
        for (int slot = 0; slot < Slots.COUNT && through; slot++) {
          if (Database.header(one.tables, slot) != 0) {
            slot(slot);
            through = pass(one.tables, slot);
            walked(slot);
          }
        }
      }
      if (through && insist(end)) {
        tellWalked();
      } else {
        leaveOpen();
      }
    }

    /// Stopped world.
    private void end() {
      if (walk.active()) {
        walker.finish();
      }
      keyspace.releaseDetached();
    }

    /// Walks through a table; if that fails, without the sink from its beginning. Returns whether
    /// it has been through.
    private boolean pass(long[][] tables, int slot) {
      for (int tries = 0; tries < TRIES; tries++) {
        try {
          walk(tables, slot);
          return true;
        } catch (Throwable t) {
          fail(t);
          pause();
          if (!insist(giveUp)) {
            return false;
          }
        }
      }
      return false;
    }

    /// Has a step done in the stopped world, again and again until it is. Returns whether it is.
    private boolean insist(Runnable step) {
      for (int tries = 0; tries < TRIES; tries++) {
        try {
          keyspace.world().stop(seat, step);
          return true;
        } catch (Throwable t) {
          fail(t);
          pause();
        }
      }
      return false;
    }

    /// Something failed: the seat is taken afterwards, whether or not it is now.
    private void pause() {
      try {
        if (seat.taken()) {
          seat.leave();
        }
      } catch (Throwable t) {
        fail(t); // it is left, though
      }
      Thread.interrupted();
      LockSupport.parkNanos(PAUSE_NANOS);
      seat.enter();
    }

    private void slot(int number) {
      if (asks()) {
        try {
          sink.slot(number);
        } catch (Throwable t) {
          fail(t);
        }
      }
    }

    private boolean walked(int slot) {
      try {
        keyspace.walked(slot);
        return true;
      } catch (Throwable t) {
        keyspace.failed(t);
        return false;
      }
    }

    private void walk(long[][] tables, int slot) {
      Dictionary dictionary = seat.values.dictionary();
      boolean more = false;
      seat.lock(slot);
      try {
        long header = Database.header(tables, slot);
        if (header == 0 || dictionary.passed(header)) { // made after the cut: born passed
          return;
        }
        walker.enter(header);
        more = walker.advance();
      } finally {
        seat.unlock(slot);
      }
      emit();
      while (more) {
        rest();
        seat.lock(slot);
        try {
          more = walker.advance();
        } finally {
          seat.unlock(slot);
        }
        emit();
      }
      rest();
    }

    private void emit() {
      while (walker.emit(this)) {
        rest();
      }
    }

    private void rest() {
      if (closed && failure == null) {
        fail(closing());
      }
      seat.leave();
      if (asks()) {
        try {
          sink.drain();
        } catch (Throwable t) {
          fail(t);
        }
      }
      Thread.interrupted(); // that was meant for the sink
      seat.enter();
    }

    /// Frees the tables that became empty during the walk. If that fails for one, it is freed when
    /// it is next emptied.
    private void dropEmpty() {
      try {
        for (int number = keyspace.nextUsed(0);
            number >= 0;
            number = keyspace.nextUsed(number + 1)) {
          Database database = keyspace.database(number);
          for (int slot = 0; slot < Slots.COUNT && database.used() && !walk.active(); slot++) {
            if (database.header(slot) != 0) {
              drop(database, slot);
            }
          }
        }
      } catch (Throwable t) {
        keyspace.failed(t);
      }
    }

    private void drop(Database database, int slot) {
      seat.lock(slot);
      try {
        database.dropIfEmpty(seat, slot);
      } finally {
        seat.unlock(slot);
      }
      seat.breathe();
    }

    // ── what the walker shows ──

    private void database(int number) {
      if (asks()) {
        try {
          sink.database(number);
        } catch (Throwable t) {
          fail(t);
        }
      }
    }

    @Override
    public void entry(long entry, long expiry) {
      if (failure == null) {
        try {
          sink.entry(entry, expiry);
        } catch (Throwable t) {
          fail(t);
        }
      }
    }

    @Override
    public void open(long entry, long expiry, long count, boolean isTimed) {
      if (failure == null) {
        try {
          sink.open(entry, expiry, count, isTimed);
        } catch (Throwable t) {
          fail(t);
        }
      }
    }

    @Override
    public void field(long field) {
      if (failure == null) {
        try {
          sink.field(field);
        } catch (Throwable t) {
          fail(t);
        }
      }
    }

    @Override
    public void close() {
      if (failure == null) {
        try {
          sink.close();
        } catch (Throwable t) {
          fail(t);
        }
      }
    }

    @Override
    public boolean more() {
      if (failure == null) {
        try {
          return sink.more();
        } catch (Throwable t) {
          fail(t);
        }
      }
      return false;
    }
  }
}
