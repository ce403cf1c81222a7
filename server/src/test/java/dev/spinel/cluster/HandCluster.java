package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.engine.Dispatcher;
import dev.spinel.server.Fixture;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// A server in a cluster that a test describes in the words of CLUSTER NODES, and describes anew as
/// it likes: nobody else changes it.
public final class HandCluster {
  /// Two seconds and a tick: a primary doesn't serve before.
  private static final long UNTIL_UP_MILLIS = 2_200;

  private final Fixture fixture;
  private final Redirect redirect;
  private final ServedSlots served;
  private volatile @Nullable ClusterView view;

  /// Until when writes are taken, on the scale of the fixture's clock.
  volatile long leaseUntilNanos = Long.MAX_VALUE;

  /// Since when, likewise.
  volatile long leaseSinceNanos;

  /// Before the fixture's first session.
  public HandCluster(Fixture fixture, String... settings) {
    this.fixture = fixture;
    redirect = new Redirect(Config.of(settings), () -> view, this::leaseEnds);
    fixture.server.engine.gates.are(redirect);
    redirect.of(fixture.server.engine);
    served = new ServedSlots(fixture.server.engine, redirect);
  }

  private long leaseEnds() {
    return fixture.server.engine.uncounted.endNanos(leaseSinceNanos, leaseUntilNanos);
  }

  /// What a node knows that has this file and hears of nobody.
  public static ClusterView view(String nodes) {
    return view(nodes, "", 0);
  }

  /// The same of one that takes a slot, as whoever had it has been forgotten.
  ///
  /// @param isOnTheDisk whether `nodes.conf` says that it has taken it
  static ClusterView afterTaking(String nodes, int slot, boolean isOnTheDisk) {
    String id = "d".repeat(40);
    return view(
        nodes, " spinelMoves -|" + id + ",CLAIMING," + id + ",0," + slot, isOnTheDisk ? 2 : 1);
  }

  /// @param saves how often `nodes.conf` can be written
  private static ClusterView view(String nodes, String moves, int saves) {
    String text = nodes.strip() + "\nvars currentEpoch 9 lastVoteEpoch 0" + moves + "\n";
    var machine = new ClusterMachine(ClusterPolicy.usual(7000), new Nowhere());
    var events = new ArrayDeque<ClusterEvent>();
    try {
      events.add(
          new ClusterEvent.Started(
              NodesFile.read(text.getBytes(StandardCharsets.ISO_8859_1)), false));
    } catch (NodesFile.Corrupt e) {
      throw new IllegalArgumentException(e);
    }
    int left = saves;
    long began = 1_000_000;
    for (long now = began; now < began + UNTIL_UP_MILLIS; now += 100) {
      for (ClusterEvent event; (event = events.poll()) != null; ) {
        for (ClusterAction action : machine.step(now, now, event)) {
          if (action instanceof ClusterAction.Save save && left-- > 0) {
            events.add(new ClusterEvent.Saved(save.generation()));
          }
        }
      }
      events.add(new ClusterEvent.Tick());
    }
    return machine.view();
  }

  /// The cluster is such from now on.
  public void show(String nodes) {
    show(view(nodes));
  }

  public void show(ClusterView now) {
    view = now;
    stopped(by -> served.show(now, by));
  }

  /// Clients of these slots wait for the move's end.
  void pause(String move, SlotSet slots) {
    stopped(by -> served.pause(move, slots));
  }

  /// Clients that write to these slots of the move wait; none: they go on.
  void holdWriters(String move, SlotSet slots) {
    stopped(by -> served.holdWriters(move, slots, by));
  }

  /// The move has ended.
  void resume(String move) {
    stopped(by -> served.resume(move, by));
  }

  void renewLease(long untilNanos) {
    leaseUntilNanos = untilNanos;
    redirect.leaseRenewed();
  }

  Redirect redirect() {
    return redirect;
  }

  /// Runs in a stopped world.
  public void stopped(java.util.function.Consumer<Dispatcher> action) {
    try (Dispatcher dispatcher = fixture.server.engine.dispatcher()) {
      dispatcher.turnBegins();
      try {
        fixture
            .server
            .engine
            .keyspace
            .world()
            .stop(dispatcher.seat(), () -> action.accept(dispatcher));
      } finally {
        dispatcher.turnEnds();
      }
    }
  }

  /// A machine's surroundings without anybody.
  static final class Nowhere implements ClusterMachine.World {
    @Override
    public long offset() {
      return 0;
    }

    @Override
    public long primarySilenceMillis() {
      return 0;
    }

    @Override
    public long uncountedMillis(long since) {
      return 0;
    }

    @Override
    public boolean hasCompleteCopy() {
      return true;
    }

    @Override
    public boolean isEmpty() {
      return true;
    }

    @Override
    public int keysIn(int slot) {
      return 0;
    }

    @Override
    public long unsentBytes(long link) {
      return 0;
    }

    @Override
    public int below(int bound) {
      return 0;
    }

    @Override
    public String newId() {
      return "f".repeat(40);
    }
  }
}
