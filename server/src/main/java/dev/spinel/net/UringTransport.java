package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// [Transport] on Linux's `io_uring`: one system call per turn, which sends everything, waits, and
/// has received everything when it returns. NIO needs one for each socket that is ready, one for
/// each that is answered, and one to wait.
///
/// ```
///  turn │ run handlers │ write, write, write: requests │ await: enter ──────────────► answers │ read, read …
///                        sends, ended and new receives ─┘  sends happen here, at once;
///                                                          then it sleeps until something arrives
/// ```
///
/// ## Input
///
/// Each socket has one request out that never ends (a *multishot* receive): what arrives is put
/// into buffers that all sockets of the loop share, an answer for each. [#read] copies from there
/// into the loop's array and gives the buffers back. What isn't read stays in a chain, and is
/// reported again at each `await`, as a selector would. A socket whose peer sends more than is read
/// stops receiving at [#HELD_BYTES_AT_MOST] until that is read; one that isn't to be read at all,
/// too, and its chain is copied to the heap, so that a few sockets never hold the buffers of all.
///
/// Should they run out, receives that found none are asked for again. If it was for many short
/// messages, more buffers are added, up to 8 MB; if it was for much data of a few peers, those take
/// turns, and what lies unread since the turn before goes to the heap.
///
/// ## Output
///
/// [#write] copies what may leave (or points at it, if it is a large chunk outside of the heap) and
/// asks for *one* send that doesn't wait (`MSG_DONTWAIT | MSG_WAITALL`), to be answered only if it
/// did less than all (`CQE_SKIP_SUCCESS`), or if its end is waited for ([Handler#awaitsWritten]):
/// the loop may sleep long after a send that isn't answered. So after `enter` no send is under way:
/// each has either happened completely and has no answer, or its answer tells how much was sent.
/// The next [#settle] takes the bytes out of the connection's output. If some remain the socket is
/// full, and a poll tells when it isn't.
///
/// ## Ends
///
/// A socket is closed by a request, too, behind whatever was asked for it before; no request names
/// a descriptor after that. Answers may still come: they carry the socket's place in a table, which
/// is free again only when the last of them has come. [#shutDown] waits for all of them, because
/// the kernel uses the server's memory until then.
///
/// Accepting is left to system calls of the [Listener], as each accepted socket needs several
/// anyway; the ring only tells when a connection is pending. Likewise outgoing connections:
/// `connect` is a call that doesn't wait, and the ring tells when the socket's fate is known.
final class UringTransport implements Transport {
  // The lowest bits of a tag say what was asked, the others for which socket.
  private static final int RECEIVE = 0;
  private static final int SEND = 1;
  private static final int WRITABLE = 2;
  private static final int ACCEPT = 3;
  private static final int WAKE = 4;
  private static final int NOTHING = 5;
  private static final int DECIDED = 6;
  private static final int TAG_BITS = 3;

  /// Input of one connection that may wait here before its socket is left alone.
  private static final int HELD_BYTES_AT_MOST = 2 * Loop.READ_BYTES_PER_SOCKET;

  /// While buffers are scarce: receives asked for at a time, as each may fill 32 of them.
  private static final int RECEIVES_WHEN_CROWDED = 4;

  private static final int OUT_BYTES = 256 << 10;

  /// A chunk's rest of this size isn't copied.
  private static final int LARGE_BYTES = 32 << 10;

  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_WAITALL = 0x100;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int POLLIN = 1;
  private static final int POLLOUT = 4;
  private static final int EFD_CLOEXEC = 0x80000;

  private static final long SHUTDOWN_NANOS = 2_000_000_000;

  private final IoRing ring;
  private final Readiness readiness;
  private final Descriptors descriptors;

  /// Eight bytes that the wake-up is read into.
  private final long wakeBytes;

  private final ByteBuffer out;
  private final long outAddress;

  /// Links, listeners and dials by slot, and the free slots.
  private @Nullable Object[] table = new Object[64];

  private int[] freeSlots = new int[64];
  private int freeCount;
  private int slots;

  private final List<Accepting> accepting = new ArrayList<>(2);

  /// Links to be looked after before the next `enter`: they have input, or don't receive.
  private @Nullable UringLink[] noted = new UringLink[64];

