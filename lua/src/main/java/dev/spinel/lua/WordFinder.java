package dev.spinel.lua;

import dev.spinel.lua.Ast.Expression;
import dev.spinel.lua.Ast.FunctionBody;
import dev.spinel.lua.Ast.Operator;
import dev.spinel.lua.Ast.Statement;
import dev.spinel.lua.Ast.Variable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds out what [LuaWords] says of each function of a chunk. It follows local variables, as far
/// as one can without running anything:
///
/// ```lua
/// local call = redis.call                      -- `call` is watched, too
/// local push = ARGV[2] == 'left' and 'LPUSH' or 'RPUSH'
/// call(push, KEYS[1], 'x')                     -- LPUSH or RPUSH
/// call('X' .. push)                            -- anything: open
/// pcall(call, 'GET')                           -- anything: the function went elsewhere
/// ```
///
/// It errs on the side of "anything". It goes by a list of what is still to be looked at, since
/// expressions may be as deep as the source is long; only functions are nested by recursion.
final class WordFinder {
  /// Deeper expressions are not understood.
  private static final int MOST_DEPTH = 50;

  /// By these a script can get at a global, or run a text, that nobody sees here.
  private static final Set<LuaString> REFLECTIVE =
      Set.of(text("_G"), text("getfenv"), text("setfenv"), text("load"), text("loadstring"));

  /// A value that a variable may have. The expression is null if that isn't known.
  private record Source(@Nullable Expression expression, FunctionBody in) {}

  private final LuaString table;
  private final Set<LuaString> functions = new HashSet<>();
  private final Set<LuaString> inputs = new HashSet<>();
  private final Map<Variable, List<Source>> sources = new IdentityHashMap<>();
  private final Set<Variable> aliases = new HashSet<>(); // of watched functions

  private WordFinder(LuaWatch watch) {
    this.table = text(watch.table());
    for (String name : watch.functions()) functions.add(text(name));
    for (String name : watch.inputs()) inputs.add(text(name));
  }

  private static LuaString text(String name) {
    return LuaString.of(name);
  }

  /// Notes in the chunk, and in all functions in it, what they say.
  static void look(FunctionBody chunk, LuaWatch watch) {
    WordFinder finder = new WordFinder(watch);
    finder.learn(chunk);
    finder.find(chunk);
  }

  // ── what variables may be ──

  private void learn(FunctionBody in) {
    ArrayDeque<Object> open = new ArrayDeque<>(in.body);
    for (Variable parameter : in.parameters) know(parameter, null, in);
    if (in.arg != null) know(in.arg, null, in);
    while (true) {
      switch (open.poll()) {
        case null -> {
          return;
        }
        case Ast.Function function -> learn(function.body);
        case Ast.Declare declare -> {
          know(declare.variables, declare.values, in);
          open.addAll(declare.values);
        }
        case Ast.Assign assign -> {
          assigned(assign, in);
          parts(assign, open);
        }
        case Ast.DeclareFunction declare -> {
          know(declare.variable, null, in);
          open.add(declare.function);
        }
        case Ast.NumericFor loop -> {
          know(loop.variable, null, in);
          parts(loop, open);
        }
        case Ast.GenericFor loop -> {
          for (Variable variable : loop.variables) know(variable, null, in);
          parts(loop, open);
        }
        case Object part -> parts(part, open);
      }
    }
  }

  private void know(Variable variable, @Nullable Expression value, FunctionBody in) {
    if (value != null && isWatched(value, in)) aliases.add(variable);
    sources.computeIfAbsent(variable, any -> new ArrayList<>()).add(new Source(value, in));
  }

  private void know(List<Variable> variables, List<Expression> values, FunctionBody in) {
    for (int i = 0; i < variables.size(); i++) {
      know(variables.get(i), valueAt(values, i, variables.size()), in);
    }
  }

