package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.Directive;
import dev.spinel.config.Octets;
import dev.spinel.engine.CommandTable;
import java.util.List;

/// The directives `rename-command`: they give commands other names, or none.
final class RenamedCommands {
  private RenamedCommands() {}

  /// Renames the commands of this table. Errors: a ConfigError names the directive that can't be
  /// followed.
  static void apply(Config config, CommandTable.Builder rows) {
    for (Directive directive : config.directives()) {
      if (directive.name().equals("rename-command")) {
        rename(rows, directive);
      }
    }
  }

  private static void rename(CommandTable.Builder rows, Directive directive) {
    List<String> words = directive.arguments();
    if (words.size() != 2) {
      throw directive.error("wrong number of arguments");
    }
    String from = Octets.lower(words.get(0));
    String to = Octets.lower(words.get(1));
    if (!rows.knows(from)) {
      throw directive.error("No such command in rename-command");
    }
    if (!to.isEmpty() && rows.knows(to) && !to.equals(from)) {
      throw directive.error("Target command name already exists");
    }
    rows.rename(from, to);
  }
}
