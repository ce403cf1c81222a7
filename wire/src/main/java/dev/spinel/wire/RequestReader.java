package dev.spinel.wire;

import org.jspecify.annotations.Nullable;

/// Reads requests, multibulk or inline, from bytes that arrive in any pieces. One per connection;
/// belongs to the connection's loop thread.
///
/// ## How it is called
///
/// ```java
/// int at = from;
/// while ((status = reader.next(turn, at, to, args)) == COMPLETE) {
///   at = reader.position();
///   … run args, then args.release(sink) …
/// }
/// ```
///
/// Whatever of this fails for want of memory (an exception) leaves the reader unfit for anything
/// but [#close], as half a command may have been read: its connection must end.
///
/// `INCOMPLETE` means that all bytes up to `to` are taken; what they don't complete is kept here. A
/// caller that stops early (the client blocks, its turn is used up) hands the rest over with
/// [#keep]; later `next` goes on from there, with an empty range if nothing new has come.
///
/// ## What it costs
///
/// An idle connection has this object and nothing else. Bytes are parsed where they were read, in
/// the loop's buffer: [#fast] takes a complete command of short arguments eight bytes at a time.
/// Only the part of a command that is cut off at the end of a read is copied, into a [Pending] of
/// its own. From then on the command is parsed there, and each read tops it up by *no more than the
/// command is known to need*: six bytes for every argument that is still to come (`$0 \r\n \r\n`),
/// the rest of the bulk, or a line up to its end. So bytes of the commands behind it are never
/// copied, and an MSET of a million arguments in a thousand reads is parsed once, not a thousand
/// times. When the command is complete the pending buffer goes with its arguments and becomes
/// garbage.
///
/// Arguments of 32 KB and more go straight to the [LargeSink]; the heap never sees them whole.
/// Those of a command that is long for their number go there too, in blocks ([Args]), so that of a
/// command of a gigabyte only eight bytes for each argument stay on the heap.
///
/// ## When the heap is short
///
/// What an incomplete command takes of the heap is counted in the [HeapBudget] before it is made,
/// together with what its call will need for its keys, and goes with the arguments when it is
/// complete. So a command that was read can run. When it has come to a certain length, all that it
/// has announced is counted at once, so that of several such commands some get everything they
/// need, and the others hold little while they wait. Where there is no room the caller is told
/// ([#SHORT]), and may wait for others to finish. When it has waited long enough it refuses the
/// command ([#refuse]): the rest of it is then read and thrown away, so that the connection can go
/// on behind it.
///
/// ## What is malformed
///
/// Texts and limits are those of Redis 7.2 as seen from the wire; oddities are kept, because
/// clients and tests see them:
/// - a line ends at the first `\r`, and the byte after it is skipped unseen; so are the two bytes
///   after a bulk;
/// - a NUL byte hides everything behind it from the search for a line's end, so such a line is "too
///   big" after 64 KB and waits until then;
/// - a count of 0 or less is an empty command, skipped without a reply.
///
/// One is settled: Redis notices a line that is too long when its buffer happens to hold more than
/// 64 KB without an end; here that is when the line is longer than that, so that the answer doesn't
/// depend on how the bytes were cut.
public final class RequestReader {
  public static final int COMPLETE = 0;
  public static final int INCOMPLETE = 1;

  /// See [#error]: it is to be sent, then the connection closed.
  public static final int ERROR = 2;

  /// A query buffer limit is exceeded: the connection is closed without a reply.
  public static final int TOO_MUCH = 3;

  /// Arguments from this length on are offered to the sink.
  public static final int LARGE_BYTES = 32 * 1024;

  private static final int LINE_MAX = 64 * 1024;
  private static final int UNAUTHENTICATED_COUNT = 10;
  private static final int UNAUTHENTICATED_BYTES = 16 * 1024;
  private static final int ARRAY_MAX = Integer.MAX_VALUE - 16;

  /// Arguments that are read go to the sink when there are this many bytes of them.
  private static final int SPILLED_BYTES = 128 * 1024;

  /// What a connection may always hold.
  private static final int HELD_MIN = 16 * 1024;

  /// Of a command that is refused so much is looked at at a time.
  private static final int REFUSED_BYTES = 1024;

  /// The heap has no room for the rest of the command now: the bytes from [#position] on aren't
  /// taken. Call [#next] again when there may be room, or [#refuse] and go on.
  public static final int SHORT = 4;

