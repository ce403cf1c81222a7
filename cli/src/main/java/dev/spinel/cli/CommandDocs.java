package dev.spinel.cli;

import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a server says of its commands (COMMAND DOCS): one entry for each command and subcommand.
final class CommandDocs {
  /// `name` in capitals, a subcommand's of two words.
  record Entry(
      String name,
      List<String> words,
      String summary,
      String since,
      String group,
      @Nullable List<Argument> arguments) {}

  /// One argument of a synopsis. `text` is what stands for the value.
  record Argument(
      String text,
      @Nullable String token,
      Kind kind,
      boolean optional,
      boolean multiple,
      boolean multipleToken,
      List<Argument> parts) {}

  enum Kind {
    VALUE,
    INTEGER,
    DOUBLE,
    TOKEN,
    ONE_OF,
    BLOCK
  }

  private CommandDocs() {}

  /// The entries of a reply, sorted by name.
  static List<Entry> of(RespValue reply) {
    List<Entry> entries = new ArrayList<>();
    List<RespValue> all = reply.elements();
    for (int i = 0; i + 1 < all.size(); i += 2) {
      add(entries, Form.textOf(all.get(i)), null, all.get(i + 1));
    }
    entries.sort((a, b) -> a.name.compareTo(b.name));
    return entries;
  }

  private static void add(
      List<Entry> entries, String command, @Nullable String subcommand, RespValue specification) {
    List<String> words = new ArrayList<>(List.of(command.toUpperCase(Locale.ROOT)));
    if (subcommand != null) {
      String second = subcommand.substring(subcommand.indexOf('|') + 1);
      words.add(second.toUpperCase(Locale.ROOT));
    }
    String summary = "";
    String since = "";
    String group = "";
    List<Argument> arguments = null;
    List<RespValue> all = specification.elements();
    for (int i = 0; i + 1 < all.size(); i += 2) {
      RespValue value = all.get(i + 1);
      switch (Form.textOf(all.get(i))) {
        case "summary" -> summary = Form.textOf(value);
        case "since" -> since = Form.textOf(value);
        case "group" -> group = Form.textOf(value);
        case "arguments" -> arguments = arguments(value);
        case "subcommands" -> {
          List<RespValue> below = value.elements();
          for (int j = 0; j + 1 < below.size(); j += 2) {
            add(entries, command, Form.textOf(below.get(j)), below.get(j + 1));
          }
        }
        default -> {}
      }
    }
    entries.add(new Entry(String.join(" ", words), words, summary, since, group, arguments));
  }

  private static List<Argument> arguments(RespValue list) {
    List<Argument> arguments = new ArrayList<>();
    for (RespValue each : list.elements()) arguments.add(argument(each));
    return arguments;
  }

  private static Argument argument(RespValue map) {
    String name = "";
    String display = null;
    String token = null;
    Kind kind = Kind.VALUE;
    List<Argument> parts = List.of();
    List<String> flags = new ArrayList<>();
    List<RespValue> all = map.elements();
    for (int i = 0; i + 1 < all.size(); i += 2) {
      RespValue value = all.get(i + 1);
      switch (Form.textOf(all.get(i))) {
        case "name" -> name = Form.textOf(value);
        case "display_text" -> display = Form.textOf(value);
        case "token" -> token = Form.textOf(value);
        case "type" -> kind = kind(Form.textOf(value));
        case "arguments" -> parts = arguments(value);
        case "flags" -> {
          for (RespValue flag : value.elements()) flags.add(Form.textOf(flag));
        }
        default -> {}
      }
    }
    return new Argument(
        display == null ? name : display,
        token,
        kind,
        flags.contains("optional"),
        flags.contains("multiple"),
        flags.contains("multiple_token"),
        parts);
  }

  private static Kind kind(String type) {
    return switch (type) {
      case "integer", "unix-time" -> Kind.INTEGER;
      case "double" -> Kind.DOUBLE;
      case "pure-token" -> Kind.TOKEN;
      case "oneof" -> Kind.ONE_OF;
      case "block" -> Kind.BLOCK;
      default -> Kind.VALUE;
    };
  }
}
