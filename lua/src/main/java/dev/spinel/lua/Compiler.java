package dev.spinel.lua;

import dev.spinel.lua.Ast.Expression;
import dev.spinel.lua.Ast.FunctionBody;
import dev.spinel.lua.Ast.Naming;
import dev.spinel.lua.Ast.Operator;
import dev.spinel.lua.Ast.Statement;
import dev.spinel.lua.Ast.Variable;
import dev.spinel.lua.Calls.Tail;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// [Ast] to nodes, one function at a time.
///
/// **Slots** are given out as C Lua gives out registers: to local variables in the order of their
/// declaration, and behind them to intermediate values, for as long as those are needed.
///
/// **Calls become statements.** `f(a.x, g(y)) + z` is run as
///
/// ```
///   s1 = f          what precedes a call is computed before it, into a slot;
///   s2 = a.x        so is everything that a call could change
///   s3… = g(y)
///   s1 = s1(s2, s3…)
///   s1 + z          what is left contains no call: a tree of ExpressionNodes
/// ```
///
/// **Order and moment of reading** are C Lua's, since scripts can tell: a local variable is an
/// operand as it is, and read when the operation takes place, after the other operand; as an
/// argument, a listed value or an operand of `..` it is copied when it is its turn.
///
/// **Deep trees.** A chain (`a + b + …`, `a.b.c…`) may be as long as the source; it is computed
/// piece by piece, [#MOST_DEPTH] nodes at a time, so no recursion goes deeper than that and the
/// parser's levels.
final class Compiler {
  private static final int MOST_DEPTH = 60;

  private final LuaString chunkName;
  private final FunctionBody function;
  private List<StatementNode> out = new ArrayList<>();
  private int active; // slots of variables in scope
  private int free; // the next slot for an intermediate value
  private int most; // slots ever in use
  private int nesting; // of statements, here
  private final boolean tells; // which line runs
  private final List<Integer> passed = new ArrayList<>(); // lines of what has not been emitted yet
  private final List<LuaString> names = new ArrayList<>(); // of variables, by slot; if it tells
  private int returnLine; // of the tail call at hand
  private int jumpLine; // of the jump behind the statement at hand, 0 if none is
  private int nilsEnd = NOTHING_YET; // behind the slots that the last instruction sets to nil, or 0
  private LuaString @Nullable [] scope; // those in scope, unless they have changed
  private @Nullable Double zero; // C Lua has one constant for 0 and -0: the first one of a function

  private Compiler(LuaString chunkName, FunctionBody function, boolean tells) {
    this.chunkName = chunkName;
    this.function = function;
    this.tells = tells;
  }

  static Prototype compile(LuaString chunkName, FunctionBody function) {
    return new Compiler(chunkName, function, false).compile();
  }

  /// With [Statements.Line] wherever C Lua, going from one instruction to the next, would get to
  /// another line.
  static Prototype compileWithLines(LuaString chunkName, FunctionBody function) {
    return new Compiler(chunkName, function, true).compile();
  }

  private Prototype compile() {
    List<Integer> captured = new ArrayList<>();
    List<Variable> parameters = new ArrayList<>(function.parameters);
    if (function.arg != null) parameters.add(function.arg);
    for (Variable parameter : parameters) {
      declare(parameter);
      if (parameter.captured) captured.add(parameter.slot);
    }
    release();
    if (!captured.isEmpty()) out.add(new Statements.IntoCells(toArray(captured)));
    StatementNode body =
        sequence(
            collect(
                () -> {
                  statements(function.body);
                  pass(function.endLine);
                }));
    if (!out.isEmpty()) body = new Statements.Block(new StatementNode[] {out.getFirst(), body});
    return new Prototype(chunkName, function, most, body);
  }

  private static int[] toArray(List<Integer> list) {
    return list.stream().mapToInt(i -> i).toArray();
  }

  // ── slots ──

  /// All intermediate values are done with.
  private void release() {
    free = active;
    reserve(free);
  }

  private void reserve(int slots) {
    most = Math.max(most, slots);
  }

  private int temporary() {
    reserve(free + 1);
    return free++;
  }

  // ── statements ──

  private void emit(StatementNode node, int line) {
    node.line = line;
    pass(line);
    emit(node);
  }

  private void emit(StatementNode node) {
    tell();
    out.add(node);
  }

  // ── lines ──

  /// C Lua would have an instruction here that bears this line.
  private void pass(int line) {
    if (tells && line != 0) {
      passed.add(line);
      nilsEnd = 0;
    }
  }

  /// The same of the one that sets a new variable to nil. There is none at the beginning of a
  /// function, where everything is nil, and one for several that follow each other.
  private void passNil(int slot, int count, int line) {
    boolean isFirst = nilsEnd == NOTHING_YET;
    boolean isMore = nilsEnd == slot;
    if (!isFirst && !isMore) pass(line);
    if (!isFirst) nilsEnd = slot + count;
  }

  private static final int NOTHING_YET = -1;

