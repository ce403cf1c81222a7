package dev.spinel.wire;

/// What whoever closes something with a thread of its own needs.
public final class Threads {
  private Threads() {}

  /// Waits until the thread has ended. An interruption doesn't shorten that; the caller's thread is
  /// interrupted afterwards.
  public static void awaitEnd(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
