package dev.spinel.net;

import java.io.IOException;

/// One `io_uring`: a queue of requests to the kernel and a queue of its answers, both in memory
/// that is shared with it, and a stock of buffers that it fills with what arrives. Mechanics only;
/// what is asked and what follows from the answers is [UringTransport]'s.
///
/// ```
///   next() → fill in │sqe│sqe│sqe│ ──► enter ──► the kernel tries each request at once,
///                                                 keeps those that must wait,
///   advance() ◄───── │cqe│cqe│cqe│ ◄── enter ◄── and answers in the order of completion
/// ```
///
/// The ring is set up so that the kernel does nothing for it outside of [#enter], which only one
/// thread calls (`SINGLE_ISSUER | DEFER_TASKRUN`, Linux 6.1): no interrupt of running code, no
/// lock, and no need for fences here, as queue heads and tails change only on this side or within
/// that call. Older kernels refuse the flags, and `open` throws.
///
/// It may be opened by any thread; the one that calls [#enable] is its owner from then on.
///
/// Numbers and layouts: `linux/io_uring.h`; `man 7 io_uring`.
final class IoRing {
  // Requests.
  static final int POLL_ADD = 6;
  static final int ASYNC_CANCEL = 14;
  static final int CLOSE = 19;
  static final int READ = 22;
  static final int SEND = 26;
  static final int RECV = 27;
  // Their flags.
  static final int BUFFER_SELECT = 1 << 5;
  static final int SKIP_IF_DONE = 1 << 6; // IOSQE_CQE_SKIP_SUCCESS
  static final int RECV_MULTISHOT = 1 << 1; // in the field `ioprio`
  static final int CANCEL_ALL = 1 << 0;
  static final int CANCEL_ANY = 1 << 2;
  // Flags of answers.
  static final int HAS_BUFFER = 1;
  static final int MORE = 1 << 1;
  private static final int BUFFER_SHIFT = 16;

  private static final int SETUP_CQSIZE = 1 << 3;
  private static final int SETUP_R_DISABLED = 1 << 6;
  private static final int SETUP_SUBMIT_ALL = 1 << 7;
  private static final int SETUP_SINGLE_ISSUER = 1 << 12;
  private static final int SETUP_DEFER_TASKRUN = 1 << 13;
  private static final int FEATURE_NO_IOWAIT = 1 << 17;
  private static final int ENTER_GETEVENTS = 1;
  private static final int ENTER_EXT_ARG = 1 << 3;
  private static final int ENTER_NO_IOWAIT = 1 << 7;
  private static final int REGISTER_ENABLE_RINGS = 12;
  private static final int REGISTER_BUFFERS = 22; // IORING_REGISTER_PBUF_RING
  private static final long OFFSET_COMPLETIONS = 0x800_0000;
  private static final long OFFSET_REQUESTS = 0x1000_0000;

  private static final int REQUESTS = 1024;
  private static final int COMPLETIONS = 4096;
  private static final int REQUEST_BYTES = 64;
  private static final int COMPLETION_BYTES = 16;

  /// Buffers that there can be, and the bytes of each.
  static final int BUFFERS = 512;

  static final int BUFFER_BYTES = 16 << 10;

  /// From one buffer to the next: three cache lines more, or all of them would begin in the same
  /// few sets of the processor's caches.
  private static final int BUFFER_STRIDE = BUFFER_BYTES + 192;

  /// Buffers in use at first. They go round, so all of them are touched even by little traffic: a
  /// few keep the memory small and the caches warm. [#addBuffers] adds.
  private static final int BUFFERS_AT_FIRST = 64;

  /// Where things stand in `scratch`, one page of memory and the ring of buffers behind it.
  private static final int TIMESPEC = 0;

  private static final int ENTER_ARGUMENT = 64;
  private static final int PARAMETERS = 128;
  private static final int BUFFER_RING = 4096;
  private static final int SCRATCH_BYTES = BUFFER_RING + BUFFERS * 16;

  /// For the owner's use: a page's second half.
  static final int OWNERS_SCRATCH = 2048;

  private final Kernel kernel = new Kernel();
  private final int descriptor;
  private final long scratch;
  private final long buffers;
  private final long submissionRing;
  private final long submissionRingBytes;
  private final long completionRing;
  private final long completionRingBytes;
  private final long requests;

  /// Addresses in the shared memory.
  private final long submissionHead;

  private final long submissionTail;
  private final long completionHead;
  private final long completionTail;
  private final long completions;

  private final int enterFlags;

  // Owned by the thread that enabled the ring.
  private int tail;
  private int submitted;
  private int head;
  private int answered;
  private long answer;
  private int buffersInUse;
  private int bufferTail;

