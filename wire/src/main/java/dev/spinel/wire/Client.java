package dev.spinel.wire;

import dev.spinel.wire.tls.Tls;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ProtocolException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/// A small blocking client for any server that speaks RESP2 or RESP3: for tests, the command line
/// and the launcher.
///
/// ```java
/// try (Client c = Client.connect("127.0.0.1", 6379)) {
///   c.command("SET", "k", "v");
///   c.send("GET", "k"); c.send("INCR", "n");       // a pipeline
///   RespValue value = c.receive(), count = c.receive();
/// }
/// ```
///
/// Pushes (RESP3) that arrive between replies are set aside for [#push]; [#receive] never answers
/// one. After SUBSCRIBE in RESP2 messages are ordinary arrays and come from `receive`. [#raw]
/// answers the next reply as the bytes that it was, for comparisons to the byte. Belongs to one
/// thread at a time.
public final class Client implements AutoCloseable {
  /// What a reply may nest, and what one string may be: a server that sends more is broken.
  private static final int NESTING_MAX = 128;

  private static final int COUNT_MAX = 1 << 28;
  private static final String CLOSED = "the server closed the connection";

  /// Null on a Unix domain socket, which knows no timeouts.
  private final @Nullable Socket socket;

  private final AutoCloseable connection;
  private final InputStream in;
  private final OutputStream out;

  private byte[] outgoing = new byte[1024];
  private int outgoingBytes;

  private byte[] incoming = new byte[16 * 1024];
  private int at;
  private int end;

  /// Where the reply that is being read starts in `incoming`, so that [#raw] has it whole.
  private int mark;

  private final ArrayDeque<RespValue.Push> pushes = new ArrayDeque<>();

  private Client(Socket socket) throws IOException {
    this.socket = socket;
    this.connection = socket;
    this.in = socket.getInputStream();
    this.out = socket.getOutputStream();
  }

  private Client(SocketChannel channel) {
    this.socket = null;
    this.connection = channel;
    this.in = Channels.newInputStream(channel);
    this.out = Channels.newOutputStream(channel);
  }

  /// Connects within 10 seconds; replies may then take 30 ([#timeoutMillis]).
  public static Client connect(String host, int port) throws IOException {
    return connect(host, port, 10_000).timeoutMillis(30_000);
  }

  /// Connects within `millis`, or, if they are 0, as long as the system tries; replies may then
  /// take any time.
  public static Client connect(String host, int port, int millis) throws IOException {
    Socket s = new Socket();
    try {
      s.setTcpNoDelay(true);
      s.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      s.connect(new InetSocketAddress(host, port), millis);
      return new Client(s);
    } catch (IOException e) {
      s.close();
      throw e;
    }
  }