  /// The expression that alone says what the variable with this number is; null if none does.
  private static @Nullable Expression valueAt(List<Expression> values, int i, int variables) {
    if (i >= values.size()) {
      boolean isNil = values.isEmpty() || !isMany(values.getLast());
      return isNil ? new Ast.Constant(null) : null;
    }
    boolean isSpread = i == values.size() - 1 && i < variables - 1 && isMany(values.get(i));
    return isSpread ? null : values.get(i);
  }

  private static boolean isMany(Expression value) {
    return value instanceof Ast.Call || value instanceof Ast.Dots;
  }

  private void assigned(Ast.Assign assign, FunctionBody in) {
    for (int i = 0; i < assign.targets.size(); i++) {
      Variable variable = variable(assign.targets.get(i), in);
      if (variable != null) know(variable, valueAt(assign.values, i, assign.targets.size()), in);
    }
  }

  private static @Nullable Variable variable(Expression expression, FunctionBody in) {
    if (expression instanceof Ast.Local local) return local.variable;
    if (!(expression instanceof Ast.Outer outer)) return null;
    FunctionBody at = in;
    Ast.Upvalue found = at.upvalues.get(outer.index);
    while (found.local() == null && at.outer != null) {
      at = at.outer;
      found = at.upvalues.get(found.index());
    }
    return found.local();
  }

  // ── what is called ──

  private LuaWords find(FunctionBody in) {
    LuaWords all = LuaWords.NONE;
    ArrayDeque<Object> open = new ArrayDeque<>(in.body);
    while (true) {
      switch (open.poll()) {
        case null -> {
          in.words = all;
          return all;
        }
        case Ast.Function function -> all = all.and(find(function.body));
        case Ast.Call call when call.method == null && isWatched(call.function, in) -> {
          if (!call.arguments.isEmpty()) {
            all = all.and(words(call.arguments.getFirst(), in, new HashSet<>()));
          }
          open.addAll(call.arguments);
        }
        case Ast.Declare declare -> {
          for (int i = 0; i < declare.values.size(); i++) {
            boolean isAlias =
                i < declare.variables.size() && aliases.contains(declare.variables.get(i));
            Expression value = declare.values.get(i);
            if (!isAlias || !isWatched(value, in)) open.add(value);
          }
        }
        case Ast.Assign assign when changesInput(assign) -> {
          all = LuaWords.ANY;
          parts(assign, open);
        }
        case Ast.Index index when isOf(index.object, table) && isName(index.key) -> {
          if (isWatched(index, in)) all = LuaWords.ANY;
        }
        case Ast.Global global -> {
          if (global.name.equals(table) || REFLECTIVE.contains(global.name)) all = LuaWords.ANY;
        }
        case Expression value when isWatched(value, in) -> all = LuaWords.ANY; // as a value
        case Object part -> parts(part, open);
      }
    }
  }

  private boolean isWatched(Expression expression, FunctionBody in) {
    Expression inner = expression;
    while (inner instanceof Ast.Single single) inner = single.inner;
    if (inner instanceof Ast.Index index) {
      return isOf(index.object, table)
          && index.key instanceof Ast.Constant key
          && key.value instanceof LuaString name
          && functions.contains(name);
    }
    Variable variable = variable(inner, in);
    return variable != null && aliases.contains(variable);
  }

  private boolean changesInput(Ast.Assign assign) {
    for (Expression target : assign.targets) {
      if (target instanceof Ast.Index index && isInput(index.object)) return true;
    }
    return false;
  }

  private boolean isInput(Expression object) {
    return object instanceof Ast.Global global && inputs.contains(global.name);
  }

  private static boolean isOf(Expression object, LuaString name) {
    return object instanceof Ast.Global global && global.name.equals(name);
  }

  private static boolean isName(Expression key) {
    return key instanceof Ast.Constant constant && constant.value instanceof LuaString;
  }

