package dev.spinel.lua;

import dev.spinel.lua.Ast.Expression;
import dev.spinel.lua.Ast.FunctionBody;
import dev.spinel.lua.Ast.Operator;
import dev.spinel.lua.Ast.Statement;
import dev.spinel.lua.Ast.Variable;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Lua's grammar: tokens to [Ast], or a syntax error in C Lua's words.
///
/// **Lines.** C Lua compiles in one pass, and an instruction bears the line of the token that was
/// read last when it was written, which may be a line or more behind the expression: a field is
/// fetched once the parser knows what is done with it. Error messages show that line. So wherever C
/// Lua would write the instruction, [#place] gives the expression its line.
///
/// **Limits** are C Lua's: [#MOST_LEVELS] of nesting, 200 locals and 60 outer variables in a
/// function, 250 values at hand at a time. They bound the parser's own recursion, too.
final class LuaParser {
  private static final int MOST_LEVELS = 200;
  private static final int MOST_LOCALS = 200;
  private static final int MOST_UPVALUES = 60;
  private static final int MOST_REGISTERS = 250;

  /// A function under construction: its locals in scope, and the blocks around the present place.
  private static final class Scope {
    final @Nullable Scope outer;
    final FunctionBody body;
    final List<Variable> active = new ArrayList<>();
    int loops; // that a break could leave
    int registers; // that C would use now

    Scope(@Nullable Scope outer, FunctionBody body) {
      this.outer = outer;
      this.body = body;
    }
  }

  private final LuaLexer lexer;
  private Scope scope;
  private int levels;

  private LuaParser(LuaLexer lexer, int levels) {
    this.lexer = lexer;
    this.levels = levels;
    this.scope = new Scope(null, new FunctionBody(null, 0));
    scope.body.vararg = true;
  }

  /// Parses a whole chunk, as a function without parameters. `levels` of nesting are used up by
  /// whoever asks.
  static FunctionBody parse(LuaString source, LuaString chunkName, int levels) {
    LuaParser parser = new LuaParser(new LuaLexer(source, chunkName), levels);
    parser.lexer.next();
    parser.scope.body.body = parser.chunk();
    parser.expect(LuaLexer.EOS);
    parser.scope.body.endLine = parser.lexer.lastLine;
    return parser.scope.body;
  }

  // ── tokens ──

  private boolean accept(int token) {
    if (lexer.token != token) return false;
    lexer.next();
    return true;
  }

  private void expect(int token) {
    if (lexer.token != token) throw expected(token);
  }

  private void skip(int token) {
    expect(token);
    lexer.next();
  }

  private LuaError expected(int token) {
    return lexer.syntaxError("'" + LuaLexer.tokenName(token) + "' expected");
  }

  /// Skips the token that closes what `opener` opened on `line`.
  private void close(int token, int opener, int line) {
    if (accept(token)) return;
    if (line == lexer.line) throw expected(token);
    throw lexer.syntaxError(
        "'"
            + LuaLexer.tokenName(token)
            + "' expected (to close '"
            + LuaLexer.tokenName(opener)
            + "' at line "
            + line
            + ")");
  }

  private LuaString name() {
    expect(LuaLexer.NAME);
    LuaString name = lexer.string;
    lexer.next();
    return name;
  }

  private void enter() {
    if (++levels > MOST_LEVELS) throw lexer.limitError("chunk has too many syntax levels");
  }

  private void leave() {
    levels--;
  }

  private void checkLimit(int value, int most, String what) {
    if (value <= most) return;
    int line = scope.body.line;
    String where = line == 0 ? "main function" : "function at line " + line;
    throw lexer.limitError(where + " has more than " + most + " " + what);
  }

  /// Takes registers as C Lua would, which has so many and no more.
  private void take(int registers) {
    scope.registers += registers;
    if (scope.registers >= MOST_REGISTERS) {
      throw lexer.syntaxError("function or expression too complex");
    }
  }

