package dev.spinel.server;

import java.util.function.LongSupplier;

/// Gives back what the JVM took for its heap in a burst.
///
/// The serial collector makes the heap smaller only when it collects all of it, and it does that
/// only when the heap can't grow any more. A server that is idle after a burst would keep the
/// burst's heap for ever. So when hardly any commands come and the heap is much larger than what
/// clients hold of it, all of it is collected: that stops the server for some 20 ms, when nobody is
/// there to notice. It is collected among many commands, too, when it has become a great deal
/// larger than that: commands of a million arguments leave tens of megabytes behind, each.
///
/// For the program only: a JVM that somebody else's code runs in is not ours to stop. Belongs to
/// one thread.
final class HeapTrim {
  /// A heap of this size is no burst's.
  private static final long USUAL_BYTES = 64L << 20;

  /// A heap of this size is, however busy the server is.
  private static final long BUSY_BYTES = 256L << 20;

  /// What the collector leaves of room, and of young objects, for each byte in use.
  private static final long ROOM = 3;

  /// So few commands in a second are no reason to wait.
  private static final long QUIET_COMMANDS = 50;

  private static final long PAUSE_SECONDS = 10;
  private static final long PAUSE_SECONDS_AT_MOST = 640;

  private final LongSupplier commands;
  private final LongSupplier heldBytes;
  private final LongSupplier heapBytes;
  private final Runnable collect;
  private long seenCommands;
  private long seconds; // since it was last collected
  private long pauseSeconds = PAUSE_SECONDS;

  /// @param commands that have run, ever
  /// @param heldBytes what clients hold of the heap
  /// @param heapBytes the heap's size now
  /// @param collect collects all of it
  HeapTrim(
      LongSupplier commands, LongSupplier heldBytes, LongSupplier heapBytes, Runnable collect) {
    this.commands = commands;
    this.heldBytes = heldBytes;
    this.heapBytes = heapBytes;
    this.collect = collect;
  }

  /// To be called once a second.
  void look() {
    long ran = commands.getAsLong();
    boolean quiet = ran - seenCommands <= QUIET_COMMANDS;
    seenCommands = ran;
    long bytes = heapBytes.getAsLong();
    if (++seconds < pauseSeconds) {
      return;
    }
    long most = (quiet ? USUAL_BYTES : BUSY_BYTES) + ROOM * heldBytes.getAsLong();
    if (bytes <= most) {
      pauseSeconds = PAUSE_SECONDS;
      return;
    }
    collect.run();
    seconds = 0;
    boolean helped = heapBytes.getAsLong() <= bytes / 4 * 3;
    pauseSeconds = helped ? PAUSE_SECONDS : Math.min(PAUSE_SECONDS_AT_MOST, 2 * pauseSeconds);
  }
}
