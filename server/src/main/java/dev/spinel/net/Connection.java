package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.Output;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/// One client's socket, or one of ours to another server, on its loop, from accept (or
/// [Loop#connect]) to close. An idle one holds no buffer: bytes stand in the loop's arrays for the
/// length of a turn, and only what can't be handled or sent in that turn is kept, by the handler's
/// reader or by [#output].
///
/// Everything belongs to the loop's thread, except [#kill] and what says otherwise.
///
/// ## Input stops and goes on
///
/// ```
///                 readable: read, run                      runAgain(): next turn run, don't read
///              ┌───────────────────┐                     ┌───────────────────┐
///              │      reading      │ ──────────────────► │     held over     │
///              └───────────────────┘ ◄────────────────── └───────────────────┘
///      pauseReading() │     ▲ resume(): next turn run
///                     ▼     │
///              ┌───────────────────┐
///              │      paused       │  readable: read and keep (at most 1 MB), don't run, to notice when the peer leaves
///              └───────────────────┘
/// ```
///
/// After [#stopReading] a paused connection isn't read at all: the peer's bytes stay in its socket.
///
/// ## Three ways to an end, and the peer's own
///
/// - [#close]: now. Output that hasn't left never leaves.
/// - [#closeAfterReply]: nothing is run any more, what still arrives is thrown away, and when the
///   output has left, bound replies included, it closes.
/// - [#closeAsap]: nothing is run or written any more, closes at the end of the turn. For callers
///   that hold locks or iterate over connections.
/// - Any I/O error closes at once; so does the peer's end of stream, unless replies are still on
///   their way to it (Redis loses those that the socket doesn't take), or are being made
///   ([Handler#goesOn]): then it closes behind them.
public final class Connection {
  /// Bytes read for a paused connection before its socket is left alone. Only then a peer's leaving
  /// goes unnoticed until [#resume].
  static final int KEPT_BYTES_AT_MOST = 64 * 1024;

  /// How long a peer that has ended its side may leave output unread. That a peer is gone is
  /// noticed when something is written to it; this limit is for a peer that is there and doesn't
  /// read. Output that waits to be released doesn't count.
  private static final long HEARS_MILLIS = 60_000;

  private static final byte[] NOTHING = {};

  /// The handler of a connection that hasn't been accepted (yet).
  private static final Handler NOBODY =
      new Handler() {
        @Override
        public void run(byte[] buffer, int from, int to) {}

        @Override
        public void closed() {}
      };

  private final Loop loop;
  private final Output output;
  private final @Nullable TlsFilter tls;
  private final SocketAddress remote;
  private final SocketAddress local;
  private final long createdAtMillis;

  /// Immutable once the acceptor has answered.
  private Handler handler = NOBODY;

  // Loop thread only, all that follows.
  private boolean open = true;
  private boolean paused;
  private boolean heldOver;
  private boolean ending;
  private boolean inputEnded; // input from before that is still run
  private boolean leftAlone; // its socket isn't read, as enough is kept
  private boolean doomed;
  private boolean isRunning; // its handler is
  private boolean isOver; // the end of its input was met meanwhile
  private String closeReason = "";
  private byte[] kept = NOTHING;
  private int keptBytes;
  private long lastInteractionMillis;
  private long bytesIn;
  private long bytesOut;

  /// Owned by [Loop]: whether it stands in the ring of ready ones, and in the list of touched ones.
  boolean offered;

  boolean touched;

  /// Owned by [Loop]: whether it stands in the list of those whose output waits for a position.
  boolean bound;

  /// Owned by [Loop]: neighbours in the list of all connections.
  @Nullable Connection next;

  @Nullable Connection previous;

  /// Owned by [Transport]: what it needs to find the socket again.
  final Link link;

  /// Set by [Transport#write] when the socket took less than there was, cleared when it is writable
  /// again.
  boolean socketFull;

  /// @param path the Unix socket's through which it came, null if that isn't so
  /// @param engine null: what goes through the socket is plain text
  Connection(Loop loop, Link link, @Nullable SocketAddress path, @Nullable SSLEngine engine)
      throws IOException {
    this.loop = loop;
    this.link = link;
    this.createdAtMillis = loop.now();
    this.lastInteractionMillis = createdAtMillis;
    if (path == null) {
      remote = link.remote();
      local = link.local();
    } else {
      remote = path;
      local = path;
    }
    output = new Output(loop.outputs());
    tls =
        engine == null
            ? null
            : new TlsFilter(engine, loop.tlsScratch(), new Output(loop.outputs()));
  }

  // ── for the owner ──

  public Loop loop() {
    return loop;
  }

