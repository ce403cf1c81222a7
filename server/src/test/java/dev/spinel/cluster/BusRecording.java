package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// Packets of real servers, as text: a line each, bytes in hexadecimal digits, and `[n*bb]` for a
/// byte that comes n times. Made by [BusRecorder].
public final class BusRecording {
  private BusRecording() {}

  /// All packets of a recording beside this class.
  public static List<byte[]> read(String name) {
    try (InputStream in = BusRecording.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      return text.lines().filter(line -> !line.startsWith("#")).map(BusRecording::bytes).toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static byte[] bytes(String line) {
    StringBuilder hex = new StringBuilder();
    for (int at = 0; at < line.length(); ) {
      if (line.charAt(at) == '[') {
        int star = line.indexOf('*', at);
        int count = Integer.parseInt(line.substring(at + 1, star));
        hex.append(line.substring(star + 1, star + 3).repeat(count));
        at = star + 4;
      } else {
        hex.append(line.charAt(at++));
      }
    }
    return HexFormat.of().parseHex(hex);
  }

  static String line(byte[] bytes) {
    StringBuilder line = new StringBuilder();
    for (int at = 0; at < bytes.length; ) {
      int same = at;
      while (same < bytes.length && bytes[same] == bytes[at]) {
        same++;
      }
      String digits = HexFormat.of().toHexDigits(bytes[at]);
      if (same - at >= 8) {
        line.append('[').append(same - at).append('*').append(digits).append(']');
        at = same;
      } else {
        line.append(digits);
        at++;
      }
    }
    return line.toString();
  }

  /// Whole messages out of what has come over a link; the rest is left.
  static List<byte[]> cut(StringBuilder come) {
    List<byte[]> messages = new ArrayList<>();
    while (come.length() >= 8) {
      int length = 0;
      for (int i = 4; i < 8; i++) {
        length = length << 8 | come.charAt(i);
      }
      if (come.length() < length) {
        break;
      }
      messages.add(come.substring(0, length).getBytes(StandardCharsets.ISO_8859_1));
      come.delete(0, length);
    }
    return messages;
  }
}
