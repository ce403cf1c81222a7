package dev.spinel.script;

import dev.spinel.config.ConfigLog;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Family;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Section;
import dev.spinel.lua.LuaChunk;
import dev.spinel.lua.LuaLimits;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.LuaWatch;
import dev.spinel.lua.LuaWords;
import dev.spinel.wire.Slice;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// What belongs to scripts in a server: the scripts that EVAL knows, the libraries of functions,
/// the interpreters, which of them take long.
///
/// **Threads.** Each dispatcher has an [Interpreter] of its own for EVAL, made when it is first
/// needed, so scripts whose keys have nothing to do with each other run side by side. A library of
/// functions has one, as its functions may share variables; it is used by one thread at a time.
public final class Scripts {
  /// Of the Java heap, for the values of all interpreters together: this part, of which one has not
  /// more than [#MOST_HEAP].
  private static final int HEAP_PARTS = 4;

  private static final long MOST_HEAP = 1L << 30;
  private static final int MOST_STRING = 512 << 20;

  private static final LuaWatch COMMANDS =
      new LuaWatch("redis", Set.of("call", "pcall"), Set.of("KEYS", "ARGV"));

  /// Longer arguments of a call are no names of commands.
  private static final int LONGEST_NAME = 64;

  final ConfigLog log;
  final RunningScripts running = new RunningScripts();
  final Libraries libraries = new Libraries(this);
  final Debugging debugging = new Debugging(this);
  private @Nullable Engine engine; // before the first session

  /// By SHA-1, in small letters.
  private final ConcurrentHashMap<String, EvalScript> known = new ConcurrentHashMap<>();

  private final AtomicLong knownBytes = new AtomicLong(); // of the Java heap
  private final ConcurrentHashMap<Dispatcher, Interpreter> interpreters = new ConcurrentHashMap<>();

  private final AtomicLong sharedBytes = new AtomicLong(); // that interpreters have
  private final AtomicInteger seeds = new AtomicInteger();

  public Scripts(ConfigLog log) {
    this.log = log;
  }

  /// Once it is made, before the first session.
  public void of(Engine made) {
    engine = made;
    running.of(made);
    made.libraries(libraries);
    made.onForget(this::forget);
    made.onClose(debugging::forget);
  }

  /// Compiles a script, or a library, and finds out which commands it names.
  static LuaChunk compile(LuaString source, String name) {
    return LuaChunk.compile(source, name, COMMANDS);
  }

  /// Whether what a script says may be the name of a command that needs more than the locks of
  /// keys.
  boolean mayNeedWorld(LuaWords words) {
    return words.isOpen()
        || words.words().stream().anyMatch(word -> needsWorld(new Slice(word.bytes())));
  }

  /// Whether one of the call's arguments, from this one on, is the name of such a command.
  boolean mayNeedWorld(Call call, int from) {
    for (int i = from; i < call.argc(); i++) {
      if (call.args().lengthAt(i) <= LONGEST_NAME && needsWorld(call.arg(i))) {
        return true;
      }
    }
    return false;
  }

  private boolean needsWorld(Slice name) {
    Command command = engine().table.command(name);
    return command != null && command.mayNeedWorld();
  }

  /// Sets where scripts are debugged. Before the first session; without it they can't be.
  public void debugAt(DebugHost host) {
    debugging.at(host);
  }

  /// Ends what is being debugged, as the server ends. None begins afterwards.
  public void close() {
    debugging.close();
  }

  Engine engine() {
    return Objects.requireNonNull(engine);
  }

  public List<Family> families() {
    return List.of(new EvalCommands(this), new FunctionCommands(this));
  }

  /// The gate that refuses what comes while a script takes long.
  public Gate gate() {
    return running;
  }

  /// Fields of INFO.
  public Section section() {
    return new ScriptSection(this);
  }

  /// Where `math.random` of one more interpreter begins: none begins like another one.
  int seed() {
    return seeds.getAndIncrement() * 0x9e3779b9;
  }

  LuaLimits limits() {
    long heap = Math.min(MOST_HEAP, Runtime.getRuntime().maxMemory() / HEAP_PARTS);
    return new LuaLimits(heap, (int) Math.min(MOST_STRING, heap));
  }

  /// What one more interpreter has of the Java heap.
  HeapShare share() {
    return new HeapShare(engine().heap, sharedBytes, Runtime.getRuntime().maxMemory() / HEAP_PARTS);
  }

  // ── EVAL's ──

  /// The interpreter of a dispatcher's thread.
  Interpreter interpreter(Dispatcher of) {
    Interpreter made = interpreters.get(of);
    if (made == null) {
      made = Interpreter.forEval(this);
      interpreters.put(of, made);
    }
    return made;
  }

  private void forget(Dispatcher of) {
    Interpreter gone = interpreters.remove(of);
    if (gone != null) {
      gone.share.end();
    }
  }

  @Nullable EvalScript known(String sha) {
    return known.get(sha);
  }

  /// From now on it is known. Errors: there is no room for it on the Java heap.
  EvalScript add(EvalScript script) {
    EvalScript before = known.get(script.sha);
    if (before != null) {
      return before;
    }
    if (!engine().heap.hold(script.heapBytes())) {
      throw new CommandError("OOM the server's Java heap has no room for more scripts");
    }
    before = known.putIfAbsent(script.sha, script);
    if (before != null) {
      engine().heap.release(script.heapBytes());
      return before;
    }
    knownBytes.addAndGet(script.heapBytes());
    return script;
  }

  /// No script is known any more, and what they have left in interpreters is gone.
  void flush() {
    for (String sha : known.keySet()) {
      EvalScript gone = known.remove(sha);
      if (gone != null) {
        knownBytes.addAndGet(-gone.heapBytes());
        engine().heap.release(gone.heapBytes());
      }
    }
    interpreters.keySet().forEach(this::forget);
  }

  int count() {
    return known.size();
  }

  /// Bytes of the Java heap that known scripts take, about.
  long bytes() {
    return knownBytes.get();
  }

  /// Bytes of the Java heap that the values of EVAL's interpreters take, about.
  long interpreterBytes() {
    long sum = 0;
    for (Interpreter each : interpreters.values()) {
      sum += each.lua.memory();
    }
    return sum;
  }
}
