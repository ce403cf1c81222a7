package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.wire.Slice;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Sends clients to the node of the cluster that has the slot of their keys, and refuses what can't
/// be served anywhere now: MOVED, ASK, TRYAGAIN, CROSSSLOT, CLUSTERDOWN.
///
/// ```
///   slot        keys here   without ASKING              after ASKING (one command, or MULTI to EXEC)
///   owned                   served
///   migrating   all         served
///               none        ASK: the target has it
///               some        TRYAGAIN
///   importing               MOVED: the owner            served; several keys, not all here: TRYAGAIN
///   another's               MOVED: the owner            MOVED
///   nobody's                CLUSTERDOWN
/// ```
///
/// What it goes by was last shown to it in a stopped world ([ServedSlots]), so it holds until the
/// caller leaves its seat, and where it changes, a new era begins. For a slot that is its own and
/// stays it, a call of one key pays for one byte, its slot's flags. Which keys are there, in a slot
/// that moves, is found out under the slot's lock; and once more when the call is about to run,
/// since MIGRATE may have taken them away in between.
///
/// **Writes** need the lease, too: see [Lease] and [Call#mayWrite].
///
/// What this node's primary sends, and what is loaded from a file, passes unasked.
public final class Redirect implements Gate {
  private static final CommandError CROSS_SLOT =
      CommandError.redirect("CROSSSLOT Keys in request don't hash to the same slot");
  private static final CommandError UNSTABLE =
      CommandError.redirect("TRYAGAIN Multiple keys request during rehashing of slot");
  private static final CommandError DOWN = CommandError.redirect("CLUSTERDOWN The cluster is down");
  private static final CommandError ONLY_READS =
      CommandError.redirect("CLUSTERDOWN The cluster is down and only accepts read commands");
  private static final CommandError UNBOUND =
      CommandError.redirect("CLUSTERDOWN Hash slot not served");

  private static final int MAY_WRITE = Command.WRITE | Command.MAY_REPLICATE;

  private final Config config;
  private final Supplier<@Nullable ClusterView> view;
  private final LongSupplier leaseUntilNanos;
  private @Nullable Slots slots; // before the first session
  private @Nullable Command migrate; // likewise
  private @Nullable Command exec; // likewise
  private @Nullable Clock clock; // likewise

  // Of the cluster, as it was last shown. Stopped world; read by whoever is seated.
  private @Nullable ClusterView shown;
  private boolean serves;

  // Slots whose clients wait while they are handed over.
  private volatile Paused paused = Paused.NOTHING; // written in stopped worlds
  private final Until resumed = new Until(this::isResumed);

  // Slots of a move whose writers wait while too much is to be sent.
  private volatile Held held = Held.NOTHING; // written in stopped worlds
  private final Until released = new Until(() -> held().isEmpty());

  private static final long LEASE_MOST_MILLIS = 1000; // that a write waits for it
  private static final long ENOUGH_NANOS = 10_000_000; // of a lease, for more than a turn

  /// That this node takes writes again, or serves nothing any more.
  private final Until renewed =
      new Until(this::hasLease) {
        @Override
        public void timedOut(Reply reply) {
          reply.error(Objects.requireNonNull(DOWN.getMessage()));
        }
      };

  /// @param view the newest picture, or null: the cluster hasn't started
  /// @param leaseUntilNanos until when this node takes writes, on the scale of [System#nanoTime];
  ///   [Long#MAX_VALUE]: for good
  public Redirect(
      Config config, Supplier<@Nullable ClusterView> view, LongSupplier leaseUntilNanos) {
    this.config = config;
    this.view = view;
    this.leaseUntilNanos = leaseUntilNanos;
  }

  /// Once it is made. From now on it is asked, and refuses everything until the first picture.
  public void of(Engine engine) {
    slots = engine.keyspace.slots();
    migrate = engine.table.declared("migrate");
    exec = engine.exec;
    clock = engine.clock;
    engine.gates.closed(this, true);
  }

  private Clock clock() {
    return Objects.requireNonNull(clock);
  }

  private Slots slots() {
    return Objects.requireNonNull(slots);
  }

