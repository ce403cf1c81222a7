package dev.spinel.launcher;

import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// `spinel up`: starts something to play with, says what runs and how to reach it, and waits for
/// its end.
///
/// Today that is one store. A topology (replication, cluster, sentinel) is a word before the
/// options; it gets a case in [Order#of] and a class that owns its servers and describes itself, as
/// [OneStore] does.
///
/// It ends with status 0 on Ctrl-C, SIGTERM and a client's SHUTDOWN, with 1 and one line on
/// standard error if it can't start.
public final class Up {
  private static final String HELP =
      """
      spinel up [--port N] [--dir D]

        starts one store at 127.0.0.1, for you to play with; Ctrl-C ends it

        --port N   the port that it listens at (default 6379; 0 finds a free one)
        --dir D    the folder in which its data is kept, in a folder `store` of its own
                   (default: ./spinel-data, made if need be)

      For a server with a configuration of its own: spinel server --help
      """;

  private final PrintStream out;
  private final PrintStream err;

  Up(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  public static void main(String[] arguments) {
    System.exit(new Up(System.out, System.err).run(arguments));
  }

  /// Runs to the end of whatever it starts; returns the status to exit with.
  int run(String[] arguments) {
    Order order;
    try {
      order = Order.of(arguments);
    } catch (BadOrder e) {
      err.println("spinel up: " + e.getMessage() + " (spinel up --help)");
      return 1;
    }
    if (order.help()) {
      out.print(HELP);
      return 0;
    }
    try (OneStore store = OneStore.start(order, err)) {
      Thread hook = new Thread(() -> endBySignal(store), "spinel-up-end");
      Runtime.getRuntime().addShutdownHook(hook);
      out.print(store.description());
      out.flush();
      store.awaitStop();
      forget(hook);
      return 0;
    } catch (BadOrder e) {
      err.println("spinel up: " + e.getMessage());
      return 1;
    } catch (UncheckedIOException e) {
      err.println("spinel up: " + e.getMessage());
      return 1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 1;
    }
  }

  /// On Ctrl-C and SIGTERM. Ending as asked is a success; the JVM alone would say 130 or 143.
  private void endBySignal(OneStore store) {
    int status = 0;
    try {
      store.close();
      out.println("\nStopped.");
    } catch (UncheckedIOException e) {
      err.println("spinel up: " + e.getMessage());
      status = 1;
    }
    out.flush();
    Runtime.getRuntime().halt(status);
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException atWork) {
      // A signal came: the hook ends this process, with the status that it says.
    }
  }

  /// What the command line asks for.
  record Order(int port, Path directory, boolean help) {
    static Order of(String[] arguments) {
      int port = 6379;
      Path directory = Path.of("spinel-data");
      boolean help = false;
      for (int i = 0; i < arguments.length; i++) {
        String option = arguments[i];
        switch (option) {
          case "--help", "-h" -> help = true;
          case "--port" -> port = port(valueOf(arguments, ++i));
          case "--dir" -> directory = directory(valueOf(arguments, ++i));
          case "replication", "cluster", "sentinel" -> throw new BadOrder(option + ": not yet");
          default -> throw new BadOrder("unknown option '" + option + "'");
        }
      }
      return new Order(port, directory, help);
    }

    private static String valueOf(String[] arguments, int at) {
      if (at == arguments.length) throw new BadOrder(arguments[at - 1] + " needs a value");
      return arguments[at];
    }

    private static int port(String text) {
      try {
        int port = Integer.parseInt(text);
        if (port >= 0 && port <= 65535) return port;
      } catch (NumberFormatException e) {
        // said below
      }
      throw new BadOrder("--port takes a number from 0 to 65535, not '" + text + "'");
    }

    private static Path directory(String text) {
      try {
        Path directory = Path.of(text);
        if (Files.isDirectory(directory)) return directory;
      } catch (InvalidPathException unreadable) {
        // no folder has such a name, or the locale can't express it
      }
      throw new BadOrder("--dir: no such folder: " + text);
    }
  }

  /// What was asked for can't be had; the message says why.
  static final class BadOrder extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadOrder(String message) {
      super(message, null, false, false);
    }
  }
}
