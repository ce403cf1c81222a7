package dev.spinel.wire;

/// Replies in RESP2 or RESP3, written to the [Output] of a connection. One per loop, pointed at one
/// connection after the other with [#on], so it costs nothing per command. Belongs to its thread.
///
/// Where RESP2 has no such type, the method writes what Redis 7.2 does: maps and sets as arrays,
/// booleans as integers, doubles, big numbers and verbatim strings as bulks.
public final class RespWriter {
  private static final byte[] OK = {'+', 'O', 'K', '\r', '\n'};
  private static final byte[] NIL2 = {'$', '-', '1', '\r', '\n'};
  private static final byte[] NIL_ARRAY2 = {'*', '-', '1', '\r', '\n'};
  private static final byte[] NIL3 = {'_', '\r', '\n'};

  /// Values up to here are copied together with their header.
  private static final int SMALL = 4096;

  private Output out;
  private int protocol = 2;

  /// Types of the deferred headers that are open, as RESP3 knows them.
  private byte[] deferred = new byte[8];

  private int open;

  /// Pointed at nothing yet: [#on] comes first.
  @SuppressWarnings("NullAway")
  public RespWriter() {}

  public RespWriter(Output out, int protocol) {
    on(out, protocol);
  }

  /// From here on replies go to `out`, in protocol 2 or 3.
  public RespWriter on(Output out, int protocol) {
    assert protocol == 2 || protocol == 3;
    assert open == 0 : "a deferred length was not closed";
    this.out = out;
    this.protocol = protocol;
    return this;
  }

  public Output output() {
    return out;
  }

  public int protocol() {
    return protocol;
  }

  /// HELLO changes it in the middle.
  public void protocol(int protocol) {
    this.protocol = protocol;
  }

  public boolean isResp3() {
    return protocol == 3;
  }

  // ── Lines ──

  public void ok() {
    out.write(OK, 0, OK.length);
  }

  /// A status; ASCII without line ends.
  public void simple(String text) {
    line('+', text);
  }

  /// An error, with its code: "ERR no such key". Line ends in it become spaces, as they would break
  /// the protocol.
  public void error(String text) {
    int end = text.length();
    while (end > 0 && isLineEnd(text.charAt(end - 1))) end--;
    int start = 0;
    while (start < end && isLineEnd(text.charAt(start))) start++;
    String t = start > 0 || end < text.length() ? text.substring(start, end) : text;
    if (t.indexOf('\r') >= 0 || t.indexOf('\n') >= 0) t = t.replace('\r', ' ').replace('\n', ' ');
    line('-', t);
  }

  private static boolean isLineEnd(char c) {
    return c == '\r' || c == '\n';
  }

  private void line(int type, String text) {
    out.write((byte) type);
    out.write(text);
    crlf();
  }

  public void integer(long v) {
    header(':', v);
  }

  /// Bytes that are a reply already.
  public void raw(byte[] reply) {
    out.write(reply, 0, reply.length);
  }

  public void crlf() {
    byte[] b = out.reserve(2);
    int at = out.at();
    b[at] = '\r';
    b[at + 1] = '\n';
    out.advance(at + 2);
  }

  // ── Strings ──

  public void bulk(byte[] b) {
    bulk(b, 0, b.length);
  }

  public void bulk(byte[] b, int from, int n) {
    if (n > SMALL) {
      header('$', n);
      out.write(b, from, n);
      crlf();
      return;
    }
    byte[] into = out.reserve(n + 16);
    int at = header(into, out.at(), '$', n);
    System.arraycopy(b, from, into, at, n);
    at += n;
    into[at] = '\r';
    into[at + 1] = '\n';
    out.advance(at + 2);
  }

  /// The slice's bytes; not for nodes, which the server writes from where they are.
  public void bulk(Slice s) {
    assert s.node == 0;
    bulk(s.array, s.offset, s.length);
  }

  /// The characters of `text` as bytes, one each.
  public void bulk(String text) {
    header('$', text.length());
    out.write(text);
    crlf();
  }

  public void bulk(long v) {
    byte[] b = out.reserve(32);
    int at = out.at();
    int n = Numbers.digits(v) + (v < 0 ? 1 : 0);
    at = Numbers.format(v, b, header(b, at, '$', n));
    b[at] = '\r';
    b[at + 1] = '\n';
    out.advance(at + 2);
  }

  /// The header of a bulk of `n` bytes; the bytes ([Output#write], [Output#window]) and [#crlf]
  /// follow.
  public void bulkHeader(long n) {
    header('$', n);
  }

  /// For values that are elsewhere: the header of a bulk of `n` bytes (at most 8 KB), and an array
  /// whose free place `output().at()` has room for them. Put them there, then [#endBulk].
  public byte[] beginBulk(int n) {
    byte[] b = out.reserve(n + 16);
    out.advance(header(b, out.at(), '$', n));
    return b;
  }

