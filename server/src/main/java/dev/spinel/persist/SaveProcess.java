package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.keyspace.Snapshots;
import java.io.File;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A process that stands for a snapshot that is being written, so that this is seen and ended as in
/// Redis, where a child process writes it: `ps` shows it beneath the server, and whoever kills it
/// ends the snapshot, for which there is no command.
///
/// It does nothing: it is `cat`, which waits for input that never comes, and ends with the server,
/// however that ends. If it can't be started (no such program, no right to, no room for it), or
/// isn't wanted (`save-process`), the server's own process stands for the snapshot.
final class SaveProcess {
  /// What the JDK adds to a signal's number in the exit code of who died of it.
  private static final int DIED_OF = 128;

  /// Where the system forgets processes that end, nobody knows of what: taken for SIGKILL.
  private static final int UNKNOWN = 9;

  /// SIGUSR1: whoever sends it doesn't want the snapshot any more, which is no failure.
  static final int UNWANTED = signalUser1(System.getProperty("os.name", ""));

  static final String COMMAND = "cat";

  private static final File NOWHERE = new File("/dev/null");

  private final @Nullable Process process;

  private SaveProcess(@Nullable Process process) {
    this.process = process;
  }

  /// The number that this system gives it.
  static int signalUser1(String system) {
    return system.startsWith("Mac") || system.endsWith("BSD") ? 30 : 10;
  }

  /// The server's own process stands for the snapshot.
  static SaveProcess none() {
    return new SaveProcess(null);
  }

  /// A snapshot begins, and is counted. Takes some milliseconds.
  static SaveProcess begin(Config config, Snapshots snapshots) {
    SaveProcess begun = config.get(Settings.SAVE_PROCESS) ? of(COMMAND) : none();
    snapshots.countBegun();
    return begun;
  }

  /// A process of this program, if it can be started.
  static SaveProcess of(String program) {
    ProcessBuilder waiting = new ProcessBuilder(program);
    waiting.environment().clear();
    waiting.redirectOutput(NOWHERE).redirectError(NOWHERE);
    try {
      return new SaveProcess(waiting.start());
    } catch (IOException | UnsupportedOperationException | OutOfMemoryError e) { // also: no thread
      return none();
    }
  }

  long pid() {
    return process == null ? ProcessHandle.current().pid() : process.pid();
  }

  /// The signal that has ended it, 0 if none has. Any thread.
  int signal() {
    if (process == null || process.isAlive()) {
      return 0;
    }
    int code = process.exitValue();
    return code < 0 ? UNKNOWN : Math.max(0, code - DIED_OF);
  }

  /// Throws if a signal has ended it.
  void check() throws IOException {
    int signal = signal();
    if (signal != 0) {
      throw new IOException("terminated by signal " + signal);
    }
  }

  /// The snapshot is over. Once; afterwards nothing else is asked.
  void end() {
    if (process != null) {
      process.destroyForcibly();
    }
  }
}
