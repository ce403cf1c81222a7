package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// A Lua state: globals, libraries, limits, and whatever its scripts leave in it.
///
/// It belongs to one thread at a time. What it costs to make one is some tables and a hundred
/// function objects.
///
/// **What a script can't do**, by construction: read files, load bytecode, see the host's objects,
/// run for ever ([#hook]), take all memory ([LuaLimits]), overflow the stack, catch what isn't a
/// [LuaError].
public final class Lua {
  /// A state with the base, string, table, math and coroutine libraries in its globals.
  public Lua(LuaLimits limits) {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── the world of a script ──

  /// The table of globals.
  public LuaTable globals() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The metatable that all strings share: its `__index` is the table `string`.
  public LuaTable stringMetatable() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// A new table with room for `array` values from key 1 and `others` other pairs.
  public LuaTable table(int array, int others) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// A function that calls the host.
  public LuaFunction function(HostFunction body) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// A function of `chunk`, with the globals as its environment. Its arguments are the chunk's `…`.
  public LuaFunction load(LuaChunk chunk) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// An empty buffer for a string.
  public LuaBuffer buffer() {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── running ──

  /// Calls `function` and returns its results. From inside of a host function, too.
  ///
  /// @throws LuaError which the script didn't catch; any other exception comes from a host function
  ///   or the hook
  public @Nullable Object[] call(@Nullable Object function, @Nullable Object... arguments) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// From now on `hook` is asked after about every `steps` steps (a step is a turn of a loop, a
  /// call, or as much work inside of a library function); null for never.
  public void hook(int steps, @Nullable LuaHook hook) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Restarts `math.random` with this seed, as `math.randomseed` does.
  public void seed(int seed) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// How many bytes the values that the state can still reach take, approximately. Walks over all
  /// of them.
  public long measure() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// How many bytes they took when they were last measured, and what was made since.
  public long memory() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Counts memory that a host function took on behalf of a script: an error if that is too much.
  public void charge(long bytes) {
    throw new UnsupportedOperationException("not built yet");
  }

  // ── where a script stands ──

  /// The line that runs on `level` of the stack, as `user_script:1: `; empty if a host function
  /// runs there. 0 is the host function that asks, 1 whoever called it.
  public LuaString where(int level) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The chunk's name and the current line of the innermost function that isn't the host's; null if
  /// there is none.
  public @Nullable Place innermost() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// A line of a chunk. `source` is the name given to [LuaChunk#compile].
  public record Place(String source, int line) {}

  // ── what Lua's operators do ──

  /// `object[key]`, metamethods included.
  public @Nullable Object index(@Nullable Object object, @Nullable Object key) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// `object[key] = value`, metamethods included.
  public void setIndex(@Nullable Object object, @Nullable Object key, @Nullable Object value) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// `a == b`, metamethods included.
  public boolean equal(@Nullable Object a, @Nullable Object b) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// `nil`, `boolean`, `number`, `string`, `table`, `function`, `thread` or `userdata`.
  public static String typeName(@Nullable Object value) {
    return switch (value) {
      case null -> "nil";
      case Boolean b -> "boolean";
      case Double d -> "number";
      case LuaString s -> "string";
      case LuaTable t -> "table";
      case LuaFunction f -> "function";
      case LuaThread t -> "thread";
      default -> "userdata";
    };
  }

  /// A string or a number as a string; null for any other value.
  public static @Nullable LuaString toText(@Nullable Object value) {
    return switch (value) {
      case LuaString string -> string;
      case Double number -> numberText(number);
      case null, default -> null;
    };
  }

  /// A number, or a string that reads as one; null for any other value.
  public static @Nullable Double toNumber(@Nullable Object value) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// A number as Lua shows it: C's `%.14g`.
  public static LuaString numberText(double number) {
    throw new UnsupportedOperationException("not built yet");
  }
}
