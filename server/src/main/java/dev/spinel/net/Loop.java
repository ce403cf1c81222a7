package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.OutputPool;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/// An event loop: one thread, its sockets, and the order in which it serves them. It works in
/// turns:
///
/// ```
///   await        sockets become ready (sleeps only if nothing at all is left to do)
///   turnBegins   the owner takes its seat; the clock is read, once
///   settle       what has left the sockets leaves the outputs
///   mail         messages of other threads, and of this one's last turn
///   connected    what this loop has connected to comes in
///   timers       those that are due
///   accept       pending connections are accepted
///   receive      every ready socket is read, at most 64, into one array:  │c1 bytes│c2 bytes│c7 bytes│…
///   run          each handler runs over its range of it; replies pile up in the outputs
///   heavy ones   if there are any: replies are sent; those that may take long are read and run, one by one
///   mail         what was posted meanwhile, mostly by those handlers, so that it leaves with this turn's replies
///   send         every output that was touched goes to its socket
///   doomed       connections that are to be closed (Connection.closeAsap) are closed
///   turnEnds     the owner leaves its seat
/// ```
///
/// Phases, instead of read-run-write socket by socket, keep the kernel's code and the owner's code
/// in the processor's caches by turns: measured at 1.3 to 1.6 times the throughput when clients
/// pipeline (`docs/adr/007-loop-in-phases.md`).
///
/// **Fairness.** Ready connections wait in one ring, each at most once. A turn serves the first 64
/// of them, reads at most 64 KB from each, and lets each produce about 1 MB of replies: a handler
/// that gets there yields and goes to the back of the ring, its socket unread until it has worked
/// off what it holds. Output that a socket doesn't take waits for the socket and stops nothing
/// else, not even reading: otherwise a client that writes its whole pipeline before it reads and
/// the loop would wait for each other. The owner bounds that output ([Handler#aboutToWrite]).
///
/// Connections of which the owner expects that they hold the loop up ([Handler#isHeavy]) wait in a
/// ring of their own. They run after the others, whose replies are sent before, and when they have
/// taken a few milliseconds the rest of them waits for the next turn. So everybody else waits for
/// one of them at most, however many they are.
///
/// **Memory.** An output that holds bytes holds an array. A message posted to each of ten thousand
/// connections must not take ten thousand arrays at a time. So between messages, and between
/// timers, the loop sends the outputs as soon as 48 are touched. The pool keeps that many arrays,
/// and their contents stay in the processor's caches.
///
/// **Threads.** Everything here belongs to the loop's thread, except [#post] and the counters.
/// Nothing is allocated in a turn, once the arrays have grown to what the load needs.
///
/// **Sleep.** A posting thread wakes the loop only if it sleeps or is about to: the loop raises
/// `asleep`, then looks into its mailbox a last time; a poster posts, then looks at `asleep`. Both
/// orders are fenced, so at least one of them sees the other.
///
/// Nothing that a handler, message, timer or hook throws ends the loop ([Incidents#uncaught]),
/// unless no turn succeeds for some seconds ([Incidents#loopEnded]), and what goes wrong with one
/// connection, in whatever phase, ends that connection only. This holds for errors of the machine,
/// too: when memory is short anything may throw anywhere, so an exception is caught for each
/// connection separately, a list grows before a connection is marked as being on it, and a
/// connection is taken off a list before it is served.
public final class Loop implements Runnable {
  /// Sockets read in one turn: more make a turn's bytes outgrow the processor's caches.
  static final int SOCKETS_PER_TURN = 64;

  /// Bytes read from one socket in one turn.
  static final int READ_BYTES_PER_SOCKET = 64 << 10;

  /// What a handler may add to its connection's output before it should [Connection#runAgain].
  public static final int REPLY_BYTES_PER_TURN = 1 << 20;

  /// When heavy connections have run for so long, those that are left wait for the next turn.
  private static final long HEAVY_NANOS = 5_000_000;

  /// What one connection's socket is given in one turn.
  static final int WRITTEN_BYTES_PER_TURN = 1 << 20;

  /// Outputs touched by messages and timers before they are sent, without waiting for the end of
  /// the turn.
  private static final int TOUCHED_AT_MOST = 48;

  /// Listeners that may have something in one turn without a larger queue.
  private static final int LISTENERS = 64;

