package dev.spinel.peer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/// A story about a machine, as text: lines that say what happens, and under each of them, indented,
/// what followed from it.
///
/// ```
/// # The primary wants a password, and this replica has none.
/// replicaof 10.0.0.1 6379
///     log: Connecting to MASTER 10.0.0.1:6379
///     dial 10.0.0.1:6379
/// connected
///     > PING
/// ```
///
/// It is played anew by each test, and the whole text must come out again. With
/// `-Dspinel.scripts=write` the text that came out is written to the source instead, to be read and
/// judged before it is committed.
public final class Script {
  private static final String INDENT = "    ";

  private Script() {}

  /// Plays a script of the folder of test resources beside `owner`.
  public static void check(Class<?> owner, String name, Function<String, List<String>> player) {
    String text = read(owner, name);
    String played = play(text, player);
    if ("write".equals(System.getProperty("spinel.scripts"))) {
      write(owner, name, played);
    } else {
      // The place comes first: a report may be cut, and a script may have a thousand lines.
      assertThat(played).as(() -> name + ": " + difference(text, played)).isEqualTo(text);
    }
  }

  /// The script with what follows from its lines, whatever it had there.
  public static String play(String text, Function<String, List<String>> player) {
    StringBuilder played = new StringBuilder();
    for (String line : text.lines().toList()) {
      if (line.startsWith(INDENT)) {
        continue;
      }
      played.append(line).append('\n');
      if (!line.isBlank() && !line.startsWith("#")) {
        for (String outcome : player.apply(line)) {
          played.append(INDENT).append(outcome).append('\n');
        }
      }
    }
    return played.toString();
  }

  private static String difference(String text, String played) {
    List<String> expected = text.lines().toList();
    List<String> actual = played.lines().toList();
    String last = "";
    for (int at = 0; at < Math.max(expected.size(), actual.size()); at++) {
      String should = at < expected.size() ? expected.get(at) : "(the end)";
      String is = at < actual.size() ? actual.get(at) : "(the end)";
      if (!should.equals(is)) {
        return "line %d, under \"%s\": \"%s\" should be \"%s\""
            .formatted(at + 1, last, is.strip(), should.strip());
      }
      if (!is.startsWith(INDENT)) {
        last = is;
      }
    }
    return "";
  }

  private static String read(Class<?> owner, String name) {
    try (InputStream in = owner.getResourceAsStream(name)) {
      assertThat(in).as("script %s", name).isNotNull();
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Class<?> owner, String name, String text) {
    String folder = owner.getPackageName().replace('.', '/');
    try {
      Files.writeString(Path.of("src/test/resources", folder, name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
