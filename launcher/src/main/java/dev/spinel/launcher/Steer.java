package dev.spinel.launcher;

import dev.spinel.launcher.Order.BadOrder;
import dev.spinel.launcher.Order.Kind;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/// `spinel status`, `spinel kill`, `spinel restart` and `spinel down`: what is done to a topology
/// that a `spinel up` of another terminal, or of the background, runs. It is found by its folder.
public final class Steer {
  private static final int END_SECONDS = 10;

  private static final String HELP =
      """
      spinel status [cluster|store|replication|sentinel] [--dir D]
      spinel kill [cluster|…] NODE [--dir D]
      spinel restart [cluster|…] NODE [--dir D]
      spinel down [cluster|…] [--dir D]

        what is done to servers that spinel up started, from another terminal or in the background

        status     shows them
        kill       ends a server as a crash does; the others notice
        restart    starts a server again with its data; one that runs is stopped before
        down       ends them all; their data is kept

        NODE       a server's name or port, the beginning of its id in the cluster, or primary
        --dir D    the folder that spinel up was given (default: ./spinel-data)

      Where several topologies run beside each other, name the one that is meant.
      """;

  private final PrintStream out;
  private final PrintStream err;

  Steer(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  public static void main(String[] arguments) {
    System.exit(new Steer(System.out, System.err).run(arguments));
  }

  /// @param arguments the verb, then what the command line says
  int run(String... arguments) {
    String verb = arguments[0];
    try {
      Path directory = Path.of(Order.DIRECTORY);
      Set<Kind> kinds = EnumSet.noneOf(Kind.class);
      List<String> nodes = new ArrayList<>();
      for (int i = 1; i < arguments.length; i++) {
        String word = arguments[i];
        Kind kind = Kind.of(word);
        if (word.equals("--help") || word.equals("-h")) {
          out.print(HELP);
          return 0;
        } else if (word.equals("--dir")) {
          directory = Order.directory(Order.valueOf(arguments, ++i));
        } else if (word.startsWith("-")) {
          throw new BadOrder("unknown option '" + word + "' (spinel " + verb + " --help)");
        } else if (kind != null) {
          kinds.add(kind);
        } else {
          nodes.add(word);
        }
      }
      Map<Kind, ControlFile> running = running(directory, kinds);
      switch (verb) {
        case "status" -> status(running, nodes);
        case "down" -> down(only(running, nodes, verb), verb);
        default -> act(running, nodes, verb);
      }
      return 0;
    } catch (BadOrder e) {
      err.println("spinel " + verb + ": " + e.getMessage());
    } catch (IOException e) {
      err.println("spinel " + verb + ": it doesn't answer: " + e.getMessage());
    }
    return 1;
  }

  /// Those that run, of these kinds, or of any.
  private static Map<Kind, ControlFile> running(Path directory, Set<Kind> kinds) {
    Map<Kind, ControlFile> running = new EnumMap<>(Kind.class);
    for (Kind kind : Kind.values()) {
      ControlFile file =
          kinds.isEmpty() || kinds.contains(kind)
              ? ControlFile.ofRunning(Order.folder(directory, kind))
              : null;
      if (file != null) {
        running.put(kind, file);
      } else if (kinds.contains(kind)) {
        throw new BadOrder("no " + kind.word() + " of spinel up runs in " + place(directory));
      }
    }
    if (running.isEmpty()) {
      throw new BadOrder(
          "nothing of spinel up runs in "
              + place(directory)
              + (Files.isDirectory(directory) ? "" : ", which isn't there")
              + " (is it in another folder? --dir D)");
    }
    return running;
  }

  private static Path place(Path directory) {
    return directory.toAbsolutePath().normalize();
  }

  private void status(Map<Kind, ControlFile> running, List<String> nodes) throws IOException {
    if (!nodes.isEmpty()) throw new BadOrder("what is '" + nodes.getFirst() + "'?");
    String gap = "";
    for (ControlFile file : running.values()) {
      out.print(gap);
      out.println(said(file.ask("status")));
      gap = "\n";
    }
  }

  private static ControlFile only(Map<Kind, ControlFile> running, List<String> nodes, String verb) {
    if (!nodes.isEmpty()) throw new BadOrder("what is '" + nodes.getFirst() + "'?");
    if (running.size() > 1) {
      throw new BadOrder(
          words(running.keySet()) + " run: name one, as in: spinel " + verb + " " + first(running));
    }
    return running.values().iterator().next();
  }

  private void down(ControlFile file, String verb) throws IOException {
    ControlFile.Reply reply = file.ask(verb);
    awaitEnd(file.process());
    out.println(said(reply));
  }

  /// Its ports and files are free once its process is gone.
  private static void awaitEnd(long process) {
    if (process == ProcessHandle.current().pid()) return;
    try {
      var handle = ProcessHandle.of(process);
      if (handle.isPresent()) {
        handle.get().onExit().get(END_SECONDS, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // it has ended all that it had
    }
  }

  private void act(Map<Kind, ControlFile> running, List<String> nodes, String verb)
      throws IOException {
    if (nodes.size() > 1) {
      throw new BadOrder("one node at a time, not " + String.join(" and ", nodes));
    }
    String node = nodes.isEmpty() ? "" : nodes.getFirst();
    Map<Kind, ControlFile> having = new EnumMap<>(Kind.class);
    List<String> refusals = new ArrayList<>();
    for (Map.Entry<Kind, ControlFile> each : running.entrySet()) {
      ControlFile.Reply reply = each.getValue().ask("find", node);
      if (reply.isOk()) {
        having.put(each.getKey(), each.getValue());
      } else {
        refusals.add(each.getKey().word() + ": " + reply.text());
      }
    }
    if (node.isEmpty() && having.size() != 1) {
      throw new BadOrder(verb + " which node? (spinel status shows them)");
    }
    if (having.isEmpty()) {
      throw new BadOrder(String.join("; ", refusals));
    }
    if (having.size() > 1) {
      throw new BadOrder(
          "there is a "
              + node
              + " in "
              + words(having.keySet())
              + ": name one, as in: spinel "
              + verb
              + " "
              + first(having)
              + " "
              + node);
    }
    out.println(said(having.values().iterator().next().ask(verb, node)));
  }

  private static String words(Set<Kind> kinds) {
    return kinds.stream().map(Kind::word).collect(Collectors.joining(" and "));
  }

  private static String first(Map<Kind, ControlFile> of) {
    return of.keySet().iterator().next().word();
  }

  private static String said(ControlFile.Reply reply) {
    if (!reply.isOk()) throw new BadOrder(reply.text());
    return reply.text();
  }
}