  private static final int TURN_BYTES_AT_FIRST = 128 << 10;
  private static final int TURN_BYTES_AT_MOST = 1 << 20;

  /// Turns that fail one after the other, with a pause of [#FAILURE_PAUSE_NANOS] each, before the
  /// loop gives up: closing its connections is better than letting them wait for ever.
  static final int FAILURES_AT_MOST = 200;

  private static final long FAILURE_PAUSE_NANOS = 10_000_000;

  /// A longer delay than this is as good as this (about a hundred years): keeps sums of nanoseconds
  /// from overflowing.
  private static final long LONGEST_DELAY_MILLIS = 3_155_760_000_000L;

  private final int index;
  private final LoopHooks hooks;
  private final Incidents incidents;
  private final Transport transport;
  private final OutputPool outputs;
  private final Mailbox mailbox = new Mailbox();
  private final ConcurrentLinkedQueue<Runnable> arrivals = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean asleep = new AtomicBoolean();
  private final Timers timers = new Timers();

  /// Set once when the thread starts, read by [#isCurrent] on any thread.
  private volatile @Nullable Thread thread;

  /// Set once from outside, read by the loop at each turn.
  private volatile boolean stopping;

  /// Set by the loop when it has closed everything: posts are then dropped.
  private volatile boolean stopped;

  /// Seconds of silence after which TCP asks the peer whether it is still there; 0: never. Any
  /// thread writes, the loop reads; counts for connections accepted or made from then on.
  private volatile int keepAliveSeconds = 300;

  /// Whether a refused option was reported since [#keepAliveSeconds] was set.
  private volatile boolean refusalTold;

  /// Connections that were given to this loop and are not closed yet. The acceptor adds, the loop
  /// subtracts, anybody reads.
  private final AtomicInteger load = new AtomicInteger();

  // From here on: loop thread only.
  private long nowMillis;
  private long nowNanos;
  private final Ring ready = new Ring();
  private final Ring heavy = new Ring(); // likewise ready, see `Fairness`
  private final @Nullable Connection[] running = new Connection[SOCKETS_PER_TURN];
  private final int[] runningFrom = new int[SOCKETS_PER_TURN];
  private final int[] runningTo = new int[SOCKETS_PER_TURN];
  private int received; // how many of these are in use
  private int ran; // how many of those have run
  private byte[] turnBytes = new byte[TURN_BYTES_AT_FIRST];
  private @Nullable Connection[] touched = new Connection[SOCKETS_PER_TURN];
  private int touchedCount;
  private @Nullable Connection[] doomed = new Connection[16];
  private int doomedCount;
  private final ArrayDeque<Listener> acceptable = new ArrayDeque<>(LISTENERS);

  /// All connections, as a list through [Connection#next].
  private @Nullable Connection connections;

  private int observed; // how many they are

  /// All attempts to connect that are under way, as a list through [Attempt#next], and those whose
  /// fate is known, through [Attempt#nextDecided].
  private @Nullable Attempt attempts;

  private @Nullable Attempt decided;

  /// Output bound to later positions than this doesn't leave.
  private long released = Long.MAX_VALUE;

  /// Connections whose output waits for a position.
  private @Nullable Connection[] bound = new Connection[16];

  private int boundCount;

  private @Nullable TlsScratch tlsScratch; // null until there is a TLS connection

  private byte[] meanwhileBytes = {};
  private long served; // connections, meanwhile

  /// Turns since one succeeded.
  private int failures;

  // Written by the loop at the end of a turn, read by anybody for statistics.
  private final LoopCounts counts = new LoopCounts();

  /// @param ring the loop's own, which it closes; null: it is to use NIO
  Loop(int index, @Nullable IoRing ring, Function<Loop, LoopHooks> hooks, Incidents incidents)
      throws IOException {
    this.index = index;
    this.incidents = incidents;
    readClock();
    this.hooks = hooks.apply(this);
    this.outputs = new OutputPool(this.hooks.chunks());
    this.transport =
        ring != null
            ? new UringTransport(ring, new Readiness())
            : new NioTransport(new Readiness());
  }

  // ── for everybody ──

  /// Has the loop run `message` within its next turn (the current one if it comes in time), in the
  /// order of posting. From any thread, also its own; never waits. After the loop's end messages
  /// are dropped.
  public void post(Runnable message) {
    if (stopped) {
      return;
    }
    mailbox.post(message);
    if (asleep.get() && asleep.compareAndSet(true, false)) {
      transport.wakeup();
    }
  }

