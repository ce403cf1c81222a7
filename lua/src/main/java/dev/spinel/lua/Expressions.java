package dev.spinel.lua;

import dev.spinel.lua.Ast.Naming;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The expressions that run. The frequent shapes of arithmetic, comparison and access have classes
/// of their own: what a node needn't ask another node, it knows by itself.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
final class Expressions {
  /// How many listed items of a table constructor are put into the table at a time.
  static final int ITEMS_AT_ONCE = 50;

  private Expressions() {}

  // ── constants ──

  /// nil, a boolean or a string.
  static final class Constant extends ExpressionNode {
    final @Nullable Object value;

    Constant(@Nullable Object value) {
      this.value = value;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      return value;
    }

    @Override
    boolean isPlain() {
      return true;
    }
  }

  /// A number.
  static final class Numeral extends ExpressionNode {
    final double value;
    private final Double boxed;

    Numeral(double value) {
      this.value = value;
      this.boxed = value;
    }

    @Override
    Object eval(Frame frame) {
      return boxed;
    }

    @Override
    double number(Frame frame) {
      return value;
    }

    @Override
    boolean test(Frame frame) {
      return true;
    }

    @Override
    void into(Frame frame, Activation to, int slot) {
      to.set(slot, value);
    }

    @Override
    boolean isPlain() {
      return true;
    }
  }

  // ── variables ──

  /// A local variable that no inner function uses, or an intermediate value.
  static final class Slot extends ExpressionNode {
    final int slot;

    Slot(int slot) {
      this.slot = slot;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      Object value = frame.objects[slot];
      return value == Activation.NUMBER ? (Double) frame.numbers[slot] : value;
    }

    @Override
    double number(Frame frame) {
      Object value = frame.objects[slot];
      if (value == Activation.NUMBER) return frame.numbers[slot];
      if (value instanceof Double number) return unboxed(number);
      frame.other = value;
      return NONE;
    }

    @Override
    boolean test(Frame frame) {
      return isTrue(frame.objects[slot]);
    }

    @Override
    void into(Frame frame, Activation to, int slot) {
      Object value = frame.objects[this.slot];
      if (value == Activation.NUMBER) to.numbers[slot] = frame.numbers[this.slot];
      to.objects[slot] = value;
    }

    @Override
    boolean isPlain() {
      return true;
    }
  }

  /// A local variable that inner functions use.
  static final class CellSlot extends ExpressionNode {
    final int slot;

    CellSlot(int slot) {
      this.slot = slot;
    }

    private Cell cell(Frame frame) {
      Object cell = frame.objects[slot];
      assert cell != null;
      return (Cell) cell;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      return cell(frame).get();
    }

    @Override
    double number(Frame frame) {
      return Expressions.number(frame, cell(frame));
    }

    @Override
    void into(Frame frame, Activation to, int slot) {
      Expressions.into(cell(frame), to, slot);
    }

    @Override
    boolean isPlain() {
      return true;
    }
  }

  /// A variable of a function around this one.
  static final class Outer extends ExpressionNode {
    final int index;

    Outer(int index) {
      this.index = index;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      return frame.function.cells[index].get();
    }

    @Override
    double number(Frame frame) {
      return Expressions.number(frame, frame.function.cells[index]);
    }

    @Override
    void into(Frame frame, Activation to, int slot) {
      Expressions.into(frame.function.cells[index], to, slot);
    }

    @Override
    boolean isPlain() {
      return true;
    }
  }

  private static double number(Frame frame, Cell cell) {
    Object value = cell.object;
    if (value == Activation.NUMBER) return cell.number;
    if (value instanceof Double number) return ExpressionNode.unboxed(number);
    frame.other = value;
    return ExpressionNode.NONE;
  }

  private static void into(Cell cell, Activation to, int slot) {
    Object value = cell.object;
    if (value == Activation.NUMBER) to.numbers[slot] = cell.number;
    to.objects[slot] = value;
  }

  /// A global variable: a field of the function's environment.
  static final class Global extends ExpressionNode {
    final LuaString name;

    Global(LuaString name) {
      this.name = name;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      LuaTable environment = frame.function.environment;
      Object value = environment.get(name);
      if (value != null || environment.metatable == null) return value;
      frame.at = this;
      return Operations.index(frame, environment, name, null);
    }
  }

  /// The first of the values of `...`.
  static final class FirstExtra extends ExpressionNode {
    @Override
    @Nullable Object eval(Frame frame) {
      return frame.extra.length > 0 ? frame.extra[0] : null;
    }

