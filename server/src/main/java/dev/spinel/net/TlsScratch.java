package dev.spinel.net;

import java.nio.ByteBuffer;

/// Arrays through which all TLS connections of a loop go, each only for the length of a call: an
/// idle connection holds none. Loop thread.
final class TlsScratch {
  /// Plain text of one record, the most that TLS allows.
  private static final int PLAIN_BYTES = 16 << 10;

  /// The largest record that the JDK makes or takes, and some.
  static final int RECORD_BYTES = 18 << 10;

  /// What was received: the rest of a record from before, and what came now.
  final byte[] received = new byte[RECORD_BYTES + Loop.READ_BYTES_PER_SOCKET];

  final ByteBuffer plain = ByteBuffer.allocate(PLAIN_BYTES);
  final ByteBuffer record = ByteBuffer.allocate(RECORD_BYTES);
}
