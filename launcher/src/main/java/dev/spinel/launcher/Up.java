package dev.spinel.launcher;

import java.io.Console;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// `spinel up`: starts something to play with, says what runs and how to reach it, and waits for
/// its end.
///
/// What it starts is the word before the options: a cluster, one store, or a primary with replicas.
/// Each is a class of its own that owns its servers and describes itself ([Run]).
///
/// It ends with status 0 on Ctrl-C, SIGTERM and a client's SHUTDOWN, with 1 and one line on
/// standard error if it can't start.
public final class Up {
  private static final String HELP =
      """
      spinel up [cluster] [--primaries N] [--replicas N] [--password P] [--port N] [--dir D]
      spinel up store [--port N] [--dir D]
      spinel up replication [--replicas N] [--password P] [--port N] [--dir D]
      spinel up sentinel [--replicas N] [--sentinels N] [--password P] [--port N] [--dir D]

        starts servers at 127.0.0.1, for you to play with; Ctrl-C ends them, and the next start
        finds their data and their roles

        cluster          primaries that share the slots, and their replicas, in one process
                         (this is the default: three and three)
        store            one store
        replication      a primary and its replicas, in one process
        sentinel         the same, and Sentinels that make a replica the primary when that is gone

        --port N         the port that it listens at, or the first of them (default 6379; 0 finds
                         free ones); the nodes of a cluster talk to each other 10000 above,
                         Sentinels listen 20000 above
        --dir D          the folder in which its data is kept, in a folder of its own, named as the
                         topology (default: ./spinel-data, made if need be)
        --primaries N    how many, 3 at least (default 3, or as many as there were)
        --replicas N     how many in all (default 2, or one for each primary of a cluster, or as
                         many as there were)
        --sentinels N    how many (default 3)
        --password P     that clients must give

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
    try (Run run = start(order)) {
      Thread hook = new Thread(() -> endBySignal(run), "spinel-up-end");
      Runtime.getRuntime().addShutdownHook(hook);
      out.print(run.description());
      out.flush();
      run.awaitStop(new Screen(out, isTerminal()));
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

  private Run start(Order order) {
    return switch (order.topology()) {
      case CLUSTER -> Clustered.start(order);
      case STORE -> OneStore.start(order, err);
      case REPLICATION, SENTINEL -> Replicated.start(order);
    };
  }

  private boolean isTerminal() {
    Console console = System.console();
    return out == System.out && console != null && console.isTerminal();
  }

  /// Where what happens is told.
  ///
  /// @param isTerminal whether what was painted can be painted over
  record Screen(PrintStream out, boolean isTerminal) {}

  /// What was started.
  interface Run extends AutoCloseable {
    String description();

    /// Waits until it has ended by itself, and tells meanwhile what happens to it.
    void awaitStop(Screen screen) throws InterruptedException;

    @Override
    void close();
  }

  enum Topology {
    CLUSTER,
    STORE,
    REPLICATION,
    SENTINEL
  }

  /// On Ctrl-C and SIGTERM. Ending as asked is a success; the JVM alone would say 130 or 143.
  private void endBySignal(Run run) {
    int status = 0;
    try {
      run.close();
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
  ///
  /// @param primaries 0: not said
  /// @param replicas -1: not said
  /// @param sentinels likewise
  record Order(
      Topology topology,
      int port,
      Path directory,
      int primaries,
      int replicas,
      int sentinels,
      String password,
      boolean help) {
    static Order of(String[] arguments) {
      Topology topology = Topology.CLUSTER;
      int port = 6379;
      Path directory = Path.of("spinel-data");
      int primaries = 0;
      int replicas = -1;
      int sentinels = -1;
      String password = "";
      boolean help = false;
      for (int i = 0; i < arguments.length; i++) {
        String option = arguments[i];
        switch (option) {
          case "--help", "-h" -> help = true;
          case "--port" -> port = port(valueOf(arguments, ++i));
          case "--dir" -> directory = directory(valueOf(arguments, ++i));
          case "--primaries" -> primaries = number(option, valueOf(arguments, ++i), 3, 100);
          case "--replicas" -> replicas = number(option, valueOf(arguments, ++i), 0, 99);
          case "--sentinels" -> sentinels = number(option, valueOf(arguments, ++i), 1, 99);
          case "--password" -> password = password(valueOf(arguments, ++i));
          case "cluster" -> topology = Topology.CLUSTER;
          case "store" -> topology = Topology.STORE;
          case "replication" -> topology = Topology.REPLICATION;
          case "sentinel" -> topology = Topology.SENTINEL;
          default -> throw new BadOrder("unknown option '" + option + "'");
        }
      }
      if (topology == Topology.STORE && (replicas >= 0 || !password.isEmpty())) {
        throw new BadOrder("a single store takes neither --replicas nor --password");
      }
      if (topology != Topology.CLUSTER && primaries > 0) {
        throw new BadOrder("--primaries is a cluster's");
      }
      if (topology != Topology.SENTINEL && sentinels > 0) {
        throw new BadOrder("--sentinels goes with the word sentinel");
      }
      if (topology == Topology.SENTINEL && sentinels < 0) {
        sentinels = 3;
      }
      return new Order(topology, port, directory, primaries, replicas, sentinels, password, help);
    }

    private static String password(String text) {
      if (text.isEmpty()) throw new BadOrder("--password needs a value");
      return text;
    }

    private static int number(String option, String text, int least, int most) {
      try {
        int number = Integer.parseInt(text);
        if (number >= least && number <= most) return number;
      } catch (NumberFormatException e) {
        // said below
      }
      throw new BadOrder(
          option + " takes a number from " + least + " to " + most + ", not '" + text + "'");
    }

    private static String valueOf(String[] arguments, int at) {
      if (at == arguments.length) throw new BadOrder(arguments[at - 1] + " needs a value");
      return arguments[at];
    }

    private static int port(String text) {
      return number("--port", text, 0, 65535);
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
