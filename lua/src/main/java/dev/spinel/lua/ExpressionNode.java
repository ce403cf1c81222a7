package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// An expression without calls. It may run metamethods, but is never suspended in the middle.
abstract class ExpressionNode extends Node {
  private static final long NONE_BITS = 0x7ff8_5049_4e45_4c00L;

  /// What [#number] answers if the value isn't a number.
  static final double NONE = Double.longBitsToDouble(NONE_BITS);

  /// The value.
  abstract @Nullable Object eval(Frame frame);

  /// The value if it is a number; otherwise [#NONE], and the value is in the frame's `other`. NONE
  /// is a NaN that no computation makes and no value is; so whoever gets a NaN asks [#isNone].
  double number(Frame frame) {
    Object value = eval(frame);
    if (value instanceof Double number) return unboxed(number);
    frame.other = value;
    return NONE;
  }

  /// Whether the value is neither nil nor false.
  boolean test(Frame frame) {
    return isTrue(eval(frame));
  }

  /// Whether a value counts as true.
  @SuppressWarnings("ReferenceEquality") // there is one false
  static boolean isTrue(@Nullable Object value) {
    return value != null && value != Boolean.FALSE;
  }

  /// Puts the value into a slot of `to`, which may be the frame itself.
  void into(Frame frame, Activation to, int slot) {
    to.objects[slot] = eval(frame);
  }

  /// Whether running it can do nothing but give a value.
  boolean isPlain() {
    return false;
  }

  static boolean isNone(double number) {
    return Double.doubleToRawLongBits(number) == NONE_BITS;
  }

  /// A number from outside of the nodes: whatever NaN it is, it isn't NONE.
  static double unboxed(double number) {
    return Double.isNaN(number) && isNone(number) ? Double.NaN : number;
  }
}