  private LuaWords words(Expression value, FunctionBody in, Set<Variable> seen) {
    if (value.depth > MOST_DEPTH) return LuaWords.ANY;
    switch (value) {
      case Ast.Constant constant -> {
        return constant.value instanceof LuaString word
            ? new LuaWords(Set.of(word), false, false)
            : LuaWords.NONE; // no name of anything
      }
      case Ast.Single single -> {
        return words(single.inner, in, seen);
      }
      case Ast.Binary binary when binary.operator == Operator.OR -> {
        return words(binary.left, in, seen).and(words(binary.right, in, seen));
      }
      case Ast.Binary binary when binary.operator == Operator.AND -> {
        return words(binary.right, in, seen); // or false, or nil
      }
      case Ast.Index index when isInput(index.object) -> {
        return new LuaWords(Set.of(), true, false);
      }
      default -> {
        Variable variable = variable(value, in);
        return variable == null ? LuaWords.ANY : words(variable, seen);
      }
    }
  }

  private LuaWords words(Variable variable, Set<Variable> seen) {
    if (!seen.add(variable)) return LuaWords.NONE; // its other sources are being looked at
    if (seen.size() > MOST_DEPTH) return LuaWords.ANY;
    LuaWords all = LuaWords.NONE;
    for (Source source : sources.getOrDefault(variable, List.of())) {
      Expression value = source.expression();
      all = all.and(value == null ? LuaWords.ANY : words(value, source.in(), seen));
    }
    return all;
  }

  // ── the tree ──

  /// Adds to `open` what a statement or expression is made of.
  private static void parts(Object part, ArrayDeque<Object> open) {
    switch (part) {
      case Expression expression -> parts(expression, open);
      case Statement statement -> parts(statement, open);
      default -> throw new AssertionError(part);
    }
  }

  private static void parts(Expression expression, ArrayDeque<Object> open) {
    switch (expression) {
      case Ast.Index index -> {
        open.add(index.object);
        open.add(index.key);
      }
      case Ast.Call call -> {
        open.add(call.function);
        open.addAll(call.arguments);
      }
      case Ast.Single single -> open.add(single.inner);
      case Ast.Unary unary -> open.add(unary.operand);
      case Ast.Binary binary -> {
        open.add(binary.left);
        open.add(binary.right);
      }
      case Ast.Concat concat -> open.addAll(concat.operands);
      case Ast.TableOf made -> {
        for (Ast.Item item : made.items) {
          if (item.key() != null) open.add(item.key());
          open.add(item.value());
        }
      }
      case Ast.Function function -> open.add(function);
      case Ast.Done done -> throw new AssertionError(done);
      case Ast.Constant none -> {}
      case Ast.Dots none -> {}
      case Ast.Local none -> {}
      case Ast.Outer none -> {}
      case Ast.Global none -> {}
    }
  }

  private static void parts(Statement statement, ArrayDeque<Object> open) {
    switch (statement) {
      case Ast.Declare declare -> open.addAll(declare.values);
      case Ast.DeclareFunction declare -> open.add(declare.function);
      case Ast.Assign assign -> {
        for (Expression target : assign.targets) {
          if (target instanceof Ast.Index) open.add(target);
        }
        open.addAll(assign.values);
      }
      case Ast.CallStatement said -> open.add(said.call);
      case Ast.Do block -> open.addAll(block.body);
      case Ast.While loop -> {
        open.add(loop.condition);
        open.addAll(loop.body);
      }
      case Ast.Repeat loop -> {
        open.addAll(loop.body);
        open.add(loop.condition);
      }
      case Ast.If choice -> {
        open.addAll(choice.conditions);
        for (List<Statement> block : choice.blocks) open.addAll(block);
      }
      case Ast.NumericFor loop -> {
        open.add(loop.from);
        open.add(loop.to);
        if (loop.step != null) open.add(loop.step);
        open.addAll(loop.body);
      }
      case Ast.GenericFor loop -> {
        open.addAll(loop.values);
        open.addAll(loop.body);
      }
      case Ast.Return end -> open.addAll(end.values);
      case Ast.Break none -> {}
    }
  }
}
