package dev.spinel.server;

import dev.spinel.cluster.Cluster;
import dev.spinel.engine.CommandError;
import dev.spinel.keyspace.Seat;
import dev.spinel.observe.Host;
import dev.spinel.persist.Persistence;
import dev.spinel.replication.Replication;
import dev.spinel.replication.ReplicationEvent;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What commands may do to the server around the engine.
final class ServerHost implements Host {
  private final Log log;
  private final Stop stop;
  private final Supplier<Persistence> persistence;
  private final Supplier<Replication> replication;
  private final Consumer<Boolean> paused;
  private final LongConsumer sleeps;
  private final Supplier<@Nullable Cluster> cluster;

  /// @param persistence asked once commands run
  /// @param replication likewise
  /// @param paused told whether the server's cron is
  /// @param sleeps told for how many milliseconds the data is going to stand still
  /// @param cluster asked once commands run
  ServerHost(
      Log log,
      Stop stop,
      Supplier<Persistence> persistence,
      Supplier<Replication> replication,
      Consumer<Boolean> paused,
      LongConsumer sleeps,
      Supplier<@Nullable Cluster> cluster) {
    this.cluster = cluster;
    this.sleeps = sleeps;
    this.replication = replication;
    this.paused = paused;
    this.log = log;
    this.stop = stop;
    this.persistence = persistence;
  }

  @Override
  public boolean save(Seat seat) {
    return persistence.get().save(seat);
  }

  @Override
  public boolean reload(Seat seat, boolean merge) {
    return persistence.get().reload(seat, merge);
  }

  @Override
  public boolean loadAof() {
    return persistence.get().loadAofAgain();
  }

  @Override
  public void changeReplicationId() {
    replication.get().tell(new ReplicationEvent.IdDoubted());
  }

  @Override
  public void pauseCron(boolean on) {
    paused.accept(on);
  }

  @Override
  public void sleep(long millis) {
    sleeps.accept(millis);
    try {
      if (stop.await(millis)) {
        return; // the server stops
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void abort() {
    Signals.abort();
  }

  private Cluster cluster() {
    Cluster made = cluster.get();
    if (made == null) {
      throw new CommandError("ERR Debug option only available for cluster mode enabled setup!");
    }
    return made;
  }

  @Override
  public void dropBusMessages(long type) {
    Cluster made = cluster.get();
    if (made != null) {
      made.dropMessages(type);
    }
  }

  @Override
  public void breakBusLinks(String node, boolean to, boolean from) {
    if (!cluster().breakLinks(node, to, from)) {
      throw new CommandError("ERR Unknown node " + node);
    }
  }

  @Override
  public void log(String line) {
    log.warning(line);
  }
}