    @Override
    boolean isPlain() {
      return true;
    }
  }

  // ── tables ──

  /// `object.key`, the key a string.
  static final class Field extends ExpressionNode {
    final ExpressionNode object;
    final LuaString key;
    final @Nullable Naming naming;

    Field(ExpressionNode object, LuaString key, @Nullable Naming naming) {
      this.object = object;
      this.key = key;
      this.naming = naming;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      Object table = object.eval(frame);
      if (table instanceof LuaTable plain) {
        Object value = plain.get(key);
        if (value != null || plain.metatable == null) return value;
      }
      frame.at = this;
      return Operations.index(frame, table, key, naming);
    }
  }

  /// `object[key]`.
  static final class Element extends ExpressionNode {
    final ExpressionNode object;
    final ExpressionNode key;
    final @Nullable Naming naming;

    Element(ExpressionNode object, ExpressionNode key, @Nullable Naming naming) {
      this.object = object;
      this.key = key;
      this.naming = naming;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      Object table = object.eval(frame);
      double number = key.number(frame);
      if (Double.isNaN(number)) return other(frame, table, number);
      if (table instanceof LuaTable plain) {
        Object value = plain.get(number);
        if (value != null || plain.metatable == null) return value;
      }
      frame.at = this;
      return Operations.index(frame, table, number, naming);
    }

    private @Nullable Object other(Frame frame, @Nullable Object table, double number) {
      Object key = isNone(number) ? frame.other : (Double) number;
      if (table instanceof LuaTable plain) {
        Object value = plain.get(key);
        if (value != null || plain.metatable == null) return value;
      }
      frame.at = this;
      return Operations.index(frame, table, key, naming);
    }
  }

  /// `{…}`: items whose key is null are listed, and go in fifty at a time, after the others that
  /// stand between them.
  static final class TableOf extends ExpressionNode {
    final @Nullable ExpressionNode[] keys;
    final ExpressionNode[] values;
    final Node[] places; // where the keyed ones are
    final int arraySize;
    final int hashSize;
    final boolean dots; // the values of `...` follow

    TableOf(
        @Nullable ExpressionNode[] keys,
        ExpressionNode[] values,
        Node[] places,
        int arraySize,
        int hashSize,
        boolean dots) {
      this.keys = keys;
      this.values = values;
      this.places = places;
      this.arraySize = arraySize;
      this.hashSize = hashSize;
      this.dots = dots;
    }

    @Override
    Object eval(Frame frame) {
      LuaTable table = new LuaTable(frame.lua, arraySize, hashSize);
      if (values.length == 0 && !dots) return table;
      @Nullable Object[] list = null;
      int pending = 0;
      int stored = 0;
      for (int i = 0; i < values.length; i++) {
        if (pending == ITEMS_AT_ONCE) {
          store(table, stored, Objects.requireNonNull(list), pending);
          stored += pending;
          pending = 0;
        }
        ExpressionNode key = keys[i];
        if (key != null) {
          Object at = key.eval(frame);
          Object value = values[i].eval(frame);
          frame.at = places[i];
          Operations.setIndex(frame, table, at, value, null);
          continue;
        }
        if (list == null) list = new Object[Math.min(ITEMS_AT_ONCE, values.length)];
        list[pending++] = values[i].eval(frame);
      }
      if (dots) {
        @Nullable Object[] extra = frame.extra;
        @Nullable Object[] all = new Object[pending + extra.length];
        if (list != null) System.arraycopy(list, 0, all, 0, pending);
        System.arraycopy(extra, 0, all, pending, extra.length);
        store(table, stored, all, all.length);
      } else if (list != null) {
        store(table, stored, list, pending);
      }
      return table;
    }
  }

  /// Puts `count` values into a table, behind `stored` others.
  static void store(LuaTable table, int stored, @Nullable Object[] values, int count) {
    table.reserveArray(stored + count);
    for (int i = count; i > 0; i--) table.set((long) stored + i, values[i - 1]);
  }

  // ── functions ──

  /// `function (…) … end`.
  static final class FunctionOf extends ExpressionNode {
    final Prototype prototype;
    final int[]
        sources; // of each variable it takes: a slot, or -1 - the index of an outer variable

    FunctionOf(Prototype prototype, int[] sources) {
      this.prototype = prototype;
      this.sources = sources;
    }