  /// Goes by this picture from now on. Stopped world, and a new era begins.
  void show(ClusterView now) {
    shown = now;
    serves = now.isUp() && !now.awaitsTakeover();
    resumed.wake(); // it may say what they wait for
    released.wake();
    renewed.wake();
  }

  @Override
  public Rank rank() {
    return Rank.REDIRECT;
  }

  @Override
  public boolean concerns(Command command) {
    return command.firstKey() != 0 || command.is(Command.MOVABLEKEYS) || command.is(Command.WRITE);
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    Command command = call.command();
    int keys = call.keyCount();
    if (keys == 0 || !serves) {
      return answer(call);
    }
    int slot = call.keySlot(0);
    if ((slots().flags(slot) & Slots.OWNERSHIP) != 0) {
      return answer(call);
    }
    for (int i = 1; i < keys; i++) {
      if (call.keySlot(i) != slot) {
        return CROSS_SLOT;
      }
    }
    return command.is(Command.WRITE) ? refuseWrite(call) : null;
  }

  /// Without a lease a write waits for one: the cluster may be well, and the answers of the others
  /// on their way. If they aren't, a picture says so soon.
  private @Nullable CommandError refuseWrite(Call call) {
    boolean goesOn =
        call.mayWrite(leaseUntilNanos) || serves && call.await(renewed, patienceMillis());
    return goesOn ? null : DOWN;
  }

  private long patienceMillis() {
    return Math.min(LEASE_MOST_MILLIS, config.get(Settings.CLUSTER_NODE_TIMEOUT) / 2);
  }

  private @Nullable CommandError answer(Call call) {
    if (call.command() == exec && !call.session().inMulti()) {
      return null; // it answers with an error of its own
    }
    ClusterView now = shown;
    Route route = new Route();
    call.routes(route);
    if (route.slot < 0) {
      return call.does(Command.WRITE) ? refuseWrite(call) : null;
    }
    if (now == null) {
      return DOWN;
    }
    return answer(call, now, route);
  }

  /// What a call's keys have in common.
  private static final class Route implements Call.Routes {
    int slot = -1;
    boolean crosses; // there are keys of another slot
    boolean several; // there are two different keys
    private Slice first = new Slice();

    @Override
    public boolean route(int of, Slice name) {
      if (slot < 0) {
        slot = of;
        first = new Slice(name.copy());
      } else if (slot != of) {
        crosses = true;
      } else if (!several) {
        several = !first.equals(name);
      }
      return !crosses;
    }
  }

  /// How many of a call's keys are there. The slot's lock.
  private static final class Census implements Call.Routes {
    private final Call call;
    int present;
    int missing;

    Census(Call call) {
      this.call = call;
    }

    @Override
    public boolean route(int of, Slice name) {
      if (call.isThere(name)) {
        present++;
      } else {
        missing++;
      }
      return true;
    }
  }

  /// In the order in which Redis looks.
  private @Nullable CommandError answer(Call call, ClusterView now, Route route) {
    int slot = route.slot;
    NodeView owner = now.owner(slot);
    if (owner == null) {
      return UNBOUND;
    }
    if (route.crosses) {
      return CROSS_SLOT;
    }
    boolean channels = call.command().is(Command.PUBSUB);
    boolean writes = call.does(Command.WRITE);
    CommandError down = serves ? null : refuseWhileDown(channels, writes, now);
    if (down != null) {
      return down;
    }
    byte flags = slots().flags(slot);
    boolean migrates = (flags & Slots.MIGRATING) != 0;
    boolean imports = (flags & Slots.IMPORTING) != 0;
    if ((flags & Slots.MOVING) != 0 && owner.isMyself()) {
      Paused standing = paused;
      boolean isHanded = now.handed().contains(slot);
      boolean isPaused = standing.slots.contains(slot) && !(isHanded && standing.isTooLong);
      if (isPaused || now.unsaved().contains(slot)) {
        return call.await(resumed, Call.FOR_EVER) ? null : UNSTABLE;
      }
      if (isHanded) {
        return UNSTABLE;
      }
      boolean isHeld = call.does(MAY_WRITE) && held.slots.contains(slot);
      if (isHeld && call.await(released, Call.FOR_EVER)) {
        return null; // what can't wait goes on
      }
    }
    if (migrates || imports) {
      call.askAgain(this);
      if (call.command() == migrate) {
        return writes ? refuseWrite(call) : null;
      }
      Census census = new Census(call);
      if (!channels) {
        take(census, call, slot);
      }
      if (migrates && census.missing > 0) {
        NodeView target = now.migratingTo(slot);
        return census.present > 0 || target == null
            ? UNSTABLE
            : to("ASK", slot, target, call.session());
      }
      if (imports && (call.session().isAsking() || call.command().is(Command.ASKING))) {
        if (route.several && census.missing > 0) {
          return UNSTABLE;
        }
        return writes ? refuseWrite(call) : null;
      }
    }
    if ((call.session().readOnly || channels) && !writes && isOfMyPrimary(now, owner)) {
      return null;
    }
    if (!owner.isMyself()) {
      return to("MOVED", slot, owner, call.session());
    }
    return writes ? refuseWrite(call) : null;
  }

