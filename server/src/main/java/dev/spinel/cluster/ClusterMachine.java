package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Header;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Everything that a node of a cluster decides: `step(now, wall, event) → actions`.
///
/// ```
///                     events                                                 actions
///   other nodes ◄─ bus ─► Accepted, Received … ─► ┌ BusLinks    who is connected          ┐ ─► Dial, Send, Close
///                                                 │ Heartbeats  PING, PONG, gossip        │
///   clients ────────────► Asked ────────────────► │ Failures    who has failed            │ ─► Reply
///                                                 │ News        what all are told at once │
///                                                 │ Elections   a replica wants votes     │ ─► Follow, Promote
///   the clock ──────────► Tick ─────────────────► │ Votes       a primary gives one       │
///                                                 │ Lease       how long it takes writes  │ ─► Lease
///   the disk ───────────► Saved ────────────────► │ Health      is the cluster up         │ ─► Save
///   streams of slots ───► MoveReady … ──────────► │ SlotMoves   slots that move whole     │ ─► Import, PauseMove …
///                                                 └ Nodes and SlotMap: what is known      ┘
/// ```
///
/// **What it isn't told it doesn't know.** Time is a parameter: `now` goes on evenly and never
/// back, and decides everything; `wall` is what the clock on the wall shows, and is only shown to
/// people and gossiped. Chance, keys and offsets come from [World]. It never waits. The shell
/// performs the actions of a step in order before the next step.
///
/// **What must be on the disk first.** A vote, and an announcement of a new configuration, leave
/// only once [ClusterEvent.Saved] has said that they are kept: see [#whenSaved] and
/// [#holdUntilSaved].
///
/// Belongs to one thread.
public final class ClusterMachine {
  /// What the machine asks of its surroundings.
  public interface World {
    /// Of replication: what this node has written as a primary, or processed as a replica.
    long offset();

    /// How long nothing has come from the primary.
    long primarySilenceMillis();

    /// How many milliseconds went by since then, a moment of the steps' clock, that this clock
    /// didn't count, as the system slept.
    long uncountedMillis(long since);

    /// Whether this node's data is whole: no synchronization has begun that hasn't ended.
    boolean hasCompleteCopy();

    /// Whether this replica has all of its primary's data but the end of its stream, which it
    /// reads.
    default boolean isFollowing() {
      return true;
    }

    /// Whether there are no keys.
    boolean isEmpty();

    int keysIn(int slot);

    /// Grows whenever all data goes (FLUSHALL), before it does.
    default long flushes() {
      return 0;
    }

    /// Bytes that wait on a link.
    long unsentBytes(long link);

    /// A number from 0 on, below the bound.
    int below(int bound);

    /// 40 hexadecimal digits that nobody else has.
    String newId();
  }

  private static final long SYNC_LATER_MILLIS = 1000;

  private record AfterSave(long generation, Runnable action) {}

  private final World world;
  private final Nodes nodes;
  private final SlotMap slots;
  private final BusLinks links;
  private final Heartbeats heartbeats;
  private final News news;
  private final Failures failures;
  private final Elections elections;
  private final Votes votes;
  private final ManualFailover manual;
  private final ReplicaMigration migration;
  private final Health health;
  private final Lease lease;
  private final Rejoining rejoining;
  private final SlotMoves moves;
  private final ClusterCommands commands;

  private ClusterPolicy policy;
  private ClusterNode myself;
  private long now;
  private long wall;
  private long started;
  private long currentEpoch;
  private long lastVoteEpoch;
  private @Nullable String followed; // host:port that replication was told
  private boolean hasOtherData; // than the primary, and replication hasn't noted that on the disk
  private long disowned; // how often that was so

  private List<ClusterAction> actions = new ArrayList<>();
  private boolean ticks;
  private boolean saves;
  private boolean savesDurably;
  private boolean savesWithTick;
  private long syncDue = Long.MAX_VALUE; // when what was written is to be on the disk for good
  private long syncAt = Long.MAX_VALUE; // once this generation is written
  private boolean isSaving; // one at a time: what happens meanwhile is in the next
  private long generation;
  private long written; // generation
  private final ArrayDeque<AfterSave> afterSave = new ArrayDeque<>();
  private final List<ClusterAction> held = new ArrayList<>();
  private long heldUntil; // generation; 0: nothing is held

  private boolean changed = true;
  private long viewedAt = Long.MIN_VALUE;
  private @Nullable ClusterView view;