    @Override
    Object eval(Frame frame) {
      frame.lua.charge(48 + 4L * sources.length);
      LuaClosure closure = new LuaClosure(prototype, frame.function.environment);
      for (int i = 0; i < sources.length; i++) {
        int source = sources[i];
        Object cell = source >= 0 ? frame.objects[source] : frame.function.cells[-1 - source];
        assert cell != null;
        closure.cells[i] = (Cell) cell;
      }
      return closure;
    }
  }

  // ── logic ──

  /// `not x`.
  static final class Not extends ExpressionNode {
    final ExpressionNode operand;

    Not(ExpressionNode operand) {
      this.operand = operand;
    }

    @Override
    Object eval(Frame frame) {
      return !operand.test(frame);
    }

    @Override
    boolean test(Frame frame) {
      return !operand.test(frame);
    }
  }

  /// `x and y`.
  static final class And extends ExpressionNode {
    final ExpressionNode left;
    final ExpressionNode right;

    And(ExpressionNode left, ExpressionNode right) {
      this.left = left;
      this.right = right;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      Object value = left.eval(frame);
      return isTrue(value) ? right.eval(frame) : value;
    }

    @Override
    boolean test(Frame frame) {
      return left.test(frame) && right.test(frame);
    }
  }

  /// `x or y`.
  static final class Or extends ExpressionNode {
    final ExpressionNode left;
    final ExpressionNode right;

    Or(ExpressionNode left, ExpressionNode right) {
      this.left = left;
      this.right = right;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      Object value = left.eval(frame);
      return isTrue(value) ? value : right.eval(frame);
    }

    @Override
    boolean test(Frame frame) {
      return left.test(frame) || right.test(frame);
    }
  }

  /// `x == y` or `x ~= y`.
  static final class Equal extends ExpressionNode {
    final ExpressionNode left;
    final ExpressionNode right;
    final boolean wanted;

    Equal(ExpressionNode left, ExpressionNode right, boolean wanted) {
      this.left = left;
      this.right = right;
      this.wanted = wanted;
    }

    @Override
    Object eval(Frame frame) {
      return test(frame);
    }

    @Override
    boolean test(Frame frame) {
      double x = left.number(frame);
      if (!Double.isNaN(x)) {
        double y = right.number(frame);
        return (x == y) == wanted;
      }
      if (!isNone(x)) {
        right.eval(frame);
        return !wanted;
      }
      Object a = frame.other;
      Object b = right.eval(frame);
      if (a == b) return wanted;
      if (a instanceof LuaString string) {
        return (b instanceof LuaString that && frame.lua.same(string, that)) == wanted;
      }
      frame.at = this;
      return Operations.equal(frame, a, b) == wanted;
    }
  }

  /// The same where one side is nil, a boolean or a string: no metamethod can be asked.
  static final class EqualConstant extends ExpressionNode {
    final ExpressionNode operand;
    final @Nullable Object value;
    final boolean wanted;

    EqualConstant(ExpressionNode operand, @Nullable Object value, boolean wanted) {
      this.operand = operand;
      this.value = value;
      this.wanted = wanted;
    }

    @Override
    Object eval(Frame frame) {
      return test(frame);
    }

    @Override
    boolean test(Frame frame) {
      Object other = operand.eval(frame);
      return (other == value
              || value instanceof LuaString string
                  && other instanceof LuaString that
                  && frame.lua.same(string, that))
          == wanted;
    }
  }

  /// `x < y`, or `y > x` if `swapped`: the left side is always computed first.
  static final class Less extends ExpressionNode {
    final ExpressionNode left;
    final ExpressionNode right;
    final boolean swapped;

    Less(ExpressionNode left, ExpressionNode right, boolean swapped) {
      this.left = left;
      this.right = right;
      this.swapped = swapped;
    }

    @Override
    Object eval(Frame frame) {
      return test(frame);
    }

    @Override
    boolean test(Frame frame) {
      double x = left.number(frame);
      if (!Double.isNaN(x)) {
        double y = right.number(frame);
        if (!Double.isNaN(y)) return swapped ? y < x : x < y;
        return isNone(y) && ordered(frame, x, frame.other);
      }
      if (!isNone(x)) return ordered(frame, x, right.eval(frame));
      Object a = frame.other;
      return ordered(frame, a, right.eval(frame));
    }

    private boolean ordered(Frame frame, @Nullable Object a, @Nullable Object b) {
      frame.at = this;
      return swapped ? Operations.less(frame, b, a) : Operations.less(frame, a, b);
    }
  }

