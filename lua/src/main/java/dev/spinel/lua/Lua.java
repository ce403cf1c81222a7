package dev.spinel.lua;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A Lua state: globals, libraries, limits, and whatever its scripts leave in it.
///
/// It belongs to one thread at a time. What it costs to make one is some tables and a hundred
/// function objects.
///
/// **What a script can't do**, by construction: read files, load bytecode, see the host's objects,
/// run for ever ([#hook]), take all memory ([LuaLimits]), overflow the stack, catch what isn't a
/// [LuaError].
///
/// **How calls nest.** A script's call of a script's function runs the callee's nodes on top of the
/// caller's. Every other way into a function (from the host, a metamethod, `pcall`, a sort's
/// comparison) is a *boundary*: [#enter]. Beneath each boundary [#drive] runs frames until the
/// first one has ended, picking up what was parked ([LuaThread]). As in C Lua there may be
/// [#MOST_BOUNDARIES] boundaries on top of each other, and [#MOST_CALLS] calls.
public final class Lua {
  /// How many boundaries there may be: more is a "C stack overflow".
  static final int MOST_BOUNDARIES = 200;

  /// How many more there may be while an error is handled.
  private static final int SPARE_BOUNDARIES = 25;

  /// How many calls there may be on top of each other: more is a "stack overflow".
  static final int MOST_CALLS = 20000;

  /// Nested nodes from which on a call parks what is beneath it.
  static final int SOFT_WEIGHT = 700;

  /// Nested nodes that a boundary doesn't get past. Each takes 140 bytes of stack at most, so this
  /// is half of the megabyte that a thread has if nobody asks for more.
  static final int HARD_WEIGHT = 4000;

  /// What a boundary weighs, in nodes.
  static final int BOUNDARY_WEIGHT = 8;

  /// What a state may take before it asks for memory.
  public static final long FIRST_BYTES = 64 << 10;

  /// What it asks for at a time, at least.
  private static final long GRANT_BYTES = 1 << 20;

  /// Whoever makes so many bytes at once takes steps for that, a step for every
  /// [#BULK_BYTES_PER_STEP].
  static final int BULK_BYTES = 4096;

  static final int BULK_BYTES_PER_STEP = 256;

  private final LuaLimits limits;
  private final LuaTable globals;
  private final LuaTable stringMetatable;
  private LuaCall[] calls = new LuaCall[16];
  private int callCount; // of `calls` in use
  private final @Nullable LuaMemory shared; // that it has its memory from; null: its own
  private long granted; // bytes that there may be before somebody looks
  private long charged; // bytes made since the last measurement
  private long measured; // bytes alive at the last measurement
  private int measurements;
  private @Nullable LuaHook hook;
  private @Nullable LineHook lineHook;
  private int period = Integer.MAX_VALUE;

  /// Steps until the hook is asked.
  int fuel = Integer.MAX_VALUE;

  /// The results of the script's function that has just ended.
  LuaValues results = new LuaValues();

  /// With [Node#TAIL], the frame that takes another's place; with [Node#SUSPEND], the one to run
  /// next.
  @Nullable Frame pending;

  /// With [Node#SUSPEND]: the coroutine yields, rather than making room on the stack.
  boolean yielding;

  /// The activation that runs. From here a measurement finds what is alive.
  @Nullable Activation current;

  /// The coroutine that runs; the first one if none.
  LuaThread running;

  /// `next`, and what `ipairs` gives to a loop: loops know them.
  @Nullable LuaFunction next;

  @Nullable LuaFunction nextListed;

  final LuaThread mainThread;
  final Random48 random = new Random48();

  /// A state with the base, string, table, math and coroutine libraries in its globals.
  public Lua(LuaLimits limits) {
    this(limits, null);
  }

  /// The same, which asks `shared` for its memory, beyond the first [#FIRST_BYTES], and gives back
  /// what it doesn't need with [#trim]; null: the limits alone bound it.
  public Lua(LuaLimits limits, @Nullable LuaMemory shared) {
    this.limits = limits;
    this.shared = shared;
    granted = shared == null ? limits.memoryBytes() : FIRST_BYTES;
    globals = new LuaTable(this, 0, 64);
    mainThread = new LuaThread(null, globals);
    mainThread.status = LuaThread.Status.RUNNING;
    running = mainThread;
    stringMetatable = new LuaTable(this, 0, 1);
    BaseLibrary.open(this);
    CoroutineLibrary.open(this);
    TableLibrary.open(this);
    StringLibrary.open(this);
    MathLibrary.open(this);
  }

