package dev.spinel.server;

import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Inbox;
import dev.spinel.engine.Outlet;
import dev.spinel.engine.RequestPump;
import dev.spinel.engine.Session;
import dev.spinel.eviction.Incoming;
import dev.spinel.net.Connection;
import dev.spinel.net.Handler;
import dev.spinel.net.Loop;
import dev.spinel.net.Timer;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.RespWriter;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// A client: its connection, its session, and the reader between them. All but [#post] belongs to
/// the loop's thread.
final class ClientConnection implements Handler, Outlet, RequestPump.Source {
  private final LoopSide side;
  final Connection connection;
  final Session session;
  private final RequestReader reader;
  private static final int KEPT_FREE = 16 * 1024;
  private static final long KEPT_TWICE = 2; // its array grows by doubling

  /// What it takes, as last reported to [ClientEviction], which owns this.
  final AtomicLong reportedBytes = new AtomicLong();

  private long softLimitSinceMillis;
  private long keptHeapBytes; // of what the connection keeps
  private @Nullable Incoming incoming; // once a command has needed it
  private static final long SHORT_MILLIS = 1000; // so long a command may wait for room on the heap
  private static final long RETRY_MILLIS = 10;

  private long shortSinceMillis; // the command that is being read waits for heap; 0: it doesn't
  private boolean waitsForHeap; // and is looked at again after a while
  private long mostPendingBytes; // of output, from which on the rest waits for the next turn
  private @Nullable Runnable drained; // run after output has left
  private boolean tellsDrained;
  private boolean awaitsDrained;
  private boolean isMeanwhile; // see runMeanwhile
  private @Nullable Diversion diversion; // who gets what comes; null: it is run
  private final ConcurrentLinkedQueue<byte[]> aside = new ConcurrentLinkedQueue<>(); // to be sent
  private boolean publishes; // and its receivers hadn't taken enough when it last ran
  private static final int MANY_WORDS = 1024; // a call of more is long
  private static final long LONG_NANOS = 1_000_000; // a run of more was long
  private static final long LONGEST_NANOS = 5_000_000; // then the rest waits for the next turn
  private static final int REMEMBERED_RUNS = 16;
  private int heavyRuns; // so many are going to count as long, as one was

  ClientConnection(LoopSide side, Connection connection) {
    this.side = side;
    this.connection = connection;
    this.reader = new RequestReader(side.server.engine.requests, side.large);
    this.session = side.server.engine.open(this);
  }

  /// Runs the requests in these bytes. Whatever fails between reading and running them ends the
  /// connection, for half a request may have been read: nothing more of it is run.
  @Override
  public void run(byte[] buffer, int from, int to) {
    mostPendingBytes = connection.output().pendingBytes() + Loop.REPLY_BYTES_PER_TURN;
    if (keptHeapBytes > 0) {
      session.release(keptHeapBytes);
      keptHeapBytes = 0;
    }
    if (publishes && side.server.engine.pressure.isHigh()) { // until its receivers have taken some
      keep(buffer, from, to);
      connection.runAgain();
      return;
    }
    publishes = false;
    if (diversion != null) {
      diversion.received(buffer, from, to);
      return;
    }
    boundOutput();
    side.pump.dispatcher.spentNothing();
    try {
      side.pump.run(this, buffer, from, to);
      boolean wasLong = side.pump.dispatcher.spentNanos() > LONG_NANOS;
      heavyRuns = wasLong ? REMEMBERED_RUNS : Math.max(0, heavyRuns - 1);
      side.server.clientEviction.report(this);
    } catch (OutOfMemoryError e) {
      refuseAndClose(e);
    }
  }

  /// A client whose commands take long, or that is sending a long one.
  @Override
  public boolean isHeavy() {
    return heavyRuns > 0 || reader.words() > MANY_WORDS;
  }

  // ── while a script holds the loop up ──

