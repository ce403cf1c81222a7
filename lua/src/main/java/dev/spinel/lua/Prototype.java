package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// A compiled function, without the variables that it takes from those around it.
final class Prototype {
  final LuaString chunkName;
  final int line; // 0: a whole chunk
  final int parameters;
  final boolean vararg;
  final boolean usesArg; // it wants the table `arg`, in the slot behind the parameters
  final int slots;
  final Ast.Upvalue[] upvalues;
  final StatementNode body;
  final LuaWords words; // of it, and of the functions in it

  Prototype(LuaString chunkName, Ast.FunctionBody function, int slots, StatementNode body) {
    this.chunkName = chunkName;
    this.line = function.line;
    this.parameters = function.parameters.size();
    this.vararg = function.vararg;
    this.usesArg = function.arg != null && !function.dotsUsed;
    this.slots = slots;
    this.upvalues = function.upvalues.toArray(Ast.Upvalue[]::new);
    this.body = body;
    this.words = function.words == null ? LuaWords.ANY : function.words;
  }

  private @Nullable LuaString shownName;

  /// The chunk's name as messages show it.
  LuaString shownName() {
    LuaString name = shownName;
    if (name == null) shownName = name = ChunkName.shown(chunkName, ChunkName.RUNTIME);
    return name;
  }
}