  /// Where replies go. What a handler adds while it runs leaves with this turn. Code that adds
  /// something from a message, a timer or another connection's handler calls [#flush] afterwards.
  public Output output() {
    return output;
  }

  /// What the socket gets: [#output], or records made of it.
  Output outgoing() {
    return tls == null ? output : tls.records;
  }

  /// Whether what goes through its socket is encrypted. From any thread.
  public boolean isEncrypted() {
    return tls != null;
  }

  private long unsentBytes() {
    return tls == null ? output.pendingBytes() : output.pendingBytes() + tls.records.pendingBytes();
  }

  private boolean isTorn() {
    return output.isTorn() || (tls != null && tls.records.isTorn());
  }

  /// Has the output sent with this turn.
  public void flush() {
    if (open) {
      loop.touch(this);
    }
  }

  /// Has the handler run again in the next turn, without reading before that. Called from within
  /// [Handler#run].
  public void runAgain() {
    assert loop.mayTouch();
    if (open) {
      heldOver = true;
      loop.offer(this);
    }
  }

  /// Doesn't run the handler until [#resume]: its client waits for something.
  public void pauseReading() {
    assert loop.mayTouch();
    paused = true;
  }

  /// As [#pauseReading], but its socket isn't read meanwhile, as there is no room for what its
  /// client sends. Until it resumes, nothing notices that the peer has gone.
  public void stopReading() {
    pauseReading();
    if (open && !leftAlone) {
      leftAlone = true;
      loop.transport().watchReading(this, false);
    }
  }

  /// Ends a pause: the handler runs in the next turn with what came meanwhile, perhaps nothing.
  public void resume() {
    assert loop.mayTouch();
    if (paused) {
      paused = false;
      if (open) {
        if (leftAlone && !inputEnded) {
          leftAlone = false;
          loop.transport().watchReading(this, true);
        }
        runAgain();
      }
    }
  }

  /// From within [Handler#run]: the handler can't take these bytes now. They are shown to it again
  /// when it is resumed, and no further ones are read until then.
  public void holdBack(byte[] buffer, int from, int to) {
    assert keptBytes == 0;
    stopReading();
    keep(buffer, from, to - from);
  }

  public boolean isPaused() {
    return paused;
  }

  /// Closes now. The handler's [Handler#closed] is called before this returns.
  public void close() {
    assert loop.mayTouch();
    if (!open) {
      return;
    }
    open = false;
    // Each step, even if the one before it failed: a closed connection must leave nothing.
    if (tls != null) {
      sayFarewell(tls);
    }
    try {
      loop.transport().detach(this);
    } catch (Throwable t) {
      loop.report(t, this);
    }
    try {
      output.close();
      if (tls != null) {
        tls.close();
      }
    } catch (Throwable t) {
      loop.report(t, this);
    }
    kept = NOTHING;
    keptBytes = 0;
    loop.forget(this);
    try {
      handler.closed();
    } catch (Throwable t) {
      loop.report(t, this);
    }
  }

  /// Alerts and a farewell leave as far as the socket takes them.
  private void sayFarewell(TlsFilter tls) {
    try {
      tls.farewell();
      if (!socketFull && !tls.records.isTorn()) {
        loop.transport().write(this, Long.MAX_VALUE);
      }
    } catch (IOException e) {
      return; // the peer has gone, and needs none
    } catch (Throwable t) {
      loop.report(t, this);
    }
  }

  /// Closes the socket and calls nothing of the owner, for a loop that ends by a failure. Throws
  /// nothing.
  void abandon() {
    open = false;
    try {
      loop.transport().detach(this);
    } catch (Throwable t) {
      loop.report(t, this);
    }
  }

  /// Closes when the output has left, and runs nothing any more.
  public void closeAfterReply() {
    assert loop.mayTouch();
    ending = true;
    flush();
  }

  /// Closes at the end of this turn, and neither runs nor writes anything any more. `reason` is for
  /// the owner's log.
  public void closeAsap(String reason) {
    assert loop.mayTouch();
    if (open && !doomed) {
      loop.doom(this);
      doomed = true;
      closeReason = reason;
    }
  }

  /// From any thread: has the loop [#close] it.
  public void kill() {
    loop.post(this::close);
  }

  /// False from the moment of closing.
  public boolean isOpen() {
    return open;
  }

  /// Whether an end has been decided, so that running more commands would be in vain.
  public boolean isEnding() {
    return !open || ending || doomed;
  }

  /// What was given to [#closeAsap], the message of the I/O error that ended the connection, or
  /// empty.
  public String closeReason() {
    return closeReason;
  }

  /// `ip:port`, `[ip6]:port`, or `path:0` for a Unix socket. From any thread.
  public String remoteAddress() {
    return Addresses.text(remote);
  }