  /// This is where C Lua writes the instruction that fetches `expression`.
  private void place(Expression expression) {
    Expression inner = expression;
    while (inner instanceof Ast.Single single) inner = single.inner;
    if (inner.line == 0) inner.line = lexer.lastLine;
  }

  // ── variables ──

  private Variable variable(LuaString name, int pending) {
    checkLimit(scope.active.size() + pending + 1, MOST_LOCALS, "local variables");
    return new Variable(name);
  }

  private void activate(List<Variable> variables) {
    scope.active.addAll(variables);
    scope.registers = Math.max(scope.registers, scope.active.size());
  }

  private void deactivate(int size) {
    scope.active.subList(size, scope.active.size()).clear();
    scope.registers = size;
  }

  private Expression resolve(LuaString name) {
    Expression found = resolve(scope, name);
    return found != null ? found : new Ast.Global(name);
  }

  private @Nullable Expression resolve(Scope in, LuaString name) {
    for (int i = in.active.size() - 1; i >= 0; i--) {
      Variable variable = in.active.get(i);
      if (variable.name.equals(name)) return new Ast.Local(variable);
    }
    if (in.outer == null) return null;
    Expression outer = resolve(in.outer, name);
    if (outer == null) return null;
    List<Ast.Upvalue> upvalues = in.body.upvalues;
    Variable local = outer instanceof Ast.Local found ? found.variable : null;
    int index = outer instanceof Ast.Outer found ? found.index : -1;
    if (local != null) local.captured = true;
    for (int i = 0; i < upvalues.size(); i++) {
      Ast.Upvalue known = upvalues.get(i);
      if (known.local() == local && known.index() == index) return new Ast.Outer(i, name);
    }
    if (upvalues.size() == MOST_UPVALUES) {
      int line = in.body.line;
      throw lexer.limitError(
          "function at line " + line + " has more than " + MOST_UPVALUES + " upvalues");
    }
    upvalues.add(new Ast.Upvalue(name, local, index));
    return new Ast.Outer(upvalues.size() - 1, name);
  }

  // ── statements ──

  private List<Statement> chunk() {
    List<Statement> statements = new ArrayList<>();
    enter();
    boolean last = false;
    while (!last && !endsBlock()) {
      last = lexer.token == LuaLexer.RETURN || lexer.token == LuaLexer.BREAK;
      int line = lexer.line;
      Statement made = statement();
      made.firstLine = line;
      made.lastLine = lexer.lastLine;
      statements.add(made);
      accept(';');
      scope.registers = scope.active.size();
    }
    leave();
    return statements;
  }

  private boolean endsBlock() {
    return switch (lexer.token) {
      case LuaLexer.ELSE, LuaLexer.ELSEIF, LuaLexer.END, LuaLexer.UNTIL, LuaLexer.EOS -> true;
      default -> false;
    };
  }

  private List<Statement> block() {
    int outside = scope.active.size();
    List<Statement> body = chunk();
    deactivate(outside);
    return body;
  }

  private Statement statement() {
    int line = lexer.line;
    switch (lexer.token) {
      case LuaLexer.IF -> {
        return ifStatement(line);
      }
      case LuaLexer.WHILE -> {
        lexer.next();
        Expression condition = condition();
        skip(LuaLexer.DO);
        List<Statement> body = loop();
        close(LuaLexer.END, LuaLexer.WHILE, line);
        return new Ast.While(condition, body);
      }
      case LuaLexer.DO -> {
        lexer.next();
        List<Statement> body = block();
        close(LuaLexer.END, LuaLexer.DO, line);
        return new Ast.Do(body);
      }
      case LuaLexer.FOR -> {
        return forStatement(line);
      }
      case LuaLexer.REPEAT -> {
        return repeat(line);
      }
      case LuaLexer.FUNCTION -> {
        return function(line);
      }
      case LuaLexer.LOCAL -> {
        lexer.next();
        return accept(LuaLexer.FUNCTION) ? localFunction() : local();
      }
      case LuaLexer.RETURN -> {
        lexer.next();
        List<Expression> values = new ArrayList<>();
        if (!endsBlock() && lexer.token != ';') {
          values = expressions();
          place(values.getLast());
          if (values.size() > 1) take(1);
        }
        return new Ast.Return(values);
      }
      case LuaLexer.BREAK -> {
        lexer.next();
        if (scope.loops == 0) throw lexer.syntaxError("no loop to break");
        return new Ast.Break();
      }
      default -> {
        return expressionStatement();
      }
    }
  }

