package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.ServerProcess;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What a Sentinel does as a process: its file, its scripts, its doors.
@Timeout(60)
class SentinelServerTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private int port;
  private Path file = Path.of("");

  private SentinelServer start(String... directives) throws Exception {
    port = RealRedis.freePort();
    file = folder.resolve("sentinel.conf");
    Files.writeString(
        file, "port " + port + "\ndir \"" + folder + "\"\n" + String.join("\n", directives) + "\n");
    Config config = CommandLine.of(file.toString(), "--sentinel").load(System.in);
    return SentinelServer.start(config, new Log(config, log), () -> {});
  }

  private String ask(String... words) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      return String.valueOf(client.command(words).text());
    }
  }

  @Test
  void aFileThatIsGoneIsWrittenAnew() throws Exception {
    try (SentinelServer server = start("# mine", "sentinel monitor m 127.0.0.1 1 2")) {
      assertThat(ask("PING")).isEqualTo("PONG");
      Files.delete(file);
      assertThat(ask("SENTINEL", "FLUSHCONFIG")).isEqualTo("OK");
      assertThat(file)
          .content()
          .contains("port " + port + "\n", "# mine\n", "sentinel monitor m 127.0.0.1 1 2\n")
          .contains("sentinel myid ");
      assertThat(server.hasEnded()).isFalse();
    }
  }

  @Test
  void whatBecomesOfScripts() throws Exception {
    List<String> directives = new ArrayList<>();
    for (String how : List.of("exit 0", "exit 1", "exit 255", "kill -9 $$")) {
      String name = how.replaceAll("[^a-z0-9]", "");
      Path script = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + how + "\n");
      assertThat(script.toFile().setExecutable(true)).isTrue();
      directives.add("sentinel monitor " + name + " 127.0.0.1 1 2");
      directives.add("sentinel notification-script " + name + " " + script);
    }
    try (SentinelServer server = start(directives.toArray(String[]::new));
        Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      await()
          .untilAsserted(
              () ->
                  assertThat(log.toString(StandardCharsets.ISO_8859_1))
                      .contains("# -script-error " + folder.resolve("exit255") + " 0 255"));
      await()
          .untilAsserted(
              () -> {
                String pending = client.command("SENTINEL", "PENDING-SCRIPTS").toString();
                assertThat(pending)
                    .contains("exit1", "kill9", "scheduled")
                    .doesNotContain("exit0", "exit255", "running");
              });
      assertThat(log.toString(StandardCharsets.ISO_8859_1)).containsOnlyOnce("-script-error");
      assertThat(server.hasEnded()).isFalse();
    }
  }

  @Test
  void idleClientsAreEndedUnlessTheyListen() throws Exception {
    try (SentinelServer server = start("timeout 1");
        Client idle = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
        Client listener = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      listener.command("HELLO", "3");
      listener.send("SUBSCRIBE", "x");
      listener.flush();
      assertThatThrownBy(idle::receive).isInstanceOf(EOFException.class);
      assertThat(ask("CLIENT", "LIST", "TYPE", "pubsub")).contains("sub=1");
      assertThat(server.hasEnded()).isFalse();
    }
  }

  @Test
  void serversAreReachedFromTheAddressThatIsSet() throws Exception {
    try (ServerSocket primary = new ServerSocket(0, 9, InetAddress.getByName("127.0.0.1"));
        SentinelServer server =
            start(
                "bind-source-addr 127.0.0.3",
                "sentinel monitor m 127.0.0.1 " + primary.getLocalPort() + " 1");
        Socket link = primary.accept()) {
      assertThat(link.getInetAddress().getHostAddress()).isEqualTo("127.0.0.3");
      assertThat(server.hasEnded()).isFalse();
    }
  }

  @Test
  void inProtectedModeOnlyThisMachineComesIn() throws Exception {
    String elsewhere = null;
    for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
      for (InetAddress address : Collections.list(each.getInetAddresses())) {
        elsewhere =
            address instanceof Inet4Address && !address.isLoopbackAddress()
                ? address.getHostAddress()
                : elsewhere;
      }
    }
    assumeThat(elsewhere).as("an address that isn't local").isNotNull();
    try (SentinelServer server = start("protected-mode yes");
        Client client = Client.connect(elsewhere, port).timeoutMillis(20_000)) {
      assertThat(client.receive().text()).startsWith("DENIED ");
      assertThat(ask("PING")).isEqualTo("PONG");
      assertThat(server.hasEnded()).isFalse();
    }
  }

  @Test
  void withoutAFileNothingIsStarted() throws Exception {
    Process process =
        ServerProcess.of("--sentinel", "--port", "" + RealRedis.freePort())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    assertThat(process.waitFor()).isEqualTo(1);
    assertThat(said).contains("Sentinel needs config file on disk to save state. Exiting...");
  }

  /// The command, in a shell of root's that does something to a file first: root may write to every
  /// file, but not to one that is mounted otherwise.
  private static ProcessBuilder readOnly(Path file, List<String> command) {
    boolean isRoot = System.getProperty("user.name").equals("root");
    List<String> words = new ArrayList<>();
    if (isRoot) {
      String mount = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
      words.addAll(List.of("unshare", "--mount", "sh", "-c", mount, file.toString()));
    }
    words.addAll(command);
    return new ProcessBuilder(words).redirectErrorStream(true);
  }

  /// What a program says of its file, and its exit status.
  private static String said(Process process) throws Exception {
    String all = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    int at = all.indexOf("Sentinel config file ");
    return process.waitFor() + ": " + (at < 0 ? all : all.substring(at).strip());
  }

  @Test
  void aFileThatMayNotBeWrittenToIsRefusedAsByARealOne() throws Exception {
    Path made = Files.writeString(folder.resolve("read-only.conf"), "port 0\n");
    assertThat(made.toFile().setWritable(false)).isTrue();
    String refused = said(readOnly(made, List.of("sh", "-c", ": >>" + made)).start());
    assumeThat(refused).as("a file that can't be written to").doesNotStartWith("0:");
    assumeThat(refused).doesNotContain("mount");
    String ours =
        said(readOnly(made, ServerProcess.of(made.toString(), "--sentinel").command()).start());
    assertThat(ours)
        .matches(
            "1: Sentinel config file .*/read-only.conf is not writable: "
                + "(Permission denied|Read-only file system)\\. Exiting\\.\\.\\.");
    assertThat(made).content().isEqualTo("port 0\n");
    Path binary = RealRedis.binary();
    if (binary != null) {
      List<String> real = List.of(binary.toString(), made.toString(), "--sentinel");
      assertThat(ours).isEqualTo(said(readOnly(made, real).start()));
    }
  }

  /// Containers run a program as process 1, whose children are all that have lost their parent.
  @Test
  void asTheFirstProcessItKnowsHowItsScriptsEndAndForgetsOrphans() throws Exception {
    List<String> apart = List.of("unshare", "--pid", "--fork", "--kill-child", "--mount-proc");
    List<String> probe = new ArrayList<>(apart);
    probe.add("true");
    assumeThat(said(new ProcessBuilder(probe).redirectErrorStream(true).start()))
        .as("namespaces of processes")
        .isEqualTo("0: ");
    Path script =
        Files.writeString(folder.resolve("script"), "#!/bin/sh\n(sleep .3; exit 0) &\nexit 1\n");
    assertThat(script.toFile().setExecutable(true)).isTrue();
    port = RealRedis.freePort();
    file =
        Files.writeString(
            folder.resolve("sentinel.conf"),
            "port %d\ndir \"%s\"\nsentinel monitor m 127.0.0.1 1 2\n".formatted(port, folder)
                + "sentinel notification-script m "
                + script
                + "\n");
    List<String> command = new ArrayList<>(apart);
    command.addAll(ServerProcess.of(file.toString(), "--sentinel").command());
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    try {
      await()
          .ignoreExceptionsInstanceOf(IOException.class)
          .atMost(30, TimeUnit.SECONDS)
          .untilAsserted(
              () -> {
                try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
                  String pending = client.command("SENTINEL", "PENDING-SCRIPTS").toString();
                  assertThat(pending).contains("scheduled").doesNotContain("running");
                }
              });
      await()
          .atMost(30, TimeUnit.SECONDS)
          .untilAsserted(() -> assertThat(process.descendants()).hasSize(1)); // Java alone
      assertThat(folder.resolve("log")).content().contains("1:X ").doesNotContain("-script-error");
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void shutdownIsSaid() throws Exception {
    try (SentinelServer server = start();
        Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      client.send("SHUTDOWN");
      client.flush();
      server.awaitStop();
      assertThat(log.toString(StandardCharsets.ISO_8859_1))
          .containsOnlyOnce("* User requested shutdown...");
    }
  }

  @Test
  void commandsAndClientsAreDescribed() throws Exception {
    try (SentinelServer server = start();
        Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      RespValue described = client.command("COMMAND", "info", "PING", "nobody");
      assertThat(described.elements()).hasSize(2);
      assertThat(described.elements().get(0).elements().getFirst().text()).isEqualTo("ping");
      assertThat(described.elements().get(1).isNil()).isTrue();
      assertThat(client.command("COMMAND", "HELP").elements()).hasSizeGreaterThan(5);
      assertThat(client.command("COMMAND", "GETKEYSANDFLAGS", "publish", "a", "b").text())
          .isEqualTo("ERR The command has no key arguments");
      assertThat(client.command("COMMAND", "GETKEYS", "get", "a").text())
          .isEqualTo("ERR Invalid command specified");
      assertThat(client.command("COMMAND", "GETKEYS").text())
          .isEqualTo("ERR wrong number of arguments for 'command|getkeys' command");
      String line = client.command("CLIENT", "LIST").text();
      List<String> fields = new ArrayList<>();
      for (String field : line.strip().split(" ")) {
        fields.add(field.substring(0, field.indexOf('=')));
      }
      assertThat(String.join(" ", fields))
          .isEqualTo(
              "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem"
                  + " multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name"
                  + " lib-ver");
      assertThat(line).contains(" cmd=client|list ");
      assertThat(server.hasEnded()).isFalse();
    }
  }
}
