package dev.spinel.lua;

import dev.spinel.lua.Ast.Naming;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What Lua's operators do to any values: metamethods, conversions, errors.
///
/// `from` is the activation that operates. If it is a frame, its `at` is the node that does, and
/// errors show its line; an operation of the host's has no position.
final class Operations {
  private static final int LONGEST_CHAIN = 100;

  private Operations() {}

  // ── errors ──

  /// An error with this text behind the position of `from`.
  static LuaError error(Activation from, String text) {
    return error(from, LuaString.of(text));
  }

  static LuaError error(Activation from, LuaString text) {
    from.lua.current = from;
    if (!(from instanceof Frame frame)) return new LuaError((Object) text);
    LuaBuffer all = new LuaBuffer(Integer.MAX_VALUE - 16);
    position(frame, all);
    return new LuaError((Object) all.put(text).toLuaString());
  }

  static void position(Frame frame, LuaBuffer into) {
    into.put(frame.function.prototype.shownName()).put(":" + frame.line() + ": ");
  }

  /// `attempt to index local 'x' (a nil value)`.
  static LuaError typeError(
      Activation from, @Nullable Object value, String operation, @Nullable Naming naming) {
    LuaBuffer text = new LuaBuffer(Integer.MAX_VALUE - 16);
    text.put("attempt to " + operation + " ");
    if (naming != null && from instanceof Frame) {
      text.put(naming.kind()).put(" '").put(naming.name()).put("' (");
      text.put("a " + Lua.typeName(value) + " value)");
    } else {
      text.put("a " + Lua.typeName(value) + " value");
    }
    return error(from, text.toLuaString());
  }

  // ── metamethods ──

  /// The metatable that counts for `value`.
  static @Nullable LuaTable metatable(Lua lua, @Nullable Object value) {
    return switch (value) {
      case LuaTable table -> table.metatable;
      case LuaString string -> lua.stringMetatable();
      case LuaUserdata userdata -> userdata.metatable;
      case null, default -> null;
    };
  }

  static @Nullable Object metamethod(Lua lua, @Nullable Object value, Event event) {
    LuaTable metatable = metatable(lua, value);
    return metatable == null ? null : metatable.metamethod(event);
  }

  // ── access ──

  /// `object[key]`.
  static @Nullable Object index(
      Activation from, @Nullable Object object, @Nullable Object key, @Nullable Naming naming) {
    Object at = object;
    Naming name = naming;
    for (int i = 0; i < LONGEST_CHAIN; i++) {
      Object handler;
      if (at instanceof LuaTable table) {
        Object value = table.get(key);
        LuaTable metatable = table.metatable;
        if (value != null || metatable == null) return value;
        handler = metatable.metamethod(Event.INDEX);
        if (handler == null) return null;
      } else {
        handler = metamethod(from.lua, at, Event.INDEX);
        if (handler == null) throw typeError(from, at, "index", name);
      }
      if (handler instanceof LuaFunction) return from.lua.invoke(from, handler, at, key);
      at = handler;
      name = null;
    }
    throw error(from, "loop in gettable");
  }

  /// `object[key] = value`.
  static void setIndex(
      Activation from,
      @Nullable Object object,
      @Nullable Object key,
      @Nullable Object value,
      @Nullable Naming naming) {
    Object at = object;
    Naming name = naming;
    for (int i = 0; i < LONGEST_CHAIN; i++) {
      Object handler;
      if (at instanceof LuaTable table) {
        if (table.isReadOnly()) throw error(from, LuaTable.READ_ONLY);
        if (key == null) throw error(from, "table index is nil");
        if (key instanceof Double number && number.isNaN()) throw error(from, "table index is NaN");
        LuaTable metatable = table.metatable;
        handler = metatable == null ? null : metatable.metamethod(Event.NEWINDEX);
        if (handler == null || table.get(key) != null) {
          table.set(key, value);
          return;
        }
        table.set(key, null); // as C Lua does, which others may see in the order of `next`
      } else {
        handler = metamethod(from.lua, at, Event.NEWINDEX);
        if (handler == null) throw typeError(from, at, "index", name);
      }
      if (handler instanceof LuaFunction) {
        from.lua.invoke(from, handler, at, key, value);
        return;
      }
      at = handler;
      name = null;
    }
    throw error(from, "loop in settable");
  }

  // ── arithmetic ──

  static @Nullable Object arithmetic(
      Activation from,
      Event event,
      @Nullable Object a,
      @Nullable Object b,
      @Nullable Naming aName,
      @Nullable Naming bName) {
    Double x = from.lua.number(a);
    Double y = from.lua.number(b);
    if (x != null && y != null) return Arithmetic.compute(event, x, y);
    Object handler = metamethod(from.lua, a, event);
    if (handler == null) handler = metamethod(from.lua, b, event);
    if (handler != null) return from.lua.invoke(from, handler, a, b);
    throw x == null
        ? typeError(from, a, "perform arithmetic on", aName)
        : typeError(from, b, "perform arithmetic on", bName);
  }

  /// `#value` of what is neither a table nor a string.
  static @Nullable Object length(Activation from, @Nullable Object value, @Nullable Naming naming) {
    Object handler = metamethod(from.lua, value, Event.LEN);
    if (handler == null) throw typeError(from, value, "get length of", naming);
    return from.lua.invoke(from, handler, value, null);
  }

  // ── comparison ──

  /// Equal without asking any metamethod.
  @SuppressWarnings("ReferenceEquality") // the same object is equal, unless it is a NaN
  static boolean rawEqual(@Nullable Object a, @Nullable Object b) {
    if (a == b) return !(a instanceof Double number) || !number.isNaN();
    if (a instanceof Double x) return b instanceof Double y && (double) x == (double) y;
    return a != null && a.equals(b);
  }

