package dev.spinel.lua;

/// Compiled source: what [Lua#load] makes a function of. It never changes, knows no state and may
/// be loaded by several.
public final class LuaChunk {
  private final LuaString name;
  final Prototype prototype;

  private LuaChunk(LuaString name, Prototype prototype) {
    this.name = name;
    this.prototype = prototype;
  }

  /// Compiles `source`.
  ///
  /// @param name the chunk's name in messages, as in C: after `@` a file's name as it is, after `=`
  ///   any text, otherwise the source itself, shown as `[string "…"]`
  /// @throws LuaError with the syntax error's text, position included
  public static LuaChunk compile(LuaString source, String name) {
    return compile(source, LuaString.of(name), 0);
  }

  /// The same, and finds out how the host's functions are called ([#words], [Lua#words]).
  public static LuaChunk compile(LuaString source, String name, LuaWatch watch) {
    LuaString chunkName = LuaString.of(name);
    Ast.FunctionBody body = LuaParser.parse(source, chunkName, 0);
    WordFinder.look(body, watch);
    return new LuaChunk(chunkName, Compiler.compile(chunkName, body));
  }

  /// As the first, but whoever has asked for it ([Lua#lines]) is told of each line that runs: a
  /// function compiled so is slower.
  public static LuaChunk compileWithLines(LuaString source, String name) {
    LuaString chunkName = LuaString.of(name);
    Ast.FunctionBody body = LuaParser.parse(source, chunkName, 0);
    return new LuaChunk(chunkName, Compiler.compileWithLines(chunkName, body));
  }

  /// The same from a script, `levels` boundaries deep.
  static LuaChunk compile(LuaString source, LuaString name, int levels) {
    Ast.FunctionBody body = LuaParser.parse(source, name, levels);
    return new LuaChunk(name, Compiler.compile(name, body));
  }

  /// What its functions may give watched ones; anything, if nobody watches.
  public LuaWords words() {
    return prototype.words;
  }

  /// The name given to [#compile].
  public String name() {
    return name.toString();
  }
}
