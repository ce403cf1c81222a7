package dev.spinel.lua;

import dev.spinel.lua.Ast.Naming;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Calls, and returns that are calls.
///
/// A call is a statement: it computes the function and the arguments, which contain no call
/// themselves (the compiler has put those into statements before), and puts the results into slots.
/// So a coroutine that yields, or a deep recursion, leaves nothing in the middle of an expression.
final class Calls {
  /// What follows the arguments, or the values of a return, that are written out.
  enum Tail {
    NOTHING,
    DOTS, // the values of `...`
    RESULTS // all results of the call before
  }

  private Calls() {}

  /// Gives a new frame its arguments.
  static void fill(Frame frame, @Nullable Object[] arguments, int count) {
    Prototype prototype = frame.function.prototype;
    int parameters = prototype.parameters;
    System.arraycopy(arguments, 0, frame.objects, 0, Math.min(count, parameters));
    if (prototype.vararg) {
      if (count > parameters) frame.extra = Arrays.copyOfRange(arguments, parameters, count);
      if (prototype.usesArg) makeArg(frame);
    }
  }

  /// The table `arg` of a function that has `...` and doesn't use it.
  private static void makeArg(Frame frame) {
    @Nullable Object[] extra = frame.extra;
    LuaTable arg = new LuaTable(frame.lua, extra.length, 1);
    for (int i = 0; i < extra.length; i++) arg.set(i + 1L, extra[i]);
    arg.set(ARG_COUNT, (Double) (double) extra.length);
    frame.objects[frame.function.prototype.parameters] = arg;
  }

  /// From so many values on, passing them on takes steps.
  private static final int MANY = 64;

  private static final LuaString ARG_COUNT = LuaString.of("n").shared();

  // ── the call ──

  /// What calls and tail calls share: whom they call, with what.
  abstract static class Callers extends StatementNode {
    private final ExpressionNode function; // of a method: the object
    private final @Nullable LuaString method;
    private final @Nullable Naming naming; // of the function; of a method the object's
    private final ExpressionNode[] arguments;
    private final Tail tail;
    private final @Nullable Node methodPlace;
    private final int nodes; // how deep in its function's nodes it is

    Callers(
        ExpressionNode function,
        @Nullable LuaString method,
        @Nullable Naming naming,
        ExpressionNode[] arguments,
        Tail tail,
        @Nullable Node methodPlace,
        int nodes) {
      this.function = function;
      this.method = method;
      this.naming = naming;
      this.arguments = arguments;
      this.tail = tail;
      this.methodPlace = methodPlace;
      this.nodes = nodes;
    }

    @Override
    @Nullable Naming callee() {
      return method == null ? naming : new Naming("method", method);
    }

    /// What a script's function does, given its frame.
    abstract int enter(Frame frame, LuaClosure closure, Frame callee);

    /// What becomes of the results.
    abstract int done(Frame frame, LuaValues results);

    /// A frame for `closure`, called from `frame`.
    abstract Frame frameFor(Frame frame, LuaClosure closure);

    @Override
    final int run(Frame frame) {
      if (frame.resuming) {
        frame.resuming = false;
        return done(frame, frame.lua.results);
      }
      Object self = null;
      Object callee = function.eval(frame);
      int given = 0;
      if (method != null) {
        self = callee;
        callee = select(frame, self);
        given = 1;
      }
      if (callee instanceof LuaClosure closure) {
        Frame inner = frameFor(frame, closure);
        fill(frame, inner, self, given);
        frame.at = this;
        return enter(frame, closure, inner);
      }
      if (callee instanceof HostClosure host) {
        return callHost(frame, host, self, given);
      }
      return callOther(frame, callee, self, given);
    }

    final int nodes() {
      return nodes;
    }

    private @Nullable Object select(Frame frame, @Nullable Object self) {
      LuaString method = Objects.requireNonNull(this.method);
      if (self instanceof LuaTable table) {
        Object value = table.get(method);
        if (value != null || table.metatable == null) return value;
      }
      frame.at = methodPlace;
      return Operations.index(frame, self, method, naming);
    }

    private void fill(Frame frame, Frame inner, @Nullable Object self, int given) {
      Prototype prototype = inner.function.prototype;
      ExpressionNode[] arguments = this.arguments;
      int parameters = prototype.parameters;
      if (prototype.vararg || tail != Tail.NOTHING) {
        spread(frame, inner, self, given);
        return;
      }
      if (given != 0 && parameters > 0) inner.objects[0] = self;
      int named = Math.min(arguments.length, parameters - given);
      int i = 0;
      for (; i < named; i++) arguments[i].into(frame, inner, given + i);
      for (; i < arguments.length; i++) arguments[i].eval(frame);
    }

