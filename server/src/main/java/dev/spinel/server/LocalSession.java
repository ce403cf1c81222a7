package dev.spinel.server;

import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Inbox;
import dev.spinel.engine.Outlet;
import dev.spinel.engine.RequestPump;
import dev.spinel.engine.Session;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.RespWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A session of a caller in the same JVM: RESP bytes in, RESP bytes out, no socket, no loop. The
/// caller's thread takes the session's own seat for each run; several threads may use it one after
/// the other, never at once.
///
/// What other sessions send it (messages, served replies) is taken from its mailbox at the
/// beginning and the end of each run.
public final class LocalSession implements Outlet, AutoCloseable {
  /// A hundred years: as nanoseconds that is still a long.
  private static final long FOREVER_MILLIS = 3_155_760_000_000L;

  private static final int PIECE_BYTES = 64 * 1024;

  private record Alarm(long atNanos, Runnable action) {}

  private final Server server;
  private final Dispatcher dispatcher;
  private final Session session;
  private final Output output = new Output(new OutputPool(Chunks.heap()));
  private final RequestReader reader;
  private final RequestPump pump;
  private final Requests source = new Requests();
  private final ConcurrentLinkedQueue<Runnable> mailbox = new ConcurrentLinkedQueue<>();
  private final Inbox inbox = new Inbox(this::post, () -> {});
  private final ArrayList<Alarm> alarms = new ArrayList<>();
  private volatile @Nullable Thread waiting;
  private final Runnable released = () -> LockSupport.unpark(waiting);
  private boolean resumed;
  private volatile boolean closed;
  private boolean ended; // it was told to close, or its input is malformed

  /// A session like that of a client on this machine. Logged in if the server has no password.
  public LocalSession(Server server) {
    this.server = server;
    this.dispatcher = server.engine.dispatcher();
    this.pump = new RequestPump(dispatcher);
    this.reader = new RequestReader(server.engine.requests, pump.large);
    this.session = server.engine.open(this);
    server.engine.journal.onRelease(released);
    server.admission.logIn(session);
  }

  /// A session whose commands are applied as they are: see [dev.spinel.engine.Engine#openTrusted].
  LocalSession(Server server, Session.Owner owner) {
    this.server = server;
    this.dispatcher = server.engine.dispatcher();
    this.pump = new RequestPump(dispatcher);
    this.reader = new RequestReader(RequestReader.RequestLimits.none(), pump.large);
    this.session = server.engine.openTrusted(this, owner);
    server.engine.journal.onRelease(released);
    session.authenticated = true;
  }

  Server server() {
    return server;
  }

  public Session session() {
    return session;
  }

  public Dispatcher dispatcher() {
    return dispatcher;
  }

  /// Whether the server has ended this session.
  public boolean ended() {
    return ended;
  }

  /// Runs the requests in `bytes` (also a part of one) and returns what there is to say so far,
  /// perhaps nothing.
  public byte[] run(byte[] bytes) {
    if (!dispatcher.turnBeginsUnlessBusy()) {
      inputMeanwhile(bytes);
      return take();
    }
    try {
      drain();
      input(bytes);
      drain();
      dispatcher.aboutToSend();
    } finally {
      dispatcher.turnEnds();
    }
    return take();
  }

  /// Runs one command, its words given as text (one byte a character). (No words: only what was
  /// sent meanwhile.)
  public byte[] run(String... words) {
    if (words.length == 0) {
      return run(new byte[0]);
    }
    return run(request(words));
  }

  /// Waits until something was sent to the session, at most so long, and returns it; empty if
  /// nothing was.
  public byte[] await(long millis) {
    long deadline = System.nanoTime() + millis * 1_000_000;
    waiting = Thread.currentThread();
    while (true) {
      byte[] got = run(new byte[0]);
      long left = deadline - System.nanoTime();
      if (got.length > 0 || left <= 0 || ended) {
        waiting = null;
        return got;
      }
      LockSupport.parkNanos(Math.min(left, untilAlarm()));
    }
  }

