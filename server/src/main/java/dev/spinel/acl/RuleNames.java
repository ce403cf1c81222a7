package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Synopsis;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The names that rules may mention: commands and subcommands under the names that they were
/// declared with, whatever `rename-command` has made of them, and categories. Immutable.
final class RuleNames {
  private final List<Command> commands;
  private final Map<String, Command> byName = new HashMap<>();
  private final int size;

  RuleNames(CommandTable table) {
    commands = table.declared();
    size = table.size();
    for (Command command : commands) {
      byName.put(command.name, command);
      for (Command sub : command.subcommands()) {
        byName.put(sub.name, sub);
      }
    }
  }

  /// One more than the highest [Command#index].
  int size() {
    return size;
  }

  /// All commands, each of which knows its subcommands.
  List<Command> commands() {
    return commands;
  }

  /// The command `get` or subcommand `config|get`, in any case; null if there is none.
  @Nullable Command command(String name) {
    return byName.get(Octets.lower(name));
  }

  /// The bit of a category ([Command#categories]), by its name without the `@` in any case; 0 if
  /// there is none.
  static int category(String name) {
    int index = Synopsis.CATEGORIES.indexOf(Octets.lower(name));
    return index < 0 ? 0 : 1 << index;
  }
}
