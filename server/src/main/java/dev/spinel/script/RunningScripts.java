package dev.spinel.script;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The scripts that have run for longer than `busy-reply-threshold`, and the gate that refuses
/// nearly everything while there are any. They can be killed, as long as they have written nothing.
///
/// A script that is quick never comes here: it has a [Run] of its own, which its thread alone
/// touches until it is slow.
final class RunningScripts implements Gate, Engine.Busy {
  private static final CommandError BUSY_EVAL =
      new CommandError(
          "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
  private static final CommandError BUSY_FUNCTION =
      new CommandError(
          "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN"
              + " NOSAVE.");
  private static final CommandError NOT_BUSY =
      new CommandError("NOTBUSY No scripts in execution right now.");
  private static final CommandError FROM_PRIMARY =
      new CommandError(
          "UNKILLABLE The busy script was sent by a master instance in the context of replication"
              + " and cannot be killed.");
  private static final CommandError HAS_WRITTEN =
      new CommandError(
          "UNKILLABLE Sorry the script already executed write commands against the dataset. You can"
              + " either wait the script termination or kill the server in a hard way using the"
              + " SHUTDOWN NOSAVE command.");

  /// Which command can end a script.
  enum Kind {
    EVAL("SCRIPT KILL"),
    FUNCTION("FUNCTION KILL");

    final String killer;

    Kind(String killer) {
      this.killer = killer;
    }
  }

  /// One run of a script.
  static final class Run {
    final String name;
    final Kind kind;
    final boolean isTrusted;
    final long beganNanos;
    byte[][] words = {}; // of the call, once it is slow
    boolean isHeld; // by a debugger: others wait instead of being refused
    volatile @Nullable Runnable onKill; // any thread

    private boolean isKilled; // the list's monitor
    private boolean hasWritten; // the list's monitor, once it is slow

    Run(String name, Kind kind, boolean isTrusted, long nowNanos) {
      this.name = name;
      this.kind = kind;
      this.isTrusted = isTrusted;
      this.beganNanos = nowNanos;
    }
  }

  private @Nullable Engine engine; // before the first session
  private final List<Run> slow = new ArrayList<>(); // its monitor; the oldest first
  private volatile @Nullable Kind busyWith; // the kind of the oldest that isn't held; null: none
  private volatile boolean isBusy; // there are some, held ones included
  private final Waiters<Boolean> waiting = new Waiters<>();

  void of(Engine made) {
    engine = made;
    made.busy(this);
  }

  private Engine engine() {
    return Objects.requireNonNull(engine);
  }

  // ── the script's own thread ──

  /// Whether a script that runs since then has taken too long.
  boolean isOverdue(long beganNanos) {
    long most = engine().limits.get(Settings.BUSY_REPLY_THRESHOLD);
    return most > 0 && engine().clock.nanos() - beganNanos >= most * 1_000_000;
  }

  long millisOf(Run run) {
    return (engine().clock.nanos() - run.beganNanos) / 1_000_000;
  }

  /// The script has taken too long: from now on everybody is told so.
  void add(Run run, boolean hasWritten) {
    synchronized (slow) {
      run.hasWritten = hasWritten;
      slow.add(run);
      follow();
    }
  }

  void remove(Run run) {
    synchronized (slow) {
      slow.remove(run);
      follow();
    }
    if (!isBusy) {
      waiting.wake(any -> true);
    }
  }

  private void follow() {
    isBusy = !slow.isEmpty();
    busyWith =
        slow.stream().filter(each -> !each.isHeld).map(each -> each.kind).findFirst().orElse(null);
    if (isBusy) { // first the gate: who gives up waiting comes back to it
      engine().gates.closed(this, true);
    }
    engine().keyspace.world().busy(isBusy);
    if (!isBusy) {
      engine().gates.closed(this, false);
    }
  }

  boolean isKilled(Run run) {
    synchronized (slow) {
      return run.isKilled;
    }
  }

  /// The script is about to write: nobody may kill it any more. False if somebody has.
  boolean mayWrite(Run run) {
    synchronized (slow) {
      run.hasWritten |= !run.isKilled;
      return !run.isKilled;
    }
  }

  // ── others ──

  /// Ends the script that has run longest and can be ended by this command. Errors: there is none.
  void kill(Kind kind) {
    synchronized (slow) {
      CommandError refusal = NOT_BUSY;
      for (Run run : slow) {
        CommandError why = whyNot(run, kind);
        if (why == null) {
          run.isKilled = true;
          Runnable told = run.onKill;
          if (told != null) {
            told.run();
          }
          return;
        }
        refusal = refusal == NOT_BUSY ? why : refusal;
      }
      throw refusal;
    }
  }

  private static @Nullable CommandError whyNot(Run run, Kind kind) {
    if (run.isTrusted) {
      return FROM_PRIMARY;
    }
    if (run.hasWritten) {
      return HAS_WRITTEN;
    }
    return run.kind == kind ? null : busy(run.kind);
  }

  private static CommandError busy(Kind kind) {
    return kind == Kind.EVAL ? BUSY_EVAL : BUSY_FUNCTION;
  }

  /// The function that has run longest, null if none takes long. Errors: a script does.
  @Nullable Run slowFunction() {
    synchronized (slow) {
      Run oldest = slow.isEmpty() ? null : slow.getFirst();
      if (oldest != null && oldest.kind == Kind.EVAL) {
        throw BUSY_EVAL;
      }
      return oldest;
    }
  }

  @Override
  public @Nullable CommandError refusal() {
    Kind kind = busyWith;
    return kind == null ? null : busy(kind);
  }

  @Override
  public boolean isOver() {
    return !isBusy;
  }

  // ── the gate ──

  @Override
  public Rank rank() {
    return Rank.BUSY;
  }

  @Override
  public boolean concerns(Command command) {
    return !command.is(Command.ALLOW_BUSY);
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (call.command().is(Command.ALLOW_BUSY)) {
      return null;
    }
    CommandError refusal = refusal();
    if (refusal == null && isBusy) {
      call.await(over, Call.FOR_EVER);
    }
    return refusal;
  }

  @Override
  public Condition over() {
    return over;
  }

  private final Condition over =
      new Condition() {
        @Override
        public void begin(Waiting call) {
          waiting.add(call, true);
          if (!isBusy) {
            waiting.wake(any -> true);
          }
        }

        @Override
        public void end(Waiting call) {
          waiting.remove(call);
        }

        @Override
        public boolean isAskedFor() {
          return false;
        }
      };
}
