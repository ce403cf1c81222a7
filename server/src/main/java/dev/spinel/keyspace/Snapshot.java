package dev.spinel.keyspace;

import dev.spinel.value.Dictionary;
import dev.spinel.value.Walker;
import java.util.ArrayList;

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
  /// Takes the contents, in the walk's thread.
  public interface Sink extends Walker.Visitor {
    /// What follows is in the database that had this number at the cut.
    void database(int number);
  }

  /// Writers may have the walk keep a tenth of the memory, but not less than this before they are
  /// slowed.
  private static final long LEAST_BUDGET = 4 << 20;

  private record Captured(int number, Database database, long[] tables) {}

  private Snapshot() {}

  /// Takes a snapshot. One at a time; the caller sits in `seat` and holds no slot lock.
  ///
  /// @param atTheCut runs at the moment of the cut, in the stopped world
  public static void take(Keyspace keyspace, Seat seat, Runnable atTheCut, Sink sink) {
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
                  captured.add(new Captured(number, database, database.tables()));
                }
              }
              keyspace.walk().begin();
              keyspace.walk().budget(Math.max(LEAST_BUDGET, keyspace.heap().liveBytes() / 10));
              atTheCut.run();
            });
    Walker walker = new Walker(seat.values.dictionary());
    for (Captured one : captured) {
      sink.database(one.number);
      for (int slot = 0; slot < Slots.COUNT; slot++) {
        if (one.tables[slot] != 0) {
          walk(walker, seat, one.tables, slot, sink);
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
    for (Captured one : captured) {
      for (int slot = 0; slot < Slots.COUNT; slot++) {
        if (one.database.header(slot) != 0) {
          seat.lock(slot);
          one.database.dropIfEmpty(seat, slot);
          seat.unlock(slot);
          seat.breathe();
        }
      }
    }
  }

  private static void walk(Walker walker, Seat seat, long[] tables, int slot, Sink sink) {
    Dictionary dictionary = seat.values.dictionary();
    seat.lock(slot);
    long header = tables[slot];
    boolean skip = header == 0 || dictionary.passed(header); // made after the cut: born passed
    boolean more = false;
    if (!skip) {
      walker.enter(header);
      more = walker.advance();
    }
    seat.unlock(slot);
    if (skip) {
      return;
    }
    walker.emit(sink);
    while (more) {
      seat.breathe();
      seat.lock(slot);
      more = walker.advance();
      seat.unlock(slot);
      walker.emit(sink);
    }
    seat.breathe();
  }
}
