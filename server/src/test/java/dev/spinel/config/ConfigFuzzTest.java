package dev.spinel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.spinel.wire.Quoting;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Random files, command lines and CONFIG SETs: the only thing that may come out is a
/// [ConfigError]. A failure prints its seed; `-Dspinel.fuzz=N` runs N times as many.
final class ConfigFuzzTest {
  private static final int TIMES = Integer.getInteger("spinel.fuzz", 1);

  private static final String[] PIECES = {
    " ",
    "  ",
    "\t",
    "\"",
    "'",
    "\\",
    "\\x4",
    "\\xff",
    "\\n",
    "\n",
    "\r\n",
    "\0",
    "#",
    "-",
    "--",
    "0",
    "1",
    "-1",
    "99999999999999999999",
    "1gb",
    "5%",
    "yes",
    "no",
    "save",
    "bind",
    "include",
    "*",
    "?",
    "[",
    "]",
    "{",
    "}",
    "user",
    "rename-command",
    "sentinel",
    "loadmodule",
    "a.b",
    "normal",
    "\u00e4",
    "\u00ff",
    ".",
    "/",
    "900 1"
  };

  @TempDir Path directory;

  @Test
  void textsAreReadOrRefused() {
    repeat(
        20_000,
        random -> {
          StringBuilder text = new StringBuilder();
          for (int lines = random.nextInt(6); lines >= 0; lines--)
            text.append(line(random)).append(random.nextBoolean() ? "\n" : "");
          Config.parse(text.toString());
        });
  }

  @Test
  void bytesAreReadOrRefused() {
    repeat(
        20_000,
        random -> {
          byte[] bytes = new byte[random.nextInt(60)];
          random.nextBytes(bytes);
          Config.parse(random.nextBoolean() ? Octets.of(bytes) : "requirepass " + Octets.of(bytes));
        });
  }

  @Test
  void commandLinesAreReadOrRefused() {
    repeat(
        20_000,
        random -> {
          String[] arguments = new String[random.nextInt(6)];
          for (int i = 0; i < arguments.length; i++)
            arguments[i] = (random.nextBoolean() ? "--" : "") + line(random);
          CommandLine line = CommandLine.of(arguments);
          if (line.act() == CommandLine.Act.RUN)
            line.load(new ByteArrayInputStream(Octets.bytes(line(random))));
        });
  }

  @Test
  void setsTakeAllOrNothingAndAreRewrittenAsTheyAre() throws Exception {
    Path file =
        Files.writeString(directory.resolve("redis.conf"), "enable-protected-configs yes\n");
    Config config = CommandLine.of(file.toString()).load(null);
    repeat(
        3_000,
        random -> {
          List<String> pairs = new ArrayList<>();
          for (int i = random.nextInt(3); i >= 0; i--) {
            pairs.add(name(random));
            pairs.add(
                random.nextInt(3) == 0 ? value(random) : PIECES[random.nextInt(PIECES.length)]);
          }
          List<String> before = config.matching(List.of("*"));
          try {
            config.set(pairs, true, false);
          } catch (ConfigError refused) {
            assertThat(config.matching(List.of("*"))).isEqualTo(before);
            throw refused;
          }
          if (random.nextInt(20) > 0) return;
          config.put(Settings.LOGFILE, "");
          config.rewrite(List.of());
          Config again = CommandLine.of(file.toString()).load(null);
          for (int at = 0; at < Settings.count(); at++) {
            if (Settings.at(at) == Settings.BIND)
              continue; // blanks in an address: no listener here refuses it
            String name = Settings.at(at).name();
            assertThat(again.matching(List.of(name))).isEqualTo(config.matching(List.of(name)));
          }
        });
  }

  @Test
  void quotingIsUndoneBySplitting() {
    repeat(
        20_000,
        random -> {
          byte[] bytes = new byte[random.nextInt(20)];
          random.nextBytes(bytes);
          String text = Octets.of(bytes);
          assertThat(Arguments.split(Quoting.quote(text))).containsExactly(text);
          assertThat(Octets.bytes(text)).isEqualTo(bytes);
        });
  }

