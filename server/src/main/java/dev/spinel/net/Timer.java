package dev.spinel.net;

/// Something that a loop will do at its time, unless it is cancelled before. Made by
/// [Loop#schedule]; loop thread only.
public final class Timer {
  final long atNanos;
  final Runnable action;
  private final Timers timers;

  /// Owned by [Timers]: order of scheduling, and index in the heap (-1: not in it).
  long order;

  int place = -1;

  Timer(long atNanos, Runnable action, Timers timers) {
    this.atNanos = atNanos;
    this.action = action;
    this.timers = timers;
  }

  /// Takes the timer back. Nothing happens if it has run or has been cancelled. On the loop's
  /// thread.
  public void cancel() {
    timers.remove(this);
  }

  /// Whether it is still to come.
  public boolean isPending() {
    return place >= 0;
  }

  boolean before(Timer other) {
    long distance = atNanos - other.atNanos;
    return distance < 0 || (distance == 0 && order < other.order);
  }
}
