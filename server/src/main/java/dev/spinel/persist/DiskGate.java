package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import org.jspecify.annotations.Nullable;

/// Refuses writes, and PING, while what is written can't be kept: `MISCONF`.
///
/// It begins no new era ([Engine#newEra]) when its answer changes. The disk fails at a moment of
/// its own, and a write that has passed this gate just before that is as one that ran just before:
/// what it appends is kept in memory, and written once the disk is back. Nor could an era begin
/// here: the thread that tells of the failure may hold the lock of the append-only file, which no
/// thread may keep while it has the world stopped.
public final class DiskGate implements Gate {
  private static final CommandError SAVING =
      new CommandError(
          "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist"
              + " to disk. Commands that may modify the data set are disabled, because this"
              + " instance is configured to report errors during writes if RDB snapshotting fails"
              + " (stop-writes-on-bgsave-error option). Please check the Redis logs for details"
              + " about the RDB error.");

  private volatile @Nullable Engine engine; // before the first session
  private volatile boolean savingFailed;
  private volatile @Nullable CommandError appendingFailed;

  public DiskGate() {}

  /// Once it is made.
  void of(Engine made) {
    engine = made;
  }

  /// Whether snapshots fail, and that matters. Any thread.
  void savingFailed(boolean does) {
    savingFailed = does;
    follow();
  }

  /// Why the append-only file can't be written to; null: it can. Any thread.
  void appendingFailed(@Nullable String reason) {
    appendingFailed =
        reason == null
            ? null
            : new CommandError("MISCONF Errors writing to the AOF file: " + reason);
    follow();
  }

  private void follow() {
    Engine known = engine;
    if (known != null) {
      known.gates.closed(this, savingFailed || appendingFailed != null);
    }
  }

  @Override
  public Rank rank() {
    return Rank.MISCONF;
  }

  @Override
  public boolean concerns(Command command) {
    return command.is(Command.WRITE) || command.name.equals("ping");
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (!call.does(Command.WRITE) && !call.command().name.equals("ping")) {
      return null;
    }
    return savingFailed ? SAVING : appendingFailed;
  }
}
