package dev.spinel.engine;

import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Seat;
import dev.spinel.wire.Args;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Commands that a call runs within itself: what a script says with `redis.call`. One per
/// dispatcher, used by one call at a time.
///
/// ```java
/// inner.begin(call);
/// try {
///   inner.prepare(command, args);
///   if (inner.refusal(Gate.Rank.READONLY) == null && inner.reaches()) {
///     inner.run();              // its reply is in inner.output()
///   }
/// } finally {
///   inner.end();
/// }
/// ```
///
/// An inner command runs at once, under the locks that the outer call holds, at the outer call's
/// time, and never waits. What all of them did is one record of the journal, that of the outer
/// call; who waits for their keys is served when the outer call is through.
///
/// **Keys that the outer call didn't name** (`reaches`): as long as nothing has been done that
/// can't be done twice, the outer call begins anew, in a stopped world ([Restart]). After that it
/// takes the locks that it lacks out of order ([OutOfOrder]).
///
/// Belongs to the dispatcher's thread.
public final class InnerCalls {
  /// The outer call has to begin anew, as it needs a stopped world. It passes through the script up
  /// to the outer call's handler, which calls [Call#startAgain] and returns.
  public static final class Restart extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final Restart NOW = new Restart();

    private Restart() {
      super("a script touches keys that its call doesn't name", null, false, false);
    }
  }

  private static final CommandError UNREACHABLE =
      new CommandError(
          "ERR the script has changed data, and touches a key that its call doesn't name and that"
              + " another such script holds");
  private static final CommandError NOT_ALONE =
      new CommandError(
          "ERR the script has changed data, and can't do this any more, as it touches keys that its"
              + " call doesn't name");

  /// What can't be done twice.
  private static final int ACTS = Command.WRITE | Command.MAY_REPLICATE | Command.PUBSUB;

  private final Dispatcher dispatcher;
  private final Engine engine;
  private final LockSet locks;
  private final Call inner;
  private final Session session;
  private final Output output;
  private final Reply reply;
  private @Nullable Call outer;
  private int audiences = Journal.ALL;
  private boolean hasActed;
  private boolean hasWritten;
  private boolean hasStrayed;

  InnerCalls(Dispatcher dispatcher, LockSet locks) {
    this.dispatcher = dispatcher;
    this.engine = dispatcher.engine;
    this.locks = locks;
    this.inner = new Call(dispatcher, engine, dispatcher.seat());
    this.output = new Output(new OutputPool(new HeapChunks(dispatcher.seat())));
    this.reply = new Reply(output);
    this.session = new Session(0, new Inside(), null, engine.gates, engine.heap, 0);
    session.authenticated = true;
  }

  /// Commands are from now on part of this call.
  public void begin(Call call) {
    assert outer == null : "a script runs another one";
    Session caller = call.session;
    outer = call;
    hasActed = false;
    hasWritten = false;
    hasStrayed = false;
    audiences = Journal.ALL;
    session.caller = caller;
    session.database = call.database;
    session.protocol = 2;
    session.user = caller.user;
    session.gated = caller.gated;
    session.noTouch = caller.noTouch;
    session.readOnly = caller.readOnly;
    session.asking(caller.isAsking());
    session.closing = false;
  }

  /// The call is through.
  public void end() {
    inner.end();
    Dispatcher.empty(output);
    if (outer != null && session.closing) {
      outer.session.closing = true;
    }
    session.caller = null;
    outer = null;
  }

  /// The call that runs these.
  private Call outer() {
    return Objects.requireNonNull(outer);
  }

  /// Replies have this form from now on: 2 or 3.
  public void protocol(int version) {
    session.protocol = version;
  }

  public int protocol() {
    return session.protocol;
  }

  /// Only these of [Journal]'s audiences are told of what the commands do from now on.
  public void audiences(int bits) {
    audiences = bits;
  }

  /// Whether one of the commands was one that may change data.
  public boolean hasWritten() {
    return hasWritten;
  }

  // ── one command ──

  /// This is the next command. Errors: the Java heap has no room for its keys.
  ///
  /// @param args which stay as they are until the outer call ends, if they are long
  public void prepare(Command command, Args args) {
    inner.before = null;
    inner.inMulti = true;
    inner.beginWithoutWaiting(session, command, args, outer().now);
    inner.audiences(audiences);
    if (!dispatcher.collectKeys(inner, command, args)) {
      throw Session.NO_HEAP;
    }
    if (command.is(Command.MAKES_KEYS) && Dispatcher.hasTooLongKey(inner)) {
      throw Dispatcher.TOO_LONG_KEY;
    }
  }

  /// The keys of the command that was prepared.
  public List<byte[]> keys() {
    List<byte[]> keys = new ArrayList<>();
    for (int i = 0; i < inner.keyCount; i++) {
      keys.add(inner.args.at(inner.keyPositions[i]).copy());
    }
    return keys;
  }

  /// Whether it may touch keys that it doesn't name.
  public boolean roams() {
    return inner.keyCount == 0 || needsWorld();
  }

  /// The database of the commands that follow.
  public void database(int number) {
    session.database = number;
  }

  public int database() {
    return session.database;
  }

  /// Runs a command that isn't the outer call's: nothing is counted or remembered of it. In a
  /// stopped world.
  public void runAside(byte[]... words) {
    assert dispatcher.seat().stopsWorld() : "what is locked isn't known";
    Args args = Args.of(words);
    Command command = engine.table.lookup(args);
    prepare(Objects.requireNonNull(command), args);
    run();
  }

  /// Why the gate of this rank refuses the command, null if it doesn't. Gates have nothing to say
  /// to what a primary or a file says.
  public @Nullable CommandError refusal(Gate.Rank rank) {
    return outer().session.isTrusted() ? null : engine.gates.refusal(rank, inner);
  }

  /// Why the command may not run within another one, on this node of a cluster; null if it may.
  /// Everything is locked that it touches.
  public @Nullable CommandError nestedRefusal() {
    return outer().session.isTrusted() ? null : engine.gates.nestedRefusal(inner);
  }

  /// The slot of the command's first key; -1 if it has none.
  public int slot() {
    return inner.keyCount == 0 ? -1 : inner.keySlots[0];
  }

  /// A command was refused, for this reason.
  public void refused(@Nullable Command command, String code) {
    if (command != null) {
      dispatcher.statistics.rejected[command.index]++;
    }
    engine.countError(code);
  }

  /// Sees to it that everything is locked that the command touches. Errors: it can't be, after what
  /// has been done already. [Restart]: the outer call has to begin anew.
  public void lock() {
    Seat seat = dispatcher.seat();
    Command command = inner.command;
    if (seat.stopsWorld()) {
      locks.touch(inner);
      hasStrayed = hasStrayed || needsWorld() || !keepsToCall();
    } else if (needsWorld() || !holdsKeys(seat)) {
      hasStrayed = true;
      if (!hasActed) {
        throw Restart.NOW;
      }
      if (needsWorld()) {
        throw NOT_ALONE;
      }
      if (!reachKeys()) {
        throw UNREACHABLE;
      }
    }
    hasActed |= (command.flags() & ACTS) != 0;
    hasWritten |= command.is(Command.WRITE);
  }

  /// Whether the command needs more than the locks of keys.
  private boolean needsWorld() {
    return inner.command.isGlobal(inner.args) || inner.command.is(Command.SWEEPS);
  }

  /// Whether all keys are of slots that the outer call names.
  private boolean keepsToCall() {
    Call named = outer();
    for (int i = 0; i < inner.keyCount; i++) {
      boolean isNamed = false;
      for (int j = 0; j < named.keyCount && !isNamed; j++) {
        isNamed = named.keySlots[j] == inner.keySlots[i];
      }
      if (!isNamed) {
        return false;
      }
    }
    return true;
  }

  /// Whether some command touched keys of other slots than those of the keys that the outer call
  /// names.
  public boolean hasStrayed() {
    return hasStrayed;
  }

  private boolean holdsKeys(Seat seat) {
    for (int i = 0; i < inner.keyCount; i++) {
      if (!seat.holds(inner.keySlots[i])) {
        return false;
      }
    }
    return true;
  }

  private boolean reachKeys() {
    for (int i = 0; i < inner.keyCount; i++) {
      if (!locks.extend(inner.keySlots[i])) {
        return false;
      }
    }
    if (!inner.command.is(Command.WAKES)) {
      return true;
    }
    int[] own = Arrays.copyOf(inner.keySlots, inner.keyCount);
    own = Arrays.copyOf(own, LockSet.sorted(own, own.length));
    LockSet.Written written = this::tellAwaited;
    int[] needed = engine.parking.closeOver(own, written, Integer.MAX_VALUE);
    for (int i = 0; needed != null && i < needed.length; i++) {
      if (!locks.extend(needed[i])) {
        return false;
      }
    }
    return true;
  }

  private void tellAwaited(Consumer<Slice> to) {
    dispatcher.awaited(inner, inner.args, to);
  }

  /// Runs it. Its reply is in [#output] then, alone.
  public void run() {
    Dispatcher.empty(output);
    reply.to(output, session.protocol);
    if (inner.command.is(Command.DENYOOM) && !session.isTrusted()) {
      dispatcher.makeRoomNow(0); // a script that has begun is never refused for want of it
    }
    dispatcher.run(inner, reply);
    dispatcher.gather(inner);
    dispatcher.recorder.effects.mark(); // stays, whatever comes of the outer call
    if (engine.onlooker != null) {
      dispatcher.show(session, inner.command, inner.args);
    }
  }

  /// The reply to the command that ran last.
  public Output output() {
    return output;
  }

  /// What a handler sees of a client that is none.
  private final class Inside implements Outlet {
    @Override
    public Output output() {
      return output;
    }

    @Override
    public void post(Runnable message) {
      outer().session.outlet.post(message);
    }

    @Override
    public Inbox inbox() {
      return outer().session.outlet.inbox();
    }

    @Override
    public void flush() {}

    @Override
    public void resume() {}

    @Override
    public Runnable after(long delayMillis, Runnable action) {
      throw new IllegalStateException("what a script runs never waits");
    }

    @Override
    public void closeAfterReply() {}

    @Override
    public void kill() {}

    @Override
    public LargeSink large() {
      return dispatcher.seat().values.large();
    }

    @Override
    public String address() {
      return "lua";
    }

    @Override
    public String localAddress() {
      return outer().session.outlet.localAddress();
    }
  }
}
