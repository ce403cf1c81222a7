package dev.spinel.engine;

import dev.spinel.wire.Chunks;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RequestReader;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/// Applies a stream of commands that a program wrote down, in order: an append-only file, or what a
/// primary sends. Its session is trusted ([Engine#openTrusted]): no gate and no limit holds it up,
/// and a command that fails is told to the owner. Replies go nowhere.
///
/// ```java
/// applier.begin();
/// try { applier.apply(bytes, 0, n); } finally { applier.end(); }   // again and again
/// ```
///
/// **A primary's stream is relayed** ([#relaying]): when a command ends, its bytes are appended to
/// this server's own stream as they came, before anybody else can see what it changed. So data and
/// offset agree in every stopped world, and a replica of this server gets what its primary sent.
///
/// Beside a snapshot a command may have to wait. Then nothing behind it is applied until it has run
/// ([#waits]); the owner is woken by a message, and has it read ([#receive]).
///
/// Belongs to the thread that calls.
public final class Applier implements RequestPump.Source, Outlet, AutoCloseable {
  private static final byte[] NOTHING = {};
  private static final int PIECE_BYTES = 16 * 1024;

  private final Dispatcher dispatcher;
  private final RequestPump pump;
  private final RequestReader reader;
  private final Session session;
  private final Output output = new Output(new OutputPool(Chunks.heap()));
  private final ConcurrentLinkedQueue<Runnable> mailbox = new ConcurrentLinkedQueue<>();
  private final Inbox inbox = new Inbox(this::post, () -> {});
  private long before; // of the stream, what comes before index 0 of the buffer at hand
  private long commandEnd; // of the command that runs, or ran last
  private long appliedBytes; // up to the end of the last command that isn't in an open MULTI
  private long commands;
  private boolean broken;
  private boolean closing;
  private boolean waits;
  private byte[] unread = NOTHING; // behind the command that waits

  private boolean relays;
  private Runnable onMail = () -> {};
  private String address = "";
  private String localAddress = "";
  private byte[] buffer = NOTHING; // at hand, while commands of it run
  private long relayed; // of the stream
  private @Nullable Output unrelayed; // from there on, but for what is in the buffer
  private byte[] piece = NOTHING;

  public Applier(Engine engine, Session.Owner owner) {
    this.dispatcher = engine.dispatcher();
    this.pump = new RequestPump(dispatcher);
    this.reader = new RequestReader(RequestReader.RequestLimits.none(), pump.large).recordsOnly();
    this.session =
        engine.openTrusted(
            this,
            new Session.Owner() {
              @Override
              public void failed(@Nullable Command command, String error) {
                owner.failed(command, error);
              }

              @Override
              public void ended() {
                passed();
              }
            });
    session.authenticated = true;
    session.replies = Session.Replies.OFF;
  }

  /// What it applies is relayed to this server's replicas. Before the first byte.
  ///
  /// @param database that the stream means at first
  /// @param onMail run when a message has come; any thread
  /// @param remote and `local`: the ends of the link, as CLIENT LIST shows them
  public Applier relaying(int database, Runnable onMail, String remote, String local) {
    relays = true;
    session.isPrimary = true;
    session.database = database;
    this.onMail = onMail;
    address = remote;
    localAddress = local;
    return this;
  }

  /// It is told, by whatever thread, that there is a message.
  public Applier waking(Runnable onMessage) {
    onMail = onMessage;
    return this;
  }

  /// Takes the seat.
  public void begin() {
    dispatcher.turnBegins();
  }

  /// Leaves it.
  public void end() {
    dispatcher.turnEnds();
  }

  public Dispatcher dispatcher() {
    return dispatcher;
  }

  /// The database that the stream means now.
  public int database() {
    return session.database;
  }

  /// Applies what is complete in these bytes, and keeps the rest. Returns whether more may follow:
  /// not if they are no commands ([#error]) or one of them closed the session.
  public boolean apply(byte[] bytes, int from, int to) {
    receive();
    if (waits) {
      int had = unread.length;
      unread = Arrays.copyOf(unread, had + to - from);
      System.arraycopy(bytes, from, unread, had, to - from);
    } else {
      run(bytes, from, to);
    }
    dispatcher.seat().breathe();
    return !isOver();
  }

