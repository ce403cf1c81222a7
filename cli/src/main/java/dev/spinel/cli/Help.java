package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.Quoting;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// `help`, and what the prompt knows of commands: asked of the server, once.
final class Help {
  private final Screen screen;
  private final Connection connection;
  private @Nullable List<CommandDocs.Entry> docs;
  private @Nullable List<CommandDocs.Entry> withoutServer;

  Help(Screen screen, Connection connection) {
    this.screen = screen;
    this.connection = connection;
  }

  /// The commands of the server, as it tells them; of one that doesn't, or isn't there, as we know
  /// them.
  List<CommandDocs.Entry> docs() {
    List<CommandDocs.Entry> known = docs;
    if (known != null) return known;
    if (!connection.connect(true) && !connection.isUsable()) return builtIn(null);
    try {
      RespValue reply = connection.ask("COMMAND", "DOCS");
      known = reply.isError() ? builtIn(version()) : CommandDocs.of(reply);
    } catch (Lost | IllegalStateException e) {
      return builtIn(null);
    }
    docs = known;
    return known;
  }

  private List<CommandDocs.Entry> builtIn(@Nullable String version) {
    List<CommandDocs.Entry> known = withoutServer;
    if (known == null || version != null) known = CommandDocs.builtIn(version);
    if (version == null) withoutServer = known;
    return known;
  }

  private @Nullable String version() throws Lost {
    if (connection.serverVersion != null) return connection.serverVersion;
    RespValue reply = connection.ask("INFO", "SERVER");
    return reply.isError() ? null : Info.field(Form.textOf(reply), "redis_version");
  }

  /// The names of all groups, sorted.
  private List<String> groups() {
    TreeSet<String> groups = new TreeSet<>();
    for (CommandDocs.Entry entry : docs()) groups.add(entry.group());
    return List.copyOf(groups);
  }

  /// What a line may become: all commands that begin so, behind `help ` groups, too; behind a
  /// command its options.
  List<String> completions(String line) {
    List<String> completions = new ArrayList<>();
    int start = 0;
    boolean help = line.regionMatches(true, 0, "help ", 0, 5);
    if (help) {
      start = 5;
      while (start < line.length() && Quoting.isSpace(line.charAt(start))) start++;
    }
    String rest = line.substring(start);
    List<String> names = new ArrayList<>();
    if (help) for (String group : groups()) names.add("@" + group);
    for (CommandDocs.Entry entry : docs()) names.add(entry.name());
    for (String name : names) {
      if (name.regionMatches(true, 0, rest, 0, rest.length())) {
        completions.add(line.substring(0, start) + name);
      }
    }
    if (!help) {
      int word = line.length();
      while (word > 0 && !Quoting.isSpace(line.charAt(word - 1))) word--;
      for (String option : Hint.options(line, docs())) {
        completions.add(line.substring(0, word) + option);
      }
    }
    return completions;
  }

  /// `help`, `help COMMAND`, `help @group`.
  void show(List<String> about) {
    if (about.isEmpty()) {
      screen.outLine(Version.line());
      screen.out(
          """
          help @GROUP     the commands of a group
          help COMMAND    what a command takes, does, and since when
          help <tab>      all of these, one after the other
          quit            leaves

          :set hints      shows while typing what may come next
          :set nohints    doesn't
          What ~/.redisclirc says so holds from the start.
          """);
      return;
    }
    String first = about.get(0);
    for (CommandDocs.Entry entry : docs()) {
      if (first.startsWith("@")) {
        if (entry.group().equalsIgnoreCase(first.substring(1))) show(entry, false);
      } else if (isAbout(entry, about)) {
        show(entry, true);
      }
    }
    screen.out("\r\n");
  }

  private static boolean isAbout(CommandDocs.Entry entry, List<String> about) {
    if (about.size() > entry.words().size()) return false;
    for (int i = 0; i < about.size(); i++) {
      if (!about.get(i).equalsIgnoreCase(entry.words().get(i))) return false;
    }
    return true;
  }

  private void show(CommandDocs.Entry entry, boolean group) {
    screen.out("\r\n  \033[1m" + entry.name() + "\033[0m \033[90m" + synopsis(entry));
    screen.out("\033[0m\r\n  \033[33msummary:\033[0m " + entry.summary() + "\r\n");
    if (!entry.since().isEmpty()) {
      screen.out("  \033[33msince:\033[0m " + entry.since() + "\r\n");
    }
    if (group) screen.out("  \033[33mgroup:\033[0m " + entry.group() + "\r\n");
  }

  private static String synopsis(CommandDocs.Entry entry) {
    List<CommandDocs.Argument> arguments = entry.arguments();
    if (arguments == null) return "(null)"; // what Redis shows of a command without arguments
    String all = Hint.after(List.of(), arguments);
    return all == null ? "" : all;
  }
}
