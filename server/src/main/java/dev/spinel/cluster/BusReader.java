package dev.spinel.cluster;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Cuts the bytes of a link of the bus into messages, as they come.
///
/// ```java
/// reader.feed(bytes, from, to, message -> …);
/// if (reader.error() != null) link.close(reader.error());
/// ```
///
/// Memory grows with what has come, never with what a length says.
public final class BusReader {
  /// Gets whole messages, or the words for the log about one that is ignored.
  public interface Sink {
    void message(BusMessage message);

    void invalid(String words);
  }

  private static final int PREFIX_BYTES = 16; // signature, length, version, port, type, count
  private static final int MESSAGE_BYTES_MAX = 32 << 20;
  private static final int PUBLISH_BYTES_MAX = 1 << 30;

  private byte[] held = new byte[4096];
  private int count;
  private @Nullable String error;

  /// Why the link can't go on, or null.
  public @Nullable String error() {
    return error;
  }

  public void feed(byte[] bytes, int from, int to, Sink sink) {
    int at = from;
    while (at < to && error == null) {
      int wanted = wanted();
      int n = Math.min(to - at, wanted - count);
      if (count + n > held.length) {
        held = Arrays.copyOf(held, Math.min(wanted, Math.max(count + n, held.length * 2)));
      }
      System.arraycopy(bytes, at, held, count, n);
      count += n;
      at += n;
      if (count == PREFIX_BYTES) {
        check();
      } else if (count > PREFIX_BYTES && count == length()) {
        byte[] message = Arrays.copyOf(held, count);
        count = 0;
        if (held.length > 64 << 10) {
          held = new byte[4096];
        }
        deliver(message, sink);
      }
    }
  }

  private int wanted() {
    return count < PREFIX_BYTES ? PREFIX_BYTES : length();
  }

  private int length() {
    return number(4) << 16 | number(6);
  }

  private int number(int at) {
    return (held[at] & 0xff) << 8 | (held[at + 1] & 0xff);
  }

  private void check() {
    long length = length() & 0xffffffffL;
    int type = number(12);
    boolean publishes = type == BusType.PUBLISH.ordinal() || type == BusType.PUBLISHSHARD.ordinal();
    if (held[0] != 'R'
        || held[1] != 'C'
        || held[2] != 'm'
        || held[3] != 'b'
        || length < BusCodec.HEADER_BYTES) {
      error = "Bad message length or signature received on the Cluster bus";
    } else if (length > (publishes ? PUBLISH_BYTES_MAX : MESSAGE_BYTES_MAX)) {
      error = "A message of " + length + " bytes received on the Cluster bus: that is too long";
    }
  }

  private static void deliver(byte[] bytes, Sink sink) {
    BusMessage message;
    try {
      message = BusCodec.decode(bytes);
    } catch (BusCodec.Invalid e) {
      sink.invalid(String.valueOf(e.getMessage()));
      return;
    }
    sink.message(message);
  }
}