  /// Has a connection come to this loop, in its next turn, or sooner if the loop is held up. From
  /// any thread.
  void arrive(Runnable adoption) {
    arrivals.add(adoption);
    post(this::takeArrivals);
  }

  private void takeArrivals() {
    for (Runnable adoption; (adoption = arrivals.poll()) != null; ) {
      attempt(adoption);
    }
  }

  /// Connects to `remote` without waiting. `connector` is called with the result in a later turn,
  /// or later in this one. The connection belongs to this loop and is like an accepted one. From
  /// any thread, also its own.
  ///
  /// @param local the address to come from (port 0: any port), or null
  /// @param timeoutMillis after which it is given up; 0: when the system gives up, which is minutes
  public Attempt connect(
      InetSocketAddress remote,
      @Nullable InetSocketAddress local,
      int timeoutMillis,
      Connector connector) {
    var attempt = new Attempt(this, remote, local, timeoutMillis, connector);
    post(attempt::begin);
    if (stopped) { // it may have read its mailbox for the last time
      attempt.refuse();
    }
    return attempt;
  }

  /// Which of its [Net]'s loops this is, from 0.
  public int index() {
    return index;
  }

  /// Whether the caller runs on this loop's thread.
  @SuppressWarnings("ReferenceEquality")
  public boolean isCurrent() {
    return Thread.currentThread() == thread;
  }

  /// Connections on this loop, from any thread.
  public int connections() {
    return load.get();
  }

  /// Whether it has ended: a connection given to it now would wait for ever. From any thread.
  boolean isOver() {
    return stopped;
  }

  /// What it has counted; [LoopCounts] may be read from any thread.
  public LoopCounts counts() {
    return counts;
  }

  // ── for the loop's thread ──

  /// Milliseconds since 1970, as of this turn's beginning.
  public long now() {
    return nowMillis;
  }

  /// [System#nanoTime], as of this turn's beginning: for distances.
  public long nanos() {
    return nowNanos;
  }

  /// Runs `action` in the first turn at or after `atMillis` (as [#now] counts). Later jumps of the
  /// wall clock don't move it.
  public Timer schedule(long atMillis, Runnable action) {
    assert mayTouch() && JavaHeap.point();
    long delayMillis = Math.clamp(atMillis - nowMillis, 0, LONGEST_DELAY_MILLIS);
    if (atMillis > nowMillis && delayMillis == 0) {
      delayMillis = LONGEST_DELAY_MILLIS; // the difference overflowed
    }
    var timer = new Timer(nowNanos + delayMillis * 1_000_000, action, timers);
    timers.add(timer);
    return timer;
  }

  /// Output that is bound to a position (`Output.mark`) leaves when the position is at most this.
  /// At first everything leaves; an owner that binds replies sets this before every send
  /// ([LoopHooks#aboutToSend]), and has the loop turn ([#post]) when more is released.
  public void setReleased(long position) {
    assert mayTouch();
    if (position == released) {
      return;
    }
    released = position;
    int left = 0;
    for (int i = 0; i < boundCount; i++) {
      var connection = bound[i];
      if (connection.output().firstBound() > position) {
        bound[left++] = connection;
      } else {
        connection.bound = false;
        try {
          connection.flush();
        } catch (Throwable t) {
          connection.fail(t);
        }
      }
    }
    Arrays.fill(bound, left, boundCount, null);
    boundCount = left;
  }

  public long released() {
    return released;
  }

  /// Whether output of some connection waits for [#setReleased].
  public boolean holdsBound() {
    return boundCount > 0;
  }

  /// The connection's output waits for [#setReleased].
  void bind(Connection connection) {
    if (!connection.bound) {
      if (boundCount == bound.length) {
        bound = JavaHeap.copy(bound, boundCount * 2);
      }
      connection.bound = true;
      bound[boundCount++] = connection;
    }
  }

  /// For assertions: on the loop's thread, or before it has one.
  boolean mayTouch() {
    return thread == null || isCurrent();
  }

  /// Sets the options of a TCP socket. One that the system refuses is reported once, and the socket
  /// does without it.
  void equip(Link link) {
    try {
      link.equip(keepAliveSeconds);
    } catch (IOException e) {
      if (!refusalTold) {
        refusalTold = true;
        incidents.optionRefused(String.valueOf(e.getMessage()));
      }
    }
  }

