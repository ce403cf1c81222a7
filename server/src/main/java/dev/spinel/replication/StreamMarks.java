package dev.spinel.replication;

/// Where positions of the journal are in the stream of replicas: sessions know what they last wrote
/// by its position, replicas acknowledge offsets.
///
/// A *mark* says that all up to a position stands before an offset. There is one for each batch
/// that was merged, as long as there is room; then every second one goes. So the answer for a late
/// write is exact up to its batch, for an earlier one it is somewhat too late an offset, and never
/// too early a one.
///
/// Any thread; whoever merges adds.
final class StreamMarks {
  private static final int MOST = 1024;

  private final long[] positions = new long[MOST]; // ascending; monitor
  private final long[] offsets = new long[MOST]; // monitor
  private int count; // monitor

  /// All records up to this position end at this offset or before.
  synchronized void add(long position, long offset) {
    if (count > 0 && positions[count - 1] == position) {
      count--; // more bytes, of no record
    } else if (count == MOST) {
      thin();
    }
    positions[count] = position;
    offsets[count++] = offset;
  }

  /// The latter of two neighbours stays: it says the same of more.
  private void thin() {
    for (int i = 0; i < MOST / 2; i++) {
      positions[i] = positions[2 * i + 1];
      offsets[i] = offsets[2 * i + 1];
    }
    count = MOST / 2;
  }

  /// An offset behind all records up to this position; -1: they aren't all in the stream yet.
  synchronized long offsetOf(long position) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (positions[middle] < position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low == count ? -1 : offsets[low];
  }
}
