package dev.spinel.lua;

import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// The library `struct`: numbers and strings to and from bytes, as a format says.
///
/// ```
///   < >      little (at first) or big endian, from here on
///   !n       aligns what follows to its size, at most to n (8 if no number is there)
///   b B h H l L T i(n) I(n)     integers of 1, 2, 8, 8, n (4) bytes; small letters are signed
///   f d      float, double
///   x        a byte of padding
///   c(n)     n characters (1 if no number is there); c0: all of the string, or as many as the number before says
///   s        a string and a zero
/// ```
public final class StructLibrary {
  private static final int MOST_INTEGER_BYTES = 32;
  private static final int USUAL_ALIGNMENT = 8;

  /// Stack slots of a C function: no call has more results than these leave room for.
  private static final int MOST_SLOTS = 8000;

  private StructLibrary() {}

  /// Puts the table `struct` into the globals.
  public static void open(Lua lua) {
    LuaTable struct = lua.table(0, 3);
    struct.set("pack", lua.function(StructLibrary::pack));
    struct.set("unpack", lua.function(StructLibrary::unpack));
    struct.set("size", lua.function(StructLibrary::size));
    lua.globals().set("struct", struct);
  }

  /// A format that is being read: option after option, until a zero or its end.
  private static final class Format {
    private final LuaCall call;
    private final byte[] text;
    private int at;
    private boolean isBig;
    private int alignment = 1;

    Format(LuaCall call) {
      this.call = call;
      this.text = call.string(1).bytes();
    }

    boolean hasMore() {
      return peek() != 0;
    }

    private int peek() {
      return at < text.length ? text[at] : 0;
    }

    int option() {
      call.lua().step(1);
      return text[at++];
    }

    /// How many bytes the option takes; 0 if that depends on something else, or it takes none.
    long sizeOf(int option) {
      switch (option) {
        case 'B', 'b', 'x' -> {
          return 1;
        }
        case 'H', 'h' -> {
          return 2;
        }
        case 'L', 'l', 'T', 'd' -> {
          return 8;
        }
        case 'f' -> {
          return 4;
        }
        case 'c' -> {
          return number(1);
        }
        case 'i', 'I' -> {
          int size = number(4);
          if (size > MOST_INTEGER_BYTES) {
            throw call.error(
                "integral size " + size + " is larger than limit of " + MOST_INTEGER_BYTES);
          }
          return size;
        }
        default -> {
          return 0;
        }
      }
    }

    private int number(int absent) {
      if (!isDigit(peek())) {
        return absent;
      }
      int value = 0;
      do {
        int digit = peek() - '0';
        if (value > Integer.MAX_VALUE / 10 || value * 10 > Integer.MAX_VALUE - digit) {
          throw call.error("integral size overflow");
        }
        value = value * 10 + digit;
        at++;
      } while (isDigit(peek()));
      return value;
    }

    /// How many bytes are to be skipped before an element of this size.
    long padding(long position, int option, long size) {
      if (size == 0 || option == 'c') {
        return 0;
      }
      long unit = Math.min(size, alignment);
      return (unit - (position & (unit - 1))) & (unit - 1);
    }

    /// An option that only changes how others are meant.
    void control(int option) {
      switch (option) {
        case ' ' -> {}
        case '>' -> isBig = true;
        case '<' -> isBig = false;
        case '!' -> {
          int wanted = number(USUAL_ALIGNMENT);
          if (wanted <= 0 || (wanted & (wanted - 1)) != 0) {
            throw call.error("alignment " + wanted + " is not a power of 2");
          }
          alignment = wanted;
        }
        default -> {
          LuaBuffer problem = call.lua().buffer().put("invalid format option '");
          throw call.argumentError(1, problem.put(option).put("'").toLuaString());
        }
      }
    }

    private static boolean isDigit(int c) {
      return c >= '0' && c <= '9';
    }
  }

  // ── pack ──

  private static void pack(LuaCall call) {
    Format format = new Format(call);
    LuaBuffer out = call.lua().buffer();
    int argument = 2;
    long total = 0;
    while (format.hasMore()) {
      int option = format.option();
      long size = format.sizeOf(option);
      for (long padding = format.padding(total, option, size); padding > 0; padding--) {
        out.put(0);
        total++;
      }
      switch (option) {
        case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I' ->
            putInteger(out, bits(number(call, argument++)), format.isBig, (int) size);
        case 'x' -> out.put(0);
        case 'f' ->
            putInteger(
                out,
                Float.floatToRawIntBits((float) number(call, argument++)) & 0xffffffffL,
                format.isBig,
                4);
        case 'd' ->
            putInteger(out, Double.doubleToRawLongBits(number(call, argument++)), format.isBig, 8);
        case 'c', 's' -> {
          LuaString string = string(call, argument++);
          if (size == 0) {
            size = string.length();
          }
          if (string.length() < size) {
            throw call.argumentError(argument, "string too short");
          }
          out.put(string.bytes(), 0, (int) size);
          if (option == 's') {
            out.put(0);
            size++;
          }
        }
        default -> format.control(option);
      }
      total += size;
    }
    call.ret(out.toLuaString());
  }

