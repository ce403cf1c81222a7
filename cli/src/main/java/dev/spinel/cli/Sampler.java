package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.RespValue;
import sun.misc.Signal;

/// What the modes that ask a server again and again have in common.
abstract class Sampler {
  static final long SECOND_MICROS = 1_000_000;

  final Shell shell;
  final Screen screen;
  final Options options;
  final Connection connection;

  /// Set by Ctrl-C, where a mode wants to sum up before it ends.
  volatile boolean stopped;

  Sampler(Shell shell) {
    this.shell = shell;
    this.screen = shell.screen;
    this.options = shell.options;
    this.connection = shell.connection;
  }

  final void stopOnInterrupt() {
    Signal.handle(new Signal("INT"), signal -> stopped = true);
  }

  static long micros() {
    return System.nanoTime() / 1000;
  }

  /// Asks, and if the connection is lost makes a new one each second until it has an answer.
  final RespValue askPersistently(String... command) {
    for (int tries = 0; ; ) {
      try {
        if (connection.isUsable()) {
          RespValue reply = connection.ask(command);
          if (tries > 0) screen.out("\r\033[0K");
          return reply;
        }
      } catch (Lost e) {
        if (!e.mayReconnect) {
          screen.errLine("Error: " + e.text());
          throw new Exit(1);
        }
      }
      screen.out("\r\033[0KReconnecting... " + ++tries + "\r");
      screen.flush();
      connection.reconnect(true);
      Shell.pause(SECOND_MICROS);
    }
  }

  /// Asks; a lost connection ends the program.
  final RespValue ask(String... command) {
    try {
      return connection.ask(command);
    } catch (Lost e) {
      screen.err("\nI/O error\n");
      throw new Exit(1);
    }
  }

  final Exit fail(String message) {
    screen.errLine(message);
    return new Exit(1);
  }
}