  /// `words` as a RESP request.
  public static byte[] request(String... words) {
    StringBuilder text = new StringBuilder();
    text.append('*').append(words.length).append("\r\n");
    for (String word : words) {
      text.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return Server.ascii(text.toString());
  }

  /// Runs the requests in these bytes, in pieces as a connection gets them. Whatever fails ends the
  /// session, for half a request may have been read.
  private void input(byte[] bytes) {
    if (ended) {
      return;
    }
    boolean ran = false;
    try {
      int at = 0;
      do {
        if (session.isParked()) {
          source.keep(bytes, at, bytes.length);
          at = bytes.length;
        } else {
          int end = Math.min(bytes.length, at + PIECE_BYTES);
          pump.run(source, bytes, at, end);
          at = end;
        }
      } while (at < bytes.length && !ended && !output.isTorn());
      ran = true;
    } finally {
      ended |= !ran;
    }
  }

  /// Requests of a caller that takes all replies at once, and waits for nothing but its own calls.
  private final class Requests implements RequestPump.Source {
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
      if (outcome == Dispatcher.PARKED) {
        keep(buffer, at, to);
        return false;
      }
      ended |= outcome == Dispatcher.CLOSING;
      return !ended;
    }

    @Override
    public void broken(int status) {
      if (status == RequestReader.ERROR && session.repliesNow()) {
        new RespWriter(output, session.protocol).error("ERR " + reader.error());
      } else if (status == RequestReader.SHORT) {
        dispatcher.refused(session);
      }
      ended = true;
    }
  }

  /// A script has the world for itself, for long: who calls is told so, as far as that is possible.
  private void inputMeanwhile(byte[] bytes) {
    if (ended || session.isParked() || reader.sunkBytes() > 0) {
      dispatcher.turnBegins();
      try {
        input(bytes);
      } finally {
        dispatcher.turnEnds();
      }
      return;
    }
    pump.meanwhile().run(source, bytes, 0, bytes.length);
  }

  private void drain() {
    while (true) {
      long now = server.engine.clock.nanos();
      for (int i = 0; i < alarms.size(); i++) {
        if (alarms.get(i).atNanos <= now) {
          alarms.remove(i--).action.run();
        }
      }
      Runnable message = mailbox.poll();
      if (message != null) {
        message.run();
      } else if (resumed) {
        resumed = false;
        input(new byte[0]);
      } else {
        return;
      }
    }
  }

  private long untilAlarm() {
    long until = 50_000_000;
    long now = server.engine.clock.nanos();
    for (Alarm alarm : alarms) {
      until = Math.min(until, Math.max(1, alarm.atNanos - now));
    }
    return until;
  }

  private byte[] take() {
    if (output.isTorn()) {
      ended = true;
      output.close();
    }
    long released = server.engine.journal.released();
    byte[] bytes = new byte[Math.toIntExact(output.releasedBytes(released))];
    output.drainTo(ByteBuffer.wrap(bytes), released);
    return bytes;
  }

  @Override
  public void close() {
    if (!closed) {
      ended = true;
      server.engine.journal.removeReleaseListener(released);
      dispatcher.turnBegins();
      dispatcher.closed(session);
      closed = true; // from now on the senders discard late messages
      discardMail();
      reader.close();
      output.close();
      dispatcher.turnEnds();
      dispatcher.close();
    }
  }

  /// Runs messages that come too late: they find the session closed, and only count as delivered.
  private void discardMail() {
    synchronized (mailbox) { // one at a time, as on a thread
      for (Runnable late; (late = mailbox.poll()) != null; ) {
        late.run();
      }
    }
  }

  // ── Outlet ──

  @Override
  public Output output() {
    return output;
  }

  @Override
  public void post(Runnable message) {
    mailbox.add(message);
    if (closed) {
      discardMail();
    }
    LockSupport.unpark(waiting);
  }

  @Override
  public Inbox inbox() {
    return inbox;
  }

  @Override
  public void flush() {}

  @Override
  public void resume() {
    resumed = true;
  }

  @Override
  public Runnable after(long delayMillis, Runnable action) {
    long delayNanos = Math.min(delayMillis, FOREVER_MILLIS) * 1_000_000;
    Alarm alarm = new Alarm(server.engine.clock.nanos() + delayNanos, action);
    alarms.add(alarm);
    return () -> alarms.remove(alarm);
  }

  @Override
  public void closeAfterReply() {
    ended = true;
  }

  @Override
  public void kill() {
    ended = true;
    output.tear();
  }

  @Override
  public LargeSink large() {
    return pump.large;
  }

  @Override
  public String address() {
    return "127.0.0.1:0";
  }

  @Override
  public String localAddress() {
    return "127.0.0.1:" + server.port();
  }
}
