package dev.spinel.lua;

import java.util.function.Predicate;

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

  /// The same, but whoever has asked for it ([Lua#lines]) is told of each line that runs: a
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

  /// Whether one of the strings that stand in `source` as the first argument of a call is wanted.
  ///
  /// @throws LuaError it isn't even made of Lua's words
  public static boolean callsWith(LuaString source, Predicate<LuaString> wanted) {
    LuaLexer lexer = new LuaLexer(source, LuaString.EMPTY);
    int before;
    do {
      before = lexer.token;
      lexer.next();
      boolean isFirst = before == '(' || before == LuaLexer.NAME;
      if (isFirst && lexer.token == LuaLexer.STRING && wanted.test(lexer.string)) {
        return true;
      }
    } while (lexer.token != LuaLexer.EOS);
    return false;
  }

  /// The name given to [#compile].
  public String name() {
    return name.toString();
  }
}
