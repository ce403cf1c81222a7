package dev.spinel.lua;

/// A statement that runs.
abstract class StatementNode extends Node {
  /// Runs, or goes on if the frame is resuming. Answers [#NEXT], [#BREAK], [#RETURN], [#TAIL] or
  /// [#SUSPEND].
  abstract int run(Frame frame);
}