  /// `x <= y`, or `y >= x` if `swapped`.
  static final class AtMost extends ExpressionNode {
    final ExpressionNode left;
    final ExpressionNode right;
    final boolean swapped;

    AtMost(ExpressionNode left, ExpressionNode right, boolean swapped) {
      this.left = left;
      this.right = right;
      this.swapped = swapped;
    }

    @Override
    Object eval(Frame frame) {
      return test(frame);
    }

    @Override
    boolean test(Frame frame) {
      double x = left.number(frame);
      if (!Double.isNaN(x)) {
        double y = right.number(frame);
        if (!Double.isNaN(y)) return swapped ? y <= x : x <= y;
        return isNone(y) && ordered(frame, x, frame.other);
      }
      if (!isNone(x)) return ordered(frame, x, right.eval(frame));
      Object a = frame.other;
      return ordered(frame, a, right.eval(frame));
    }

    private boolean ordered(Frame frame, @Nullable Object a, @Nullable Object b) {
      frame.at = this;
      return swapped ? Operations.atMost(frame, b, a) : Operations.atMost(frame, a, b);
    }
  }

  // ── arithmetic ──

  /// An operation on two numbers. What isn't numbers takes the long way, through [Operations].
  abstract static class Binary extends ExpressionNode {
    final ExpressionNode left;
    final ExpressionNode right;
    private final Event event;
    private final @Nullable Naming leftName;
    private final @Nullable Naming rightName;

    Binary(
        Event event,
        ExpressionNode left,
        ExpressionNode right,
        @Nullable Naming leftName,
        @Nullable Naming rightName) {
      this.event = event;
      this.left = left;
      this.right = right;
      this.leftName = leftName;
      this.rightName = rightName;
    }

    @Override
    final @Nullable Object eval(Frame frame) {
      double value = number(frame);
      return isNone(value) ? frame.other : (Double) value;
    }

    @Override
    final boolean test(Frame frame) {
      double value = number(frame);
      return !isNone(value) || isTrue(frame.other);
    }

    @Override
    final void into(Frame frame, Activation to, int slot) {
      double value = number(frame);
      if (Double.isNaN(value) && isNone(value)) to.objects[slot] = frame.other;
      else to.set(slot, value);
    }

    /// Goes on behind `left`, whose number is the NaN `x`.
    final double leftIsOdd(Frame frame, double x) {
      if (isNone(x)) {
        Object a = frame.other;
        return compute(frame, a, right.eval(frame));
      }
      double y = right.number(frame);
      return isNone(y) ? compute(frame, x, frame.other) : Arithmetic.compute(event, x, y);
    }

    /// Goes on behind both, whose result is a NaN.
    final double resultIsOdd(Frame frame, double x, double y) {
      if (isNone(y)) return compute(frame, x, frame.other);
      return Arithmetic.compute(event, x, y);
    }

    private double compute(Frame frame, @Nullable Object a, @Nullable Object b) {
      frame.at = this;
      Object result = Operations.arithmetic(frame, event, a, b, leftName, rightName);
      if (result instanceof Double number) return unboxed(number);
      frame.other = result;
      return NONE;
    }
  }

  /// `x + y`.
  static final class Add extends Binary {
    Add(ExpressionNode a, ExpressionNode b, @Nullable Naming aName, @Nullable Naming bName) {
      super(Event.ADD, a, b, aName, bName);
    }

    @Override
    double number(Frame frame) {
      double x = left.number(frame);
      if (Double.isNaN(x)) return leftIsOdd(frame, x);
      double y = right.number(frame);
      double result = x + y;
      return !Double.isNaN(result) ? result : resultIsOdd(frame, x, y);
    }
  }

  /// `x - y`.
  static final class Subtract extends Binary {
    Subtract(ExpressionNode a, ExpressionNode b, @Nullable Naming aName, @Nullable Naming bName) {
      super(Event.SUB, a, b, aName, bName);
    }

    @Override
    double number(Frame frame) {
      double x = left.number(frame);
      if (Double.isNaN(x)) return leftIsOdd(frame, x);
      double y = right.number(frame);
      double result = x - y;
      return !Double.isNaN(result) ? result : resultIsOdd(frame, x, y);
    }
  }

  /// `x * y`.
  static final class Multiply extends Binary {
    Multiply(ExpressionNode a, ExpressionNode b, @Nullable Naming aName, @Nullable Naming bName) {
      super(Event.MUL, a, b, aName, bName);
    }

