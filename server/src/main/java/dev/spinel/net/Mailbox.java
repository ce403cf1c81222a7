package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// What other threads want a loop to do: first in, first out, any number of posters, one reader.
///
/// A linked queue after Dmitry Vyukov's MPSC design. A poster swings `tail` to its own [Posted]
/// (the one atomic step, which fixes the order and is a full fence) and then links it behind its
/// predecessor. Between the two steps the reader may find the chain interrupted: it stops there,
/// and [#isEmpty] still says no, so that a loop never goes to sleep over a message half posted.
///
/// Posting happens under slot locks, so it never waits: one allocation, one exchange, one store.
final class Mailbox {
  private static final class Posted {
    /// Cleared by the reader, so that `head` doesn't keep a message alive that has run.
    @Nullable Runnable message;

    /// Written once, by the poster of the next message; read by the loop.
    volatile @Nullable Posted next;

    Posted(@Nullable Runnable message) {
      this.message = message;
    }
  }

  /// The one read last (at first an empty one). Owned by the loop.
  private Posted head;

  /// The one posted last. Any thread.
  private final AtomicReference<Posted> tail;

  Mailbox() {
    head = new Posted(null);
    tail = new AtomicReference<>(head);
  }

  /// Any thread. What happened before a post is visible to the message.
  void post(Runnable message) {
    assert JavaHeap.point();
    var posted = new Posted(message);
    tail.getAndSet(posted).next = posted;
  }

  /// Loop only. False from the moment of a post until its letter has been taken.
  boolean isEmpty() {
    return tail.get() == head;
  }

  /// Loop only. The one posted last, up to which [#take] may go: whoever posts while he reads his
  /// mail reads that next time.
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
