package dev.spinel.engine;

import dev.spinel.wire.HeapBudget;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import org.jspecify.annotations.Nullable;

/// The keys to which clients of a writable replica have given an expiry.
///
/// A replica leaves it to its primary to delete what has expired. But of a key that only the
/// replica's own clients have made the primary knows nothing, and the key would stay for ever. So
/// these keys are remembered, and the replica deletes them itself.
///
/// What is remembered counts as memory that clients take of the Java heap. If there is no room, a
/// key isn't remembered.
///
/// Any thread.
final class LocalExpiries {
  /// Bytes of the Java heap for a key besides its name, about.
  private static final long KEY_BYTES = 256;

  /// A key, and when it expires, in milliseconds since 1970.
  record Due(long millis, int database, Slice key) implements Comparable<Due> {
    @Override
    public int compareTo(Due other) {
      int order = Long.compare(millis, other.millis);
      order = order != 0 ? order : Integer.compare(database, other.database);
      return order != 0 ? order : Arrays.compareUnsigned(key.array, other.key.array);
    }
  }

  private record Name(int database, Slice key) {}

  private final HeapBudget heap;
  private final ConcurrentHashMap<Name, Due> byName = new ConcurrentHashMap<>();
  private final ConcurrentSkipListSet<Due> inOrder = new ConcurrentSkipListSet<>();

  LocalExpiries(HeapBudget heap) {
    this.heap = heap;
  }

  /// A client has changed the key, which expires then. Its slot's lock is held.
  void note(int database, Slice key, long millis) {
    byte[] copy = key.copy();
    Slice name = new Slice(copy);
    byName.compute(
        new Name(database, name),
        (same, before) -> {
          if (before == null ? !heap.hold(KEY_BYTES + copy.length) : before.millis == millis) {
            return before;
          }
          if (before != null) {
            inOrder.remove(before);
          }
          Due due = new Due(millis, database, name);
          inOrder.add(due);
          return due;
        });
  }

  /// Forgets, and returns, a key that is due at `nowMillis`; null: there is none.
  @Nullable Due takeDue(long nowMillis) {
    Due first = inOrder.isEmpty() ? null : inOrder.first();
    if (first == null || first.millis >= nowMillis) {
      return null;
    }
    forget(first);
    return first;
  }

  private void forget(Due due) {
    if (byName.remove(new Name(due.database, due.key), due)) {
      heap.release(KEY_BYTES + due.key.length);
    }
    inOrder.remove(due);
  }

  /// How many there are.
  int count() {
    return byName.size();
  }

  /// The data is another one. Stopped world.
  void clear() {
    for (Due due : byName.values()) {
      forget(due);
    }
  }
}
