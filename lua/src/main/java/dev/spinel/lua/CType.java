package dev.spinel.lua;

/// C's `ctype.h` in the C locale: classes of the bytes 0 to 255, and their letters' case.
final class CType {
  private static final int ALPHA = 1;
  private static final int DIGIT = 2;
  private static final int LOWER = 4;
  private static final int UPPER = 8;
  private static final int SPACE = 16;
  private static final int CONTROL = 32;
  private static final int PUNCTUATION = 64;
  private static final int HEX = 128;

  private static final byte[] CLASSES = new byte[256];

  static {
    for (int c = 0; c < 128; c++) {
      int bits = 0;
      if (c >= 'a' && c <= 'z') bits |= ALPHA | LOWER;
      if (c >= 'A' && c <= 'Z') bits |= ALPHA | UPPER;
      if (c >= '0' && c <= '9') bits |= DIGIT | HEX;
      if (c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') bits |= HEX;
      if (c == ' ' || c >= '\t' && c <= '\r') bits |= SPACE;
      if (c < 32 || c == 127) bits |= CONTROL;
      if (c > 32 && c < 127 && (bits & (ALPHA | DIGIT)) == 0) bits |= PUNCTUATION;
      CLASSES[c] = (byte) bits;
    }
  }

  private CType() {}

  static boolean isAlpha(int c) {
    return (CLASSES[c] & ALPHA) != 0;
  }

  static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  static boolean isAlnum(int c) {
    return (CLASSES[c] & (ALPHA | DIGIT)) != 0;
  }

  static boolean isLower(int c) {
    return (CLASSES[c] & LOWER) != 0;
  }

  static boolean isUpper(int c) {
    return (CLASSES[c] & UPPER) != 0;
  }

  static boolean isSpace(int c) {
    return (CLASSES[c] & SPACE) != 0;
  }

  static boolean isControl(int c) {
    return (CLASSES[c] & CONTROL) != 0;
  }

  static boolean isPunctuation(int c) {
    return (CLASSES[c] & PUNCTUATION) != 0;
  }

  static boolean isHex(int c) {
    return (CLASSES[c] & HEX) != 0;
  }

  static int toLower(int c) {
    return isUpper(c) ? c + 32 : c;
  }

  static int toUpper(int c) {
    return isLower(c) ? c - 32 : c;
  }
}
