package dev.spinel.net;

import org.jspecify.annotations.Nullable;

/// A queue of connections in a circular array that grows as needed. Loop thread only.
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

  void add(Connection connection) {
    if (size == slots.length) {
      var grown = new Connection[size * 2];
      System.arraycopy(slots, first, grown, 0, size - first);
      System.arraycopy(slots, 0, grown, size - first, first);
      slots = grown;
      first = 0;
    }
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