  public ClusterMachine(ClusterPolicy policy, World world) {
    this.policy = policy;
    this.world = world;
    this.nodes = new Nodes(this);
    this.slots = new SlotMap(this);
    this.links = new BusLinks(this);
    this.heartbeats = new Heartbeats(this);
    this.news = new News(this);
    this.failures = new Failures(this);
    this.elections = new Elections(this);
    this.votes = new Votes(this);
    this.manual = new ManualFailover(this);
    this.migration = new ReplicaMigration(this);
    this.health = new Health(this);
    this.lease = new Lease(this);
    this.rejoining = new Rejoining(this);
    this.moves = new SlotMoves(this);
    this.commands = new ClusterCommands(this);
    this.myself =
        new ClusterNode("", "", NodeFlags.MYSELF | NodeFlags.PRIMARY, 0); // until it starts
  }

  /// What follows from an event.
  ///
  /// @param nowMillis of an even clock: never less than in the step before
  /// @param wallMillis since 1970
  public List<ClusterAction> step(long nowMillis, long wallMillis, ClusterEvent event) {
    now = nowMillis;
    wall = wallMillis;
    switch (event) {
      case ClusterEvent.Tick _ -> tick();
      case ClusterEvent.Started begin -> start(begin.file(), begin.dataMissing());
      case ClusterEvent.Configured configured -> configure(configured.policy());

      case ClusterEvent.Accepted link -> links.accepted(link);
      case ClusterEvent.Connected link -> links.connected(link);
      case ClusterEvent.LinkEnded link -> links.ended(link.link(), link.reason());
      case ClusterEvent.Received received -> links.received(received.link(), received.message());
      case ClusterEvent.Unusable unusable -> links.unusable(unusable.link(), unusable.words());

      case ClusterEvent.Saved saved -> saved(saved.generation());
      case ClusterEvent.PrimaryLinkLost _ -> elections.primaryLinkLost();
      case ClusterEvent.Applied _ -> {}
      case ClusterEvent.Disowned noted -> disowned(noted.number());
      case ClusterEvent.WritesPaused paused -> manual.paused(paused.pause());
      case ClusterEvent.Asked asked -> commands.asked(asked.client(), asked.arguments());
      case ClusterEvent.Publish publish -> heartbeats.publish(publish);
      case ClusterEvent.Loaded _ -> slots.compareWithKeys();
      case ClusterEvent.MoveReady ready -> moves.ready(ready.move());
      case ClusterEvent.MovePaused paused -> moves.paused(paused.move(), paused.total());
      case ClusterEvent.MoveStaged staged -> moves.staged(staged.move(), staged.offset());
      case ClusterEvent.MoveFailed failed -> moves.failed(failed.move(), failed.reason());
      case ClusterEvent.Purged purged -> moves.purged(purged.slots());
      case ClusterEvent.Silenced silenced -> {
        links.silence(silenced.silent());
        heartbeats.broadcastPong(false); // for all that it was asked meanwhile
      }
    }
    endOfStep();
    List<ClusterAction> done = actions;
    actions = new ArrayList<>();
    return done;
  }

  private void tick() {
    ticks = true;
    links.tick();
    heartbeats.tick();
    news.tick();
    failures.tick();
    rejoining.tick();
    slots.leaveReplica();
    followPrimary();
    manual.tick();
    votes.tick();
    moves.tick();
    if (myself.isReplica()) {
      migration.tick();
    }
    health.tick();
  }

  private void endOfStep() {
    manual.look();
    elections.look();
    failures.endOfStep();
    news.endOfStep();
    commands.endOfStep();
    health.look();
    lease.look();
    moves.endOfStep();
    slots.endOfStep();
    boolean isTick = ticks;
    ticks = false;
    if (isTick && savesWithTick) {
      save();
    }
    if (isTick && now > syncDue) {
      syncDue = Long.MAX_VALUE;
      syncAt = saves ? generation + 1 : generation;
    }
    if (saves && !isSaving) {
      isSaving = true;
      savesWithTick = false;
      if (savesDurably) {
        syncDue = Long.MAX_VALUE;
        syncAt = Long.MAX_VALUE;
      }
      generation++;
      actions.add(new ClusterAction.Save(generation, contents(), savesDurably));
      saves = false;
      savesDurably = false;
    }
    if (syncAt <= written) {
      syncAt = Long.MAX_VALUE;
      actions.add(new ClusterAction.Sync());
    }
  }

  // ── starting ──

