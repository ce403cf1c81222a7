package dev.spinel.lua;

/// Compiled source: what [Lua#load] makes a function of. It never changes, knows no state and may
/// be loaded by several.
public final class LuaChunk {
  private final String name;

  LuaChunk(String name) {
    this.name = name;
  }

  /// Compiles `source`.
  ///
  /// @param name the chunk's name in messages, as in C: after `@` a file's name as it is, after `=`
  ///   any text, otherwise the source itself, shown as `[string "…"]`
  /// @throws LuaError with the syntax error's text, position included
  public static LuaChunk compile(LuaString source, String name) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The name given to [#compile].
  public String name() {
    return name;
  }
}
