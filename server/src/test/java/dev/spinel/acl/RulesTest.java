package dev.spinel.acl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Later;
import dev.spinel.server.AllCommands;
import dev.spinel.server.Fixture;
import dev.spinel.server.LocalSession;
import dev.spinel.wire.Quoting;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The language of rules and its normal form: what a real 7.2.6 was recorded to say of some hundred
/// lists of rules, and what must hold of any. `-Dspinel.fuzz=N` runs N times as many,
/// `-Dspinel.seed=S` others.
class RulesTest {
  private static final int TIMES = Integer.getInteger("spinel.fuzz", 1);
  private static final long SEED = Long.getLong("spinel.seed", 49);

  private static List<String> recorded(String name) throws Exception {
    try (InputStream in = RulesTest.class.getResourceAsStream("/dev/spinel/acl/" + name)) {
      String text = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
      return text.lines().filter(line -> !line.startsWith("#")).toList();
    }
  }

  private static byte[] set(LocalSession session, String user, List<String> rules) {
    List<String> call = new ArrayList<>(List.of("ACL", "SETUSER", user));
    call.addAll(rules);
    return session.run(call.toArray(String[]::new));
  }

  private static String text(byte[] reply) {
    return new String(reply, StandardCharsets.ISO_8859_1);
  }

  /// The user's line in ACL LIST.
  private static String line(LocalSession session, String user) {
    return text(session.run("ACL", "LIST"))
        .lines()
        .filter(line -> line.startsWith("user " + user + " "))
        .findFirst()
        .orElse("");
  }