  private int notedCount;

  /// Links with a send that isn't settled.
  private @Nullable UringLink[] sending = new UringLink[64];

  private int sendingCount;

  /// Some of those sends may not have been handed to the kernel.
  private boolean unsent;

  /// Some of these have been answered, so that more may be sent.
  private boolean unsettled;

  /// The chain of buffers: which comes after, and how many bytes it holds.
  private final int[] next = new int[IoRing.BUFFERS];

  private final int[] bytes = new int[IoRing.BUFFERS];

  private boolean enabled;
  private boolean waking;

  /// A receive found no buffer.
  private boolean starved;

  /// Some sockets wait for their turn to receive, because buffers are scarce.
  private boolean crowded;

  /// Input since noted links were looked after.
  private long arrivedBytes;

  private int arrivedBuffers;

  /// More is to be sent, and no event will report it.
  private boolean restless;

  /// The event counter by which other threads wake the loop. Guarded by `wakeLock`, because any
  /// thread may use it at any time, and must not write to a descriptor that has been closed and
  /// used again.
  private final Object wakeLock = new Object();

  private final Kernel waker = new Kernel();
  private final int counter;
  private final long one;
  private boolean closed;

  /// What the ring knows of a [Listener].
  private static final class Accepting {
    final Listener listener;
    final int descriptor;
    int slot;
    boolean watched = true;
    boolean polling;

    Accepting(Listener listener, int descriptor) {
      this.listener = listener;
      this.descriptor = descriptor;
    }
  }

  /// A socket that is being connected.
  private static final class Dial {
    final Attempt attempt;
    final int descriptor;
    int slot;
    boolean polling;
    boolean closed;

    Dial(Attempt attempt, int descriptor) {
      this.attempt = attempt;
      this.descriptor = descriptor;
    }
  }

  UringTransport(IoRing ring, Readiness readiness) throws IOException {
    this.ring = ring;
    this.readiness = readiness;
    long scratch = ring.scratch();
    wakeBytes = scratch;
    one = scratch + 8;
    Kernel.putLong(one, 1);
    descriptors = new Descriptors(ring.kernel(), scratch + 64);
    counter = (int) ring.kernel().must(Kernel.EVENTFD2, 0, EFD_CLOEXEC, 0, 0, 0, 0);
    try {
      outAddress = ring.kernel().map(OUT_BYTES);
    } catch (IOException e) {
      ring.kernel().close(counter);
      throw e;
    }
    out = Kernel.segment(outAddress, OUT_BYTES).asByteBuffer();
  }

  // ── waiting ──

  @Override
  public void await(long timeoutNanos) throws IOException {
    if (!enabled) {
      ring.enable();
      enabled = true;
    }
    boolean sleeps = !prepare() && !restless && !unsettled && timeoutNanos != 0;
    restless = false;
    enter(sleeps, timeoutNanos);
  }

  /// Asks for what is to be asked, reports what is to be reported. Returns whether there was any of
  /// that.
  private boolean prepare() {
    if (!waking) {
      waking = true;
      ask(IoRing.READ, 0, 0, counter, wakeBytes, 8, 0, WAKE);
    }
    for (int i = 0; i < accepting.size(); i++) {
      var socket = accepting.get(i);
      if (socket.watched && !socket.polling) {
        socket.polling = true;
        ask(IoRing.POLL_ADD, 0, 0, socket.descriptor, 0, 0, POLLIN, tag(socket.slot, ACCEPT));
      }
    }
    return notedCount > 0 && lookAfterNoted();
  }

