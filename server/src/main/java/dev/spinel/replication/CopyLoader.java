package dev.spinel.replication;

import dev.spinel.config.IoReason;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.persist.Disk;
import dev.spinel.persist.Replacement;
import dev.spinel.wire.Threads;
import java.io.IOException;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// Receives the primary's data and loads it, on a thread of its own: it waits for the disk.
///
/// The machine's actions come as tasks, in order. A load that comes before the payload's end loads
/// the pieces as they come: then it takes them from the queue itself.
final class CopyLoader implements AutoCloseable {
  /// Hears what comes of it. This thread.
  interface Owner {
    /// All is loaded. In a stopped world.
    ///
    /// @param database that the stream behind it means at first
    void loaded(int database, Dispatcher by);

    /// @param keptData whether the data that there was still is
    void loadFailed(String text, String why, boolean keptData);

    /// The world stands still, as was asked.
    void worldStopped(Dispatcher by);

    /// What comes can't be kept.
    void payloadFailed(String text);

    /// The queue is full, or has room again.
    void full(boolean on);

    void warn(String text);
  }

  private static final long QUEUE_MOST = 8 << 20;
  private static final long QUEUE_LEAST = 2 << 20;

  private sealed interface Task {}

  private record Begin(long bytes) implements Task {}

  @SuppressWarnings("ArrayRecordComponent")
  private record Piece(byte[] bytes, int from, int to) implements Task {}

  private record End() implements Task {}

  private record Drop() implements Task {}

  private record Mark(boolean complete) implements Task {}

  private record Noted(Runnable then) implements Task {}

  private record Load(ReplicationAction.Way way) implements Task {}

  private record Stop() implements Task {}

  private final Engine engine;
  private final Replacement replacement;
  private final Owner owner;
  private final ArrayDeque<Task> queue = new ArrayDeque<>(); // monitor
  private long queuedBytes; // monitor
  private boolean isFull; // monitor
  private volatile int
      drops; // payloads given up that the thread hasn't come to; written under the monitor
  private volatile boolean closing; // written under the monitor
  private @Nullable Thread thread; // monitor

  // The thread.
  private Replacement.@Nullable Received file;
  private long payloadBytes; // that come, or -1
  private boolean hasEnded;
  private boolean wasDropped; // while it was loaded
  private @Nullable IOException unmarked; // why it isn't noted that data may go
  private @Nullable IOException unwritten; // why there is no file

  CopyLoader(Engine engine, Replacement replacement, Owner owner) {
    this.engine = engine;
    this.replacement = replacement;
    this.owner = owner;
  }

  // ── the machine's actions, under its lock ──

  void begin(long bytes) {
    add(new Begin(bytes));
  }

  void piece(byte[] bytes, int from, int to) {
    add(new Piece(bytes, from, to));
  }

  void end() {
    add(new End());
  }

  synchronized void drop() {
    drops++;
    add(new Drop());
  }

  void mark(boolean complete) {
    add(new Mark(complete));
  }

  /// Runs once what was [marked][#mark] as incomplete so far is noted on the disk; never, if that
  /// fails. Any thread tells, this one's runs it.
  void onceNoted(Runnable then) {
    add(new Noted(then));
  }

  void load(ReplicationAction.Way way) {
    add(new Load(way));
  }

  void stopWorld() {
    add(new Stop());
  }

  /// What was loaded beside the data takes its place. In the stopped world in which that was told.
  void swap(Dispatcher stopped) {
    replacement.swap(stopped);
  }

  private synchronized void add(Task task) {
    queue.add(task);
    if (task instanceof Piece piece) {
      queuedBytes += piece.to - piece.from;
      if (!isFull && queuedBytes > QUEUE_MOST) {
        isFull = true;
        owner.full(true);
      }
    }
    if (thread == null && !closing) {
      Thread starting = new Thread(this::run, "spinel-copy");
      starting.setDaemon(true);
      starting.start();
      thread = starting;
    }
    notifyAll();
  }

  // ── the thread ──

  /// The next task; null if the thread is to end.
  private synchronized @Nullable Task next() {
    while (queue.isEmpty() && !closing) {
      try {
        wait();
      } catch (InterruptedException e) {
        closing = true;
      }
    }
    if (closing) {
      return null;
    }
    Task task = queue.remove();
    if (task instanceof Piece piece) {
      queuedBytes -= piece.to - piece.from;
      if (isFull && queuedBytes < QUEUE_LEAST) {
        isFull = false;
        owner.full(false);
      }
    } else if (task instanceof Drop) {
      drops--;
    }
    return task;
  }

  private void run() {
    try (Dispatcher dispatcher = engine.dispatcher()) {
      for (Task task; (task = next()) != null; ) {
        try {
          perform(task, dispatcher);
        } catch (RuntimeException | Error bug) { // else the link would wait for ever
          StackTraceElement[] frames = bug.getStackTrace();
          owner.warn("A bug: " + bug + (frames.length > 0 ? " at " + frames[0] : ""));
          owner.loadFailed(
              "Failed trying to load the MASTER synchronization DB, check server logs.",
              "the primary's data can't be loaded: " + bug,
              false);
        }
      }
    } finally {
      discard();
    }
  }

