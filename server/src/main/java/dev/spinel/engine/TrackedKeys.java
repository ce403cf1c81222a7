package dev.spinel.engine;

import dev.spinel.wire.Slice;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The keys of one slot that sessions have read, each with the numbers of these sessions: a hash
/// table with open addressing. Slot lock, or a stopped world.
final class TrackedKeys {
  /// What a key takes of the Java heap besides its name, and one reader's number.
  private static final int KEY_BYTES = 96;

  private static final int READER_BYTES = 16; // its array grows by doubling
  private static final int LEAST = 4;

  /// A key and its readers.
  static final class Tracked {
    final byte[] name;
    private final int hash;
    private long[] readers = new long[1]; // the first `count` of them ascend
    private int count;

    private Tracked(byte[] name, int hash) {
      this.name = name;
      this.hash = hash;
    }

    int readers() {
      return count;
    }

    long reader(int i) {
      return readers[i];
    }

    private boolean add(long session) {
      int at = Arrays.binarySearch(readers, 0, count, session);
      if (at >= 0) {
        return false;
      }
      at = ~at;
      if (count == readers.length) {
        readers = Arrays.copyOf(readers, 2 * count);
      }
      System.arraycopy(readers, at, readers, at + 1, count - at);
      readers[at] = session;
      count++;
      return true;
    }

    /// What it takes of the Java heap.
    long bytes() {
      return KEY_BYTES + name.length + (long) READER_BYTES * count;
    }
  }

  private @Nullable Tracked[] table = new Tracked[LEAST];
  private int size;

  int size() {
    return size;
  }

  /// What a name that isn't there yet would take, with one reader.
  static long bytesFor(Slice name) {
    return KEY_BYTES + name.length + READER_BYTES;
  }

  /// The key of this name, or null.
  @Nullable Tracked find(Slice name) {
    return table[place(name, hash(name))];
  }

  /// Adds a key that isn't there yet.
  Tracked add(Slice name) {
    if (4 * (size + 1) > 3 * table.length) {
      grow();
    }
    int hash = hash(name);
    Tracked added = new Tracked(name.copy(), hash);
    table[place(name, hash)] = added;
    size++;
    return added;
  }

  /// Adds a reader to the key. Returns whether it wasn't one before.
  boolean addReader(Tracked to, long session) {
    return to.add(session);
  }

  /// Takes the key out; null if it isn't there.
  @Nullable Tracked remove(Slice name) {
    int at = place(name, hash(name));
    Tracked removed = table[at];
    if (removed != null) {
      table[at] = null;
      size--;
      close(at);
    }
    return removed;
  }

  /// Some key, at random as far as `random` is; there is one.
  Tracked any(int random) {
    int mask = table.length - 1;
    for (int at = random & mask; ; at = at + 1 & mask) {
      Tracked found = table[at];
      if (found != null) {
        return found;
      }
    }
  }

  /// What all of it takes of the Java heap.
  long bytes() {
    long sum = 0;
    for (Tracked each : table) {
      sum += each == null ? 0 : each.bytes();
    }
    return sum;
  }

  private static int hash(Slice name) {
    int hash = name.hashCode() * 0x9e3779b9;
    return hash ^ hash >>> 15;
  }

  /// Where the name is, or would be put.
  private int place(Slice name, int hash) {
    int mask = table.length - 1;
    for (int at = hash & mask; ; at = at + 1 & mask) {
      Tracked found = table[at];
      if (found == null || found.hash == hash && name.equal(found.name)) {
        return at;
      }
    }
  }

  private void grow() {
    @Nullable Tracked[] old = table;
    table = new Tracked[2 * old.length];
    for (Tracked each : old) {
      if (each != null) {
        table[place(new Slice(each.name), each.hash)] = each;
      }
    }
  }

  /// Moves those behind a place that has become free to where they are found.
  private void close(int free) {
    int mask = table.length - 1;
    int hole = free;
    for (int at = hole + 1 & mask; ; at = at + 1 & mask) {
      Tracked next = table[at];
      if (next == null) {
        return;
      }
      int home = next.hash & mask;
      if ((at - home & mask) >= (at - hole & mask)) {
        table[hole] = next;
        table[at] = null;
        hole = at;
      }
    }
  }
}