  private boolean lookAfterNoted() {
    boolean scarce = false;
    if (starved) {
      starved = false;
      scarce = !mayGrow() || !ring.addBuffers();
      crowded |= scarce;
    }
    int places = crowded ? RECEIVES_WHEN_CROWDED : Integer.MAX_VALUE;
    crowded = false;
    arrivedBytes = 0;
    arrivedBuffers = 0;
    boolean anyInput = false;
    int kept = 0;
    for (int i = 0; i < notedCount; i++) { // may grow meanwhile
      var link = noted[i];
      link.noted = false;
      if (link.closed) {
        continue;
      }
      if (!link.watched || (scarce && link.held == link.heldBefore)) {
        stashOrEnd(link);
      }
      link.heldBefore = link.held;
      boolean input = link.watched && (link.held > 0 || link.end != 0);
      if (input) {
        anyInput = true;
        readiness.readable(link.connection());
      }
      boolean wanted = link.watched && link.held < HELD_BYTES_AT_MOST && link.end == 0;
      if (wanted && !link.receiving) {
        if (places > 0) {
          places--;
          receive(link);
        } else {
          crowded = true;
        }
      } else if (!wanted && link.receiving && !link.cancelling) {
        link.cancelling = true;
        cancel(link.slot, RECEIVE);
      }
      if (input || (wanted && !link.receiving)) {
        link.noted = true;
        noted[kept++] = link;
      }
    }
    Arrays.fill(noted, kept, notedCount, null);
    notedCount = kept;
    return anyInput || crowded;
  }

  /// Whether more buffers help: many short messages came. If it is a few peers that send much,
  /// those are read at the speed of the loop anyway, and best through memory that is in the caches.
  private boolean mayGrow() {
    return arrivedBytes < (long) arrivedBuffers * IoRing.BUFFER_BYTES / 2;
  }

  private void receive(UringLink link) {
    link.receiving = true;
    ask(
        IoRing.RECV,
        IoRing.BUFFER_SELECT,
        IoRing.RECV_MULTISHOT,
        link.descriptor,
        0,
        0,
        0,
        tag(link.slot, RECEIVE));
  }

  private void note(UringLink link) {
    if (!link.noted) {
      if (notedCount == noted.length) {
        noted = JavaHeap.copy(noted, notedCount * 2);
      }
      link.noted = true;
      noted[notedCount++] = link;
    }
  }

  private static long tag(int slot, int what) {
    return (long) slot << TAG_BITS | what;
  }

  private void cancel(int slot, int what) {
    ask(IoRing.ASYNC_CANCEL, IoRing.SKIP_IF_DONE, 0, -1, tag(slot, what), 0, 0, NOTHING);
  }

  private void ask(
      int operation,
      int options,
      int priority,
      int descriptor,
      long address,
      int length,
      int flags,
      long tag) {
    if (ring.isFull()) {
      submit();
    }
    ring.ask(operation, options, priority, descriptor, address, length, flags, tag);
  }

