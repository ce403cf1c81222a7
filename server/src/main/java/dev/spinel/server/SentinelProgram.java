package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import dev.spinel.net.BindException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The program `redis-sentinel`: its log lines at start and stop, its exit statuses.
final class SentinelProgram {
  private static final int CRASHED = 99;

  private SentinelProgram() {}

  /// Runs until it is told to stop. Returns the exit status.
  static int run(Config config, Log log, Supervision supervision)
      throws IOException, InterruptedException {
    Path file = config.file();
    if (file == null) {
      log.warning("Sentinel needs config file on disk to save state. Exiting...");
      return 1;
    }
    if (!Files.isWritable(file)) {
      log.warning(
          "Sentinel config file " + file + " is not writable: Permission denied. Exiting...");
      return 1;
    }
    try (SentinelServer server =
        SentinelServer.start(config, log, () -> Runtime.getRuntime().halt(CRASHED))) {
      Signals.onStop(
          signal -> {
            log.notice("Received " + signal + " scheduling shutdown...");
            server.shutdown();
          });
      Path pidFile = Main.writePid(config, Log.pid(), log);
      supervision.ready(false);
      Daemon.serving();
      server.awaitStop();
      supervision.stopping();
      server.close();
      if (pidFile != null) {
        Main.removePid(pidFile, log);
      }
      log.warning("Sentinel is now ready to exit, bye bye...");
      return server.failed() ? 1 : 0;
    } catch (BindException e) {
      log.warning("Warning: " + e.getMessage());
      log.warning("Failed listening on port " + config.get(Settings.PORT) + " (tcp), aborting.");
      return 1;
    } catch (IOException e) {
      log.warning(String.valueOf(e.getMessage()));
      return 1;
    }
  }

  /// Reports a wrong directive.
  static int failed(ConfigError e) throws IOException {
    try (FileOutputStream err = new FileOutputStream(FileDescriptor.err)) {
      err.write(e.bytes());
    }
    return 1;
  }
}