  private IoRing(int entries) throws IOException {
    int opened = -1;
    long page = kernel.map(SCRATCH_BYTES);
    long stock = 0;
    long submission = 0;
    long completion = 0;
    long entryMemory = 0;
    long submissionBytes = 0;
    long completionBytes = 0;
    try {
      stock = kernel.map((long) BUFFERS * BUFFER_STRIDE);
      long p = page + PARAMETERS;
      Kernel.putInt(p + 4, COMPLETIONS);
      Kernel.putInt(
          p + 8,
          SETUP_CQSIZE
              | SETUP_R_DISABLED
              | SETUP_SUBMIT_ALL
              | SETUP_SINGLE_ISSUER
              | SETUP_DEFER_TASKRUN);
      opened = (int) kernel.must(Kernel.IO_URING_SETUP, entries, p, 0, 0, 0, 0);
      submissionBytes = Kernel.getInt(p + 40 + 24) + 4L * Kernel.getInt(p);
      completionBytes = Kernel.getInt(p + 80 + 20) + (long) COMPLETION_BYTES * Kernel.getInt(p + 4);
      submission = shared(opened, submissionBytes, 0);
      completion = shared(opened, completionBytes, OFFSET_COMPLETIONS);
      entryMemory = shared(opened, (long) entries * REQUEST_BYTES, OFFSET_REQUESTS);
      submissionHead = submission + Kernel.getInt(p + 40);
      submissionTail = submission + Kernel.getInt(p + 40 + 4);
      long indices = submission + Kernel.getInt(p + 40 + 24);
      var straight = new int[entries]; // all at once: this still runs in the interpreter
      for (int i = 0; i < entries; i++) {
        straight[i] = i;
      }
      Kernel.copy(straight, indices);
      completionHead = completion + Kernel.getInt(p + 80);
      completionTail = completion + Kernel.getInt(p + 80 + 4);
      completions = completion + Kernel.getInt(p + 80 + 20);
      enterFlags =
          ENTER_GETEVENTS
              | ((Kernel.getInt(p + 20) & FEATURE_NO_IOWAIT) != 0 ? ENTER_NO_IOWAIT : 0);
      Kernel.putLong(page + ENTER_ARGUMENT + 16, page + TIMESPEC);
      Kernel.fill(p, 40);
      Kernel.putLong(p, page + BUFFER_RING);
      Kernel.putInt(p + 8, BUFFERS);
      kernel.must(Kernel.IO_URING_REGISTER, opened, REGISTER_BUFFERS, p, 1, 0, 0);
    } catch (IOException e) {
      if (opened >= 0) {
        kernel.close(opened);
      }
      unmap(submission, submissionBytes);
      unmap(completion, completionBytes);
      unmap(entryMemory, (long) entries * REQUEST_BYTES);
      unmap(stock, (long) BUFFERS * BUFFER_STRIDE);
      unmap(page, SCRATCH_BYTES);
      throw e;
    }
    descriptor = opened;
    scratch = page;
    buffers = stock;
    submissionRing = submission;
    submissionRingBytes = submissionBytes;
    completionRing = completion;
    completionRingBytes = completionBytes;
    requests = entryMemory;
    while (buffersInUse < BUFFERS_AT_FIRST) {
      give(buffersInUse++);
    }
  }

  /// Whether it is worth trying: 64-bit Linux on a machine whose numbers [Kernel] knows, and native
  /// access was granted to us. Where this says no, nobody may touch that class.
  static boolean isPossible() {
    var machine = System.getProperty("os.arch");
    return IoRing.class.getModule().isNativeAccessEnabled()
        && "Linux".equals(System.getProperty("os.name"))
        && ("amd64".equals(machine) || "aarch64".equals(machine));
  }

  /// Only where [#isPossible]. Errors: whatever reason this machine, its kernel or its
  /// administrator has to refuse.
  static IoRing open() throws IOException {
    return new IoRing(REQUESTS);
  }

  private long shared(int ring, long bytes, long offset) throws IOException {
    // readable, writable; shared, populated
    return kernel.must(Kernel.MMAP, 0, bytes, 1 | 2, 1 | 0x8000, ring, offset);
  }

  private void unmap(long address, long bytes) {
    if (address != 0) {
      kernel.unmap(address, bytes);
    }
  }

  /// Makes the caller's thread the owner. Before, nothing may be entered.
  void enable() throws IOException {
    kernel.must(Kernel.IO_URING_REGISTER, descriptor, REGISTER_ENABLE_RINGS, 0, 0, 0, 0);
  }

  /// Gives everything back. What the kernel still holds for this ring must have been cancelled and
  /// answered, because it may refer to this memory.
  void close() {
    kernel.close(descriptor);
    unmap(submissionRing, submissionRingBytes);
    unmap(completionRing, completionRingBytes);
    unmap(requests, (long) REQUESTS * REQUEST_BYTES);
    unmap(buffers, (long) BUFFERS * BUFFER_STRIDE);
    unmap(scratch, SCRATCH_BYTES);
  }

  /// 2 KB of memory for whatever the owner has to show to the kernel.
  long scratch() {
    return scratch + OWNERS_SCRATCH;
  }

