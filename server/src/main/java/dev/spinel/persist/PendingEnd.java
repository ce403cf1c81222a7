package dev.spinel.persist;

/// An end that a signal asked for, until the server's cron comes to it: meanwhile SHUTDOWN ABORT
/// takes it back, as in Redis. Any thread.
final class PendingEnd {
  private boolean waits; // for the cron
  private boolean goesOn;

  /// Waits for the next cron; returns false if the end is taken back before.
  synchronized boolean await() throws InterruptedException {
    waits = true;
    goesOn = false;
    while (waits) {
      wait();
    }
    return goesOn;
  }

  synchronized void cron() {
    goOn(true);
  }

  /// Returns whether there was an end to be taken back.
  synchronized boolean abort() {
    return goOn(false);
  }

  private boolean goOn(boolean toTheEnd) {
    boolean was = waits;
    if (was) {
      waits = false;
      goesOn = toTheEnd;
      notifyAll();
    }
    return was;
  }
}