  /// As [#connect(String, int, int)] with 0, with TLS.
  ///
  /// @param serverName to ask for (SNI); null: none
  public static Client connect(String host, int port, Tls tls, @Nullable String serverName)
      throws IOException {
    Client plain = connect(host, port, 0);
    Socket socket = Objects.requireNonNull(plain.socket);
    try {
      SSLSocket encrypted =
          (SSLSocket) tls.context().getSocketFactory().createSocket(socket, host, port, true);
      SSLParameters parameters = tls.parameters();
      if (serverName != null) parameters.setServerNames(List.of(new SNIHostName(serverName)));
      encrypted.setSSLParameters(parameters);
      encrypted.startHandshake();
      return new Client(encrypted);
    } catch (IOException e) {
      plain.close();
      throw new IOException("SSL_connect failed: " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      plain.close();
      throw new IOException("no name for SNI: " + serverName, e);
    }
  }

  /// Connects to a Unix domain socket. Replies may take any time: it has no timeouts.
  public static Client connectUnix(Path path) throws IOException {
    return new Client(SocketChannel.open(UnixDomainSocketAddress.of(path)));
  }

  /// How long a read may wait for bytes; 0 waits forever.
  public Client timeoutMillis(int millis) throws IOException {
    if (socket != null) socket.setSoTimeout(millis);
    return this;
  }

  /// The address of our end, as CLIENT LIST shows it.
  public String localAddress() {
    if (socket == null) return "unix";
    return socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort();
  }

  // ── Commands ──

  /// Sends one command and reads its reply. Arguments are characters 0 to 255, a byte each.
  public RespValue command(String... arguments) throws IOException {
    send(arguments);
    return receive();
  }

  public RespValue command(byte[]... arguments) throws IOException {
    send(arguments);
    return receive();
  }

  /// Queues a command of a pipeline; it leaves with the next read or [#flush].
  public void send(String... arguments) throws IOException {
    header('*', arguments.length);
    for (String a : arguments) {
      byte[] b = a.getBytes(StandardCharsets.ISO_8859_1);
      header('$', b.length);
      put(b, 0, b.length);
      crlf();
    }
  }

  public void send(byte[]... arguments) throws IOException {
    header('*', arguments.length);
    for (byte[] b : arguments) {
      header('$', b.length);
      put(b, 0, b.length);
      crlf();
    }
  }

  /// Queues bytes as they are.
  public void sendRaw(byte[] bytes) throws IOException {
    put(bytes, 0, bytes.length);
  }

  public void flush() throws IOException {
    if (outgoingBytes > 0) {
      out.write(outgoing, 0, outgoingBytes);
      outgoingBytes = 0;
    }
    out.flush();
  }

  // ── Replies ──

  /// The next reply. Pushes before it are set aside.
  public RespValue receive() throws IOException {
    flush();
    while (true) {
      mark = at;
      RespValue r = read(0);
      mark = at;
      if (!(r instanceof RespValue.Push p)) return r;
      pushes.add(p);
    }
  }

  /// The next reply or push, whatever comes first. What is queued isn't sent, so that one thread
  /// may read here while another sends.
  public RespValue next() throws IOException {
    mark = at;
    RespValue r = read(0);
    mark = at;
    return r;
  }

  /// Whether bytes that have arrived are not read yet.
  public boolean isBuffered() {
    return at < end;
  }

  /// Reads up to `n` bytes that are no RESP; answers their number, -1 at the end of the connection.
  public int readRaw(byte[] into, int from, int n) throws IOException {
    if (at == end) {
      if (n >= incoming.length) return in.read(into, from, n);
      mark = at;
      try {
        more();
      } catch (EOFException e) {
        return -1;
      }
    }
    int some = Math.min(n, end - at);
    System.arraycopy(incoming, at, into, from, some);
    at += some;
    mark = at;
    return some;
  }

  /// The next push, from those set aside or from the connection. Fails if a reply comes instead.
  public RespValue.Push push() throws IOException {
    RespValue.Push waiting = pushes.poll();
    if (waiting != null) return waiting;
    flush();
    mark = at;
    RespValue r = read(0);
    mark = at;
    if (r instanceof RespValue.Push p) return p;
    throw new IOException("a push was expected, a reply came: " + r);
  }

  /// The bytes of the next reply or push, whatever it is.
  public byte[] raw() throws IOException {
    flush();
    mark = at;
    read(0);
    byte[] b = Arrays.copyOfRange(incoming, mark, at);
    mark = at;
    return b;
  }

  /// Whatever bytes come until the server closes the connection.
  public byte[] rawUntilClosed() throws IOException {
    flush();
    mark = at;
    try {
      while (true) more();
    } catch (EOFException e) {
      byte[] b = Arrays.copyOfRange(incoming, mark, end);
      at = mark = end;
      return b;
    }
  }

  /// Whether nothing arrives within `millis`.
  public boolean isQuiet(int millis) throws IOException {
    flush();
    if (at < end || !pushes.isEmpty()) return false;
    if (socket == null) return isChannelQuiet(millis);
    int before = socket.getSoTimeout();
    socket.setSoTimeout(Math.max(1, millis));
    try {
      mark = at;
      more();
      return false;
    } catch (SocketTimeoutException e) {
      return true;
    } finally {
      socket.setSoTimeout(before);
    }
  }

  /// The same for a channel, which has no timeouts: asked again and again.
  private boolean isChannelQuiet(int millis) throws IOException {
    SocketChannel channel = (SocketChannel) connection;
    long until = System.nanoTime() + millis * 1_000_000L;
    channel.configureBlocking(false);
    try {
      mark = at = end = 0;
      while (true) {
        int n = channel.read(ByteBuffer.wrap(incoming));
        if (n < 0) throw new EOFException(CLOSED);
        end = n;
        if (n > 0) return false;
        if (System.nanoTime() >= until) return true;
        LockSupport.parkNanos(5_000_000);
      }
    } finally {
      channel.configureBlocking(true);
    }
  }

  private RespValue read(int nesting) throws IOException {
    if (nesting > NESTING_MAX) throw new IOException("a reply nests deeper than " + NESTING_MAX);
    int type = nextByte();
    return switch (type) {
      case '+' -> new RespValue.Simple(line());
      case '-' -> new RespValue.Error(line());
      case ':' -> new RespValue.Int(number());
      case '$' -> {
        long n = number();
        yield n < 0 ? new RespValue.Nil() : new RespValue.Bulk(string(n));
      }
      case '_' -> {
        line();
        yield new RespValue.Nil();
      }
      case ',' -> new RespValue.Double(line());
      case '#' -> new RespValue.Bool(line().equals("t"));
      case '(' -> new RespValue.Big(line());
      case '=' -> {
        String s = textOf(number());
        if (s.length() < 4) throw new IOException("a verbatim string without a format");
        yield new RespValue.Verbatim(s.substring(0, 3), s.substring(4));
      }
      case '!' -> new RespValue.Error(textOf(number()));
      case '*' -> {
        long n = number();
        yield n < 0 ? new RespValue.Nil() : new RespValue.Array(elements(n, 1, nesting));
      }
      case '~' -> new RespValue.Set(elements(number(), 1, nesting));
      case '>' -> new RespValue.Push(elements(number(), 1, nesting));
      case '%' -> new RespValue.Map(elements(number(), 2, nesting));
      case '|' -> {
        elements(number(), 2, nesting);
        yield read(nesting);
      }
      default -> throw new ProtocolException("got \"" + (char) type + "\" as reply type byte");
    };
  }

  private List<RespValue> elements(long n, int each, int nesting) throws IOException {
    if (n < 0 || n > COUNT_MAX) throw new IOException("an aggregate of " + n);
    List<RespValue> list = new ArrayList<>((int) Math.min(n * each, 1024));
    for (long i = 0; i < n * each; i++) list.add(read(nesting + 1));
    return list;
  }

  private String textOf(long n) throws IOException {
    return new String(string(n), StandardCharsets.ISO_8859_1);
  }

  private byte[] string(long n) throws IOException {
    if (n < 0 || n > Integer.MAX_VALUE - 64) throw new IOException("a string of " + n + " bytes");
    while (end - at < n + 2) more();
    byte[] b = Arrays.copyOfRange(incoming, at, at + (int) n);
    at += (int) n + 2;
    return b;
  }

  private long number() throws IOException {
    String text = line();
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new IOException("no number: " + text, e);
    }
  }

