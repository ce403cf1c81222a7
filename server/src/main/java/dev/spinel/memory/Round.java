package dev.spinel.memory;

/// A number that every allocation of every thread reads and that rarely changes. An unused cache
/// line lies on either side; otherwise its readers would pay for writes to neighbouring fields.
final class Round {

  @SuppressWarnings("unused")
  private long before0, before1, before2, before3, before4, before5, before6, before7;

  private volatile long value;

  @SuppressWarnings("unused")
  private long after0, after1, after2, after3, after4, after5, after6, after7;

  long get() {
    return value;
  }

  /// A thread that reads the new value also sees what was done before.
  synchronized void raise() {
    value++;
  }
}
