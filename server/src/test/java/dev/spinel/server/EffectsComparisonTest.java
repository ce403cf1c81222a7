package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.wire.Client;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What our journal records, beside the AOF that a real `redis-server` writes for the same lines
/// (scripts as in [ComparisonTest]): the same effects in the same order. Times that depend on the
/// clock are compared as such, not by value. Keys are not removed in the background, so that
/// expired ones go at the command that meets them.
///
/// Scripts that block are not among them: the fixture's clock stands still while they wait.
///
/// The fixture then replays our journal, so that the scripts also show that it rebuilds the data.
class EffectsComparisonTest {
  @TempDir Path directory;
  private boolean isSeven2;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "strings-cases",
        "keys-cases",
        "hashes-cases",
        "hashes",
        "strings-matrix",
        "keys",
        "strings-and-keys",
        "sets",
        "sets-operations",
        "zsets",
        "zsets-ranges",
        "zsets-operations",
        "geo",
        "sort",
        "bitmaps",
        "hyperloglogs",
        "streams",
        "streams-groups"
      })
  void theJournalRecordsWhatTheAofDoes(String script) throws Exception {
    List<String> lines;
    try (InputStream in = getClass().getResourceAsStream("/compare/" + script + ".txt")) {
      assertThat(in).isNotNull();
      lines = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1).lines().toList();
    }
    List<String> expected = withRedis(lines);
    assumeTrue(
        isSeven2 || !script.equals("bitmaps"), "Redis 7.0 records a SETBIT that changes nothing");
    assumeTrue(isSeven2 || !lines.getFirst().startsWith("!7.2 "), "beside a 7.2 only");
    List<String> got;
    try (Fixture fixture = new Fixture()) {
      Map<Integer, LocalSession> sessions = new HashMap<>();
      for (Line line : Line.all(lines, isSeven2)) {
        if (line.sleepMillis > 0) {
          fixture.clock.forward(line.sleepMillis);
        } else {
          sessions.computeIfAbsent(line.connection, n -> fixture.session()).run(line.words);
        }
      }
      got = effects(fixture.recorded());
    }
    assertThat(got).isEqualTo(isSeven2 ? expected : asIn72(expected));
  }

  /// Redis 7.0 selects the database before MULTI, 7.2 after it.
  private static List<String> asIn72(List<String> effects) {
    List<String> mended = new ArrayList<>(effects);
    for (int i = 1; i < mended.size(); i++) {
      if (mended.get(i).equals("MULTI") && mended.get(i - 1).startsWith("SELECT ")) {
        mended.set(i, mended.get(i - 1));
        mended.set(i - 1, "MULTI");
      }
    }
    return mended;
  }

  private List<String> withRedis(List<String> lines) throws Exception {
    Map<Integer, Client> clients = new HashMap<>();
    try (RealRedis redis = RealRedis.ready(directory, "--appendonly", "yes")) {
      isSeven2 = redis.isSeven2();
      for (Line line : Line.all(lines, isSeven2)) {
        if (line.sleepMillis > 0) {
          Thread.sleep(line.sleepMillis);
          continue;
        }
        Client client = clients.get(line.connection);
        if (client == null) {
          client = Client.connect("127.0.0.1", redis.port());
          clients.put(line.connection, client);
        }
        client.command(line.words);
      }
      clients.values().forEach(Client::close);
      redis.stop();
    }
    return effects(
        Files.readAllBytes(directory.resolve("appendonlydir/appendonly.aof.1.incr.aof")));
  }

  /// The commands in `bytes`, a text each; a time near now is `NOW`.
  private static List<String> effects(byte[] bytes) {
    List<String> effects = new ArrayList<>();
    int[] at = {0};
    while (at[0] < bytes.length) {
      int words = header(bytes, at);
      StringBuilder effect = new StringBuilder();
      for (int i = 0; i < words; i++) {
        int length = header(bytes, at);
        String word = new String(bytes, at[0], length, StandardCharsets.ISO_8859_1);
        at[0] += length + 2;
        int dash = word.indexOf('-');
        boolean isNowId = dash > 0 && isNow(word.substring(0, dash)); // of a stream's entry
        String shown = isNowId ? "NOW" + word.substring(dash) : isNow(word) ? "NOW" : word;
        effect.append(i == 0 ? "" : " ").append(shown);
      }
      effects.add(effect.toString());
    }
    return effects;
  }

  private static boolean isNow(String word) {
    return (word.length() == 13 && (word.startsWith("17") || word.startsWith("1699999"))
            || word.startsWith("92233717"))
        && word.chars().allMatch(c -> c >= '0');
  }

  private static int header(byte[] bytes, int[] at) {
    int value = 0;
    for (at[0]++; bytes[at[0]] != '\r'; at[0]++) {
      value = value * 10 + bytes[at[0]] - '0';
    }
    at[0] += 2;
    return value;
  }

  /// A line of a script, but for how its reply is compared.
  private record Line(int connection, int sleepMillis, String[] words) {
    static List<Line> all(List<String> texts, boolean isSeven2) {
      List<Line> lines = new ArrayList<>();
      lines.add(new Line(0, 0, new String[] {"DEBUG", "SET-ACTIVE-EXPIRE", "0"}));
      for (String text : texts) {
        String left = text.strip();
        int connection = 0;
        String mode = "";
        boolean onlySeven2 = false;
        while (left.startsWith("@") || left.startsWith("!")) {
          int blank = left.indexOf(' ');
          if (left.startsWith("@")) {
            connection = Integer.parseInt(left.substring(1, blank));
          } else if (left.startsWith("!7.2 ")) {
            onlySeven2 = true;
          } else {
            mode = left.substring(1, blank);
          }
          left = left.substring(blank + 1).strip();
        }
        if (onlySeven2 && !isSeven2) {
          continue;
        }
        if (mode.equals("sleep")) {
          lines.add(new Line(0, Integer.parseInt(left), new String[0]));
        } else if (!left.isEmpty()
            && !left.startsWith("#")
            && !left.contains("SET-ACTIVE-EXPIRE")) {
          lines.add(new Line(connection, 0, ScriptLine.words(left)));
        }
      }
      return lines;
    }
  }
}