    @Override
    double number(Frame frame) {
      double x = left.number(frame);
      if (Double.isNaN(x)) return leftIsOdd(frame, x);
      double y = right.number(frame);
      double result = x * y;
      return !Double.isNaN(result) ? result : resultIsOdd(frame, x, y);
    }
  }

  /// `x / y`.
  static final class Divide extends Binary {
    Divide(ExpressionNode a, ExpressionNode b, @Nullable Naming aName, @Nullable Naming bName) {
      super(Event.DIV, a, b, aName, bName);
    }

    @Override
    double number(Frame frame) {
      double x = left.number(frame);
      if (Double.isNaN(x)) return leftIsOdd(frame, x);
      double y = right.number(frame);
      double result = x / y;
      return !Double.isNaN(result) ? result : resultIsOdd(frame, x, y);
    }
  }

  /// `x % y`.
  static final class Modulo extends Binary {
    Modulo(ExpressionNode a, ExpressionNode b, @Nullable Naming aName, @Nullable Naming bName) {
      super(Event.MOD, a, b, aName, bName);
    }

    @Override
    double number(Frame frame) {
      double x = left.number(frame);
      if (Double.isNaN(x)) return leftIsOdd(frame, x);
      double y = right.number(frame);
      double result = x - Math.floor(x / y) * y;
      return !Double.isNaN(result) ? result : resultIsOdd(frame, x, y);
    }
  }

  /// `x ^ y`.
  static final class Power extends Binary {
    Power(ExpressionNode a, ExpressionNode b, @Nullable Naming aName, @Nullable Naming bName) {
      super(Event.POW, a, b, aName, bName);
    }

    @Override
    double number(Frame frame) {
      double x = left.number(frame);
      if (Double.isNaN(x)) return leftIsOdd(frame, x);
      double y = right.number(frame);
      if (Double.isNaN(y)) return resultIsOdd(frame, x, y);
      double result = Arithmetic.pow(x, y);
      return !Double.isNaN(result) ? result : resultIsOdd(frame, x, y);
    }
  }

  /// `-x`.
  static final class Negate extends ExpressionNode {
    final ExpressionNode operand;
    final @Nullable Naming naming;

    Negate(ExpressionNode operand, @Nullable Naming naming) {
      this.operand = operand;
      this.naming = naming;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      double value = number(frame);
      return isNone(value) ? frame.other : (Double) value;
    }

    @Override
    double number(Frame frame) {
      double x = operand.number(frame);
      if (!Double.isNaN(x)) return -x;
      if (!isNone(x)) return Arithmetic.negate(x);
      Object a = frame.other;
      frame.at = this;
      Object result = Operations.arithmetic(frame, Event.UNM, a, a, naming, naming);
      if (result instanceof Double number) return unboxed(number);
      frame.other = result;
      return NONE;
    }

    @Override
    void into(Frame frame, Activation to, int slot) {
      double value = number(frame);
      if (isNone(value)) to.objects[slot] = frame.other;
      else to.set(slot, value);
    }
  }

  /// `#x`.
  static final class Length extends ExpressionNode {
    final ExpressionNode operand;
    final @Nullable Naming naming;

    Length(ExpressionNode operand, @Nullable Naming naming) {
      this.operand = operand;
      this.naming = naming;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      double value = number(frame);
      return isNone(value) ? frame.other : (Double) value;
    }

    @Override
    double number(Frame frame) {
      Object value = operand.eval(frame);
      if (value instanceof LuaTable table) return table.length();
      if (value instanceof LuaString string) return string.length();
      frame.at = this;
      Object result = Operations.length(frame, value, naming);
      if (result instanceof Double number) return unboxed(number);
      frame.other = result;
      return NONE;
    }

    @Override
    void into(Frame frame, Activation to, int slot) {
      double value = number(frame);
      if (isNone(value)) to.objects[slot] = frame.other;
      else to.set(slot, value);
    }
  }

  /// `x .. y .. z`.
  static final class Concat extends ExpressionNode {
    final ExpressionNode[] operands;
    final @Nullable Naming[] namings;

    Concat(ExpressionNode[] operands, @Nullable Naming[] namings) {
      this.operands = operands;
      this.namings = namings;
    }

    @Override
    @Nullable Object eval(Frame frame) {
      @Nullable Object[] values = new Object[operands.length];
      for (int i = 0; i < values.length; i++) values[i] = operands[i].eval(frame);
      frame.at = this;
      return Operations.concat(frame, values, namings);
    }
  }
}
