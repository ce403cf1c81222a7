package dev.spinel.lua;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The results of a call on their way, in slots like an [Activation]'s.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
final class LuaValues {
  @Nullable Object[] objects = new Object[8];
  double[] numbers = new double[8];
  int count;

  void add(@Nullable Object value) {
    if (count == objects.length) reserve(count + 1);
    objects[count++] = value;
  }

  void add(double number) {
    if (count == objects.length) reserve(count + 1);
    numbers[count] = number;
    objects[count++] = Activation.NUMBER;
  }

  /// Value `i`, from 0; nil beyond the end.
  @Nullable Object get(int i) {
    if (i >= count) return null;
    Object value = objects[i];
    return value == Activation.NUMBER ? (Double) numbers[i] : value;
  }

  /// Puts value `i`, or nil beyond the end, into a slot.
  void into(int i, Activation to, int slot) {
    if (i >= count) {
      to.objects[slot] = null;
      return;
    }
    Object value = objects[i];
    if (value == Activation.NUMBER) to.numbers[slot] = numbers[i];
    to.objects[slot] = value;
  }

  void reserve(int size) {
    if (size <= objects.length) return;
    int larger = Math.max(size, objects.length * 2);
    objects = Arrays.copyOf(objects, larger);
    numbers = Arrays.copyOf(numbers, larger);
  }

  /// All of them, from `start` on, as objects.
  @Nullable Object[] toArray(int start) {
    Object[] array = new Object[Math.max(0, count - start)];
    for (int i = 0; i < array.length; i++) array[i] = get(start + i);
    return array;
  }

  /// Forgets what it held, so that it keeps nothing alive.
  void clear() {
    count = 0;
    if (objects.length > 1024) {
      objects = new Object[8];
      numbers = new double[8];
    } else {
      Arrays.fill(objects, null);
    }
  }
}
