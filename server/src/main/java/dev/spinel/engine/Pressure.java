package dev.spinel.engine;

import java.util.concurrent.atomic.AtomicLong;

/// How many bytes of messages are on their way to sessions, in the mailboxes of all threads: who
/// sends more than the others take waits until there are fewer ([#isHigh]). Any thread.
public final class Pressure {
  private static final long HIGH_BYTES = 512 * 1024;

  /// What a message counts besides its text, which its receivers share.
  private static final int LETTER_BYTES = 16;

  private final AtomicLong bytes = new AtomicLong();

  /// A message with a text of `length` bytes is on its way.
  void sent(int length) {
    bytes.addAndGet(length + LETTER_BYTES);
  }

  /// It has come, or its receiver is gone.
  void arrived(int length) {
    bytes.addAndGet(-length - LETTER_BYTES);
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
