package dev.spinel.script;

import dev.spinel.engine.Reply;
import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// Writes a Lua value as a reply: what a script returns.
///
/// A number is cut to an integer. A table is what one of its fields says (`err`, `ok`, `double`,
/// `big_number`, `verbatim_string`, `map`, `set`, in this order), else an array of its values from
/// 1 on up to the first nil. Whatever else there is becomes nil.
///
/// What is nested takes no Java stack. Belongs to one thread.
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

  /// A table of which a part has been written.
  private static final class Nest {
    final Kind kind;
    final LuaTable table;
    final int slots; // of C's stack that are in use around it
    int at; // of an array: the index written last; else the position of the key written last
    boolean hasKey; // of a map: its value is next
    @Nullable Object value; // what it was when the key was written, which may run a script's code
    long count; // of its elements, of a map: of its pairs

    Nest(Kind kind, LuaTable table, int slots) {
      this.kind = kind;
      this.table = table;
      this.slots = slots;
    }

    /// The key at hand; null behind the last one.
    @Nullable Object key() {
      if (at == 0) {
        return null;
      }
      Object key = table.keyAt(at);
      return key == null ? (Double) (double) at : key;
    }
  }

  private enum Kind {
    ARRAY(1),
    SET(3),
    MAP(3);

    final int slots; // of C's stack, while an element is being written

    Kind(int slots) {
      this.slots = slots;
    }
  }

  private final ArrayDeque<Nest> open = new ArrayDeque<>(); // the innermost first

  ScriptReply(Lua lua) {
    this.lua = lua;
  }

  /// Takes a step of the state for each value. What ends it then loses the reply, of which a part
  /// may have been written.
  ///
  /// @param protocol that the script asked for: it decides what booleans are
  void write(@Nullable Object value, Reply reply, int protocol) {
    try {
      single(value, reply, protocol, FIRST_SLOTS);
      for (Nest nest = open.peek(); nest != null && !reply.isLost(); nest = open.peek()) {
        lua.step(1);
        element(nest, reply, protocol);
      }
    } finally {
      if (!open.isEmpty()) {
        while (open.poll() != null) {
          reply.close(0);
        }
        reply.lose();
      }
    }
  }

  /// Writes the next element of the innermost table, or its end.
  private void element(Nest nest, Reply reply, int protocol) {
    int slots = nest.slots + nest.kind.slots;
    Object value;
    if (nest.kind == Kind.ARRAY) {
      value = nest.table.get(nest.at + 1L);
      nest.at++;
    } else if (nest.hasKey) {
      nest.hasKey = false;
      value = nest.value;
    } else {
      nest.at = nest.table.nextUsed(nest.at);
      nest.hasKey = nest.kind == Kind.MAP;
      slots += nest.hasKey ? 1 : 0;
      value = nest.key();
      nest.value = nest.hasKey && value != null ? nest.table.valueAt(nest.at) : null;
    }
    if (value == null) {
      open.pop();
      reply.close(nest.count);
      return;
    }
    nest.count += nest.hasKey || nest.kind != Kind.MAP ? 1 : 0;
    single(value, reply, protocol, slots);
  }

  private void begin(Kind kind, LuaTable table, int slots) {
    open.push(new Nest(kind, table, slots));
  }

  /// Writes the value, or the beginning of a table, which is innermost then.
  private void single(@Nullable Object value, Reply reply, int protocol, int slots) {
    if (slots + NEEDED_SLOTS > MOST_SLOTS) {
      reply.error("ERR reached lua stack limit");
      return;
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
      case LuaTable table -> table(table, reply, slots);
      case null, default -> reply.nil();
    }
  }

  /// As C does it on this machine: what is no 64-bit integer becomes the least one.
  static long integer(double number) {
    return number >= -0x1p63 && number < 0x1p63 ? (long) number : Long.MIN_VALUE;
  }

  private void table(LuaTable table, Reply reply, int slots) {
    if (table.get(err) instanceof LuaString) {
      error(table, reply);
    } else if (table.get(ok) instanceof LuaString status) {
      reply.simple(line(status));
    } else if (table.get(doubleName) instanceof Double number) {
      reply.number(number);
    } else if (table.get(bigNumber) instanceof LuaString digits) {
      reply.writer().bigNumber(oneLine(digits.bytes()));
    } else if (verbatim(table, reply)) {
      return;
    } else if (table.get(map) instanceof LuaTable pairs) {
      reply.deferMap();
      begin(Kind.MAP, pairs, slots);
    } else if (table.get(set) instanceof LuaTable elements) {
      reply.deferSet();
      begin(Kind.SET, elements, slots);
    } else {
      reply.deferArray();
      begin(Kind.ARRAY, table, slots);
    }
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