  /// A command that was refused ([#refuse]) has come to its end.
  public static final int REFUSED = 5;

  /// Limits that a whole server shares and may change while it runs.
  public static final class RequestLimits {
    /// `proto-max-bulk-len`.
    public volatile long bulkBytes = 512L << 20;

    /// `client-query-buffer-limit`: bytes received and not yet parsed into arguments.
    public volatile long queryBytes = 1L << 30;

    /// What all connections together may hold on the Java heap. Redis has no such limit. Incomplete
    /// commands of less than 16 KB are never refused.
    public final HeapBudget heap;

    public RequestLimits(HeapBudget heap) {
      this.heap = heap;
    }

    /// None: for requests that must be read whatever they take.
    public static RequestLimits none() {
      RequestLimits limits = new RequestLimits(new HeapBudget(Long.MAX_VALUE));
      limits.bulkBytes = Long.MAX_VALUE;
      limits.queryBytes = Long.MAX_VALUE;
      return limits;
    }

    /// With Redis's default limits, and a budget of its own.
    public RequestLimits() {
      this(HeapBudget.ofThisJvm());
    }
  }

  private final RequestLimits limits;

  private final LargeSink sink;

  /// The command that is cut off, or bytes given to [#keep]; null when there are none.
  private @Nullable Pending pending;

  /// What of [HeapBudget#heldBytes] is ours.
  private long charged;

  /// The error found; final for this connection.
  private @Nullable String error;

  /// Lifts the limits of a client that has not proved who it is.
  private boolean authenticated = true;

  private boolean recordsOnly;

  /// A request without arguments was read since somebody asked.
  private boolean sawEmpty;

  /// First byte of the caller's buffer that is not consumed.
  private int position;

  /// Where [#parse] stopped in the buffer that it was given.
  private int cursor;

  // The command in progress.

  /// Arguments still to be read; 0 between commands.
  private int remaining;

  /// Length of the argument being read; -1 while its header is not read.
  private int bulk = -1;

  /// The argument being read isn't kept here: its bytes go to a node, or (0) nowhere; and how many
  /// of them and of the two behind it have come.
  private boolean pouring;

  private long node;
  private int filled;

  /// Bytes of the command in progress that went to the sink.
  private long sunkBytes;

  /// The command in progress is read, but not kept.
  private boolean refusing;

  /// What of `charged` is for all arguments that were announced, those to come too; 0: nothing yet.
  private long claimed;

  /// Bytes of the cut-off line that were searched for its end already.
  private int searched;

  /// Bytes at hand of an incomplete command.
  private static final class Pending {
    byte[] bytes;

    /// First byte that is not parsed.
    int at;

    int end;

    /// Arguments that are complete; their places are in `bytes`.
    final Args args = new Args();

    Pending(byte[] bytes) {
      this.bytes = bytes;
    }
  }

  public RequestReader(RequestLimits limits, LargeSink sink) {
    this.limits = limits;
    this.sink = sink;
  }

  /// With Redis's default limits, and large arguments on the heap.
  public RequestReader() {
    this(new RequestLimits(), LargeSink.NONE);
  }

  /// Whether the client has proved who it is, or need not: otherwise at most 10 arguments of at
  /// most 16 KB are read. True at first.
  public void authenticated(boolean yes) {
    authenticated = yes;
  }

  /// From now on only what a program writes is taken: requests of at least one word, none of them
  /// inline, and lines that begin with `#`, which are passed over.
  public RequestReader recordsOnly() {
    recordsOnly = true;
    return this;
  }

  /// Reads one command into `args` from what is kept and from `buf[from, to)`. Inline requests are
  /// unescaped in place, so the consumed bytes may change.
  ///
  /// @return [#COMPLETE], [#INCOMPLETE], [#ERROR], [#TOO_MUCH], [#SHORT] or [#REFUSED]
  public int next(byte[] buf, int from, int to, Args args) {
    Pending p = pending;
    if (p == null) {
      if (authenticated && error == null) {
        int end = fast(buf, from, to, args);
        if (end >= 0) {
          position = end;
          return COMPLETE;
        }
      }
      return here(buf, from, to, args);
    }
    return resume(p, buf, from, to, args);
  }

