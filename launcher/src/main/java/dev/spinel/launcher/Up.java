package dev.spinel.launcher;

import dev.spinel.launcher.Order.BadOrder;
import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;

/// `spinel up`: starts something to play with, says what runs and how to reach it, and waits for
/// its end.
///
/// What it starts is the word before the options: a cluster, one store, or a primary with replicas.
/// While it runs, [Steer] kills and restarts its servers, from another terminal.
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
      any of them: [--engine spinel|redis|valkey[=PATH]] [--detach]

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
        --engine E       redis or valkey: each server is a process of redis-server or valkey-server
                         (7.0 or newer; from the PATH, or redis=/path/to/redis-server)
        --detach, -d     returns once it is formed, and leaves it running in the background

      While it runs, from another terminal (--help says more):
        spinel status                 shows it
        spinel kill NODE              ends one of its servers as a crash does: see what happens
        spinel restart NODE           starts it again
        spinel down                   ends it all

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
    try {
      if (ControlFile.ofRunning(order.folder()) != null) {
        throw new BadOrder(
            "a %s runs already, its files are in %s (spinel status, spinel down)"
                .formatted(order.kind().word(), order.folder()));
      }
      if (order.isDetached()) {
        Detached.start(order, arguments, out);
      } else {
        stay(order);
      }
      return 0;
    } catch (BadOrder | UncheckedIOException e) {
      err.println("spinel up: " + e.getMessage());
      return 1;
    } catch (IOException e) {
      err.println("spinel up: it can't be steered: " + e.getMessage());
      return 1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 1;
    }
  }

  private void stay(Order order) throws IOException, InterruptedException {
    try (Running running = Running.start(order);
        ControlPort control = ControlPort.open(running, order.folder())) {
      Thread hook = new Thread(() -> endBySignal(running, control), "spinel-up-end");
      Runtime.getRuntime().addShutdownHook(hook);
      out.print(running.description(false));
      out.flush();
      running.awaitStop(new Screen(out, isTerminal()));
      forget(hook);
    }
  }

  private boolean isTerminal() {
    Console console = System.console();
    return out == System.out && console != null && console.isTerminal();
  }

  /// Where what happens is told.
  ///
  /// @param isTerminal whether what was painted can be painted over
  record Screen(PrintStream out, boolean isTerminal) {}

  /// On Ctrl-C and SIGTERM. Ending as asked is a success; the JVM alone would say 130 or 143.
  private void endBySignal(Running running, ControlPort control) {
    int status = 0;
    try {
      control.close();
      running.close();
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
}
