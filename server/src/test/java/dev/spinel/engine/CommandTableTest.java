package dev.spinel.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.commands.Databases;
import dev.spinel.commands.Strings;
import dev.spinel.server.AllCommands;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// The table of all commands against what a real 7.2.6 says of them, and the look-ups.
class CommandTableTest {
  private static final CommandTable TABLE = AllCommands.table();

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Object json) {
    return (Map<String, Object>) json;
  }

  static Map<String, Object> redis() throws IOException {
    return facts("/redis-7.2-commands.json");
  }

  private static Map<String, Object> facts(String resource) throws IOException {
    try (InputStream in = CommandTableTest.class.getResourceAsStream(resource)) {
      return map(Json.parse(new String(in.readAllBytes(), StandardCharsets.UTF_8)));
    }
  }

  @Test
  void everyRowSaysWhatRedisSays() throws IOException {
    Map<String, Object> redis = redis();
    Map<String, Object> later = facts("/redis-8.0-commands.json");
    List<String> wrong = new ArrayList<>();
    for (Command command : TABLE) {
      if (Later.isLater(command)) {
        Map<String, Object> facts = map(later.remove(command.name));
        if (facts != null) compare(command, Facts.of(command), facts, wrong);
        else if (!OF_VALKEY.contains(command.name)) wrong.add(command.name + ": of which server?");
        continue;
      }
      Map<String, Object> expected = map(redis.get(command.name));
      if (expected == null) {
        wrong.add(command.name + ": Redis has no such command");
        continue;
      }
      Map<String, Object> subcommands = map(expected.remove("subcommands"));
      compare(command, Later.without(Facts.of(command)), expected, wrong);
      if (subcommands == null) subcommands = Map.of();
      for (Command sub : command.subcommands()) {
        Map<String, Object> facts = map(subcommands.get(sub.name));
        if (facts == null && Later.isLater(sub)) continue;
        if (facts == null) wrong.add(sub.name + ": Redis has no such subcommand");
        else compare(sub, Later.without(Facts.of(sub)), facts, wrong);
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(later).as("commands of 8.0 that are promised").isEmpty();
  }

  /// Commands of Valkey 9, which no machine here has.
  private static final List<String> OF_VALKEY = List.of("delifeq");

  private static void compare(
      Command command,
      Map<String, Object> facts,
      Map<String, Object> expected,
      List<String> wrong) {
    TreeSet<String> names = new TreeSet<>(facts.keySet());
    names.addAll(expected.keySet());
    for (String name : names) {
      Object ours = facts.get(name);
      Object theirs = expected.get(name);
      if (ours == null || !ours.equals(theirs))
        wrong.add(command.name + " " + name + ": " + ours + ", not " + theirs);
    }
  }

  @Test
  void everyRowHasASummaryOfItsOwn() {
    List<String> wrong = new ArrayList<>();
    List<String> summaries = new ArrayList<>();
    for (Command command : everything()) {
      Synopsis s = command.synopsis();
      if (!s.summary.endsWith(".") || s.summary.length() < 10 || s.summary.length() > 110)
        wrong.add(command.name);
      boolean help = command.name.endsWith("|help");
      if (!help && summaries.contains(s.summary))
        wrong.add(command.name + " has the summary of another");
      summaries.add(s.summary);
      for (Synopsis.Change change : s.history)
        if (change.text().isEmpty()) wrong.add(command.name + " history");
    }
    // the same command under its old names
    wrong.remove("substr has the summary of another");
    assertThat(wrong).isEmpty();
  }

  private static List<Command> everything() {
    List<Command> all = new ArrayList<>();
    for (Command command : TABLE) {
      all.add(command);
      all.addAll(command.subcommands());
    }
    return all;
  }

  @Test
  void indexesAreDense() {
    boolean[] seen = new boolean[TABLE.size()];
    for (Command command : everything()) {
      assertThat(seen[command.index]).as(command.name).isFalse();
      seen[command.index] = true;
    }
    for (boolean one : seen) assertThat(one).isTrue();
  }

  @Test
  void everyNameIsFoundInAnyCase() {
    Random random = new Random(7);
    for (Command command : everything()) {
      String[] words = command.name.split("\\|");
      for (int round = 0; round < 20; round++) {
        String[] shuffled = new String[words.length];
        for (int i = 0; i < words.length; i++) {
          StringBuilder word = new StringBuilder();
          for (char c : words[i].toCharArray())
            word.append(random.nextBoolean() ? Character.toUpperCase(c) : c);
          shuffled[i] = word.toString();
        }
        assertThat(TABLE.lookup(Args.of(shuffled)))
            .as(String.join(" ", shuffled))
            .isSameAs(command);
        assertThat(TABLE.byName(String.join("|", shuffled))).isSameAs(command);
      }
    }
  }

  /// Every byte string that differs from a name by more than case is unknown, however similar its
  /// bits are.
  @Test
  void similarNamesAreUnknown() {
    Random random = new Random(8);
    for (Command command : TABLE) {
      byte[] name = command.name.getBytes(StandardCharsets.ISO_8859_1);
      for (int round = 0; round < 200; round++) {
        byte[] other = name.clone();
        int at = random.nextInt(other.length);
        other[at] ^= (byte) (1 << random.nextInt(8));
        String text = new String(other, StandardCharsets.ISO_8859_1);
        boolean same = text.toLowerCase(Locale.ROOT).equals(command.name);
        Command found = TABLE.command(new Slice(other));
        if (same) assertThat(found).isSameAs(command);
        else if (found != null) assertThat(found.name).isEqualTo(text.toLowerCase(Locale.ROOT));
      }
      assertThat(TABLE.command(new Slice(Arrays.copyOf(name, name.length + 1)))).isNull();
      assertThat(TABLE.command(new Slice(Arrays.copyOf(name, 40)))).isNull();
    }
    assertThat(TABLE.command(Slice.of(""))).isNull();
    assertThat(TABLE.command(Slice.of("x".repeat(24)))).isNull();
    assertThat(TABLE.command(Slice.of("x".repeat(300)))).isNull();
  }

  @Test
  void aContainerAloneIsItself() {
    Command client = TABLE.lookup(Args.of("CLIENT"));
    assertThat(client).isNotNull();
    assertThat(client.name).isEqualTo("client");
    assertThat(client.runs()).isFalse();
    assertThat(client.accepts(1)).isFalse();
    Command command = TABLE.lookup(Args.of("command"));
    assertThat(command).isNotNull();
    assertThat(command.runs()).isTrue();
    assertThat(command.accepts(1)).isTrue();
    Command get = TABLE.lookup(Args.of("get", "list"));
    assertThat(get).isNotNull();
    assertThat(get.name).isEqualTo("get");
  }

  @Test
  void unknownCommandsAreNamedWithTheBeginningOfTheirArguments() {
    Args args = Args.of("FOO", "bar\r\nbaz", "qux");
    assertThat(TABLE.lookup(args)).isNull();
    assertThat(TABLE.unknown(args).getMessage())
        .isEqualTo("ERR unknown command 'FOO', with args beginning with: 'bar  baz' 'qux' ");
    assertThat(TABLE.unknown(Args.of("foo")).getMessage())
        .isEqualTo("ERR unknown command 'foo', with args beginning with: ");
    String long200 = "y".repeat(200);
    assertThat(TABLE.unknown(Args.of(long200, "ab", long200, "c")).getMessage())
        .isEqualTo(
            "ERR unknown command '"
                + "y".repeat(128)
                + "', with args beginning with: 'ab' '"
                + "y".repeat(123)
                + "' ");
    Args sub = Args.of("client", "nothing", "x");
    assertThat(TABLE.lookup(sub)).isNull();
    assertThat(TABLE.unknown(sub).getMessage())
        .isEqualTo("ERR unknown subcommand 'nothing'. Try CLIENT HELP.");
  }

  @Test
  void renamedCommandsAnswerToTheirNewNameOnly() {
    CommandTable.Builder builder =
        new CommandTable.Builder().add(new Strings()).add(new Databases());
    builder.rename("get", "fetch");
    builder.rename("flushall", "");
    assertThat(builder.knows("nothing")).isFalse();
    assertThat(builder.knows("get")).isFalse();
    assertThat(builder.knows("fetch")).isTrue();
    CommandTable table = builder.build();
    assertThat(table.lookup(Args.of("get", "k"))).isNull();
    Command fetch = table.lookup(Args.of("FETCH", "k"));
    assertThat(fetch).isNotNull();
    assertThat(fetch.name).isEqualTo("get");
    assertThat(table.lookup(Args.of("flushall"))).isNull();
    assertThat(table.lookup(Args.of("flushdb"))).isNotNull();
  }

  @Test
  void keysAreFoundWhereTheSpecificationsSay() {
    assertThat(keys("get", "k")).containsExactly(1);
    assertThat(keys("set", "k", "v", "get")).containsExactly(1);
    assertThat(keys("mset", "a", "1", "b", "2")).containsExactly(1, 3);
    assertThat(keys("del", "a", "b", "c")).containsExactly(1, 2, 3);
    assertThat(keys("blpop", "a", "b", "0")).containsExactly(1, 2);
    assertThat(keys("lmove", "a", "b", "left", "right")).containsExactly(1, 2);
    assertThat(keys("lcs", "a", "b")).containsExactly(1, 2);
    assertThat(keys("lmpop", "2", "a", "b", "left")).containsExactly(2, 3);
    assertThat(keys("blmpop", "0", "1", "a", "left")).containsExactly(3);
    assertThat(keys("object", "encoding", "a")).containsExactly(2);
    assertThat(keys("memory", "usage", "a")).containsExactly(2);
    assertThat(keys("watch", "a", "b")).containsExactly(1, 2);
    assertThat(keys("ping")).isEmpty();
    assertThat(keys("spublish", "channel", "m")).isEmpty();
    int[] out = new int[10];
    assertThat(TABLE.byName("spublish").routes(Args.of("spublish", "channel", "m"), out))
        .isEqualTo(1);
    assertThat(out[0]).isEqualTo(1);
  }

  /// Of others only every 16th is timed, so that most of them never get into the slow log.
  @Test
  void whatMayTakeLongIsKnownByItsWords() {
    for (String call :
        List.of(
            "LPOP k 9",
            "SPOP k 9",
            "ZPOPMIN k 9",
            "RPUSH k a b",
            "SADD k a b",
            "EXISTS a b",
            "HSET k a 1 b 2",
            "PFADD k a b",
            "UNLINK a b",
            "HMGET k a b",
            "LRANGE k 0 9",
            "DEL k")) {
      assertThat(mayTakeLong(call)).as(call).isTrue();
    }
    for (String call :
        List.of(
            "LPOP k",
            "SPOP k",
            "ZPOPMIN k",
            "RPUSH k a",
            "SADD k a",
            "EXISTS a",
            "HSET k a 1",
            "PFADD k a",
            "ZADD k 1 a",
            "XADD k * f v",
            "SET k v EX 10",
            "GET k",
            "PING")) {
      assertThat(mayTakeLong(call)).as(call).isFalse();
    }
  }

  private static boolean mayTakeLong(String call) {
    Args words = Args.of(call.split(" "));
    return TABLE.lookup(words).mayTakeLong(words.count());
  }

  @Test
  void aCallWhoseKeysCannotBeToldHasNone() {
    for (String count :
        List.of("0", "-1", "3", "x", "9223372036854775807", "99999999999999999999", "2147483647"))
      assertThat(count("lmpop", count, "a", "left")).as(count).isEqualTo(-1);
    assertThat(count("blpop", "a")).isEqualTo(-1);
    assertThat(count("object", "encoding")).isEqualTo(-1);
  }

  private static int count(String... words) {
    Args args = Args.of(words);
    Command command = TABLE.lookup(args);
    assertThat(command).isNotNull();
    return command.keys(args, new int[words.length]);
  }

  private static List<Integer> keys(String... words) {
    Args args = Args.of(words);
    Command command = TABLE.lookup(args);
    assertThat(command).isNotNull();
    int[] out = new int[words.length];
    int n = command.keys(args, out);
    List<Integer> list = new ArrayList<>();
    for (int i = 0; i < n; i++) list.add(out[i]);
    return list;
  }

  @Test
  void aRowThatCannotBeReadNamesItsColumn() {
    assertThatThrownBy(
            () -> new Synopsis("X [a | b]", "generic 1.0.0", "Words.\nO(1)", false, true))
        .hasMessageContaining("a group needs a name");
    assertThatThrownBy(() -> new Synopsis("X a] b", "generic 1.0.0", "Words.\nO(1)", false, true))
        .hasMessageContaining("column 3");
    assertThatThrownBy(
            () -> new Synopsis("X [name: a | b", "generic 1.0.0", "Words.\nO(1)", false, true))
        .hasMessageContaining("missing ]");
    assertThatThrownBy(
            () -> new Synopsis("X [a] @key:RO", "generic 1.0.0", "Words.\nO(1)", false, true))
        .hasMessageContaining("place can't be told");
    assertThatThrownBy(
            () -> new Synopsis("X @key:ro", "generic 1.0.0", "Words.\nO(1)", false, true))
        .hasMessageContaining("unknown key flag 'ro'");
    assertThatThrownBy(() -> new Synopsis("X", "generic 1.0.0 brisk", "Words.\nO(1)", false, true))
        .hasMessageContaining("unknown fact 'brisk'");
  }

  @Test
  void hintsReadLikeASynopsis() {
    assertThat(TABLE.byName("set").synopsis().hint())
        .isEqualTo(
            "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT"
                + " unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]");
    assertThat(TABLE.byName("blpop").synopsis().hint()).isEqualTo("key [key ...] timeout");
    assertThat(TABLE.byName("client|unblock").synopsis().hint())
        .isEqualTo("client-id [TIMEOUT | ERROR]");
    assertThat(TABLE.byName("lmpop").synopsis().hint())
        .isEqualTo("numkeys key [key ...] <LEFT | RIGHT> [COUNT count]");
  }
}