  // ── the world of a script ──

  /// The table of globals.
  public LuaTable globals() {
    return globals;
  }

  /// The metatable that all strings share: its `__index` is the table `string`.
  public LuaTable stringMetatable() {
    return stringMetatable;
  }

  /// A new table with room for `array` values from key 1 and `others` other pairs.
  public LuaTable table(int array, int others) {
    return new LuaTable(this, array, others);
  }

  /// A function that calls the host. `held` are Lua values that `body` keeps alive, if scripts can
  /// make such functions: they count against the state's limit.
  public LuaFunction function(HostFunction body, @Nullable Object... held) {
    return new HostClosure(body, held);
  }

  /// A function of `chunk`, with the globals as its environment. Its arguments are the chunk's `…`.
  public LuaFunction load(LuaChunk chunk) {
    return new LuaClosure(chunk.prototype, globals);
  }

  /// What `function` may give watched functions ([LuaChunk#words]), and all functions that it can
  /// reach now by its variables, and by tables in them. Takes steps for that.
  public LuaWords words(LuaFunction function) {
    return new ReachableWords(this).of(function);
  }

  /// An empty buffer for a string.
  public LuaBuffer buffer() {
    return new LuaBuffer(this, limits.stringBytes());
  }

  /// Makes a table of functions, `name` in the globals.
  LuaTable library(String name, Consumer<LuaTable> fill) {
    LuaTable library = new LuaTable(this, 0, 0);
    fill.accept(library);
    globals.set(name, library);
    return library;
  }

  // ── running ──

  /// Calls `function` and returns its results. From inside of a host function, too.
  ///
  /// @throws LuaError which the script didn't catch; any other exception comes from a host function
  ///   or the hook
  public @Nullable Object[] call(@Nullable Object function, @Nullable Object... arguments) {
    return callFrom(current instanceof LuaCall call ? call : null, function, arguments);
  }

  @Nullable Object[] callFrom(
      @Nullable LuaCall from, @Nullable Object function, @Nullable Object[] arguments) {
    Position before = new Position();
    try {
      @Nullable Object[] all = enter(from, function, arguments, arguments.length).toArray(0);
      current = before.current;
      return all;
    } catch (LuaError error) {
      error.raisedIn(current);
      before.restore();
      throw error;
    } catch (StackOverflowError overflow) {
      // Weights keep scripts from this; a host that calls from deep down its own stack may see it.
      before.restore();
      throw new LuaError("stack overflow");
    } catch (Throwable other) {
      before.restore();
      throw other;
    }
  }

  /// What has to be put back if a call ends with an exception.
  final class Position {
    private final @Nullable Activation current = Lua.this.current;
    private final LuaThread running = Lua.this.running;
    private final int calls = callCount;
    private final int parked = Lua.this.running.parkedCount();

    void restore() {
      Lua.this.current = current;
      Lua.this.running = running;
      running.status = LuaThread.Status.RUNNING;
      callCount = calls;
      running.dropTo(parked);
      yielding = false;
      pending = null;
    }
  }

  /// The first result of calling `function` from a boundary.
  @Nullable Object invoke(
      Activation from, @Nullable Object function, @Nullable Object... arguments) {
    return enter(from, function, arguments, arguments.length).get(0);
  }

  /// Calls `function`, at a boundary. The results are good until the next call.
  LuaValues enter(
      @Nullable Activation from,
      @Nullable Object function,
      @Nullable Object[] arguments,
      int count) {
    int boundaries = from == null ? 1 : from.boundaries + 1;
    return enter(from, from == null ? 0 : from.weight, boundaries, function, arguments, count);
  }