  @Override
  public boolean mayRunMeanwhile() {
    return diversion != null
        || reader.sunkBytes() == 0 && keptHeapBytes == 0 && !publishes && !session.isParked();
  }

  @Override
  public void runMeanwhile(byte[] buffer, int from, int to) {
    if (diversion != null) {
      diversion.received(buffer, from, to);
      return;
    }
    mostPendingBytes = connection.output().pendingBytes() + Loop.REPLY_BYTES_PER_TURN;
    boundOutput();
    isMeanwhile = true;
    try {
      side.pumpMeanwhile.run(this, buffer, from, to);
    } finally {
      isMeanwhile = false;
    }
  }

  @Override
  public void endsMeanwhile() {
    if (diversion != null) {
      diversion.ended();
    }
  }

  // ── a client that talks to a debugger ──

  @Override
  public boolean divert(Diversion to) {
    if (isMeanwhile) {
      return false;
    }
    diversion = to;
    side.diverted.add(this);
    return true;
  }

  @Override
  public void sendAside(byte[] bytes) {
    aside.add(bytes);
    post(this::takeAside);
  }

  /// Writes what is to be sent to the output.
  void takeAside() {
    for (byte[] bytes; (bytes = aside.poll()) != null; ) {
      if (connection.isOpen()) {
        connection.output().write(bytes);
        connection.flush();
      }
    }
  }

  private RequestPump pump() {
    return isMeanwhile ? side.pumpMeanwhile : side.pump;
  }

  // ── RequestPump.Source ──

  @Override
  public Session session() {
    return session;
  }

  @Override
  public RequestReader reader() {
    return reader;
  }

  @Override
  public void found(int status) {
    shortSinceMillis = 0;
    if (status != RequestReader.INCOMPLETE) {
      if (incoming != null) {
        incoming.takes(0);
      }
    } else if (reader.sunkBytes() > 0) {
      goOnIfThereIsMemory();
    }
  }

  @Override
  public boolean ran(int outcome, byte[] buffer, int at, int to) {
    if (diversion != null) {
      diversion.received(buffer, at, to);
      return false;
    }
    if (outcome == Dispatcher.RUN_ON) {
      boolean waits =
          !isMeanwhile && side.pump.dispatcher.tookPushes() && side.server.engine.pressure.isHigh();
      publishes |= waits;
      boolean wasLong =
          !isMeanwhile
              && side.pump.dispatcher.spentNanos() > LONGEST_NANOS
              && !side.server.engine.heap.isFull(); // there is room for the rest of the input
      if (!waits && !wasLong && connection.output().pendingBytes() <= mostPendingBytes) {
        return true;
      }
      heavyRuns = wasLong ? REMEMBERED_RUNS : heavyRuns;
      keep(buffer, at, to);
      connection.runAgain();
    } else if (outcome == Dispatcher.PARKED) {
      keep(buffer, at, to);
      if (session.isPutOff()) { // as memory is short: no more bytes may come in
        connection.stopReading();
      } else {
        connection.pauseReading();
      }
    } else if (side.server.hasEnded()) {
      connection.pauseReading(); // it closes with all others, when nobody listens any more
    } else {
      connection.closeAfterReply();
    }
    return false;
  }

  /// A part of the command has gone to the data's memory, and the rest needs more.
  private void goOnIfThereIsMemory() {
    if (incoming == null) {
      incoming = side.server.eviction.incoming();
    }
    if (incoming.takes(reader.sunkBytes())) {
      boolean waits = side.holds() && !incoming.isAhead();
      if (waits || !mayReadOn(side.server.eviction.deadline())) {
        side.hold(this);
      }
    }
  }

  /// Whether there is memory for more of the command that is coming in.
  boolean mayReadOn(long deadlineNanos) {
    return incoming == null || incoming.mayReadOn(side.pump.dispatcher, deadlineNanos);
  }

  // ── when the Java heap is short ──

