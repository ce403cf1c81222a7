package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Session;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The replication of one server: the shell around its [ReplicationMachine].
///
/// **Threads.** Whoever has news tells it ([#tell]) on its own thread: it takes the machine's lock,
/// has the machine take its step, and performs the actions, each of which is short or a message to
/// the thread that owns what it concerns. Nobody who holds that lock waits for anything.
///
/// Some steps and actions need a stopped world: they change the role, or who reads the journal. If
/// the teller has none, events and actions stay where they are, in order, until one who has comes
/// by.
public final class Replication {
  /// Hears that the role changes. In a stopped world, before the new era begins.
  public interface RoleListener {
    void changed(Dispatcher by, Standing now);
  }

  /// Hears that writes of clients are to wait (FAILOVER), in a stopped world, or to go on, on any
  /// thread.
  public interface PauseListener {
    void paused(boolean on);
  }

  private final Engine engine;
  private final ConfigLog log;
  private final ReplicationMachine machine;
  private final List<RoleListener> roleListeners = new CopyOnWriteArrayList<>();
  private final List<PauseListener> pauseListeners = new CopyOnWriteArrayList<>();
  private final List<Runnable> standingListeners = new CopyOnWriteArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final ArrayDeque<ReplicationEvent> events = new ArrayDeque<>(); // lock
  private boolean isDraining; // lock
  private long lastMillis; // lock
  private volatile Standing standing;

  public Replication(Engine engine, Config config, ConfigLog log) {
    this.engine = engine;
    this.log = log;
    machine =
        new ReplicationMachine(
            ReplicationPolicy.of(config),
            new ReplicationMachine.Offsets() {
              @Override
              public long last() {
                return 0;
              }

              @Override
              public long first() {
                return 1;
              }

              @Override
              public boolean isEmpty() {
                return engine.keyspace.nextUsed(0) < 0;
              }
            },
            Replication::newId);
    standing = Standing.of(machine);
  }

  private static String newId() {
    byte[] id = new byte[20];
    new SecureRandom().nextBytes(id);
    return HexFormat.of().formatHex(id);
  }

  // ── for commands, gates and INFO ──

  /// What there is to see of it. Any thread.
  public Standing standing() {
    return standing;
  }

  /// Something has happened. Any thread, seated or not, under no slot's lock; not in a stopped
  /// world. What is to be said to the client that the event concerns is in its output when this
  /// returns, if this is the client's own thread and the machine needs no stopped world.
  public void tell(ReplicationEvent event) {
    tell(event, null);
  }

  /// The same in a stopped world: all that follows from the event is done when this returns; the
  /// role, ids and gates are the new ones.
  ///
  /// @param stopped whose seat has the world stand still
  public void tell(ReplicationEvent event, @Nullable Dispatcher stopped) {
    lock.lock();
    try {
      events.add(event);
      if (!isDraining) {
        isDraining = true;
        try {
          drain(stopped);
        } finally {
          isDraining = false;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /// Has `listener` told of changes of the role. Before the start.
  public void onRole(RoleListener listener) {
    roleListeners.add(listener);
  }

  /// Has `listener` told of each new [Standing], by whoever brings it about: it does next to
  /// nothing. Before the start.
  public void onStanding(Runnable listener) {
    standingListeners.add(listener);
  }

  /// Has `listener` told when writes are to wait. Before the start.
  public void onPauseWrites(PauseListener listener) {
    pauseListeners.add(listener);
  }

  /// The offset of the stream, all that was appended so far included: what WAIT waits for. Any
  /// thread.
  public long offset() {
    return 0;
  }

  /// The first byte that the backlog still has, or the one behind [#offset] if it has none. Any
  /// thread.
  public long firstKept() {
    return 1;
  }

  /// The offset of the stream behind all that was appended up to a position of the journal, or a
  /// somewhat later one. Any thread.
  public long offsetOf(long position) {
    return offset();
  }

  /// Asks all replicas to acknowledge what they have (REPLCONF GETACK), by the stream. Any thread.
  public void askForAcks() {}

  // ── the machine ──

  private void drain(@Nullable Dispatcher stopped) {
    for (ReplicationEvent event; (event = events.poll()) != null; ) {
      lastMillis = Math.max(lastMillis, engine.clock.millis());
      for (ReplicationAction action : machine.step(lastMillis, event)) {
        perform(action, stopped);
      }
      standing = Standing.of(machine);
      standingListeners.forEach(Runnable::run);
    }
  }

  private void perform(ReplicationAction action, @Nullable Dispatcher stopped) {
    switch (action) {
      case ReplicationAction.Log line ->
          log.log(line.level() == ReplicationAction.Level.WARNING ? '#' : '*', line.text());
      case ReplicationAction.Reply reply -> {
        Session client = engine.session(reply.replica());
        if (client != null) {
          byte[] bytes = reply.text().getBytes(StandardCharsets.ISO_8859_1);
          client.outlet.output().write(bytes, 0, bytes.length);
        }
      }
      case ReplicationAction.PauseWrites pause ->
          pauseListeners.forEach(listener -> listener.paused(pause.paused()));
      case ReplicationAction.Role _ -> {
        if (stopped != null) {
          standing = Standing.of(machine);
          roleListeners.forEach(listener -> listener.changed(stopped, standing));
          engine.newEra();
        }
      }
      default -> {}
    }
  }
}
