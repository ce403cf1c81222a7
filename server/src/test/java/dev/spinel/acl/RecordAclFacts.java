package dev.spinel.acl;

import dev.spinel.RealRedis;
import dev.spinel.wire.Quoting;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Has a real server apply random rules to a user, and list its categories, and writes `rules.txt`
/// and `categories.txt`. Run by hand: the arguments are the binary of a Redis 7.2.6 and the folder
/// of the resources.
final class RecordAclFacts {
  private static final int LISTS = 300;
  private static final long SEED = 49;

  private RecordAclFacts() {}

  public static void main(String[] arguments) throws Exception {
    Path binary = Path.of(arguments[0]);
    Path folder = Path.of(arguments[1]);
    Path directory = Files.createTempDirectory("facts");
    int port = RealRedis.freePort();
    List<String> settings = List.of("--port", "" + port, "--save", "");
    try (RealRedis redis = RealRedis.start(binary, directory, port, "", settings)) {
      if (!redis.answers()) {
        throw new AssertionError(redis.errorOutput());
      }
      write(folder.resolve("categories.txt"), categories(redis));
      write(folder.resolve("rules.txt"), rules(redis));
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
}
