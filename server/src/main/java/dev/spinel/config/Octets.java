package dev.spinel.config;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.spinel.wire.Quoting;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// Octets: a `String` each of whose chars stands for one byte (0 to 255).
///
/// Configuration has no encoding in Redis, and its values travel through CONFIG GET and SET as
/// bytes. Carrying them as such strings costs no copy for ASCII (the JVM stores Latin-1 strings as
/// bytes) and loses nothing. Only what is shown to people or given to the file system is decoded,
/// as UTF-8.
public final class Octets {
  private Octets() {}

  /// The octets of raw bytes, for instance of a command's argument.
  public static String of(byte[] bytes) {
    return new String(bytes, ISO_8859_1);
  }

  /// The raw bytes of octets.
  public static byte[] bytes(String octets) {
    return octets.getBytes(ISO_8859_1);
  }

  /// In double quotes, with what can't be printed escaped, as MONITOR and the configuration file
  /// show words.
  public static String quoted(String octets) {
    return Quoting.quote(octets);
  }

  /// The UTF-8 octets of an ordinary Java string, for instance of an argument of `main`.
  public static String encode(String text) {
    return isAscii(text) ? text : new String(text.getBytes(UTF_8), ISO_8859_1);
  }

  /// The ordinary Java string that octets spell in UTF-8; bytes that are not UTF-8 become U+FFFD.
  public static String decode(String octets) {
    return isAscii(octets) ? octets : new String(octets.getBytes(ISO_8859_1), UTF_8);
  }

  /// Whether octets can name a file here: the JVM takes names as text, in the encoding of the
  /// locale, and would take all bytes that aren't for the same one.
  static boolean canBePath(String octets) {
    if (isAscii(octets)) return true;
    try {
      UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(octets)));
      return !Path.of(decode(octets)).toString().isEmpty();
    } catch (CharacterCodingException | InvalidPathException e) {
      return false;
    }
  }

  private static boolean isAscii(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 0x80) return false;
    }
    return true;
  }

  /// ASCII letters in lower case, all else as it is.
  public static String lower(String octets) {
    for (int i = 0; i < octets.length(); i++) {
      char c = octets.charAt(i);
      if (c >= 'A' && c <= 'Z') return lowerFrom(octets, i);
    }
    return octets;
  }

  private static String lowerFrom(String octets, int first) {
    StringBuilder lower = new StringBuilder(octets);
    for (int i = first; i < octets.length(); i++) {
      char c = octets.charAt(i);
      if (c >= 'A' && c <= 'Z') lower.setCharAt(i, (char) (c | 0x20));
    }
    return lower.toString();
  }

  /// Equal but for the case of ASCII letters.
  static boolean same(String a, String b) {
    return a.length() == b.length() && lower(a).equals(lower(b));
  }

  /// What C sees of this: all before the first zero byte.
  static String untilZero(String octets) {
    int zero = octets.indexOf('\0');
    return zero < 0 ? octets : octets.substring(0, zero);
  }
}