  /// Reads further commands into `batch`, which is empty: short ones that are complete in
  /// `buf[from, to)`, as far as it has room. Nothing else is taken: [#next] goes on behind them.
  public void readAhead(byte[] buf, int from, int to, Batch batch) {
    if (pending != null || !authenticated || error != null) return;
    int at = from;
    while (at < to && batch.hasRoom()) {
      at = fast(buf, at, to, batch.vacant());
      if (at < 0) return;
      batch.filled(at);
    }
  }

  /// The first byte that is not consumed, after [#COMPLETE].
  public int position() {
    return position;
  }

  /// Whether an empty request, which is answered by nothing, was read in front of what [#next] came
  /// to since this was last asked.
  public boolean tookEmpty() {
    boolean took = sawEmpty;
    sawEmpty = false;
    return took;
  }

  /// The text of the error, without `ERR`: "Protocol error: …", characters 0 to 255.
  public @Nullable String error() {
    return error;
  }

  /// Gives the command in progress up: what has come of it goes, what is still to come isn't kept,
  /// and [#next] says [#REFUSED] at its end. False if it can't be told where that is (a line whose
  /// end hasn't come): then the connection must close.
  public boolean refuse() {
    Pending p = pending;
    if (p == null || remaining == 0) return false;
    forget(p);
    return true;
  }

  private void forget(Pending p) {
    refusing = true;
    if (node != 0) sink.abandon(node);
    node = 0;
    p.args.release(sink);
    p.args.rest();
    claimed = 0;
    if (bulk >= 0 && !pouring) {
      pouring = true;
      filled = 0;
    }
    recharge(p);
  }

  /// Keeps bytes for a later [#next], for a caller that can't run more commands now. Returns
  /// [#INCOMPLETE], [#TOO_MUCH] if that exceeds the query buffer limit, or [#SHORT].
  public int keep(byte[] buf, int from, int to) {
    if (from == to) return INCOMPLETE;
    Pending p = pending;
    if (p == null) {
      int room = capacity(to - from);
      if (!reserve(room) && !reserveRest(room)) return SHORT;
      p = pending = new Pending(JavaHeap.bytes(room));
    }
    int status = append(p, buf, from, to - from, true);
    return status == INCOMPLETE && tooMuch(p) ? TOO_MUCH : status;
  }

  /// Bytes received and not yet parsed into arguments (`qbuf` of CLIENT LIST).
  public long unparsedBytes() {
    var now = pending; // another thread may ask
    return (now == null ? 0 : now.end - now.at) + (pouring ? filled : 0L);
  }

  /// Bytes of the incomplete command that are in the sink, about.
  public long sunkBytes() {
    return remaining == 0 || refusing ? 0 : sunkBytes;
  }

  /// Bytes of the incomplete command's arguments that are on the heap.
  public long argumentBytes() {
    var now = pending; // another thread may ask
    int at = now == null || remaining == 0 ? 0 : now.at;
    return now == null ? 0 : Math.max(0, at - now.args.firstOffset(at));
  }

  /// How many words the incomplete command has, as it has announced; 0: there is none.
  public int words() {
    Pending p = pending;
    return remaining == 0 ? 0 : remaining + (p == null ? 0 : p.args.count());
  }

  /// Bytes of the heap that the incomplete command holds.
  public long heapBytes() {
    return pending == null ? 0 : pending.bytes.length + pending.args.spanBytes();
  }

  /// Whether a command has begun that isn't complete, or bytes are kept.
  public boolean hasPending() {
    return pending != null;
  }

  /// Gives up what is in progress, when the connection ends.
  public void close() {
    if (node != 0) sink.abandon(node);
    node = 0;
    if (pending != null) pending.args.release(sink);
    drop();
    remaining = 0;
    bulk = -1;
    pouring = false;
    refusing = false;
  }

  // ── A complete command of short arguments ──