  private void start(NodesFile.@Nullable Contents file, boolean dataMissing) {
    started = now;
    if (file == null) {
      myself = nodes.create(world.newId(), NodeFlags.MYSELF | NodeFlags.PRIMARY);
      notice("No cluster configuration found, I'm " + myself.id);
      saveDurably();
    } else {
      load(file);
      notice("Node configuration loaded, I'm " + myself.id);
    }
    configure(policy);
    votes.started();
    health.started(dataMissing);
    rejoining.started();
  }

  private void load(NodesFile.Contents file) {
    currentEpoch = file.currentEpoch();
    lastVoteEpoch = file.lastVoteEpoch();
    elections.load(file.wonEpoch());
    hasOtherData = file.otherData();
    for (NodeView line : file.nodes()) {
      ClusterNode node = known(line.id());
      node.flags = line.flags();
      node.ip = line.ip();
      node.port = line.port();
      node.otherPort = line.otherPort();
      node.busPort = line.busPort();
      node.hostname = line.hostname();
      node.humanName = line.humanName();
      node.configEpoch = line.configEpoch();
      node.failTime = node.hasFailed() ? now : 0;
      if (!line.shard().isEmpty()) {
        node.shard = line.shard();
      }
      if (line.isMyself()) {
        myself = node;
      } else {
        node.pingSent = line.pingSent() == 0 ? 0 : now;
      }
    }
    for (NodeView line : file.nodes()) {
      ClusterNode node = known(line.id());
      if (!line.primary().isEmpty()) {
        nodes.setPrimary(node, known(line.primary()));
        if (line.shard().isEmpty()) {
          node.shard = known(line.primary()).shard;
        }
      }
      for (int slot = line.slots().next(0); slot >= 0; slot = line.slots().next(slot + 1)) {
        slots.give(node, slot);
      }
    }
    file.migrating().forEach((slot, id) -> slots.migrating().put(slot, known(id)));
    file.importing().forEach((slot, id) -> slots.importing().put(slot, known(id)));
    moves.load(file.moves());
  }

  /// The node with this id; one of which nothing else is known if there is no such line.
  private ClusterNode known(String id) {
    ClusterNode node = nodes.get(id);
    return node != null ? node : nodes.create(id, NodeFlags.NOADDR);
  }

  private void configure(ClusterPolicy changed) {
    ClusterPolicy before = policy;
    policy = changed;
    changed(); // ports and address are shown at once, and told with the next heartbeat
    myself.port = changed.port();
    myself.otherPort = changed.otherPort();
    myself.busPort = changed.busPort();
    if (!changed.announcedIp().isEmpty()) {
      myself.ip = changed.announcedIp();
    }
    int flags = myself.flags;
    myself.clear(NodeFlags.NOFAILOVER);
    if (changed.neverPromote()) {
      myself.set(NodeFlags.NOFAILOVER);
    }
    if (flags != myself.flags
        || !myself.hostname.equals(changed.hostname())
        || !myself.humanName.equals(changed.humanName())) {
      myself.hostname = changed.hostname();
      myself.humanName = changed.humanName();
      save();
    }
    if (!changed.announcesSameAs(before)) {
      news.aboutMyself();
    }
    health.lookAgain();
  }

  // ── what is known ──

  long now() {
    return now;
  }

  long wall() {
    return wall;
  }

  /// The time of a step as the clock on the wall showed it; 0 stays 0.
  long onTheWall(long time) {
    return time == 0 ? 0 : time + wall - now;
  }

  /// Whether this step is a tick: what goes on for long is logged then.
  boolean ticks() {
    return ticks;
  }

  long started() {
    return started;
  }

  ClusterPolicy policy() {
    return policy;
  }

  World world() {
    return world;
  }

  ClusterNode myself() {
    return myself;
  }

  long currentEpoch() {
    return currentEpoch;
  }

  /// A message with a newer epoch has come.
  void sawEpoch(long epoch) {
    if (Long.compareUnsigned(epoch, currentEpoch) > 0) {
      currentEpoch = epoch;
    }
  }

  long nextEpoch() {
    return ++currentEpoch;
  }

  /// Takes a configuration epoch that nobody has agreed to, unless this node has the greatest of
  /// all. Collisions end by themselves. Returns whether it took one.
  boolean bumpEpoch() {
    if (myself.configEpoch != 0 && myself.configEpoch == nodes.highestEpoch()) {
      return false;
    }
    myself.configEpoch = nextEpoch();
    elections.tookEpoch();
    holdUntilSaved();
    notice("New configEpoch set to " + Long.toUnsignedString(myself.configEpoch));
    return true;
  }

  void setCurrentEpoch(long epoch) {
    currentEpoch = epoch;
  }

  long lastVoteEpoch() {
    return lastVoteEpoch;
  }

