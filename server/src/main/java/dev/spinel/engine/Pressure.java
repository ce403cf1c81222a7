package dev.spinel.engine;

import java.util.concurrent.atomic.AtomicLong;

/// How many bytes of messages are on their way to sessions, in the inboxes of all threads: who
/// sends more than the others take waits until there are fewer ([#isHigh]). Any thread.
public final class Pressure {
  private static final long HIGH_BYTES = 512 * 1024;

  /// What a message counts besides its text, for each who is to hear it.
  private static final int LISTENER_BYTES = 16;

  private final AtomicLong bytes = new AtomicLong();

  /// A message with a text of `length` bytes is on its way to so many sessions of one thread.
  void sent(int length, int listeners) {
    bytes.addAndGet(length + (long) LISTENER_BYTES * listeners);
  }

  /// It has come, or its receivers are gone.
  void arrived(int length, int listeners) {
    bytes.addAndGet(-length - (long) LISTENER_BYTES * listeners);
  }

  /// Bytes on their way now.
  public long bytes() {
    return bytes.get();
  }

  /// Whether senders should wait.
  public boolean isHigh() {
    return bytes.get() > HIGH_BYTES;
  }
}
