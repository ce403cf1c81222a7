package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// What ends a connection that asks for too much, or for nothing any more; and what CLIENT LIST
/// says of them.
@ParameterizedClass
@ValueSource(strings = {"nio", "auto"})
@Timeout(90)
class ClientLimitsTest {
  @Parameter String transport;
  private Server server;

  private void start(String... settings) throws IOException {
    var all = new ArrayList<>(List.of("port", "0", "bind", "127.0.0.1", "event-loops", "1"));
    all.addAll(List.of("io-transport", transport));
    all.addAll(List.of(settings));
    Config config = Config.of(all.toArray(String[]::new));
    server = new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    server.startAtAnyPort();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Client client() throws IOException {
    return Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000);
  }

  private static String field(String list, String name, String clientName) {
    for (String line : list.split("\n")) {
      if (line.contains(" name=" + clientName + " ")) {
        Matcher matcher = Pattern.compile(" " + name + "=(\\S*)").matcher(line);
        assertThat(matcher.find()).isTrue();
        return matcher.group(1);
      }
    }
    return "gone";
  }

  private static String list(Client client) throws IOException {
    return client.command("CLIENT", "LIST").text();
  }

  private static final String[][] PICKS = {
    {"HRANDFIELD", "hash"}, {"SRANDMEMBER", "set"}, {"ZRANDMEMBER", "sorted"}
  };

  private void fill(String member) throws IOException {
    try (Client client = client()) {
      client.command("HSET", "hash", member, "v");
      client.command("SADD", "set", member);
      client.command("ZADD", "sorted", "1", member);
    }
  }

  /// A reply that repeats members is bounded by nothing in the data.
  @Test
  void whoAsksForPicksWithoutEndIsRefused() throws Exception {
    start("proto-max-bulk-len", "1mb");
    fill("m".repeat(100));
    for (String[] pick : PICKS) {
      try (Client client = client()) {
        for (String count : new String[] {"-4611686018427387905", "-174763"})
          assertThat(client.command(pick[0], pick[1], count).text())
              .isEqualTo("ERR value is out of range");
        assertThat(picked(client.command(pick[0], "nothing", "-4611686018427387905"))).isZero();
        assertThat(picked(client.command(pick[0], pick[1], "-9000"))).isEqualTo(9_000);
        assertThatThrownBy(() -> client.command(pick[0], pick[1], "-174762"))
            .as("a reply of 18 MB")
            .isInstanceOf(IOException.class);
      }
      try (Client other = client()) {
        assertThat(other.command("PING").text()).isEqualTo("PONG");
      }
    }
  }

  private static int picked(RespValue reply) {
    return ((RespValue.Array) reply).elements().size();
  }

  @Test
  void picksWithoutEndStopAtTheLimitOfOutput() throws Exception {
    start("client-output-buffer-limit", "normal 100kb 0 0");
    fill("m");
    for (String[] pick : PICKS) {
      try (Client client = client();
          Client other = client()) {
        assertThatThrownBy(() -> client.command(pick[0], pick[1], "-4611686018427387905"))
            .isInstanceOf(IOException.class);
        assertThat(other.command("PING").text()).isEqualTo("PONG");
      }
    }
  }

  @Test
  void picksStopWithTheServer() throws Exception {
    start();
    fill("m");
    server.requestStop();
    for (String[] pick : PICKS) {
      try (Client client = client()) {
        assertThatThrownBy(() -> client.command(pick[0], pick[1], "-80000000"))
            .isInstanceOf(IOException.class);
      }
    }
  }

  /// A client that has said more than it may while it waits leaves like any other.
  @Test
  void whoLeavesWhileWaitingIsNoticedHoweverMuchItHasSaid() throws Exception {
    start();
    try (Client other = client()) {
      for (int size : new int[] {1_000, 120_000, 1_000_000}) {
        try (Client waiting = client()) {
          waiting.send("BLPOP", "k", "0");
          waiting.flush();
          awaitBlocked(other, 1);
          waiting.sendRaw(
              "*1\r\n$4\r\nPING\r\n".repeat(size / 14).getBytes(StandardCharsets.US_ASCII));
          waiting.flush();
        }
        awaitBlocked(other, 0);
        assertThat(other.command("RPUSH", "k", "job").text()).isEqualTo("1");
        assertThat(other.command("LPOP", "k").text()).isEqualTo("job");
      }
    }
  }

