package dev.spinel.engine;

import java.util.ArrayList;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// Messages on their way to the sessions of one thread, in the order in which they were sent.
///
/// A message to five hundred sessions is *one* letter in the inbox of each thread that has some of
/// them, not five hundred letters. The sender's cost depends on the number of threads; each thread
/// writes the letter to the outputs of its own sessions.
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
/// A session may be about to write a reply that must stand behind the messages sent to it. Then
/// these are written out of turn ([#deliver]). Letters are numbered as they arrive, and a session
/// knows the number of the last one that it has received.
///
/// Any thread sends; all else belongs to the inbox's thread.
public final class Inbox {
  /// Writes a message to the output of one receiver, on the receiver's thread.
  @FunctionalInterface
  public interface Message {
    /// @param position of the journal that it is bound to, 0 if to none
    void write(Session to, byte[] text, long position);
  }

  private static final int RUN_LETTERS = 64;
  private static final int RUN_BYTES = 64 * 1024;
  private static final int KEPT_LETTERS = 4096; // that are written

  private static final class Letter {
    final Session[] to;
    final byte[] text;
    final Message message;
    final long position;
    final Pressure pressure;
    long number; // inbox's thread, once it has arrived

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

  /// The thread has been notified that there are some.
  private final AtomicBoolean called = new AtomicBoolean();

  // inbox's thread
  private final ArrayList<Letter> arrived = new ArrayList<>(); // taken from `letters`, in order
  private int next; // of those: the first that isn't written to all
  private long numbered; // the number of the last that arrived
  private final ArrayList<Letter> run = new ArrayList<>(); // those that are being written
  private @Nullable Throwable failure; // the first of those being written

  /// @param thread runs what it is given on the inbox's thread, soon
  /// @param written is called each time that something was added to a session's output, so that
  ///   some may be sent
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
    while (collect()) {
      Letter first = arrived.get(next);
      gather(first);
      try {
        for (Session session : first.to) {
          for (int i = 0; i < run.size(); i++) {
            write(run.get(i), session);
          }
          sent();
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

  /// Takes in what was sent. Returns whether there is anything to write.
  private boolean collect() {
    if (next == arrived.size() || next > KEPT_LETTERS) {
      arrived.subList(0, next).clear();
      next = 0;
    }
    for (Letter letter; (letter = letters.poll()) != null; ) {
      letter.number = ++numbered;
      arrived.add(letter);
    }
    return next < arrived.size();
  }

  /// A run: a letter, and those behind it to the very same sessions, while they aren't large.
  private void gather(Letter first) {
    long bytes = 0;
    for (; next < arrived.size() && run.size() < RUN_LETTERS; next++) {
      Letter letter = arrived.get(next);
      bytes += letter.text.length;
      if (letter.to != first.to || (bytes > RUN_BYTES && letter != first)) {
        return;
      }
      run.add(letter);
    }
  }

  /// Whether there are no letters to anybody.
  boolean isEmpty() {
    return letters.isEmpty() && next == arrived.size();
  }

  /// Writes all that was sent to the session before now. It looks only at letters that have come
  /// since the last time, so a session may do this after each of its commands.
  void deliver(Session session) {
    assert run.isEmpty() : "no command runs while letters are written";
    collect();
    long unread = Math.min(arrived.size() - next, numbered - session.lastLetter);
    for (int i = arrived.size() - (int) unread; i < arrived.size(); i++) {
      Letter letter = arrived.get(i);
      if (letter.isTo(session)) {
        write(letter, session);
      }
    }
    session.lastLetter = numbered;
    fail();
  }

  private void sent() {
    try {
      written.run();
    } catch (RuntimeException | Error e) {
      failure = failure == null ? e : failure;
    }
  }

  /// What fails here concerns this session, this message: the others aren't lost for that.
  private void write(Letter letter, Session session) {
    if (letter.number <= session.lastLetter) {
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
