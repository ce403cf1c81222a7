package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.wire.Quoting;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The debugger of scripts: dialogues as a real 7.2.6 has them, and what other clients see.
@Timeout(240)
class DebuggerTest {
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private Spinel spinel;

  @BeforeEach
  void start() {
    spinel = Spinel.start(log, "enable-debug-command", "yes", "event-loops", "2");
  }

  @AfterEach
  void stop() {
    spinel.close();
    assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain("A bug", "can't be debugged");
  }

  /// One of the recorded dialogues. Its lines say what is said by whom.
  private record Dialogue(
      String title, List<String> before, String script, List<String> words, List<String> lines) {
    static List<Dialogue> recorded() throws IOException {
      List<Dialogue> all = new ArrayList<>();
      List<String> before = new ArrayList<>();
      List<String> script = new ArrayList<>();
      List<String> words = List.of();
      List<String> lines = List.of();
      String title = "";
      boolean speaks = true;
      for (String line : text().split("\n", -1)) {
        if (line.startsWith("== ")) {
          title = line.substring(3);
          before = new ArrayList<>();
          script = new ArrayList<>();
          speaks = false;
        } else if (line.startsWith("---- ") && !speaks) {
          speaks = true;
          words = words(line.substring("---- ".length()), String.join("\n", script));
          lines = new ArrayList<>();
          all.add(new Dialogue(title, before, String.join("\n", script), words, lines));
        } else if (speaks) {
          if (!title.isEmpty()) {
            lines.add(line);
          }
        } else if (line.startsWith("++ ")) {
          before.add(line.substring(3));
        } else {
          script.add(line);
        }
      }
      lines.removeLast(); // behind the last line's end
      return all;
    }

    private static String text() throws IOException {
      try (var in = DebuggerTest.class.getResourceAsStream("debugger-7.2.6.txt")) {
        return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
      }
    }

    private static List<String> words(String keysAndArguments, String script) {
      String[] halves = keysAndArguments.split(",", -1);
      List<String> keys = Quoting.split(halves[0]);
      List<String> words = new ArrayList<>(List.of("EVAL", script, "" + keys.size()));
      words.addAll(keys);
      words.addAll(Quoting.split(halves[1]));
      return words;
    }

    /// Has it again with the server at this port: what is said then.
    List<String> with(int port) throws IOException {
      List<String> said = new ArrayList<>();
      try (RawPeer peer = new RawPeer(port, 2)) {
        peer.ask("FLUSHALL");
        for (String line : before) {
          peer.ask(Quoting.split(line).toArray(String[]::new));
        }
        String mode = script.startsWith("mode sync\n") ? "sync" : "yes";
        assertThat(peer.ask("SCRIPT", "DEBUG", mode)).isEqualTo("+OK\r\n");
        List<String> call = new ArrayList<>(words);
        call.set(1, script.replaceFirst("^mode sync\n", ""));
        List<String> turn = said(peer.ask(call.toArray(String[]::new)), said);
        for (String line : lines) {
          if (line.startsWith("> ")) {
            said.add(line);
            turn = said(peer.ask(split(line.substring(2))), said);
          }
        }
        if (turn.contains("<endsession>")) {
          String reply = peer.read("");
          said.add("= " + reply.substring(0, reply.length() - 2).replace("\r\n", "\\r\\n"));
          assertThat(peer.read("")).isEqualTo("<closed>");
        }
      }
      return said;
    }

    private static List<String> said(String reply, List<String> to) {
      List<String> lines = new ArrayList<>();
      for (String line : reply.split("\r\n")) {
        if (!line.startsWith("*") || line.startsWith("* ")) {
          lines.add(line.substring(1).replaceAll("@0x[0-9a-f]+", "@0x"));
        }
      }
      to.addAll(lines);
      return lines;
    }

    private static String[] split(String line) {
      for (String verb : List.of("e", "eval")) {
        if (line.startsWith(verb + " ")) {
          return new String[] {verb, line.substring(verb.length() + 1)};
        }
      }
      return line.split(" ");
    }
  }

  @Test
  void dialoguesAreThoseOfARealServer() throws IOException {
    for (Dialogue dialogue : Dialogue.recorded()) {
      assertThat(dialogue.with(spinel.port())).as(dialogue.title()).isEqualTo(dialogue.lines());
    }
  }

  @Test
  void theRecordedDialoguesAreWhatARealServerSays(@TempDir Path folder) throws Exception {
    try (RealRedis real = RealRedis.ready(folder)) {
      assumeTrue(real.isSeven2(), "REDIS_SERVER isn't a 7.2");
      for (Dialogue dialogue : Dialogue.recorded()) {
        assertThat(dialogue.with(real.port())).as(dialogue.title()).isEqualTo(dialogue.lines());
      }
    }
  }