  /// From any thread.
  void keepAlive(int seconds) {
    keepAliveSeconds = seconds;
    refusalTold = false;
  }

  Transport transport() {
    return transport;
  }

  Incidents incidents() {
    return incidents;
  }

  OutputPool outputs() {
    return outputs;
  }

  TlsScratch tlsScratch() {
    if (tlsScratch == null) {
      tlsScratch = new TlsScratch();
    }
    return tlsScratch;
  }

  AtomicInteger load() {
    return load;
  }

  /// Puts a connection at the end of a ring, unless it is in one.
  void offer(Connection connection) {
    if (!connection.offered) {
      (connection.isHeavy() ? heavy : ready).add(connection);
      connection.offered = true;
    }
  }

  /// Has the connection's output sent (and its end reconsidered) in this turn's sending phase.
  void touch(Connection connection) {
    assert mayTouch();
    if (!connection.touched) {
      if (touchedCount == touched.length) {
        touched = JavaHeap.copy(touched, touchedCount * 2);
      }
      connection.touched = true;
      touched[touchedCount++] = connection;
    }
  }

  void doom(Connection connection) {
    if (doomedCount == doomed.length) {
      doomed = JavaHeap.copy(doomed, doomedCount * 2);
    }
    doomed[doomedCount++] = connection;
  }

  /// Takes over a socket that was just accepted. `load` has counted it already.
  void adopt(Link link, Listener listener) {
    Connection connection;
    try {
      connection =
          observe(
              link,
              listener.path() == null ? null : listener.channel().getLocalAddress(),
              listener.acceptor().engine());
    } catch (IOException e) { // reset before we came to it
      link.abandon();
      load.decrementAndGet();
      return;
    } catch (Throwable t) {
      link.abandon();
      load.decrementAndGet();
      report(t, null);
      return;
    }
    connection.enter(listener.acceptor());
  }

  /// Takes over a socket that it has connected itself, whose [Connection#enter] follows. If this
  /// throws, the socket is closed.
  Connection adopt(Link link, Connector connector) throws IOException {
    load.incrementAndGet();
    try {
      equip(link);
      return observe(link, null, connector.engine());
    } catch (Throwable t) {
      link.abandon();
      load.decrementAndGet();
      throw t;
    }
  }

  private Connection observe(Link link, @Nullable SocketAddress path, @Nullable SSLEngine engine)
      throws IOException {
    makeRoom(observed + 1);
    assert JavaHeap.point();
    var connection = new Connection(this, link, path, engine);
    transport.attach(connection);
    connection.next = connections;
    if (connections != null) {
      connections.previous = connection;
    }
    connections = connection;
    observed++;
    return connection;
  }

  /// Makes room for so many connections in the lists where each stands at most once, so that
  /// putting one on a list needs no memory.
  private void makeRoom(int most) {
    ready.makeRoom(most);
    heavy.makeRoom(most);
    if (most > touched.length) {
      touched = JavaHeap.copy(touched, touched.length * 2);
    }
    if (most > doomed.length) {
      doomed = JavaHeap.copy(doomed, doomed.length * 2);
    }
    if (most > bound.length) {
      bound = JavaHeap.copy(bound, bound.length * 2);
    }
  }

  void list(Attempt attempt) {
    attempt.listed = true;
    attempt.next = attempts;
    if (attempts != null) {
      attempts.previous = attempt;
    }
    attempts = attempt;
  }

  void unlist(Attempt attempt) {
    attempt.listed = false;
    if (attempt.previous == null) {
      attempts = attempt.next;
    } else {
      attempt.previous.next = attempt.next;
    }
    if (attempt.next != null) {
      attempt.next.previous = attempt.previous;
    }
    attempt.next = null;
    attempt.previous = null;
  }

  private void finishDecided() {
    for (Attempt first; (first = decided) != null; ) {
      decided = first.nextDecided;
      first.nextDecided = null;
      first.decided = false;
      first.finish();
    }
  }

