package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.ExpiryMode;
import dev.spinel.engine.Gate;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What a server refuses for its role: a primary, writes while too few replicas follow it; a
/// replica, writes, and anything that needs data while its own is out of date.
///
/// The role changes in a stopped world, and with it what becomes of keys whose time is over: a
/// replica hides them, until its primary deletes them. How many replicas are good, and whether the
/// link is up, changes at any time; who passed a gate a moment before came a moment earlier.
final class RoleGates {
  private static final CommandError FEW_REPLICAS =
      new CommandError("NOREPLICAS Not enough good replicas to write.");
  private static final CommandError READONLY =
      new CommandError("READONLY You can't write against a read only replica.");
  private static final CommandError MASTERDOWN =
      new CommandError(
          "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");

  private final ReplicationFront front;
  private final Config config;
  private final ConfigLog log;
  private @Nullable Engine engine; // before the first session

  // Settings: read by all threads.
  private volatile long leastReplicas;
  private volatile long maxLagSeconds;

  private boolean isWritable; // a replica that is; this object's monitor

  RoleGates(ReplicationFront front, Config config, ConfigLog log) {
    this.front = front;
    this.config = config;
    this.log = log;
  }

  /// Once it is made, and replication.
  void of(Engine made) {
    engine = made;
    follow();
    for (Setting<?> setting :
        List.of(
            Settings.MIN_REPLICAS_TO_WRITE,
            Settings.MIN_REPLICAS_MAX_LAG,
            Settings.REPLICA_READ_ONLY,
            Settings.REPLICA_SERVE_STALE_DATA,
            Settings.REPLICA_IGNORE_MAXMEMORY)) {
      config.onChange(setting, changed -> follow());
    }
  }

  Gate[] all() {
    return new Gate[] {fewReplicas, readOnly, stale};
  }

  /// The role has changed. Stopped world.
  void changed(Dispatcher by, Standing now) {
    Engine known = Objects.requireNonNull(engine);
    known.expiryMode(now.isReplica() ? ExpiryMode.HIDE : ExpiryMode.DELETE);
    follow();
    if (now.isReplica()) {
      by.unblockAll();
    }
  }

  /// The role or the configuration has changed. Any thread.
  private synchronized void follow() {
    Engine known = Objects.requireNonNull(engine);
    boolean isReplica = front.standing().isReplica();
    leastReplicas = config.get(Settings.MIN_REPLICAS_TO_WRITE);
    maxLagSeconds = config.get(Settings.MIN_REPLICAS_MAX_LAG);
    known.gates.closed(fewReplicas, !isReplica && leastReplicas > 0 && maxLagSeconds > 0);
    boolean isReadOnly = config.get(Settings.REPLICA_READ_ONLY);
    known.gates.closed(readOnly, isReplica && isReadOnly);
    if (isReplica && !isReadOnly && !isWritable) {
      log.log(
          '#',
          "This replica accepts writes (replica-read-only no). They stay on this server, and are"
              + " lost when it next copies the data of its primary.");
    }
    isWritable = isReplica && !isReadOnly;
    known.gates.closed(stale, isReplica && !config.get(Settings.REPLICA_SERVE_STALE_DATA));
    known.ignoreMaxmemory(isReplica && config.get(Settings.REPLICA_IGNORE_MAXMEMORY));
  }

  // ── the gates ──

  private final Gate fewReplicas =
      new Gate() {
        @Override
        public Rank rank() {
          return Rank.NOREPLICAS;
        }

        @Override
        public boolean concerns(Command command) {
          return command.is(Command.WRITE);
        }

        @Override
        public @Nullable CommandError refuse(Call call) {
          if (leastReplicas == 0 || maxLagSeconds == 0 || !call.does(Command.WRITE)) {
            return null;
          }
          Standing now = front.standing();
          return now.isReplica()
                  || front.replication().goodReplicas(now, call.now(), maxLagSeconds)
                      >= leastReplicas
              ? null
              : FEW_REPLICAS;
        }
      };

  private final Gate readOnly =
      new Gate() {
        @Override
        public Rank rank() {
          return Rank.READONLY;
        }

        @Override
        public boolean concerns(Command command) {
          return command.is(Command.WRITE);
        }

        @Override
        public @Nullable CommandError refuse(Call call) {
          return call.does(Command.WRITE)
                  && front.standing().isReplica()
                  && call.limits().is(Settings.REPLICA_READ_ONLY)
              ? READONLY
              : null;
        }
      };

  private final Gate stale =
      new Gate() {
        @Override
        public Rank rank() {
          return Rank.MASTERDOWN;
        }

        @Override
        public boolean concerns(Command command) {
          return !command.is(Command.STALE);
        }

        @Override
        public @Nullable CommandError refuse(Call call) {
          if (!call.lacks(Command.STALE) || call.limits().is(Settings.REPLICA_SERVE_STALE_DATA)) {
            return null;
          }
          Standing now = front.standing();
          return now.isReplica() && !now.link().isUp() ? MASTERDOWN : null;
        }
      };
}
