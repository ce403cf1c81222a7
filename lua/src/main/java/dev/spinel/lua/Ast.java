package dev.spinel.lua;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the parser makes of a function's text, and the compiler turns into nodes that run.
final class Ast {
  private Ast() {}

  /// A local variable.
  static final class Variable {
    final LuaString name;
    boolean captured; // an inner function uses it, so it lives in a Cell
    int slot = -1; // in the frame, once compiled

    Variable(LuaString name) {
      this.name = name;
    }
  }

  /// How error messages call a value: `local 'x'`, `field 'y'`.
  record Naming(String kind, LuaString name) {}

  /// A function: its own text, and what it takes from those around it.
  static final class FunctionBody {
    final @Nullable FunctionBody outer;
    final int line; // 0: a whole chunk
    final List<Variable> parameters = new ArrayList<>();
    final List<Upvalue> upvalues = new ArrayList<>();
    int endLine; // of the last token
    boolean vararg;
    boolean dotsUsed;
    @Nullable Variable
        arg; // the table `arg`, which a function with `...` has if it doesn't say `...`
    List<Statement> body = List.of();
    @Nullable LuaWords words; // if somebody watches

    FunctionBody(@Nullable FunctionBody outer, int line) {
      this.outer = outer;
      this.line = line;
    }
  }

  /// A variable of an outer function: one of the next outer function's locals, or of its upvalues.
  record Upvalue(LuaString name, @Nullable Variable local, int index) {}

  // ── expressions ──

  /// An expression. `calls` says whether running it runs a call that isn't inside of a function
  /// body.
  abstract static sealed class Expression {
    int line; // where an error in it is reported
    boolean calls;
    int depth = 1; // of the tree that it is

    final void contains(Expression part) {
      calls |= part.calls;
      depth = Math.max(depth, part.depth + 1);
    }
  }

  /// What the compiler has put into a slot already.
  static final class Done extends Expression {
    final ExpressionNode node;
    final @Nullable Naming naming;

    Done(ExpressionNode node, @Nullable Naming naming) {
      this.node = node;
      this.naming = naming;
    }
  }

  static final class Constant extends Expression {
    final @Nullable Object value; // null, Boolean, Double or LuaString

    Constant(@Nullable Object value) {
      this.value = value;
    }
  }

  static final class Dots extends Expression {}

  static final class Function extends Expression {
    final FunctionBody body;

    Function(FunctionBody body) {
      this.body = body;
    }
  }

  static final class Local extends Expression {
    final Variable variable;

    Local(Variable variable) {
      this.variable = variable;
    }
  }

  static final class Outer extends Expression {
    final int index;
    final LuaString name;

    Outer(int index, LuaString name) {
      this.index = index;
      this.name = name;
    }
  }

  static final class Global extends Expression {
    final LuaString name;

    Global(LuaString name) {
      this.name = name;
    }
  }

  static final class Index extends Expression {
    final Expression object;
    final Expression key;

    Index(Expression object, Expression key) {
      this.object = object;
      this.key = key;
      contains(object);
      contains(key);
    }
  }

  static final class Call extends Expression {
    final Expression function; // the object, of a method
    final @Nullable LuaString method;
    final int methodLine;
    final List<Expression> arguments;

    Call(
        Expression function,
        @Nullable LuaString method,
        int methodLine,
        List<Expression> arguments,
        int line) {
      this.function = function;
      this.method = method;
      this.methodLine = methodLine;
      this.arguments = arguments;
      this.line = line;
      contains(function);
      for (Expression argument : arguments) contains(argument);
      calls = true;
    }
  }

  /// In parentheses: of many values, the first.
  static final class Single extends Expression {
    final Expression inner;

    Single(Expression inner) {
      this.inner = inner;
      contains(inner);
    }
  }

  static final class Unary extends Expression {
    final Operator operator;
    final Expression operand;

    Unary(Operator operator, Expression operand, int line) {
      this.operator = operator;
      this.operand = operand;
      this.line = line;
      contains(operand);
    }
  }

  static final class Binary extends Expression {
    final Operator operator;
    final Expression left;
    final Expression right;

    Binary(Operator operator, Expression left, Expression right, int line) {
      this.operator = operator;
      this.left = left;
      this.right = right;
      this.line = line;
      contains(left);
      contains(right);
    }
  }