  private void run(byte[] bytes, int from, int to) {
    before -= from;
    buffer = bytes;
    try {
      pump.run(this, bytes, from, to);
    } finally {
      buffer = NOTHING;
    }
    if (waits) {
      keepUnrelayed(bytes, (int) (commandEnd - before));
      unread = Arrays.copyOfRange(bytes, (int) (commandEnd - before), to);
      before = commandEnd;
    } else {
      keepUnrelayed(bytes, to);
      before += to;
    }
  }

  /// Reads its messages: the command that waited may run now, and what stands behind it.
  public void receive() {
    for (Runnable message; (message = mailbox.poll()) != null; ) {
      message.run();
    }
  }

  /// Whether a command waits, and everything behind it.
  public boolean waits() {
    return waits;
  }

  /// Whether nothing more is applied.
  public boolean isOver() {
    return broken || closing || session.closing;
  }

  /// Nothing more is applied, not even what is at hand. Any thread; in a stopped world it has ended
  /// at once.
  public void stop() {
    session.closing = true;
  }

  /// The bytes up to the end of the last command that was applied. What stands in an open MULTI
  /// isn't.
  public long appliedBytes() {
    return appliedBytes;
  }

  /// How many commands were run, or queued.
  public long commands() {
    return commands;
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
      if (unrelayed != null) {
        unrelayed.close();
      }
    } finally {
      dispatcher.turnEnds();
      dispatcher.close();
    }
  }

  // ── relaying ──

  /// The command that runs has ended.
  private void relay() {
    if (!relays || relayed == commandEnd) {
      return;
    }
    Output kept = unrelayed;
    while (kept != null && !kept.isEmpty()) {
      if (piece.length == 0) {
        piece = new byte[PIECE_BYTES];
      }
      int n = kept.drainTo(ByteBuffer.wrap(piece), Long.MAX_VALUE);
      dispatcher.recorder.relay(piece, 0, n);
      relayed += n;
    }
    int from = (int) (relayed - before);
    int to = (int) (commandEnd - before);
    if (from < to) {
      dispatcher.recorder.relay(buffer, from, to - from);
      relayed = commandEnd;
    }
  }

  /// Keeps what isn't relayed yet of a buffer, up to index `to`.
  private void keepUnrelayed(byte[] bytes, int to) {
    if (!relays) {
      return;
    }
    Output kept = unrelayed;
    int from = (int) (relayed + (kept == null ? 0 : kept.pendingBytes()) - before);
    if (from < to) {
      if (kept == null) {
        unrelayed = kept = new Output(new OutputPool(new HeapChunks(dispatcher.seat())));
      }
      kept.write(bytes, from, to - from);
      if (kept.isTorn()) {
        throw new OutOfMemoryError("a command of the primary");
      }
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
  public boolean waitsForHeap(byte[] bytes, int at, int to) {
    return false;
  }

  @Override
  public void runs(int at) {
    commands++;
    commandEnd = before + at;
  }

  @Override
  public boolean ran(int outcome, byte[] bytes, int at, int to) {
    if (outcome == Dispatcher.PARKED) {
      waits = true;
      return false;
    }
    ended();
    return !isOver();
  }

  private void ended() {
    if (!session.multi && !session.closing) {
      passed(); // it may have failed before it ran
    }
    output.consume(output.pendingBytes());
  }

  private void passed() {
    relay();
    appliedBytes = commandEnd;
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
    onMail.run();
  }

  @Override
  public Inbox inbox() {
    return inbox;
  }

  @Override
  public void flush() {}

  /// The command that waited has run.
  @Override
  public void resume() {
    if (waits) {
      waits = false;
      ended();
      byte[] rest = unread;
      unread = NOTHING;
      if (!isOver()) {
        run(rest, 0, rest.length);
      }
    }
  }

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
    return address;
  }

  @Override
  public String localAddress() {
    return localAddress;
  }
}
