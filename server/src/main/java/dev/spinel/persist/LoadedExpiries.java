package dev.spinel.persist;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// The keys of a dump file that a primary leaves out when it starts, as their time is over, as
/// commands that delete them: its replicas still have them. Belongs to the thread that loads.
final class LoadedExpiries {
  private final long mostBytes;
  private @Nullable ByteArrayOutputStream commands = new ByteArrayOutputStream();
  private int database = -1;

  /// @param mostBytes that are kept: with more of them no replica could go on with the stream
  LoadedExpiries(long mostBytes) {
    this.mostBytes = mostBytes;
  }

  void add(int number, byte[] key) {
    ByteArrayOutputStream to = commands;
    if (to == null) {
      return;
    }
    if (number != database) {
      database = number;
      String text = Integer.toString(number);
      write(to, "*2\r\n$6\r\nSELECT\r\n$" + text.length() + "\r\n" + text + "\r\n");
    }
    write(to, "*2\r\n$3\r\nDEL\r\n$" + key.length + "\r\n");
    to.write(key, 0, key.length);
    write(to, "\r\n");
    if (to.size() > mostBytes) {
      commands = null;
    }
  }

  private static void write(ByteArrayOutputStream to, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    to.write(bytes, 0, bytes.length);
  }

  /// The commands; null if there were too many.
  byte @Nullable [] commands() {
    ByteArrayOutputStream all = commands;
    return all == null ? null : all.toByteArray();
  }
}