    private void spread(Frame frame, Frame inner, @Nullable Object self, int given) {
      @Nullable Object[] all = collect(frame, self, given);
      Calls.fill(inner, all, all.length);
    }

    private int tailCount(Frame frame) {
      int count =
          switch (tail) {
            case NOTHING -> 0;
            case DOTS -> frame.extra.length;
            case RESULTS -> frame.lua.results.count;
          };
      if (count >= MANY) {
        frame.lua.step(count >> 3);
        frame.lua.charge(12L * count);
      }
      return count;
    }

    private @Nullable Object[] collect(Frame frame, @Nullable Object self, int given) {
      // With RESULTS, arguments only read slots: they leave the results alone.
      int fixed = given + arguments.length;
      int following = tailCount(frame);
      @Nullable Object[] all = new Object[fixed + following];
      if (given != 0) all[0] = self;
      for (int i = 0; i < arguments.length; i++) all[given + i] = arguments[i].eval(frame);
      if (tail == Tail.DOTS) {
        System.arraycopy(frame.extra, 0, all, fixed, following);
      } else {
        for (int i = 0; i < following; i++) all[fixed + i] = frame.lua.results.get(i);
      }
      return all;
    }

    private int callHost(Frame frame, HostClosure host, @Nullable Object self, int given) {
      Lua lua = frame.lua;
      int fixed = given + arguments.length;
      int following = tailCount(frame);
      LuaCall call = lua.acquire(frame, fixed + following);
      if (given != 0) call.objects[0] = self;
      for (int i = 0; i < arguments.length; i++) arguments[i].into(frame, call, given + i);
      if (tail == Tail.DOTS) {
        System.arraycopy(frame.extra, 0, call.objects, fixed, following);
      } else {
        for (int i = 0; i < following; i++) lua.results.into(i, call, fixed + i);
      }
      return callHost(frame, host, call);
    }

    private int callHost(Frame frame, HostClosure host, LuaCall call) {
      Lua lua = frame.lua;
      frame.at = this;
      call.depth = frame.depth + 1;
      call.boundaries = frame.boundaries;
      call.weight = frame.weight + nodes;
      lua.checkDepth(frame, call.depth);
      lua.current = call;
      if (--lua.fuel < 0) lua.tick(call);
      host.body.call(call);
      lua.release();
      lua.current = frame;
      return done(frame, call);
    }

    /// The same with the results of a host function.
    abstract int done(Frame frame, LuaCall call);

    private int callOther(Frame frame, @Nullable Object callee, @Nullable Object self, int given) {
      Lua lua = frame.lua;
      if (callee instanceof YieldFunction) {
        @Nullable Object[] values = collect(frame, self, given);
        frame.at = this;
        lua.suspend(frame, values);
        lua.running.park(frame);
        return SUSPEND;
      }
      @Nullable Object[] rest = collect(frame, self, given);
      frame.at = this;
      Object handler = Operations.metamethod(lua, callee, Event.CALL);
      if (!(handler instanceof LuaFunction)) {
        throw Operations.typeError(frame, callee, "call", callee());
      }
      @Nullable Object[] all = new Object[rest.length + 1];
      all[0] = callee;
      System.arraycopy(rest, 0, all, 1, rest.length);
      if (handler instanceof LuaClosure closure) {
        Frame inner = frameFor(frame, closure);
        Calls.fill(inner, all, all.length);
        return enter(frame, closure, inner);
      }
      if (handler instanceof HostClosure host) {
        LuaCall call = lua.acquire(frame, all.length);
        System.arraycopy(all, 0, call.objects, 0, all.length);
        return callHost(frame, host, call);
      }
      lua.suspend(frame, all);
      lua.running.park(frame);
      return SUSPEND;
    }
  }

  /// A call that returns here.
  static final class Call extends Callers {
    /// Results that nobody wants, or all for the statement that follows.
    static final int NONE = 0;

    static final int ALL = -1;

    private final int slot; // where the first result goes
    private final int wanted; // how many results, or ALL

    Call(
        ExpressionNode function,
        @Nullable LuaString method,
        @Nullable Naming naming,
        ExpressionNode[] arguments,
        Tail tail,
        @Nullable Node methodPlace,
        int nodes,
        int slot,
        int wanted) {
      super(function, method, naming, arguments, tail, methodPlace, nodes);
      this.slot = slot;
      this.wanted = wanted;
    }

    @Override
    Frame frameFor(Frame frame, LuaClosure closure) {
      return Frame.calledBy(frame, closure, nodes());
    }

