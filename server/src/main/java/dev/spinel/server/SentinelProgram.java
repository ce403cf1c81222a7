package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import dev.spinel.net.BindException;
import dev.spinel.net.HostProcess;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

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
    String refusal = refusal(file);
    if (refusal != null) {
      log.warning("Sentinel config file " + file + " is not writable: " + refusal + ". Exiting...");
      return 1;
    }
    try (SentinelServer server =
        SentinelServer.start(config, log, () -> Runtime.getRuntime().halt(CRASHED))) {
      Signals.onStop(
          signal -> {
            log.notice("Received " + signal + " scheduling shutdown...");
            server.shutdown();
          });
      if (Log.pid() == 1) {
        forgetOrphans(server);
      }
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

  /// The first process of a container inherits those whose parent has died. How its scripts end it
  /// has to know, so it can't have the system forget all children.
  private static void forgetOrphans(SentinelServer server) {
    if (HostProcess.isPossible()) {
      Signals.onChildren(server::forgetOrphans);
    } else {
      Signals.reap();
    }
  }

  /// Why a file can't be written to, in the system's words; null if it can.
  private static @Nullable String refusal(Path file) throws IOException {
    try (FileChannel writable = FileChannel.open(file, StandardOpenOption.WRITE)) {
      return writable.isOpen() ? null : "Input/output error";
    } catch (AccessDeniedException e) {
      return "Permission denied";
    } catch (FileSystemException e) {
      return e.getReason() == null ? String.valueOf(e.getMessage()) : e.getReason();
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