  /// For the owner's thread.
  Kernel kernel() {
    return kernel;
  }

  // ── asking ──

  boolean isFull() {
    return tail - submitted == REQUESTS;
  }

  /// Writes a request. Only if not full. What it refers to must stay until it is answered.
  ///
  /// @param length of what stands at `address`; `flags` are the request's own (`msg_flags` …)
  /// @param tag comes back with the answer
  void ask(
      int operation,
      int options,
      int priority,
      int file,
      long address,
      int length,
      int flags,
      long tag) {
    assert !isFull();
    long request = requests + (long) (tail++ & (REQUESTS - 1)) * REQUEST_BYTES;
    Kernel.putInt(request, operation | options << 8 | priority << 16);
    Kernel.putInt(request + 4, file);
    Kernel.putLong(request + 8, 0);
    Kernel.putLong(request + 16, address);
    Kernel.putLong(request + 24, length & 0xffff_ffffL | (long) flags << 32);
    Kernel.putLong(request + 32, tag);
    Kernel.putLong(request + 40, 0); // the group of buffers, always 0
    Kernel.putLong(request + 48, 0);
    Kernel.putLong(request + 56, 0);
  }

  /// Hands all requests to the kernel, which tries each one at once, in order; then, if `wait`,
  /// waits for the first answer, at most `timeoutNanos` (negative: without limit).
  void enter(boolean wait, long timeoutNanos) throws IOException {
    Kernel.putInt(submissionTail, tail);
    boolean limited = wait && timeoutNanos >= 0;
    long argument = 0;
    if (limited) {
      Kernel.putLong(scratch + TIMESPEC, timeoutNanos / 1_000_000_000);
      Kernel.putLong(scratch + TIMESPEC + 8, timeoutNanos % 1_000_000_000);
      argument = scratch + ENTER_ARGUMENT;
    }
    long result =
        kernel.call(
            Kernel.IO_URING_ENTER,
            descriptor,
            tail - submitted,
            wait ? 1 : 0,
            limited ? enterFlags | ENTER_EXT_ARG : enterFlags,
            argument,
            limited ? 24 : 0);
    submitted = Kernel.getInt(submissionHead);
    for (int i = 0; submitted != tail; i++) { // it had no memory, or was interrupted
      if (result < 0 && !isPassing((int) -result) || i == 1000) {
        throw new IOException("io_uring_enter: " + Kernel.text((int) -result));
      }
      result = kernel.call(Kernel.IO_URING_ENTER, descriptor, tail - submitted, 0, 0, 0, 0);
      submitted = Kernel.getInt(submissionHead);
    }
    if (result < 0 && !isPassing((int) -result)) {
      throw new IOException("io_uring_enter: " + Kernel.text((int) -result));
    }
  }

  private static boolean isPassing(int errno) {
    return switch (errno) {
      case Kernel.ETIME, Kernel.EINTR, Kernel.EAGAIN, Kernel.EBUSY, Kernel.ENOMEM -> true;
      default -> false;
    };
  }

  // ── answers ──

  /// Goes on to the next answer; false if there is none.
  boolean advance() {
    if (head == answered) {
      answered = Kernel.getInt(completionTail);
      if (head == answered) {
        return false;
      }
    }
    answer = completions + (long) (head & (COMPLETIONS - 1)) * COMPLETION_BYTES;
    head++;
    return true;
  }

  /// After [#advance] said false, or before asking again: the kernel may reuse what was read.
  void release() {
    Kernel.putInt(completionHead, head);
  }

  long tag() {
    return Kernel.getLong(answer);
  }

  /// The request's result, or its negative `errno`.
  int result() {
    return Kernel.getInt(answer + 8);
  }

  int flags() {
    return Kernel.getInt(answer + 12);
  }

  // ── buffers ──

  /// Which buffer an answer with [#HAS_BUFFER] filled. It is the caller's until he [#give]s it
  /// back.
  static int buffer(int flags) {
    return flags >>> BUFFER_SHIFT;
  }

  long bufferAddress(int buffer) {
    return buffers + (long) buffer * BUFFER_STRIDE;
  }

  void give(int buffer) {
    long ring = scratch + BUFFER_RING;
    long entry = ring + (bufferTail & (BUFFERS - 1)) * 16L;
    Kernel.putLong(entry, bufferAddress(buffer));
    Kernel.putInt(entry + 8, BUFFER_BYTES);
    Kernel.putShort(entry + 12, buffer);
    bufferTail++;
    Kernel.putShort(ring + 14, bufferTail); // the tail stands in the first entry's unused bytes
  }

  /// Twice as many. False if all of them are in use already.
  boolean addBuffers() {
    if (buffersInUse == BUFFERS) {
      return false;
    }
    for (int n = Math.min(buffersInUse, BUFFERS - buffersInUse); n > 0; n--) {
      give(buffersInUse++);
    }
    return true;
  }
}