  /// The same of the instruction that fetches a value, where [#expression] has none for it.
  private void passValue(Expression expression) {
    Expression inner = strip(expression);
    if (inner instanceof Ast.Constant || inner instanceof Ast.Local) pass(inner.line);
  }

  private void tell() {
    for (int line : passed) {
      out.add(new Statements.Line(line, scope()));
    }
    passed.clear();
  }

  private LuaString[] scope() {
    LuaString[] known = scope;
    if (known == null || known.length != active) {
      scope = known = names.subList(0, active).toArray(LuaString[]::new);
    }
    return known;
  }

  /// The variable is in scope from now on.
  private void declare(Variable variable) {
    variable.slot = active;
    declare(variable.name);
  }

  private void declare(LuaString name) {
    if (tells) {
      names.subList(active, names.size()).clear();
      names.add(name);
      scope = null;
    }
    active++;
  }

  /// Three that a loop keeps for itself, which have names all the same.
  private void declareHidden(String a, String b, String c) {
    for (String name : List.of(a, b, c)) declare(LuaString.of(name));
  }

  /// Where the last token of a block is; 0 if it is empty.
  private static int lastLine(List<Statement> block) {
    return block.isEmpty() ? 0 : block.getLast().lastLine;
  }

  /// Statements, and a jump behind them that bears this line (0: there is none). Jumps to a jump
  /// are made to where that leads; so only who comes to the end of the last statement runs it.
  private void statementsAndJump(List<Statement> statements, int line) {
    int outside = active;
    for (Statement statement : statements) {
      release();
      boolean isLast = statement == statements.getLast();
      jumpLine = isLast && statement instanceof Ast.If ? line : 0;
      statement(statement);
      jumpLine = 0;
      if (isLast && !(statement instanceof Ast.If || statement instanceof Ast.While)) pass(line);
    }
    tell();
    active = outside;
    release();
  }

  /// A part of `a and b` may not run, and then it isn't told of.
  private boolean isSplit(Ast.Binary binary) {
    return binary.calls
        || tells && isLogic(binary.operator) && strip(binary.left).line != binary.line;
  }

  private static StatementNode sequence(List<StatementNode> statements) {
    return statements.size() == 1
        ? statements.getFirst()
        : new Statements.Block(statements.toArray(StatementNode[]::new));
  }

  /// The statements that `work` emits.
  private List<StatementNode> collect(Runnable work) {
    tell();
    List<StatementNode> outside = out;
    List<StatementNode> inside = new ArrayList<>();
    out = inside;
    nesting += 2;
    work.run();
    tell();
    nesting -= 2;
    out = outside;
    return inside;
  }

  private StatementNode block(List<Statement> statements) {
    return sequence(collect(() -> statements(statements)));
  }

  private void statements(List<Statement> statements) {
    statementsAndJump(statements, 0);
  }

  private void statement(Statement statement) {
    switch (statement) {
      case Ast.Declare declare -> declare(declare);
      case Ast.DeclareFunction declare -> declareFunction(declare);
      case Ast.Assign assign -> assign(assign);
      case Ast.CallStatement call -> call(call.call, 0, Calls.Call.NONE);
      case Ast.Do block -> statements(block.body);
      case Ast.While loop -> whileLoop(loop);
      case Ast.Repeat loop -> repeat(loop);
      case Ast.If choice -> choice(choice);
      case Ast.NumericFor loop -> numericFor(loop);
      case Ast.GenericFor loop -> genericFor(loop);
      case Ast.Return values -> returns(values.values, values.lastLine);
      case Ast.Break leave -> emit(new Statements.Break(), leave.lastLine);
    }
  }

