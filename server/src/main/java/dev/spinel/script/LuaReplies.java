package dev.spinel.script;

import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaTable;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Output;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Makes Lua values of replies: what `redis.call` returns.
///
/// ```
///   :1          1                     _             nil
///   $3 foo      'foo'                 #t            true
///   $-1 *-1     false                 ,3.5          {double=3.5}
///   +OK         {ok='OK'}             (123          {big_number='123'}
///   -ERR no     {err='ERR no', …}     =7 txt:foo    {verbatim_string={string='foo', format='txt'}}
///   *2 …        {…, …}                %1 k v        {map={k=v}}       ~1 e   {set={[e]=true}}
/// ```
///
/// Belongs to one thread.
final class LuaReplies {
  private static final int PIECE_BYTES = 16 * 1024;

  private final Lua lua;

  // the reply's bytes at hand, and the output that has the rest
  private byte[] bytes = new byte[256];
  private ByteBuffer window = ByteBuffer.wrap(bytes);
  private int at;
  private int end;
  private @Nullable Output rest;

  LuaReplies(Lua lua) {
    this.lua = lua;
  }

  /// The reply that an output holds, which is empty afterwards.
  @Nullable Object read(Output output) {
    at = 0;
    end = 0;
    rest = output;
    try {
      return value();
    } finally {
      rest = null;
      if (bytes.length > PIECE_BYTES) {
        bytes = new byte[256];
        window = ByteBuffer.wrap(bytes);
      }
    }
  }

  /// An error as scripts see it: a table with the field `err`.
  ///
  /// @param isCounted its code has been counted, as that of a command that failed
  static LuaTable error(Lua lua, LuaString text, boolean isCounted) {
    LuaTable table = lua.table(0, 1);
    table.set("err", text);
    if (isCounted) {
      table.set("ignore_error_stats_update", true);
    }
    return table;
  }

  // ── values ──

  private @Nullable Object value() {
    int type = next();
    return switch (type) {
      case ':' -> (double) integer();
      case '$' -> bulk();
      case '+' -> one("ok", line());
      case '-' -> error(lua, line(), true);
      case '*' -> array();
      case '%' -> map();
      case '~' -> set();
      case '_' -> {
        line();
        yield null;
      }
      case '#' -> line().at(0) == 't';
      case ',' -> one("double", number(line()));
      case '(' -> one("big_number", line());
      case '=' -> verbatim();
      case '|' -> behindAttributes();
      default -> throw new IllegalStateException("a reply of type " + type);
    };
  }

  private LuaTable one(String name, Object value) {
    LuaTable table = lua.table(0, 1);
    table.set(name, value);
    return table;
  }

  private static double number(LuaString text) {
    return switch (text.toString()) {
      case "inf" -> Double.POSITIVE_INFINITY;
      case "-inf" -> Double.NEGATIVE_INFINITY;
      case "nan" -> Double.NaN;
      default -> Numbers.nearestDouble(text.bytes(), 0, text.length());
    };
  }

  private Object bulk() {
    long length = integer();
    return length < 0 ? false : text((int) length);
  }

  private Object array() {
    long length = integer();
    if (length < 0) {
      return false;
    }
    LuaTable table = lua.table((int) length, 0);
    for (long i = 1; i <= length; i++) {
      table.set(i, value());
    }
    return table;
  }

  private LuaTable map() {
    long length = integer();
    LuaTable pairs = lua.table(0, 0);
    for (long i = 0; i < length; i++) {
      Object key = value();
      pairs.set(key, value());
    }
    return one("map", pairs);
  }

  private LuaTable set() {
    long length = integer();
    LuaTable elements = lua.table(0, 0);
    for (long i = 0; i < length; i++) {
      elements.set(value(), true);
    }
    return one("set", elements);
  }

  /// What a reply says of itself is nothing for a script.
  private @Nullable Object behindAttributes() {
    for (long left = 2 * integer(); left > 0; left--) {
      value();
    }
    return value();
  }

  private LuaTable verbatim() {
    LuaString all = text((int) integer());
    LuaTable inside = lua.table(0, 2);
    inside.set("string", all.slice(4, all.length()));
    inside.set("format", all.slice(0, 3));
    return one("verbatim_string", inside);
  }

  // ── bytes ──

  private int next() {
    if (at == end) {
      fill(1);
    }
    return bytes[at++];
  }

  private long integer() {
    int from = lineEnd();
    return Numbers.parseLong(bytes, from, at - 2 - from, Long.MIN_VALUE);
  }

  private LuaString line() {
    int from = lineEnd();
    return LuaString.of(bytes, from, at - 2 - from);
  }

  /// Goes behind the line's end. Returns where the line begins.
  private int lineEnd() {
    int from = at;
    int i = at;
    while (true) {
      for (; i < end; i++) {
        if (bytes[i] == '\n') {
          at = i + 1;
          return from;
        }
      }
      int before = i - from;
      at = from;
      fill(before + 1);
      from = at;
      i = from + before;
    }
  }

  private LuaString text(int length) {
    lua.charge(length);
    if (length > PIECE_BYTES) {
      return large(length);
    }
    if (end - at < length + 2) {
      fill(length + 2);
    }
    LuaString text = LuaString.of(bytes, at, length);
    at += length + 2;
    return text;
  }

  private LuaString large(int length) {
    byte[] all = new byte[length];
    int had = Math.min(length, end - at);
    System.arraycopy(bytes, at, all, 0, had);
    at += had;
    ByteBuffer into = ByteBuffer.wrap(all);
    into.position(had);
    while (into.hasRemaining() && drain(into) > 0) {}
    if (end - at < 2) {
      fill(2);
    }
    at += 2;
    return LuaString.of(all);
  }

  /// Sees to it that at least so many bytes are at hand from `at` on.
  private void fill(int wanted) {
    int left = end - at;
    if (wanted > bytes.length) {
      bytes = Arrays.copyOfRange(bytes, at, at + Math.max(2 * bytes.length, wanted));
      window = ByteBuffer.wrap(bytes);
    } else {
      System.arraycopy(bytes, at, bytes, 0, left);
    }
    at = 0;
    end = left;
    while (end < wanted) {
      window.limit(bytes.length).position(end);
      int got = drain(window);
      if (got <= 0) {
        throw new IllegalStateException("a reply that ends too early");
      }
      end += got;
    }
  }

  private int drain(ByteBuffer into) {
    Output from = rest;
    return from == null ? 0 : from.drainTo(into, Long.MAX_VALUE);
  }
}
