package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// One function that runs: a [Frame] of a script's, or a [LuaCall] of the host's. They are chained,
/// innermost first, by [#caller].
///
/// **Slots.** Values live in two arrays side by side, so that a number needs no object:
///
/// ```
///   objects   "a"   NUMBER   nil   Double 7   Cell …
///   numbers    -     3.5      -       -        -
/// ```
///
/// Where `objects` holds [#NUMBER], the value is the number beside it. A boxed [Double] is fine,
/// too: whatever is cheaper for the one who writes. Owned by the thread that has the state.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
abstract sealed class Activation permits Frame, LuaCall {
  /// In `objects`: look into `numbers`. Never seen outside of slots.
  static final Object NUMBER = new Object();

  final Lua lua;
  @Nullable Object[] objects;
  double[] numbers;
  @Nullable Activation caller;
  int depth; // how many activations there are in this coroutine, this one included
  int boundaries; // how many of them were called by the host's code, which can't be suspended
  int weight; // how much of the thread's stack is in use, in nested nodes

  Activation(Lua lua, @Nullable Object[] objects, double[] numbers) {
    this.lua = lua;
    this.objects = objects;
    this.numbers = numbers;
  }

  /// The value of a slot, as an object.
  final @Nullable Object value(int slot) {
    Object value = objects[slot];
    return value == NUMBER ? (Double) numbers[slot] : value;
  }

  final void set(int slot, double number) {
    numbers[slot] = number;
    if (objects[slot] != NUMBER) objects[slot] = NUMBER;
  }
}
