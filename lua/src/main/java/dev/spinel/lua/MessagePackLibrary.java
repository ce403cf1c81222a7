package dev.spinel.lua;

import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// The library `cmsgpack`: Lua values to and from MessagePack, as lua-cmsgpack 0.4.0 does it.
///
/// A number that is an integer goes as one, however it is stored; any other as a float if that
/// loses nothing, else as a double. A table whose keys are 1 to n goes as an array, every other as
/// a map. Tables that are nested deeper than 16 become nil, so a table that contains itself ends.
public final class MessagePackLibrary {
  private static final int MOST_NESTED = 16;

  /// Stack slots of a C function, which bound how deep what is unpacked may be nested.
  private static final int MOST_SLOTS = 8000;

  private MessagePackLibrary() {}

  /// Puts the table `cmsgpack` into the globals.
  public static void open(Lua lua) {
    LuaTable library = lua.table(0, 0);
    library.set("pack", lua.function(MessagePackLibrary::pack));
    library.set("unpack", lua.function(call -> unpack(call, 0, 0)));
    library.set("unpack_one", lua.function(call -> unpack(call, 1, call.integer(2, 0))));
    library.set(
        "unpack_limit",
        lua.function(
            call -> {
              long limit = call.integer(2);
              unpack(call, limit, call.integer(3, 0));
            }));
    library.set("_NAME", LuaString.of("cmsgpack"));
    library.set("_VERSION", LuaString.of("lua-cmsgpack 0.4.0"));
    library.set("_COPYRIGHT", LuaString.of("Copyright (C) 2012, Salvatore Sanfilippo"));
    library.set("_DESCRIPTION", LuaString.of("MessagePack C implementation for Lua"));
    lua.globals().set("cmsgpack", library);
  }

  // ── packing ──

  private static void pack(LuaCall call) {
    int count = call.count();
    if (count == 0) {
      throw call.argumentError(0, "MessagePack pack needs input.");
    }
    LuaBuffer out = call.lua().buffer();
    for (int i = 1; i <= count; i++) {
      put(call.lua(), out, call.get(i), 0);
    }
    call.ret(out.toLuaString());
  }

  private static void put(Lua lua, LuaBuffer out, @Nullable Object value, int level) {
    lua.step(1);
    switch (value) {
      case LuaString string -> putString(out, string);
      case Boolean truth -> out.put(truth ? 0xc3 : 0xc2);
      case Double number -> putNumber(out, number);
      case LuaTable table when level < MOST_NESTED -> putTable(lua, out, table, level);
      case null, default -> out.put(0xc0);
    }
  }

  private static void putString(LuaBuffer out, LuaString string) {
    int length = string.length();
    if (length < 32) {
      out.put(0xa0 | length);
    } else if (length <= 0xff) {
      out.put(0xd9).put(length);
    } else {
      putLength(out, 0xda, length);
    }
    out.put(string);
  }

  /// A length of 16 bits behind `sign`, or of 32 behind the next sign.
  private static void putLength(LuaBuffer out, int sign, long length) {
    if (length <= 0xffff) {
      putBytes(out.put(sign), length, 2);
    } else {
      putBytes(out.put(sign + 1), length, 4);
    }
  }

  private static void putBytes(LuaBuffer out, long value, int count) {
    for (int i = count - 1; i >= 0; i--) {
      out.put((int) (value >>> 8 * i));
    }
  }

  private static void putNumber(LuaBuffer out, double number) {
    if (number >= -0x1p63 && number < 0x1p63 && (long) number == number) {
      putInteger(out, (long) number);
    } else if (number == (float) number) {
      putBytes(out.put(0xca), Float.floatToRawIntBits((float) number), 4);
    } else {
      putBytes(out.put(0xcb), Double.doubleToRawLongBits(number), 8);
    }
  }

