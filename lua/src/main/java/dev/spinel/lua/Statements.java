package dev.spinel.lua;

import dev.spinel.lua.Ast.Naming;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The statements that run, other than calls and returns.
final class Statements {
  private Statements() {}

  // ── sequence and choice ──

  /// One after the other.
  static final class Block extends StatementNode {
    private final StatementNode[] statements;

    Block(StatementNode[] statements) {
      this.statements = statements;
    }

    @Override
    int run(Frame frame) {
      StatementNode[] statements = this.statements;
      int i = frame.resuming ? frame.place() : 0;
      for (; i < statements.length; i++) {
        int answer = statements[i].run(frame);
        if (answer != NEXT) {
          if (answer == SUSPEND) frame.leaveAt(i);
          return answer;
        }
      }
      return NEXT;
    }
  }

  /// `if … elseif … else … end`. A condition that contains calls has statements before it.
  static final class If extends StatementNode {
    private final @Nullable StatementNode[] before;
    private final ExpressionNode[] conditions;
    private final StatementNode[] blocks; // one more than conditions if there is an else

    If(@Nullable StatementNode[] before, ExpressionNode[] conditions, StatementNode[] blocks) {
      this.before = before;
      this.conditions = conditions;
      this.blocks = blocks;
    }

    @Override
    int run(Frame frame) {
      int i = 0;
      if (frame.resuming) {
        int place = frame.place();
        i = place >> 1;
        if ((place & 1) != 0) return block(frame, i);
      }
      for (; i < conditions.length; i++) {
        StatementNode first = before[i];
        if (first != null && first.run(frame) != NEXT) { // it can only be suspended
          frame.leaveAt(i << 1);
          return SUSPEND;
        }
        if (conditions[i].test(frame)) return block(frame, i);
      }
      return blocks.length > conditions.length ? block(frame, i) : NEXT;
    }

    private int block(Frame frame, int i) {
      int answer = blocks[i].run(frame);
      if (answer == SUSPEND) frame.leaveAt(i << 1 | 1);
      return answer;
    }
  }

  /// `if … then … end`, the condition without calls.
  static final class IfThen extends StatementNode {
    private final ExpressionNode condition;
    private final StatementNode block;

    IfThen(ExpressionNode condition, StatementNode block) {
      this.condition = condition;
      this.block = block;
    }

    @Override
    int run(Frame frame) {
      // Resuming, it is the block that was left.
      return frame.resuming || condition.test(frame) ? block.run(frame) : NEXT;
    }
  }

  /// `if … then … else … end`, the condition without calls.
  static final class IfThenElse extends StatementNode {
    private final ExpressionNode condition;
    private final StatementNode yes;
    private final StatementNode no;

    IfThenElse(ExpressionNode condition, StatementNode yes, StatementNode no) {
      this.condition = condition;
      this.yes = yes;
      this.no = no;
    }

    @Override
    int run(Frame frame) {
      boolean first = frame.resuming ? frame.place() != 0 : condition.test(frame);
      int answer = (first ? yes : no).run(frame);
      if (answer == SUSPEND) frame.leaveAt(first ? 1 : 0);
      return answer;
    }
  }

  // ── loops ──

  /// `while … do … end`.
  static final class While extends StatementNode {
    private final @Nullable StatementNode before;
    private final ExpressionNode condition;
    private final StatementNode body;

    While(@Nullable StatementNode before, ExpressionNode condition, StatementNode body) {
      this.before = before;
      this.condition = condition;
      this.body = body;
    }

    @Override
    int run(Frame frame) {
      boolean inBody = frame.resuming && frame.place() != 0;
      Lua lua = frame.lua;
      while (true) {
        if (!inBody) {
          if (before != null && before.run(frame) != NEXT) {
            frame.leaveAt(0);
            return SUSPEND;
          }
          if (!condition.test(frame)) return NEXT;
        }
        inBody = false;
        int answer = body.run(frame);
        if (answer != NEXT) {
          if (answer == BREAK) return NEXT;
          if (answer == SUSPEND) frame.leaveAt(1);
          return answer;
        }
        if (--lua.fuel < 0) Statements.tick(frame, this);
      }
    }
  }

  /// `repeat … until …`. The statements before the condition are the body's last ones.
  static final class Repeat extends StatementNode {
    private final StatementNode body;
    private final ExpressionNode condition;

    Repeat(StatementNode body, ExpressionNode condition) {
      this.body = body;
      this.condition = condition;
    }

    @Override
    int run(Frame frame) {
      Lua lua = frame.lua;
      do {
        if (--lua.fuel < 0) Statements.tick(frame, this);
        int answer = body.run(frame);
        if (answer != NEXT) return answer == BREAK ? NEXT : answer;
      } while (!condition.test(frame));
      return NEXT;
    }
  }