  /// As [#remoteAddress], of our end.
  public String localAddress() {
    return Addresses.text(local);
  }

  /// Whether the peer is on this machine: a loopback address or a Unix socket. From any thread.
  public boolean isLocal() {
    return !(remote instanceof InetSocketAddress tcp) || tcp.getAddress().isLoopbackAddress();
  }

  /// Whether it came through a Unix socket. From any thread.
  public boolean isUnixSocket() {
    return !(remote instanceof InetSocketAddress);
  }

  /// [Loop#now] when it was accepted or made. From any thread.
  public long createdAt() {
    return createdAtMillis;
  }

  /// Small packets wait until those before them have arrived, so that there are fewer. A socket
  /// that has no such choice is as it was.
  public void delaySmall() {
    try {
      link.delaySmall();
    } catch (IOException e) {
      return; // a unix socket: there are no packets
    }
  }

  /// The system's number for its socket, or -1 if that isn't known. From any thread.
  public int descriptor() {
    return link.descriptor();
  }

  /// [Loop#now] when bytes last came or went.
  public long lastInteraction() {
    return lastInteractionMillis;
  }

  public long bytesIn() {
    return bytesIn;
  }

  public long bytesOut() {
    return bytesOut;
  }

  /// Input read but not yet shown to the handler: only of a paused connection.
  public int keptBytes() {
    return keptBytes;
  }

  // ── for the loop, in the order of a turn ──

  void enter(Acceptor acceptor) {
    try {
      if (tls != null) {
        tls.begin();
        flush();
      }
      var answer = acceptor.accept(this);
      if (answer == null) {
        closeAfterReply();
        return;
      }
      handler = answer;
    } catch (Throwable t) {
      fail(t);
      return;
    }
    if (output.pendingBytes() > 0) {
      flush();
    }
  }

  /// Reads into `into` from `at`. Returns the number of bytes to run over, perhaps 0, or -1 if
  /// there is no reason to run.
  int receive(byte[] into, int at) {
    if (!open || doomed) {
      return -1;
    }
    if (heldOver) {
      heldOver = false;
      return paused ? -1 : 0;
    }
    if (leftAlone) { // it was readable before that
      return -1;
    }
    int n = isOver ? -1 : read(into, at);
    if (n <= 0) {
      if (n < 0) {
        inputEnds();
      }
      return -1;
    }
    lastInteractionMillis = loop.now();
    bytesIn += n;
    loop.counts().read(n);
    if (ending) {
      return -1;
    }
    if (paused) {
      keep(into, at, n);
      return -1;
    }
    return n;
  }

  /// Reads from the socket; -1 at the end of the peer's input, or if the connection is broken.
  private int read(byte[] into, int at) {
    try {
      if (tls == null) {
        return loop.transport().read(this, into, at, Loop.READ_BYTES_PER_SOCKET);
      }
      int n = tls.read(loop.transport(), this, into, at, Loop.READ_BYTES_PER_SOCKET);
      if (unsentBytes() > 0) {
        flush();
      }
      return n;
    } catch (IOException e) {
      closeReason = String.valueOf(e.getMessage());
      return -1;
    }
  }

  /// Reads and runs while the loop is held up ([Loop#serveMeanwhile]). Returns whether it is done;
  /// if not, the next turn has to look at it.
  boolean serveMeanwhile(byte[] into) {
    if (!open || doomed || ending || isRunning) {
      return false;
    }
    if (paused || heldOver || leftAlone || inputEnded || isOver || keptBytes > 0) {
      return false;
    }
    if (!handler.mayRunMeanwhile()) {
      return false;
    }
    int n = read(into, 0);
    if (n < 0) {
      isOver = true;
      handler.endsMeanwhile();
    }
    if (n <= 0) {
      return n == 0;
    }
    lastInteractionMillis = loop.now();
    bytesIn += n;
    loop.counts().read(n);
    runMeanwhile(into, 0, n);
    return true;
  }

  /// Runs over what was read.
  void runMeanwhile(byte[] buffer, int from, int to) {
    isRunning = true;
    try {
      handler.runMeanwhile(buffer, from, to);
    } catch (Throwable t) {
      loop.report(t, this);
      closeAsap("it failed");
      handler.endsMeanwhile();
    } finally {
      isRunning = false;
    }
    if (open && (output.pendingBytes() > 0 || isTorn())) {
      loop.touch(this);
    }
  }

  boolean isHeavy() {
    return handler.isHeavy();
  }

  /// Whether what was read of it in the turn that is held up may be run meanwhile.
  boolean mayRunMeanwhile() {
    return open
        && !doomed
        && !ending
        && !isRunning
        && !paused
        && keptBytes == 0
        && handler.mayRunMeanwhile();
  }