  private LuaValues enter(
      @Nullable Activation from,
      int weight,
      int boundaries,
      @Nullable Object function,
      @Nullable Object[] arguments,
      int count) {
    if (from != null) checkBoundary(from, boundaries, weight);
    Object callee = function;
    @Nullable Object[] all = arguments;
    int most = count;
    if (!(callee instanceof LuaFunction)) {
      Object handler = Operations.metamethod(this, function, Event.CALL);
      if (!(handler instanceof LuaFunction)) {
        if (from == null) throw new LuaError("attempt to call a " + typeName(function) + " value");
        throw Operations.typeError(from, function, "call", null);
      }
      all = new Object[count + 1];
      all[0] = function;
      System.arraycopy(arguments, 0, all, 1, count);
      most = count + 1;
      callee = handler;
    }
    switch (callee) {
      case LuaClosure closure -> {
        Frame frame = new Frame(this, closure);
        frame.caller = from;
        frame.depth = from == null ? 1 : from.depth + 1;
        frame.boundaries = boundaries;
        frame.weight = weight + BOUNDARY_WEIGHT;
        checkDepth(from, frame.depth);
        Calls.fill(frame, all, most);
        if (--fuel < 0) tick(from);
        drive(frame, running.parkedCount());
        current = from;
        return results;
      }
      case HostClosure host -> {
        LuaCall call = acquire(from, most);
        call.depth = from == null ? 1 : from.depth + 1;
        call.boundaries = boundaries;
        call.weight = weight + BOUNDARY_WEIGHT;
        checkDepth(from, call.depth);
        System.arraycopy(all, 0, call.objects, 0, most);
        current = call;
        if (--fuel < 0) tick(call);
        host.body.call(call);
        release();
        takeResults(call);
        current = from;
        return results;
      }
      default -> throw noYield(from);
    }
  }

  /// `coroutine.yield(values)` in `frame`, which is parked next.
  void suspend(Frame frame, @Nullable Object[] values) {
    if (running == mainThread || frame.boundaries != running.boundaries) throw noYield(frame);
    LuaValues given = running.given;
    given.count = 0;
    for (Object value : values) given.add(value);
    yielding = true;
  }

  private LuaError noYield(@Nullable Activation from) {
    current = from;
    return new LuaError("attempt to yield across metamethod/C-call boundary");
  }

  /// Runs `first` to its end, or until the coroutine yields; frames parked above `base` with it.
  /// Answers whether it has ended: then its results are in [#results].
  boolean drive(Frame first, int base) {
    LuaThread thread = running;
    int weight = first.weight;
    Frame frame = first;
    while (true) {
      int mark = thread.parkedCount();
      current = frame;
      switch (frame.function.prototype.body.run(frame)) {
        case Node.TAIL -> frame = pending();
        case Node.SUSPEND -> {
          thread.reverse(mark);
          if (yielding) {
            yielding = false;
            return false;
          }
          frame = pending();
          frame.weight = weight;
          charge(
              64L + 12L * frame.objects.length); // a stack that grows is memory that scripts take
        }
        case Node.RETURN -> {
          if (thread.parkedCount() == base) return true;
          frame = thread.unpark();
          frame.resuming = true;
          frame.weight = weight;
        }
        default -> {
          results.count = 0;
          if (thread.parkedCount() == base) return true;
          frame = thread.unpark();
          frame.resuming = true;
          frame.weight = weight;
        }
      }
    }
  }

  private Frame pending() {
    Frame frame = Objects.requireNonNull(pending);
    pending = null;
    return frame;
  }

  /// A call object for a host function that `from` calls; given back by [#release].
  LuaCall acquire(@Nullable Activation from, int count) {
    if (callCount == calls.length) calls = Arrays.copyOf(calls, callCount * 2);
    LuaCall call = calls[callCount];
    if (call == null) calls[callCount] = call = new LuaCall(this);
    callCount++;
    call.begin(from, count);
    return call;
  }

  void release() {
    callCount--;
  }

  /// Makes the results of `call` those of a script's function that has just ended.
  void takeResults(LuaCall call) {
    LuaValues taken = call.results;
    call.results = results;
    results = taken;
  }

  // ── errors ──

  private void checkBoundary(Activation from, int boundaries, int weight) {
    if (boundaries < MOST_BOUNDARIES && weight < HARD_WEIGHT) return;
    if (boundaries >= MOST_BOUNDARIES + SPARE_BOUNDARIES) throw LuaError.inHandler();
    if (boundaries == MOST_BOUNDARIES || weight >= HARD_WEIGHT) {
      throw Operations.error(from, "C stack overflow");
    }
  }