  private static void tick(Frame frame, Node node) {
    frame.at = node;
    frame.lua.tick(frame);
  }

  /// `for i = from, to, step do … end`. Three slots hold what the loop knows: the index, the limit
  /// and the step. The variable, in the fourth, is the body's own.
  static final class NumericFor extends StatementNode {
    private final int slot;
    private final boolean captured;
    private final StatementNode body;

    NumericFor(int slot, boolean captured, StatementNode body) {
      this.slot = slot;
      this.captured = captured;
      this.body = body;
    }

    @Override
    int run(Frame frame) {
      double[] numbers = frame.numbers;
      boolean resuming = frame.resuming;
      double index;
      if (resuming) {
        index = numbers[slot];
      } else {
        double from = bound(frame, slot, "initial value");
        numbers[slot + 1] = bound(frame, slot + 1, "limit");
        double by = bound(frame, slot + 2, "step");
        numbers[slot + 2] = by;
        index = from - by + by; // as C Lua computes it
      }
      double limit = numbers[slot + 1];
      double step = numbers[slot + 2];
      Lua lua = frame.lua;
      int variable = slot + 3;
      for (; step > 0 ? index <= limit : limit <= index; index += step) {
        if (!resuming) {
          if (captured) {
            Cell cell = new Cell();
            cell.set(index);
            frame.objects[variable] = cell;
          } else {
            frame.set(variable, index);
          }
        }
        resuming = false;
        int answer = body.run(frame);
        if (answer != NEXT) {
          if (answer == BREAK) return NEXT;
          numbers[slot] = index;
          return answer;
        }
        if (--lua.fuel < 0) tick(frame, this);
      }
      return NEXT;
    }

    private double bound(Frame frame, int slot, String what) {
      Double number = frame.lua.number(frame.value(slot));
      if (number != null) return number;
      frame.at = this;
      throw Operations.error(frame, "'for' " + what + " must be a number");
    }
  }

  /// `for a, b in … do … end`. Three slots hold the generator, the state and the control variable.
  /// The variables, from the fourth on, are the body's own.
  static final class GenericFor extends StatementNode {
    private static final Naming GENERATOR = new Naming("local", LuaString.of("(for generator)"));

    private final int slot;
    private final boolean[] captured; // for each variable
    private final StatementNode body;

    GenericFor(int slot, boolean[] captured, StatementNode body) {
      this.slot = slot;
      this.captured = captured;
      this.body = body;
    }

    @Override
    Naming callee() {
      return GENERATOR;
    }

    @Override
    int run(Frame frame) {
      Lua lua = frame.lua;
      if (frame.objects[slot] == lua.next && frame.objects[slot + 1] instanceof LuaTable table) {
        return overTable(frame, table);
      }
      if (frame.objects[slot] == lua.nextListed
          && frame.objects[slot + 1] instanceof LuaTable list) {
        return overList(frame, list);
      }
      return overCalls(frame);
    }

    private int overCalls(Frame frame) {
      Lua lua = frame.lua;
      @Nullable Object[] objects = frame.objects;
      boolean resuming = frame.resuming;
      while (true) {
        if (!resuming) {
          frame.at = this;
          @Nullable Object[] arguments = {frame.value(slot + 1), frame.value(slot + 2)};
          LuaValues values = lua.enter(frame, frame.value(slot), arguments, 2);
          Object control = values.get(0);
          if (control == null) return NEXT;
          objects[slot + 2] = control;
          for (int i = 0; i < captured.length; i++) put(frame, i, values.get(i));
        }
        resuming = false;
        int answer = body.run(frame);
        if (answer != NEXT) return answer == BREAK ? NEXT : answer;
        if (--lua.fuel < 0) tick(frame, this);
      }
    }

    /// What `ipairs` asks for.
    private int overList(Frame frame, LuaTable list) {
      Lua lua = frame.lua;
      boolean resuming = frame.resuming;
      Double first = frame.lua.number(frame.value(slot + 2));
      if (first == null) return overCalls(frame);
      int at = resuming ? frame.place() : (int) NumberReader.toLong(first);
      while (true) {
        if (!resuming) {
          Object value = list.get((long) ++at);
          if (value == null) return NEXT;
          if (captured.length > 0) putNumber(frame, 0, at);
          if (captured.length > 1) put(frame, 1, value);
          for (int i = 2; i < captured.length; i++) put(frame, i, null);
        }
        resuming = false;
        int answer = body.run(frame);
        if (answer != NEXT) {
          if (answer == SUSPEND) frame.leaveAt(at);
          return answer == BREAK ? NEXT : answer;
        }
        if (--lua.fuel < 0) tick(frame, this);
      }
    }

