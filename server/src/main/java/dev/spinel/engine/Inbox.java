package dev.spinel.engine;

import java.util.ArrayList;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// Messages on their way to the sessions of one thread, in the order in which they were sent.
///
/// A message to five hundred sessions is *one* letter in the inbox of each thread that has some of
/// them, not five hundred: the sender pays for threads, and each thread writes the letter to the
/// outputs of its own sessions.
///
/// ```
///   PUBLISH ──► letter(m1: s1 … s300) ─┐            read, a run of letters to the same sessions at a time:
///   PUBLISH ──► letter(m2: s1 … s300) ─┼─► queue ──►   s1: m1 m2 · s2: m1 m2 · … · s48: m1 m2 ── send
///   PUBLISH ──► letter(m3: s7)        ─┘               s49: …                              then s7: m3
/// ```
///
/// Session by session, and not letter by letter, so that several messages leave in one write, and
/// so that few outputs hold memory at a time.
///
/// A session may be about to say something that comes after what it was sent: then it hears that
/// out of turn ([#hear]). Letters are numbered as they are first looked at, and a session knows up
/// to which one it has heard.
///
/// Any thread sends; all else belongs to the inbox's thread.
public final class Inbox {
  /// Writes a message to the output of one who receives it, on his thread.
  @FunctionalInterface
  public interface Message {
    /// @param position of the journal that it is bound to, 0 if to none
    void write(Session to, byte[] text, long position);
  }

  private static final int RUN_LETTERS = 64;
  private static final int RUN_BYTES = 64 * 1024;

  private static final class Letter {
    final Session[] to;
    final byte[] text;
    final Message message;
    final long position;
    final Pressure pressure;
    long number; // inbox's thread; 0 = none yet

    Letter(Session[] to, byte[] text, Message message, long position, Pressure pressure) {
      this.to = to;
      this.text = text;
      this.message = message;
      this.position = position;
      this.pressure = pressure;
    }

    boolean isTo(Session session) {
      for (Session one : to) {
        if (one == session) {
          return true;
        }
      }
      return false;
    }
  }

  private final Executor thread;
  private final Runnable written;
  private final ConcurrentLinkedQueue<Letter> letters = new ConcurrentLinkedQueue<>();

  /// The thread has been told that there are some.
  private final AtomicBoolean called = new AtomicBoolean();

  private final ArrayList<Letter> run = new ArrayList<>(); // those that are being written
  private long numbered; // letters that have a number
  private @Nullable Throwable failure; // the first of those being written

  /// @param thread runs what it is given on the inbox's thread, soon
  /// @param written is told each time that a session's output was added to: time to send some
  public Inbox(Executor thread, Runnable written) {
    this.thread = thread;
    this.written = written;
  }

  /// Sends a message to sessions of this thread; the array is never changed. Any thread.
  void send(Session[] to, byte[] text, Message message, long position, Pressure pressure) {
    Letter letter = new Letter(to, text, message, position, pressure);
    letters.add(letter);
    pressure.sent(text.length, to.length);
    if (called.compareAndSet(false, true)) {
      boolean posted = false;
      try {
        thread.execute(this::read);
        posted = true;
      } finally {
        if (!posted) {
          called.set(false); // the next one tries again
        }
      }
    }
  }

  /// Writes all letters that are here.
  private void read() {
    called.set(false); // who sends from now on calls again
    for (Letter first; (first = letters.poll()) != null; ) {
      gather(first);
      try {
        for (Session session : first.to) {
          for (int i = 0; i < run.size(); i++) {
            write(run.get(i), session);
          }
          written.run();
        }
      } finally {
        for (Letter letter : run) {
          letter.pressure.arrived(letter.text.length, letter.to.length);
        }
        run.clear();
      }
    }
    fail();
  }

  /// A run: a letter, and those behind it to the very same sessions, while they aren't large.
  private void gather(Letter first) {
    long bytes = first.text.length;
    number(first);
    run.add(first);
    for (Letter next; (next = letters.peek()) != null; ) {
      bytes += next.text.length;
      if (next.to != first.to || bytes > RUN_BYTES || run.size() == RUN_LETTERS) {
        return;
      }
      letters.remove();
      number(next);
      run.add(next);
    }
  }

  private void number(Letter letter) {
    if (letter.number == 0) {
      letter.number = ++numbered;
    }
  }

  /// Whether there are no letters to anybody.
  boolean isEmpty() {
    return letters.isEmpty();
  }

  /// Has the session hear all that was sent to it before now.
  void hear(Session session) {
    assert run.isEmpty() : "no command runs while letters are written";
    for (Letter letter : letters) {
      number(letter);
      if (letter.number > session.heard && letter.isTo(session)) {
        write(letter, session);
      }
    }
    session.heard = numbered;
    fail();
  }

  /// What fails here concerns this session, this message: the others aren't lost for that.
  private void write(Letter letter, Session session) {
    if (letter.number <= session.heard) {
      return;
    }
    try {
      letter.message.write(session, letter.text, letter.position);
    } catch (RuntimeException | Error e) {
      failure = failure == null ? e : failure;
    }
  }

  private void fail() {
    Throwable first = failure;
    failure = null;
    if (first instanceof Error e) {
      throw e;
    } else if (first != null) {
      throw (RuntimeException) first;
    }
  }
}