  private static void putInteger(LuaBuffer out, long n) {
    if (n >= -32 && n <= 127) {
      out.put((int) n);
    } else if (n >= 0) {
      if (n <= 0xff) {
        out.put(0xcc).put((int) n);
      } else if (n <= 0xffff) {
        putBytes(out.put(0xcd), n, 2);
      } else if (n <= 0xffffffffL) {
        putBytes(out.put(0xce), n, 4);
      } else {
        putBytes(out.put(0xcf), n, 8);
      }
    } else if (n >= Byte.MIN_VALUE) {
      out.put(0xd0).put((int) n);
    } else if (n >= Short.MIN_VALUE) {
      putBytes(out.put(0xd1), n, 2);
    } else if (n >= Integer.MIN_VALUE) {
      putBytes(out.put(0xd2), n, 4);
    } else {
      putBytes(out.put(0xd3), n, 8);
    }
  }

  private static void putTable(Lua lua, LuaBuffer out, LuaTable table, int level) {
    Keys keys = new Keys();
    table.forEach(keys);
    if (keys.areFromOne()) {
      long length = table.length();
      if (length <= 15) {
        out.put(0x90 | (int) length);
      } else {
        putLength(out, 0xdc, length);
      }
      for (long i = 1; i <= length; i++) {
        put(lua, out, lua.index(table, (double) i), level + 1);
      }
      return;
    }
    if (keys.count <= 15) {
      out.put(0x80 | (int) keys.count);
    } else {
      putLength(out, 0xde, keys.count);
    }
    table.forEach(
        (key, value) -> {
          put(lua, out, key, level + 1);
          put(lua, out, value, level + 1);
          return true;
        });
  }

  /// What the keys of a table are.
  private static final class Keys implements LuaTable.Visitor {
    private boolean areIndexes = true;
    private int largest;
    private long count;

    @Override
    public boolean visit(Object key, Object value) {
      count++;
      if (key instanceof Double number && number > 0 && (int) (double) number == number) {
        largest = Math.max(largest, (int) (double) number);
      } else {
        areIndexes = false;
      }
      return true;
    }

    boolean areFromOne() {
      return areIndexes && largest == count;
    }
  }

  // ── unpacking ──

  private static void unpack(LuaCall call, long limit, long offset) {
    LuaString string = call.string(1);
    int length = string.length();
    if (offset < 0 || limit < 0) {
      throw call.error(
          "Invalid request to unpack with offset of "
              + (int) offset
              + " and limit of "
              + length
              + ".");
    }
    if (offset > length) {
      throw call.error(
          "Start offset " + (int) offset + " greater than input length " + length + ".");
    }
    boolean all = limit == 0 && offset == 0;
    Input input = new Input(call, string.bytes(), (int) offset);
    ArrayList<@Nullable Object> values = new ArrayList<>();
    long most = all ? Integer.MAX_VALUE : limit;
    while (input.at < length && values.size() < most) {
      values.add(input.value(1 + values.size()));
    }
    if (!all) {
      call.ret(input.at == length ? -1.0 : (double) input.at);
    }
    for (Object value : values) {
      call.ret(value);
    }
  }

  /// A table of which a part has been unpacked.
  private static final class Nest {
    final @Nullable Nest outer;
    final LuaTable table;
    private final boolean isMap;
    private final int slots; // of C's stack that are in use without it
    private long left; // elements, or pairs
    private long index;
    private @Nullable Object key;
    private boolean hasKey;

    Nest(@Nullable Nest outer, LuaTable table, boolean isMap, int slots, long left) {
      this.outer = outer;
      this.table = table;
      this.isMap = isMap;
      this.slots = slots;
      this.left = left;
    }

    boolean isFull() {
      return left == 0;
    }

    int elementSlots() {
      return slots + (isMap && !hasKey ? 1 : 2);
    }

    void take(@Nullable Object value) {
      if (isMap && !hasKey) {
        key = value;
        hasKey = true;
        return;
      }
      if (isMap) {
        table.set(key, value);
      } else {
        table.set(++index, value);
      }
      hasKey = false;
      left--;
    }
  }

  /// Bytes that are being unpacked. What is open stands in a list, so nesting takes no Java stack.
  private static final class Input {
    private final LuaCall call;
    private final Lua lua;
    private final byte[] bytes;
    private int at;
    private @Nullable Nest innermost;

    Input(LuaCall call, byte[] bytes, int at) {
      this.call = call;
      this.lua = call.lua();
      this.bytes = bytes;
      this.at = at;
    }