  /// The command that is being read finds no room on the heap: has it wait for others to finish.
  /// False if it has waited long enough, or there is no room even for what has come.
  @Override
  public boolean waitsForHeap(byte[] buffer, int at, int to) {
    long now = side.loop.now();
    shortSinceMillis = shortSinceMillis == 0 ? now : shortSinceMillis;
    if (now - shortSinceMillis >= SHORT_MILLIS || !session.mayHoldRest(to - at)) {
      return false;
    }
    keptHeapBytes += to - at;
    waitsForHeap = true;
    connection.holdBack(buffer, at, to);
    side.loop.schedule(now + RETRY_MILLIS, this::retry);
    return true;
  }

  private void retry() {
    if (waitsForHeap && connection.isOpen()) {
      waitsForHeap = false;
      connection.resume();
    }
  }

  /// There was no memory, on the heap or elsewhere. The client is told, if nothing of another reply
  /// stands before it.
  private void refuseAndClose(OutOfMemoryError e) {
    if (!side.pump.mayRefuse(connection.output())) {
      throw e;
    }
    connection.closeAfterReply(); // first: whatever fails from here on, nothing more is run
    side.pump.dispatcher.refused(session);
    side.server.incidents.outOfMemory(this, e);
  }

  @Override
  public void broken(int status) {
    if (status == RequestReader.ERROR) {
      String error = Objects.requireNonNull(reader.error());
      if (session.repliesNow()) {
        new RespWriter(connection.output(), session.protocol).error("ERR " + error);
      }
      side.server.incidents.protocolError(this, error);
      connection.closeAfterReply();
    } else if (status == RequestReader.SHORT) {
      pump().refused(session);
      connection.closeAfterReply();
    } else {
      side.server.incidents.queryBufferExceeded(this);
      connection.closeAsap("query buffer limit");
    }
  }

  /// Has replies beyond the hard limit discarded while they are made, before all of them are there.
  private void boundOutput() {
    connection.output().limit(side.server.outputBounds.hardBytes(session));
  }

  /// Now and then, also if nothing is written: time makes it too long for a soft limit.
  void checkOutput() {
    boundOutput();
    long pendingBytes = connection.output().pendingBytes();
    if (pendingBytes > 0 || softLimitSinceMillis != 0) {
      aboutToWrite(pendingBytes);
    }
    side.server.clientEviction.report(this);
  }

  /// Whether `timeout` holds for it: not for one that waits for keys or messages.
  boolean mayBeIdle() {
    return diversion == null
        && !session.isParked()
        && !session.monitors
        && !session.subscribed()
        && !session.isReplica;
  }

  /// Input of a waiting client is read on, so that its end is noticed, and counted: a client for
  /// which there is no room is closed, as one whose command is too long.
  @Override
  public boolean mayKeep(int bytes) {
    long more = KEPT_TWICE * bytes - keptHeapBytes;
    if (bytes < KEPT_FREE || session.mayHold(more)) {
      keptHeapBytes += bytes < KEPT_FREE ? 0 : more;
    } else {
      broken(RequestReader.TOO_MUCH);
    }
    return true;
  }

  /// A wait for keys ends with its client's side, as in Redis. A call that a snapshot put off has
  /// come in time, and one that was served has its reply; so has one that waits for room to be
  /// read.
  @Override
  public boolean goesOn() {
    return waitsForHeap || !side.pump.dispatcher.giveUp(session);
  }

  @Override
  public void aboutToWrite(long pendingBytes) {
    boundOutput(); // which may have become another since the session subscribes
    OutputBounds.Verdict verdict =
        side.server.outputBounds.verdict(
            session, pendingBytes, softLimitSinceMillis, side.loop.now());
    switch (verdict) {
      case WITHIN -> softLimitSinceMillis = 0;
      case SOFT -> {
        if (softLimitSinceMillis == 0) {
          softLimitSinceMillis = side.loop.now();
        }
      }
      case EXCEEDED -> {
        side.server.incidents.outputExceeded(this, pendingBytes);
        connection.closeAsap("output buffer limit");
        return;
      }
    }
    side.server.clientEviction.report(this);
  }