  @Test
  void theStockClientDebugs(@TempDir Path folder) throws Exception {
    Path script = Files.writeString(folder.resolve("s.lua"), "local a = 7\nreturn a + ARGV[1]\n");
    ProcessBuilder client =
        new ProcessBuilder(
            List.of(
                "redis-cli", "-p", "" + spinel.port(), "--ldb", "--eval", "" + script, ",", "1"));
    client.environment().remove("TERM");
    client.redirectErrorStream(true);
    Process process;
    try {
      process = client.start();
    } catch (IOException e) {
      assumeTrue(false, "no redis-cli");
      throw e;
    }
    process.getOutputStream().write("s\np a\ns\nquit\n".getBytes(StandardCharsets.US_ASCII));
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    assertThat(said)
        .contains("* Stopped at 1, stop reason = step over\n-> 1   local a = 7\n")
        .contains("-> 2   return a + ARGV[1]\n<value> 7\n")
        .endsWith(
            "(integer) 8\n\n(Lua debugging session ended -- dataset changes rolled back)\n\n");
  }

  @Test
  void helpNamesEveryCommand() throws IOException {
    try (RawPeer peer = begin("yes", "return 1")) {
      String help = peer.ask("help");
      for (String command :
          List.of(
              "step",
              "next",
              "continue",
              "list",
              "whole",
              "print",
              "break",
              "trace",
              "eval",
              "redis",
              "maxlen",
              "abort",
              "redis.debug",
              "redis.breakpoint")) {
        assertThat(help).contains("+" + command);
      }
    }
  }

  private RawPeer begin(String mode, String script, String... keys) throws IOException {
    RawPeer peer = new RawPeer(spinel.port(), 2);
    peer.ask("SCRIPT", "DEBUG", mode);
    List<String> words = new ArrayList<>(List.of("EVAL", script, "" + keys.length));
    words.addAll(List.of(keys));
    assertThat(peer.ask(words.toArray(String[]::new))).startsWith("*2\r\n+* Stopped at 1");
    return peer;
  }

  @Test
  void othersAreServedMeanwhileAndNothingIsChanged() throws IOException {
    try (RawPeer other = new RawPeer(spinel.port(), 2);
        RawPeer first = begin("yes", "redis.call('incr', KEYS[1])\nreturn 1", "k");
        RawPeer second = begin("yes", "return redis.call('get', 'k')")) {
      assertThat(first.ask("s")).contains("<reply> 1");
      assertThat(other.ask("GET", "k")).isEqualTo("$-1\r\n");
      assertThat(other.ask("SET", "k", "7")).isEqualTo("+OK\r\n");
      assertThat(first.ask("r", "get", "k")).contains("<reply> \"1\"");
      assertThat(first.ask("c")).contains("<endsession>");
      assertThat(first.read("")).isEqualTo(":1\r\n");
      assertThat(second.ask("s")).contains("<reply> \"7\"").contains("<endsession>");
      assertThat(second.read("")).isEqualTo("$1\r\n7\r\n");
      assertThat(other.ask("GET", "k")).isEqualTo("$1\r\n7\r\n");
    }
  }

  @Test
  void aScriptSeesAllDataOfAllKindsAndItsTimes() throws IOException {
    try (RawPeer other = new RawPeer(spinel.port(), 2)) {
      other.ask("RPUSH", "list", "a", "b");
      other.ask("HSET", "hash", "f", "v");
      other.ask("ZADD", "zset", "1.5", "m");
      other.ask("XADD", "stream", "1-1", "f", "v");
      other.ask("SET", "timed", "v", "EX", "1000");
      other.ask("SELECT", "3");
      other.ask("SET", "there", "v");
      try (RawPeer peer = begin("yes", "return 1")) {
        assertThat(peer.ask("r", "dbsize")).contains("<reply> 5");
        assertThat(peer.ask("r", "lrange", "list", "0", "-1")).contains("[\"a\",\"b\"]");
        assertThat(peer.ask("r", "hgetall", "hash")).contains("[\"f\",\"v\"]");
        assertThat(peer.ask("r", "zscore", "zset", "m")).contains("<reply> \"1.5\"");
        assertThat(peer.ask("r", "xlen", "stream")).contains("<reply> 1");
        assertThat(peer.ask("r", "ttl", "timed")).containsPattern("<reply> (1000|99\\d)");
        assertThat(peer.ask("r", "move", "list", "3")).contains("<reply> 1");
        assertThat(peer.ask("r", "select", "3")).contains("OK");
        assertThat(peer.ask("r", "dbsize")).contains("<reply> 2");
        assertThat(peer.ask("r", "flushall")).contains("OK");
        assertThat(peer.ask("r", "exists", "there")).contains("<reply> 0");
      }
      assertThat(other.ask("EXISTS", "there", "list")).isEqualTo(":1\r\n");
      other.ask("SELECT", "0");
      assertThat(other.ask("DBSIZE")).isEqualTo(":5\r\n");
    }
  }

