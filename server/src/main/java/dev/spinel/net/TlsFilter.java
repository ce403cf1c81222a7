package dev.spinel.net;

import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.Output;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;

/// TLS between a connection's handler, which sees plain text, and its socket, which sees records.
///
/// ```
///   socket ─► Transport.read ─► received (the loop's) ─► decrypt ─► the loop's array ─► handler
///                                  │ ▲ partial: the beginning of a record that hasn't come whole
///   handler ─► Connection.output ─► encrypt ─► records ─► Transport.write ─► socket
/// ```
///
/// Plain text stays in the connection's output, bound to positions and bounded as ever, until its
/// socket takes more: at most [#WAITING_BYTES] of records wait. The handshake, and what TLS has to
/// say later (tickets, new keys, alerts), goes the same way; whatever has been added to `records`
/// leaves with the turn, as the connection has itself touched. What an engine wants computed is
/// computed on the loop: a millisecond or two for a new client, nothing for one that comes back.
///
/// Loop thread. Driven directly and not through a library, as both transports write from an
/// [Output] and fill arrays of the loop (`docs/adr/052-tls.md`).
final class TlsFilter {
  /// Records that wait for the socket before more is encrypted.
  private static final int WAITING_BYTES = 256 << 10;

  private static final String ONE_HANDSHAKE = "TLSv1.3"; // where only the first one needs tasks
  private static final int HANDSHAKE = 22; // the first byte of such a record
  private static final byte[] NOTHING = {};
  private static final ByteBuffer NO_TEXT = ByteBuffer.allocate(0);

  private final SSLEngine engine;
  private final TlsScratch scratch;

  /// What goes to the socket.
  final Output records;

  private byte[] partial = NOTHING;
  private boolean stands; // the first handshake is over
  private boolean heard; // at least one record has come
  private boolean isPlain; // the peer doesn't speak TLS, so it couldn't read an alert

  TlsFilter(SSLEngine engine, TlsScratch scratch, Output records) {
    this.engine = engine;
    this.scratch = scratch;
    this.records = records;
  }

  /// Begins the handshake; a client speaks first.
  void begin() throws IOException {
    engine.beginHandshake();
    goOn(engine.getHandshakeStatus());
  }

  // ── input ──

  /// As [Transport#read], of plain text; may add to `records`. Throws the reason if TLS fails;
  /// there may be an alert in `records` then.
  int read(Transport transport, Connection connection, byte[] into, int at, int room)
      throws IOException {
    byte[] received = scratch.received;
    int rest = partial.length;
    System.arraycopy(partial, 0, received, 0, rest);
    int n = transport.read(connection, received, rest, room - rest);
    if (n <= 0) {
      return n; // without a farewell, too: what is missing is missing in the protocol above
    }
    ByteBuffer source = ByteBuffer.wrap(received, 0, rest + n);
    ByteBuffer target = ByteBuffer.wrap(into, at, Math.min(room, into.length - at));
    try {
      boolean over = decrypt(source, target);
      heard |= source.position() > 0;
      int left = source.remaining();
      partial =
          left == 0 || over ? NOTHING : Arrays.copyOfRange(received, source.position(), rest + n);
      int text = target.position() - at;
      return text == 0 && over ? -1 : text;
    } catch (SSLException e) {
      isPlain = !heard && received[0] != HANDSHAKE;
      if (!isPlain) {
        goOn(engine.getHandshakeStatus()); // its alert
      }
      throw e;
    }
  }

  /// Returns whether the peer has said farewell.
  private boolean decrypt(ByteBuffer source, ByteBuffer target) throws SSLException {
    assert JavaHeap.point();
    while (true) {
      SSLEngineResult result = engine.unwrap(source, target);
      goOn(result.getHandshakeStatus());
      switch (result.getStatus()) {
        case CLOSED -> {
          return true;
        }
        case BUFFER_UNDERFLOW, BUFFER_OVERFLOW -> {
          // Whole records always fit. But the engine looks for room before it looks whether the
          // last record is whole.
          return false;
        }
        case OK -> {
          if (!source.hasRemaining()) {
            return false;
          }
        }
      }
    }
  }

  /// Does what the handshake needs of this side, until it needs the other.
  private void goOn(HandshakeStatus status) throws SSLException {
    while (true) {
      switch (status) {
        case NEED_TASK -> {
          if (engine.isOutboundDone()) {
            return; // refused below
          }
          refuseRenegotiation();
          for (Runnable task; (task = engine.getDelegatedTask()) != null; ) {
            task.run();
          }
          status = engine.getHandshakeStatus();
        }
        case NEED_WRAP -> {
          SSLEngineResult result = wrap(NO_TEXT);
          status = result.getHandshakeStatus();
          if (result.getStatus() == Status.CLOSED && result.bytesProduced() == 0) {
            return;
          }
        }
        case FINISHED -> {
          stands = true;
          status = engine.getHandshakeStatus();
        }
        case NOT_HANDSHAKING -> {
          stands = true;
          return;
        }
        default -> {
          return;
        }
      }
    }
  }

  /// Up to TLS 1.2 a peer may ask for another handshake at any time, and this side would pay for
  /// it: a few clients could keep a server busy. Redis's library refuses it, too; TLS 1.3 has none.
  private void refuseRenegotiation() throws SSLException {
    if (stands && !engine.getSession().getProtocol().equals(ONE_HANDSHAKE)) {
      engine.closeOutbound();
      throw new SSLException("the peer asks for another handshake, which is refused");
    }
  }

  // ── output ──

  /// Encrypts what of `plain` may leave, as long as little waits for the socket. Returns how many
  /// bytes of it.
  long encrypt(Output plain, long released) throws IOException {
    long total = 0;
    while (stands && records.pendingBytes() < WAITING_BYTES) {
      ByteBuffer text = scratch.plain.clear();
      if (plain.peek(text, released) == 0) {
        break;
      }
      text.flip();
      SSLEngineResult result = wrap(text);
      plain.consume(result.bytesConsumed());
      total += result.bytesConsumed();
      if (result.getStatus() != Status.OK) {
        throw new IOException("the peer takes nothing more");
      }
      if (result.bytesConsumed() == 0) {
        goOn(result.getHandshakeStatus()); // new keys first
        if (engine.getHandshakeStatus() != HandshakeStatus.NOT_HANDSHAKING) {
          break;
        }
      }
    }
    return total;
  }

  private SSLEngineResult wrap(ByteBuffer text) throws SSLException {
    ByteBuffer record = scratch.record.clear();
    SSLEngineResult result = engine.wrap(text, record);
    records.write(record.array(), 0, record.position());
    return result;
  }

  // ── the end ──

  /// Adds the farewell to `records`.
  void farewell() throws SSLException {
    if (!isPlain && !engine.isOutboundDone()) {
      engine.closeOutbound();
      goOn(engine.getHandshakeStatus());
    }
  }

  void close() {
    partial = NOTHING;
    records.close();
  }
}
