package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// A local variable that inner functions use, too.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
final class Cell {
  @Nullable Object object; // or Activation.NUMBER: the value is `number`
  double number;

  @Nullable Object get() {
    Object value = object;
    return value == Activation.NUMBER ? (Double) number : value;
  }

  void set(double number) {
    this.number = number;
    object = Activation.NUMBER;
  }
}
