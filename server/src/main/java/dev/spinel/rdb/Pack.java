package dev.spinel.rdb;

import dev.spinel.value.Listpack;
import java.util.Locale;

/// Many elements in one string: listpacks, and what Redis had before them. Read element by element,
/// with every byte checked on the way: once [#next] has said that there is no more, the whole is
/// valid.
///
/// ```java
/// pack.open(string);
/// while (pack.next()) {
///   if (pack.isInteger()) … pack.integer() …
///   else … pack.textLength(), then its bytes from the string, or pack.pass() …
/// }
/// ```
///
/// Integers and texts are told apart as the format does it: a text may be one that ought to have
/// been an integer ([#isMisfit]).
abstract class Pack {
  static final int END = 0xff;

  final StringInput string;
  private String whose = "";
  private boolean integer;
  private long value;
  private int textLength;
  private long textEnd; // position in the string
  private long count;

  Pack(StringInput string) {
    this.string = string;
  }

  /// What errors call it in front of its own name: `Hash `.
  final void whose(String words) {
    whose = words;
  }

  /// Begins with the string that was opened, at its first byte.
  final void open() {
    textEnd = 0;
    count = 0;
    begin();
  }

  /// Goes to the next element; false at the end.
  final boolean next() {
    if (string.position() < textEnd) pass();
    if (!read()) return false;
    count++;
    return true;
  }

  /// Reads the header.
  abstract void begin();

  /// Reads up to the next element's text, or behind its integer. False at the end, which is where
  /// it should be.
  abstract boolean read();

  final void foundInteger(long value) {
    integer = true;
    this.value = value;
  }

  /// The next `length` bytes are a text; `behind` more must follow it in any case.
  final void foundText(long length, int behind) {
    if (length > left() - behind) throw corrupt("an element reaches beyond the end");
    integer = false;
    textLength = (int) length;
    textEnd = string.position() + length;
  }

  /// How many elements there have been.
  final long count() {
    return count;
  }

  final long left() {
    return string.length() - string.position();
  }

  final int u8() {
    if (left() < 1) throw corrupt("an element reaches beyond the end");
    return string.u8();
  }

  final long little(int n) {
    if (left() < n) throw corrupt("an element reaches beyond the end");
    return string.little(n);
  }

  final RdbException corrupt(String what) {
    String name = whose.isEmpty() ? name() : whose + name().toLowerCase(Locale.ROOT);
    return string.in().corrupt(name + " integrity check failed: " + what);
  }

  abstract String name();

  // ── the element at hand ──

  final boolean isInteger() {
    return integer;
  }

  final long integer() {
    return value;
  }

  final int textLength() {
    return textLength;
  }

  /// Passes over the text.
  final void pass() {
    int n = (int) (textEnd - string.position());
    if (string.isWhole()) {
      string.pass(n);
    } else {
      byte[] some = new byte[Math.min(n, 8 << 10)];
      for (int left = n; left > 0; left -= some.length) {
        string.read(some, 0, Math.min(left, some.length));
      }
    }
  }

  /// Whether the text, of a string in one piece, is an integer in decimal: [Listpack] would have it
  /// as such.
  final boolean isMisfit() {
    return !integer && Listpack.canonical(string.array(), string.at(), textLength);
  }

  /// Takes the element as text.
  final void take(Element into, int most) {
    if (integer) into.set(value);
    else into.take(string, textLength, most);
  }

  // ── the formats ──

  /// [Listpack].
  static final class OfListpack extends Pack {
    private static final int SHORTEST = 7;
    private static final int UNKNOWN_COUNT = 0xffff;

    private int said;
    private long encoded; // bytes of the element at hand, as its end must say backwards

    OfListpack(StringInput string) {
      super(string);
    }

    @Override
    void begin() {
      encoded = 0;
      if (string.length() < SHORTEST) throw corrupt("too short");
      long bytes = little(4);
      if (bytes != string.length()) throw corrupt("its length is not what it says, " + bytes);
      said = (int) little(2);
    }

    @Override
    boolean read() {
      if (encoded != 0) checkBackwards();
      int b = u8();
      if (b == END) {
        if (left() != 0) throw corrupt("it ends before its end");
        if (said != UNKNOWN_COUNT && said != count()) {
          throw corrupt("it has " + count() + " elements, not " + said);
        }
        return false;
      }
      if (left() < 2) throw corrupt("it doesn't end at its end");
      if (b < 0x80) {
        integer(1, b);
      } else if ((b & 0xc0) == 0x80) {
        text(1, b & 0x3f);
      } else if ((b & 0xe0) == 0xc0) {
        integer(2, ((b & 0x1f) << 8 | u8()) << 19 >> 19);
      } else if ((b & 0xf0) == 0xe0) {
        text(2, (b & 0x0f) << 8 | u8());
      } else {
        switch (b) {
          case 0xf0 -> text(5, little(4));
          case 0xf1 -> integer(3, (short) little(2));
          case 0xf2 -> integer(4, (int) little(3) << 8 >> 8);
          case 0xf3 -> integer(5, (int) little(4));
          case 0xf4 -> integer(9, little(8));
          default -> throw corrupt("an element can't begin with byte " + b);
        }
      }
      return true;
    }

