package dev.spinel.tutorials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.ServerProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// Machines for a tutorial: network namespaces, each with an address of its own, at one switch. So
/// whatever a text types is done with its own ports and addresses, beside whatever else runs here.
/// On them run our server, a process each, and the stock `redis-cli`; with
/// `-Dspinel.tutorials.programs=FOLDER` the one that is in that folder, be it a link to our
/// launcher.
///
/// It takes root and iproute2; a test is left out, and says so, where one of these is missing.
final class Hosts implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final String PATH = System.getenv("PATH");
  private static final String PROGRAMS = System.getProperty("spinel.tutorials.programs", "");

  private final Path folder;
  private final String prefix;
  private final List<String> namespaces = new ArrayList<>();
  private final List<Program> programs = new ArrayList<>();

  private Hosts(Path folder, String prefix) {
    this.folder = folder;
    this.prefix = prefix;
  }

  /// @param folder for whatever the machines keep
  static Hosts on(Path folder) throws Exception {
    assumeTrue(isThere("ip", "-V"), "no iproute2 here (ip)");
    assumeTrue(isThere("redis-cli", "--version"), "no stock redis-cli here");
    removeForgotten();
    Hosts hosts =
        new Hosts(folder, "spinel" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet());
    assumeTrue(
        isThere("ip", "netns", "add", hosts.prefix), "no network namespaces here: it takes root");
    hosts.namespaces.add(hosts.prefix);
    hosts.ip("-n", hosts.prefix, "link", "add", "switch", "type", "bridge");
    hosts.ip("-n", hosts.prefix, "link", "set", "switch", "up");
    return hosts;
  }

  private static boolean isThere(String... command) throws InterruptedException {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getInputStream().readAllBytes();
      return process.waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /// Namespaces of a run that was killed.
  private static void removeForgotten() throws Exception {
    for (String line : Said.of(null, "", "ip", "netns", "list").text().lines().toList()) {
      String name = line.split(" ", 2)[0];
      if (name.matches("spinel[0-9]+-.*")) {
        long process = Long.parseLong(name.substring(6, name.indexOf('-')));
        if (ProcessHandle.of(process).isEmpty()) {
          isThere("ip", "netns", "delete", name);
        }
      }
    }
  }

  private void ip(String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(words));
    Said said = Said.of(null, "", command.toArray(new String[0]));
    assertThat(said.status()).as(() -> command + ": " + said.text()).isZero();
  }

  /// A machine with this address, in a net of 65536.
  Host host(String name, String address) throws Exception {
    String namespace = prefix + "-" + name.toLowerCase(Locale.ROOT);
    ip("netns", "add", namespace);
    namespaces.add(namespace);
    String port = "port" + namespaces.size();
    ip("link", "add", "eth0", "netns", namespace, "type", "veth", "peer", port, "netns", prefix);
    ip("-n", prefix, "link", "set", port, "master", "switch", "up");
    ip("-n", namespace, "link", "set", "lo", "up");
    ip("-n", namespace, "link", "set", "eth0", "up");
    Host host = new Host(name, namespace, Files.createDirectories(folder.resolve(name)));
    host.moveTo(address);
    return host;
  }

  @Override
  public void close() throws Exception {
    for (Program program : programs) program.process.destroyForcibly();
    for (Program program : programs) program.process.onExit().get(10, TimeUnit.SECONDS);
    for (String namespace : namespaces) isThere("ip", "netns", "delete", namespace);
  }

  /// One machine.
  final class Host {
    final String name;
    private final String namespace;
    final Path folder;
    String address = "";

    private Host(String name, String namespace, Path folder) {
      this.name = name;
      this.namespace = namespace;
      this.folder = folder;
    }

    /// Gives it another address.
    void moveTo(String other) throws Exception {
      ip("-n", namespace, "addr", "flush", "dev", "eth0");
      ip("-n", namespace, "addr", "add", other + "/16", "dev", "eth0");
      address = other;
    }

    Path write(String file, String text) throws IOException {
      return Files.writeString(folder.resolve(file), text);
    }

    private String[] inside(List<String> command) {
      List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
      if (!PROGRAMS.isEmpty()) all.addAll(List.of("env", "PATH=" + PROGRAMS + ":" + PATH));
      all.addAll(command);
      return all.toArray(new String[0]);
    }

    /// Our `redis-server` with these words, in this folder, which is made.
    Program server(Path directory, String... words) throws Exception {
      List<String> command = ServerProcess.of(words).command();
      command.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-Xshare:auto"));
      return program(directory, command);
    }

    /// Any program, in this folder, which is made.
    Program program(Path directory, List<String> command) throws Exception {
      Files.createDirectories(directory);
      Path out = Files.createTempFile(folder, "out", ".log");
      Process process =
          new ProcessBuilder(inside(command))
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      process.getOutputStream().close();
      Program program = new Program(process, out);
      programs.add(program);
      return program;
    }

    /// What the stock `redis-cli` says to a program.
    Said cli(String... words) throws Exception {
      return dialogue(List.of(), words);
    }

    /// The same with what somebody types; replies are shown as to a person.
    Said typed(String lines, String... words) throws Exception {
      List<String> command = new ArrayList<>(List.of("env", "FAKETTY=1", "redis-cli"));
      command.addAll(List.of(words));
      return Said.of(folder, lines, inside(command));
    }

    /// The same with answers to what it asks.
    Said dialogue(List<String> answers, String... words) throws Exception {
      List<String> command = new ArrayList<>(List.of("redis-cli"));
      command.addAll(List.of(words));
      return Said.answered(folder, answers, inside(command));
    }

    /// What a shell of the machine says.
    Said shell(String line) throws Exception {
      return Said.of(folder, "", inside(List.of("bash", "-c", line)));
    }
  }

  /// A server's process.
  record Program(Process process, Path out) {
    String output() throws IOException {
      return Files.readString(out, StandardCharsets.UTF_8);
    }

    /// As `docker stop` does: SIGTERM, and SIGKILL after ten seconds.
    void stop() throws InterruptedException {
      process.destroy();
      if (!process.waitFor(10, TimeUnit.SECONDS)) kill();
    }

    void kill() throws InterruptedException {
      process.destroyForcibly().waitFor();
    }

    /// It stands still (`STOP`), or goes on (`CONT`).
    void signal(String name) throws Exception {
      Said said = Said.of(null, "", "kill", "-" + name, Long.toString(process.pid()));
      assertThat(said.status()).as(said.text()).isZero();
    }

    int status() throws InterruptedException {
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("it ends").isTrue();
      return process.exitValue();
    }
  }
}