  @Test
  void recordedRulesAreAcceptedOrNotAndShownAsARealServerShowsThem() throws Exception {
    List<String> lines = recorded("rules.txt");
    List<String> wrong = new ArrayList<>();
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      for (int i = 0; i < lines.size(); i += 3) {
        List<String> rules = Objects.requireNonNull(Quoting.split(lines.get(i).substring(2)));
        String reply = unquoted(lines.get(i + 1));
        String listed = unquoted(lines.get(i + 2));
        String got = text(set(session, "u", rules)).strip();
        String shown = line(session, "u");
        if (!got.equals((reply.equals("OK") ? "+" : "-") + reply) || !shown.equals(listed)) {
          wrong.add(lines.get(i) + "\n  " + got + "\n  " + shown + "\n  not " + listed);
        }
      }
    }
    assertThat(lines).hasSize(900);
    assertThat(wrong).isEmpty();
  }

  private static String unquoted(String line) {
    List<String> words = Quoting.split(line.substring(2));
    return words == null || words.isEmpty() ? "" : words.getFirst();
  }

  @Test
  void usersMayRunWhatTheyMayRunOnARealServer() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      String got = RecordAclFacts.dryRuns(words -> plain(text(session.run(words))));
      assertThat(got.lines().filter(line -> !line.startsWith("#")).toList())
          .isEqualTo(recorded("dryruns.txt"));
    }
  }

  @Test
  void filesOfUsersAreReadAndWrittenAsByARealServer(@TempDir Path folder) throws Exception {
    Path file = Files.createFile(folder.resolve("users.acl"));
    List<String> lines = recorded("files.txt");
    try (Fixture fixture = new Fixture("dir", folder.toString(), "aclfile", "users.acl")) {
      LocalSession session = fixture.session();
      String got =
          RecordAclFacts.files(
              words -> plain(text(session.run(words))), file, RecordAclFacts.contents(lines));
      assertThat(got.lines().filter(line -> !line.startsWith("#")).toList()).isEqualTo(lines);
    }
  }

  @Test
  void categoriesHaveTheCommandsThatTheyHaveInRedis() throws Exception {
    CommandTable table = AllCommands.table();
    List<String> wrong = new ArrayList<>();
    List<String> lines = recorded("categories.txt");
    assertThat(lines).hasSize(21);
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      for (String line : lines) {
        String category = line.substring(0, line.indexOf(':'));
        TreeSet<String> expected = new TreeSet<>();
        for (String name : line.substring(line.indexOf(':') + 2).split(" ")) {
          Command command = table.byName(name);
          if (command == null) {
            assertThat(name).as("not declared").matches("x.*|latency.*|module.*|client.*");
          } else {
            expected.add(name);
          }
        }
        TreeSet<String> got = new TreeSet<>();
        String reply = text(session.run("ACL", "CAT", category.toUpperCase(Locale.ROOT)));
        reply.lines().filter(word -> !word.matches("[*$][0-9]+")).forEach(got::add);
        got.removeIf(name -> Later.isLater(table.byName(name)));
        if (!got.equals(expected)) {
          wrong.add(category + ": " + got + "\n  not " + expected);
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  /// What ACL SAVE writes is what ACL LOAD reads, and shows the same.
  @Test
  void whatIsWrittenMakesTheSameUserAgain(@TempDir Path folder) throws Exception {
    long seed = SEED;
    RuleGenerator generator = new RuleGenerator(new Random(seed), false);
    Files.writeString(folder.resolve("users.acl"), "");
    try (Fixture fixture = new Fixture("dir", folder.toString(), "aclfile", "users.acl")) {
      LocalSession session = fixture.session();
      int accepted = 0;
      for (int i = 0; i < 150 * TIMES; i++) {
        List<String> rules = generator.rules();
        if (text(set(session, "u", rules)).startsWith("+OK")) {
          accepted++;
          String shown = line(session, "u");
          String dry = text(session.run("ACL", "DRYRUN", "u", "GET", "a"));
          assertThat(text(session.run("ACL", "SAVE"))).isEqualTo("+OK\r\n");
          assertThat(text(session.run("ACL", "LOAD")))
              .as("%s, seed %d", shown, seed)
              .isEqualTo("+OK\r\n");
          assertThat(line(session, "u")).as("seed %d", seed).isEqualTo(shown);
          assertThat(text(session.run("ACL", "DRYRUN", "u", "GET", "a"))).isEqualTo(dry);
        }
      }
      assertThat(accepted).isPositive();
    }
  }

  /// Any bytes at all: an error, or a user whose line can be shown.
  @Test
  void noRuleBreaksTheServer() {
    long seed = SEED;
    Random random = new Random(seed);
    RuleGenerator generator = new RuleGenerator(random, true);
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      for (int i = 0; i < 600 * TIMES; i++) {
        List<String> rules = generator.rules();
        rules.replaceAll(rule -> random.nextInt(3) == 0 ? mangled(rule, random) : rule);
        String reply = text(set(session, "u", rules));
        assertThat(reply).as("%s, seed %d", rules, seed).matches("(?s)\\+OK\r\n|-ERR [^\r\n]*\r\n");
        if (reply.startsWith("+")) {
          assertThat(line(session, "u")).as("%s, seed %d", rules, seed).isNotEmpty();
        }
        assertThat(text(session.run("PING"))).isEqualTo("+PONG\r\n");
      }
    }
  }

  private static String mangled(String rule, Random random) {
    StringBuilder text = new StringBuilder(rule);
    for (int i = random.nextInt(4); i >= 0; i--) {
      int at = random.nextInt(text.length() + 1);
      String pieces = "()|@%~&+-<>#! \"'\\\0\u00ff\n,aR";
      if (random.nextBoolean() || at == text.length()) {
        text.insert(at, pieces.charAt(random.nextInt(pieces.length())));
      } else {
        text.deleteCharAt(at);
      }
    }
    return text.toString();
  }

  /// Beside a real 7.2: random rules, and what DRYRUN says then of some calls.
  @Test
  void randomRulesMeanWhatTheyMeanToARealServer(@TempDir Path folder) throws Exception {
    long seed = SEED;
    Random random = new Random(seed);
    RuleGenerator generator = new RuleGenerator(random, true);
    List<String> wrong = new ArrayList<>();
    try (RealRedis redis = RealRedis.ready(folder);
        Fixture fixture = new Fixture()) {
      assumeTrue(redis.isSeven2(), "REDIS_SERVER isn't a 7.2");
      LocalSession session = fixture.session();
      for (int i = 0; i < 300 * TIMES && wrong.size() < 5; i++) {
        List<String> rules = generator.rules();
        List<String> call = new ArrayList<>(List.of("ACL", "SETUSER", "u" + random.nextInt(4)));
        call.addAll(rules);
        compare(redis, session, call, wrong);
        compare(redis, session, List.of("ACL", "GETUSER", call.get(2)), wrong);
        compare(redis, session, List.of("ACL", "LIST"), wrong);
        List<String> dry = new ArrayList<>(List.of("ACL", "DRYRUN", call.get(2)));
        dry.add(RuleGenerator.NAMES[random.nextInt(RuleGenerator.NAMES.length)]);
        for (int words = random.nextInt(4); words > 0; words--) {
          dry.add(List.of("a", "b", "1", "foo:1", "get").get(random.nextInt(5)));
        }
        compare(redis, session, dry, wrong);
      }
    }
    assertThat(wrong).as("seed %d", seed).isEmpty();
  }

  private static void compare(
      RealRedis redis, LocalSession session, List<String> call, List<String> wrong)
      throws Exception {
    String[] words = call.toArray(String[]::new);
    String expected = RecordAclFacts.flat(redis.call(words));
    String got = plain(text(session.run(words)));
    if (!got.equals(expected)) {
      wrong.add(call + "\n  " + got + "\n  not " + expected);
    }
  }

  private static String plain(String reply) {
    return reply
        .replaceAll("(?m)^[*$][-0-9]+\r\n", "")
        .replaceAll("^[-+]", "")
        .replace("\r\n", "\n")
        .replaceAll("\n+", "\n")
        .strip();
  }
}