  /// The connection has been closed.
  void forget(Connection connection) {
    if (connection.bound) {
      connection.bound = false;
      int at = 0;
      while (bound[at] != connection) {
        at++;
      }
      bound[at] = bound[--boundCount];
      bound[boundCount] = null;
    }
    if (connection.previous == null) {
      connections = connection.next;
    } else {
      connection.previous.next = connection.next;
    }
    if (connection.next != null) {
      connection.next.previous = connection.previous;
    }
    connection.next = null;
    connection.previous = null;
    observed--;
    load.decrementAndGet();
  }

  void watch(Listener listener) {
    if (listener.isShut()) { // before the loop came to it: there is no descriptor to look for
      return;
    }
    try {
      transport.attach(listener);
    } catch (IOException e) {
      report(e, null);
    }
  }

  /// Closes a listener so that its address is free when this returns. Connections that are pending
  /// at it are accepted.
  void unwatch(Listener listener) {
    acceptSome(listener);
    transport.detach(listener);
    listener.shut();
    try {
      transport.await(0); // a selector releases a closed socket in its next call
    } catch (IOException e) {
      report(e, null);
    }
  }

  // ── the life of the thread ──

  @Override
  public void run() {
    thread = Thread.currentThread();
    try {
      while (!stopping && failures < FAILURES_AT_MOST) {
        try {
          turn();
          failures = 0;
        } catch (Throwable t) {
          survive(t);
        }
      }
    } finally {
      end();
      if (!stopping) {
        sayEnded();
      }
    }
  }

  /// Reports that it ended although nobody stopped it, as the other loops run on.
  private void sayEnded() {
    try {
      incidents.loopEnded(this);
    } catch (Throwable unsayable) {
      return;
    }
  }

  /// From any thread: the loop closes everything and its thread ends.
  void stop() {
    stopping = true;
    transport.wakeup();
  }

  private void turn() throws IOException {
    await();
    Thread.interrupted(); // an interrupted thread's sockets would close under it
    readClock();
    hooks.turnBegins();
    try {
      transport.settle();
      readMail();
      finishDecided(); // before their time limits
      if (timers.size() > 0) {
        fireTimers();
      }
      while (!acceptable.isEmpty()) {
        acceptSome(acceptable.poll());
      }
      runReceived(ready, SOCKETS_PER_TURN);
      if (!heavy.isEmpty()) {
        readMail();
        sendNow();
        runHeavy();
      }
      readMail();
      hooks.aboutToSend();
      send();
      closeDoomed();
    } finally {
      counts.turned(System.nanoTime() - nowNanos);
      hooks.turnEnds();
    }
  }

  /// Closes everything that is open, after sending what can be sent. Each step is taken even if the
  /// one before it failed: that failure may be why the loop ends.
  private void end() {
    readClock();
    try {
      hooks.turnBegins();
      try {
        attempt(this::sayLast);
        closeEach();
        stopped = true;
        readMail();
        while (attempts != null) {
          attempts.giveUp(new IOException("The loop has ended"));
        }
        counts.publish();
      } finally {
        hooks.turnEnds();
      }
    } catch (Throwable t) {
      report(t, null);
    }
    stopped = true;
    for (Connection left = connections; left != null; left = left.next) {
      left.abandon();
    }
    connections = null;
    for (Attempt left = attempts; left != null; left = left.next) {
      left.abandon();
    }
    attempts = null;
    load.set(0);
    try {
      transport.shutDown();
    } catch (Throwable t) {
      report(t, null);
    }
  }

  private void closeEach() {
    for (Connection next, closing = connections; closing != null; closing = next) {
      next = closing.next;
      closing.close();
    }
  }

  private void closeAll() {
    try {
      hooks.turnBegins();
      try {
        closeEach();
      } finally {
        hooks.turnEnds();
      }
    } catch (Throwable t) {
      report(t, null);
    }
  }

  private void sayLast() {
    transport.settle();
    readMail();
    hooks.aboutToSend();
    send();
  }

  private void await() throws IOException {
    if (!ready.isEmpty() || !heavy.isEmpty() || touchedCount > 0 || decided != null) {
      transport.await(0);
      return;
    }
    asleep.set(true);
    try {
      long timeout = -1;
      if (!mailbox.isEmpty() || stopping) {
        timeout = 0;
      } else if (timers.size() > 0) {
        timeout = Math.max(0, timers.earliestNanos() - System.nanoTime());
      }
      transport.await(timeout);
    } finally {
      asleep.set(false);
    }
  }

  private void readClock() {
    nowMillis = System.currentTimeMillis();
    nowNanos = System.nanoTime();
  }

