package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// An error of Lua's: its value is any Lua value, mostly a string, and `pcall` catches it.
///
/// It has no Java stack. Which line of the script was running when it was thrown is known once it
/// reaches whoever called [Lua#call].
public final class LuaError extends RuntimeException {
  private final transient @Nullable Object value;
  private @Nullable String source;
  private int line = -1;

  /// An error with this Lua value.
  public LuaError(@Nullable Object value) {
    super(null, null, false, false);
    this.value = value;
  }

  /// An error whose value is this text, as it is: without a position.
  public LuaError(String text) {
    this((Object) LuaString.of(text));
  }

  /// The Lua value.
  public @Nullable Object value() {
    return value;
  }

  /// The value if it is a string or a number, as text; otherwise null.
  public @Nullable LuaString text() {
    return Lua.toText(value);
  }

  /// The name, as it was given to [LuaChunk#compile], of the chunk whose function was running; null
  /// if none was.
  public @Nullable String source() {
    return source;
  }

  /// The line that was running, -1 if none was.
  public int line() {
    return line;
  }

  void raisedAt(@Nullable String source, int line) {
    this.source = source;
    this.line = line;
  }

  @Override
  public String getMessage() {
    LuaString text = text();
    return text != null
        ? text.toString()
        : "(an error value that is a " + Lua.typeName(value) + ")";
  }
}
