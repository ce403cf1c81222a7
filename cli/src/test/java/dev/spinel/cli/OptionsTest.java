package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class OptionsTest {
  private static final Path FOLDER = Path.of("java/dev/spinel/cli");

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void helpAndVersionEndTheProgram() {
    for (String version : List.of("--version", "-v")) {
      assertThat(Ours.run("", Map.of(), List.of(version)))
          .isEqualTo(new Ours(0, "redis-cli 7.2.6\n", ""));
    }
    Ours help = Ours.run("", Map.of(), List.of("--help"));
    assertThat(help.status()).isZero();
    assertThat(help.out()).contains("Usage: redis-cli", "--quoted-input", "--cluster ");
    assertThat(Ours.run("", Map.of(), List.of("-h"))).isEqualTo(help);
    assertThat(Ours.run("", Map.of(), List.of("--cluster"))).isEqualTo(new Ours(1, "", help.out()));
  }

  /// An option that no test gives to the program is found here, in the sources.
  @Test
  void everyOptionIsTriedSomewhere() throws IOException {
    TreeSet<String> options = new TreeSet<>();
    for (String file : List.of("Options.java", "TlsOptions.java")) {
      Pattern cases = Pattern.compile("case ((?:\"-[^\"]+\"(?:, )?)+) ->");
      cases
          .matcher(read(Path.of("src/main").resolve(FOLDER).resolve(file)))
          .results()
          .flatMap(found -> Stream.of(found.group(1).split(", ")))
          .forEach(word -> options.add(word.replace("\"", "")));
    }
    assertThat(options).contains("-h", "--tls", "--cluster-weight").hasSizeGreaterThan(80);
    List<String> tests = new ArrayList<>();
    try (Stream<Path> files = Files.list(Path.of("src/test").resolve(FOLDER))) {
      files
          .filter(file -> file.toString().endsWith(".java"))
          .forEach(file -> tests.add(read(file)));
    }
    options.removeIf(option -> option.startsWith("--test_hint")); // HintTest calls what is behind
    for (String option : options) {
      Pattern word = Pattern.compile("[\" ]" + Pattern.quote(option) + "[\" ]");
      assertThat(tests).as(option).anyMatch(text -> word.matcher(text).find());
    }
  }
}
