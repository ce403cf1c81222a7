package dev.spinel.cli.benchmark;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;

/// TLS on a connected socket. The handshake waits for the server; after it reading and writing wait
/// no more than the socket does, so that a selector may watch it. One thread's.
final class TlsChannel implements ByteChannel {
  private final SocketChannel socket;
  private final SSLEngine engine;
  private final ByteBuffer incoming; // what has come and isn't decrypted; filled at its position
  private final ByteBuffer outgoing; // what is encrypted and hasn't left
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /// Shakes hands.
  ///
  /// @param socket connected, and blocking
  /// @param engine of a client
  TlsChannel(SocketChannel socket, SSLEngine engine) throws IOException {
    this.socket = socket;
    this.engine = engine;
    int packet = engine.getSession().getPacketBufferSize();
    incoming = ByteBuffer.allocate(2 * packet);
    outgoing = ByteBuffer.allocate(packet).limit(0);
    engine.beginHandshake();
    ByteBuffer none = ByteBuffer.allocate(engine.getSession().getApplicationBufferSize());
    while (isShaking()) {
      if (engine.getHandshakeStatus() == HandshakeStatus.NEED_UNWRAP && !decrypt(none)) {
        if (socket.read(incoming) < 0) throw new EOFException("Server closed the connection");
      }
    }
  }

  /// Takes a step of a handshake, unless it has to hear the server. Returns whether one is under
  /// way.
  private boolean isShaking() throws IOException {
    while (true) {
      switch (engine.getHandshakeStatus()) {
        case NEED_TASK -> engine.getDelegatedTask().run();
        case NEED_WRAP -> {
          if (!encrypt(NOTHING)) return true;
        }
        case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
          return true;
        }
        case FINISHED, NOT_HANDSHAKING -> {
          return false;
        }
      }
    }
  }

  /// Decrypts one record. Returns false if none is there, or it finds no room.
  private boolean decrypt(ByteBuffer into) throws IOException {
    incoming.flip();
    SSLEngineResult result = engine.unwrap(incoming, into);
    incoming.compact();
    return switch (result.getStatus()) {
      case OK -> true;
      case BUFFER_UNDERFLOW, BUFFER_OVERFLOW -> false;
      case CLOSED -> throw new EOFException("Server closed the connection");
    };
  }

  /// Encrypts one record, once the last one has left. Returns whether it has.
  private boolean encrypt(ByteBuffer from) throws IOException {
    if (!flush()) return false;
    outgoing.clear();
    SSLEngineResult result = engine.wrap(from, outgoing);
    outgoing.flip();
    if (result.getStatus() == SSLEngineResult.Status.CLOSED) {
      throw new EOFException("Server closed the connection");
    }
    return flush();
  }

  /// Writes what is encrypted. Returns false if the socket takes no more just now.
  boolean flush() throws IOException {
    while (outgoing.hasRemaining()) if (socket.write(outgoing) == 0) return false;
    return true;
  }

  /// Bytes that are decrypted, as many as find room; 0 if there are none, also in the socket.
  @Override
  public int read(ByteBuffer into) throws IOException {
    int before = into.position();
    boolean isOpen = true;
    while (true) {
      boolean any = decrypt(into);
      if (any) {
        if (isShaking() && !flush()) break; // a new key: said when the socket takes it
        continue;
      }
      if (into.position() > before || !isOpen) break; // the rest next time
      int n = socket.read(incoming);
      if (n == 0) break;
      isOpen = n > 0;
      if (!isOpen && incoming.position() == 0) return -1;
    }
    return into.position() == before && !isOpen ? -1 : into.position() - before;
  }

  @Override
  public int write(ByteBuffer from) throws IOException {
    int before = from.remaining();
    while (from.hasRemaining()) if (!encrypt(from)) break;
    return before - from.remaining();
  }

  @Override
  public boolean isOpen() {
    return socket.isOpen();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
