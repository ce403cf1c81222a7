package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// COMMAND: the table of commands, described to clients. All of it is read off the rows
/// ([Synopsis]).
public final class CommandInfo implements Family {
  private static final int COMMAND = 0,
      COMMAND_COUNT = 1,
      COMMAND_DOCS = 2,
      COMMAND_GETKEYS = 3,
      COMMAND_GETKEYSANDFLAGS = 4,
      COMMAND_HELP = 5,
      COMMAND_INFO = 6,
      COMMAND_LIST = 7;

  public CommandInfo() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        COMMAND,
        "COMMAND",
        "server 2.8.13 loading stale @connection nondeterministic_output_order",
        """
        Describes all commands.
        O(N), N commands
        """);
    t.command(
        COMMAND_COUNT,
        "COMMAND|COUNT",
        "server 2.8.13 loading stale @connection",
        """
        Counts the commands.
        O(1)
        """);
    t.command(
        COMMAND_DOCS,
        "COMMAND|DOCS [command-name]...",
        "server 7.0.0 loading stale @connection nondeterministic_output_order",
        """
        Documents commands.
        O(N), N commands looked up
        """);
    t.command(
        COMMAND_GETKEYS,
        "COMMAND|GETKEYS command [arg]...",
        "server 2.8.13 loading stale @connection",
        """
        Tells which words of a call are keys.
        O(N), N words
        """);
    t.command(
        COMMAND_GETKEYSANDFLAGS,
        "COMMAND|GETKEYSANDFLAGS command [arg]...",
        "server 7.0.0 loading stale @connection",
        """
        Tells which words of a call are keys, and how it uses them.
        O(N), N words
        """);
    t.command(
        COMMAND_HELP,
        "COMMAND|HELP",
        "server 5.0.0 loading stale @connection",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        COMMAND_INFO,
        "COMMAND|INFO [command-name]...",
        "server 2.8.13 loading stale @connection nondeterministic_output_order",
        """
        Describes commands.
        O(N), N commands looked up
        7.0.0 Without names it describes all
        """);
    t.command(
        COMMAND_LIST,
        "COMMAND|LIST [FILTERBY (MODULE module-name | ACLCAT category | PATTERN pattern:pattern)]",
        "server 7.0.0 loading stale @connection nondeterministic_output_order",
        """
        Lists the names of commands.
        O(N), N commands
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case COMMAND -> all(call, reply);
      case COMMAND_COUNT -> reply.integer(call.engine().table.count());
      case COMMAND_DOCS -> docs(call, reply);
      case COMMAND_GETKEYS -> keys(call, reply, false);
      case COMMAND_GETKEYSANDFLAGS -> keys(call, reply, true);
      case COMMAND_HELP -> Help.reply(call, reply);
      case COMMAND_INFO -> info(call, reply);
      case COMMAND_LIST -> list(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void all(Call call, Reply reply) {
    CommandTable table = call.engine().table;
    reply.array(table.count());
    for (Command command : table) info(command, reply);
  }

  private static void info(Call call, Reply reply) {
    if (call.argc() == 2) {
      all(call, reply);
      return;
    }
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      Command command = call.engine().table.byName(call.arg(i));
      if (command == null) reply.nil();
      else info(command, reply);
    }
  }

  /// Ten facts, among them those of all subcommands.
  private static void info(Command command, Reply reply) {
    Synopsis s = command.synopsis();
    reply.array(10);
    reply.bulk(command.name);
    reply.integer(s.arity);
    words(Command.flagNames(s.flags), reply);
    reply.integer(s.firstKey);
    reply.integer(s.lastKey);
    reply.integer(s.step);
    List<String> categories = Synopsis.categoryNames(s.categories);
    reply.set(categories.size());
    for (String category : categories) reply.simple("@" + category);
    reply.set(s.tips.size());
    for (String tip : s.tips) reply.bulk(tip);
    reply.set(s.keySpecs.size());
    for (Synopsis.KeySpec spec : s.keySpecs) keySpec(spec, reply);
    List<Command> subcommands = command.subcommands();
    if (subcommands.isEmpty()) {
      reply.set(0);
    } else {
      reply.array(subcommands.size());
      for (Command sub : subcommands) info(sub, reply);
    }
  }

  private static void words(List<String> words, Reply reply) {
    reply.set(words.size());
    for (String word : words) reply.simple(word);
  }

  private static void keySpec(Synopsis.KeySpec spec, Reply reply) {
    String note = spec.note();
    reply.map(note == null ? 3 : 4);
    if (note != null) pair("notes", note, reply);
    reply.bulk("flags");
    words(Synopsis.keyFlagNames(spec.flags()), reply);
    String keyword = spec.keyword();
    reply.bulk("begin_search");
    if (spec.unknown()) {
      search("unknown", 0, reply);
    } else if (keyword != null) {
      search("keyword", 2, reply);
      pair("keyword", keyword, reply);
      pair("startfrom", spec.startFrom(), reply);
    } else {
      search("index", 1, reply);
      pair("index", spec.index(), reply);
    }
    reply.bulk("find_keys");
    if (spec.unknown()) {
      search("unknown", 0, reply);
    } else if (spec.byCount()) {
      search("keynum", 3, reply);
      pair("keynumidx", 0, reply);
      pair("firstkey", 1, reply);
      pair("keystep", spec.keyStep(), reply);
    } else {
      search("range", 3, reply);
      pair("lastkey", spec.lastKey(), reply);
      pair("keystep", spec.keyStep(), reply);
      pair("limit", spec.limit(), reply);
    }
  }

  /// Begins a rule with so many parameters, which follow.
  private static void search(String type, int parameters, Reply reply) {
    reply.map(2);
    pair("type", type, reply);
    reply.bulk("spec");
    reply.map(parameters);
  }

  private static void docs(Call call, Reply reply) {
    CommandTable table = call.engine().table;
    if (call.argc() == 2) {
      reply.map(table.count());
      for (Command command : table) docs(command, reply);
      return;
    }
    int known = 0;
    for (int i = 2; i < call.argc(); i++) if (table.byName(call.arg(i)) != null) known++;
    reply.map(known);
    for (int i = 2; i < call.argc(); i++) {
      Command command = table.byName(call.arg(i));
      if (command != null) docs(command, reply);
    }
  }

  /// A name and a map.
  private static void docs(Command command, Reply reply) {
    Synopsis s = command.synopsis();
    boolean flagged = s.deprecatedSince != null || s.internal;
    reply.bulk(command.name);
    reply.map(
        3
            + (s.complexity != null ? 1 : 0)
            + (flagged ? 1 : 0)
            + (s.deprecatedSince != null ? 2 : 0)
            + (s.history.isEmpty() ? 0 : 1)
            + (s.arguments.isEmpty() ? 0 : 1)
            + (command.subcommands().isEmpty() ? 0 : 1));
    pair("summary", s.summary, reply);
    pair("since", s.since, reply);
    pair("group", s.group, reply);
    if (s.complexity != null) pair("complexity", s.complexity, reply);
    if (flagged) {
      reply.bulk("doc_flags");
      reply.set((s.deprecatedSince != null ? 1 : 0) + (s.internal ? 1 : 0));
      if (s.deprecatedSince != null) reply.simple("deprecated");
      if (s.internal) reply.simple("syscmd");
    }
    if (s.deprecatedSince != null && s.replacedBy != null) {
      pair("deprecated_since", s.deprecatedSince, reply);
      pair("replaced_by", s.replacedBy, reply);
    }
    if (!s.history.isEmpty()) {
      reply.bulk("history");
      reply.set(s.history.size());
      for (Synopsis.Change change : s.history) {
        reply.array(2);
        reply.bulk(change.version());
        reply.bulk(change.text());
      }
    }
    if (!s.arguments.isEmpty()) {
      reply.bulk("arguments");
      arguments(s.arguments, reply);
    }
    if (!command.subcommands().isEmpty()) {
      reply.bulk("subcommands");
      reply.map(command.subcommands().size());
      for (Command sub : command.subcommands()) docs(sub, reply);
    }
  }

  private static void arguments(List<Synopsis.Argument> arguments, Reply reply) {
    reply.array(arguments.size());
    for (Synopsis.Argument a : arguments) {
      boolean group = a.type() == Synopsis.ONEOF || a.type() == Synopsis.BLOCK;
      int flags = (a.optional() ? 1 : 0) + (a.multiple() ? 1 : 0) + (a.multipleToken() ? 1 : 0);
      String token = a.token();
      String since = a.since();
      String deprecatedSince = a.deprecatedSince();
      reply.map(
          3
              + (a.keySpec() >= 0 ? 1 : 0)
              + (token != null ? 1 : 0)
              + (since != null ? 1 : 0)
              + (deprecatedSince != null ? 1 : 0)
              + (flags > 0 ? 1 : 0));
      pair("name", a.name(), reply);
      pair("type", a.typeName(), reply);
      String display = a.displayText();
      if (!group) pair("display_text", display != null ? display : a.name(), reply);
      if (a.keySpec() >= 0) pair("key_spec_index", a.keySpec(), reply);
      if (token != null) pair("token", token, reply);
      if (since != null) pair("since", since, reply);
      if (deprecatedSince != null) pair("deprecated_since", deprecatedSince, reply);
      if (flags > 0) {
        reply.bulk("flags");
        reply.set(flags);
        if (a.optional()) reply.simple("optional");
        if (a.multiple()) reply.simple("multiple");
        if (a.multipleToken()) reply.simple("multiple_token");
      }
      if (group) {
        reply.bulk("arguments");
        arguments(a.arguments(), reply);
      }
    }
  }

  private static void pair(String key, String value, Reply reply) {
    reply.bulk(key);
    reply.bulk(value);
  }

  private static void pair(String key, int value, Reply reply) {
    reply.bulk(key);
    reply.integer(value);
  }

  private static void keys(Call call, Reply reply, boolean withFlags) {
    Command command = call.engine().table.lookup(call.args(), 2);
    int count = call.argc() - 2;
    if (command == null) throw new CommandError("ERR Invalid command specified");
    if (!command.hasKeys()) throw new CommandError("ERR The command has no key arguments");
    if (!command.accepts(count))
      throw new CommandError("ERR Invalid number of arguments specified for command");
    int[] positions = new int[count];
    int[] flags = new int[count];
    int found = command.keysAndFlags(call.args(), 2, positions, flags);
    if (found <= 0 && !command.is(Command.NO_MANDATORY_KEYS))
      throw new CommandError("ERR Invalid arguments specified for command");
    reply.array(Math.max(0, found));
    for (int i = 0; i < found; i++) {
      if (withFlags) reply.array(2);
      reply.bulk(call.arg(positions[i] + 2));
      if (withFlags) words(Synopsis.keyFlagNames(flags[i]), reply);
    }
  }

  private static void list(Call call, Reply reply) {
    int count = call.argc();
    if (count != 2 && (count != 5 || !call.is(2, "FILTERBY"))) throw CommandError.SYNTAX;
    List<String> names = new ArrayList<>();
    if (count == 2) {
      for (Command command : call.engine().table) {
        names.add(command.name);
        for (Command sub : command.subcommands()) names.add(sub.name);
      }
    } else {
      boolean byCategory = call.is(3, "ACLCAT");
      boolean byModule = call.is(3, "MODULE");
      if (!byCategory && !byModule && !call.is(3, "PATTERN")) throw CommandError.SYNTAX;
      Slice filter = call.arg(4);
      int category = Synopsis.CATEGORIES.indexOf(filter.text().toLowerCase(Locale.ROOT));
      int categories = byCategory && category >= 0 ? 1 << category : 0;
      // there are no modules, so none of the commands is one's
      boolean byPattern = !byCategory && !byModule;
      for (Command command : call.engine().table) {
        if (listed(command, categories, byPattern, filter)) names.add(command.name);
        for (Command sub : command.subcommands())
          if (listed(sub, categories, byPattern, filter)) names.add(sub.name);
      }
    }
    reply.array(names.size());
    for (String name : names) reply.bulk(name);
  }

  private static boolean listed(Command command, int categories, boolean byPattern, Slice filter) {
    return byPattern
        ? Glob.matchesAnyCase(filter, Slice.of(command.name))
        : (command.categories() & categories) != 0;
  }
}
