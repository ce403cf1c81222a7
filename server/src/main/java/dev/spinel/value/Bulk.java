package dev.spinel.value;

import dev.spinel.memory.Memory;
import dev.spinel.wire.Output;
import dev.spinel.wire.RespWriter;
import java.nio.ByteBuffer;

/// Bytes from memory into a reply, without an array between.
final class Bulk {
  /// What [RespWriter#beginBulk] takes.
  private static final int SMALL = 8 << 10;

  private Bulk() {}

  /// The `n` bytes at `address` as a bulk string.
  static void write(Memory m, RespWriter out, long address, int n) {
    if (n <= SMALL) {
      byte[] into = out.beginBulk(n);
      m.copyOut(address, into, out.output().at(), n);
      out.endBulk(into, n);
    } else {
      out.bulkHeader(n);
      append(m, out.output(), address, n);
      out.crlf();
    }
  }

  /// The `n` bytes at `address`, as a part of something.
  static void append(Memory m, Output out, long address, int n) {
    int done = 0;
    while (done < n) {
      ByteBuffer window = out.window(n - done);
      int piece = Math.min(n - done, window.remaining());
      window.put(m.view(address + done, piece));
      out.wrote(piece);
      done += piece;
    }
  }
}