  void setLastVoteEpoch(long epoch) {
    lastVoteEpoch = epoch;
  }

  Nodes nodes() {
    return nodes;
  }

  SlotMap slots() {
    return slots;
  }

  BusLinks links() {
    return links;
  }

  Heartbeats heartbeats() {
    return heartbeats;
  }

  News news() {
    return news;
  }

  Failures failures() {
    return failures;
  }

  Elections elections() {
    return elections;
  }

  Votes votes() {
    return votes;
  }

  ManualFailover manual() {
    return manual;
  }

  Health health() {
    return health;
  }

  Lease lease() {
    return lease;
  }

  Rejoining rejoining() {
    return rejoining;
  }

  SlotMoves moves() {
    return moves;
  }

  // ── what is done ──

  void act(ClusterAction action) {
    if (heldUntil != 0 && isHeld(action)) {
      held.add(action);
    } else {
      actions.add(action);
    }
  }

  private static boolean isHeld(ClusterAction action) {
    return action instanceof ClusterAction.Send
        || action instanceof ClusterAction.Reply
        || action instanceof ClusterAction.Promote
        || action instanceof ClusterAction.Follow
        || action instanceof ClusterAction.PauseWrites;
  }

  void log(ClusterAction.Level level, String text) {
    actions.add(new ClusterAction.Log(level, text));
  }

  void verbose(String text) {
    log(ClusterAction.Level.VERBOSE, text);
  }

  void notice(String text) {
    log(ClusterAction.Level.NOTICE, text);
  }

  void warning(String text) {
    log(ClusterAction.Level.WARNING, text);
  }

  void reply(long client, String text) {
    act(new ClusterAction.Reply(client, text));
  }

  /// Replies once `nodes.conf` is written, though a loss of power may still undo it.
  void replyWhenSaved(long client, String text) {
    save();
    afterSave.add(new AfterSave(generation + 1, () -> reply(client, text)));
  }

  void setMyself(String id, String shard) {
    nodes.rename(myself, id);
    myself.shard = shard;
    changed();
  }

  /// `nodes.conf` is to be written at the end of this step, or once it has been written as it was.
  void save() {
    saves = true;
    changed();
  }

  void saveDurably() {
    savesDurably = true;
    save();
  }

  /// It is written now, and brought to the disk for good from the next tick on, while other changes
  /// are written. So a cluster that is resharded slot by slot doesn't wait for a disk.
  void saveAndSyncSoon() {
    syncDue = Math.min(syncDue, now);
    save();
  }

  /// What others know better, and tell again if this node forgets it. It is written with the next
  /// tick, as if it had come so much later: else each slot that moves anywhere would be a file
  /// here. It is on the disk for good a second later: long after them ([#saveAndSyncSoon]), so it
  /// is never the only thing that is left of a change.
  void saveAndSyncLater() {
    syncDue = Math.min(syncDue, now + SYNC_LATER_MILLIS);
    savesWithTick = true;
    changed();
  }

  /// Runs once everything that has happened up to now is on the disk.
  void whenSaved(Runnable action) {
    saveDurably();
    afterSave.add(new AfterSave(generation + 1, action));
  }

  /// From here on nothing leaves this node until everything that has happened up to now is on the
  /// disk: a configuration that nobody else has may be forgotten, one that others have may not.
  void holdUntilSaved() {
    saveDurably();
    heldUntil = generation + 1;
  }

  /// From here on nothing leaves this node until that is written, which the end of this process
  /// doesn't undo.
  void holdUntilWritten() {
    save();
    heldUntil = generation + 1;
  }

  private void saved(long which) {
    written = Math.max(written, which);
    isSaving &= which < generation;
    for (AfterSave next;
        (next = afterSave.peek()) != null && next.generation <= which;
        afterSave.remove()) {
      next.action.run();
    }
    if (heldUntil != 0 && which >= heldUntil) {
      heldUntil = 0;
      actions.addAll(held);
      held.clear();
    }
  }

  /// All slots of this node, or of its primary, are this one's now.
  void followNewOwner(ClusterNode owner) {
    notice("Configuration change detected. Reconfiguring myself as a replica of " + owner.named());
    follow(owner);
  }

