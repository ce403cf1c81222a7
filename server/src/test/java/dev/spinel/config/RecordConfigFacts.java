package dev.spinel.config;

import dev.spinel.RealRedis;
import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/// Asks a real server what it does in the cases of `config-set.txt`, `config-file.txt` and
/// `config-rewrite.txt`, and writes the answers into them. Run by hand when a case is added: the
/// arguments are the binary of a Redis 7.2.6 and the folder of the resources.
final class RecordConfigFacts {
  private static Path binary;
  private static TreeMap<String, String> defaults;

  private RecordConfigFacts() {}

  public static void main(String[] arguments) throws Exception {
    binary = Path.of(arguments[0]);
    Path folder = Path.of(arguments[1]);
    if (!RealRedis.version(binary).equals(Config.REDIS_VERSION))
      throw new IllegalArgumentException("not " + Config.REDIS_VERSION);
    record(folder.resolve("config-set.txt"), RecordConfigFacts::sets);
    record(folder.resolve("config-file.txt"), RecordConfigFacts::files);
    record(folder.resolve("config-rewrite.txt"), RecordConfigFacts::rewrites);
  }

  private interface Recorder {
    String record(String text) throws Exception;
  }

  private static void record(Path file, Recorder recorder) throws Exception {
    Files.writeString(file, recorder.record(Files.readString(file)));
  }

  private static String sets(String text) throws Exception {
    StringBuilder recorded = new StringBuilder();
    Path directory = Files.createTempDirectory("facts");
    int port = RealRedis.freePort();
    try (RealRedis redis =
        RealRedis.start(binary, directory, port, "", List.of("--port", "" + port, "--save", ""))) {
      if (!redis.answers()) throw new AssertionError(redis.errorOutput());
      for (String line : text.lines().toList()) {
        if (line.startsWith("#")) recorded.append(line).append('\n');
        if (!line.startsWith("> ")) continue;
        List<String> words = Arrays.asList(Arguments.split(line.substring(2)));
        List<String> command = new ArrayList<>(List.of("CONFIG", "SET"));
        command.addAll(words);
        recorded.append(line).append('\n');
        recorded.append("< ").append(redis.call(command.toArray(new String[0]))).append('\n');
        for (String word : redis.configGet(words.get(0)))
          recorded.append("= ").append(Quoting.quote(word)).append('\n');
      }
    }
    delete(directory);
    return recorded.toString();
  }

  private static String files(String text) throws Exception {
    defaults = new TreeMap<>();
    for (String line : Facts.resource("config-defaults.txt").lines().toList()) {
      String[] words = line.split(" ", 2);
      defaults.put(words[0], words[1].equals("\"\"") ? "" : words[1]);
    }
    List<Facts.Case> cases = Facts.cases(text);
    for (Facts.Case one : cases) {
      one.parts().keySet().removeAll(List.of("error", "differs"));
      Placed placed = Placed.of(one);
      try (RealRedis redis =
          RealRedis.start(
              binary, placed.directory, placed.port, one.part("input"), placed.arguments)) {
        if (redis.answers()) one.parts().put("differs", placed.unplace(differences(redis)));
        else one.parts().put("error", placed.unplace(redis.errorOutput()));
      }
      delete(placed.directory);
      System.err.println(one.title());
    }
    return Facts.write(Facts.comment(text), cases);
  }

  private static String differences(RealRedis redis) throws IOException {
    for (String password : List.of("--secret", "a b\"c", "a bA\n\"'")) redis.call("AUTH", password);
    StringBuilder differences = new StringBuilder();
    TreeMap<String, String> all = new TreeMap<>();
    List<String> pairs = redis.configGet("*");
    for (int i = 0; i < pairs.size(); i += 2) all.put(pairs.get(i), pairs.get(i + 1));
    all.forEach(
        (name, value) -> {
          if (!value.equals(defaults.get(name))
              && Settings.find(name).name().equals(name)
              && !name.equals("dir")) {
            differences.append(name).append(' ').append(Quoting.quote(value)).append('\n');
          }
        });
    return differences.toString();
  }

  private static String rewrites(String text) throws Exception {
    List<Facts.Case> cases = Facts.cases(text);
    for (Facts.Case one : cases) {
      one.parts().remove("result");
      Placed placed = Placed.of(one);
      try (RealRedis redis =
          RealRedis.start(binary, placed.directory, placed.port, "", placed.arguments)) {
        if (!redis.answers()) throw new AssertionError(one.title() + redis.errorOutput());
        redis.call("AUTH", "");
        for (String line : one.lines("set")) {
          String[] words = Arguments.split(line);
          Object reply = redis.call("CONFIG", "SET", words[0], words[1]);
          if (!reply.equals("OK")) throw new AssertionError(one.title() + ": " + reply);
        }
        Object reply = redis.call("CONFIG", "REWRITE");
        if (!reply.equals("OK")) throw new AssertionError(one.title() + ": " + reply);
        String result = Octets.of(Files.readAllBytes(placed.directory.resolve("redis.conf")));
        one.parts().put("result", placed.unplace(sortedBelowSignature(result)));
      }
      delete(placed.directory);
      System.err.println(one.title());
    }
    return Facts.write(Facts.comment(text), cases);
  }

  /// The text with the lines below the signature in order.
  static String sortedBelowSignature(String text) {
    String signature = "# Generated by CONFIG REWRITE\n";
    int at = text.indexOf(signature);
    if (at < 0) return text;
    String[] below = text.substring(at + signature.length()).split("(?<=\n)");
    Arrays.sort(below);
    return text.substring(0, at) + signature + String.join("", below);
  }

  /// A case laid out in a directory of its own.
  record Placed(Path directory, int port, List<String> arguments) {
    static Placed of(Facts.Case one) throws IOException {
      Path directory = Files.createTempDirectory("facts").toRealPath();
      int port = RealRedis.freePort();
      Placed bare = new Placed(directory, port, List.of());
      boolean crlf = one.parts().containsKey("file crlf");
      String file = one.part(crlf ? "file crlf" : "file");
      Files.writeString(
          directory.resolve("redis.conf"), bare.place(crlf ? file.replace("\n", "\r\n") : file));
      if (one.title().contains("no newline at the end")) {
        Files.writeString(directory.resolve("redis.conf"), bare.place(file.strip()));
      }
      if (one.parts().containsKey("other"))
        Files.writeString(directory.resolve("other.conf"), bare.place(one.part("other")));
      List<String> arguments = new ArrayList<>();
      for (String line : one.lines("arguments"))
        arguments.add(Arguments.split(bare.place(line))[0]);
      if (arguments.isEmpty()) arguments.add(bare.place("@FILE@"));
      return new Placed(directory, port, arguments);
    }

    private String place(String text) {
      return text.replace("@PORT@", "" + port)
          .replace("@DIR@", directory.toString())
          .replace("@FILE@", directory + "/redis.conf");
    }

    String unplace(String text) {
      return text.replace(directory + "/redis.conf", "@FILE@")
          .replace(directory.toString(), "@DIR@")
          .replace("" + port, "@PORT@");
    }
  }

  static void delete(Path directory) throws IOException {
    try (var files = Files.walk(directory)) {
      for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) Files.delete(file);
    }
  }
}