    private void need(long count) {
      if (bytes.length - at < count) {
        throw call.error("Missing bytes in input.");
      }
    }

    /// `count` bytes behind the sign.
    private long unsigned(int count) {
      need(1 + count);
      long value = 0;
      for (int i = 1; i <= count; i++) {
        value = value << 8 | bytes[at + i] & 0xff;
      }
      at += 1 + count;
      return value;
    }

    private double signed(int count) {
      int unused = 64 - 8 * count;
      return unsigned(count) << unused >> unused;
    }

    /// The next value.
    ///
    /// @param slots of C's stack that are in use
    @Nullable Object value(int slots) {
      Object value = begin(slots);
      for (Nest nest = innermost; nest != null; nest = innermost) {
        Object element = begin(nest.elementSlots());
        if (innermost == nest) { // else the element has just begun
          nest.take(element);
        }
        close();
      }
      return value;
    }

    /// Ends whatever is full.
    private void close() {
      for (Nest nest = innermost; nest != null && nest.isFull(); nest = innermost) {
        innermost = nest.outer;
        if (innermost != null) {
          innermost.take(nest.table);
        }
      }
    }

    /// The next value, or if that has elements, the table that they go to, which is innermost then.
    private @Nullable Object begin(int slots) {
      lua.step(1);
      need(1);
      checkSlots(
          slots + 1, "too many return values at once; use unpack_one or unpack_limit instead.");
      int sign = bytes[at] & 0xff;
      switch (sign) {
        case 0xc0 -> {
          at++;
          return null;
        }
        case 0xc2, 0xc3 -> {
          at++;
          return sign == 0xc3;
        }
        case 0xca -> {
          return (double) Float.intBitsToFloat((int) unsigned(4));
        }
        case 0xcb -> {
          return Double.longBitsToDouble(unsigned(8));
        }
        case 0xcc -> {
          return (double) unsigned(1);
        }
        case 0xcd -> {
          return (double) unsigned(2);
        }
        case 0xce -> {
          return (double) unsigned(4);
        }
        case 0xcf, 0xd3 -> { // Lua's integers are signed
          return (double) unsigned(8);
        }
        case 0xd0 -> {
          return signed(1);
        }
        case 0xd1 -> {
          return signed(2);
        }
        case 0xd2 -> {
          return signed(4);
        }
        case 0xd9 -> {
          return string(unsigned(1));
        }
        case 0xda -> {
          return string(unsigned(2));
        }
        case 0xdb -> {
          return string(unsigned(4));
        }
        case 0xdc -> {
          return array(unsigned(2), slots);
        }
        case 0xdd -> {
          return array(unsigned(4), slots);
        }
        case 0xde -> {
          return map(unsigned(2), slots);
        }
        case 0xdf -> {
          return map(unsigned(4), slots);
        }
        default -> {
          return shortValue(sign, slots);
        }
      }
    }

    private Object shortValue(int sign, int slots) {
      if (sign < 0x80 || sign >= 0xe0) {
        at++;
        return (double) (byte) sign;
      }
      if (sign >= 0xc0) {
        throw call.error("Bad data format in input.");
      }
      at++;
      if (sign >= 0xa0) {
        return string(sign & 0x1f);
      }
      return sign >= 0x90 ? array(sign & 0xf, slots) : map(sign & 0xf, slots);
    }

    private LuaString string(long length) {
      need(length);
      lua.charge(24 + length);
      LuaString string = LuaString.of(bytes, at, (int) length);
      at += (int) length;
      return string;
    }

    private LuaTable array(long length, int slots) {
      checkSlots(slots + 2, "in function mp_decode_to_lua_array");
      return open(length, false, slots);
    }

    private LuaTable map(long pairs, int slots) {
      checkSlots(slots + 2, "in function mp_decode_to_lua_hash");
      return open(pairs, true, slots);
    }

    private LuaTable open(long length, boolean isMap, int slots) {
      LuaTable table = lua.table(0, 0);
      if (length > 0) {
        innermost = new Nest(innermost, table, isMap, slots, length);
      }
      return table;
    }

    private void checkSlots(int slots, String where) {
      if (slots > MOST_SLOTS) {
        throw call.error("stack overflow (" + where + ")");
      }
    }
  }
}