  /// This node follows a primary from now on.
  void follow(ClusterNode primary) {
    assert primary != myself;
    if (myself.isPrimary()) {
      assert myself.slots.isEmpty();
      myself.clear(NodeFlags.PRIMARY | NodeFlags.MIGRATE_TO);
      myself.set(NodeFlags.REPLICA);
      slots.closeAll();
    }
    if (!myself.shard.equals(primary.shard)) {
      hasOtherData = true;
      disowned++;
    }
    nodes.setPrimary(myself, primary);
    nodes.setShard(myself, primary.shard);
    followed = null;
    moves.demoted();
    followPrimary();
    manual.reset();
    elections.reset();
    elections.tookEpoch();
    heartbeats.broadcastPong(false); // in a large cluster two nodes may not talk for minutes
  }

  /// Whether this node's data is that of another shard than the one that it belongs to now, which
  /// replication hasn't noted on the disk yet: it may be that the new primary's address isn't
  /// known. `nodes.conf` says it as long, so that no restart takes that data for a copy.
  boolean hasOtherData() {
    return hasOtherData;
  }

  /// Tells replication where the primary is, if that isn't what it was told.
  void followPrimary() {
    ClusterNode primary = myself.primary;
    if (myself.isReplica() && primary != null && !primary.ip.isEmpty()) {
      String address = primary.ip + ":" + primary.port;
      if (!address.equals(followed)) {
        followed = address;
        act(new ClusterAction.Follow(primary.ip, primary.port, hasOtherData, disowned));
      }
    }
  }

  private void disowned(long number) {
    if (hasOtherData && number == disowned) {
      hasOtherData = false;
      saveAndSyncSoon();
    }
  }

  /// This node is a primary from now on.
  void becomePrimary() {
    nodes.promote(myself);
    followed = null;
    hasOtherData = false; // what it has is the shard's
    act(new ClusterAction.Promote());
  }

  /// What every message says of this node.
  Header header(BusType type) {
    return header(type, currentEpoch, false, false, 0);
  }

  Header header(BusType type, long epoch, boolean forced, boolean withoutLease, int pingNumber) {
    ClusterNode primary = myself.primary;
    ClusterNode speaksFor = myself.isReplica() && primary != null ? primary : myself;
    return new Header(
        type,
        policy.port(),
        epoch,
        speaksFor.configEpoch,
        world.offset(),
        myself.id,
        moves.claimed(speaksFor.slots),
        primary == null ? "" : primary.id,
        policy.announcedIp(),
        policy.otherPort(),
        policy.busPort(),
        myself.flags,
        !health.isUp(),
        myself.isPrimary() && manual.isPaused(),
        forced,
        withoutLease,
        pingNumber);
  }

  // ── what others see ──

  /// Something that clients see is different.
  void changed() {
    changed = true;
    lease.lookAgain();
  }

  /// The picture for commands and gates. The same one as before if nothing has changed; what
  /// changes with each heartbeat is renewed now and then.
  public ClusterView view() {
    ClusterView current = view;
    if (current == null || changed || now - viewedAt >= Math.max(100, nodes.size())) {
      changed = false;
      viewedAt = now;
      current = ClusterView.of(this);
      view = current;
    }
    return current;
  }

  /// Whether [ClusterEvent.Applied] is wanted: a manual failover waits for an offset.
  public boolean awaitsOffset() {
    return manual.awaitsOffset() || moves.awaitsOffset();
  }

  /// Until when this node takes writes: see [ClusterAction.Lease].
  public long leaseUntil() {
    return lease.until();
  }

  NodesFile.Contents contents() {
    List<NodeView> lines = new ArrayList<>(nodes.size());
    for (ClusterNode node : nodes.all()) {
      if (!node.isHandshake()) {
        lines.add(describe(node));
      }
    }
    return new NodesFile.Contents(
        lines,
        ids(slots.migrating()),
        ids(slots.importing()),
        currentEpoch,
        lastVoteEpoch,
        elections.wonEpoch(),
        hasOtherData,
        moves.contents());
  }

  static SortedMap<Integer, String> ids(SortedMap<Integer, ClusterNode> nodes) {
    SortedMap<Integer, String> ids = new TreeMap<>();
    nodes.forEach((slot, node) -> ids.put(slot, node.id));
    return ids;
  }

  NodeView describe(ClusterNode node) {
    ClusterNode primary = node.primary;
    boolean mine = node == myself;
    return new NodeView(
        node.id,
        node.ip,
        node.port,
        node.busPort,
        node.hostname,
        node.humanName,
        node.otherPort,
        node.shard,
        node.flags,
        primary == null ? "" : primary.id,
        onTheWall(node.pingSent),
        onTheWall(node.pongReceived),
        node.isReplica() && primary != null ? primary.configEpoch : node.configEpoch,
        mine || node.linkStands,
        node.slots.copy(),
        mine ? world.offset() : node.offset);
  }
}
