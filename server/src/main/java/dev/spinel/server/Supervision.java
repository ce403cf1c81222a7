package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.net.HostProcess;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// What a service manager is told of this process (`supervised`): systemd, that the server is ready
/// and that it is stopping, in datagrams to the socket that it names in `NOTIFY_SOCKET`.
final class Supervision {
  private static final String SOCKET = "NOTIFY_SOCKET";

  private final @Nullable String socket; // null: nobody is told
  private final Log log;
  private boolean failed; // the thread of main

  private Supervision(@Nullable String socket, Log log) {
    this.socket = socket;
    this.log = log;
  }

  /// Who supervises, for INFO: `systemd`, or `no`.
  static String by(Config config) {
    return socketOf(config) != null ? "systemd" : "no";
  }

  private static @Nullable String socketOf(Config config) {
    String wanted = config.text(Settings.SUPERVISED);
    String named = System.getenv(SOCKET);
    boolean systemd = wanted.equals("systemd") || wanted.equals("auto");
    return systemd && named != null && !named.isEmpty() ? named : null;
  }

  /// As the configuration and the environment say.
  static Supervision of(Config config, Log log) {
    String socket = socketOf(config);
    if (socket == null && config.text(Settings.SUPERVISED).equals("systemd")) {
      log.warning(
          "supervised systemd, but systemd names no " + SOCKET + ": it isn't told anything");
    }
    if (socket != null && !HostProcess.isPossible()) {
      log.warning("supervised by systemd, which can't be told anything on this machine");
      socket = null;
    }
    if (socket != null) {
      log.notice(
          "Supervised by systemd. TimeoutStartSec and TimeoutStopSec of the unit must allow for"
              + " loading and saving all data.");
    }
    return new Supervision(socket, log);
  }

  boolean isOn() {
    return socket != null;
  }

  /// The server serves. A replica does so before its primary's data is here.
  void ready(boolean isReplica) {
    tell(
        "STATUS=Ready to accept connections"
            + (isReplica ? ", a replica that waits for its primary" : "")
            + "\nREADY=1\n");
  }

  void stopping() {
    tell("STATUS=Stopping\nSTOPPING=1\n");
  }

  private void tell(String message) {
    if (socket == null || failed) {
      return;
    }
    try {
      HostProcess.send(socket, message);
    } catch (IOException e) {
      failed = true; // once is enough
      log.warning("systemd can't be told how the server is: " + e.getMessage());
    }
  }
}
