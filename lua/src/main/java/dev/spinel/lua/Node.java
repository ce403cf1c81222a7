package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// A piece of a compiled function. Nodes never change, know no state, and run in any frame of their
/// function.
abstract class Node {
  // What a statement answers.
  static final int NEXT = 0; // go on with the next one
  static final int BREAK = 1; // leave the loop
  static final int RETURN = 2; // leave the function: its results are in Lua.results
  static final int TAIL = 3; // leave the function: the frame in Lua.pending takes its place
  static final int SUSPEND = 4; // leave everything up to the boundary, to go on later

  /// Only a line, for what a node does in more than one place.
  static final class Mark extends Node {
    Mark(int line) {
      this.line = line;
    }
  }

  int line; // which messages show

  /// How messages call the function that this node calls.
  Ast.@Nullable Naming callee() {
    return null;
  }
}
