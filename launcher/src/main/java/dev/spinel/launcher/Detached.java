package dev.spinel.launcher;

import dev.spinel.launcher.Order.BadOrder;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// `spinel up --detach`: the same command without that word, as a process of its own in a session
/// of its own. It outlives its terminal; what it says is in `up.log` in its folder.
final class Detached {
  private static final int POLL_MILLIS = 20;
  private static final int FORM_SECONDS = 90;

  private Detached() {}

  /// Starts it and waits until it is formed; says what it says then.
  ///
  /// Errors: [BadOrder] with its own words if it isn't.
  static void start(Order order, String[] arguments, PrintStream out) {
    Path folder = order.folder();
    Path log = folder.resolve("up.log");
    Process process;
    try {
      Files.createDirectories(folder);
      process =
          new ProcessBuilder(command(arguments))
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new BadOrder("can't start it: " + e.getMessage());
    }
    Thread hook = new Thread(process::destroy, "spinel-up-broken-off"); // on Ctrl-C meanwhile
    Runtime.getRuntime().addShutdownHook(hook);
    out.print(awaitFormed(process, folder, log));
    Runtime.getRuntime().removeShutdownHook(hook);
  }

  private static String awaitFormed(Process process, Path folder, Path log) {
    try {
      for (int i = 0; i < FORM_SECONDS * 1000 / POLL_MILLIS; i++) {
        if (process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
          String said = Files.readString(log, Charset.defaultCharset()).strip();
          String prefix = "spinel up: ";
          throw new BadOrder(
              said.startsWith(prefix) ? said.substring(prefix.length()) : "it ended: " + said);
        }
        if (!Files.exists(ControlFile.in(folder))) continue;
        ControlFile running = ControlFile.ofRunning(folder);
        if (running != null && running.process() == process.pid()) {
          return running.ask("describe").text() + "\n";
        }
      }
      process.destroy();
      throw new BadOrder("it isn't up after " + FORM_SECONDS + " s, as " + log + " says");
    } catch (IOException e) {
      process.destroy();
      throw new BadOrder("it doesn't answer: " + e.getMessage());
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new BadOrder("interrupted");
    }
  }

  /// As this process was started: the same JVM, the same flags.
  private static List<String> command(String[] arguments) {
    List<String> command = new ArrayList<>();
    Path session = Order.inPath("setsid");
    Path noHangUp = session == null ? Order.inPath("nohup") : null;
    addIfThere(command, session);
    addIfThere(command, noHangUp);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    String main = Up.class.getName();
    List<String> own =
        ProcessHandle.current().info().arguments().map(Arrays::asList).orElse(List.of());
    int at = own.indexOf(main);
    if (at >= 0) {
      command.addAll(own.subList(0, at));
    } else { // it isn't known, or somebody else's program
      command.add("--enable-native-access=ALL-UNNAMED");
      command.add("-cp");
      command.add(System.getProperty("java.class.path"));
    }
    command.add(main);
    for (String argument : arguments) {
      if (!argument.equals("--detach") && !argument.equals("-d")) command.add(argument);
    }
    return command;
  }

  private static void addIfThere(List<String> command, @Nullable Path program) {
    if (program != null) command.add(program.toString());
  }
}
