package dev.spinel.engine;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.server.AllCommands;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// All commands of 7.2 are here ([CommandTableTest] compares what each says of itself), and
/// COMPATIBILITY.md lists them. To print that list again after a change, run this class's `main`.
final class AllCommandsTest {
  private static final String BEGIN = "<!-- commands -->\n";
  private static final String END = "<!-- end of commands -->\n";
  private static final CommandTable TABLE = AllCommands.table();

  public static void main(String[] arguments) throws IOException {
    Path file = file();
    String text = Files.readString(file);
    int begin = text.indexOf(BEGIN) + BEGIN.length();
    Files.writeString(file, text.substring(0, begin) + list() + text.substring(text.indexOf(END)));
  }

  @Test
  @SuppressWarnings("unchecked")
  void everyCommandOfRedisIsHere() throws IOException {
    List<String> missing = new ArrayList<>();
    int found = 0;
    for (Map.Entry<String, Object> each : CommandTableTest.redis().entrySet()) {
      Map<String, Object> facts = (Map<String, Object>) each.getValue();
      Map<String, Object> subcommands =
          (Map<String, Object>) facts.getOrDefault("subcommands", Map.of());
      List<String> names = new ArrayList<>(subcommands.keySet());
      names.add(each.getKey());
      for (String name : names) {
        if (TABLE.byName(name) == null) {
          missing.add(name);
        } else {
          found++;
        }
      }
    }
    assertThat(missing).isEmpty();
    assertThat(found).isEqualTo(241 + 129);
    int later = 0;
    for (Command command : TABLE) {
      later += Later.isLater(command) ? 1 : 0;
    }
    assertThat(later).as("commands beyond 7.2").isEqualTo(13);
  }

  @Test
  void compatibilityShowsTheList() throws IOException {
    String text = Files.readString(file());
    assertThat(text.substring(text.indexOf(BEGIN) + BEGIN.length(), text.indexOf(END)))
        .as("COMPATIBILITY.md, which %s.main prints", getClass().getSimpleName())
        .isEqualTo(list());
  }

  /// These know all commands by the table itself: what they name is tested by nobody yet.
  private static final Set<String> GENERIC =
      Set.of(
          "AllCommandsTest.java", "CommandTableTest.java", "CallGenerator.java", "RulesTest.java");

  /// What only nodes say to each other: the tests of slots that move have them do so.
  private static final Set<String> INTERNAL = Set.of("cluster|syncslots");

  /// That a test calls it: in a script of the comparisons, or as words or a line of a call.
  @Test
  void everyRowIsNamedByATest() throws IOException {
    StringBuilder tests = new StringBuilder();
    try (Stream<Path> files = Files.walk(file().resolveSibling("server/src/test"))) {
      for (Path each : files.filter(AllCommandsTest::callsCommands).toList()) {
        tests.append(Files.readString(each, StandardCharsets.ISO_8859_1)).append('\n');
      }
    }
    List<String> unnamed = new ArrayList<>();
    for (Command command : TABLE) {
      List<Command> rows = new ArrayList<>(command.subcommands());
      rows.add(command);
      for (Command row : rows) {
        if (!INTERNAL.contains(row.name) && !calls(row).matcher(tests).find()) {
          unnamed.add(row.name);
        }
      }
    }
    assertThat(unnamed).as("rows that no test in server/src/test calls").isEmpty();
  }

  private static boolean callsCommands(Path file) {
    String name = file.getFileName().toString();
    boolean isScript = file.toString().contains("compare") && name.endsWith(".txt");
    return isScript || name.endsWith(".java") && !GENERIC.contains(name);
  }

  /// `"CLIENT", "LIST"`, `"CLIENT LIST …"`, or a line that begins so, behind some marks.
  private static Pattern calls(Command row) {
    String words =
        Stream.of(row.name.split("\\|")).map(Pattern::quote).collect(joining("(\"\\s*,\\s*\"| +)"));
    return Pattern.compile(
        "(\"|^|^[^\"\\n]{0,12}\\s)" + words + "(?=[\"\\s\\\\]|$)",
        Pattern.CASE_INSENSITIVE | Pattern.MULTILINE);
  }

  private static Path file() {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("COMPATIBILITY.md"))) {
        return folder.resolve("COMPATIBILITY.md");
      }
    }
    throw new AssertionError("no COMPATIBILITY.md above " + Path.of("").toAbsolutePath());
  }

  private static String list() {
    Map<String, Command> byName = new TreeMap<>();
    for (Command command : TABLE) {
      byName.put(command.name, command);
      for (Command sub : command.subcommands()) {
        byName.put(sub.name, sub);
      }
    }
    StringBuilder list =
        new StringBuilder(
            "| command | arity | keys | flags | ACL categories |\n|---|---|---|---|---|\n");
    for (Map.Entry<String, Command> each : byName.entrySet()) {
      Command command = each.getValue();
      Map<String, Object> facts = Facts.of(command);
      list.append("| `").append(each.getKey().replace('|', ' ')).append('`');
      if (Later.isLater(command)) {
        list.append(" (since ").append(facts.get("since")).append(')');
      }
      list.append(" | ");
      list.append(command.arity()).append(" | ");
      list.append(keys(command)).append(" | ");
      list.append(words(facts.get("flags"))).append(" | ");
      list.append(words(facts.get("categories"))).append(" |\n");
    }
    return list.toString();
  }

  /// First, last and step, and that there are more than these tell.
  private static String keys(Command command) {
    String range =
        command.firstKey() == 0
            ? ""
            : command.firstKey() + " " + command.lastKey() + " " + command.step();
    boolean movable = command.is(Command.MOVABLEKEYS);
    return movable ? (range + " by the call").strip() : range;
  }

  private static String words(Object list) {
    return list instanceof List<?> words
        ? String.join(" ", words.stream().map(String::valueOf).toList())
        : "";
  }
}
