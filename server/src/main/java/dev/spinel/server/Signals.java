package dev.spinel.server;

import java.util.function.Consumer;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/// SIGTERM, SIGINT and SIGHUP of this process.
final class Signals {
  private Signals() {}

  /// The end of a terminal is no reason to stop.
  static void ignoreHangup() {
    try {
      Signal.handle(new Signal("HUP"), SignalHandler.SIG_IGN);
    } catch (IllegalArgumentException e) {
      return; // the JVM was told to leave signals alone
    }
  }

  /// Calls `action` with the signal's name instead of ending the process; a second signal ends it
  /// at once.
  static void onStop(Consumer<String> action) {
    for (String name : new String[] {"TERM", "INT"}) {
      try {
        Signal.handle(
            new Signal(name),
            signal -> {
              try {
                action.accept("SIG" + name);
              } finally {
                Signal.handle(signal, again -> Runtime.getRuntime().halt(1));
              }
            });
      } catch (IllegalArgumentException e) {
        // the JVM was told to leave signals alone (-Xrs): then they end it
        continue;
      }
    }
  }
}
