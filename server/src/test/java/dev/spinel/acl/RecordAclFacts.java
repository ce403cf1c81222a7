package dev.spinel.acl;

import dev.spinel.RealRedis;
import dev.spinel.wire.Quoting;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;

/// Has a real server apply random rules to a user, say what such users may run, list its categories
/// and load files of users, and writes `rules.txt`, `dryruns.txt`, `categories.txt` and
/// `files.txt`; the files of users are those that stand in the latter. Run by hand: the arguments
/// are the binary of a Redis 7.2.6 and the folder of the resources.
final class RecordAclFacts {
  private static final int LISTS = 300;
  private static final long SEED = 49;

  private RecordAclFacts() {}

  public static void main(String[] arguments) throws Exception {
    Path binary = Path.of(arguments[0]);
    Path folder = Path.of(arguments[1]);
    Path directory = Files.createTempDirectory("facts");
    int port = RealRedis.freePort();
    List<String> settings =
        List.of(
            "--port", "" + port, "--save", "", "--aclfile", "users.acl", "--dir", "" + directory);
    Path users = Files.createFile(directory.resolve("users.acl"));
    try (RealRedis redis = RealRedis.start(binary, directory, port, "", settings)) {
      if (!redis.answers()) {
        throw new AssertionError(redis.errorOutput());
      }
      write(folder.resolve("categories.txt"), categories(redis));
      write(folder.resolve("rules.txt"), rules(redis));
      Asked server = words -> flat(redis.call(words));
      write(folder.resolve("dryruns.txt"), dryRuns(server));
      List<String> lines =
          Files.readAllLines(folder.resolve("files.txt"), StandardCharsets.ISO_8859_1);
      write(folder.resolve("files.txt"), files(server, users, contents(lines)));
    }
  }

  private static void write(Path file, String text) throws Exception {
    Files.writeString(file, text, StandardCharsets.ISO_8859_1);
  }

  private static String categories(RealRedis redis) throws Exception {
    StringBuilder text = new StringBuilder();
    text.append("# ACL CAT of each category on Redis 7.2.6, sorted. Written by RecordAclFacts.\n");
    for (Object category : (List<?>) redis.call("ACL", "CAT")) {
      List<String> names = new ArrayList<>();
      ((List<?>) redis.call("ACL", "CAT", (String) category)).forEach(n -> names.add((String) n));
      names.sort(null);
      text.append(category).append(": ").append(String.join(" ", names)).append('\n');
    }
    return text.toString();
  }

  private static String rules(RealRedis redis) throws Exception {
    StringBuilder text = new StringBuilder();
    text.append(
        "# ACL SETUSER u on Redis 7.2.6, one after the other: the rules (>), the reply (<),");
    text.append(" u in ACL LIST (=).\n# Written by RecordAclFacts.\n");
    RuleGenerator generator = new RuleGenerator(new Random(SEED), true);
    for (int i = 0; i < LISTS; i++) {
      List<String> rules = generator.rules();
      List<String> call = new ArrayList<>(List.of("ACL", "SETUSER", "u"));
      call.addAll(rules);
      Object reply = redis.call(call.toArray(String[]::new));
      text.append('>');
      rules.forEach(rule -> text.append(' ').append(Quoting.quote(rule)));
      text.append("\n< ").append(Quoting.quote((String) reply));
      List<?> lines = (List<?>) redis.call("ACL", "LIST");
      text.append("\n= ").append(lines.size() < 2 ? "" : Quoting.quote((String) lines.get(1)));
      text.append('\n');
    }
    return text.toString();
  }

  /// A server, real or ours.
  interface Asked {
    /// Its reply as text, an element a line.
    String ask(String... words) throws Exception;
  }

  static String flat(Object reply) {
    if (reply instanceof List<?> list) {
      StringBuilder all = new StringBuilder();
      list.forEach(each -> all.append(flat(each)).append('\n'));
      return all.toString().replaceAll("\n+", "\n").strip();
    }
    return reply == null ? "" : reply.toString().strip();
  }