  /// Reads `*n` and n bulks of at most 9,999 bytes if they are all there and well-formed. Returns
  /// the place behind them, or -1, having changed nothing, for everything else: the long way then
  /// finds out what it is. Words may reach beyond `to`, inside the array: whatever they see there
  /// is refused by the final comparison with `to`.
  private static int fast(byte[] b, int from, int to, Args args) {
    int last = b.length - 8;
    int at = from;
    if (at >= to || at > last) return -1;
    long w = Words.at(b, at);
    int count;
    if ((w & 0xFFFF00FFL) == 0x0A0D002AL) { // * d \r \n
      count = (int) (w >>> 8 & 0xff) - '0';
      if (count < 1 || count > 9) return -1;
      at += 4;
    } else if ((w & 0xFFFF0000FFL) == 0x0A0D00002AL) { // * d d \r \n
      count = twoDigits((int) (w >>> 8));
      if (count < 10) return -1;
      at += 5;
    } else if ((w & 0xFFFF000000FFL) == 0x0A0D0000002AL) { // * d d d \r \n
      int high = twoDigits((int) (w >>> 8));
      int low = (int) (w >>> 24 & 0xff) - '0';
      if (high < 10 || low < 0 || low > 9) return -1;
      count = high * 10 + low;
      at += 6;
    } else {
      return -1;
    }
    long[] spans = args.spans(b, count);
    for (int i = 0; i < count; i++) {
      if (at > last) return -1;
      w = Words.at(b, at);
      int length;
      if ((w & 0xFFFF00FFL) == 0x0A0D0024L) { // $ d \r \n
        length = (int) (w >>> 8 & 0xff) - '0';
        if (length < 0 || length > 9) return -1;
        at += 4;
      } else if ((w & 0xFFFF0000FFL) == 0x0A0D000024L) { // $ d d \r \n
        length = twoDigits((int) (w >>> 8));
        if (length < 10) return -1;
        at += 5;
      } else if ((w & 0xFFFF000000FFL) == 0x0A0D00000024L) { // $ d d d \r \n
        int high = twoDigits((int) (w >>> 8));
        int low = (int) (w >>> 24 & 0xff) - '0';
        if (high < 10 || low < 0 || low > 9) return -1;
        length = high * 10 + low;
        at += 6;
      } else if ((w & 0xFFFF00000000FFL) == 0x0A0D0000000024L) { // $ d d d d \r \n
        int high = twoDigits((int) (w >>> 8));
        int low = twoDigits((int) (w >>> 24));
        if (high < 10 || low < 0) return -1;
        length = high * 100 + low;
        at += 7;
      } else {
        return -1;
      }
      spans[i] = (long) at << 32 | length;
      at += length + 2;
      if (at > to) return -1;
    }
    args.counted(count);
    return at;
  }

  /// The two digits in the low bytes of `w`, the first the lowest; negative if one isn't a digit.
  private static int twoDigits(int w) {
    int tens = (w & 0xff) - '0';
    int ones = (w >>> 8 & 0xff) - '0';
    return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
  }

  // ── The long way ──

  /// Parses in the caller's buffer; keeps what is cut off.
  private int here(byte[] buf, int from, int to, Args args) {
    args.begin(buf, 0);
    int status = parse(buf, from, to, args);
    if (status == COMPLETE) {
      position = cursor;
      return COMPLETE;
    }
    position = to;
    if (status == ERROR) {
      args.release(sink);
      return ERROR;
    }
    if (remaining == 0 && cursor == to) return INCOMPLETE;
    int first = Math.min(cursor, args.firstOffset(cursor));
    int n = to - first;
    // room for what was announced, but no more than came already: announcing costs a client nothing
    int ahead = bulk >= 0 && !pouring ? Math.min(bulk, Math.max(n, 1024)) : 0;
    int room = capacity(n + ahead);
    long bytes = room + Args.bytesFor(args.roomBegun());
    if (!reserve(bytes) && !reserveRest(bytes)) return refusedHere(buf, to, args);
    Pending p = new Pending(JavaHeap.bytes(room));
    System.arraycopy(buf, first, p.bytes, 0, n);
    p.at = cursor - first;
    p.end = n;
    p.args.begun(args);
    p.args.moved(p.bytes, first);
    pending = p;
    return tooMuch(p) ? TOO_MUCH : INCOMPLETE;
  }

  /// There is no room for what has come of the command, not even beyond the limit: it isn't kept.
  private int refusedHere(byte[] buf, int to, Args args) {
    args.release(sink);
    if (remaining == 0) { // a line
      position = cursor;
      return SHORT;
    }
    reserveAnyway(REFUSED_BYTES);
    Pending p = new Pending(JavaHeap.bytes(REFUSED_BYTES));
    pending = p;
    forget(p);
    return resume(p, buf, cursor, to, args);
  }