    private void integer(int bytes, long value) {
      encoded = bytes;
      foundInteger(value);
    }

    private void text(int prefix, long length) {
      encoded = prefix + length;
      foundText(length, 2);
    }

    private void checkBackwards() {
      int size =
          encoded <= 127
              ? 1
              : encoded < 16383 ? 2 : encoded < 2097151 ? 3 : encoded < 268435455 ? 4 : 5;
      for (int i = size - 1; i >= 0; i--) { // the lowest seven bits stand last
        int expected = (int) (encoded >>> 7 * i) & 0x7f;
        if (i < size - 1) expected |= 0x80;
        if (u8() != expected) throw corrupt("the length behind an element is wrong");
      }
    }

    @Override
    String name() {
      return "Listpack";
    }
  }

  /// Ziplists: `bytes 4 | offset of the last element 4 | elements 2 | element … | 0xff`; an element
  /// begins with the length of the one before.
  static final class OfZiplist extends Pack {
    private static final int SHORTEST = 11;
    private static final int UNKNOWN_COUNT = 0xffff;
    private static final int LONG_LENGTH = 254;

    private int said;
    private long tail;
    private long last; // where the element at hand begins

    OfZiplist(StringInput string) {
      super(string);
    }

    @Override
    void begin() {
      if (string.length() < SHORTEST) throw corrupt("too short");
      long bytes = little(4);
      if (bytes != string.length()) throw corrupt("its length is not what it says, " + bytes);
      tail = little(4);
      said = (int) little(2);
      last = string.position();
    }

    @Override
    boolean read() {
      long at = string.position();
      int first = u8();
      if (first == END) {
        if (left() != 0) throw corrupt("it ends before its end");
        if (last != tail) throw corrupt("its last element isn't where it says");
        if (said != UNKNOWN_COUNT && said != count()) {
          throw corrupt("it has " + count() + " elements, not " + said);
        }
        return false;
      }
      long length = first < LONG_LENGTH ? first : little(4);
      if (length != at - last) throw corrupt("the length before an element is wrong");
      last = at;
      element(u8());
      return true;
    }

    private void element(int b) {
      switch (b >>> 6) {
        case 0 -> foundText(b, 1);
        case 1 -> foundText((b & 0x3f) << 8 | u8(), 1);
        case 2 -> {
          long big = little(4);
          if (b != 0x80) throw corrupt("an element can't begin with byte " + b);
          foundText(Integer.reverseBytes((int) big) & 0xffff_ffffL, 1);
        }
        default -> {
          switch (b) {
            case 0xc0 -> foundInteger((short) little(2));
            case 0xd0 -> foundInteger((int) little(4));
            case 0xe0 -> foundInteger(little(8));
            case 0xf0 -> foundInteger((int) little(3) << 8 >> 8);
            case 0xfe -> foundInteger((byte) u8());
            default -> {
              if (b < 0xf1 || b > 0xfd) throw corrupt("an element can't begin with byte " + b);
              foundInteger((b & 0x0f) - 1);
            }
          }
        }
      }
    }

    @Override
    String name() {
      return "Ziplist";
    }
  }

  /// Zipmaps, the hashes of 2.4: `pairs 1 | length field length free value … | 0xff`.
  static final class OfZipmap extends Pack {
    private static final int UNKNOWN_COUNT = 254;

    private int said;
    private boolean isValue; // the element at hand
    private int free; // bytes behind it

    OfZipmap(StringInput string) {
      super(string);
    }

    @Override
    void begin() {
      isValue = true;
      free = 0;
      if (string.length() < 2) throw corrupt("too short");
      said = u8();
    }

    @Override
    boolean read() {
      for (; free > 0; free--) u8();
      int first = u8();
      if (first == END) {
        if (left() != 0) throw corrupt("it ends before its end");
        if (!isValue) throw corrupt("a field without a value");
        if (said < UNKNOWN_COUNT && said != count() / 2) {
          throw corrupt("it has " + count() / 2 + " pairs, not " + said);
        }
        return false;
      }
      long length = first == UNKNOWN_COUNT ? little(4) : first;
      isValue = !isValue;
      free = isValue ? u8() : 0;
      foundText(length, 1 + free);
      return true;
    }

    @Override
    String name() {
      return "Zipmap";
    }
  }
}