  private List<Statement> loop() {
    scope.loops++;
    List<Statement> body = block();
    scope.loops--;
    return body;
  }

  private Expression condition() {
    Expression condition = expression();
    place(condition);
    return condition;
  }

  private Statement ifStatement(int line) {
    List<Expression> conditions = new ArrayList<>();
    List<List<Statement>> blocks = new ArrayList<>();
    do {
      lexer.next();
      conditions.add(condition());
      skip(LuaLexer.THEN);
      blocks.add(block());
    } while (lexer.token == LuaLexer.ELSEIF);
    if (accept(LuaLexer.ELSE)) blocks.add(block());
    close(LuaLexer.END, LuaLexer.IF, line);
    return new Ast.If(conditions, blocks);
  }

  private Statement repeat(int line) {
    int outside = scope.active.size();
    lexer.next();
    scope.loops++;
    List<Statement> body = chunk();
    close(LuaLexer.UNTIL, LuaLexer.REPEAT, line);
    Expression condition = condition();
    scope.loops--;
    deactivate(outside);
    return new Ast.Repeat(body, condition);
  }

  private Statement forStatement(int line) {
    int outside = scope.active.size();
    lexer.next();
    LuaString first = name();
    Statement made =
        switch (lexer.token) {
          case '=' -> numericFor(first);
          case ',', LuaLexer.IN -> genericFor(first);
          default -> throw lexer.syntaxError("'=' or 'in' expected");
        };
    close(LuaLexer.END, LuaLexer.FOR, line);
    deactivate(outside);
    return made;
  }

  /// The three variables that a loop keeps for itself count as locals, and have names.
  private List<Variable> hidden(String a, String b, String c) {
    List<Variable> hidden = new ArrayList<>();
    for (String name : List.of(a, b, c)) {
      hidden.add(variable(LuaString.of(name), hidden.size()));
    }
    return hidden;
  }

  private Statement numericFor(LuaString name) {
    List<Variable> hidden = hidden("(for index)", "(for limit)", "(for step)");
    Variable variable = variable(name, 3);
    lexer.next();
    Expression from = nextValue();
    skip(',');
    Expression to = nextValue();
    Expression step = null;
    if (accept(',')) step = nextValue();
    activate(hidden);
    skip(LuaLexer.DO);
    int line = lexer.lastLine;
    activate(List.of(variable));
    return new Ast.NumericFor(variable, from, to, step, loop(), line);
  }

  private Expression nextValue() {
    Expression value = expression();
    place(value);
    take(1);
    return value;
  }

  private Statement genericFor(LuaString first) {
    List<Variable> hidden = hidden("(for generator)", "(for state)", "(for control)");
    List<Variable> variables = new ArrayList<>();
    variables.add(variable(first, 3));
    while (accept(',')) variables.add(variable(name(), 3 + variables.size()));
    skip(LuaLexer.IN);
    int line = lexer.line;
    List<Expression> values = expressions();
    place(values.getLast());
    scope.registers = scope.active.size();
    activate(hidden);
    skip(LuaLexer.DO);
    activate(variables);
    return new Ast.GenericFor(variables, values, loop(), line);
  }

  private Statement function(int line) {
    lexer.next();
    Expression target = resolve(name());
    boolean method = false;
    while (lexer.token == '.' || lexer.token == ':') {
      method = lexer.token == ':';
      target = field(target);
      if (method) break;
    }
    Ast.Function function = functionBody(method, line);
    return new Ast.Assign(List.of(target), List.of(function), line);
  }

  private Statement localFunction() {
    Variable variable = variable(name(), 0);
    activate(List.of(variable));
    return new Ast.DeclareFunction(variable, functionBody(false, lexer.line));
  }