  /// Has everything asked for so far done now.
  private void submit() {
    try {
      enter(false, 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void enter(boolean sleeps, long timeoutNanos) throws IOException {
    ring.enter(sleeps, timeoutNanos);
    unsent = false;
    while (ring.advance()) {
      answered(ring.tag(), ring.result(), ring.flags());
    }
    ring.release();
  }

  /// Only takes notes, and asks for nothing: the queue may be full.
  private void answered(long tag, int result, int flags) {
    int slot = (int) (tag >>> TAG_BITS);
    switch ((int) tag & (1 << TAG_BITS) - 1) {
      case RECEIVE -> received((UringLink) table[slot], result, flags);
      case SEND -> {
        var link = (UringLink) table[slot];
        link.sent = Math.max(result, 0);
        unsettled = true;
        if (result < 0 && result != -Kernel.EAGAIN && result != -Kernel.EINTR) {
          link.failure = -result;
        }
      }
      case WRITABLE -> {
        var link = (UringLink) table[slot];
        link.polling = false;
        if (link.closed) {
          forget(link);
        } else {
          readiness.writable(link.connection());
        }
      }
      case ACCEPT -> {
        var socket = (Accepting) table[slot];
        socket.polling = false;
        if (socket.watched) {
          readiness.acceptable(socket.listener);
        }
      }
      case DECIDED -> {
        var dial = (Dial) table[slot];
        dial.polling = false;
        if (dial.closed) {
          giveSlot(slot);
        } else {
          readiness.decided(dial.attempt);
        }
      }
      case WAKE -> waking = false;
      default -> {
        // The end of something that had ended already, or of a socket.
      }
    }
  }

  @Override
  public void wakeup() {
    synchronized (wakeLock) {
      if (!closed) {
        waker.call(Kernel.WRITE, counter, one, 8);
      }
    }
  }

  // ── connections ──

  @Override
  public void attach(Connection connection) {
    var link = (UringLink) connection.link;
    link.connection = connection;
    link.slot = takeSlot(link);
    try {
      note(link);
    } catch (Throwable t) {
      giveSlot(link.slot);
      throw t;
    }
  }

  private int takeSlot(Object of) {
    if (slots == table.length && freeCount == 0) {
      // so that neither giving back nor an answer to anybody in the table needs memory
      freeSlots = JavaHeap.copy(freeSlots, slots * 2);
      noted = JavaHeap.copy(noted, Math.max(noted.length, slots * 2));
      sending = JavaHeap.copy(sending, Math.max(sending.length, slots * 2));
      table = JavaHeap.copy(table, slots * 2);
    }
    int slot = freeCount > 0 ? freeSlots[--freeCount] : slots++;
    table[slot] = of;
    return slot;
  }

  private void giveSlot(int slot) {
    table[slot] = null;
    freeSlots[freeCount++] = slot;
  }

  @Override
  public void watchReading(Connection connection, boolean on) {
    var link = (UringLink) connection.link;
    if (link.watched != on) {
      link.watched = on;
      note(link);
    }
  }

  @Override
  public void detach(Connection connection) {
    var link = (UringLink) connection.link;
    if (link.sending) {
      settle(); // before its output's memory goes
    }
    dropChain(link);
    link.unstash();
    link.held = 0;
    link.closed = true;
    if (link.receiving && !link.cancelling) {
      cancel(link.slot, RECEIVE);
    }
    if (link.polling) {
      cancel(link.slot, WRITABLE);
    }
    ask(IoRing.CLOSE, IoRing.SKIP_IF_DONE, 0, link.descriptor, 0, 0, 0, NOTHING);
    forget(link);
  }

  /// Its place is free when it is closed and nothing more can come for it.
  private void forget(UringLink link) {
    if (!link.receiving && !link.polling) {
      giveSlot(link.slot);
    }
  }

  // ── input ──

  private void received(UringLink link, int result, int flags) {
    boolean goesOn = (flags & IoRing.MORE) != 0;
    if (!goesOn) {
      link.receiving = false;
      link.cancelling = false;
    }
    if ((flags & IoRing.HAS_BUFFER) != 0) {
      int buffer = IoRing.buffer(flags);
      if (result > 0 && !link.closed) {
        append(link, buffer, result);
      } else {
        ring.give(buffer);
      }
    }
    if (link.closed) {
      if (!goesOn) {
        forget(link);
      }
      return;
    }
    if (result == 0) {
      link.end = -1;
    } else if (result == -Kernel.ENOBUFS) {
      starved = true;
    } else if (result < 0 && result != -Kernel.ECANCELED && result != -Kernel.EINTR) {
      link.end = -result;
    }
    note(link);
    if (link.watched && (result >= 0 || link.end != 0)) {
      readiness.readable(link.connection());
    }
  }

  private void append(UringLink link, int buffer, int count) {
    next[buffer] = -1;
    bytes[buffer] = count;
    if (link.first < 0) {
      link.first = buffer;
      link.offset = 0;
    } else {
      next[link.last] = buffer;
    }
    link.last = buffer;
    link.held += count;
    arrivedBytes += count;
    arrivedBuffers++;
  }

  @Override
  public int read(Connection connection, byte[] into, int at, int room) throws IOException {
    var link = (UringLink) connection.link;
    int n = 0;
    if (link.stashTo > 0) {
      n = Math.min(room, link.stashTo - link.stashFrom);
      System.arraycopy(link.stash, link.stashFrom, into, at, n);
      link.stashFrom += n;
      if (link.stashFrom == link.stashTo) {
        link.unstash();
      }
    }
    n += readChain(link, into, at + n, room - n);
    link.held -= n;
    if (n > 0 || link.end == 0) {
      return n;
    }
    if (link.end < 0) {
      return -1;
    }
    throw new IOException(Kernel.text(link.end));
  }

  private int readChain(UringLink link, byte[] into, int at, int room) {
    int n = 0;
    while (link.first >= 0 && n < room) {
      int buffer = link.first;
      int part = Math.min(room - n, bytes[buffer] - link.offset);
      Kernel.copy(ring.bufferAddress(buffer) + link.offset, into, at + n, part);
      n += part;
      link.offset += part;
      if (link.offset == bytes[buffer]) {
        link.first = next[buffer];
        link.offset = 0;
        ring.give(buffer);
      }
    }
    return n;
  }

  /// Marks a socket as broken whose input can't be kept, since no part of a peer's input may be
  /// lost. The next read reports it.
  private void stashOrEnd(UringLink link) {
    try {
      stash(link);
    } catch (OutOfMemoryError e) {
      dropChain(link);
      link.unstash();
      link.held = 0;
      link.end = Kernel.ENOMEM;
    }
  }

  /// Moves the chain to the heap: it may lie there for long.
  private void stash(UringLink link) {
    if (link.first < 0) {
      return;
    }
    int left = link.stashTo - link.stashFrom;
    var stash = JavaHeap.bytes(link.held);
    System.arraycopy(link.stash, link.stashFrom, stash, 0, left);
    int moved = readChain(link, stash, left, link.held - left);
    assert left + moved == link.held;
    link.stash = stash;
    link.stashFrom = 0;
    link.stashTo = link.held;
  }

  private void dropChain(UringLink link) {
    while (link.first >= 0) {
      int buffer = link.first;
      link.first = next[buffer];
      ring.give(buffer);
    }
  }

  // ── output ──

  @Override
  public void write(Connection connection, long released) throws IOException {
    var link = (UringLink) connection.link;
    if (link.failure != 0) {
      throw new IOException(Kernel.text(link.failure));
    }
    if (link.sending) {
      restless = true; // touched again while the turn was sending: `settle` sees to the rest
      return;
    }
    var output = connection.outgoing();
    long may = output.releasedBytes(released);
    if (may == 0) {
      output.shelveIfShort();
      return;
    }
    var chunk = output.largeFront(LARGE_BYTES);
    long address;
    int count;
    if (chunk != null) {
      count = (int) Math.min(may, chunk.remaining());
      address = MemorySegment.ofBuffer(chunk).address();
    } else {
      if (out.remaining() < Math.min(may, LARGE_BYTES)) {
        settle();
      }
      address = outAddress + out.position();
      count = output.peek(out, released);
    }
    if (count < may) {
      restless = true;
    }
    if (sendingCount == sending.length) {
      sending = JavaHeap.copy(sending, sendingCount * 2);
    }
    // A connection that closes once its last bytes have left must be notified of that, as one whose
    // owner waits for it; and a large chunk shouldn't be held while the loop sleeps.
    boolean mustKnow = connection.isEnding() || connection.awaitsWritten() || chunk != null;
    int options = mustKnow ? 0 : IoRing.SKIP_IF_DONE;
    ask(
        IoRing.SEND,
        options,
        0,
        link.descriptor,
        address,
        count,
        MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL,
        tag(link.slot, SEND));
    link.sending = true;
    link.offered = count;
    link.sent = count;
    sending[sendingCount++] = link;
    unsent = true;
  }

  /// From the last to the first, each taken off the list before it is looked at: closing one comes
  /// here again, and goes on with the others.
  @Override
  public void settle() {
    if (sendingCount == 0) {
      return;
    }
    if (unsent) {
      submit();
    }
    out.clear();
    unsettled = false;
    while (sendingCount > 0) {
      var link = sending[--sendingCount];
      sending[sendingCount] = null;
      link.sending = false;
      var connection = link.connection();
      try {
        if (connection.isOpen()) {
          settle(link, connection);
        }
      } catch (Throwable t) {
        connection.fail(t);
      }
    }
  }

  private void settle(UringLink link, Connection connection) {
    if (link.sent > 0) {
      connection.outgoing().consume(link.sent);
    }
    if (link.failure == 0 && link.sent < link.offered) {
      connection.socketFull = true;
      ask(IoRing.POLL_ADD, 0, 0, link.descriptor, 0, 0, POLLOUT, tag(link.slot, WRITABLE));
      link.polling = true;
    }
    readiness.written(connection, link.sent);
    connection.outgoing().shelveIfShort();
    if (link.failure != 0) {
      readiness.writable(connection);
    }
  }

  // ── listeners ──

  @Override
  public void attach(Listener listener) throws IOException {
    var socket = new Accepting(listener, descriptors.listening(listener));
    socket.slot = takeSlot(socket);
    accepting.add(socket);
    listener.registration = socket;
  }

  @Override
  public void watchAccepting(Listener listener, boolean on) {
    if (listener.registration instanceof Accepting socket) {
      socket.watched = on;
    }
  }

  @Override
  public @Nullable Link accept(Listener listener) throws IOException {
    if (!(listener.registration instanceof Accepting socket)) {
      return null;
    }
    int accepted = descriptors.accept(socket.descriptor);
    if (accepted < 0) {
      return null;
    }
    try {
      assert JavaHeap.point();
      var remote = descriptors.accepted();
      var local = descriptors.name(accepted);
      return new UringLink(accepted, descriptors, remote == null ? local : remote, local);
    } catch (Throwable t) {
      ring.kernel().close(accepted);
      throw t;
    }
  }

  @Override
  public void detach(Listener listener) {
    if (!(listener.registration instanceof Accepting socket)) {
      return;
    }
    listener.registration = null;
    accepting.remove(socket);
    socket.watched = false;
    if (socket.polling) { // it holds the socket, and with it the address
      cancel(socket.slot, ACCEPT);
      long deadline = System.nanoTime() + SHUTDOWN_NANOS;
      submit();
      while (socket.polling && System.nanoTime() < deadline) {
        drain();
      }
    }
    if (!socket.polling) {
      giveSlot(socket.slot);
    }
  }

  // ── ways out ──

  @Override
  public void connect(Attempt attempt) throws IOException {
    int descriptor = descriptors.connect(attempt.remote(), attempt.local());
    Dial dial;
    try {
      dial = new Dial(attempt, descriptor);
      dial.slot = takeSlot(dial);
    } catch (Throwable t) {
      ring.kernel().close(descriptor);
      throw t;
    }
    attempt.registration = dial;
    ask(IoRing.POLL_ADD, 0, 0, descriptor, 0, 0, POLLOUT, tag(dial.slot, DECIDED));
    dial.polling = true;
  }

  @Override
  public Link connected(Attempt attempt) throws IOException {
    var dial = dial(attempt);
    descriptors.connected(dial.descriptor);
    var local = descriptors.name(dial.descriptor);
    var link = new UringLink(dial.descriptor, descriptors, attempt.remote(), local);
    attempt.registration = null;
    giveSlot(dial.slot);
    return link;
  }

  @Override
  public void abandon(Attempt attempt) {
    var dial = dial(attempt);
    attempt.registration = null;
    dial.closed = true;
    if (dial.polling) {
      cancel(dial.slot, DECIDED);
    } else {
      giveSlot(dial.slot);
    }
    ask(IoRing.CLOSE, IoRing.SKIP_IF_DONE, 0, dial.descriptor, 0, 0, 0, NOTHING);
  }

  private static Dial dial(Attempt attempt) {
    return (Dial) Objects.requireNonNull(attempt.registration);
  }

  // ── the end ──

  private void drain() {
    try {
      enter(true, 10_000_000);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void shutDown() {
    if (enabled) {
      try {
        long deadline = System.nanoTime() + SHUTDOWN_NANOS;
        ask(
            IoRing.ASYNC_CANCEL,
            IoRing.SKIP_IF_DONE,
            0,
            -1,
            0,
            0,
            IoRing.CANCEL_ALL | IoRing.CANCEL_ANY,
            NOTHING);
        submit();
        while (isAwaited() && System.nanoTime() < deadline) {
          drain();
        }
      } catch (UncheckedIOException e) {
        // The kernel doesn't answer: what it holds of this ring ends with the ring.
        enabled = false;
      }
    }
    synchronized (wakeLock) {
      closed = true;
      ring.kernel().close(counter);
      ring.kernel().unmap(outAddress, OUT_BYTES);
      ring.close();
    }
  }

  private boolean isAwaited() {
    for (int i = 0; i < slots; i++) {
      if (table[i] instanceof UringLink
          || table[i] instanceof Dial
          || (table[i] instanceof Accepting socket && socket.polling)) {
        return true;
      }
    }
    return waking;
  }
}
