package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Commands sent all at once, in pieces cut anywhere, are answered as those that wait for each
/// other's replies: whatever is read ahead of the command that runs, it shows nowhere.
@Timeout(60)
class PipelineTest {
  private static final String PASSWORD = "secret";

  @ParameterizedTest
  @CsvSource({"1,nio", "2,auto"})
  void answersAreThoseOfCommandsOneByOne(int loops, String transport) throws Exception {
    long seed = Long.getLong("spinel.seed", 1);
    Random random = new Random(seed);
    try (Server one = start(loops, transport);
        Server other = start(loops, transport)) {
      for (int round = 0; round < 60; round++) {
        List<byte[]> script = script(random, 1 + random.nextInt(400));
        try (Client single = connect(one);
            Client pipelined = connect(other)) {
          ByteArrayOutputStream expected = new ByteArrayOutputStream();
          ByteArrayOutputStream all = new ByteArrayOutputStream();
          for (byte[] request : script) {
            single.sendRaw(request);
            single.flush();
            expected.write(single.raw());
            all.write(request);
          }
          byte[] bytes = all.toByteArray();
          for (int at = 0; at < bytes.length; ) {
            int n = Math.min(bytes.length - at, 1 + random.nextInt(40_000));
            byte[] piece = new byte[n];
            System.arraycopy(bytes, at, piece, 0, n);
            pipelined.sendRaw(piece);
            pipelined.flush();
            at += n;
          }
          ByteArrayOutputStream answers = new ByteArrayOutputStream();
          for (int i = 0; i < script.size(); i++) {
            answers.write(pipelined.raw());
          }
          assertThat(text(answers)).as("seed " + seed).isEqualTo(text(expected));
        }
      }
    }
  }

