package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// What other threads want a loop to do: first in, first out, any number of posters, one reader.
///
/// A linked queue after Dmitry Vyukov's MPSC design. A poster swings `tail` to its letter (the one
/// atomic step, which fixes the order and is a full fence) and then links the letter behind its
/// predecessor. Between the two steps the reader may find the chain interrupted: it stops there,
/// and [#isEmpty] still says no, so that a loop never goes to sleep over a letter half posted.
///
/// Posting happens under slot locks, so it never waits: one allocation, one exchange, one store.
final class Mailbox {
  private static final class Letter {
    /// Cleared by the reader, so that a letter kept alive as `head` doesn't keep its message alive.
    @Nullable Runnable message;

    /// Written once by the poster of the next letter, read by the loop.
    volatile @Nullable Letter next;

    Letter(@Nullable Runnable message) {
      this.message = message;
    }
  }

  /// The letter read last (at first an empty one). Owned by the loop.
  private Letter head;

  /// The letter posted last. Any thread.
  private final AtomicReference<Letter> tail;

  Mailbox() {
    head = new Letter(null);
    tail = new AtomicReference<>(head);
  }

  /// Any thread. What happened before a post is visible to the message.
  void post(Runnable message) {
    assert JavaHeap.point();
    var letter = new Letter(message);
    tail.getAndSet(letter).next = letter;
  }

  /// Loop only. False from the moment of a post until its letter has been taken.
  boolean isEmpty() {
    return tail.get() == head;
  }

  /// Loop only. The letter posted last, up to which [#take] may go: whoever posts while he reads
  /// his mail reads that next time.
  @SuppressWarnings("NullAway") // never null: it is born with a letter
  Object mark() {
    return tail.get();
  }

  /// Loop only. The next message up to and including `mark`, or null.
  @Nullable Runnable take(Object mark) {
    if (head == mark) {
      return null;
    }
    var next = head.next;
    if (next == null) {
      return null;
    }
    head = next;
    var message = next.message;
    next.message = null;
    return message;
  }
}