  /// Parses in the pending buffer, topping it up from the caller's.
  private int resume(Pending p, byte[] buf, int from, int to, Args args) {
    while (true) {
      int status = parse(p.bytes, p.at, p.end, p.args);
      p.at = cursor;
      if (status == INCOMPLETE && from < to) {
        if (pouring) {
          int n = Math.min(to - from, bulk + 2 - filled);
          pour(buf, from, n);
          from += n;
        } else if (remaining == 0 && p.at == p.end) {
          drop();
          return next(buf, from, to, args);
        } else {
          int n = wanted(p, buf, from, to);
          if (n == 0) return fail("too big bulk count string"); // of a command that is refused
          int added = append(p, buf, from, n, false);
          if (added != INCOMPLETE) {
            position = from;
            return added;
          }
          from += n;
        }
        continue;
      }
      position = from;
      if (status == COMPLETE && refusing) {
        refusing = false;
        if (p.at == p.end) drop();
        return REFUSED;
      }
      if (status == COMPLETE) {
        complete(p, args);
        return COMPLETE;
      }
      if (status == ERROR || status == SHORT) return status;
      if (remaining == 0 && p.at == p.end) {
        drop();
        return INCOMPLETE;
      }
      return tooMuch(p) ? TOO_MUCH : INCOMPLETE;
    }
  }

  /// The pending command becomes the caller's, with the account of what it takes.
  private void complete(Pending p, Args args) {
    long places = placeBytes(p);
    long keys = Args.keyBytesFor(p.args.room());
    args.adopt(p.args);
    claimed = 0;
    if (p.at == p.end) {
      args.charge(limits.heap, charged, keys);
      charged = 0;
      drop();
    } else {
      args.charge(limits.heap, places, keys);
      charged -= places;
      p.args.rest(); // what it has got in exchange
      recharge(p);
    }
  }

  /// How many bytes of `buf[from, to)` the pending command is sure to need. At least one.
  private int wanted(Pending p, byte[] buf, int from, int to) {
    if (refusing) return Math.min(to - from, p.bytes.length - (p.end - p.at));
    long n;
    if (remaining == 0) {
      int end = Words.indexOf(buf, from, to, '\n');
      n = end < 0 ? to - from : end + 1 - from;
      n = Math.min(n, LINE_MAX + 2 - Math.min(LINE_MAX, p.end - p.at));
    } else if (bulk < 0) {
      n = 6L * remaining - (p.end - p.at);
    } else {
      n = bulk + 2L + 6L * (remaining - 1) - (p.end - p.at);
    }
    return Math.clamp(n, 1, to - from);
  }

  /// The state machine: goes on in `b[at, end)` from the fields above, adding complete arguments to
  /// `args`, and says in `cursor` how far it came.
  private int parse(byte[] b, int at, int end, Args args) {
    if (error != null) return ERROR;
    while (remaining == 0) {
      cursor = at;
      if (at == end) return INCOMPLETE;
      if (b[at] != '*') {
        int status = recordsOnly ? comment(b, at, end, args) : inline(b, at, end, args);
        if (status != COMPLETE || args.count() > 0) return status;
        sawEmpty = true;
        at = cursor;
        continue;
      }
      int line = lineEnd(b, at, end, '\r');
      if (line < 0 || line + 1 >= end) {
        return line < 0 && end - at > LINE_MAX ? fail("too big mbulk count string") : INCOMPLETE;
      }
      long n = Numbers.parseLong(b, at + 1, line - at - 1, Long.MAX_VALUE);
      if (n > Integer.MAX_VALUE) return fail("invalid multibulk length");
      if (n > UNAUTHENTICATED_COUNT && !authenticated)
        return fail("unauthenticated multibulk length");
      if (n < 1 && recordsOnly) return fail("invalid multibulk length");
      searched = 0;
      at = line + 2;
      if (n > 0) {
        args.begin(b, 0); // announcing many costs a client nothing
        remaining = (int) n;
        sunkBytes = 0;
      } else {
        sawEmpty = true;
      }
    }
    while (remaining > 0) {
      cursor = at;
      if (bulk < 0) {
        int line = lineEnd(b, at, end, '\r');
        if (line < 0 || line + 1 >= end) {
          return line < 0 && end - at > LINE_MAX ? fail("too big bulk count string") : INCOMPLETE;
        }
        if (b[at] != '$') {
          int got = b[at] == '\r' || b[at] == '\n' ? ' ' : b[at] & 0xff;
          return fail("expected '$', got '" + (char) got + "'");
        }
        long n = Numbers.parseLong(b, at + 1, line - at - 1, -1);
        if (n < 0 || n > LARGE_BYTES && n > Math.min(limits.bulkBytes, ARRAY_MAX - 2))
          return fail("invalid bulk length");
        if (n > UNAUTHENTICATED_BYTES && !authenticated) return fail("unauthenticated bulk length");
        searched = 0;
        at = line + 2;
        cursor = at;
        bulk = (int) n;
        filled = 0;
        if (refusing) {
          pouring = true;
        } else if (bulk >= LARGE_BYTES) {
          node = sink.begin(bulk);
          pouring = node != 0;
        }
      }
      if (pouring) {
        int n = Math.min(end - at, bulk + 2 - filled);
        if (n > 0) pour(b, at, n);
        at += n;
        cursor = at;
        if (filled < bulk + 2) return INCOMPLETE;
        if (!refusing) {
          if (!makeRoom(args)) return SHORT;
          args.addNode(node, bulk);
        }
        node = 0;
        pouring = false;
      } else {
        if (end - at < bulk + 2) return INCOMPLETE;
        if (!makeRoom(args)) return SHORT;
        args.add(at, bulk);
        at += bulk + 2;
      }
      bulk = -1;
      remaining--;
    }
    cursor = at;
    return COMPLETE;
  }