    /// What `pairs` asks for: no call of `next` is made, and no key looked up, while the body
    /// leaves the table's keys where they are.
    private int overTable(Frame frame, LuaTable table) {
      Lua lua = frame.lua;
      @Nullable Object[] objects = frame.objects;
      boolean resuming = frame.resuming;
      int at;
      if (resuming) {
        at = frame.place();
      } else {
        begin(frame);
        at = table.position(frame.value(slot + 2));
      }
      while (true) {
        if (!resuming) {
          at = table.nextUsed(at);
          if (at == 0) return NEXT;
          Object key = table.keyAt(at);
          if (key == null) {
            frame.set(slot + 2, at);
            putNumber(frame, 0, at);
          } else {
            objects[slot + 2] = key;
            if (captured.length > 0) put(frame, 0, key);
          }
          if (captured.length > 1) put(frame, 1, table.valueAt(at));
          for (int i = 2; i < captured.length; i++) put(frame, i, null);
        }
        resuming = false;
        int answer = body.run(frame);
        if (answer != NEXT) {
          if (answer == SUSPEND) frame.leaveAt(at);
          return answer == BREAK ? NEXT : answer;
        }
        if (--lua.fuel < 0) tick(frame, this);
        if (!table.isAt(at, objects[slot + 2])) {
          begin(frame);
          at = table.position(frame.value(slot + 2));
        }
      }
    }

    /// Says who is responsible if the table doesn't know a key.
    private void begin(Frame frame) {
      frame.at = this;
      frame.lua.current = frame;
    }

    private void putNumber(Frame frame, int i, double number) {
      if (captured[i]) put(frame, i, number);
      else frame.set(slot + 3 + i, number);
    }

    private void put(Frame frame, int i, @Nullable Object value) {
      if (captured[i]) {
        Cell cell = new Cell();
        cell.object = value;
        frame.objects[slot + 3 + i] = cell;
      } else {
        frame.objects[slot + 3 + i] = value;
      }
    }
  }

  /// `break`.
  static final class Break extends StatementNode {
    @Override
    int run(Frame frame) {
      return BREAK;
    }
  }

  // ── lines ──

  /// Tells that something on a line is about to run, if the last thing that ran was on another one.
  /// Only in what [LuaChunk#compileWithLines] has compiled.
  static final class Line extends StatementNode {
    final LuaString[] names; // of the variables in scope, by slot

    Line(int line, LuaString[] names) {
      this.line = line;
      this.names = names;
    }

    @Override
    int run(Frame frame) {
      Line before = frame.passed;
      frame.passed = this;
      if (before == null || before.line != line) {
        frame.at = this;
        frame.lua.passes(frame, line);
      }
      return NEXT;
    }
  }

  /// A jump back: whatever runs next is told, on whichever line it is.
  static final class JumpBack extends StatementNode {
    @Override
    int run(Frame frame) {
      frame.passed = null;
      return NEXT;
    }
  }

  // ── assignment ──

  /// Sets a local variable, or an intermediate value.
  static final class SetSlot extends StatementNode {
    private final int slot;
    private final ExpressionNode value;

    SetSlot(int slot, ExpressionNode value) {
      this.slot = slot;
      this.value = value;
    }

    @Override
    int run(Frame frame) {
      value.into(frame, frame, slot);
      return NEXT;
    }
  }

  /// Sets slots to nil.
  static final class Clear extends StatementNode {
    private final int from;
    private final int to;

    Clear(int from, int to) {
      this.from = from;
      this.to = to;
    }

    @Override
    int run(Frame frame) {
      Arrays.fill(frame.objects, from, to, null);
      return NEXT;
    }
  }

  /// Makes a local variable that inner functions use.
  static final class NewCell extends StatementNode {
    private final int slot;
    private final ExpressionNode value;

    NewCell(int slot, ExpressionNode value) {
      this.slot = slot;
      this.value = value;
    }

    @Override
    int run(Frame frame) {
      Cell cell = new Cell();
      assign(frame, cell, value);
      frame.objects[slot] = cell;
      return NEXT;
    }
  }

  /// Moves values that are in their slots already, as parameters are, into cells.
  static final class IntoCells extends StatementNode {
    private final int[] slots;

    IntoCells(int[] slots) {
      this.slots = slots;
    }

    @Override
    int run(Frame frame) {
      for (int slot : slots) {
        Cell cell = new Cell();
        cell.object = frame.objects[slot];
        cell.number = frame.numbers[slot];
        frame.objects[slot] = cell;
      }
      return NEXT;
    }
  }

  /// Sets a local variable that inner functions use.
  static final class SetCell extends StatementNode {
    private final int slot;
    private final ExpressionNode value;

    SetCell(int slot, ExpressionNode value) {
      this.slot = slot;
      this.value = value;
    }

    @Override
    int run(Frame frame) {
      Object cell = frame.objects[slot];
      assert cell != null;
      assign(frame, (Cell) cell, value);
      return NEXT;
    }
  }