  private void readMail() {
    if (mailbox.isEmpty()) {
      return;
    }
    var mark = mailbox.mark();
    for (Runnable message; (message = mailbox.take(mark)) != null; ) {
      attempt(message);
    }
  }

  private void fireTimers() {
    for (Timer timer; (timer = timers.takeDue(nowNanos)) != null; ) {
      attempt(timer.action);
    }
  }

  private void attempt(Runnable action) {
    try {
      action.run();
      sendIfMany();
    } catch (Throwable t) {
      report(t, null);
    }
  }

  /// Called between messages, and within one that writes to many connections: sends the touched
  /// outputs once there are many, so that they give their memory back.
  public void sendIfMany() {
    if (touchedCount > TOUCHED_AT_MOST) {
      sendNow();
    }
  }

  private void sendNow() {
    hooks.aboutToSend();
    send();
    transport.settle();
    closeDoomed();
  }

  private void acceptSome(Listener listener) {
    try {
      listener.acceptSome(this);
    } catch (Throwable t) { // the listener will be reported again
      report(t, null);
    }
  }

  private void runHeavy() {
    long began = System.nanoTime();
    for (int n = heavy.size(); n > 0 && System.nanoTime() - began < HEAVY_NANOS; n--) {
      runReceived(heavy, 1);
    }
  }

  /// Reads from the first connections of a ring, `most` of them, and runs them. A connection that
  /// was read and can't be run is closed, as no part of a client's input may be lost.
  private void runReceived(Ring ring, int most) {
    received = 0;
    ran = 0;
    try {
      receive(ring, most);
      if (received > 0) {
        long began = System.nanoTime();
        while (ran < received) {
          run(ran++);
        }
        counts.ran(System.nanoTime() - began);
      }
    } finally {
      for (; ran < received; ran++) {
        Connection unrun = running[ran];
        if (unrun != null) {
          unrun.fail(new IllegalStateException("what was read can't be run"));
        }
      }
    }
  }

  // ── while the owner holds the loop up ──

  /// Has connections served as far as that is possible while the owner's code holds the loop up: it
  /// works for long within a handler, or waits, within a turn or before it could begin one. Sockets
  /// are accepted and read, handlers run ([Handler#runMeanwhile]), replies are sent; nothing is
  /// closed, no message is read and no timer fires. Sleeps if there is nothing to do. The loop's
  /// thread.
  ///
  /// @param sleepNanos for so long at most; 0: it only looks
  public void serveMeanwhile(long sleepNanos) {
    assert isCurrent();
    try {
      transport.await(sleepNanos);
      transport.settle();
    } catch (IOException e) {
      report(e, null);
    }
    long before = served;
    takeArrivals();
    while (!acceptable.isEmpty()) {
      acceptSome(acceptable.poll());
    }
    runRestMeanwhile();
    receiveMeanwhile();
    for (int i = 0; i < touchedCount; i++) {
      Connection connection = touched[i];
      if (connection != null) {
        connection.sendMeanwhile();
      }
    }
    if (served == before && sleepNanos > 0) {
      LockSupport.parkNanos(sleepNanos); // what waits for the next turn would keep it awake
    }
  }

  /// Runs what was read in the turn that is held up.
  private void runRestMeanwhile() {
    for (int i = ran; i < received; i++) {
      Connection connection = running[i];
      if (connection != null && connection.mayRunMeanwhile()) {
        running[i] = null;
        connection.runMeanwhile(turnBytes, runningFrom[i], runningTo[i]);
        served++;
      }
    }
  }

  private void receiveMeanwhile() {
    if (meanwhileBytes.length == 0) {
      meanwhileBytes = new byte[READ_BYTES_PER_SOCKET];
    }
    receiveMeanwhile(ready);
    receiveMeanwhile(heavy);
  }

  private void receiveMeanwhile(Ring ring) {
    for (int n = ring.size(); n > 0; n--) {
      Connection connection = ring.take();
      connection.offered = false;
      if (isReceived(connection) || !connection.serveMeanwhile(meanwhileBytes)) {
        offer(connection);
      } else {
        served++;
      }
    }
  }

  /// Whether something was read of the connection that has not been run.
  private boolean isReceived(Connection connection) {
    for (int i = ran; i < received; i++) {
      if (running[i] == connection) {
        return true;
      }
    }
    return false;
  }

