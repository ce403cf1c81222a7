package dev.spinel.config;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.RecordConfigFacts.Placed;
import dev.spinel.wire.Quoting;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What a real 7.2.6 did with the same files, command lines and CONFIG SETs, as recorded by
/// [RecordConfigFacts].
final class ConfigFactsTest {
  private static final TreeMap<String, String> DEFAULTS = defaults();

  private static TreeMap<String, String> defaults() {
    TreeMap<String, String> defaults = new TreeMap<>();
    for (String line : Facts.resource("config-defaults.txt").lines().toList()) {
      String[] words = line.split(" ", 2);
      defaults.put(words[0], words[1].equals("\"\"") ? "" : words[1]);
    }
    return defaults;
  }

  @Test
  void everyDirectiveHasItsDefault() {
    TreeMap<String, String> ours = all(Config.of());
    ours.keySet().removeAll(List.of("port", "bind", "dir", "logfile"));
    ours.keySet().removeAll(Facts.OWN);
    assertThat(ours).isEqualTo(DEFAULTS);
  }

  @Test
  void directivesThatDependOnTheStartHaveTheirDefaults() {
    Config config = Config.of();
    assertThat(config.matching(List.of("port", "bind", "logfile", "event-loops", "io-transport")))
        .containsExactly(
            "port",
            "6379",
            "bind",
            "* -::*",
            "logfile",
            "",
            "event-loops",
            "0",
            "io-transport",
            "auto");
    assertThat(config.path(Settings.DIR)).isEqualTo(Path.of("").toAbsolutePath());
  }

  @Test
  void configSetAnswersAsRecorded() {
    Config config = Config.of("save", "");
    List<String> failures = new ArrayList<>();
    List<String> lines = Facts.resource("config-set.txt").lines().toList();
    int cases = 0;
    for (int i = 0; i < lines.size(); ) {
      String line = lines.get(i++);
      if (!line.startsWith("> ")) continue;
      cases++;
      List<String> words = List.of(Arguments.split(line.substring(2)));
      String reply = lines.get(i++).substring(2);
      List<String> shown = new ArrayList<>();
      while (i < lines.size() && lines.get(i).startsWith("= "))
        shown.add(Arguments.split(lines.get(i++).substring(2))[0]);
      String ours = set(config, words);
      if (!ours.equals(reply)) failures.add(line + "\n  real: " + reply + "\n  ours: " + ours);
      List<String> got = config.matching(List.of(words.get(0)));
      if (!got.equals(shown) && !words.get(0).equalsIgnoreCase("dir"))
        failures.add(line + "\n  real: " + shown + "\n  ours: " + got);
    }
    assertThat(failures).isEmpty();
    assertThat(cases).isGreaterThan(150);
  }

  private static String set(Config config, List<String> pairs) {
    try {
      config.set(pairs, true, false);
      return "OK";
    } catch (ConfigError refused) {
      assertThat(refused.kind()).isEqualTo(ConfigError.Kind.REPLY);
      return Octets.of(refused.bytes()).replace('\n', ' '); // as the protocol's writer does
    }
  }

  static Stream<Facts.Case> fileCases() {
    return Facts.cases(Facts.resource("config-file.txt")).stream();
  }

  @ParameterizedTest
  @MethodSource("fileCases")
  void filesAndCommandLinesAreReadAsRecorded(Facts.Case one) throws Exception {
    Placed placed = Placed.of(one);
    try {
      String error = "";
      String differs = "";
      try {
        CommandLine line = CommandLine.of(placed.arguments().toArray(new String[0]));
        Config config = line.load(new ByteArrayInputStream(Octets.bytes(one.part("input"))));
        differs = placed.unplace(differences(config));
      } catch (ConfigError refused) {
        assertThat(refused.kind()).isEqualTo(ConfigError.Kind.FILE);
        error = placed.unplace(refused.getMessage());
      }
      assertThat(error).isEqualTo(one.part("error"));
      assertThat(differs).isEqualTo(one.part("differs"));
      assertThat(error + differs).isNotEmpty();
    } finally {
      RecordConfigFacts.delete(placed.directory());
    }
  }

  private static String differences(Config config) {
    StringBuilder differences = new StringBuilder();
    all(config)
        .forEach(
            (name, value) -> {
              boolean own = name.equals("dir") || Facts.OWN.contains(name);
              if (!value.equals(DEFAULTS.get(name))
                  && Settings.find(name).name().equals(name)
                  && !own) {
                differences.append(name).append(' ').append(Quoting.quote(value)).append('\n');
              }
            });
    return differences.toString();
  }

  private static TreeMap<String, String> all(Config config) {
    TreeMap<String, String> all = new TreeMap<>();
    List<String> pairs = config.matching(List.of("*"));
    for (int i = 0; i < pairs.size(); i += 2) all.put(pairs.get(i), pairs.get(i + 1));
    return all;
  }

  static Stream<Facts.Case> rewriteCases() {
    return Facts.cases(Facts.resource("config-rewrite.txt")).stream();
  }

  @ParameterizedTest
  @MethodSource("rewriteCases")
  void filesAreRewrittenAsRecorded(Facts.Case one) throws Exception {
    Placed placed = Placed.of(one);
    try {
      Config config = CommandLine.of(placed.arguments().toArray(new String[0])).load(null);
      config.put(
          Settings.DIR,
          Octets.encode(placed.directory().toString())); // where the real one was started
      for (String line : one.lines("set")) config.set(List.of(Arguments.split(line)), true, false);
      List<String> users =
          one.lines("result").stream().filter(line -> line.startsWith("user ")).toList();
      config.rewrite(users);
      String text = Octets.of(Files.readAllBytes(config.file()));
      assertThat(placed.unplace(RecordConfigFacts.sortedBelowSignature(text)))
          .isEqualTo(one.part("result"));
      // What was written is read again as the same. The text settles after a few times: Redis adds
      // an empty line, and moves limits by class.
      Config again = CommandLine.of(config.file().toString()).load(null);
      assertThat(again.get(Settings.SAVE))
          .containsExactlyInAnyOrderElementsOf(config.get(Settings.SAVE));
      assertThat(differences(again)).isEqualTo(differences(config));
      for (int times = 0; times < 3; times++) {
        text = Octets.of(Files.readAllBytes(config.file()));
        again.rewrite(users);
      }
      assertThat(Octets.of(Files.readAllBytes(config.file()))).isEqualTo(text);
    } finally {
      RecordConfigFacts.delete(placed.directory());
    }
  }
}
