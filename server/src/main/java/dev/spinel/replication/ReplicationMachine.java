package dev.spinel.replication;

import dev.spinel.peer.Address;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Everything that replication decides, for one server: `step(now, event) → actions`.
///
/// ```
///                       events                                 actions
///   primary ◄── link ──► Connected, Received, LinkEnded … ──►  ┌ ReplicaSide ┐ ──► Dial, Send, Apply, Load …
///                                                              │   History   │
///   replicas ── links ─► Conf, Psync, ReplicaGone …       ──►  └ PrimarySide ┘ ──► Reply, BeginSync, Stream …
/// ```
///
/// Both halves are one machine, since a replica may have replicas of its own: a full
/// synchronization of this server ends theirs.
///
/// **What it isn't told it doesn't know**: time is a parameter, ids come from a supplier, and how
/// far the stream is from [Offsets]. It never waits. The shell performs the actions of a step in
/// order before the next step; what is to be known of their outcome comes back as an event. A
/// number marks each attempt to connect, so that news of an earlier link changes nothing.
///
/// Belongs to one thread.
public final class ReplicationMachine {
  /// How far the stream is, and whether there is any data.
  public interface Offsets {
    /// The last byte of the stream so far: `master_repl_offset`.
    long last();

    /// The first byte that the backlog still has; `last() + 1` if it has none. Without a backlog
    /// nobody asks.
    long first();

    /// Whether there are no keys.
    boolean isEmpty();

    /// How many keys a database has; -1: all databases together. In a stopped world.
    long keys(int database);
  }

  private final Offsets offsets;
  private final Supplier<String> ids;
  private final History history;
  private final ReplicaSide replicaSide;
  private final PrimarySide primarySide;
  private final PlannedFailover failover;
  private List<ReplicationAction> actions = new ArrayList<>();
  private ReplicationPolicy policy;
  private boolean hasBacklog;
  private long now;

  /// @param ids new replication ids: 40 hexadecimal digits that nobody else has
  public ReplicationMachine(ReplicationPolicy policy, Offsets offsets, Supplier<String> ids) {
    this.policy = policy;
    this.offsets = offsets;
    this.ids = ids;
    this.history = new History(ids.get());
    this.replicaSide = new ReplicaSide(this);
    this.primarySide = new PrimarySide(this);
    this.failover = new PlannedFailover(this);
  }

