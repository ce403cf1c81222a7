package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.Directive;
import dev.spinel.config.Octets;
import dev.spinel.engine.CommandTable;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The directives `rename-command`: they give commands other names, or none.
final class RenamedCommands {
  private RenamedCommands() {}

  /// Renames the commands of this table. Errors: a ConfigError names the directive that can't be
  /// followed.
  static void apply(Config config, CommandTable.Builder rows) {
    Set<String> later = new HashSet<>(Later.COMMANDS);
    for (Directive directive : config.directives()) {
      if (directive.name().equals("rename-command")) {
        rename(rows, later, directive);
      }
    }
  }

  private static void rename(CommandTable.Builder rows, Set<String> later, Directive directive) {
    List<String> words = directive.arguments();
    if (words.size() != 2) {
      throw directive.error("wrong number of arguments");
    }
    String from = Octets.lower(words.get(0));
    String to = Octets.lower(words.get(1));
    if (!rows.knows(from) && !later.contains(from)) {
      throw directive.error("No such command in rename-command");
    }
    if (!to.isEmpty() && (rows.knows(to) || later.contains(to)) && !to.equals(from)) {
      throw directive.error("Target command name already exists");
    }
    if (!later.remove(from)) {
      rows.rename(from, to);
    } else if (!to.isEmpty()) {
      later.add(to);
    }
  }
}