  private boolean handling; // an error handler runs: it may go deeper

  void checkDepth(@Nullable Activation from, int depth) {
    if (depth < MOST_CALLS) return;
    if (handling) {
      if (depth < 2 * MOST_CALLS) return;
      throw LuaError.inHandler();
    }
    throw from == null ? new LuaError("stack overflow") : Operations.error(from, "stack overflow");
  }

  /// `pcall` and `xpcall`: calls `function` and adds to the results of `call` what they answer.
  void protect(
      LuaCall call, @Nullable Object function, @Nullable Object[] arguments, boolean handled) {
    Position before = new Position();
    try {
      LuaValues values = enter(call, function, arguments, arguments.length);
      call.ret(true);
      for (int i = 0; i < values.count; i++) call.results.add(values.get(i));
    } catch (LuaError error) {
      error.raisedIn(current);
      Object value = handled && !error.isFinal() ? handle(call, error) : error.value();
      before.restore();
      call.results.count = 0;
      call.ret(false);
      call.pass(value);
    }
  }

  /// What the handler, argument 2 of `call`, makes of an error: it runs where the error was thrown.
  private @Nullable Object handle(LuaCall call, LuaError first) {
    LuaError error = first;
    boolean nested = handling;
    handling = true;
    int boundaries = call.boundaries;
    try {
      while (true) {
        Activation at = error.origin() == null ? call : error.origin();
        boundaries = Math.max(boundaries, at.boundaries) + 1;
        try {
          Object[] argument = {error.value()};
          return enter(at, call.weight, boundaries, call.get(2), argument, 1).get(0);
        } catch (LuaError again) {
          // An error in the handler is handled by the handler, one boundary further in.
          again.raisedIn(current);
          if (again.isFinal()) return again.value();
          error = again;
        }
      }
    } finally {
      handling = nested;
    }
  }

  // ── steps and memory ──

  /// From now on `hook` is asked after about every `steps` steps (a step is a turn of a loop, a
  /// call, or as much work inside of a library function); null for never.
  public void hook(int steps, @Nullable LuaHook hook) {
    this.hook = hook;
    period = hook == null ? Integer.MAX_VALUE : Math.max(1, steps);
    fuel = period;
  }

  // ── for debuggers ──

  /// Told of lines; it may look at the state, and call into it.
  @FunctionalInterface
  public interface LineHook {
    /// Something on this line is about to run, in a function that [LuaChunk#compileWithLines] has
    /// made. What it throws comes out of that function.
    void passes(int line);
  }

  /// From now on `hook` is told of each line that runs, but of none that it has run itself; null:
  /// nobody is.
  public void lines(@Nullable LineHook hook) {
    lineHook = hook;
  }

  void passes(Frame frame, int line) {
    LineHook told = lineHook;
    if (told == null) return;
    current = frame;
    aside(() -> told.passes(line));
  }

  /// Runs what may call functions, in the middle of others: they find everything as it was. Nobody
  /// is told of lines meanwhile.
  public void aside(Runnable action) {
    LineHook told = lineHook;
    Activation before = current;
    LuaValues had = results;
    results = new LuaValues();
    lineHook = null;
    try {
      action.run();
    } finally {
      current = before;
      results = had;
      lineHook = told;
    }
  }

  /// A script's function that runs.
  ///
  /// @param source the name given to [LuaChunk#compile]
  /// @param name by which it was called, null if nobody can tell
  /// @param isInnermost no function runs that it has called, not even the host's
  /// @param variables in scope, and their values
  public record Level(
      String source,
      int line,
      @Nullable String name,
      boolean isInnermost,
      List<Variable> variables) {}

  /// A local variable and its value.
  public record Variable(String name, @Nullable Object value) {}

  /// The scripts' functions that run, the innermost first. Those variables are known that
  /// [LuaChunk#compileWithLines] has kept names of.
  public List<Level> levels() {
    List<Level> levels = new ArrayList<>();
    for (Activation at = current; at != null; at = at.caller) {
      if (!(at instanceof Frame frame)) continue;
      String name =
          frame.tailCalls == 0 && at.caller instanceof Frame caller && caller.at != null
              ? nameOf(caller.at.callee())
              : null;
      String source = frame.function.prototype.chunkName.toString();
      levels.add(new Level(source, frame.line(), name, at == current, variables(frame)));
    }
    return levels;
  }