  /// What a server says to DRYRUN of some calls, by users with random rules.
  static String dryRuns(Asked server) throws Exception {
    StringBuilder text = new StringBuilder();
    text.append("# ACL DRYRUN on Redis 7.2.6: the rules (>), calls (?) and replies (<).\n");
    text.append("# Written by RecordAclFacts.\n");
    RuleGenerator generator = new RuleGenerator(new Random(SEED), true);
    Random random = new Random(SEED);
    for (int i = 0; i < LISTS; i++) {
      List<String> rules = new ArrayList<>(List.of("ACL", "SETUSER", "dry"));
      if (random.nextInt(3) == 0) {
        rules.addAll(List.of("reset", "+@all"));
      }
      rules.addAll(generator.rules());
      line(text, '>', rules.subList(3, rules.size()));
      server.ask(rules.toArray(String[]::new));
      for (int calls = 0; calls < 4; calls++) {
        List<String> call = new ArrayList<>(List.of("ACL", "DRYRUN", "dry"));
        String shape = CALLS.get(random.nextInt(CALLS.size()));
        for (String word : shape.split(" ")) {
          call.add(word.equals("K") ? KEYS.get(random.nextInt(KEYS.size())) : word);
        }
        line(text, '?', call.subList(3, call.size()));
        line(text, '<', List.of(server.ask(call.toArray(String[]::new))));
      }
    }
    server.ask("ACL", "DELUSER", "dry");
    return text.toString();
  }

  private static final List<String> KEYS = List.of("a", "ab", "b", "foo:1", "x", "*", "");

  private static final List<String> CALLS =
      List.of(
          "get K",
          "set K v",
          "set K v get",
          "del K K",
          "mget K K",
          "mset K 1 K 2",
          "copy K K",
          "rename K K",
          "bitop and K K K",
          "bitfield K get u8 0",
          "bitfield K set u8 0 1",
          "sort K by w* get v*",
          "sort K store K",
          "zunionstore K 2 K K",
          "zadd K 1 m",
          "lmpop 2 K K left",
          "xread streams K K 0 0",
          "eval x 2 K K",
          "fcall f 1 K",
          "georadius K 1 2 3 km store K",
          "migrate h 1 K 0 5",
          "object freq K",
          "object help",
          "memory usage K",
          "config get K",
          "config set K K",
          "client id",
          "client kill K",
          "acl whoami",
          "acl list",
          "select 0",
          "select 1",
          "select 2",
          "publish K m",
          "spublish K m",
          "subscribe K K",
          "psubscribe K",
          "unsubscribe K",
          "debug object K",
          "ping",
          "auth K",
          "multi",
          "flushall",
          "keys K",
          "shutdown nosave",
          "nosuch K",
          "config nosuch",
          "get");

  /// The files of users in a recording.
  static List<String> contents(List<String> lines) {
    return lines.stream()
        .filter(line -> line.startsWith("> "))
        .map(line -> Objects.requireNonNull(Quoting.split(line.substring(2))).getFirst())
        .toList();
  }

  /// What a server says of files of users, each in the place of the one that it has, and what it
  /// writes into it. Afterwards there is an empty one.
  static String files(Asked server, Path file, List<String> contents) throws Exception {
    StringBuilder text = new StringBuilder();
    text.append(
        "# Files of users (>) on Redis 7.2.6: ACL LOAD (<), and if that is OK ACL LIST (=)");
    text.append(" and the lines that ACL SAVE writes then, sorted (!).\n");
    text.append("# Written by RecordAclFacts, which leaves the lines with > as they are.\n");
    for (String content : contents) {
      Files.writeString(file, content, StandardCharsets.ISO_8859_1);
      line(text, '>', List.of(content));
      String loaded = server.ask("ACL", "LOAD");
      line(text, '<', List.of(loaded));
      if (!loaded.equals("OK")) {
        continue;
      }
      line(text, '=', List.of(server.ask("ACL", "LIST")));
      if (!server.ask("ACL", "SAVE").equals("OK")) {
        throw new AssertionError("not saved: " + content);
      }
      List<String> saved = new ArrayList<>(Files.readAllLines(file, StandardCharsets.ISO_8859_1));
      saved.sort(null);
      line(text, '!', List.of(String.join("\n", saved)));
      Files.writeString(file, "");
      server.ask("ACL", "LOAD");
    }
    return text.toString();
  }

  private static void line(StringBuilder text, char kind, List<String> words) {
    text.append(kind);
    words.forEach(word -> text.append(' ').append(Quoting.quote(word)));
    text.append('\n');
  }
}
