package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import org.jspecify.annotations.Nullable;

/// The timers of one loop: a binary heap in an array, earliest first, ties in the order of
/// scheduling.
///
/// Each timer knows its place in the heap, so that cancelling (the common end of a blocking
/// timeout) costs a sift instead of a search, and leaves nothing behind. Loop thread only.
final class Timers {
  private @Nullable Timer[] heap = new Timer[16];
  private int size;
  private long scheduled;

  int size() {
    return size;
  }

  /// Nanoseconds (of [System#nanoTime]) of the earliest timer. Only if [#size] is not 0.
  long earliestNanos() {
    return heap[0].atNanos;
  }

  void add(Timer timer) {
    if (size == heap.length) {
      heap = JavaHeap.copy(heap, size * 2);
    }
    timer.order = scheduled++;
    siftUp(timer, size++);
  }

  void remove(Timer timer) {
    int at = timer.place;
    if (at < 0) {
      return;
    }
    assert heap[at] == timer;
    timer.place = -1;
    var last = heap[--size];
    heap[size] = null;
    if (last == timer) {
      return;
    }
    siftDown(last, at);
    if (last.place == at) {
      siftUp(last, at);
    }
  }

  /// Removes and returns the earliest timer if it is due, else null.
  @Nullable Timer takeDue(long nowNanos) {
    if (size == 0 || heap[0].atNanos - nowNanos > 0) {
      return null;
    }
    var due = heap[0];
    remove(due);
    return due;
  }

  private void siftUp(Timer timer, int at) {
    while (at > 0) {
      int parent = (at - 1) >>> 1;
      if (!timer.before(heap[parent])) {
        break;
      }
      place(heap[parent], at);
      at = parent;
    }
    place(timer, at);
  }

  private void siftDown(Timer timer, int at) {
    for (int child; (child = 2 * at + 1) < size; at = child) {
      if (child + 1 < size && heap[child + 1].before(heap[child])) {
        child++;
      }
      if (!heap[child].before(timer)) {
        break;
      }
      place(heap[child], at);
    }
    place(timer, at);
  }

  private void place(Timer timer, int at) {
    heap[at] = timer;
    timer.place = at;
  }
}