  /// Several clients pipeline commands for a few keys, each on a loop that looks ahead under their
  /// locks: nothing is lost, and nobody waits for ever.
  @Test
  void clientsOfSeveralLoopsLookAheadAtTheSameKeys() throws Exception {
    int clients = 6;
    int rounds = 300;
    try (Server server = start(3, "auto")) {
      Crowd.of(clients, c -> count(server, rounds, new Random(c))).join();
      try (Client client = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000)) {
        client.command("AUTH", PASSWORD);
        long sum = 0;
        for (int k = 0; k < 20; k++) {
          sum += Long.parseLong(client.command("GET", "{" + k % 3 + "}n" + k).text());
        }
        assertThat(sum).isEqualTo((long) clients * rounds * 40);
      }
    }
  }

  private static void count(Server server, int rounds, Random random) throws IOException {
    try (Client client = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000)) {
      client.command("AUTH", PASSWORD);
      for (int round = 0; round < rounds; round++) {
        ByteArrayOutputStream pipeline = new ByteArrayOutputStream();
        for (int i = 0; i < 40; i++) {
          int k = random.nextInt(20);
          int other = random.nextInt(20);
          pipeline.write(request("INCR", "{" + k % 3 + "}n" + k));
          pipeline.write(
              request("MGET", "{" + k % 3 + "}n" + k, "{" + other % 3 + "}n" + other, "none"));
        }
        client.sendRaw(pipeline.toByteArray());
        client.flush();
        for (int i = 0; i < 80; i++) {
          client.raw();
        }
      }
    }
  }

  /// What was read ahead while the client was known is read again by the rules for strangers.
  @Test
  void whoLogsOutInAPipelineIsAStrangerAtOnce() throws Exception {
    try (Server server = start(1, "auto");
        Client client = connect(server)) {
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      all.write(request("PING"));
      all.write(request("RESET"));
      all.write(request("MGET 1 2 3 4 5 6 7 8 9 10".split(" ")));
      all.write(request("PING"));
      client.sendRaw(all.toByteArray());
      client.flush();
      assertThat(new String(client.rawUntilClosed(), StandardCharsets.US_ASCII))
          .isEqualTo(
              "+PONG\r\n+RESET\r\n-ERR Protocol error: unauthenticated multibulk length\r\n");
    }
  }

  /// An empty request is one that CLIENT REPLY SKIP is for; the error of a malformed one is a
  /// reply.
  @Test
  void repliesAreSkippedAndSwitchedOffWhateverTheRequest() throws Exception {
    try (Server server = start(1, "auto")) {
      for (String empty : List.of("\r\n", "*0\r\n", "*-1\r\n", "\r\n\r\n*0\r\n")) {
        assertThat(answers(server, "CLIENT REPLY SKIP\r\n" + empty + "ECHO a\r\nQUIT\r\n"))
            .isEqualTo("$1\r\na\r\n+OK\r\n");
        try (LocalSession session = new LocalSession(server)) {
          session.run("AUTH", PASSWORD);
          byte[] requests =
              ("CLIENT REPLY SKIP\r\n" + empty + "ECHO a\r\n").getBytes(StandardCharsets.US_ASCII);
          assertThat(session.run(requests)).asString().isEqualTo("$1\r\na\r\n");
          requests = "CLIENT REPLY OFF\r\n*1\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
          assertThat(session.run(requests)).isEmpty();
        }
      }
      String malformed = "*1\r\n\r\n";
      assertThat(answers(server, "CLIENT REPLY OFF\r\n" + malformed)).isEmpty();
      assertThat(answers(server, "CLIENT REPLY SKIP\r\n" + malformed)).isEmpty();
      assertThat(answers(server, "CLIENT REPLY SKIP\r\nPING\r\n" + malformed))
          .startsWith("-ERR Protocol error");
      assertThat(answers(server, "MULTI\r\nSSUBSCRIBE a\r\nEXEC\r\nQUIT\r\n"))
          .isEqualTo(
              "+OK\r\n+QUEUED\r\n*1\r\n"
                  + "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n+OK\r\n");
    }
  }

  private static String answers(Server server, String requests) throws IOException {
    try (Client client = connect(server)) {
      client.sendRaw(requests.getBytes(StandardCharsets.US_ASCII));
      client.flush();
      return new String(client.rawUntilClosed(), StandardCharsets.US_ASCII);
    }
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.ISO_8859_1);
  }

  private static Server start(int loops, String transport) throws IOException {
    Config config =
        Config.of(
            "port",
            "0",
            "bind",
            "127.0.0.1",
            "requirepass",
            PASSWORD,
            "event-loops",
            Integer.toString(loops),
            "io-transport",
            transport);
    Server server =
        new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
    server.startAtAnyPort();
    return server;
  }

  private static Client connect(Server server) throws IOException {
    Client client = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000);
    client.command("AUTH", PASSWORD);
    client.command("FLUSHALL");
    return client;
  }

  private static List<byte[]> script(Random random, int count) {
    List<byte[]> script = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String k = "k" + random.nextInt(40);
      String other = "k" + random.nextInt(40);
      switch (random.nextInt(22)) {
        case 0, 1, 2 -> script.add(request("SET", k, "v" + i));
        case 3, 4, 5 -> script.add(request("GET", k));
        case 6 -> script.add(request("INCR", "n" + k));
        case 7 -> script.add(request("RPUSH", "list", k, other));
        case 8 -> script.add(request("BLPOP", "list", "0.01"));
        case 9 -> script.add(request("MSET", k, "1", other, "2", "{" + k + "}x", "3"));
        case 10 -> script.add(mget(random));
        case 11 -> script.add(request("DEL", k, other));
        case 12 -> script.add(request("MULTI"));
        case 13 -> script.add(request("EXEC"));
        case 14 -> script.add(request("SELECT", Integer.toString(random.nextInt(3))));
        case 15 -> script.add(request("HSET", "hash", k, "v", other, "w"));
        case 16 -> script.add("PING\r\n".getBytes(StandardCharsets.US_ASCII));
        case 17 -> script.add(request("SET", k, "x".repeat(random.nextInt(50_000))));
        case 18 -> script.add(request("RENAME", k, other));
        case 19 -> script.add(request("APPEND", k, "a"));
        case 20 -> {
          if (random.nextInt(4) == 0) {
            script.add(request("RESET"));
            script.add(request("GET", k));
            script.add(request("AUTH", PASSWORD));
          } else {
            script.add(request("NO-SUCH", k));
          }
        }
        default -> script.add(random.nextInt(8) == 0 ? request("FLUSHALL") : request("TYPE", k));
      }
    }
    return script;
  }

  private static byte[] mget(Random random) {
    String[] words = new String[1 + random.nextInt(60)];
    words[0] = "MGET";
    for (int i = 1; i < words.length; i++) {
      words[i] = "k" + random.nextInt(60);
    }
    return request(words.length == 1 ? new String[] {"PING"} : words);
  }

  private static byte[] request(String... words) {
    StringBuilder request = new StringBuilder("*" + words.length + "\r\n");
    for (String word : words) {
      request.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return request.toString().getBytes(StandardCharsets.ISO_8859_1);
  }
}
