package dev.spinel.script;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Gate;

/// Why a script may not run now, by what it says of itself. Mostly the gates have said so already,
/// when its call came; but within EXEC they were asked for the transaction.
final class ScriptChecks {
  private static final String APPENDING = "MISCONF Errors writing to the AOF file: ";

  private ScriptChecks() {}

  /// Errors: it may not run.
  static void check(Call call, ScriptFlags flags, boolean readOnly) {
    if (flags.has(ScriptFlags.NO_CLUSTER) && call.limits().is(Settings.CLUSTER_ENABLED)) {
      throw new CommandError("ERR Can not run script on cluster, 'no-cluster' flag is set.");
    }
    boolean allowsStale = !flags.isOld() && flags.has(ScriptFlags.ALLOW_STALE);
    if (!allowsStale && call.refusalWithout(Command.STALE, Gate.Rank.MASTERDOWN) != null) {
      throw new CommandError(
          flags.isOld()
              ? "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
              : "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and"
                  + " 'allow-stale' flag is not set on the script.");
    }
    if (flags.isOld()) {
      return;
    }
    if (!flags.has(ScriptFlags.NO_WRITES)) {
      checkWrites(call, readOnly);
    }
    if (call.isOutOfMemory() && !flags.has(ScriptFlags.ALLOW_OOM | ScriptFlags.NO_WRITES)) {
      throw new CommandError(
          "OOM allow-oom flag is not set on the script, can not run it when used memory >"
              + " 'maxmemory'");
    }
  }

  private static String ofDisk(String text) {
    boolean appends = text.startsWith(APPENDING);
    return "MISCONF Redis is configured to "
        + (appends ? "persist data to AOF" : "save RDB snapshots")
        + ", but it's currently unable to persist to disk. Writable scripts are blocked. Use"
        + " 'no-writes' flag for read only scripts."
        + (appends ? " AOF error: " + text.substring(APPENDING.length()) : "");
  }

  private static void checkWrites(Call call, boolean readOnly) {
    if (call.refusal(Gate.Rank.READONLY) != null) {
      throw new CommandError("READONLY Can not run script with write flag on readonly replica");
    }
    CommandError disk = call.refusal(Gate.Rank.MISCONF);
    if (disk != null) {
      throw new CommandError(ofDisk(disk.text()));
    }
    if (readOnly) {
      throw new CommandError("ERR Can not execute a script with write flag using *_ro command.");
    }
    CommandError replicas = call.refusal(Gate.Rank.NOREPLICAS);
    if (replicas != null) {
      throw replicas;
    }
  }
}
