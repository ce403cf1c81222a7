package dev.spinel.script;

import dev.spinel.engine.Reply;
import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Writes a Lua value as a reply: what a script returns.
///
/// A number is cut to an integer. A table is what one of its fields says (`err`, `ok`, `double`,
/// `big_number`, `verbatim_string`, `map`, `set`, in this order), else an array of its values from
/// 1 on up to the first nil. Whatever else there is becomes nil.
///
/// Arrays in arrays take no Java stack. Belongs to one thread.
final class ScriptReply {
  /// Slots of C's stack, which bound how deep what is returned may be nested.
  private static final int MOST_SLOTS = 8000;

  /// Slots that are in use when a script returns, and that one more value needs.
  private static final int FIRST_SLOTS = 2;

  private static final int NEEDED_SLOTS = 4;

  private final Lua lua;
  private final LuaString err = LuaString.of("err");
  private final LuaString ok = LuaString.of("ok");
  private final LuaString doubleName = LuaString.of("double");
  private final LuaString bigNumber = LuaString.of("big_number");
  private final LuaString verbatim = LuaString.of("verbatim_string");
  private final LuaString format = LuaString.of("format");
  private final LuaString string = LuaString.of("string");
  private final LuaString map = LuaString.of("map");
  private final LuaString set = LuaString.of("set");

  // arrays that are being written, the innermost last, and how many of their values are
  private @Nullable LuaTable[] arrays = new LuaTable[8];
  private long[] written = new long[8];
  private int open;

  ScriptReply(Lua lua) {
    this.lua = lua;
  }

  /// @param protocol that the script asked for: it decides what booleans are
  void write(@Nullable Object value, Reply reply, int protocol) {
    open = 0;
    write(value, reply, protocol, FIRST_SLOTS);
  }

  private void write(@Nullable Object root, Reply reply, int protocol, int slots) {
    int bottom = open;
    Object value = root;
    while (true) {
      LuaTable array = single(value, reply, protocol, slots + open - bottom);
      if (array != null) {
        reply.deferArray();
        push(array);
      }
      do {
        if (open == bottom) {
          return;
        }
        value = top().get(++written[open - 1]);
        if (value == null) {
          reply.close(written[open - 1] - 1);
          arrays[--open] = null;
        }
      } while (value == null);
    }
  }

  private LuaTable top() {
    LuaTable top = arrays[open - 1];
    assert top != null;
    return top;
  }

  private void push(LuaTable array) {
    if (open == arrays.length) {
      arrays = Arrays.copyOf(arrays, 2 * open);
      written = Arrays.copyOf(written, 2 * open);
    }
    arrays[open] = array;
    written[open++] = 0;
  }

  /// Writes the value, unless it is an array: then returns it.
  private @Nullable LuaTable single(@Nullable Object value, Reply reply, int protocol, int slots) {
    if (slots + NEEDED_SLOTS > MOST_SLOTS) {
      reply.error("ERR reached lua stack limit");
      return null;
    }
    switch (value) {
      case LuaString text -> reply.bulk(text.bytes());
      case Double number -> reply.integer(integer(number));
      case Boolean truth when protocol == 3 -> reply.bool(truth);
      case Boolean truth -> {
        if (truth) {
          reply.integer(1);
        } else {
          reply.nil();
        }
      }
      case LuaTable table -> {
        return table(table, reply, protocol, slots);
      }
      case null, default -> reply.nil();
    }
    return null;
  }

  /// As C does it on this machine: what is no 64-bit integer becomes the least one.
  static long integer(double number) {
    return number >= -0x1p63 && number < 0x1p63 ? (long) number : Long.MIN_VALUE;
  }

  private @Nullable LuaTable table(LuaTable table, Reply reply, int protocol, int slots) {
    if (table.get(err) instanceof LuaString) {
      error(table, reply);
    } else if (table.get(ok) instanceof LuaString status) {
      reply.simple(line(status));
    } else if (table.get(doubleName) instanceof Double number) {
      reply.number(number);
    } else if (table.get(bigNumber) instanceof LuaString digits) {
      reply.writer().bigNumber(oneLine(digits.bytes()));
    } else if (verbatim(table, reply)) {
      return null;
    } else if (table.get(map) instanceof LuaTable pairs) {
      reply.deferMap();
      long[] count = {0};
      pairs.forEach(
          (key, value) -> {
            write(key, reply, protocol, slots + 4);
            write(value, reply, protocol, slots + 3);
            count[0]++;
            return true;
          });
      reply.close(count[0]);
    } else if (table.get(set) instanceof LuaTable elements) {
      reply.deferSet();
      long[] count = {0};
      elements.forEach(
          (key, value) -> {
            write(key, reply, protocol, slots + 3);
            count[0]++;
            return true;
          });
      reply.close(count[0]);
    } else {
      return table;
    }
    return null;
  }

  private boolean verbatim(LuaTable table, Reply reply) {
    if (table.get(verbatim) instanceof LuaTable inside
        && inside.get(format) instanceof LuaString kind
        && inside.get(string) instanceof LuaString text) {
      String three = (cString(kind.bytes()) + "   ").substring(0, 3);
      reply.verbatim(three, text.bytes());
      return true;
    }
    return false;
  }

  private void error(LuaTable table, Reply reply) {
    String text = errorText(lua, table);
    if (isCounted(lua, table)) {
      reply.countedError(text);
    } else {
      reply.error(text);
    }
  }

  /// What the field `err` of an error says.
  static String errorText(Lua lua, LuaTable error) {
    LuaString text = Lua.toText(lua.index(error, LuaString.of("err")));
    return text == null ? "(null)" : cString(text.bytes());
  }

  /// Whether the error's code was counted when it came up.
  static boolean isCounted(Lua lua, LuaTable error) {
    return lua.index(error, LuaString.of("ignore_error_stats_update")) == Boolean.TRUE;
  }

  /// The bytes up to the first zero, each as a character.
  static String cString(byte[] bytes) {
    int length = 0;
    while (length < bytes.length && bytes[length] != 0) {
      length++;
    }
    return new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
  }

  private static String line(LuaString text) {
    return cString(text.bytes()).replace('\r', ' ').replace('\n', ' ');
  }

  private static byte[] oneLine(byte[] bytes) {
    byte[] line = bytes.clone();
    for (int i = 0; i < line.length; i++) {
      line[i] = line[i] == '\r' || line[i] == '\n' ? (byte) ' ' : line[i];
    }
    return line;
  }
}