  private static @Nullable String nameOf(Ast.@Nullable Naming naming) {
    return naming == null ? null : naming.name().toString();
  }

  private static List<Variable> variables(Frame frame) {
    List<Variable> found = new ArrayList<>();
    Statements.Line passed = frame.passed;
    LuaString[] names = passed == null ? new LuaString[0] : passed.names;
    for (int slot = 0; slot < names.length; slot++) {
      Object value = frame.value(slot);
      found.add(
          new Variable(names[slot].toString(), value instanceof Cell cell ? cell.get() : value));
    }
    return found;
  }

  /// The fuel is used up while `at` runs.
  void tick(@Nullable Activation at) {
    fuel = period;
    LuaHook asked = hook;
    if (asked == null) return;
    if (at != null) current = at;
    asked.tick(this);
  }

  /// Takes `steps` steps inside of a host function: whatever may be long has to, in proportion to
  /// its work, about one for 50 ns.
  public void step(long steps) {
    long left = fuel - steps;
    fuel = (int) Math.max(left, -1);
    if (left < 0) tick(null);
  }

  /// Takes steps for looking at so many bytes, one after the other.
  void stepOver(long bytes) {
    if (bytes >= 64) step(bytes >> 5);
  }

  /// Restarts `math.random` with this seed, as `math.randomseed` does.
  public void seed(int seed) {
    random.seed(seed);
  }

  /// How many bytes the values that the state can still reach take, approximately. Walks over all
  /// of them, and takes steps for that.
  public long measure() {
    for (int i = 0; i < calls.length && calls[i] != null; i++) calls[i].forget(i < callCount);
    measured = new Measurement(++measurements, this).bytes();
    charged = 0;
    return measured;
  }

  /// Measures, and gives back the memory that the state doesn't need now.
  public long trim() {
    measure();
    if (shared != null) {
      long needed = FIRST_BYTES * (1 + measured / FIRST_BYTES);
      if (needed < granted) {
        shared.give(granted - needed);
        granted = needed;
      }
    }
    return measured;
  }

  /// How many bytes they took when they were last measured, and what was made since.
  public long memory() {
    return measured + charged;
  }

  /// Counts memory that a host function takes on behalf of a script, before it is made: an error if
  /// that is too much. Much of it takes steps.
  public void charge(long bytes) {
    charged += bytes;
    if (measured + charged > granted) makeSure(bytes);
    if (bytes >= BULK_BYTES) step(bytes / BULK_BYTES_PER_STEP);
  }

  /// Counts a string that is about to be made.
  void chargeString(long length) {
    if (length > limits.stringBytes()) throw new LuaError("not enough memory").asFinal();
    charge(24 + length);
  }

  /// Too much was made since the last measurement; but how much of it is still alive? If that is
  /// more than half, the state asks for more memory. If there is none, a state that is nearly full
  /// is full: else it would be measured again and again for a few bytes each.
  private void makeSure(long bytes) {
    long alive = measure() + bytes;
    if (alive > granted / 2) grow(alive);
    if (alive > granted - granted / 16) {
      throw new LuaError("not enough memory").asFinal();
    }
    charged = bytes;
  }

  private void grow(long alive) {
    if (shared == null) return;
    long wanted = Math.min(Math.max(2 * alive, granted + GRANT_BYTES), limits.memoryBytes());
    long least = Math.min(alive + alive / 8 + FIRST_BYTES, limits.memoryBytes());
    if (wanted > granted && shared.take(wanted - granted)) granted = wanted;
    else if (least > granted && shared.take(least - granted)) granted = least;
  }

  // ── where a script stands ──

  /// The line that runs on `level` of the stack, as `user_script:1: `; empty if a host function
  /// runs there. 0 is the host function that asks, 1 whoever called it.
  public LuaString where(int level) {
    return current == null ? LuaString.EMPTY : where(current, level);
  }

  LuaString where(Activation from, int level) {
    if (!(activation(from, level) instanceof Frame frame) || frame.at == null) {
      return LuaString.EMPTY;
    }
    LuaBuffer text = new LuaBuffer(256);
    Operations.position(frame, text);
    return text.toLuaString();
  }

