package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What Sentinels and servers say to each other over real connections: users and passwords, other
/// names of commands, other addresses, scripts that don't end, refusals.
@Timeout(90)
class SentinelServersTest {
  /// What a Sentinel needs at a server.
  private static final String RIGHTS =
      "on >watching allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role"
          + " +publish +info +client|setname +client|kill +script|kill";

  @TempDir private Path folder;
  private final List<AutoCloseable> toClose = new ArrayList<>();

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : toClose.reversed()) {
      each.close();
    }
  }

  private static void soon(ThrowingRunnable assertion) {
    await().atMost(40, TimeUnit.SECONDS).untilAsserted(assertion);
  }

  private Spinel server(List<String> settings, String... more) {
    List<String> all = new ArrayList<>(settings);
    all.addAll(List.of(more));
    Spinel server = Spinel.start(all.toArray(String[]::new));
    toClose.add(server);
    return server;
  }

  /// A client of one command.
  private static RespValue ask(String host, int port, String user, String password, String... words)
      throws IOException {
    try (Client client = Client.connect(host, port).timeoutMillis(20_000)) {
      if (!password.isEmpty()) {
        assertThat(client.command("AUTH", user, password).text()).isEqualTo("OK");
      }
      return client.command(words);
    }
  }

  /// A Sentinel, which is in a hurry.
  private final class Watcher {
    final int port = RealRedis.freePort();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final String password;

    Watcher(String name, String password, String... directives) throws Exception {
      this.password = password;
      Path file =
          Files.writeString(
              folder.resolve(name),
              "port " + port + "\ndir \"" + folder + "\"\n" + String.join("\n", directives) + "\n");
      Config config = CommandLine.of(file.toString(), "--sentinel").load(System.in);
      toClose.add(SentinelServer.start(config, new Log(config, out), () -> {}));
      String periods = "INFO-PERIOD 200 PUBLISH-PERIOD 200 PING-PERIOD 200 ASK-PERIOD 200";
      List<String> words = new ArrayList<>(List.of("SENTINEL", "DEBUG"));
      words.addAll(List.of(periods.split(" ")));
      assertThat(ask(words.toArray(String[]::new)).text()).isEqualTo("OK");
    }

    RespValue ask(String... words) throws IOException {
      return SentinelServersTest.ask("127.0.0.1", port, "peer", password, words);
    }

    String log() {
      return out.toString(StandardCharsets.ISO_8859_1);
    }

    String where() throws IOException {
      return String.valueOf(ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m"));
    }
  }

  @Test
  void usersAndOtherNamesOfCommandsAreUsedAndOtherAddressesAreTold() throws Exception {
    List<String> settings =
        List.of(
            "user",
            "watcher " + RIGHTS,
            "requirepass",
            "secret",
            "masterauth",
            "secret",
            "repl-diskless-sync-delay",
            "0",
            "rename-command",
            "SLAVEOF obey",
            "rename-command",
            "CONFIG settings",
            "rename-command",
            "PUBLISH shout");
    Spinel primary = server(settings);
    String of = "127.0.0.1 " + primary.port();
    Spinel replica = server(settings, "replicaof", of);
    Spinel hidden =
        server(settings, "replicaof", of, "replica-announced", "no", "replica-priority", "0");
    String[] common = {
      "user default off",
      "user peer on >sentinels +@all allchannels",
      "sentinel sentinel-user peer",
      "sentinel sentinel-pass sentinels",
      "sentinel monitor m " + of + " 2",
      "sentinel down-after-milliseconds m 500",
      "sentinel auth-user m watcher",
      "sentinel auth-pass m watching",
      "sentinel rename-command m SLAVEOF obey",
      "sentinel rename-command m CONFIG settings",
      "sentinel rename-command m PUBLISH shout",
      "sentinel announce-ip 127.0.0.7"
    };
    Watcher first = new Watcher("first.conf", "sentinels", common);
    Watcher second = new Watcher("second.conf", "sentinels", common);
    for (Watcher each : List.of(first, second)) {
      soon(
          () -> {
            assertThat(each.ask("INFO", "sentinel").text())
                .contains("status=ok,", ",slaves=2,sentinels=2");
            List<RespValue> shown = each.ask("SENTINEL", "REPLICAS", "m").elements();
            assertThat(shown).hasSize(1); // the hidden one isn't announced
            assertThat(shown.toString()).contains("" + replica.port());
          });
      Watcher other = each == first ? second : first;
      soon(
          () ->
              assertThat(String.valueOf(each.ask("SENTINEL", "SENTINELS", "m")))
                  .contains("127.0.0.7", "" + other.port)
                  .doesNotContain("s_down", "disconnected"));
    }
    primary.close();
    for (Watcher each : List.of(first, second)) {
      soon(() -> assertThat(each.where()).contains("" + replica.port()));
    }
    soon(
        () ->
            assertThat(String.valueOf(ask("127.0.0.1", hidden.port(), "default", "secret", "ROLE")))
                .contains("slave", "" + replica.port(), "connected"));
    // By the other name, with the right to it: else it would have kept its clients.
    assertThat(first.log() + second.log()).contains("+promoted-slave slave 127.0.0.1:");
    assertThat(first.ask("SENTINEL", "CONFIG", "SET", "announce-port", "12345").text())
        .isEqualTo("OK");
    soon(
        () ->
            assertThat(String.valueOf(second.ask("SENTINEL", "SENTINELS", "m"))).contains("12345"));
    assertThat(second.log()).contains("+sentinel-address-switch master m ");
    assertThat(folder.resolve("first.conf"))
        .content()
        .contains(
            "sentinel announce-ip 127.0.0.7\n",
            "sentinel announce-port 12345\n",
            "sentinel auth-user m watcher\n",
            "sentinel rename-command m SLAVEOF obey\n",
            "sentinel sentinel-user peer\n",
            "sentinel monitor m 127.0.0.1 " + replica.port() + " 2\n");
  }

  @Test
  void aScriptThatDoesNotEndIsKilledAndServersOfIpv6AreWatchedAsOthers() throws Exception {
    try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getByName("::1"))) {
      assertThat(probe.getLocalPort()).isPositive();
    } catch (IOException e) {
      assumeThat(e).as("IPv6 here").isNull();
    }
    List<String> settings =
        List.of("bind", "::1", "busy-reply-threshold", "50", "repl-diskless-sync-delay", "0");
    Spinel primary = server(settings);
    Spinel replica = server(settings, "replicaof", "::1 " + primary.port());
    Watcher sentinel =
        new Watcher(
            "sentinel.conf",
            "",
            "sentinel monitor m ::1 " + primary.port() + " 2",
            "sentinel down-after-milliseconds m 500");
    soon(
        () ->
            assertThat(String.valueOf(sentinel.ask("SENTINEL", "REPLICAS", "m")))
                .contains("[::1]:" + replica.port(), "master-link-status", "ok"));
    try (Client client = Client.connect("::1", primary.port()).timeoutMillis(40_000)) {
      assertThat(client.command("EVAL", "while true do end", "0").text())
          .contains("Script killed by user with SCRIPT KILL");
    }
    soon(
        () ->
            assertThat(sentinel.log())
                .containsSubsequence(
                    "+sdown master m ::1 " + primary.port(),
                    "-sdown master m ::1 " + primary.port()));
    assertThat(sentinel.ask("SENTINEL", "SET", "m", "quorum", "1").text()).isEqualTo("OK");
    primary.close();
    soon(() -> assertThat(sentinel.where()).contains("::1", "" + replica.port()));
    assertThat(sentinel.log())
        .contains("+switch-master m ::1 " + primary.port() + " ::1 " + replica.port());
    assertThat(String.valueOf(ask("::1", replica.port(), "", "", "ROLE"))).contains("master");
  }

  @Test
  void aRealPrimaryThatCannotHandOverSaysWhy() throws Exception {
    try (RealRedis primary =
        RealRedis.ready(
            folder, "--rename-command", "FAILOVER", "", "--repl-diskless-sync-delay", "0")) {
      Spinel replica = server(List.of("replicaof", "127.0.0.1 " + primary.port()));
      Watcher sentinel =
          new Watcher("sentinel.conf", "", "sentinel monitor m 127.0.0.1 " + primary.port() + " 1");
      soon(
          () ->
              assertThat(String.valueOf(sentinel.ask("SENTINEL", "REPLICAS", "m")))
                  .contains("127.0.0.1:" + replica.port()));
      soon(
          () -> {
            RespValue reply = sentinel.ask("SENTINEL", "FAILOVER", "m", "COORDINATED");
            assertThat(reply.isError()).isTrue();
            assertThat(reply.text()).startsWith("ERR unknown command 'FAILOVER'");
          });
      assertThat(sentinel.log())
          .contains("-failover-abort-master-refuses master m 127.0.0.1 ", "#ERR unknown command");
      assertThat(sentinel.where()).contains("" + primary.port());
      assertThat(primary.call("ROLE").toString()).startsWith("[master");
      assertThat(sentinel.ask("SENTINEL", "FAILOVER", "m").text()).isEqualTo("OK"); // the other way
      soon(() -> assertThat(sentinel.where()).contains("" + replica.port()));
    }
  }
}
