package dev.spinel.acl;

import dev.spinel.config.Config;
import dev.spinel.config.IoReason;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.config.WholeFile;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The file of users (`aclfile`): a line `user NAME RULE…` for each. Its words are separated by
/// single blanks, and there are neither quotes nor comments, as it is written by ACL SAVE.
///
/// A file is taken whole or not at all. All that is wrong with it is told in one line, as in Redis.
final class UserFile {
  /// What a file says.
  ///
  /// @param users by name, complete only if there are no errors
  /// @param errors all of them, as [Octets], or null
  record Content(Map<String, Rights> users, @Nullable String errors) {}

  /// Makes a draft that begins with these rights.
  @FunctionalInterface
  interface Drafting {
    RightsDraft draft(Rights from);
  }

  private final Config config;
  private final String name; // as it was given
  private final Supplier<Rights> fresh;
  private final Drafting drafting;

  /// @param fresh the rights of a new user
  UserFile(Config config, Supplier<Rights> fresh, Drafting drafting) {
    this.config = config;
    this.name = config.get(Settings.ACLFILE);
    this.fresh = fresh;
    this.drafting = drafting;
  }

  /// Replaces the file.
  void write(List<String> lines) throws IOException {
    String text = lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
    WholeFile.replace(config.path(Settings.ACLFILE), Octets.bytes(text));
  }

  Content read() {
    String text;
    try {
      text = Octets.of(Files.readAllBytes(config.path(Settings.ACLFILE)));
    } catch (IOException e) {
      String why = Octets.encode(IoReason.of(e));
      return new Content(Map.of(), "Error loading ACLs, opening file '" + name + "': " + why);
    }
    return parse(text);
  }

  Content parse(String text) {
    Map<String, Rights> users = new LinkedHashMap<>();
    StringBuilder errors = new StringBuilder();
    int number = 0;
    for (String line : text.split("\n", -1)) {
      number++;
      String trimmed = trim(line, " \t\r\n");
      if (!trimmed.isEmpty()) {
        String error = parse(List.of(trimmed.split(" ", -1)), number, users);
        errors.append(error);
      }
    }
    if (errors.isEmpty()) {
      return new Content(users, null);
    }
    errors.append(
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
    return new Content(users, errors.toString());
  }

  /// Reads one line. Returns what is wrong with it, empty if nothing is.
  private String parse(List<String> words, int number, Map<String, Rights> users) {
    String place = name + ":" + number;
    if (!words.getFirst().equals("user") || words.size() < 2) {
      return place + " should start with user keyword followed by the username. ";
    }
    String user = words.get(1);
    if (SelectorDraft.hasSpaces(user)) {
      return "'" + place + ": username '" + user + "' contains invalid characters. ";
    }
    if (users.containsKey(user)) {
      return "WARNING: Duplicate user '" + user + "' found on line " + number + ". ";
    }
    RightsDraft draft = drafting.draft(fresh.get());
    users.put(user, fresh.get());
    RightsDraft.Joined joined = RightsDraft.join(words.subList(2, words.size()));
    if (joined.unmatched() >= 0) {
      return place + ": Unmatched parenthesis in selector definition.";
    }
    StringBuilder errors = new StringBuilder();
    boolean isWrong = false;
    for (String word : joined.rules()) {
      String rule = trim(word, "\t\r\n");
      RuleFault fault = draft.apply(rule);
      if (fault == RuleFault.UNKNOWN) {
        errors.append(place).append(": Error in applying operation '");
        errors.append(rule).append("': ").append(fault.text).append(". ");
      } else if (fault != null && !isWrong) {
        errors.append(place).append(": ").append(fault.text).append(". ");
        isWrong = true;
      }
    }
    users.put(user, draft.done());
    return errors.toString();
  }

  private static String trim(String text, String blanks) {
    int from = 0;
    int to = text.length();
    while (from < to && blanks.indexOf(text.charAt(from)) >= 0) {
      from++;
    }
    while (to > from && blanks.indexOf(text.charAt(to - 1)) >= 0) {
      to--;
    }
    return text.substring(from, to);
  }
}