  private @Nullable CommandError refuseWhileDown(
      boolean channels, boolean writes, ClusterView now) {
    if (channels) {
      return config.get(Settings.CLUSTER_ALLOW_PUBSUBSHARD_WHEN_DOWN) ? null : DOWN;
    }
    if (!config.get(Settings.CLUSTER_ALLOW_READS_WHEN_DOWN) || now.awaitsTakeover()) {
      return DOWN;
    }
    return writes ? ONLY_READS : null;
  }

  private static void take(Census census, Call call, int slot) {
    Seat seat = call.seat();
    boolean locks = !seat.holds(slot);
    if (locks) {
      seat.lock(slot);
    }
    try {
      call.routes(census);
    } finally {
      if (locks) {
        seat.unlock(slot);
      }
    }
  }

  private static boolean isOfMyPrimary(ClusterView now, NodeView owner) {
    return now.myself().isReplica() && owner.id().equals(now.myself().primary());
  }

  /// With the newest address of the node.
  private CommandError to(String word, int slot, NodeView node, Session to) {
    boolean otherPort = to.outlet.isEncrypted() != config.get(Settings.TLS_CLUSTER);
    ClusterView newest = view.get();
    NodeView known = newest == null ? null : newest.node(node.id());
    NodeView shownNode = known == null ? node : known;
    return CommandError.redirect(
        word + " " + slot + " " + endpoint(shownNode) + ":" + shownNode.port(otherPort));
  }

  /// How clients are told to reach a node, as `cluster-preferred-endpoint-type` wants it.
  public String endpoint(NodeView node) {
    return switch (config.text(Settings.CLUSTER_PREFERRED_ENDPOINT_TYPE)) {
      case "hostname" -> node.hostname().isEmpty() ? "?" : node.hostname();
      case "unknown-endpoint" -> "";
      default -> node.ip();
    };
  }

  // ── slots that are handed over ──

  /// Slots of one move whose clients wait. Nothing that they would write reaches the target any
  /// more, so no clock ends that: only the end of this very move does, or a picture by which the
  /// slots are handed over or another node's.
  ///
  /// @param isTooLong clients of slots that are handed over are asked to come again instead
  private record Paused(String move, SlotSet slots, boolean isTooLong) {
    static final Paused NOTHING = new Paused("", new SlotSet(), false);
  }

  /// Calls for these slots wait. Stopped world.
  void pause(String move, SlotSet slots) {
    paused = new Paused(move, slots.copy(), false);
  }

  SlotSet paused() {
    return paused.slots;
  }

  /// Clients have waited for long enough, if they wait for that move: whoever asks for a slot that
  /// is handed over is asked to come again. Stopped world.
  public void pausedTooLong(String move) {
    Paused standing = paused;
    if (standing.move.equals(move)) {
      paused = new Paused(move, standing.slots, true);
      resumed.wake();
    }
  }

