package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// One call of a [HostFunction]: its arguments, which are numbered from 1, and its results. It
/// lives until the host function returns.
///
/// The verbs that ask for a type convert as Lua's own library does (a number is a fine string, and
/// the other way round) and throw `bad argument #1 to 'name' (string expected, got nil)`.
public final class LuaCall {
  LuaCall() {}

  /// The state that calls.
  public Lua lua() {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── arguments ──

  /// How many arguments there are.
  public int count() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Argument `n` as it is; null if it is nil or absent.
  public @Nullable Object get(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Argument `n` as it is, nil included. An error if it is absent ("value expected").
  public @Nullable Object any(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Whether argument `n` is nil or absent.
  public boolean isNil(int n) {
    return get(n) == null;
  }

  /// Argument `n` as a condition: neither nil nor false.
  public boolean test(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Argument `n` as a number.
  public double number(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Argument `n` as a number; `absent` if it is nil or absent.
  public double number(int n, double absent) {
    return isNil(n) ? absent : number(n);
  }

  /// Argument `n` as C's library makes an integer of a number: towards zero; what doesn't fit a
  /// long is [Long#MIN_VALUE].
  public long integer(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The same; `absent` if it is nil or absent.
  public long integer(int n, long absent) {
    return isNil(n) ? absent : integer(n);
  }

  /// Argument `n` as a string.
  public LuaString string(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Argument `n` as a string; `absent` if it is nil or absent.
  public LuaString string(int n, LuaString absent) {
    return isNil(n) ? absent : string(n);
  }

  /// Argument `n`, a table.
  public LuaTable table(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Argument `n`, a function.
  public LuaFunction function(int n) {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── results: each call of these appends ──

  /// Adds any value to the results.
  public void ret(@Nullable Object value) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Adds a number to the results, without making an object of it.
  public void ret(double value) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Adds a boolean to the results.
  public void ret(boolean value) {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── errors: to be thrown ──

  /// An error with this text behind the position of the script that called (`user_script:1: `).
  public LuaError error(String text) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// `bad argument #n to 'name' (problem)`, with the position.
  public LuaError argumentError(int n, String problem) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// `bad argument #n to 'name' (wanted expected, got …)`, with the position.
  public LuaError typeError(int n, String wanted) {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── calling back ──

  /// Calls `function` (any value: its `__call` counts) and returns its results. Results given to
  /// `ret` before stay.
  public @Nullable Object[] invoke(@Nullable Object function, @Nullable Object... arguments) {
    return lua().call(function, arguments);
  }
}