  private Statement local() {
    List<Variable> variables = new ArrayList<>();
    do {
      variables.add(variable(name(), variables.size()));
    } while (accept(','));
    List<Expression> values = new ArrayList<>();
    if (accept('=')) {
      values = expressions();
      place(values.getLast());
    }
    activate(variables);
    return new Ast.Declare(variables, values);
  }

  private Statement expressionStatement() {
    Expression first = suffixed();
    if (first instanceof Ast.Call call) return new Ast.CallStatement(call);
    List<Expression> targets = new ArrayList<>();
    targets.add(first);
    while (true) {
      if (!isVariable(targets.getLast())) throw lexer.syntaxError("syntax error");
      if (!accept(',')) break;
      targets.add(suffixed());
      checkLimit(targets.size() - 1, MOST_LEVELS - levels, "variables in assignment");
    }
    skip('=');
    List<Expression> values = expressions();
    place(values.getLast());
    return new Ast.Assign(targets, values, lexer.lastLine);
  }

  private static boolean isVariable(Expression expression) {
    return expression instanceof Ast.Local
        || expression instanceof Ast.Outer
        || expression instanceof Ast.Global
        || expression instanceof Ast.Index;
  }

  // ── expressions ──

  private List<Expression> expressions() {
    List<Expression> list = new ArrayList<>();
    list.add(expression());
    while (accept(',')) {
      place(list.getLast());
      take(1);
      list.add(expression());
    }
    return list;
  }

  private Expression expression() {
    return expression(0);
  }

  /// An operand and all operators behind it that bind more strongly than `limit`.
  private Expression expression(int limit) {
    enter();
    int registers = scope.registers;
    Expression left;
    Operator unary = unaryOperator();
    if (unary != null) {
      lexer.next();
      Expression operand = expression(unary.right);
      left = unary(unary, operand);
    } else {
      left = simple();
    }
    Operator operator = binaryOperator();
    while (operator != null && operator.left > limit) {
      lexer.next();
      place(left);
      boolean keeps = !(strip(left) instanceof Ast.Constant || strip(left) instanceof Ast.Local);
      if (keeps || operator == Operator.CONCAT) take(1);
      Expression right = expression(operator.right);
      left = binary(operator, left, right);
      scope.registers = registers;
      operator = binaryOperator();
    }
    leave();
    return left;
  }

  private static Expression strip(Expression expression) {
    Expression inner = expression;
    while (inner instanceof Ast.Single single) inner = single.inner;
    return inner;
  }

  private static @Nullable Double numeral(Expression expression) {
    return strip(expression) instanceof Ast.Constant constant && constant.value instanceof Double n
        ? n
        : null;
  }

  private Expression unary(Operator operator, Expression operand) {
    if (operator == Operator.NOT && strip(operand) instanceof Ast.Constant constant) {
      return new Ast.Constant(!ExpressionNode.isTrue(constant.value));
    }
    Double number = numeral(operand);
    if (operator == Operator.MINUS && number != null) return new Ast.Constant(-number);
    place(operand);
    return new Ast.Unary(operator, operand, lexer.lastLine);
  }

  private Expression binary(Operator operator, Expression left, Expression right) {
    Double x = numeral(left);
    Double y = numeral(right);
    if (x != null && y != null) {
      Double folded = fold(operator, x, y);
      if (folded != null) return new Ast.Constant(folded);
    }
    place(right);
    if (decides(operator, left)) return new Ast.Single(right);
    if (operator != Operator.CONCAT) {
      return new Ast.Binary(operator, left, right, lexer.lastLine);
    }
    List<Expression> operands = new ArrayList<>();
    operands.add(left);
    int line = lexer.lastLine;
    if (right instanceof Ast.Concat rest) {
      operands.addAll(rest.operands);
      line = rest.line;
    } else {
      operands.add(right);
    }
    return new Ast.Concat(operands, line);
  }

  /// Whether the constant on the left says already that the value is that of the right side.
  private static boolean decides(Operator operator, Expression left) {
    if (!(strip(left) instanceof Ast.Constant constant)) return false;
    boolean isTrue = ExpressionNode.isTrue(constant.value);
    return operator == Operator.AND && isTrue || operator == Operator.OR && !isTrue;
  }

