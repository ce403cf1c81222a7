package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
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

  // ── Without a server ──

  /// The commands of 7.2 as the file `commands.txt` has them, but those that a server of this
  /// version doesn't know; all, if it is null.
  static List<Entry> builtIn(@Nullable String version) {
    List<Entry> entries = new ArrayList<>();
    try (InputStream file = CommandDocs.class.getResourceAsStream("commands.txt")) {
      if (file == null) throw new IllegalStateException("commands.txt is not there");
      String all = new String(file.readAllBytes(), StandardCharsets.UTF_8);
      for (String line : all.lines().toList()) {
        if (line.startsWith("#")) continue;
        List<String> parts = List.of(line.split("\t", -1));
        if (!isIn(version, parts.get(1))) continue;
        List<Argument> arguments = null;
        if (!parts.get(4).isEmpty()) {
          List<String> words = Quoting.split(parts.get(4));
          if (words == null) throw new IllegalStateException(line);
          arguments = arguments(words.iterator(), version);
        }
        String summary = parts.get(3).isEmpty() ? "Help not available" : parts.get(3);
        List<String> name = List.of(parts.get(0).split(" ", -1));
        entries.add(new Entry(parts.get(0), name, summary, parts.get(1), parts.get(2), arguments));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    entries.sort((a, b) -> a.name.compareTo(b.name));
    return entries;
  }

  /// A count, then so many arguments: kind, flags, since, text, token, and their parts in the same
  /// form.
  private static List<Argument> arguments(Iterator<String> words, @Nullable String version) {
    List<Argument> arguments = new ArrayList<>();
    for (int count = Figures.atoi(words.next()); count > 0; count--) {
      Kind kind =
          switch (words.next()) {
            case "i" -> Kind.INTEGER;
            case "d" -> Kind.DOUBLE;
            case "t" -> Kind.TOKEN;
            case "o" -> Kind.ONE_OF;
            case "b" -> Kind.BLOCK;
            default -> Kind.VALUE;
          };
      String flags = words.next();
      String since = words.next();
      String text = words.next();
      String token = words.next();
      List<Argument> parts = arguments(words, version);
      if (!isIn(version, since)) continue;
      arguments.add(
          new Argument(
              text,
              token.equals("-") ? null : token,
              kind,
              flags.contains("o"),
              flags.contains("m"),
              flags.contains("k"),
              parts));
    }
    return arguments;
  }

  /// Whether a server of this version has what came with `since`.
  static boolean isIn(@Nullable String version, String since) {
    if (version == null || since.equals("-")) return true;
    String[] has = version.split("\\.", -1);
    String[] needs = since.split("\\.", -1);
    for (int i = 0; i < 3 && i < has.length && i < needs.length; i++) {
      int difference = Figures.atoi(has[i]) - Figures.atoi(needs[i]);
      if (difference != 0) return difference > 0;
    }
    return true;
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