  /// Sets a variable of a function around this one.
  static final class SetOuter extends StatementNode {
    private final int index;
    private final ExpressionNode value;

    SetOuter(int index, ExpressionNode value) {
      this.index = index;
      this.value = value;
    }

    @Override
    int run(Frame frame) {
      assign(frame, frame.function.cells[index], value);
      return NEXT;
    }
  }

  private static void assign(Frame frame, Cell cell, ExpressionNode value) {
    double number = value.number(frame);
    if (Double.isNaN(number) && ExpressionNode.isNone(number)) cell.object = frame.other;
    else cell.set(number);
  }

  /// Sets a global variable.
  static final class SetGlobal extends StatementNode {
    private final LuaString name;
    private final ExpressionNode value;

    SetGlobal(LuaString name, ExpressionNode value) {
      this.name = name;
      this.value = value;
    }

    @Override
    int run(Frame frame) {
      LuaTable environment = frame.function.environment;
      Object to = value.eval(frame);
      if (environment.metatable == null && !environment.isReadOnly()) {
        environment.set(name, to);
      } else {
        frame.at = this;
        Operations.setIndex(frame, environment, name, to, null);
      }
      return NEXT;
    }
  }

  /// `object.key = value`.
  static final class SetField extends StatementNode {
    private final ExpressionNode object;
    private final LuaString key;
    private final ExpressionNode value;
    private final @Nullable Naming naming;

    SetField(ExpressionNode object, LuaString key, ExpressionNode value, @Nullable Naming naming) {
      this.object = object;
      this.key = key;
      this.value = value;
      this.naming = naming;
    }

    @Override
    int run(Frame frame) {
      Object table = object.eval(frame);
      Object to = value.eval(frame);
      if (table instanceof LuaTable plain && plain.metatable == null && !plain.isReadOnly()) {
        plain.set(key, to);
      } else {
        frame.at = this;
        Operations.setIndex(frame, table, key, to, naming);
      }
      return NEXT;
    }
  }

  /// `object[key] = value`.
  static final class SetElement extends StatementNode {
    private final ExpressionNode object;
    private final ExpressionNode key;
    private final ExpressionNode value;
    private final @Nullable Naming naming;

    SetElement(
        ExpressionNode object, ExpressionNode key, ExpressionNode value, @Nullable Naming naming) {
      this.object = object;
      this.key = key;
      this.value = value;
      this.naming = naming;
    }

    @Override
    int run(Frame frame) {
      Object table = object.eval(frame);
      double number = key.number(frame);
      if (!Double.isNaN(number)) {
        Object to = value.eval(frame);
        if (table instanceof LuaTable plain && plain.metatable == null && !plain.isReadOnly()) {
          plain.set(number, to);
        } else {
          frame.at = this;
          Operations.setIndex(frame, table, number, to, naming);
        }
        return NEXT;
      }
      Object at = ExpressionNode.isNone(number) ? frame.other : (Double) number;
      Object to = value.eval(frame);
      frame.at = this;
      Operations.setIndex(frame, table, at, to, naming);
      return NEXT;
    }
  }

  // ── values in lists ──

  /// Spreads the values of `...` over slots.
  static final class SpreadDots extends StatementNode {
    private final int slot;
    private final int count;

    SpreadDots(int slot, int count) {
      this.slot = slot;
      this.count = count;
    }

    @Override
    int run(Frame frame) {
      @Nullable Object[] extra = frame.extra;
      int given = Math.min(count, extra.length);
      System.arraycopy(extra, 0, frame.objects, slot, given);
      Arrays.fill(frame.objects, slot + given, slot + count, null);
      return NEXT;
    }
  }

  /// Puts listed items of a table constructor into the table, which is in `table`: the slots from
  /// `slot` on, and what follows them.
  static final class Store extends StatementNode {
    private final int table;
    private final int stored; // items that are in the table already
    private final int slot;
    private final int count;
    private final Calls.Tail tail;

    Store(int table, int stored, int slot, int count, Calls.Tail tail) {
      this.table = table;
      this.stored = stored;
      this.slot = slot;
      this.count = count;
      this.tail = tail;
    }

    @Override
    int run(Frame frame) {
      LuaValues results = frame.lua.results;
      int following =
          switch (tail) {
            case NOTHING -> 0;
            case DOTS -> frame.extra.length;
            case RESULTS -> results.count;
          };
      @Nullable Object[] values = new Object[count + following];
      for (int i = 0; i < count; i++) values[i] = frame.value(slot + i);
      for (int i = 0; i < following; i++) {
        values[count + i] = tail == Calls.Tail.DOTS ? frame.extra[i] : results.get(i);
      }
      LuaTable into = (LuaTable) frame.objects[table];
      assert into != null;
      Expressions.store(into, stored, values, values.length);
      return NEXT;
    }
  }
}