  /// Two numerals are computed at once, unless that gives no number.
  private static @Nullable Double fold(Operator operator, double x, double y) {
    double result;
    switch (operator) {
      case ADD -> result = x + y;
      case SUB -> result = x - y;
      case MUL -> result = x * y;
      case DIV -> {
        if (y == 0) return null;
        result = x / y;
      }
      case MOD -> {
        if (y == 0) return null;
        result = Arithmetic.mod(x, y);
      }
      case POW -> result = Arithmetic.pow(x, y);
      default -> {
        return null;
      }
    }
    return Double.isNaN(result) ? null : result;
  }

  private @Nullable Operator unaryOperator() {
    return switch (lexer.token) {
      case LuaLexer.NOT -> Operator.NOT;
      case '-' -> Operator.MINUS;
      case '#' -> Operator.LEN;
      default -> null;
    };
  }

  private @Nullable Operator binaryOperator() {
    return switch (lexer.token) {
      case '+' -> Operator.ADD;
      case '-' -> Operator.SUB;
      case '*' -> Operator.MUL;
      case '/' -> Operator.DIV;
      case '%' -> Operator.MOD;
      case '^' -> Operator.POW;
      case LuaLexer.CONCAT -> Operator.CONCAT;
      case LuaLexer.NE -> Operator.NE;
      case LuaLexer.EQ -> Operator.EQ;
      case '<' -> Operator.LT;
      case LuaLexer.LE -> Operator.LE;
      case '>' -> Operator.GT;
      case LuaLexer.GE -> Operator.GE;
      case LuaLexer.AND -> Operator.AND;
      case LuaLexer.OR -> Operator.OR;
      default -> null;
    };
  }

  private Expression simple() {
    Expression made;
    switch (lexer.token) {
      case LuaLexer.NUMBER -> made = new Ast.Constant(lexer.number);
      case LuaLexer.STRING -> made = new Ast.Constant(lexer.string);
      case LuaLexer.NIL -> made = new Ast.Constant(null);
      case LuaLexer.TRUE -> made = new Ast.Constant(true);
      case LuaLexer.FALSE -> made = new Ast.Constant(false);
      case LuaLexer.DOTS -> {
        if (!scope.body.vararg) {
          throw lexer.syntaxError("cannot use '...' outside a vararg function");
        }
        scope.body.dotsUsed = true;
        made = new Ast.Dots();
      }
      case '{' -> {
        return table();
      }
      case LuaLexer.FUNCTION -> {
        lexer.next();
        return functionBody(false, lexer.line);
      }
      default -> {
        return suffixed();
      }
    }
    lexer.next();
    return made;
  }

  private Expression prefix() {
    switch (lexer.token) {
      case '(' -> {
        int line = lexer.line;
        lexer.next();
        Expression inner = expression();
        close(')', '(', line);
        place(inner);
        return new Ast.Single(inner);
      }
      case LuaLexer.NAME -> {
        return resolve(name());
      }
      default -> throw lexer.syntaxError("unexpected symbol");
    }
  }

  private Expression suffixed() {
    Expression left = prefix();
    int registers = scope.registers;
    while (true) {
      switch (lexer.token) {
        case '.' -> left = field(left);
        case '[' -> {
          place(left);
          lexer.next();
          take(1);
          Expression key = expression();
          place(key);
          skip(']');
          left = new Ast.Index(left, key);
        }
        case ':' -> {
          lexer.next();
          LuaString method = name();
          place(left);
          left = call(left, method, lexer.lastLine);
        }
        case '(', LuaLexer.STRING, '{' -> {
          place(left);
          left = call(left, null, 0);
        }
        default -> {
          return left;
        }
      }
      scope.registers = registers;
    }
  }

  private Expression field(Expression object) {
    place(object);
    lexer.next();
    return new Ast.Index(object, new Ast.Constant(name()));
  }

