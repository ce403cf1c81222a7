package dev.spinel.server;

import java.util.function.Consumer;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/// SIGTERM, SIGINT and SIGABRT of this process, and those that it ignores.
final class Signals {
  private Signals() {}

  /// The end of a terminal is no reason to stop, nor is a timer that nobody has set.
  static void ignoreOthers() {
    for (String name : new String[] {"HUP", "ALRM"}) {
      try {
        Signal.handle(new Signal(name), SignalHandler.SIG_IGN);
      } catch (IllegalArgumentException e) {
        continue; // the JVM was told to leave signals alone
      }
    }
  }

  /// Has the system forget processes that end: those of others, whose parent died, become children
  /// of a container's first process, and would stay as zombies. How own ones end isn't known then.
  static void reap() {
    try {
      Signal.handle(new Signal("CHLD"), SignalHandler.SIG_IGN);
    } catch (IllegalArgumentException e) {
      // the JVM was told to leave signals alone
      return;
    }
  }

  /// Calls `action`, on a thread of its own, whenever children have ended.
  static void onChildren(Runnable action) {
    try {
      Signal.handle(new Signal("CHLD"), signal -> action.run());
    } catch (IllegalArgumentException e) {
      // the JVM was told to leave signals alone
      return;
    }
  }

  /// Calls `action`, on a thread of its own, when somebody sends SIGABRT. The JVM's own end by it
  /// is not held up.
  static void onAbort(Runnable action) {
    try {
      Signal.handle(new Signal("ABRT"), signal -> action.run());
    } catch (IllegalArgumentException e) {
      // the JVM was told to leave signals alone
    }
  }

  /// Sends SIGABRT to this process.
  static void abort() {
    Signal.raise(new Signal("ABRT"));
  }

  /// Calls `action` with the signal's name instead of ending the process, each time, on a thread of
  /// its own.
  static void onStop(Consumer<String> action) {
    for (String name : new String[] {"TERM", "INT"}) {
      try {
        Signal.handle(new Signal(name), signal -> action.accept("SIG" + name));
      } catch (IllegalArgumentException e) {
        // the JVM was told to leave signals alone (-Xrs): then they end it
        continue;
      }
    }
  }
}