  private String line() throws IOException {
    int i = 0;
    while (true) {
      for (; at + i + 1 < end; i++) {
        if (incoming[at + i] == '\r' && incoming[at + i + 1] == '\n') {
          String s = new String(incoming, at, i, StandardCharsets.ISO_8859_1);
          at += i + 2;
          return s;
        }
      }
      more();
    }
  }

  private int nextByte() throws IOException {
    while (at == end) more();
    return incoming[at++] & 0xff;
  }

  /// Reads some bytes behind `end`; what stands before `mark` is let go.
  private void more() throws IOException {
    if (end == incoming.length) {
      int live = end - mark;
      byte[] into =
          mark >= incoming.length / 2
              ? incoming
              : new byte[(int) Math.min(Integer.MAX_VALUE - 16, incoming.length * 2L)];
      if (live == into.length) throw new IOException("a reply of more than 2 GB");
      System.arraycopy(incoming, mark, into, 0, live);
      incoming = into;
      at -= mark;
      end = live;
      mark = 0;
    }
    int n = in.read(incoming, end, incoming.length - end);
    if (n < 0) throw new EOFException(CLOSED);
    end += n;
  }

  private void header(int type, long n) throws IOException {
    byte[] b = new byte[LINE];
    b[0] = (byte) type;
    int to = Numbers.format(n, b, 1);
    b[to] = '\r';
    b[to + 1] = '\n';
    put(b, 0, to + 2);
  }

  private static final int LINE = 24;
  private static final byte[] CRLF = {'\r', '\n'};

  private void crlf() throws IOException {
    put(CRLF, 0, 2);
  }

  private void put(byte[] b, int from, int n) throws IOException {
    if (n > outgoing.length - outgoingBytes) {
      if (outgoing.length < 64 * 1024 && outgoingBytes + n <= 64 * 1024) {
        outgoing = Arrays.copyOf(outgoing, 64 * 1024);
      } else {
        out.write(outgoing, 0, outgoingBytes);
        outgoingBytes = 0;
        if (n > outgoing.length) {
          out.write(b, from, n);
          return;
        }
      }
    }
    System.arraycopy(b, from, outgoing, outgoingBytes, n);
    outgoingBytes += n;
  }

  /// Closes at once; what is queued is not sent.
  @Override
  public void close() {
    try {
      connection.close();
    } catch (Exception e) {
      // nothing is lost that anybody waits for
    }
  }
}
