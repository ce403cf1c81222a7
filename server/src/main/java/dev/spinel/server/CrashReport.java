package dev.spinel.server;

import dev.spinel.config.Settings;
import dev.spinel.persist.Persistence;
import java.util.Map;

/// The end of a server that somebody ends by SIGABRT, as one that hangs: the log tells what its
/// threads were doing, unless `crash-log-enabled` is off, and nothing is saved.
final class CrashReport {
  private static final int ABORTED = 134; // as the shell has it: 128 and the signal's number
  private static final long LIMIT_MILLIS = 2000;

  private CrashReport() {}

  /// Doesn't return.
  static void end(Server server, Log log) {
    Thread.ofPlatform().daemon().name("spinel-abort").start(CrashReport::endSoon);
    try {
      if (server.config.get(Settings.CRASH_LOG_ENABLED)) {
        tell(log);
      }
    } finally {
      Persistence.abandonAll();
      Runtime.getRuntime().halt(ABORTED);
    }
  }

  /// Whatever holds up the report, as a log or a disk that hangs.
  private static void endSoon() {
    try {
      Thread.sleep(LIMIT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().halt(ABORTED);
  }

  private static void tell(Log log) {
    log.warning("Spinel crashed by signal: 6. What its threads were doing:");
    for (Map.Entry<Thread, StackTraceElement[]> each : Thread.getAllStackTraces().entrySet()) {
      log.warning(each.getKey().getName());
      for (StackTraceElement frame : each.getValue()) {
        log.warning("    " + frame);
      }
    }
  }
}
