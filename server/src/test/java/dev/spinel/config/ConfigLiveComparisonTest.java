package dev.spinel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.wire.Quoting;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Every directive against a live `redis-server`, with values of all sorts. Skipped, visibly, where
/// there is none; with another version than 7.2 only what both know is compared.
final class ConfigLiveComparisonTest {
  /// Setting these does something to the real server, or depends on the machine.
  private static final Set<String> LEFT_OUT =
      Set.of(
          "port",
          "bind",
          "dir",
          "appendonly",
          "maxclients",
          "maxmemory-clients",
          "locale-collate",
          "activedefrag",
          "watchdog-period",
          "requirepass",
          "oom-score-adj",
          "oom-score-adj-values",
          "jemalloc-bg-thread",
          "crash-log-enabled",
          "timeout");

  private static final List<String> VALUES =
      List.of(
          "",
          " ",
          "yes",
          "NO",
          "0",
          "1",
          "-1",
          "2",
          "10",
          "100",
          "101",
          "65536",
          "abc",
          "1kb",
          "3MB",
          "10%",
          "007",
          "+5",
          " 5",
          "5 ",
          "0x10",
          "1 2 3",
          "1e3",
          "5.5",
          "a/b",
          "{x}",
          "2147483648",
          "4294967296",
          "9223372036854775807",
          "9223372036854775808",
          "-9223372036854775808",
          "18446744073709551615",
          "99999999999999999999999",
          "\u00fc\u0000x",
          "x\ny");

  @Test
  void everyDirectiveAnswersEveryValueAsTheRealOne() throws Exception {
    Path binary = RealRedis.binary();
    assumeTrue(binary != null, "no redis-server to compare with");
    boolean sameVersion = RealRedis.version(binary).startsWith("7.2");
    Path directory = Files.createTempDirectory("live");
    int port = RealRedis.freePort();
    List<String> differences = new ArrayList<>();
    int compared = 0;
    try (RealRedis real =
        RealRedis.start(binary, directory, port, "", List.of("--port", "" + port, "--save", ""))) {
      assertThat(real.answers()).isTrue();
      Config config = Config.of("save", "");
      for (int i = 0; i < Settings.count(); i++) {
        Setting<?> setting = Settings.at(i);
        String name = setting.name();
        List<String> before = real.configGet(name);
        if (before.isEmpty()) continue; // ours alone, or newer
        // 7.0 lacks the level "nothing", and some defaults were others.
        if (!sameVersion
            && (name.equals("loglevel") || !config.matching(List.of(name)).equals(before)))
          continue;
        if (LEFT_OUT.contains(name)
            || name.startsWith("tls-")
            || name.startsWith("cluster-announce")) continue;
        for (String value : VALUES) {
          String expected = real.call("CONFIG", "SET", name, value).toString();
          String answer = "OK";
          try {
            config.set(List.of(name, value), true, false);
          } catch (ConfigError refused) {
            answer = Octets.of(refused.bytes());
          }
          List<String> shown = real.configGet(name);
          List<String> ours = config.matching(List.of(name));
          compared++;
          if (!expected.equals(answer) || !shown.equals(ours)) {
            differences.add(
                name
                    + " "
                    + Quoting.quote(value)
                    + "\n  real: "
                    + expected
                    + " "
                    + shown
                    + "\n  ours: "
                    + answer
                    + " "
                    + ours);
          }
        }
      }
    } finally {
      RecordConfigFacts.delete(directory);
    }
    assertThat(differences).isEmpty();
    assertThat(compared).isGreaterThan(3000);
  }

  @Test
  void patternsFindTheSameNames() throws Exception {
    Path binary = RealRedis.binary();
    assumeTrue(binary != null, "no redis-server to compare with");
    assumeTrue(RealRedis.version(binary).startsWith("7.2"), "not a 7.2");
    Path directory = Files.createTempDirectory("live");
    int port = RealRedis.freePort();
    try (RealRedis real =
        RealRedis.start(binary, directory, port, "", List.of("--port", "" + port))) {
      assertThat(real.answers()).isTrue();
      Config config = Config.of("port", "" + port, "dir", directory.toString());
      for (String pattern :
          List.of(
              "*",
              "**",
              "*max*",
              "SLAVE*",
              "[a-c]*",
              "[^a-t]*",
              "[c-a]*",
              "s?ve",
              "\\save",
              "*\\-*",
              "*-ms",
              "hash-max-[lz]ip*",
              "[",
              "a[",
              "*[",
              "use-exit*",
              "port*",
              "\u0000*",
              "*e*e*e*e*",
              "[\\a]*",
              "cluster-*-p?rt",
              "***port",
              "loglevel\u0000*")) {
        assertThat(sorted(config.matching(List.of(pattern))))
            .as(pattern)
            .isEqualTo(sorted(real.configGet(pattern)));
      }
      assertThat(config.matching(List.of("PORT", "p?rt", "Port", "nothing")))
          .isEqualTo(real.configGet("PORT", "p?rt", "Port", "nothing"));
    } finally {
      RecordConfigFacts.delete(directory);
    }
  }

  private static List<String> sorted(List<String> pairs) {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < pairs.size(); i += 2) {
      if (!Facts.OWN.contains(pairs.get(i))) lines.add(pairs.get(i) + " " + pairs.get(i + 1));
    }
    lines.sort(null);
    return lines;
  }
}
