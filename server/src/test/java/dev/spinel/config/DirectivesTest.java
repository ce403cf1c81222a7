package dev.spinel.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// COMPATIBILITY.md shows the table as it is in the program, and docs/settings.md by name. To print
/// both again after a change, run this class's `main`.
final class DirectivesTest {
  private static final String BEGIN = "<!-- directives -->\n";
  private static final String END = "<!-- end of directives -->\n";

  public static void main(String[] arguments) throws IOException {
    print(file(), table());
    print(reference(), byName());
  }

  private static void print(Path file, String table) throws IOException {
    String text = Files.readString(file);
    int begin = text.indexOf(BEGIN) + BEGIN.length();
    Files.writeString(file, text.substring(0, begin) + table + text.substring(text.indexOf(END)));
  }

  @Test
  void compatibilityShowsTheTable() throws IOException {
    String text = Files.readString(file());
    assertThat(text.substring(text.indexOf(BEGIN) + BEGIN.length(), text.indexOf(END)))
        .as("COMPATIBILITY.md, which %s.main prints", getClass().getSimpleName())
        .isEqualTo(table());
  }

  @Test
  void theReferenceShowsTheTableByName() throws IOException {
    String text = Files.readString(reference());
    assertThat(text.substring(text.indexOf(BEGIN) + BEGIN.length(), text.indexOf(END)))
        .as("docs/settings.md, which %s.main prints", getClass().getSimpleName())
        .isEqualTo(byName());
  }

  @Test
  void everyDirectiveOfRedisIsInTheTable() {
    for (String line : Facts.resource("config-defaults.txt").lines().toList()) {
      String name = line.substring(0, line.indexOf(' '));
      assertThat(Settings.find(name)).as(name).isNotNull();
    }
    for (String name :
        new String[] {
          "port",
          "bind",
          "dir",
          "logfile",
          "event-loops",
          "io-transport",
          "aof-disable-auto-gc",
          "use-exit-on-panic"
        }) {
      assertThat(Settings.find(name)).as(name).isNotNull();
    }
  }

  @Test
  void namesAreUniqueAndWhatHasNoEffectSaysWhy() {
    Set<String> names = new HashSet<>();
    for (int i = 0; i < Settings.count(); i++) {
      Setting<?> setting = Settings.at(i);
      assertThat(setting.index).isEqualTo(i);
      assertThat(names.add(setting.name())).as(setting.name()).isTrue();
      assertThat(setting.alias() == null || names.add(setting.alias())).as(setting.name()).isTrue();
      assertThat(setting.about().isEmpty())
          .as(setting.name())
          .isEqualTo(setting.status() == Status.IN_FORCE);
    }
  }

  /// What is said to be in force must be read by someone: the sources mention its constant outside
  /// the table.
  @Test
  void whatIsInForceIsReadSomewhere() throws Exception {
    StringBuilder sources = new StringBuilder();
    try (Stream<Path> files = Files.walk(file().resolveSibling("server/src/main/java"))) {
      for (Path source : files.filter(name -> name.toString().endsWith(".java")).toList()) {
        if (!source.endsWith("Settings.java")) sources.append(Files.readString(source));
      }
    }
    List<String> unread = new ArrayList<>();
    for (Field field : Settings.class.getFields()) {
      Setting<?> setting = (Setting<?>) field.get(null);
      boolean read = Pattern.compile("\\b" + field.getName() + "\\b").matcher(sources).find();
      if (setting.status() == Status.IN_FORCE && !read) unread.add(setting.name());
    }
    assertThat(unread).isEmpty();
  }

  private static Path file() {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("COMPATIBILITY.md")))
        return folder.resolve("COMPATIBILITY.md");
    }
    throw new AssertionError("no COMPATIBILITY.md above " + Path.of("").toAbsolutePath());
  }

  private static Path reference() {
    return file().resolveSibling("docs/settings.md");
  }

  private static String byName() {
    Set<String> redis = new HashSet<>(List.of("port", "bind", "dir", "logfile", "pidfile"));
    for (String line : Facts.resource("config-defaults.txt").lines().toList()) {
      redis.add(line.substring(0, line.indexOf(' ')));
    }
    SettingValues defaults = SettingValues.defaults();
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < Settings.count(); i++) {
      Setting<?> setting = Settings.at(i);
      String standard = setting == Settings.DIR ? "" : setting.show(defaults);
      String change =
          setting.isImmutable()
              ? "at the start only"
              : setting.is(Setting.PROTECTED) ? "if `enable-protected-configs` lets you" : "yes";
      boolean ours = !redis.contains(setting.name()) && !setting.isHidden();
      String effect =
          setting.status() != Status.IN_FORCE
              ? setting.status().word + ": " + setting.about()
              : ours ? "Spinel's own" : setting.isHidden() ? "for tests" : "";
      rows.add(
          "| `"
              + setting.name()
              + "`"
              + (setting.alias() == null ? "" : " or `" + setting.alias() + "`")
              + " | "
              + (standard.isEmpty() ? "" : "`" + standard + "`")
              + " | "
              + setting.accepts()
              + " | "
              + change
              + " | "
              + effect
              + " |\n");
    }
    rows.sort(null);
    return "| setting | default | values | CONFIG SET | |\n|---|---|---|---|---|\n"
        + String.join("", rows);
  }

  private static String table() {
    StringBuilder table =
        new StringBuilder(
            "| directive | default | accepts | at run time | |\n|---|---|---|---|---|\n");
    SettingValues defaults = SettingValues.defaults();
    for (int i = 0; i < Settings.count(); i++) {
      Setting<?> setting = Settings.at(i);
      table.append("| `").append(setting.name()).append('`');
      if (setting.alias() != null) table.append(" (`").append(setting.alias()).append("`)");
      String standard = setting == Settings.DIR ? "" : setting.show(defaults);
      table.append(" | ").append(standard.isEmpty() ? "" : "`" + standard + "`");
      table.append(" | ").append(setting.accepts());
      table
          .append(" | ")
          .append(
              setting.isImmutable() ? "no" : setting.is(Setting.PROTECTED) ? "protected" : "yes");
      table
          .append(" | ")
          .append(setting.status().word)
          .append(setting.about().isEmpty() ? "" : ": " + setting.about());
      table.append(" |\n");
    }
    return table.toString();
  }
}