  private Ast.Call call(Expression function, @Nullable LuaString method, int methodLine) {
    int line = lexer.line;
    take(method == null ? 1 : 2);
    List<Expression> arguments;
    switch (lexer.token) {
      case '(' -> {
        if (line != lexer.lastLine) {
          throw lexer.syntaxError("ambiguous syntax (function call x new statement)");
        }
        lexer.next();
        arguments = lexer.token == ')' ? List.of() : expressions();
        close(')', '(', line);
        if (!arguments.isEmpty()) {
          place(arguments.getLast());
          take(1);
        }
      }
      case '{' -> arguments = List.of(table());
      case LuaLexer.STRING -> {
        arguments = List.of(new Ast.Constant(lexer.string));
        lexer.next();
      }
      default -> throw lexer.syntaxError("function arguments expected");
    }
    return new Ast.Call(function, method, methodLine, arguments, line);
  }

  private Expression table() {
    int line = lexer.line;
    int registers = scope.registers;
    take(1);
    List<Ast.Item> items = new ArrayList<>();
    Ast.TableOf table = new Ast.TableOf(items);
    table.firstLine = lexer.lastLine;
    skip('{');
    Expression listed = null;
    int pending = 0; // listed ones that C has not yet put into the table
    do {
      if (lexer.token == '}') break;
      if (listed != null) {
        place(listed);
        take(1);
        if (++pending == Expressions.ITEMS_AT_ONCE) {
          scope.registers -= pending;
          pending = 0;
        }
        listed = null;
      }
      boolean keyed =
          lexer.token == '[' || lexer.token == LuaLexer.NAME && lexer.lookAhead() == '=';
      if (keyed) {
        items.add(keyedItem());
        table.keyed++;
      } else {
        listed = expression();
        items.add(new Ast.Item(null, listed, 0));
        table.listed++;
      }
    } while (accept(',') || accept(';'));
    close('}', '{', line);
    table.lastLine = lexer.lastLine;
    if (listed != null) {
      place(listed);
      if (isOpen(listed)) table.listed--;
    }
    for (Ast.Item item : items) {
      table.contains(item.value());
      if (item.key() != null) table.contains(item.key());
    }
    scope.registers = registers;
    return table;
  }

  private Ast.Item keyedItem() {
    Expression key;
    int registers = scope.registers;
    if (lexer.token == LuaLexer.NAME) {
      key = new Ast.Constant(name());
    } else {
      lexer.next();
      key = expression();
      place(key);
      skip(']');
    }
    skip('=');
    place(key);
    take(1);
    Expression value = expression();
    place(value);
    scope.registers = registers;
    return new Ast.Item(key, value, lexer.lastLine);
  }

  /// Whether an expression at the end of a list stands for as many values as there are.
  static boolean isOpen(Expression expression) {
    return expression instanceof Ast.Call || expression instanceof Ast.Dots;
  }

  private Ast.Function functionBody(boolean method, int line) {
    FunctionBody body = new FunctionBody(scope.body, line);
    scope = new Scope(scope, body);
    skip('(');
    if (method) body.parameters.add(variable(LuaString.of("self").shared(), 0));
    activate(body.parameters);
    List<Variable> named = new ArrayList<>();
    if (lexer.token != ')') {
      do {
        if (lexer.token == LuaLexer.NAME) {
          named.add(variable(name(), named.size()));
        } else if (accept(LuaLexer.DOTS)) {
          body.arg = variable(LuaString.of("arg").shared(), named.size());
          body.vararg = true;
        } else {
          throw lexer.syntaxError("<name> or '...' expected");
        }
      } while (!body.vararg && accept(','));
    }
    body.parameters.addAll(named);
    activate(named);
    if (body.arg != null) activate(List.of(body.arg));
    skip(')');
    body.body = chunk();
    close(LuaLexer.END, LuaLexer.FUNCTION, line);
    body.endLine = lexer.lastLine;
    scope = Objects.requireNonNull(scope.outer);
    Ast.Function made = new Ast.Function(body);
    made.line = body.endLine;
    return made;
  }
}