  private void perform(Task task, Dispatcher dispatcher) {
    switch (task) {
      case Begin begin -> {
        discard();
        payloadBytes = begin.bytes;
        hasEnded = false;
        unwritten = null;
      }
      case Piece piece -> write(piece);
      case End _ -> hasEnded = true;
      case Drop _ -> discard();
      case Mark mark -> note(mark.complete);
      case Noted noted -> {
        if (unmarked == null) {
          noted.then.run();
        }
      }
      case Load load -> load(dispatcher, load.way);
      case Stop _ -> replacement.stopped(dispatcher, () -> owner.worldStopped(dispatcher));
    }
  }

  private void write(Piece piece) {
    if (unwritten != null) {
      return; // that was told
    }
    try {
      if (file == null) {
        file = replacement.receive();
      }
      file.write(piece.bytes, piece.from, piece.to - piece.from);
    } catch (IOException e) {
      unwritten = e;
      discard();
      if (drops == 0) {
        owner.payloadFailed(
            "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA"
                + " synchronization: "
                + IoReason.of(e));
      }
    }
  }

  private void discard() {
    Replacement.Received old = file;
    file = null;
    if (old != null) {
      old.discard();
    }
  }

  private void note(boolean complete) {
    try {
      if (complete) {
        replacement.markComplete(this::cantNote);
      } else {
        replacement.markIncomplete();
      }
      unmarked = null;
    } catch (IOException e) {
      unmarked = e;
      cantNote(e);
    }
  }

  private void cantNote(IOException why) {
    owner.warn(
        "Can't note on the disk whether this replica's data is complete: " + IoReason.of(why));
  }

  private boolean isGivenUp() {
    return drops > 0 || wasDropped || closing;
  }

  private void load(Dispatcher dispatcher, ReplicationAction.Way way) {
    wasDropped = false;
    if (isGivenUp()) {
      return;
    }
    Replacement.Loaded loaded =
        by -> {
          if (!isGivenUp()) {
            owner.loaded(replacement.streamDatabase(), by);
          }
        };
    String failure;
    String from;
    boolean kept = true;
    if (way == ReplicationAction.Way.INSTEAD && unmarked != null) {
      // A server that starts from what such a load leaves would take it for a whole copy.
      from = hasEnded ? "disk" : "socket";
      failure = "it can't be noted that the data isn't complete: " + IoReason.of(unmarked);
      discard();
    } else if (way != ReplicationAction.Way.INSTEAD) {
      from = "socket";
      failure =
          replacement.loadBeside(
              dispatcher,
              new Incoming(),
              Math.max(0, payloadBytes),
              "the primary's data",
              way == ReplicationAction.Way.BESIDE
                  ? Replacement.Clients.SERVED
                  : Replacement.Clients.REFUSED,
              this::isGivenUp,
              loaded);
    } else if (hasEnded) {
      from = "disk";
      Replacement.Received received = file;
      if (received == null) {
        failure = unwritten == null ? "nothing has come" : IoReason.of(unwritten);
      } else {
        failure = finish(received);
        if (failure != null) {
          owner.warn("Can't keep the data of the primary: " + failure);
        } else {
          failure = replacement.load(dispatcher, received, this::isGivenUp, loaded);
          kept = !replacement.hasDiscarded();
        }
      }
      discard();
    } else {
      from = "socket";
      failure =
          replacement.load(
              dispatcher,
              new Incoming(),
              Math.max(0, payloadBytes),
              "the primary's data",
              this::isGivenUp,
              loaded);
      kept = !replacement.hasDiscarded();
    }
    if (failure != null && !isGivenUp()) {
      owner.loadFailed(
          "Failed trying to load the MASTER synchronization DB from "
              + from
              + ", check server logs.",
          "the primary's data can't be loaded: " + failure,
          kept);
    }
  }

  private static @Nullable String finish(Replacement.Received received) {
    try {
      received.finish();
      return null;
    } catch (IOException e) {
      return IoReason.of(e);
    }
  }

  /// The payload as it comes.
  private final class Incoming implements Disk.Input {
    private byte[] bytes = {};
    private int at;
    private int end;
    private boolean isOver;

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      while (at == end && !isOver) {
        Task task = next();
        switch (task) {
          case null -> throw new IOException("the server is being closed");
          case Piece piece -> {
            bytes = piece.bytes;
            at = piece.from;
            end = piece.to;
          }
          case End _ -> {
            isOver = true;
            hasEnded = true;
          }
          default -> {
            wasDropped = true;
            throw new IOException("the link was lost");
          }
        }
      }
      if (at == end) {
        return -1;
      }
      int n = Math.min(length, end - at);
      System.arraycopy(bytes, at, into, from, n);
      at += n;
      return n;
    }

    @Override
    public long size() {
      return payloadBytes >= 0 ? payloadBytes : Long.MAX_VALUE;
    }

    @Override
    public void close() {}
  }

  /// Ends the thread, and waits for that.
  @Override
  public void close() {
    Thread running;
    synchronized (this) {
      closing = true;
      running = thread;
      notifyAll();
    }
    if (running != null) {
      Threads.awaitEnd(running);
    }
  }
}