  /// What follows from an event.
  ///
  /// @param nowMillis never less than in the step before
  public List<ReplicationAction> step(long nowMillis, ReplicationEvent event) {
    now = nowMillis;
    switch (event) {
      case ReplicationEvent.Second _ -> {
        replicaSide.second();
        primarySide.second();
      }
      case ReplicationEvent.PrimaryUnread _ -> replicaSide.unread();
      case ReplicationEvent.Configured changed -> {
        policy = changed.policy();
        replicaSide.configured();
      }
      case ReplicationEvent.Started started -> start(started);
      case ReplicationEvent.PrimaryNamed named -> {
        replicaSide.follow(named.primary());
        if (named.hasOtherData()) {
          replicaSide.hasOtherData();
        }
        if (!named.client().isEmpty()) {
          notice(
              "REPLICAOF "
                  + named.primary()
                  + " enabled (user request from '"
                  + named.client()
                  + "')");
        }
      }
      case ReplicationEvent.PromotionAsked _ -> replicaSide.promote();
      case ReplicationEvent.FailoverAsked asked -> failover.asked(asked);
      case ReplicationEvent.FailoverAborted aborted -> failover.abortAsked(aborted.client());
      case ReplicationEvent.IdDoubted _ -> {
        notice("Changing replication IDs after receiving change-repl-id");
        history.begin(newId());
      }
      case ReplicationEvent.SaveRuns save -> primarySide.saveRuns(save.kind());

      case ReplicationEvent.Connected link -> replicaSide.connected(link.attempt());
      case ReplicationEvent.Received link -> replicaSide.received(link);
      case ReplicationEvent.LinkEnded link -> replicaSide.ended(link.attempt(), link.reason());
      case ReplicationEvent.PayloadFailed failed -> replicaSide.payloadFailed(failed.text());
      case ReplicationEvent.WorldStopped _ -> replicaSide.worldStopped();
      case ReplicationEvent.Loaded _ -> replicaSide.loaded();
      case ReplicationEvent.LoadFailed failed ->
          replicaSide.loadFailed(failed.text(), failed.why(), failed.keptData());
      case ReplicationEvent.Applied applied -> replicaSide.applied(applied.offset());
      case ReplicationEvent.Fsynced fsynced -> replicaSide.fsynced(fsynced.offset());
      case ReplicationEvent.AckAsked _ -> replicaSide.ack();
      case ReplicationEvent.StreamFailed failed -> replicaSide.streamFailed(failed.reason());

      case ReplicationEvent.Conf conf ->
          primarySide.conf(conf.replica(), conf.host(), conf.arguments());
      case ReplicationEvent.Sync sync -> primarySide.sync(sync.replica(), sync.host());
      case ReplicationEvent.Psync psync -> primarySide.psync(psync);
      case ReplicationEvent.ReplicaGone gone -> primarySide.gone(gone.replica());
      case ReplicationEvent.SyncBegan began -> primarySide.syncBegan(began.offset());
      case ReplicationEvent.SyncRefused _ -> primarySide.syncRefused();
      case ReplicationEvent.SyncEnded ended -> primarySide.syncEnded(ended.succeeded());
      case ReplicationEvent.Transferred done -> primarySide.transferred(done.replica());
      case ReplicationEvent.TransferFailed failed ->
          primarySide.transferFailed(failed.replica(), failed.reason());
      case ReplicationEvent.Alive alive -> primarySide.alive(alive.replica());
      case ReplicationEvent.Pending pending -> primarySide.pending(pending);
    }
    failover.look();
    List<ReplicationAction> done = actions;
    actions = new ArrayList<>();
    return done;
  }

  private void start(ReplicationEvent.Started started) {
    Address primary = started.primary();
    boolean known = !started.id().isEmpty();
    replicaSide.startsComplete(started.isComplete());
    if (primary != null) {
      if (known) {
        history.begin(started.id());
        act(new ReplicationAction.SetOffset(started.offset()));
      }
      replicaSide.startWith(primary, known ? started.offset() : -1);
    } else if (known) {
      history.second(started.id(), started.offset());
      act(new ReplicationAction.SetOffset(started.offset()));
      createBacklog();
      primarySide.countsFromNow();
    }
  }

  // ── for the halves ──

  long now() {
    return now;
  }

  /// As Redis compares times: whole seconds.
  long seconds() {
    return now / 1000;
  }

  ReplicationPolicy policy() {
    return policy;
  }

  long offset() {
    return offsets.last();
  }

  long firstKept() {
    return offsets.first();
  }

  boolean isEmpty() {
    return offsets.isEmpty();
  }

  long keys(int database) {
    return offsets.keys(database);
  }

  String newId() {
    return ids.get();
  }

  void act(ReplicationAction action) {
    actions.add(action);
  }

  void notice(String text) {
    act(new ReplicationAction.Log(ReplicationAction.Level.NOTICE, text));
  }

  void warning(String text) {
    act(new ReplicationAction.Log(ReplicationAction.Level.WARNING, text));
  }

  void createBacklog() {
    if (!hasBacklog) {
      hasBacklog = true;
      act(new ReplicationAction.CreateBacklog());
    }
  }

  void freeBacklog() {
    if (hasBacklog) {
      hasBacklog = false;
      act(new ReplicationAction.FreeBacklog());
    }
  }

  // ── for INFO, ROLE and gates ──

  public History history() {
    return history;
  }

  public ReplicaSide replicaSide() {
    return replicaSide;
  }

  public PrimarySide primarySide() {
    return primarySide;
  }

  public PlannedFailover failover() {
    return failover;
  }

  public boolean hasBacklog() {
    return hasBacklog;
  }

  /// The primary that this server follows, or null.
  public @Nullable Address primary() {
    return replicaSide.primary();
  }
}
