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
/// Memory grows with what has come, never with what a length says. Only what comes in pieces is
/// held.
public final class BusReader {
  /// Gets whole messages, or the words for the log about one that is ignored.
  public interface Sink {
    void message(BusMessage message);

    void invalid(String words);
  }

  private static final int PREFIX_BYTES = 16; // signature, length, version, port, type, count
  private static final int MESSAGE_BYTES_MAX = 32 << 20;
  private static final int PUBLISH_BYTES_MAX = 1 << 30;

  private static final int KEPT_BYTES_MAX = 16 << 10;
  private static final byte[] NOTHING = {};

  private byte[] held = NOTHING; // the beginning of a message
  private int count;
  private @Nullable String error;

  /// Why the link can't go on, or null.
  public @Nullable String error() {
    return error;
  }

  public void feed(byte[] bytes, int from, int to, Sink sink) {
    int at = from;
    while (at < to && error == null) {
      int whole = count == 0 ? whole(bytes, at, to) : 0;
      if (whole > 0) {
        deliver(Arrays.copyOfRange(bytes, at, at + whole), sink);
        at += whole;
        continue;
      }
      int wanted = wanted();
      int n = Math.min(to - at, wanted - count);
      if (count + n > held.length) {
        held = Arrays.copyOf(held, Math.min(wanted, Math.max(count + n, held.length * 2)));
      }
      System.arraycopy(bytes, at, held, count, n);
      count += n;
      at += n;
      if (count == PREFIX_BYTES) {
        check(held, 0);
      } else if (count > PREFIX_BYTES && count == length(held, 0)) {
        byte[] message = Arrays.copyOf(held, count);
        count = 0;
        if (held.length > KEPT_BYTES_MAX) {
          held = NOTHING;
        }
        deliver(message, sink);
      }
    }
  }

  /// The length of the message that begins there, if all of it is there and may be one; else 0.
  private int whole(byte[] bytes, int at, int to) {
    if (to - at < PREFIX_BYTES) {
      return 0;
    }
    check(bytes, at);
    return error == null && length(bytes, at) <= to - at ? length(bytes, at) : 0;
  }

  private int wanted() {
    return count < PREFIX_BYTES ? PREFIX_BYTES : length(held, 0);
  }

  private static int length(byte[] bytes, int at) {
    return number(bytes, at + 4) << 16 | number(bytes, at + 6);
  }

  private static int number(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }

  private void check(byte[] bytes, int at) {
    long length = length(bytes, at) & 0xffffffffL;
    int type = number(bytes, at + 12);
    boolean publishes = type == BusType.PUBLISH.ordinal() || type == BusType.PUBLISHSHARD.ordinal();
    if (bytes[at] != 'R'
        || bytes[at + 1] != 'C'
        || bytes[at + 2] != 'm'
        || bytes[at + 3] != 'b'
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