  @Override
  public boolean awaitsWritten() {
    return awaitsDrained;
  }

  @Override
  public void written(long pendingBytes) {
    awaitsDrained = false;
    if (drained != null && !tellsDrained) {
      tellsDrained = true;
      side.loop.post(this::tellDrained);
    }
  }

  private void tellDrained() {
    tellsDrained = false;
    if (drained != null && connection.isOpen()) {
      drained.run();
    }
  }

  @Override
  public void closed() {
    side.connections.remove(this);
    if (diversion != null) {
      side.diverted.remove(this);
      diversion.ended();
    }
    side.server.admission.left();
    try {
      side.server.incidents.closed(this);
    } finally {
      end();
    }
  }

  private void end() {
    try {
      side.pump.dispatcher.closed(session);
    } finally {
      side.server.clientEviction.closed(this);
      reader.close();
      if (incoming != null) {
        incoming.takes(0);
      }
    }
  }

  // ── Outlet ──

  @Override
  public Output output() {
    return connection.output();
  }

  @Override
  public void post(Runnable message) {
    connection.loop().post(message);
  }

  @Override
  public Inbox inbox() {
    return side.inbox;
  }

  /// Other servers, as reached from this client's loop.
  LoopPeers peers() {
    return side.peers;
  }

  @Override
  public void flush() {
    connection.flush();
  }

  @Override
  public void onDrained(@Nullable Runnable listener) {
    drained = listener;
  }

  @Override
  public void awaitDrained() {
    awaitsDrained = true;
  }

  @Override
  public void delaySmall() {
    connection.delaySmall();
  }

  @Override
  public void resume() {
    if (connection.isOpen()) {
      connection.resume();
    }
  }

  @Override
  public Runnable after(long delayMillis, Runnable action) {
    Timer timer = side.loop.schedule(side.loop.now() + delayMillis, action);
    return timer::cancel;
  }

  @Override
  public void closeAfterReply() {
    connection.closeAfterReply();
    connection.flush();
  }

  @Override
  public void kill() {
    if (connection.isOpen()) {
      connection.closeAsap("killed");
    }
  }

  @Override
  public LargeSink large() {
    return side.pump.large;
  }

  @Override
  public String address() {
    return connection.remoteAddress();
  }

  @Override
  public String localAddress() {
    return connection.localAddress();
  }

  @Override
  public long pendingBytes() {
    return connection.output().pendingBytes();
  }

  @Override
  public long inputBytes() {
    return reader.unparsedBytes() + connection.keptBytes();
  }

  /// Large arguments of an incomplete command are in the data's memory. Of the output counts what
  /// is taken beyond the first 32 KB, as Redis has a buffer for each client anyway; and nothing if
  /// it is beyond a hard limit, as the connection is about to close.
  @Override
  public long heldBytes() {
    Output output = connection.output();
    long unsent = output.isTorn() ? 0 : output.chunkBytes();
    return Math.max(inputBytes(), reader.sunkBytes()) + reader.argumentBytes() + unsent;
  }

  @Override
  public long lastInteractionMillis() {
    return connection.lastInteraction();
  }

  @Override
  public boolean isEncrypted() {
    return connection.isEncrypted();
  }

  @Override
  public boolean isUnixSocket() {
    return connection.isUnixSocket();
  }

  /// Where the system's number isn't known, one that is as good to tell connections apart.
  @Override
  public long descriptor() {
    int known = connection.descriptor();
    return known >= 0 ? known : session.id + 7; // about where a server's begin
  }

  @Override
  public long bytesIn() {
    return connection.bytesIn();
  }

  @Override
  public long bytesOut() {
    return connection.bytesOut();
  }
}
