package dev.spinel.keyspace;

import dev.spinel.value.Dictionary;
import dev.spinel.value.Walk;
import dev.spinel.value.Walker;
import java.io.IOException;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// A walk through all databases as they were at one moment, while everybody goes on writing: what
/// an RDB file, an AOF rewrite, a full sync and a migration are made of. No fork, no pause beyond
/// the cut itself, no copy of the data but of what is replaced before the walk got there
/// ([Walker]).
///
/// ```
///   cut: world stopped, epoch + 1, tables captured          ── µs
///   walk: database by database, slot by slot, page by page   lock · copy a page's words · unlock · visit
///   end: tables that FLUSH took out meanwhile go to the reaper
/// ```
///
/// Beyond a budget of what is kept for the walk, writers are put off until it has come further; so
/// are those that would move a large value before the walk has seen it ([KeyspaceListener#walked]).
///
/// FLUSHDB and FLUSHALL during a walk take the tables out of the database, but leave them to the
/// walk, which frees them when it is through. SWAPDB only renumbers: the walk tells the numbers as
/// of the cut.
public final class Snapshot {
  /// Takes the contents, in the walk's thread, seated: it may read what it is shown, must not wait
  /// for anything, and forgets all addresses when it returns.
  public interface Sink extends Walker.Visitor {
    /// What follows is in the database that had this number at the cut.
    void database(int number);

    /// Called after every few entries, the seat left: the place to write what was gathered, however
    /// long that takes.
    default void drain() throws IOException {}
  }

  /// A sink that is asked no more once it has failed; the walk goes on for its own sake.
  private static final class Guarded implements Sink {
    private final Sink sink;
    private final Walk walk;
    @Nullable Throwable failure;

    Guarded(Sink sink, Walk walk) {
      this.sink = sink;
      this.walk = walk;
    }

    private interface Step {
      void run() throws IOException;
    }

    private void guard(Step step) {
      if (failure == null) {
        try {
          step.run();
        } catch (Throwable t) {
          failure = t;
          walk.abandon();
        }
      }
    }

    @Override
    public void database(int number) {
      guard(() -> sink.database(number));
    }

    @Override
    public void entry(long entry, long expiry) {
      guard(() -> sink.entry(entry, expiry));
    }

    @Override
    public void open(long entry, long expiry, long count) {
      guard(() -> sink.open(entry, expiry, count));
    }

    @Override
    public void field(long field) {
      guard(() -> sink.field(field));
    }

    @Override
    public void close() {
      guard(sink::close);
    }

    @Override
    public void drain() {
      guard(sink::drain);
    }
  }

  /// Writers may have the walk keep a tenth of the memory, but not less than this before they are
  /// slowed.
  private static final long LEAST_BUDGET = 4 << 20;

  private record Captured(int number, long[] tables) {}

  private Snapshot() {}

  /// Takes a snapshot. One at a time; the caller sits in `seat` and holds no slot lock.
  ///
  /// Errors: whatever the sink throws, when the walk has come to its end without it;
  /// [IllegalStateException] if a walk is under way.
  ///
  /// @param atTheCut runs at the moment of the cut, in the stopped world
  public static void take(Keyspace keyspace, Seat seat, Runnable atTheCut, Sink sink)
      throws IOException {
    ArrayList<Captured> captured = new ArrayList<>();
    keyspace
        .world()
        .stop(
            seat,
            () -> {
              if (keyspace.walk().active()) {
                throw new IllegalStateException("a walk is under way");
              }
              for (int number = 0; number < keyspace.databases(); number++) {
                Database database = keyspace.database(number);
                if (database.used()) {
                  captured.add(new Captured(number, database.tables()));
                }
              }
              atTheCut.run(); // if this fails, there is no walk
              keyspace.walk().begin();
              keyspace.walk().budget(Math.max(LEAST_BUDGET, keyspace.heap().liveBytes() / 10));
            });
    Walker walker = new Walker(seat.values.dictionary());
    Guarded guarded = new Guarded(sink, keyspace.walk());
    for (Captured one : captured) {
      guarded.database(one.number);
      for (int slot = 0; slot < Slots.COUNT; slot++) {
        if (one.tables[slot] != 0) {
          walk(walker, seat, one.tables, slot, guarded);
          keyspace.walked(slot);
        }
      }
    }
    keyspace
        .world()
        .stop(
            seat,
            () -> {
              keyspace.walk().finish();
              keyspace.releaseDetached();
            });
    keyspace.walked(-1);
    dropEmpty(keyspace, seat);
    if (guarded.failure != null) {
      throw failed(guarded.failure);
    }
  }

  /// Frees the tables that became empty during the walk. The next walk may begin meanwhile: it
  /// needs what they keep for it, and does this at its own end.
  private static void dropEmpty(Keyspace keyspace, Seat seat) {
    for (int number = 0; number < keyspace.databases(); number++) {
      for (int slot = 0; slot < Slots.COUNT && keyspace.database(number).used(); slot++) {
        if (keyspace.database(number).header(slot) != 0) {
          seat.lock(slot);
          if (!keyspace.walk().active()) {
            keyspace.database(number).dropIfEmpty(seat, slot);
          }
          seat.unlock(slot);
          seat.breathe();
        }
      }
    }
  }

  private static void walk(Walker walker, Seat seat, long[] tables, int slot, Guarded sink) {
    Dictionary dictionary = seat.values.dictionary();
    boolean skip;
    boolean more = false;
    seat.lock(slot);
    try {
      long header = tables[slot];
      skip = header == 0 || dictionary.passed(header); // made after the cut: born passed
      if (!skip) {
        walker.enter(header);
        more = walker.advance();
      }
    } finally {
      seat.unlock(slot);
    }
    if (skip) {
      return;
    }
    walker.emit(sink);
    while (more) {
      rest(seat, sink);
      seat.lock(slot);
      try {
        more = walker.advance();
      } finally {
        seat.unlock(slot);
      }
      walker.emit(sink);
    }
    rest(seat, sink);
  }

  private static IOException failed(Throwable failure) {
    switch (failure) {
      case IOException told -> {
        return told;
      }
      case RuntimeException told -> throw told;
      case Error told -> throw told;
      default -> throw new IllegalStateException(failure); // nothing else can come
    }
  }

  private static void rest(Seat seat, Guarded sink) {
    seat.leave();
    sink.drain();
    seat.enter();
  }
}
