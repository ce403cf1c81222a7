package dev.spinel.engine;

import dev.spinel.wire.Chunks;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RequestReader;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/// Applies a stream of commands that a program wrote down, in order: an append-only file. Its
/// session is trusted ([Engine#openTrusted]): no gate and no limit holds it up, and a command that
/// fails is told to the owner. Replies go nowhere.
///
/// ```java
/// applier.begin();
/// try { applier.apply(bytes, 0, n); } finally { applier.end(); }   // again and again
/// ```
///
/// Belongs to the thread that calls.
public final class Applier implements RequestPump.Source, Outlet, AutoCloseable {
  private final Dispatcher dispatcher;
  private final RequestPump pump;
  private final RequestReader reader;
  private final Session session;
  private final Output output = new Output(new OutputPool(Chunks.heap()));
  private final ConcurrentLinkedQueue<Runnable> mailbox = new ConcurrentLinkedQueue<>();
  private final Inbox inbox = new Inbox(this::post, () -> {});
  private long before; // of the stream, what comes before index 0 of the buffer at hand
  private long appliedBytes; // up to the end of the last command that isn't in an open MULTI
  private boolean broken;
  private boolean closing;

  public Applier(Engine engine, Session.Owner owner) {
    this.dispatcher = engine.dispatcher();
    this.pump = new RequestPump(dispatcher);
    this.reader = new RequestReader(RequestReader.Limits.none(), pump.large).recordsOnly();
    this.session = engine.openTrusted(this, owner);
    session.authenticated = true;
    session.replies = Session.Replies.OFF;
  }

  /// Takes the seat.
  public void begin() {
    dispatcher.turnBegins();
  }

  /// Leaves it.
  public void end() {
    dispatcher.turnEnds();
  }

  /// Applies what is complete in these bytes, and keeps the rest. Returns whether more may follow:
  /// not if they are no commands ([#error]) or one of them closed the session.
  public boolean apply(byte[] buffer, int from, int to) {
    for (Runnable message; (message = mailbox.poll()) != null; ) {
      message.run();
    }
    before -= from;
    pump.run(this, buffer, from, to);
    before += to;
    dispatcher.seat().breathe();
    return !broken && !closing && !session.closing;
  }

  /// The bytes up to the end of the last command that was applied. What stands in an open MULTI
  /// isn't.
  public long appliedBytes() {
    return appliedBytes;
  }

  /// Whether a MULTI waits for its EXEC.
  public boolean isInTransaction() {
    return session.multi;
  }

  /// Whether a command has begun and isn't complete.
  public boolean isInCommand() {
    return reader.hasPending();
  }

  /// Why the bytes are no commands, or null.
  public @Nullable String error() {
    return broken ? reader.error() : null;
  }

  /// Forgets an open MULTI and half a command.
  public void forget() {
    dispatcher.end(session);
    reader.close();
  }

  @Override
  public void close() {
    dispatcher.turnBegins();
    try {
      dispatcher.closed(session);
      reader.close();
      output.close();
    } finally {
      dispatcher.turnEnds();
      dispatcher.close();
    }
  }

  // ── the source of the pump ──

  @Override
  public Session session() {
    return session;
  }

  @Override
  public RequestReader reader() {
    return reader;
  }

  @Override
  public void found(int status) {}

  @Override
  public boolean waitsForHeap(byte[] buffer, int at, int to) {
    return false;
  }

  @Override
  public boolean ran(int outcome, byte[] buffer, int at, int to) {
    if (!session.multi) {
      appliedBytes = before + at;
    }
    output.consume(output.pendingBytes());
    return !closing && !session.closing;
  }

  @Override
  public void broken(int status) {
    broken = true;
  }

  // ── the outlet ──

  @Override
  public Output output() {
    return output;
  }

  @Override
  public void post(Runnable message) {
    mailbox.add(message);
  }

  @Override
  public Inbox inbox() {
    return inbox;
  }

  @Override
  public void flush() {}

  @Override
  public void resume() {}

  @Override
  public Runnable after(long delayMillis, Runnable action) {
    return () -> {};
  }

  @Override
  public void closeAfterReply() {
    closing = true;
  }

  @Override
  public void kill() {
    closing = true;
  }

  @Override
  public LargeSink large() {
    return pump.large;
  }

  @Override
  public String address() {
    return "";
  }

  @Override
  public String localAddress() {
    return "";
  }
}