  @Test
  void patternsMatchAsTheDefinitionSays() {
    repeat(
        50_000,
        random -> {
          String pattern = letters(random, "ab*?[]^-\\", 8);
          String text = "a" + letters(random, "ab-]", 8); // a name has letters
          assertThat(Patterns.matches(pattern, text))
              .as("%s on %s", pattern, text)
              .isEqualTo(naive(pattern, text));
        });
  }

  @Test
  void patternsOfManyStarsEnd() {
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () ->
            assertThat(Patterns.matchesAnyCase("*a".repeat(2000) + "b", "a".repeat(20_000)))
                .isFalse());
  }

  /// By the definition, and exponential.
  private static boolean naive(String pattern, String text) {
    if (pattern.isEmpty()) return text.isEmpty();
    if (pattern.charAt(0) == '*')
      return naive(pattern.substring(1), text)
          || (!text.isEmpty() && naive(pattern, text.substring(1)));
    if (text.isEmpty()) return false;
    char c = text.charAt(0);
    int used = 1;
    boolean matches;
    switch (pattern.charAt(0)) {
      case '?' -> matches = true;
      case '[' -> {
        int i = 1;
        boolean not = i < pattern.length() && pattern.charAt(i) == '^';
        if (not) i++;
        boolean any = false;
        for (; i < pattern.length() && pattern.charAt(i) != ']'; i++) {
          if (pattern.charAt(i) == '\\' && i + 1 < pattern.length())
            any |= pattern.charAt(++i) == c;
          else if (i + 2 < pattern.length() && pattern.charAt(i + 1) == '-') {
            char a = pattern.charAt(i);
            char b = pattern.charAt(i + 2);
            any |= (a <= c && c <= b) || (b <= c && c <= a);
            i += 2;
          } else any |= pattern.charAt(i) == c;
        }
        used = Math.min(i + 1, pattern.length());
        matches = any != not;
      }
      case '\\' -> {
        if (pattern.length() > 1) used = 2;
        matches = pattern.charAt(used - 1) == c;
      }
      default -> matches = pattern.charAt(0) == c;
    }
    return matches && naive(pattern.substring(used), text.substring(1));
  }

  private static String letters(Random random, String alphabet, int most) {
    StringBuilder letters = new StringBuilder();
    for (int i = random.nextInt(most + 1); i > 0; i--)
      letters.append(alphabet.charAt(random.nextInt(alphabet.length())));
    return letters.toString();
  }

  private static String name(Random random) {
    Setting<?> setting;
    do setting = Settings.at(random.nextInt(Settings.count()));
    while (setting == Settings.LOGFILE
        || setting == Settings.DIR); // they touch the disk, wherever they point to
    return setting.alias() != null && random.nextBoolean() ? setting.alias() : setting.name();
  }

  private static String value(Random random) {
    StringBuilder value = new StringBuilder();
    for (int pieces = random.nextInt(5); pieces > 0; pieces--)
      value.append(PIECES[random.nextInt(PIECES.length)]);
    return value.toString();
  }

  private static String line(Random random) {
    return (random.nextInt(4) > 0 ? name(random) + " " : "") + value(random);
  }

  private interface Act {
    void run(Random random) throws Exception;
  }

  private static void repeat(int count, Act act) {
    long base = System.nanoTime();
    for (long seed = base; seed < base + (long) count * TIMES; seed++) {
      long running = seed;
      try {
        act.run(new Random(seed));
      } catch (ConfigError refused) {
        assertThat(refused.getMessage()).isNotBlank();
      } catch (Throwable other) {
        fail(
            "seed "
                + running
                + ": "
                + other
                + " "
                + Arrays.toString(other.getStackTrace()).substring(0, 300),
            other);
      }
    }
  }
}