  /// Sends what there is while the loop is held up, unless it is this one that holds it up: its
  /// reply may be written in part. Whatever follows from that waits for the end of the turn: the
  /// connection stays touched.
  void sendMeanwhile() {
    if (open && !isRunning && !doomed && !socketFull && !isTorn() && unsentBytes() > 0) {
      try {
        push();
      } catch (IOException e) {
        isOver = true; // the next turn finds that, too, but who is waited for meanwhile must know
        handler.endsMeanwhile();
      }
    }
  }

  /// Handles the end of the peer's input, or a broken connection. In the first case the peer may
  /// still read replies, or it may be gone, which is noticed when something is written.
  private void inputEnds() {
    if (!closeReason.isEmpty()) {
      close();
      return;
    }
    if (!inputEnded) {
      inputEnded = true;
      loop.transport().watchReading(this, false);
    }
    if (paused && handler.goesOn()) {
      return;
    }
    if (unsentBytes() > 0) {
      closeAfterReply();
      closeUnlessItHears();
    } else {
      close();
    }
  }

  private void closeUnlessItHears() {
    long sent = bytesOut;
    boolean may = output.releasedBytes(loop.released()) > 0;
    loop.schedule(
        loop.now() + HEARS_MILLIS,
        () -> {
          if (open && may && sent == bytesOut) {
            close();
          } else if (open) {
            closeUnlessItHears();
          }
        });
  }

  void run(byte[] buffer, int from, int to) {
    if (isEnding()) {
      return;
    }
    if (paused) { // by another connection's handler, after it was read
      keep(buffer, from, to - from);
      return;
    }
    if (keptBytes > 0) {
      assert from == to : "bytes were read before those kept had been run";
      buffer = kept;
      from = 0;
      to = keptBytes;
      kept = NOTHING;
      keptBytes = 0;
    }
    isRunning = true;
    try {
      handler.run(buffer, from, to);
    } catch (Throwable t) {
      fail(t);
      return;
    } finally {
      isRunning = false;
    }
    if (open && (output.pendingBytes() > 0 || isTorn())) {
      loop.touch(this);
    }
    if (inputEnded && !heldOver && !isEnding()) {
      inputEnds();
    }
  }

  void send() {
    if (!open || doomed) {
      return;
    }
    long unsent = unsentBytes();
    if (unsent > 0 || isTorn()) {
      handler.aboutToWrite(unsent);
      if (!open || doomed) {
        return;
      }
      if (isTorn()) {
        closeReason = "replies were lost";
        close();
        return;
      }
      if (socketFull) {
        output.shelveIfShort();
      } else {
        try {
          push();
        } catch (IOException e) {
          closeReason = String.valueOf(e.getMessage());
          close();
          return;
        }
        unsent = unsentBytes();
        bindIfHeld();
      }
    }
    if (ending && unsent == 0) {
      close();
    }
  }

  private void push() throws IOException {
    if (tls != null) {
      count(tls.encrypt(output, loop.released()));
    }
    loop.transport().write(this, loop.released());
  }

  /// Called when bytes have left what is [#outgoing], while [#send] runs or after it has returned.
  /// In the latter case the rest is left for the next [#send].
  void written(long bytes) {
    if (bytes == 0) {
      return;
    }
    lastInteractionMillis = loop.now();
    if (tls == null) {
      count(bytes);
    }
    bindIfHeld();
    long unsent = unsentBytes();
    handler.written(unsent);
    if (unsent == 0 ? ending : !socketFull && mayGoOn()) {
      loop.touch(this);
    }
  }

  boolean awaitsWritten() {
    return handler.awaitsWritten();
  }

  private boolean mayGoOn() {
    return output.releasedBytes(loop.released()) > 0
        || (tls != null && tls.records.pendingBytes() > 0);
  }

  private void count(long bytes) {
    bytesOut += bytes;
    loop.counts().wrote(bytes);
  }

  private void bindIfHeld() {
    if (output.pendingBytes() > 0 && output.firstBound() > loop.released()) {
      loop.bind(this);
    }
  }

  private void keep(byte[] from, int at, int n) {
    if (n == 0) {
      return;
    }
    if (keptBytes + n > kept.length) {
      kept = JavaHeap.copy(kept, Math.max(keptBytes + n, 2 * keptBytes));
    }
    System.arraycopy(from, at, kept, keptBytes, n);
    keptBytes += n;
    if (!leftAlone && !handler.mayKeep(keptBytes)) {
      leftAlone = true;
      loop.transport().watchReading(this, false);
    }
  }

  /// Ends this connection after a failure of its own. Throws nothing.
  void fail(Throwable t) {
    loop.report(t, this);
    close();
  }
}