  /// C's library calls an argument that is missing nil.
  private static void check(LuaCall call, int n, String wanted) {
    if (n > call.count()) {
      throw call.argumentError(n, wanted + " expected, got nil");
    }
  }

  private static double number(LuaCall call, int n) {
    check(call, n, "number");
    return call.number(n);
  }

  private static LuaString string(LuaCall call, int n) {
    check(call, n, "string");
    return call.string(n);
  }

  /// The 64 bits that C makes of a number: of a negative one as a signed integer, else as an
  /// unsigned one.
  static long bits(double number) {
    if (number < 0) {
      return number >= -0x1p63 ? (long) number : Long.MIN_VALUE;
    }
    if (number < 0x1p63) {
      return (long) number;
    }
    if (number < 0x1p64) {
      return (long) (number - 0x1p63) ^ Long.MIN_VALUE;
    }
    return Double.isNaN(number) ? Long.MIN_VALUE : 0;
  }

  private static void putInteger(LuaBuffer out, long value, boolean isBig, int size) {
    for (int i = 0; i < size; i++) {
      int place = isBig ? size - 1 - i : i;
      out.put(place < 8 ? (int) (value >>> 8 * place) : 0);
    }
  }

  // ── unpack ──

  private static void unpack(LuaCall call) {
    Format format = new Format(call);
    LuaString string = call.string(2);
    byte[] data = string.bytes();
    long position = call.integer(3, 1);
    if (position == 0) {
      throw call.argumentError(3, "offset must be 1 or greater");
    }
    position--;
    ArrayList<@Nullable Object> results = new ArrayList<>();
    while (format.hasMore()) {
      int option = format.option();
      long size = format.sizeOf(option);
      position += format.padding(position, option, size);
      mustHave(call, data, position, size);
      if (call.count() + results.size() + 2 > MOST_SLOTS) {
        throw call.error("stack overflow (too many results)");
      }
      int at = (int) position;
      switch (option) {
        case 'b', 'h', 'l', 'i' -> results.add(signed(data, at, format.isBig, (int) size));
        case 'B', 'H', 'L', 'T', 'I' -> results.add(unsigned(data, at, format.isBig, (int) size));
        case 'x' -> {}
        case 'f' ->
            results.add((double) Float.intBitsToFloat((int) read(data, at, format.isBig, 4)));
        case 'd' -> results.add(Double.longBitsToDouble(read(data, at, format.isBig, 8)));
        case 'c' -> {
          if (size == 0) {
            size = takeSize(call, results);
            mustHave(call, data, position, size);
          }
          call.lua().charge(24 + size);
          results.add(LuaString.of(data, at, (int) size));
        }
        case 's' -> {
          int end = at;
          while (end < data.length && data[end] != 0) {
            end++;
          }
          call.lua().stepOver(end - at);
          if (end == data.length) {
            throw call.error("unfinished string in data");
          }
          call.lua().charge(24 + end - at);
          results.add(LuaString.of(data, at, end - at));
          size = end - at + 1;
        }
        default -> format.control(option);
      }
      position += size;
    }
    for (Object result : results) {
      call.ret(result);
    }
    call.ret((double) (position + 1));
  }

  private static void mustHave(LuaCall call, byte[] data, long position, long size) {
    if (Long.compareUnsigned(size, data.length) > 0
        || Long.compareUnsigned(position, data.length - size) > 0) {
      throw call.argumentError(2, "data string too short");
    }
  }

  /// The number that was read last is the length of what follows.
  private static long takeSize(LuaCall call, ArrayList<@Nullable Object> results) {
    Double size = results.isEmpty() ? null : call.lua().number(results.removeLast());
    if (size == null) {
      throw call.error("format 'c0' needs a previous size");
    }
    return bits(size);
  }

  private static long read(byte[] data, int at, boolean isBig, int size) {
    long value = 0;
    for (int i = 0; i < size; i++) {
      int place = isBig ? i : size - 1 - i;
      value = value << 8 | data[at + place] & 0xff;
    }
    return value;
  }

  private static double unsigned(byte[] data, int at, boolean isBig, int size) {
    long value = read(data, at, isBig, size);
    if (value >= 0) {
      return value;
    }
    return 2.0 * (value >>> 1 | value & 1); // rounded once, as the lowest bit stays
  }

  private static double signed(byte[] data, int at, boolean isBig, int size) {
    long value = read(data, at, isBig, size);
    long sign = -1L << size * 8 - 1;
    return (value & sign) != 0 ? value | sign : value;
  }

  // ── size ──

  private static void size(LuaCall call) {
    Format format = new Format(call);
    long position = 0;
    while (format.hasMore()) {
      int option = format.option();
      long size = format.sizeOf(option);
      position += format.padding(position, option, size);
      if (option == 's') {
        throw call.argumentError(1, "option 's' has no fixed size");
      } else if (option == 'c' && size == 0) {
        throw call.argumentError(1, "option 'c0' has no fixed size");
      }
      if (!isLetterOrDigit(option)) {
        format.control(option);
      }
      position += size;
    }
    call.ret((double) position);
  }

  private static boolean isLetterOrDigit(int c) {
    return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z';
  }
}
