package dev.spinel.lua;

import dev.spinel.lua.Ast.Naming;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One call of a [HostFunction]: its arguments, which are numbered from 1, and its results. It
/// lives until the host function returns.
///
/// The verbs that ask for a type convert as Lua's own library does (a number is a fine string, and
/// the other way round) and throw `bad argument #1 to 'name' (string expected, got nil)`.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
public final class LuaCall extends Activation {
  private int count;
  LuaValues results = new LuaValues();

  LuaCall(Lua lua) {
    super(lua, new Object[8], new double[8]);
  }

  /// Makes this the call that `from` makes, with `count` arguments still to be put in.
  void begin(@Nullable Activation from, int count) {
    this.count = count;
    if (count > objects.length) {
      int size = Math.max(count, objects.length * 2);
      objects = Arrays.copyOf(objects, size);
      numbers = Arrays.copyOf(numbers, size);
    }
    caller = from;
    results.count = 0;
  }

  /// Keeps nothing alive but its arguments and results, and if it isn't in use, nothing at all.
  void forget(boolean inUse) {
    Arrays.fill(objects, inUse ? count : 0, objects.length, null);
    if (!inUse) results.clear();
  }

  /// The state that calls.
  public Lua lua() {
    return lua;
  }

  // ── arguments ──

  /// How many arguments there are.
  public int count() {
    return count;
  }

  /// Argument `n` as it is; null if it is nil or absent.
  public @Nullable Object get(int n) {
    return n > count ? null : value(n - 1);
  }

  /// Argument `n` as it is, nil included. An error if it is absent ("value expected").
  public @Nullable Object any(int n) {
    if (n > count) throw argumentError(n, "value expected");
    return value(n - 1);
  }

  /// Whether argument `n` is nil or absent.
  public boolean isNil(int n) {
    return n > count || objects[n - 1] == null;
  }

  /// Argument `n` as a condition: neither nil nor false.
  public boolean test(int n) {
    return n <= count && ExpressionNode.isTrue(objects[n - 1]);
  }

  /// Argument `n` as a number.
  public double number(int n) {
    if (n <= count && objects[n - 1] == NUMBER) return numbers[n - 1];
    Double number = lua.number(get(n));
    if (number == null) throw typeError(n, "number");
    return number;
  }

  /// Argument `n` as a number; `absent` if it is nil or absent.
  public double number(int n, double absent) {
    return isNil(n) ? absent : number(n);
  }

  /// Argument `n` as C's library makes an integer of a number: towards zero; what doesn't fit a
  /// long is [Long#MIN_VALUE].
  public long integer(int n) {
    return NumberReader.toLong(number(n));
  }

  /// The same; `absent` if it is nil or absent.
  public long integer(int n, long absent) {
    return isNil(n) ? absent : integer(n);
  }

  /// Argument `n` as a string.
  public LuaString string(int n) {
    LuaString text = Lua.toText(get(n));
    if (text == null) throw typeError(n, "string");
    return text;
  }

  /// Argument `n` as a string; `absent` if it is nil or absent.
  public LuaString string(int n, LuaString absent) {
    return isNil(n) ? absent : string(n);
  }

  /// Argument `n`, a table.
  public LuaTable table(int n) {
    if (get(n) instanceof LuaTable table) return table;
    throw typeError(n, "table");
  }

  /// Argument `n`, a function.
  public LuaFunction function(int n) {
    if (get(n) instanceof LuaFunction function) return function;
    throw typeError(n, "function");
  }

  /// The arguments from `n` on.
  public @Nullable Object[] from(int n) {
    @Nullable Object[] rest = new Object[Math.max(0, count - n + 1)];
    for (int i = 0; i < rest.length; i++) rest[i] = get(n + i);
    return rest;
  }

  // ── results: each call of these appends ──

  /// Adds any value to the results. A string counts against the state's limit.
  public void ret(@Nullable Object value) {
    if (value instanceof LuaString string) lua.charge(24L + string.length());
    results.add(value);
  }

  /// Adds a value that the state has already, such as an error's: no memory is needed for it, so
  /// this doesn't fail.
  public void pass(@Nullable Object value) {
    results.add(value);
  }

  /// Adds a number to the results, without making an object of it.
  public void ret(double value) {
    results.add(!Double.isNaN(value) ? value : ExpressionNode.unboxed(value));
  }

  /// Adds all of these to the results.
  public void retAll(@Nullable Object[] values) {
    for (Object value : values) ret(value);
  }

  /// Adds a boolean to the results.
  public void ret(boolean value) {
    results.add(value);
  }

  // ── errors: to be thrown ──

  /// An error with this text behind the position of the script that called (`user_script:1: `).
  public LuaError error(String text) {
    return error(LuaString.of(text));
  }

  /// The same for any bytes.
  public LuaError error(LuaString text) {
    LuaString where = lua.where(this, 1);
    lua.current = this;
    return new LuaError((Object) lua.buffer().put(where).put(text).toLuaString());
  }

  /// `bad argument #n to 'name' (problem)`, with the position.
  public LuaError argumentError(int n, String problem) {
    return argumentError(n, LuaString.of(problem));
  }

  /// The same for any bytes.
  LuaError argumentError(int n, LuaString problem) {
    Naming naming = caller instanceof Frame frame && frame.at != null ? frame.at.callee() : null;
    LuaBuffer text = lua.buffer();
    int number = n;
    if (naming != null && naming.kind().equals("method")) {
      number--;
      if (number == 0) {
        text.put("calling '").put(naming.name()).put("' on bad self (").put(problem).put(")");
        return error(text.toLuaString());
      }
    }
    text.put("bad argument #" + number + " to '");
    if (naming == null) text.put("?");
    else text.put(naming.name());
    return error(text.put("' (").put(problem).put(")").toLuaString());
  }

  /// `bad argument #n to 'name' (wanted expected, got …)`, with the position.
  public LuaError typeError(int n, String wanted) {
    String got = n > count ? "no value" : Lua.typeName(get(n));
    return argumentError(n, wanted + " expected, got " + got);
  }

  // ── calling back ──

  /// Calls `function` (any value: its `__call` counts) and returns its results. Results given to
  /// `ret` before stay.
  public @Nullable Object[] invoke(@Nullable Object function, @Nullable Object... arguments) {
    return lua.callFrom(this, function, arguments);
  }
}
