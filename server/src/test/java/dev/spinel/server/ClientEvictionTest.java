package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// `maxmemory-clients`: who takes most is closed, and nobody else.
class ClientEvictionTest {
  private final ByteArrayOutputStream logged = new ByteArrayOutputStream();

  private Server server(String limit) throws Exception {
    Config config =
        Config.of("port", "0", "event-loops", "2", "save", "", "maxmemory-clients", limit);
    Server server = new Server(config, new Log(config, logged), Clock.SYSTEM);
    server.startAtAnyPort();
    return server;
  }

  private static Client client(Server server, String name) throws Exception {
    Client client = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000);
    client.command("CLIENT", "SETNAME", name);
    return client;
  }

  /// A client that has sent a part of a command.
  private static Client halfway(Server server, String name, int bytes) throws Exception {
    Client client = client(server, name);
    client.sendRaw(("*2\r\n$" + 2 * bytes + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
    client.sendRaw(new byte[bytes]);
    client.flush();
    return client;
  }

  private static String list(Client control) throws Exception {
    return control.command("CLIENT", "LIST").text();
  }

  @Test
  void theLargestGoUntilTheRestIsBelowTheLimit() throws Exception {
    List<Client> clients = new ArrayList<>();
    try (Server server = server("0");
        Client control = client(server, "control")) {
      control.command("CLIENT", "NO-EVICT", "ON");
      for (int i = 0; i < 3; i++) {
        clients.add(halfway(server, "small" + i, 200_000));
        clients.add(halfway(server, "large" + i, 2_000_000));
      }
      await()
          .untilAsserted(
              () ->
                  assertThat(list(control).lines().filter(line -> held(line) > 199_999))
                      .hasSize(6));
      control.command("CONFIG", "SET", "maxmemory-clients", "3000000");
      assertThat(list(control)).contains("name=small0", "name=small1", "name=small2");
      assertThat(list(control).lines().filter(line -> line.contains("name=large"))).hasSize(1);
      control.command("CONFIG", "SET", "maxmemory-clients", "1000000");
      assertThat(list(control).lines().filter(line -> line.contains("name=large"))).isEmpty();
      assertThat(list(control)).contains("name=small0", "name=small1", "name=small2");
      assertThat(control.command("INFO", "stats").text()).contains("\nevicted_clients:3\r");
      control.command("CONFIG", "SET", "maxmemory-clients", "1");
      assertThat(list(control)).contains("name=control").doesNotContain("name=small");
    } finally {
      for (Client each : clients) {
        each.close();
      }
    }
    assertThat(logged.toString(StandardCharsets.UTF_8)).contains("Evicting client: id=");
  }

  private static long held(String line) {
    return Long.parseLong(line.replaceFirst(".* tot-mem=(\\d+) .*", "$1"));
  }

  @Test
  void aCallWhoseArgumentsAreTooManyDoesNotRun() throws Exception {
    try (Server server = server("500000");
        Client control = client(server, "control");
        Client large = client(server, "large")) {
      large.send("SET", "k", "x".repeat(600_000));
      large.flush();
      await().untilAsserted(() -> assertThat(list(control)).doesNotContain("name=large"));
      assertThat(control.command("EXISTS", "k").integer()).isZero();
    }
  }

  /// Both what they send and what they don't take.
  @Test
  void clientsGoBeforeKeys() throws Exception {
    List<Client> clients = new ArrayList<>();
    try (Server server = server("3mb");
        Client control = client(server, "control")) {
      control.command("CLIENT", "NO-EVICT", "ON");
      control.command("CONFIG", "SET", "maxmemory", "11mb", "maxmemory-policy", "allkeys-lru");
      for (int i = 0; i < 50; i++) {
        control.command("SETRANGE", "key" + i, "100000", "x");
      }
      String half = "*250\r\n" + ("$1000\r\n" + "x".repeat(1000) + "\r\n").repeat(249);
      for (int i = 0; i < 20; i++) {
        Client each = client(server, "half");
        clients.add(each);
        each.sendRaw(half.getBytes(StandardCharsets.ISO_8859_1));
        each.flush();
      }
      await().untilAsserted(() -> assertThat(evicted(control, "clients")).isPositive());
      long before = evicted(control, "clients");
      for (int i = 0; i < 4; i++) {
        Client each = client(server, "deaf");
        clients.add(each);
        for (int n = 0; n < 200; n++) {
          each.send("GET", "key1");
        }
        each.flush();
      }
      await().untilAsserted(() -> assertThat(evicted(control, "clients")).isGreaterThan(before));
      assertThat(evicted(control, "keys")).isZero();
      assertThat(control.command("DBSIZE").integer()).isEqualTo(50);
    } finally {
      for (Client each : clients) {
        each.close();
      }
    }
  }

  @Test
  void infoTellsHowTheLoopsSpendTheirTime() throws Exception {
    try (Server server = server("0");
        Client control = client(server, "control")) {
      for (String field : List.of("duration_cron_sum", "duration_max", "cmd_per_cycle_max")) {
        await()
            .untilAsserted(
                () ->
                    assertThat(control.command("INFO", "debug").text())
                        .containsPattern("\neventloop_" + field + ":[1-9]"));
      }
    }
  }

  private static long evicted(Client control, String what) throws Exception {
    String stats = control.command("INFO", "stats").text();
    return Long.parseLong(stats.replaceFirst("(?s).*\nevicted_" + what + ":(\\d+).*", "$1"));
  }

  @Test
  void whatIsClosedCountsNoMore() throws Exception {
    try (Server server = server("1000000");
        Client control = client(server, "control")) {
      for (int i = 0; i < 20; i++) {
        try (Client each = halfway(server, "each", 300_000)) {
          assertThat(each).isNotNull();
        }
        await().untilAsserted(() -> assertThat(list(control)).doesNotContain("name=each"));
      }
      assertThat(control.command("INFO", "stats").text()).contains("\nevicted_clients:0\r");
    }
  }
}