  static boolean equal(Activation from, @Nullable Object a, @Nullable Object b) {
    if (rawEqual(a, b)) return true;
    LuaTable one;
    LuaTable other;
    if (a instanceof LuaTable x && b instanceof LuaTable y) {
      one = x.metatable;
      other = y.metatable;
    } else if (a instanceof LuaUserdata x && b instanceof LuaUserdata y) {
      one = x.metatable;
      other = y.metatable;
    } else {
      return false;
    }
    if (one == null || other == null) return false;
    Object handler = one.metamethod(Event.EQ);
    if (handler == null) return false;
    if (one != other && !rawEqual(handler, other.metamethod(Event.EQ))) return false;
    return ExpressionNode.isTrue(from.lua.invoke(from, handler, a, b));
  }

  static boolean less(Activation from, @Nullable Object a, @Nullable Object b) {
    if (a instanceof Double x && b instanceof Double y) return (double) x < (double) y;
    if (a instanceof LuaString x && b instanceof LuaString y) return from.lua.compare(x, y) < 0;
    if (sameType(a, b)) {
      Object handler = orderHandler(from.lua, a, b, Event.LT);
      if (handler != null) return ExpressionNode.isTrue(from.lua.invoke(from, handler, a, b));
    }
    throw orderError(from, a, b);
  }

  static boolean atMost(Activation from, @Nullable Object a, @Nullable Object b) {
    if (a instanceof Double x && b instanceof Double y) return (double) x <= (double) y;
    if (a instanceof LuaString x && b instanceof LuaString y) return from.lua.compare(x, y) <= 0;
    if (sameType(a, b)) {
      Object handler = orderHandler(from.lua, a, b, Event.LE);
      if (handler != null) return ExpressionNode.isTrue(from.lua.invoke(from, handler, a, b));
      handler = orderHandler(from.lua, b, a, Event.LT);
      if (handler != null) return !ExpressionNode.isTrue(from.lua.invoke(from, handler, b, a));
    }
    throw orderError(from, a, b);
  }

  private static boolean sameType(@Nullable Object a, @Nullable Object b) {
    return Lua.typeName(a).equals(Lua.typeName(b))
        // Light userdata is a type of its own.
        && (a == LuaUserdata.NULL) == (b == LuaUserdata.NULL);
  }

  private static @Nullable Object orderHandler(
      Lua lua, @Nullable Object a, @Nullable Object b, Event event) {
    Object handler = metamethod(lua, a, event);
    return handler != null && rawEqual(handler, metamethod(lua, b, event)) ? handler : null;
  }

  private static LuaError orderError(Activation from, @Nullable Object a, @Nullable Object b) {
    String one = Lua.typeName(a);
    String other = Lua.typeName(b);
    // C Lua tells types apart by their third letter here; a string and a thread share it.
    return one.charAt(2) == other.charAt(2)
        ? error(from, "attempt to compare two " + one + " values")
        : error(from, "attempt to compare " + one + " with " + other);
  }

  // ── strings ──

  /// All of `values`, from right to left as C Lua does it: as many strings and numbers at once as
  /// stand together; a metamethod for what is neither. Overwrites `values`.
  static @Nullable Object concat(
      Activation from, @Nullable Object[] values, @Nullable Naming[] namings) {
    int left = values.length;
    while (left > 1) {
      Object a = values[left - 2];
      Object b = values[left - 1];
      LuaString last = Lua.toText(b);
      if (last == null || !(a instanceof LuaString || a instanceof Double)) {
        Object handler = metamethod(from.lua, a, Event.CONCAT);
        if (handler == null) handler = metamethod(from.lua, b, Event.CONCAT);
        if (handler == null) {
          int wrong = Lua.toText(a) == null ? left - 2 : left - 1;
          throw typeError(from, values[wrong], "concatenate", namings[wrong]);
        }
        values[left - 2] = from.lua.invoke(from, handler, a, b);
        left--;
        continue;
      }
      long length = 0;
      int first = left;
      while (first > 0) {
        LuaString text = Lua.toText(values[first - 1]);
        if (text == null) break;
        first--;
        values[first] = text;
        length += text.length();
      }
      values[first] = join(from.lua, values, first, left, length);
      left = first + 1;
    }
    return values[0];
  }

  private static LuaString join(
      Lua lua, @Nullable Object[] values, int first, int end, long length) {
    lua.chargeString(length);
    byte[] all = new byte[(int) length];
    int at = 0;
    for (int i = first; i < end; i++) {
      LuaString text = (LuaString) values[i];
      assert text != null;
      System.arraycopy(text.bytes, 0, all, at, text.bytes.length);
      at += text.bytes.length;
    }
    return LuaString.of(all);
  }

  /// What `tostring` answers.
  static @Nullable Object toStringValue(Activation from, @Nullable Object value) {
    Object handler = metamethod(from.lua, value, Event.TOSTRING);
    if (handler != null) return from.lua.invoke(from, handler, value);
    return switch (value) {
      case null -> LuaString.of("nil");
      case Boolean truth -> LuaString.of(truth ? "true" : "false");
      case Double number -> NumberText.of(number);
      case LuaString string -> string;
      default -> LuaString.of(Lua.typeName(value) + ": " + IdentityHash.address(value));
    };
  }

  /// A copy of the first `count` values.
  static @Nullable Object[] copy(@Nullable Object[] values, int count) {
    return Arrays.copyOf(values, count);
  }
}
