package dev.spinel.wire;

import org.jspecify.annotations.Nullable;

/// Commands that were read ahead of the one that runs ([RequestReader#readAhead]), in the order in
/// which they came. A loop has one for all its connections: it is empty between their turns.
///
/// Belongs to one thread.
public final class Batch {
  /// So many commands at most.
  public static final int MOST = 16;

  private final Args[] args = new Args[MOST];
  private final int[] ends = new int[MOST];
  private int count;
  private int next;

  public Batch() {
    for (int i = 0; i < MOST; i++) args[i] = new Args();
  }

  /// How many commands are in it, those already taken included.
  public int count() {
    return count;
  }

  public Args at(int i) {
    return args[i];
  }

  /// Whether none is left to be taken.
  public boolean isEmpty() {
    return next == count;
  }

  /// Takes the next command, or null if none is left.
  public @Nullable Args poll() {
    return next < count ? args[next++] : null;
  }

  /// The number of the command that was taken last.
  public int index() {
    return next - 1;
  }

  /// The place in the buffer behind the command that was taken last.
  public int position() {
    return ends[next - 1];
  }

  /// Forgets those not taken.
  public void clear() {
    count = next = 0;
  }

  boolean hasRoom() {
    return count < MOST;
  }

  Args vacant() {
    return args[count];
  }

  void filled(int end) {
    ends[count++] = end;
  }
}