  /// Reads from the first connections of the ring. Those with input to run are in `running`
  /// afterwards.
  private void receive(Ring ring, int most) {
    int filled = 0;
    for (int n = Math.min(ring.size(), most); n > 0; n--) {
      int room = turnBytes.length - filled;
      if (room < READ_BYTES_PER_SOCKET) {
        if (turnBytes.length == TURN_BYTES_AT_MOST || !growTurnBytes()) {
          break;
        }
      }
      var connection = ring.take();
      connection.offered = false;
      int got;
      try {
        got = connection.receive(turnBytes, filled);
      } catch (Throwable t) {
        connection.fail(t);
        continue;
      }
      if (got >= 0) {
        running[received] = connection;
        runningFrom[received] = filled;
        filled += got;
        runningTo[received++] = filled;
      }
    }
  }

  /// False if there is no memory for that: then the turn takes fewer sockets.
  private boolean growTurnBytes() {
    try {
      turnBytes = JavaHeap.copy(turnBytes, turnBytes.length * 2);
      return true;
    } catch (OutOfMemoryError e) {
      return false;
    }
  }

  private void run(int i) {
    var connection = running[i];
    if (connection == null) {
      return; // it has run meanwhile
    }
    running[i] = null;
    try {
      connection.run(turnBytes, runningFrom[i], runningTo[i]);
    } catch (Throwable t) {
      connection.fail(t);
    }
  }

  private void send() {
    // Owners may touch further connections meanwhile, so the count may grow.
    int taken = 0;
    try {
      while (taken < touchedCount) {
        var connection = touched[taken];
        touched[taken++] = null;
        connection.touched = false;
        try {
          connection.send();
        } catch (Throwable t) {
          connection.fail(t);
        }
      }
    } finally {
      touchedCount = withoutFirst(touched, taken, touchedCount);
    }
  }

  private void closeDoomed() {
    int taken = 0;
    try {
      while (taken < doomedCount) {
        var connection = doomed[taken];
        doomed[taken++] = null;
        connection.close();
      }
    } finally {
      doomedCount = withoutFirst(doomed, taken, doomedCount);
    }
  }

  /// Clears a list that has been worked off. Anything left there is the result of a failure.
  private static int withoutFirst(@Nullable Connection[] list, int taken, int count) {
    int left = count - taken;
    if (left > 0) {
      System.arraycopy(list, taken, list, 0, left);
      Arrays.fill(list, left, count, null);
    }
    return left;
  }

  /// Handles a failure of the turn's own code or of a hook. The loop goes on after a pause, so that
  /// a lasting failure doesn't keep the processor busy. If it lasts because there is no memory, all
  /// connections are closed, as they may hold what is missing.
  private void survive(Throwable t) {
    failures++;
    if (failures == FAILURES_AT_MOST / 2 && t instanceof OutOfMemoryError) {
      closeAll();
    }
    if (Integer.bitCount(failures) == 1) { // the 1st, 2nd, 4th…: the log must not be flooded
      report(t, null);
    }
    try {
      LockSupport.parkNanos(FAILURE_PAUSE_NANOS);
    } catch (Throwable pauseFailed) {
      // There is no memory even for a pause: goes on without one.
      return;
    }
  }

  /// Reports to the owner. If even that fails, the loop goes on. Throws nothing, and needs no
  /// memory of its own, since memory may be short.
  void report(Throwable t, @Nullable Connection connection) {
    try {
      incidents.uncaught(t, connection);
    } catch (Throwable reportFailed) {
      // Both are lost. They may even be the same: the machine has one OutOfMemoryError for all.
      return;
    }
  }

  /// What the transport calls while it waits. This is outside of a turn, so it only takes notes.
  private final class Readiness implements Transport.Readiness {
    @Override
    public void readable(Connection connection) {
      offer(connection);
    }

    @Override
    public void writable(Connection connection) {
      connection.socketFull = false;
      touch(connection);
    }

    @Override
    public void written(Connection connection, long bytes) {
      connection.written(bytes);
    }

    @Override
    public void decided(Attempt attempt) {
      if (!attempt.decided) {
        attempt.decided = true;
        attempt.nextDecided = decided;
        decided = attempt;
      }
    }

    @Override
    public void acceptable(Listener listener) {
      acceptable.add(listener);
    }
  }
}