  /// The move has ended. Calls that wait for it are tried again: what they are to go by has been
  /// shown. Returns that if any slots were paused for it. Stopped world.
  @Nullable ClusterView resume(String move) {
    boolean isPaused = paused.move.equals(move);
    boolean isHeld = held.move.equals(move);
    if (isPaused) {
      paused = Paused.NOTHING;
      resumed.wake();
    }
    if (isHeld) {
      holdWriters(move, new SlotSet());
    }
    return isPaused || isHeld ? shown : null;
  }

  /// Slots of one move whose writers wait.
  private record Held(String move, SlotSet slots) {
    static final Held NOTHING = new Held("", new SlotSet());
  }

  /// Calls that write to these slots of the move wait; none: they go on, by the picture that is
  /// returned. What can't wait, as the commands within EXEC or a script that has begun, goes on.
  /// Stopped world.
  @Nullable ClusterView holdWriters(String move, SlotSet slots) {
    held = slots.isEmpty() ? Held.NOTHING : new Held(move, slots.copy());
    if (slots.isEmpty()) {
      released.wake();
    }
    return shown;
  }

  SlotSet held() {
    return held.slots;
  }

  /// Whether no slot is paused any more, and of all that have come here the disk says so.
  private boolean isResumed() {
    ClusterView now = shown;
    return paused.slots.isEmpty() && (now == null || now.unsaved().isEmpty());
  }

  /// That what calls wait for is over. A picture wakes them, too, and some begin to wait again. It
  /// holds nothing of a call, so one is enough.
  private static class Until implements Condition {
    private final Waiters<Boolean> calls = new Waiters<>();
    private final BooleanSupplier isOver;

    Until(BooleanSupplier isOver) {
      this.isOver = isOver;
    }

    void wake() {
      calls.wake(any -> true);
    }

    @Override
    public void begin(Waiting call) {
      calls.add(call, true);
      if (isOver.getAsBoolean()) {
        wake(); // meanwhile
      }
    }

    @Override
    public void end(Waiting call) {
      calls.remove(call);
    }

    @Override
    public boolean isAskedFor() {
      return false;
    }
  }

  // ── writes that wait for a lease ──

  /// The lease has been renewed. Any thread.
  public void leaseRenewed() {
    renewed.wake();
  }

  private boolean hasLease() {
    return leaseUntilNanos.getAsLong() - clock().nanos() > ENOUGH_NANOS;
  }

  // ── commands that a script runs ──

  private static final CommandError SCRIPT_ONLY_READS =
      new CommandError(
          "ERR Script attempted to execute a write command while the cluster is down and readonly");
  private static final CommandError SCRIPT_DOWN =
      new CommandError("ERR Script attempted to execute a command while the cluster is down");
  private static final CommandError SCRIPT_ELSEWHERE =
      new CommandError("ERR Script attempted to access a non local key in a cluster node");

  @Override
  public @Nullable CommandError refuseNested(Call inner) {
    if (inner.keyCount() > 0 && paused.slots.contains(inner.keySlot(0))) {
      return UNSTABLE; // a script can't wait
    }
    CommandError refusal = refuse(inner);
    if (refusal == null) {
      return null;
    }
    return refusal == ONLY_READS
        ? SCRIPT_ONLY_READS
        : refusal == DOWN ? SCRIPT_DOWN : SCRIPT_ELSEWHERE;
  }

  // ── calls that wait ──

  /// Why a call that waits for a key is to wait no more, or null. Stopped world.
  @Nullable CommandError endWait(Waiting waiting) {
    ClusterView now = Objects.requireNonNull(shown);
    if (!now.isUp()) {
      return DOWN; // also where reads are allowed: the write that would end the wait isn't
    }
    int slot = waiting.slot();
    NodeView owner = now.owner(slot);
    Session session = waiting.session();
    boolean reads = session.readOnly && !waiting.command().is(Command.WRITE);
    if (owner != null && (owner.isMyself() || reads && isOfMyPrimary(now, owner))
        || (slots().flags(slot) & Slots.IMPORTING) != 0) {
      return null;
    }
    return owner == null ? UNBOUND : to("MOVED", slot, owner, session);
  }
}