  /// `a .. b .. c`, which is one operation.
  static final class Concat extends Expression {
    final List<Expression> operands;

    Concat(List<Expression> operands, int line) {
      this.operands = operands;
      this.line = line;
      for (Expression operand : operands) contains(operand);
    }
  }

  static final class TableOf extends Expression {
    final List<Item> items;
    int firstLine; // where C makes the table
    int lastLine; // where it puts listed items into it
    int listed; // how many items C counts as listed; an open one at the end isn't
    int keyed;

    TableOf(List<Item> items) {
      this.items = items;
    }
  }

  /// An item of a table constructor; a listed one has no key.
  record Item(@Nullable Expression key, Expression value, int line) {}

  /// An operator; `AND` and `OR` are what their names say, the others compute.
  enum Operator {
    ADD(6, 6),
    SUB(6, 6),
    MUL(7, 7),
    DIV(7, 7),
    MOD(7, 7),
    POW(10, 9),
    CONCAT(5, 4),
    NE(3, 3),
    EQ(3, 3),
    LT(3, 3),
    LE(3, 3),
    GT(3, 3),
    GE(3, 3),
    AND(2, 2),
    OR(1, 1),
    NOT(8, 8),
    MINUS(8, 8),
    LEN(8, 8);

    final int left; // binds to what is on its left more strongly than operators below this
    final int right;

    Operator(int left, int right) {
      this.left = left;
      this.right = right;
    }
  }

  // ── statements ──

  abstract static sealed class Statement {
    int firstLine; // of its first token
    int lastLine; // of its last one
  }

  static final class Declare extends Statement {
    final List<Variable> variables;
    final List<Expression> values;

    Declare(List<Variable> variables, List<Expression> values) {
      this.variables = variables;
      this.values = values;
    }
  }

  static final class DeclareFunction extends Statement {
    final Variable variable;
    final Function function;

    DeclareFunction(Variable variable, Function function) {
      this.variable = variable;
      this.function = function;
    }
  }

  static final class Assign extends Statement {
    final List<Expression> targets;
    final List<Expression> values;
    final int line;

    Assign(List<Expression> targets, List<Expression> values, int line) {
      this.targets = targets;
      this.values = values;
      this.line = line;
    }
  }

  static final class CallStatement extends Statement {
    final Call call;

    CallStatement(Call call) {
      this.call = call;
    }
  }

  static final class Do extends Statement {
    final List<Statement> body;

    Do(List<Statement> body) {
      this.body = body;
    }
  }

  static final class While extends Statement {
    final Expression condition;
    final List<Statement> body;

    While(Expression condition, List<Statement> body) {
      this.condition = condition;
      this.body = body;
    }
  }

  static final class Repeat extends Statement {
    final List<Statement> body;
    final Expression condition;

    Repeat(List<Statement> body, Expression condition) {
      this.body = body;
      this.condition = condition;
    }
  }

  static final class If extends Statement {
    final List<Expression> conditions;
    final List<List<Statement>> blocks; // one more than conditions if there is an else

    If(List<Expression> conditions, List<List<Statement>> blocks) {
      this.conditions = conditions;
      this.blocks = blocks;
    }
  }

  static final class NumericFor extends Statement {
    final Variable variable;
    final Expression from;
    final Expression to;
    final @Nullable Expression step;
    final List<Statement> body;
    final int line;

    NumericFor(
        Variable variable,
        Expression from,
        Expression to,
        @Nullable Expression step,
        List<Statement> body,
        int line) {
      this.variable = variable;
      this.from = from;
      this.to = to;
      this.step = step;
      this.body = body;
      this.line = line;
    }
  }

  static final class GenericFor extends Statement {
    final List<Variable> variables;
    final List<Expression> values;
    final List<Statement> body;
    final int line;

    GenericFor(List<Variable> variables, List<Expression> values, List<Statement> body, int line) {
      this.variables = variables;
      this.values = values;
      this.body = body;
      this.line = line;
    }
  }

  static final class Return extends Statement {
    final List<Expression> values;

    Return(List<Expression> values) {
      this.values = values;
    }
  }

  static final class Break extends Statement {}
}