  /// The activation on `level` above `from`; null if there is none, or a function that gave its
  /// place to another was there.
  static @Nullable Activation activation(Activation from, int level) {
    int left = level;
    Activation at = from;
    while (left > 0 && at != null) {
      left--;
      if (at instanceof Frame frame) left -= frame.tailCalls;
      at = at.caller;
    }
    return left == 0 ? at : null;
  }

  /// Whether there is any activation on `level`, be it one that gave its place away.
  static boolean hasLevel(Activation from, int level) {
    int left = level;
    Activation at = from;
    while (left > 0 && at != null) {
      left--;
      if (at instanceof Frame frame) left -= frame.tailCalls;
      at = at.caller;
    }
    return left < 0 || left == 0 && at != null;
  }

  /// The chunk's name and the current line of the innermost function that isn't the host's; null if
  /// there is none.
  public @Nullable Place innermost() {
    return place(current);
  }

  static @Nullable Place place(@Nullable Activation from) {
    for (Activation at = from; at != null; at = at.caller) {
      if (at instanceof Frame frame) {
        return new Place(frame.function.prototype.chunkName.toString(), frame.line());
      }
    }
    return null;
  }

  /// A line of a chunk. `source` is the name given to [LuaChunk#compile].
  public record Place(String source, int line) {}

  // ── what Lua's operators do ──

  /// The activation for which a host's operation runs.
  private Activation operator() {
    Activation at = current;
    return at instanceof LuaCall ? at : new LuaCall(this);
  }

  /// `object[key]`, metamethods included.
  public @Nullable Object index(@Nullable Object object, @Nullable Object key) {
    if (object instanceof LuaTable table) {
      Object value = table.get(key);
      if (value != null || table.metatable == null) return value;
    }
    Position before = new Position();
    try {
      Object value = Operations.index(operator(), object, key, null);
      current = before.current;
      return value;
    } catch (Throwable t) {
      before.restore();
      throw t;
    }
  }

  /// `object[key] = value`, metamethods included.
  public void setIndex(@Nullable Object object, @Nullable Object key, @Nullable Object value) {
    Operations.setIndex(operator(), object, key, value, null);
  }

  /// `a == b`, metamethods included.
  public boolean equal(@Nullable Object a, @Nullable Object b) {
    return Operations.equal(operator(), a, b);
  }

  /// What the script's `tostring` makes of `value`, `__tostring` included; a value that isn't a
  /// string if that answers one.
  public @Nullable Object show(@Nullable Object value) {
    return Operations.toStringValue(operator(), value);
  }

  /// `nil`, `boolean`, `number`, `string`, `table`, `function`, `thread` or `userdata`.
  public static String typeName(@Nullable Object value) {
    return switch (value) {
      case null -> "nil";
      case Boolean b -> "boolean";
      case Double d -> "number";
      case LuaString s -> "string";
      case LuaTable t -> "table";
      case LuaFunction f -> "function";
      case LuaThread t -> "thread";
      default -> "userdata";
    };
  }

  /// A string or a number as a string; null for any other value.
  public static @Nullable LuaString toText(@Nullable Object value) {
    return switch (value) {
      case LuaString string -> string;
      case Double number -> NumberText.of(number);
      case null, default -> null;
    };
  }

  /// The same, with steps for a long string.
  @Nullable Double number(@Nullable Object value) {
    if (value instanceof LuaString string) stepOver(string.length());
    return toNumber(value);
  }

  /// Whether two strings have the same bytes; takes steps for long ones.
  boolean same(LuaString a, LuaString b) {
    if (a.length() == b.length()) stepOver(a.length() / 8);
    return a.sameAs(b);
  }

  /// Compares two strings as [LuaString#compareTo] does; takes steps for long ones.
  int compare(LuaString a, LuaString b) {
    stepOver(Math.min(a.length(), b.length()) / 8);
    return a.compareTo(b);
  }

  /// A number, or a string that reads as one; null for any other value.
  public static @Nullable Double toNumber(@Nullable Object value) {
    return switch (value) {
      case Double number -> number;
      case LuaString string -> NumberReader.read(string);
      case null, default -> null;
    };
  }

  /// A number as Lua shows it: C's `%.14g`.
  public static LuaString numberText(double number) {
    return NumberText.of(number);
  }
}
