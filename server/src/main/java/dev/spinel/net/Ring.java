package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import org.jspecify.annotations.Nullable;

/// A queue of connections in a circular array, which has room for all that there are. Loop thread
/// only.
final class Ring {
  private @Nullable Connection[] slots = new Connection[64];
  private int first;
  private int size;

  boolean isEmpty() {
    return size == 0;
  }

  int size() {
    return size;
  }

  /// Makes room for so many.
  void makeRoom(int most) {
    if (most > slots.length) {
      assert JavaHeap.point();
      var grown = new Connection[slots.length * 2];
      System.arraycopy(slots, first, grown, 0, slots.length - first);
      System.arraycopy(slots, 0, grown, slots.length - first, first);
      slots = grown;
      first = 0;
    }
  }

  /// Only as many as there is room for.
  void add(Connection connection) {
    assert size < slots.length;
    slots[(first + size++) & (slots.length - 1)] = connection;
  }

  /// Only if not empty.
  Connection take() {
    var taken = slots[first];
    slots[first] = null;
    first = (first + 1) & (slots.length - 1);
    size--;
    return taken;
  }
}
