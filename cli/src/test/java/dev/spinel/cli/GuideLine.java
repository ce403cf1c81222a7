package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.Quoting;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A line of code in one of the documents, and where it stands.
///
/// @param file below the project's folder
/// @param number from 1
record GuideLine(String file, int number, String text) {
  private static final Pattern INLINE = Pattern.compile("`((?:\\./)?(?:redis-cli|spinel) [^`]*)`");

  private static final String PASSWORD = "a-password";

  static final Path ROOT = root();

  private static Path root() {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("docs/guides"))) return folder;
    }
    throw new AssertionError("no guides above " + Path.of("").toAbsolutePath());
  }

  static List<String> all() throws IOException {
    List<String> all = new ArrayList<>(List.of("README.md"));
    for (String folder : List.of("docs", "docs/guides")) {
      try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
        for (Path file : files.sorted().toList()) {
          if (file.toString().endsWith(".md")) all.add(ROOT.relativize(file).toString());
        }
      }
    }
    return all;
  }

  /// The lines of code; Java's are left out.
  static List<GuideLine> code(String file) throws IOException {
    List<GuideLine> lines = new ArrayList<>();
    boolean inside = false;
    boolean java = false;
    int number = 0;
    for (String line : Files.readAllLines(ROOT.resolve(file))) {
      number++;
      if (line.startsWith("```")) {
        inside = !inside;
        java = inside && line.startsWith("```java");
      } else if ((inside ? !java : line.startsWith("    ")) && !line.isBlank()) {
        lines.add(new GuideLine(file, number, line.strip()));
      }
    }
    return lines;
  }

  static List<GuideLine> inline(String file) throws IOException {
    List<GuideLine> lines = new ArrayList<>();
    int number = 0;
    for (String line : Files.readAllLines(ROOT.resolve(file))) {
      number++;
      for (Matcher m = INLINE.matcher(line); m.find(); ) {
        lines.add(new GuideLine(file, number, m.group(1)));
      }
    }
    return lines;
  }

  List<String> words() {
    List<String> words = Quoting.split(text);
    assertThat(words).as(toString()).isNotNull();
    return words;
  }

  /// Whether [#run] can run it.
  boolean isRunnable() {
    return text.startsWith("redis-cli ") || text.startsWith("spinel cluster ");
  }

  static Screen screen(ByteArrayOutputStream out, Map<String, String> environment) {
    return new Screen(
        new ByteArrayInputStream("yes\n".getBytes(StandardCharsets.US_ASCII)),
        out,
        out,
        environment,
        false,
        false);
  }

  /// Runs the line with the servers that there are in the place of the guide's.
  ///
  /// @param port what redis-cli asks unless the line says so
  /// @return what was said; neither an error nor a status other than 0
  String run(int port, Function<String, String> places) {
    List<String> words = new ArrayList<>(new GuideLine(file, number, places.apply(text)).words());
    boolean isTool = words.getFirst().endsWith("spinel");
    if (isTool) words.removeFirst();
    words.removeFirst();
    if (!words.contains("-p") && !words.contains("--cluster")) {
      words.addAll(0, List.of("-p", "" + port));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Screen screen = screen(out, Map.of("REDISCLI_AUTH", PASSWORD));
    int status = isTool ? ClusterTool.run(screen, words) : Main.run(screen, words);
    String said = out.toString(StandardCharsets.ISO_8859_1);
    assertThat(status).as(this + ": " + said).isZero();
    assertThat(said).as(toString()).doesNotContainPattern("^[A-Z]{3,} ");
    return said;
  }

  /// Asks a server that wants the password of [#run], or none.
  static String ask(int port, String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port)) {
      client.command("AUTH", PASSWORD);
      return String.valueOf(client.command(command).text());
    }
  }

  @Override
  public String toString() {
    return file + ":" + number + ": " + text;
  }
}