  @Test
  void onANodeOfAClusterTheKeysOfTheNodeAreLent(@TempDir Path folder) throws IOException {
    spinel.close();
    String[] settings = {
      "cluster-enabled", "yes", "cluster-node-timeout", "500", "dir", folder.toString()
    };
    spinel = Spinel.start(log, settings);
    try (RawPeer other = new RawPeer(spinel.port(), 2)) {
      other.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      await()
          .atMost(40, TimeUnit.SECONDS)
          .until(() -> other.ask("SET", "k", "7").equals("+OK\r\n"));
      try (RawPeer peer = begin("yes", "return redis.call('incr', 'k')", "k")) {
        assertThat(peer.ask("s")).contains("<reply> 8").contains("<endsession>");
      }
      assertThat(other.ask("GET", "k")).isEqualTo("$1\r\n7\r\n");
    }
  }

  @Test
  void inSyncModeOthersWaitAndChangesStay() throws IOException {
    try (RawPeer other = new RawPeer(spinel.port(), 2);
        RawPeer peer = begin("sync", "redis.call('set', 'k', 'v')\nreturn 1")) {
      other.send("GET", "k");
      assertThat(peer.ask("s")).contains("<reply> \"+OK\"");
      assertThat(peer.ask("p")).contains("No local variables");
      assertThat(peer.ask("s")).contains("<endsession>");
      assertThat(peer.read("")).isEqualTo(":1\r\n");
      assertThat(other.read("")).isEqualTo("$1\r\nv\r\n");
    }
  }

  @Test
  void inSyncModeScriptKillEndsAScriptThatHasWrittenNothing() throws IOException {
    try (RawPeer other = new RawPeer(spinel.port(), 2);
        RawPeer peer = begin("sync", "local a = 1\nfor i = 1, 1e9 do a = a + 1 end\nreturn a")) {
      assertThat(other.ask("SCRIPT", "KILL")).isEqualTo("+OK\r\n");
      assertThat(peer.read("")).contains("<endsession>");
      assertThat(peer.read("")).contains("Script killed by user");
      assertThat(other.ask("PING")).isEqualTo("+PONG\r\n");
    }
  }

  @Test
  void aScriptWhoseClientHasGoneRunsOnInSyncModeAndEndsOtherwise() throws IOException {
    try (RawPeer other = new RawPeer(spinel.port(), 2)) {
      begin("sync", "redis.call('set', 'k', 'v')\nreturn 1").close();
      assertThat(other.ask("GET", "k")).isEqualTo("$1\r\nv\r\n");
      begin("yes", "while true do end").close();
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> log.toString(StandardCharsets.UTF_8).split("has ended").length == 3);
    }
  }

  @Test
  void theServerEndsWhileScriptsAreDebugged() throws IOException {
    try (RawPeer first = begin("yes", "return 1");
        RawPeer second = begin("sync", "return 1")) {
      spinel.close();
      for (RawPeer each : List.of(first, second)) {
        String last = each.read("");
        for (int i = 0; i < 3 && !last.equals("<closed>"); i++) last = each.read("");
        assertThat(last).isEqualTo("<closed>");
      }
    }
  }

  @Test
  void whatCannotBeDebuggedIsRefused() throws IOException {
    try (RawPeer peer = new RawPeer(spinel.port(), 2)) {
      assertThat(peer.ask("SCRIPT", "DEBUG", "x"))
          .isEqualTo("-ERR Use SCRIPT DEBUG YES/SYNC/NO\r\n");
      assertThat(peer.ask("EVAL", "return redis.breakpoint()", "0")).isEqualTo("$-1\r\n");
      peer.ask("SCRIPT", "DEBUG", "yes");
      assertThat(peer.ask("SCRIPT", "DEBUG", "no")).isEqualTo("+OK\r\n");
      assertThat(peer.ask("EVAL", "return 1", "0")).isEqualTo(":1\r\n");
      peer.ask("SCRIPT", "DEBUG", "yes");
      assertThat(peer.ask("EVALSHA", "a".repeat(40), "0"))
          .isEqualTo("-ERR Please use EVAL instead of EVALSHA for debugging\r\n");
      peer.ask("MULTI");
      peer.ask("EVAL", "return 1", "0");
      assertThat(peer.ask("EXEC")).contains("a script of a transaction can't be debugged");
      assertThat(peer.ask("EVAL", "return 1", "1")).isEqualTo("*1\r\n+<endsession>\r\n");
      assertThat(peer.read("")).startsWith("-ERR Number of keys can't be greater");
    }
  }
}