  private static void awaitBlocked(Client client, int count) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> client.command("INFO", "clients").text().contains("blocked_clients:" + count));
  }

  @Test
  void aReplyBeyondTheHardLimitIsNeverThereAsAWhole() throws Exception {
    start("client-output-buffer-limit", "normal 4mb 0 0");
    try (Client client = client();
        Client other = client()) {
      other.command("SET", "k", "x".repeat(2_000_000));
      var stop = new AtomicBoolean();
      var most = new long[1];
      var watcher =
          new Thread(
              () -> {
                while (!stop.get()) {
                  most[0] = Math.max(most[0], server.liveBytes());
                }
              });
      watcher.start();
      try {
        String[] many = new String[51];
        java.util.Arrays.fill(many, "k");
        many[0] = "MGET";
        for (int i = 0; i < 3; i++) {
          client.send(many);
        }
        client.flush();
        assertThat(client.rawUntilClosed()).isEmpty();
      } finally {
        stop.set(true);
        watcher.join();
      }
      assertThat(most[0]).isLessThan(20_000_000);
      assertThat(other.command("PING").text()).isEqualTo("PONG");
    }
  }

  @Test
  void theFirst16KilobytesOfOutputCountForNoLimit() throws Exception {
    start("client-output-buffer-limit", "normal 4kb 0 0");
    try (Client client = client()) {
      assertThat(client.command("ECHO", "x".repeat(15_000)).text()).hasSize(15_000);
      client.send("ECHO", "x".repeat(30_000));
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
    }
  }

  @Test
  void theSoftLimitEndsAClientThatAsksForNothingMore() throws Exception {
    start("client-output-buffer-limit", "normal 0 100kb 1");
    try (Client client = client();
        Client other = client()) {
      other.command("SET", "k", "x".repeat(1_000_000));
      client.command("CLIENT", "SETNAME", "slow");
      for (int i = 0; i < 20; i++) {
        client.send("GET", "k");
      }
      client.flush();
      eventually(() -> assertThat(field(list(other), "fd", "slow")).isEqualTo("gone"));
    }
  }

  @Test
  void onlyWhoIsIdleIsClosedForThat() throws Exception {
    start("timeout", "2");
    try (Client monitor = client();
        Client upload = client();
        Client idle = client();
        Client other = client()) {
      assertThat(monitor.command("MONITOR").text()).isEqualTo("OK");
      upload.command("CLIENT", "SETNAME", "upload");
      idle.command("CLIENT", "SETNAME", "idle");
      upload.sendRaw("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n".getBytes());
      int left = 1_000_000;
      while (!field(list(other), "fd", "idle").equals("gone")) {
        upload.sendRaw(new byte[100]);
        upload.flush();
        left -= 100;
        Thread.sleep(5); // what goes on doesn't go on all the time
      }
      String list = list(other);
      assertThat(Integer.parseInt(field(list, "idle", "upload")))
          .isLessThan(Integer.parseInt(field(list, "age", "upload")));
      upload.sendRaw(new byte[left]);
      upload.sendRaw("\r\n".getBytes());
      upload.flush();
      assertThat(upload.receive().text()).isEqualTo("OK");
      assertThat(list(other)).contains(" cmd=monitor ");
    }
  }

  @Test
  void eachClientHasADescriptorOfItsOwn() throws Exception {
    start();
    try (Client one = client();
        Client two = client();
        Client three = client()) {
      one.command("CLIENT", "SETNAME", "one");
      two.command("CLIENT", "SETNAME", "two");
      three.command("CLIENT", "SETNAME", "three");
      var seen = new HashSet<Integer>();
      for (int i = 0; i < 2; i++) {
        String list = list(three);
        for (String name : List.of("one", "two", "three")) {
          seen.add(Integer.parseInt(field(list, "fd", name)));
        }
      }
      assertThat(seen).hasSize(3).allMatch(descriptor -> descriptor > 2);
    }
  }

  private static void eventually(org.awaitility.core.ThrowingRunnable assertion) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(assertion);
  }
}