  /// Sees to it that the command in progress can have one more argument. False if the heap has no
  /// room for its place.
  private boolean makeRoom(Args args) {
    int places = args.roomNeeded((long) args.count() + remaining);
    if (places == 0) return true;
    if (pending == null) { // in the caller's buffer, which isn't long
      args.makeRoom(places);
      return true;
    }
    long were = Args.bytesFor(args.room());
    if (claimed == 0) {
      boolean many = places > Args.FREE_KEYS;
      int all = (int) Math.min((long) args.count() + remaining, Args.MOST_PLACES);
      long bytes = Args.bytesFor(many ? all : places);
      if (!reserve(bytes)) return false;
      args.makeRoom(places);
      release(were); // counted beside the new ones, for a moment
      claimed = many ? bytes : 0;
    } else {
      args.makeRoom(places);
    }
    return true;
  }

  /// Gives `n` bytes to the argument that isn't kept here; the last two of them are its line end.
  private void pour(byte[] b, int at, int n) {
    int data = Math.min(n, bulk - filled);
    if (data > 0 && node != 0) sink.fill(node, filled, b, at, data);
    filled += n;
    sunkBytes += n;
  }

  /// The index of the line's end, or -1 if there is none within 64 KB or before a NUL.
  private int lineEnd(byte[] b, int at, int end, int c) {
    int stop = Math.min(end, at + LINE_MAX + 1);
    for (int i = at + searched; i < stop; i++) {
      if (b[i] == c) return i;
      if (b[i] == 0) {
        searched = i - at;
        return -1;
      }
    }
    searched = stop - at;
    return -1;
  }

  private int fail(String text) {
    error = "Protocol error: " + text;
    return ERROR;
  }

  /// A line that says nothing to do.
  private int comment(byte[] b, int at, int end, Args args) {
    if (b[at] != '#') return fail("expected '*', got '" + (char) (b[at] & 0xff) + "'");
    int line = lineEnd(b, at, end, '\n');
    if (line < 0) return end - at > LINE_MAX ? fail("too big line") : INCOMPLETE;
    searched = 0;
    cursor = line + 1;
    args.begin(b, 0);
    return COMPLETE;
  }

  // ── Inline requests ──

