package dev.spinel.lua;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A function of a script's that runs: its local variables and what lies between.
///
/// **A frame can be left in the middle and entered again.** Calls are statements (the compiler sees
/// to it), so between two statements a function's whole state is in its slots, plus which statement
/// of which block it stands at. A statement that is left that way answers [Node#SUSPEND], and each
/// block around it notes its place on the frame's trail. To go on, `resuming` is set and the body
/// run again: each block takes its place from the trail, down to the call, which takes the results.
/// So coroutines need no thread, and deep recursion no deep stack: see [LuaThread].
final class Frame extends Activation {
  private static final Object[] NO_EXTRA = {};
  private static final int[] NO_TRAIL = {};

  final LuaClosure function;
  @Nullable Object[] extra = NO_EXTRA; // the values of `...`
  @Nullable Node at; // the call that runs, or what last did something that may fail
  int tailCalls; // how many functions gave their place to this one
  @Nullable Object other; // what an expression is that isn't a number: see ExpressionNode.number
  boolean resuming;
  Statements.@Nullable Line passed; // the last one; null: none yet, or it has jumped back since
  private int[] trail = NO_TRAIL;
  private int trailLength;

  Frame(Lua lua, LuaClosure function) {
    super(lua, new Object[function.prototype.slots], new double[function.prototype.slots]);
    this.function = function;
  }

  /// A frame that `from` calls without a boundary between, `nodes` deep in its own nodes.
  static Frame calledBy(Frame from, LuaClosure function, int nodes) {
    Frame frame = new Frame(from.lua, function);
    frame.caller = from;
    frame.depth = from.depth + 1;
    frame.boundaries = from.boundaries;
    frame.weight = from.weight + nodes;
    return frame;
  }

  /// Notes where to go on.
  void leaveAt(int place) {
    if (trailLength == trail.length) trail = Arrays.copyOf(trail, Math.max(4, trailLength * 2));
    trail[trailLength++] = place;
  }

  /// Where to go on: what the block left that asks.
  int place() {
    return trail[--trailLength];
  }

  int line() {
    return at == null ? 0 : at.line;
  }
}