  /// The `n` bytes are in the array that [#beginBulk] gave.
  public void endBulk(byte[] into, int n) {
    int at = out.at() + n;
    into[at] = '\r';
    into[at + 1] = '\n';
    out.advance(at + 2);
  }

  public void nil() {
    byte[] b = protocol == 2 ? NIL2 : NIL3;
    out.write(b, 0, b.length);
  }

  public void nilArray() {
    byte[] b = protocol == 2 ? NIL_ARRAY2 : NIL3;
    out.write(b, 0, b.length);
  }

  /// A text of a format of three letters ("txt", "mkd").
  public void verbatim(String format, byte[] text) {
    assert format.length() == 3;
    if (protocol == 2) {
      bulk(text);
      return;
    }
    header('=', text.length + 4);
    out.write(format);
    out.write((byte) ':');
    out.write(text, 0, text.length);
    crlf();
  }

  // ── Numbers ──

  public void doubleValue(double v) {
    byte[] b = out.reserve(2 * Numbers.DOUBLE_CHARS);
    int at = out.at();
    // "$nn\r\n" comes before it: formatted where a two-digit length puts it, moved if it has one
    // digit
    int first = at + (protocol == 2 ? 5 : 1);
    int end = Numbers.format(v, b, first);
    if (protocol == 2) {
      int n = end - first;
      int to = header(b, at, '$', n);
      if (to == first - 1) {
        System.arraycopy(b, first, b, to, n);
        end--;
      }
    } else {
      b[at] = ',';
    }
    b[end] = '\r';
    b[end + 1] = '\n';
    out.advance(end + 2);
  }

  /// A long double in its human form ([LongDouble#human]).
  public void humanDouble(byte[] text) {
    if (protocol == 2) bulk(text);
    else typed(',', text);
  }

  public void bool(boolean v) {
    if (protocol == 2) {
      integer(v ? 1 : 0);
      return;
    }
    byte[] b = out.reserve(4);
    int at = out.at();
    b[at] = '#';
    b[at + 1] = (byte) (v ? 't' : 'f');
    b[at + 2] = '\r';
    b[at + 3] = '\n';
    out.advance(at + 4);
  }

  /// An integer of any length, as digits.
  public void bigNumber(byte[] digits) {
    if (protocol == 2) bulk(digits);
    else typed('(', digits);
  }

  private void typed(int type, byte[] text) {
    out.write((byte) type);
    out.write(text, 0, text.length);
    crlf();
  }

  // ── Aggregates: the header, then that many elements ──

  public void array(long n) {
    header('*', n);
  }

  /// `n` pairs.
  public void map(long n) {
    if (protocol == 2) header('*', 2 * n);
    else header('%', n);
  }

  public void set(long n) {
    header(protocol == 2 ? '*' : '~', n);
  }

  /// Out of band data; in RESP2 the array that pub/sub uses.
  public void push(long n) {
    header(protocol == 2 ? '*' : '>', n);
  }

  /// `n` pairs about the reply that follows; only in RESP3.
  public void attribute(long n) {
    assert protocol == 3;
    header('|', n);
  }

  /// An array whose length is told by [#closeArray] when its elements are written.
  public void deferArray() {
    defer('*');
  }

  /// A map; its pairs are told by [#closeArray].
  public void deferMap() {
    defer('%');
  }

  /// A set; its length is told by [#closeArray].
  public void deferSet() {
    defer('~');
  }

  /// A push; its length is told by [#closeArray].
  public void deferPush() {
    defer('>');
  }

  private void defer(int type) {
    if (open == deferred.length) deferred = java.util.Arrays.copyOf(deferred, open * 2);
    deferred[open++] = (byte) type;
    out.defer();
  }

  /// The innermost deferred aggregate has `n` elements, or pairs.
  public void closeArray(long n) {
    int type = deferred[--open];
    if (protocol == 2) {
      if (type == '%') n *= 2;
      type = '*';
    }
    out.settle(type, n);
  }

  /// The reply ends in the middle, whatever is open.
  public void abandon() {
    open = 0;
    out.abandon();
  }

  // ── Headers ──

  private void header(int type, long v) {
    byte[] b = out.reserve(24);
    out.advance(header(b, out.at(), type, v));
  }

  private static int header(byte[] b, int at, int type, long v) {
    b[at] = (byte) type;
    if (v >= 0 && v < 10) {
      b[at + 1] = (byte) ('0' + v);
      at += 2;
    } else {
      at = Numbers.format(v, b, at + 1);
    }
    b[at] = '\r';
    b[at + 1] = '\n';
    return at + 2;
  }
}