  /// A line of words, split and unescaped as a shell would: `set "a\x00b" 'it\'s'`. An unescaped
  /// word is never longer than its source, so it is written over it.
  private int inline(byte[] b, int at, int end, Args args) {
    int line = lineEnd(b, at, end, '\n');
    if (line < 0) return end - at > LINE_MAX ? fail("too big inline request") : INCOMPLETE;
    searched = 0;
    cursor = line + 1;
    int stop = line > at && b[line - 1] == '\r' ? line - 1 : line;
    args.begin(b, 0);
    int i = at;
    while (true) {
      while (i < stop && Quoting.isSpace(b[i])) i++;
      if (i == stop) return COMPLETE;
      int to = i;
      int start = i;
      int quote = 0;
      boolean open = true;
      while (open) {
        if (i == stop) {
          if (quote != 0) return fail("unbalanced quotes in request");
          break;
        }
        int c = b[i];
        if (quote == '"') {
          if (c == '\\'
              && i + 3 < stop
              && hex(b[i + 2]) >= 0
              && hex(b[i + 3]) >= 0
              && b[i + 1] == 'x') {
            b[to++] = (byte) (hex(b[i + 2]) << 4 | hex(b[i + 3]));
            i += 3;
          } else if (c == '\\' && i + 1 < stop) {
            b[to++] = (byte) Quoting.escaped((char) b[++i]);
          } else if (c == '"') {
            open = false;
          } else {
            b[to++] = (byte) c;
          }
        } else if (quote == '\'') {
          if (c == '\\' && i + 1 < stop && b[i + 1] == '\'') {
            b[to++] = b[++i];
          } else if (c == '\'') {
            open = false;
          } else {
            b[to++] = (byte) c;
          }
        } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
          open = false;
        } else if (c == '"' || c == '\'') {
          quote = c;
        } else {
          b[to++] = (byte) c;
        }
        i++;
        if (!open && quote != 0 && i < stop && !Quoting.isSpace(b[i]))
          return fail("unbalanced quotes in request");
      }
      args.add(start, to - start);
    }
  }

  private static int hex(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    int lower = c | 32;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  }

  // ── The pending buffer ──

  private void drop() {
    pending = null;
    claimed = 0;
    if (charged != 0) release(charged);
  }

  private static int capacity(int n) {
    return n <= 128 ? 128 : (int) Math.min(ARRAY_MAX, ((long) n + 63) & -64);
  }

  /// Adds bytes behind the pending ones; bytes before the command in progress are let go when room
  /// is short.
  ///
  /// @param rest the caller can't hold them back: they may go beyond the limit
  /// @return [#INCOMPLETE]; [#SHORT], or [#TOO_MUCH] if an array can't be that long, and nothing is
  ///   added
  private int append(Pending p, byte[] buf, int from, int n, boolean rest) {
    if (n > p.bytes.length - p.end) {
      int dead = remaining > 0 ? Math.min(p.at, p.args.firstOffset(p.at)) : p.at;
      if (p.at - dead >= SPILLED_BYTES && p.args.spill(sink, dead, p.at)) {
        sunkBytes += p.at - dead;
        dead = p.at;
      }
      long live = (long) p.end - dead;
      if (live + n > ARRAY_MAX) return TOO_MUCH;
      byte[] into = p.bytes;
      boolean must = live + n > into.length;
      int ample = capacity((int) Math.clamp(2 * live, live + n, ARRAY_MAX));
      int enough = capacity((int) live + n);
      if ((must || dead < into.length / 2 && !refusing) && reserve(ample)) { // both, for a moment
        into = JavaHeap.bytes(ample);
      } else if (must) {
        if (!reserve(enough) && !(rest && reserveRest(enough))) return SHORT;
        into = JavaHeap.bytes(enough);
      }
      System.arraycopy(p.bytes, dead, into, 0, (int) live);
      if (into != p.bytes) release(p.bytes.length);
      p.bytes = into;
      p.at -= dead;
      p.end -= dead;
      p.args.moved(into, dead);
    }
    System.arraycopy(buf, from, p.bytes, p.end, n);
    p.end += n;
    return INCOMPLETE;
  }

  // ── What is ours of the budget ──

  private boolean reserve(long bytes) {
    if (charged + bytes <= HELD_MIN) {
      limits.heap.add(bytes);
    } else if (!limits.heap.hold(bytes)) {
      return false;
    }
    charged += bytes;
    return true;
  }

  /// For bytes that have come and can't be held back.
  private boolean reserveRest(long bytes) {
    if (!limits.heap.holdRest(bytes)) return false;
    charged += bytes;
    return true;
  }

  private void reserveAnyway(long bytes) {
    limits.heap.add(bytes);
    charged += bytes;
  }

  private void release(long bytes) {
    limits.heap.release(bytes);
    charged -= bytes;
  }

  /// Counts what is pending as it is now.
  private void recharge(Pending p) {
    long held = p.bytes.length + placeBytes(p);
    if (held != charged) release(charged - held);
  }

  private long placeBytes(Pending p) {
    return claimed != 0 ? claimed : Args.bytesFor(p.args.room());
  }

  /// Whether what is pending exceeds a limit.
  private boolean tooMuch(Pending p) {
    recharge(p);
    return unparsedBytes() > limits.queryBytes;
  }

  @Override
  public String toString() {
    return "reader"
        + (remaining > 0 ? ", " + remaining + " arguments to come" : "")
        + (pending == null ? "" : ", bytes " + pending.at + " to " + pending.end);
  }
}