    @Override
    int enter(Frame frame, LuaClosure closure, Frame callee) {
      Lua lua = frame.lua;
      if (--lua.fuel < 0) lua.tick(frame);
      lua.checkDepth(frame, callee.depth);
      if (callee.weight > Lua.SOFT_WEIGHT) {
        lua.pending = callee;
        lua.running.park(frame);
        return SUSPEND;
      }
      lua.current = callee;
      int answer = closure.prototype.body.run(callee);
      while (answer == TAIL) {
        Frame next = Objects.requireNonNull(lua.pending);
        lua.current = next;
        answer = next.function.prototype.body.run(next);
      }
      lua.current = frame;
      if (answer == RETURN) return done(frame, lua.results);
      if (answer == SUSPEND) {
        lua.running.park(frame);
        return SUSPEND;
      }
      lua.results.count = 0;
      return done(frame, lua.results);
    }

    @Override
    int done(Frame frame, LuaCall call) {
      if (wanted == ALL) {
        frame.lua.takeResults(call);
        return NEXT;
      }
      return done(frame, call.results);
    }

    @Override
    int done(Frame frame, LuaValues results) {
      if (wanted == 1) {
        results.into(0, frame, slot);
      } else {
        for (int i = 0; i < wanted; i++) results.into(i, frame, slot + i);
      }
      return NEXT;
    }
  }

  /// `return f(…)`: the function called takes this one's place.
  static final class TailCall extends Callers {
    private final @Nullable StatementNode after; // a call of the host's: tells of the return's line

    TailCall(
        ExpressionNode function,
        @Nullable LuaString method,
        @Nullable Naming naming,
        ExpressionNode[] arguments,
        Tail tail,
        @Nullable Node methodPlace,
        int nodes,
        @Nullable StatementNode after) {
      super(function, method, naming, arguments, tail, methodPlace, nodes);
      this.after = after;
    }

    @Override
    Frame frameFor(Frame frame, LuaClosure closure) {
      Frame next = new Frame(frame.lua, closure);
      next.caller = frame.caller;
      next.depth = frame.depth;
      next.boundaries = frame.boundaries;
      next.weight = frame.weight;
      next.tailCalls = frame.tailCalls + 1;
      return next;
    }

    @Override
    int enter(Frame frame, LuaClosure closure, Frame callee) {
      Lua lua = frame.lua;
      if (--lua.fuel < 0) lua.tick(frame);
      lua.pending = callee;
      return TAIL;
    }

    @Override
    int done(Frame frame, LuaCall call) {
      frame.lua.takeResults(call);
      if (after != null) after.run(frame);
      return RETURN;
    }

    @Override
    int done(Frame frame, LuaValues results) {
      return RETURN;
    }
  }

  // ── returns ──

  /// `return`.
  static final class ReturnNothing extends StatementNode {
    @Override
    int run(Frame frame) {
      frame.lua.results.count = 0;
      return RETURN;
    }
  }

  /// `return x`.
  static final class ReturnOne extends StatementNode {
    private final ExpressionNode value;

    ReturnOne(ExpressionNode value) {
      this.value = value;
    }

    @Override
    int run(Frame frame) {
      double number = value.number(frame);
      LuaValues results = frame.lua.results;
      results.count = 1;
      if (Double.isNaN(number) && ExpressionNode.isNone(number)) {
        results.objects[0] = frame.other;
      } else {
        results.numbers[0] = number;
        results.objects[0] = Activation.NUMBER;
      }
      return RETURN;
    }
  }

  /// `return x, y, …`. What could run a metamethod is in slots by now.
  static final class ReturnMany extends StatementNode {
    private final ExpressionNode[] values;
    private final Tail tail;

    ReturnMany(ExpressionNode[] values, Tail tail) {
      this.values = values;
      this.tail = tail;
    }

    @Override
    int run(Frame frame) {
      Lua lua = frame.lua;
      if (tail == Tail.RESULTS) return returnMore(frame);
      LuaValues results = lua.results;
      results.count = 0;
      for (ExpressionNode value : values) results.add(value.eval(frame));
      if (tail == Tail.DOTS) {
        for (Object value : frame.extra) results.add(value);
      }
      return RETURN;
    }

    /// The results of the call before move up, to make room for what precedes them.
    private int returnMore(Frame frame) {
      LuaValues results = frame.lua.results;
      int first = values.length;
      int count = results.count;
      results.reserve(first + count);
      System.arraycopy(results.objects, 0, results.objects, first, count);
      System.arraycopy(results.numbers, 0, results.numbers, first, count);
      results.count = 0;
      for (ExpressionNode value : values) results.add(value.eval(frame));
      results.count = first + count;
      return RETURN;
    }
  }
}
