package dev.spinel.script;

import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaFunction;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import dev.spinel.wire.Quoting;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// How the debugger shows values of Lua's and replies of commands: each on one line.
final class DebugText {
  private static final int MOST_DEPTH = 10;
  private static final String TOO_DEEP = "<max recursion level reached! Nested table?>";

  private DebugText() {}

  /// A value of a script's.
  ///
  /// @param most how many characters are wanted: of a table that has more, the rest is left out
  static String of(Lua lua, @Nullable Object value, int most) {
    return of(lua, value, 0, most);
  }

  private static String of(Lua lua, @Nullable Object value, int depth, int most) {
    if (depth == MOST_DEPTH) {
      return TOO_DEEP;
    }
    return switch (value) {
      case null -> "nil";
      case Boolean flag -> flag.toString();
      case Double number -> number(lua, number);
      case LuaString text -> quoted(text.bytes());
      case LuaTable table -> table(lua, table, depth + 1, most);
      default -> reference(lua, value);
    };
  }

  /// With six digits, as C's `%g`.
  private static String number(Lua lua, double number) {
    Object format = lua.index(lua.stringMetatable().get("__index"), LuaString.of("format"));
    return format instanceof LuaFunction
        ? String.valueOf(Lua.toText(lua.call(format, LuaString.of("%g"), number)[0]))
        : String.valueOf(Lua.numberText(number));
  }

  /// As a list if its keys are 1, 2, 3 …, in this order; else with its keys.
  private static String table(Lua lua, LuaTable table, int depth, int most) {
    StringBuilder list = new StringBuilder();
    StringBuilder pairs = new StringBuilder();
    int[] next = {1};
    boolean[] isList = {true};
    table.forEach(
        (key, value) -> {
          isList[0] &= key instanceof Double index && index == next[0]++;
          String shown = of(lua, value, depth, most);
          list.append(list.isEmpty() ? "" : "; ").append(shown);
          pairs.append(pairs.isEmpty() ? "" : "; ");
          pairs.append('[').append(of(lua, key, depth, most)).append("]=").append(shown);
          return list.length() <= most;
        });
    return "{" + (isList[0] ? list : pairs) + "}";
  }

  /// `"function@0x7f…"`.
  private static String reference(Lua lua, Object value) {
    String shown = String.valueOf(Lua.toText(lua.show(value)));
    int colon = shown.lastIndexOf(": ");
    String address = colon < 0 ? shown : shown.substring(colon + 2);
    return "\"" + Lua.typeName(value) + "@" + address + "\"";
  }

  private static String quoted(byte[] bytes) {
    return Quoting.quote(new String(bytes, StandardCharsets.ISO_8859_1));
  }

  /// A reply, from its bytes.
  static String ofReply(byte[] reply) {
    StringBuilder shown = new StringBuilder();
    new Reply(new String(reply, StandardCharsets.ISO_8859_1), shown).value();
    return shown.toString();
  }

  /// The bytes of a reply, each as a character, being shown.
  private static final class Reply {
    private final String text;
    private final StringBuilder shown;
    private int at;

    Reply(String text, StringBuilder shown) {
      this.text = text;
      this.shown = shown;
    }

    void value() {
      int begin = at;
      char type = text.charAt(at++);
      String line = line();
      switch (type) {
        case ':' -> shown.append(line);
        case '$' -> bulk(Integer.parseInt(line));
        case '+', '-' -> Quoting.quote(shown, text.substring(begin, at - 2));
        case '*' -> elements(Integer.parseInt(line), "[", "]");
        case '~' -> elements(Integer.parseInt(line), "~(", ")");
        case '%' -> map(Integer.parseInt(line));
        case '_' -> shown.append("(null)");
        case '#' -> shown.append(line.equals("t") ? "#true" : "#false");
        case ',' -> shown.append("(double) ").append(line);
        case '=' -> at += Integer.parseInt(line) + 2; // what Redis's debugger doesn't show, either
        default -> {}
      }
    }

    private String line() {
      int end = text.indexOf("\r\n", at);
      String line = text.substring(at, end);
      at = end + 2;
      return line;
    }

    private void bulk(int length) {
      if (length < 0) {
        shown.append("NULL");
      } else {
        Quoting.quote(shown, text.substring(at, at + length));
        at += length + 2;
      }
    }

    private void elements(int count, String open, String close) {
      if (count < 0) {
        shown.append("NULL");
        return;
      }
      shown.append(open);
      for (int i = 0; i < count; i++) {
        shown.append(i == 0 ? "" : ",");
        value();
      }
      shown.append(close);
    }

    private void map(int count) {
      shown.append("{");
      for (int i = 0; i < count; i++) {
        shown.append(i == 0 ? "" : ",");
        value();
        shown.append(" => ");
        value();
      }
      shown.append("}");
    }
  }
}