  private void declare(Ast.Declare declare) {
    List<Variable> variables = declare.variables;
    int slot = active;
    int count = variables.size();
    Variable only = variables.getFirst();
    if (count == 1 && declare.values.size() == 1 && only.captured) {
      reserve(slot + 1);
      ExpressionNode value = expression(declare.values.getFirst());
      passValue(declare.values.getFirst());
      emit(new Statements.NewCell(slot, value));
    } else {
      if (declare.values.isEmpty()) passNil(slot, count, declare.lastLine);
      spread(declare.values, slot, count);
      List<Integer> captured = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        if (variables.get(i).captured) captured.add(slot + i);
      }
      if (!captured.isEmpty()) emit(new Statements.IntoCells(toArray(captured)));
    }
    for (Variable variable : variables) declare(variable);
  }

  /// Computes `values` into the `count` slots from `slot` on, which are at the end of those in use.
  private void spread(List<Expression> values, int slot, int count) {
    reserve(slot + count);
    int given = values.size();
    for (int i = 0; i < given; i++) {
      Expression value = values.get(i);
      free = slot + i;
      if (i == given - 1 && i < count && LuaParser.isOpen(value)) {
        if (value instanceof Ast.Call call) call(call, slot + i, count - i);
        else emit(new Statements.SpreadDots(slot + i, count - i));
        return;
      }
      compute(value, temporary());
    }
    if (given < count) emit(new Statements.Clear(slot + given, slot + count));
  }

  private void declareFunction(Ast.DeclareFunction declare) {
    Variable variable = declare.variable;
    declare(variable);
    release();
    if (variable.captured) {
      emit(new Statements.NewCell(variable.slot, new Expressions.Constant(null)));
      emit(new Statements.SetCell(variable.slot, expression(declare.function)));
    } else {
      emit(new Statements.SetSlot(variable.slot, expression(declare.function)));
    }
  }

  // ── loops and choices ──

  /// A condition, and what has to run before it.
  private record Condition(@Nullable StatementNode before, ExpressionNode node) {}

  private Condition condition(Expression expression) {
    release();
    if (strip(expression) instanceof Ast.Constant constant && constant.value instanceof Double) {
      return new Condition(null, new Expressions.Constant(true)); // C Lua keeps no such constant
    }
    ExpressionNode[] node = new ExpressionNode[1];
    List<StatementNode> before =
        collect(
            () -> {
              node[0] = expression(expression);
              passTest(expression);
            });
    release();
    return new Condition(before.isEmpty() ? null : sequence(before), node[0]);
  }

  /// The instruction that tests a value, where computing it has told of none.
  private void passTest(Expression expression) {
    Expression inner = strip(expression);
    boolean isFalse =
        inner instanceof Ast.Constant constant && !ExpressionNode.isTrue(constant.value);
    if (isFalse || inner instanceof Ast.Local) pass(inner.line);
  }

  private void whileLoop(Ast.While loop) {
    Condition condition = condition(loop.condition);
    StatementNode body =
        sequence(
            collect(
                () -> {
                  statementsAndJump(loop.body, lastLine(loop.body));
                  if (loop.body.isEmpty()) pass(loop.firstLine);
                  if (tells) emit(new Statements.JumpBack());
                }));
    StatementNode made = new Statements.While(condition.before, condition.node, body);
    made.line = loop.condition.line;
    out.add(made);
  }

  private void repeat(Ast.Repeat loop) {
    int outside = active;
    ExpressionNode[] condition = new ExpressionNode[1];
    List<StatementNode> body =
        collect(
            () -> {
              if (tells) out.add(new Statements.JumpBack());
              for (Statement statement : loop.body) {
                release();
                statement(statement);
              }
              release();
              condition[0] = expression(loop.condition);
              passTest(loop.condition);
            });
    active = outside;
    release();
    StatementNode made = new Statements.Repeat(sequence(body), condition[0]);
    made.line = loop.condition.line;
    out.add(made);
  }

  private void choice(Ast.If choice) {
    int jump = jumpLine;
    jumpLine = 0;
    int count = choice.conditions.size();
    @Nullable StatementNode[] before = new StatementNode[count];
    ExpressionNode[] conditions = new ExpressionNode[count];
    StatementNode[] blocks = new StatementNode[choice.blocks.size()];
    for (int i = 0; i < blocks.length; i++) {
      if (i < count) {
        Condition condition = condition(choice.conditions.get(i));
        before[i] = condition.before;
        conditions[i] = condition.node;
      }
      List<Statement> body = choice.blocks.get(i);
      int line = i < blocks.length - 1 ? lastLine(body) : jump;
      blocks[i] =
          sequence(
              collect(
                  () -> {
                    statementsAndJump(body, line);
                    if (body.isEmpty()) pass(line);
                  }));
    }
    if (count > 1) {
      emit(new Statements.If(before, conditions, blocks));
      return;
    }
    if (before[0] != null) emit(before[0]);
    emit(
        blocks.length == 1
            ? new Statements.IfThen(conditions[0], blocks[0])
            : new Statements.IfThenElse(conditions[0], blocks[0], blocks[1]));
  }

  private void numericFor(Ast.NumericFor loop) {
    int slot = active;
    compute(loop.from, temporary());
    free = slot + 1;
    compute(loop.to, temporary());
    free = slot + 2;
    if (loop.step != null) compute(loop.step, temporary());
    else
      emit(new Statements.SetSlot(temporary(), new Expressions.Numeral(1)), tells ? loop.line : 0);
    pass(loop.line);
    pass(loop.firstLine);
    tell();
    declareHidden("(for index)", "(for limit)", "(for step)");
    declare(loop.variable);
    StatementNode body = loopBody(loop.body, loop.firstLine, slot + 3);
    if (tells) { // a debugger shows the index, which the loop keeps elsewhere
      ExpressionNode index =
          loop.variable.captured
              ? new Expressions.CellSlot(slot + 3)
              : new Expressions.Slot(slot + 3);
      StatementNode shown = new Statements.SetSlot(slot, index);
      body = new Statements.Block(new StatementNode[] {shown, body});
    }
    active = slot;
    release();
    StatementNode made = new Statements.NumericFor(slot, loop.variable.captured, body);
    made.line = loop.line;
    out.add(made);
  }

  private void genericFor(Ast.GenericFor loop) {
    int slot = active;
    spread(loop.values, slot, 3);
    pass(loop.line);
    tell();
    declareHidden("(for generator)", "(for state)", "(for control)");
    boolean[] captured = new boolean[loop.variables.size()];
    for (int i = 0; i < captured.length; i++) {
      Variable variable = loop.variables.get(i);
      declare(variable);
      captured[i] = variable.captured;
    }
    StatementNode body = loopBody(loop.body, loop.line, slot + 3);
    active = slot;
    release();
    StatementNode made = new Statements.GenericFor(slot, captured, body);
    made.line = loop.line;
    out.add(made);
  }

  /// The body of a `for`.
  ///
  /// @param test the line of the instruction at its end, which finds out whether it runs once more
  /// @param visible how many variables are in scope there
  private StatementNode loopBody(List<Statement> body, int test, int visible) {
    return sequence(
        collect(
            () -> {
              if (tells) emit(new Statements.JumpBack());
              statements(body);
              int inside = active;
              active = visible;
              pass(test);
              tell();
              active = inside;
            }));
  }

  // ── assignments ──

  private void assign(Ast.Assign assign) {
    if (assign.targets.size() == 1 && assign.values.size() == 1) {
      assignOne(assign.targets.getFirst(), assign.values.getFirst(), assign.line);
    } else {
      assignMany(assign);
    }
  }

  private void assignOne(Expression target, Expression value, int line) {
    switch (target) {
      case Ast.Local local -> {
        Variable variable = local.variable;
        if (variable.captured) {
          emit(new Statements.SetCell(variable.slot, expression(value)), line);
        } else if (value instanceof Ast.Call call) {
          call(call, variable.slot, 1);
        } else {
          boolean isItself = value instanceof Ast.Local other && other.variable == variable;
          emit(new Statements.SetSlot(variable.slot, expression(value)), isItself ? 0 : line);
        }
      }
      case Ast.Index index -> {
        // Of a captured variable the value counts that it has at the end.
        boolean late = isCaptured(index.object) || isCaptured(index.key);
        boolean effects = value.calls || late && !isPlain(value);
        ExpressionNode object =
            operand(index.object, effects || index.key.calls || late && !isPlain(index.key));
        ExpressionNode key = operand(index.key, effects);
        ExpressionNode node = effects && !value.calls ? copied(value) : expression(value);
        store(index, object, key, node, line);
      }
      default -> store(target, expression(value), line);
    }
  }

  private static boolean isCaptured(Expression expression) {
    return expression instanceof Ast.Local local && local.variable.captured;
  }

  private static boolean isPlain(Expression expression) {
    return switch (expression) {
      case Ast.Constant c -> true;
      case Ast.Local l -> true;
      case Ast.Outer o -> true;
      case Ast.Done d -> true;
      case Ast.Dots d -> true;
      case Ast.Function f -> true;
      case Ast.Single single -> isPlain(single.inner);
      default -> false;
    };
  }

  private void assignMany(Ast.Assign assign) {
    int count = assign.targets.size();
    @Nullable Expression[] objects = new Expression[count];
    @Nullable Expression[] keys = new Expression[count];
    for (int i = 0; i < count; i++) {
      Expression target = assign.targets.get(i);
      if (target instanceof Ast.Index index) {
        objects[i] = early(index.object);
        keys[i] = early(index.key);
      } else if (target instanceof Ast.Local local) {
        // An element assigned to before this variable is chosen by the variable's present value.
        for (int j = 0; j < i; j++) {
          if (isVariable(objects[j], local)) objects[j] = inSlot(local);
          if (isVariable(keys[j], local)) keys[j] = inSlot(local);
        }
      }
    }
    List<Expression> values = assign.values;
    Expression last = values.size() == count ? values.getLast() : null;
    int slot = free;
    spread(
        last == null ? values : values.subList(0, count - 1),
        slot,
        last == null ? count : count - 1);
    free = slot + count;
    reserve(free);
    for (int i = count - 1; i >= 0; i--) {
      Expression target = assign.targets.get(i);
      Expression value =
          last != null && i == count - 1
              ? last
              : new Ast.Done(new Expressions.Slot(slot + i), null);
      Expression object = objects[i];
      Expression key = keys[i];
      if (target instanceof Ast.Index index && object != null && key != null) {
        Ast.Index chosen = new Ast.Index(object, key);
        chosen.line = index.line;
        assignOne(chosen, value, assign.line);
      } else {
        assignOne(target, value, assign.line);
      }
    }
  }

  private static boolean isVariable(@Nullable Expression expression, Ast.Local local) {
    return expression instanceof Ast.Local other && other.variable == local.variable;
  }

  /// A part of an assignment's target: a local variable or a constant as it is, else its present
  /// value.
  private Expression early(Expression expression) {
    if (expression instanceof Ast.Local || expression instanceof Ast.Constant) return expression;
    return inSlot(expression);
  }

  private Expression inSlot(Expression expression) {
    return new Ast.Done(copied(expression), naming(expression));
  }

  private void store(Expression target, ExpressionNode value, int line) {
    switch (target) {
      case Ast.Local local -> {
        Variable variable = local.variable;
        emit(
            variable.captured
                ? new Statements.SetCell(variable.slot, value)
                : new Statements.SetSlot(variable.slot, value),
            line);
      }
      case Ast.Outer outer -> emit(new Statements.SetOuter(outer.index, value), line);
      case Ast.Global global -> emit(new Statements.SetGlobal(global.name, value), line);
      default -> throw new IllegalArgumentException("not a variable");
    }
  }

  private void store(
      Ast.Index target, ExpressionNode object, ExpressionNode key, ExpressionNode value, int line) {
    Naming naming = naming(target.object);
    emit(
        key instanceof Expressions.Constant constant && constant.value instanceof LuaString name
            ? new Statements.SetField(object, name, value, naming)
            : new Statements.SetElement(object, key, value, naming),
        line);
  }

  // ── calls and returns ──

  private void returns(List<Expression> values, int line) {
    if (values.isEmpty()) {
      pass(line);
      emit(new Calls.ReturnNothing());
    } else if (values.size() == 1 && values.getFirst() instanceof Ast.Call call) {
      returnLine = line;
      call(call, 0, TAIL_CALL);
    } else if (values.size() == 1 && !LuaParser.isOpen(values.getFirst())) {
      ExpressionNode value = expression(values.getFirst());
      pass(line);
      emit(new Calls.ReturnOne(value));
    } else {
      Tail tail = tail(values);
      ExpressionNode[] nodes = list(values, tail, true);
      if (tail == Tail.RESULTS) call((Ast.Call) values.getLast(), 0, Calls.Call.ALL);
      pass(line);
      emit(new Calls.ReturnMany(nodes, tail));
    }
  }

  private static Tail tail(List<Expression> values) {
    if (values.isEmpty()) return Tail.NOTHING;
    return switch (values.getLast()) {
      case Ast.Call call -> Tail.RESULTS;
      case Ast.Dots dots -> Tail.DOTS;
      default -> Tail.NOTHING;
    };
  }

  /// The values of a list, without the open one at its end: each computed when it is its turn. If
  /// `plain`, computing the nodes that are left has no effects.
  private ExpressionNode[] list(List<Expression> values, Tail tail, boolean plain) {
    int count = values.size() - (tail == Tail.NOTHING ? 0 : 1);
    ExpressionNode[] nodes = new ExpressionNode[count];
    int lastCall = tail == Tail.RESULTS ? count : -1; // what precedes it has to be computed before
    int lastEffect = lastCall;
    for (int i = 0; i < count; i++) {
      if (values.get(i).calls) lastCall = Math.max(lastCall, i);
      if (!isPlain(values.get(i))) lastEffect = Math.max(lastEffect, i);
    }
    for (int i = 0; i < count; i++) {
      Expression value = values.get(i);
      boolean copy = plain ? !isPlain(value) || i < lastEffect && canChange(value) : i < lastCall;
      nodes[i] = copy && canChange(value) ? copied(value) : expression(value);
      passValue(value);
    }
    return nodes;
  }

  /// Whether something else that runs could change what `expression` is, or whether it does
  /// anything.
  private static boolean canChange(Expression expression) {
    return switch (expression) {
      case Ast.Constant c -> false;
      case Ast.Local local -> local.variable.captured;
      case Ast.Done d -> false;
      case Ast.Single single -> canChange(single.inner);
      default -> true;
    };
  }

  /// Wanted results of a call that takes its function's place.
  private static final int TAIL_CALL = -2;

  private void call(Ast.Call call, int slot, int wanted) {
    int outside = free;
    Ast.Call lowered = call.depth > MOST_DEPTH ? (Ast.Call) shallow(call) : call;
    List<Expression> arguments = lowered.arguments;
    Tail tail = tail(arguments);
    boolean callsFollow = false;
    for (Expression argument : arguments) callsFollow |= argument.calls;
    LuaString method = lowered.method;
    Naming naming = naming(lowered.function);
    Node methodPlace = null;
    ExpressionNode function;
    if (method == null) {
      function = callsFollow ? argument(lowered.function) : expression(lowered.function);
    } else if (!callsFollow) {
      function = expression(lowered.function);
      methodPlace = new Node.Mark(lowered.methodLine);
      pass(lowered.methodLine);
    } else {
      // The method is looked up before the arguments are computed.
      Expression object = new Ast.Done(argument(lowered.function), naming);
      Ast.Index index = new Ast.Index(object, new Ast.Constant(method));
      index.line = lowered.methodLine;
      function = copied(index);
      naming = new Naming("method", method);
      method = null;
      arguments = new ArrayList<>(arguments);
      arguments.addFirst(object);
    }
    ExpressionNode[] nodes = list(arguments, tail, tail == Tail.RESULTS);
    if (tail == Tail.RESULTS) call((Ast.Call) arguments.getLast(), 0, Calls.Call.ALL);
    int depth = nesting + 2;
    emit(
        wanted == TAIL_CALL
            ? new Calls.TailCall(
                function,
                method,
                naming,
                nodes,
                tail,
                methodPlace,
                depth,
                tells && call.line != returnLine ? new Statements.Line(returnLine, scope()) : null)
            : new Calls.Call(
                function, method, naming, nodes, tail, methodPlace, depth, slot, wanted),
        call.line);
    free = outside;
  }

  // ── expressions ──

  /// Computes `expression` into `slot`, which is a new variable's or an intermediate one: nothing
  /// that it contains reads the slot.
  private void compute(Expression expression, int slot) {
    int outside = free;
    switch (expression) {
      case Ast.Call call -> call(call, slot, 1);
      case Ast.Single single -> compute(single.inner, slot);
      case Ast.Binary binary when isSplit(binary) && isLogic(binary.operator) -> {
        if (binary.depth > MOST_DEPTH) {
          Expression reduced = shallow(binary);
          logic((Ast.Binary) reduced, slot);
        } else {
          logic(binary, slot);
        }
      }
      case Ast.TableOf table when table.calls -> table(table, slot);
      default -> {
        ExpressionNode node = expression(expression);
        if (!(node instanceof Expressions.Slot same && same.slot == slot)) {
          int line = expression.line;
          if (tells && strip(expression) instanceof Ast.TableOf) {
            line = 0; // it is in its slot already
          } else if (tells && strip(expression) instanceof Ast.Constant c && c.value == null) {
            passNil(slot, 1, line);
            line = 0;
          }
          emit(new Statements.SetSlot(slot, node), line);
        }
      }
    }
    free = outside;
  }

  private static boolean isLogic(Operator operator) {
    return operator == Operator.AND || operator == Operator.OR;
  }

  /// `x and y`, `x or y`: y is computed only if x doesn't decide.
  private void logic(Ast.Binary binary, int slot) {
    compute(binary.left, slot);
    ExpressionNode test = new Expressions.Slot(slot);
    if (binary.operator == Operator.OR) test = new Expressions.Not(test);
    StatementNode rest = sequence(collect(() -> compute(binary.right, slot)));
    emit(new Statements.IfThen(test, rest));
  }

  /// The value of `expression` in an intermediate slot.
  private ExpressionNode copied(Expression expression) {
    int slot = temporary();
    compute(expression, slot);
    return new Expressions.Slot(slot);
  }

  /// An operand. If calls follow before the operation, it is computed now, unless it is a variable
  /// or a constant.
  private ExpressionNode operand(Expression expression, boolean callsFollow) {
    if (!callsFollow
        || expression instanceof Ast.Local
        || expression instanceof Ast.Constant
        || expression instanceof Ast.Done) {
      return expression(expression);
    }
    if (expression instanceof Ast.Single single) return operand(single.inner, true);
    return copied(expression);
  }

  /// The same for what C Lua copies: a variable that can change is, too.
  private ExpressionNode argument(Expression expression) {
    return canChange(expression) ? copied(expression) : expression(expression);
  }

  /// A node for `expression`; what it contains of calls runs before.
  private ExpressionNode expression(Expression expression) {
    Expression reduced = expression.depth > MOST_DEPTH ? shallow(expression) : expression;
    ExpressionNode node = node(reduced);
    if (node.line == 0) node.line = reduced.line;
    if (tells) passNode(reduced);
    return node;
  }

  private void passNode(Expression expression) {
    switch (expression) {
      case Ast.Constant c -> {}
      case Ast.Local l -> {}
      case Ast.Done d -> {}
      case Ast.Single s -> {}
      case Ast.Call c -> {}
      case Ast.TableOf t -> {}
      case Ast.Binary b when isLogic(b.operator) -> {}
      default -> pass(expression.line);
    }
  }

  private ExpressionNode node(Expression expression) {
    return switch (expression) {
      case Ast.Done done -> done.node;
      case Ast.Constant constant -> constant(constant.value);
      case Ast.Dots dots -> new Expressions.FirstExtra();
      case Ast.Function inner -> function(inner.body);
      case Ast.Local local ->
          local.variable.captured
              ? new Expressions.CellSlot(local.variable.slot)
              : new Expressions.Slot(local.variable.slot);
      case Ast.Outer outer -> new Expressions.Outer(outer.index);
      case Ast.Global global -> new Expressions.Global(global.name);
      case Ast.Index index -> index(index);
      case Ast.Single single -> expression(single.inner);
      case Ast.Unary unary -> unary(unary);
      case Ast.Binary binary -> isLogic(binary.operator) ? logic(binary) : binary(binary);
      case Ast.Concat concat -> concat(concat);
      case Ast.TableOf table -> table.calls ? copied(table) : table(table);
      case Ast.Call call -> copied(call);
    };
  }

  private ExpressionNode constant(@Nullable Object value) {
    if (!(value instanceof Double number)) return new Expressions.Constant(value);
    if (number == 0) {
      if (zero == null) zero = number;
      return new Expressions.Numeral(zero);
    }
    return new Expressions.Numeral(number);
  }

  private ExpressionNode function(FunctionBody body) {
    Prototype prototype = new Compiler(chunkName, body, tells).compile();
    int[] sources = new int[body.upvalues.size()];
    for (int i = 0; i < sources.length; i++) {
      Ast.Upvalue upvalue = body.upvalues.get(i);
      Variable local = upvalue.local();
      sources[i] = local != null ? local.slot : -1 - upvalue.index();
    }
    return new Expressions.FunctionOf(prototype, sources);
  }

  private ExpressionNode index(Ast.Index index) {
    Naming naming = naming(index.object);
    boolean keyEffects = index.key.calls || isCaptured(index.object) && !isPlain(index.key);
    ExpressionNode object = operand(index.object, keyEffects);
    ExpressionNode key = keyEffects && !index.key.calls ? copied(index.key) : expression(index.key);
    return key instanceof Expressions.Constant constant && constant.value instanceof LuaString name
        ? new Expressions.Field(object, name, naming)
        : new Expressions.Element(object, key, naming);
  }

  private ExpressionNode unary(Ast.Unary unary) {
    ExpressionNode operand = expression(unary.operand);
    Naming naming = naming(unary.operand);
    return switch (unary.operator) {
      case NOT -> new Expressions.Not(operand);
      case MINUS -> new Expressions.Negate(operand, naming);
      default -> new Expressions.Length(operand, naming);
    };
  }

  private ExpressionNode logic(Ast.Binary binary) {
    if (isSplit(binary)) return copied(binary);
    ExpressionNode left = expression(binary.left);
    ExpressionNode right = expression(binary.right);
    return binary.operator == Operator.AND
        ? new Expressions.And(left, right)
        : new Expressions.Or(left, right);
  }

  private ExpressionNode binary(Ast.Binary binary) {
    Expression left = binary.left;
    Expression right = binary.right;
    boolean effects = right.calls || isCaptured(left) && !isPlain(right);
    ExpressionNode x = operand(left, effects);
    ExpressionNode y = effects && !right.calls ? copied(right) : expression(right);
    Naming xName = naming(left);
    Naming yName = naming(right);
    return switch (binary.operator) {
      case ADD -> new Expressions.Add(x, y, xName, yName);
      case SUB -> new Expressions.Subtract(x, y, xName, yName);
      case MUL -> new Expressions.Multiply(x, y, xName, yName);
      case DIV -> new Expressions.Divide(x, y, xName, yName);
      case MOD -> new Expressions.Modulo(x, y, xName, yName);
      case POW -> new Expressions.Power(x, y, xName, yName);
      case EQ -> equal(x, y, true);
      case NE -> equal(x, y, false);
      case LT -> new Expressions.Less(x, y, false);
      case LE -> new Expressions.AtMost(x, y, false);
      case GT -> new Expressions.Less(x, y, true);
      case GE -> new Expressions.AtMost(x, y, true);
      default -> throw new IllegalArgumentException(binary.operator.toString());
    };
  }

  private static ExpressionNode equal(ExpressionNode x, ExpressionNode y, boolean wanted) {
    if (y instanceof Expressions.Constant constant) {
      return new Expressions.EqualConstant(x, constant.value, wanted);
    }
    if (x instanceof Expressions.Constant constant) {
      return new Expressions.EqualConstant(y, constant.value, wanted);
    }
    return new Expressions.Equal(x, y, wanted);
  }

  private ExpressionNode concat(Ast.Concat concat) {
    List<Expression> operands = concat.operands;
    ExpressionNode[] nodes = list(operands, Tail.NOTHING, false);
    @Nullable Naming[] namings = new Naming[nodes.length];
    for (int i = 0; i < nodes.length; i++) namings[i] = naming(operands.get(i));
    return new Expressions.Concat(nodes, namings);
  }

  // ── tables ──

  private ExpressionNode table(Ast.TableOf table) {
    List<Ast.Item> items = table.items;
    pass(table.firstLine);
    boolean dots = !items.isEmpty() && isDots(items.getLast());
    int count = items.size() - (dots ? 1 : 0);
    @Nullable ExpressionNode[] keys = new ExpressionNode[count];
    ExpressionNode[] values = new ExpressionNode[count];
    Node[] places = new Node[count];
    for (int i = 0; i < count; i++) {
      Ast.Item item = items.get(i);
      Expression key = item.key();
      keys[i] = key == null ? null : expression(key);
      values[i] = expression(item.value());
      if (key == null) passValue(item.value());
      else pass(item.line());
      places[i] = new Node.Mark(item.line());
    }
    if (table.listed > 0 || dots) pass(table.lastLine);
    return new Expressions.TableOf(
        keys, values, places, rounded(table.listed), rounded(table.keyed), dots);
  }

  private static boolean isDots(Ast.Item item) {
    return item.key() == null && item.value() instanceof Ast.Dots;
  }

  /// A table whose items contain calls is made in `slot`, item by item.
  private void table(Ast.TableOf table, int slot) {
    int outside = free;
    pass(table.firstLine);
    emit(
        new Statements.SetSlot(
            slot,
            new Expressions.TableOf(
                new ExpressionNode[0],
                new ExpressionNode[0],
                new Node[0],
                rounded(table.listed),
                rounded(table.keyed),
                false)));
    int first = free;
    int pending = 0;
    int stored = 0;
    Tail tail = Tail.NOTHING;
    for (int i = 0; i < table.items.size(); i++) {
      Ast.Item item = table.items.get(i);
      if (pending == Expressions.ITEMS_AT_ONCE) {
        emit(new Statements.Store(slot, stored, first, pending, Tail.NOTHING));
        stored += pending;
        pending = 0;
        free = first;
      }
      Expression key = item.key();
      if (key != null) {
        ExpressionNode at = operand(key, item.value().calls);
        ExpressionNode value = expression(item.value());
        emit(new Statements.SetElement(new Expressions.Slot(slot), at, value, null), item.line());
        free = first + pending;
        continue;
      }
      boolean last = i == table.items.size() - 1;
      if (last && item.value() instanceof Ast.Call call) {
        call(call, 0, Calls.Call.ALL);
        tail = Tail.RESULTS;
      } else if (last && item.value() instanceof Ast.Dots) {
        tail = Tail.DOTS;
      } else {
        compute(item.value(), temporary());
        pending++;
      }
    }
    if (pending > 0 || tail != Tail.NOTHING) {
      pass(table.lastLine);
      emit(new Statements.Store(slot, stored, first, pending, tail));
    }
    free = outside;
  }

  /// A size as C Lua's instruction holds it: four significant bits, rounded up.
  private static int rounded(int size) {
    int mantissa = size;
    int exponent = 0;
    while (mantissa >= 16) {
      mantissa = mantissa + 1 >> 1;
      exponent++;
    }
    return mantissa << exponent;
  }

  // ── deep trees ──

  /// The same expression with all but the outermost operation of its chain computed already.
  private Expression shallow(Expression expression) {
    List<Expression> chain = new ArrayList<>();
    Expression at = expression;
    while (at.depth > MOST_DEPTH / 2) {
      Expression left = left(at);
      if (left == null) break;
      chain.add(at);
      at = left;
    }
    if (chain.isEmpty()) return expression;
    int slot = temporary();
    Naming naming = naming(at);
    compute(at, slot);
    for (int i = chain.size() - 1; i > 0; i--) {
      Expression next = withLeft(chain.get(i), new Ast.Done(new Expressions.Slot(slot), naming));
      naming = naming(next);
      compute(next, slot);
    }
    return withLeft(expression, new Ast.Done(new Expressions.Slot(slot), naming));
  }

  private static @Nullable Expression left(Expression expression) {
    return switch (expression) {
      case Ast.Binary binary -> binary.left;
      case Ast.Index index -> index.object;
      case Ast.Call call -> call.function;
      case Ast.Single single -> single.inner;
      default -> null;
    };
  }

  private static Expression withLeft(Expression expression, Expression left) {
    Expression made =
        switch (expression) {
          case Ast.Binary binary ->
              new Ast.Binary(binary.operator, left, binary.right, binary.line);
          case Ast.Index index -> new Ast.Index(left, index.key);
          case Ast.Call call ->
              new Ast.Call(left, call.method, call.methodLine, call.arguments, call.line);
          case Ast.Single single -> new Ast.Single(left);
          default -> throw new IllegalArgumentException("no chain");
        };
    made.line = expression.line;
    return made;
  }

  // ── names in messages ──

  /// How messages call the value of `expression`; null if they have no name for it.
  private static @Nullable Naming naming(Expression expression) {
    return switch (expression) {
      case Ast.Local local -> new Naming("local", local.variable.name);
      case Ast.Outer outer -> new Naming("upvalue", outer.name);
      case Ast.Global global -> new Naming("global", global.name);
      case Ast.Index index -> new Naming("field", fieldName(index.key));
      case Ast.Single single -> naming(single.inner);
      case Ast.Done done -> done.naming;
      case Ast.Binary binary when isLogic(binary.operator) -> logicNaming(binary);
      default -> null;
    };
  }

  private static LuaString fieldName(Expression key) {
    return strip(key) instanceof Ast.Constant constant && constant.value instanceof LuaString name
        ? name
        : UNKNOWN;
  }

  private static final LuaString UNKNOWN = LuaString.of("?");

  /// C Lua finds a name by looking for the instruction that set the register last, as if each jump
  /// on the way were taken; a test counts as setting it. So `a or b` has no name, whatever it is,
  /// and `a and b or c` has that of c.
  private static @Nullable Naming logicNaming(Ast.Binary binary) {
    Expression next = binary;
    while (true) {
      Expression leaf = strip(next);
      if (!isLogicTree(leaf)) return naming(leaf);
      next = null;
      while (leaf instanceof Ast.Binary tree && isLogicTree(tree)) {
        Expression left = strip(tree.left);
        if (left instanceof Ast.Binary inner
            && isLogicTree(inner)
            && inner.operator != tree.operator) {
          next = tree.right; // where the jump behind the left side's first operand leads
        }
        leaf = left;
      }
      if (next == null) return null;
    }
  }

  private static Expression strip(Expression expression) {
    Expression inner = expression;
    while (inner instanceof Ast.Single single) inner = single.inner;
    return inner;
  }

  private static boolean isLogicTree(Expression expression) {
    return expression instanceof Ast.Binary binary && isLogic(binary.operator);
  }
}
