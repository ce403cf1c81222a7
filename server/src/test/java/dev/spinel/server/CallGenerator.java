package dev.spinel.server;

import dev.spinel.engine.Command;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Synopsis;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;

/// Calls as a synopsis describes them, with mistakes: words too many or too few, doubled options,
/// numbers at their limits, keys of another type, bytes of any kind.
final class CallGenerator {
  /// One call; `name` as the table has it.
  record Call(String name, List<String> words) {}

  /// How many calls a test makes, and of which seed: `-Dspinel.fuzz.calls=N`,
  /// `-Dspinel.fuzz.seed=S`.
  static final int CALLS = Integer.getInteger("spinel.fuzz.calls", 20_000);

  static final long SEED = Long.getLong("spinel.fuzz.seed", 1);

  /// The setting that servers need so that no call makes half a gigabyte, and its value.
  static final String BOUND = "proto-max-bulk-len", BOUND_VALUE = "1mb";

  /// Are answered several times, or later, or not at all.
  static final Set<String> TALKATIVE =
      Set.of(
          "subscribe",
          "unsubscribe",
          "psubscribe",
          "punsubscribe",
          "ssubscribe",
          "sunsubscribe",
          "quit");

  /// End the server or its usefulness, by design; DEBUG is called with the few words below.
  private static final Set<String> NOT =
      Set.of(
          "shutdown",
          "save",
          "bgsave",
          "lastsave",
          "debug",
          "config|set",
          "config|rewrite",
          "monitor",
          "client|reply",
          "client|pause",
          "client|tracking", // what it pushes would be taken for replies
          "psync",
          "migrate",
          "replconf",
          "replicaof",
          "slaveof",
          "script|debug", // a real server's debugger holds the connection
          "sync",
          "wait",
          "waitaof");

  private static final String[][] DEBUG = {
    {"DEBUG", "DIGEST"},
    {"DEBUG", "DIGEST-VALUE", "k1", "k2"},
    {"DEBUG", "OBJECT", "k3"},
    {"DEBUG", "LISTPACK", "k4"},
    {"DEBUG", "HTSTATS-KEY", "k5"},
    {"DEBUG", "STRINGMATCH-LEN", "10", "a*b*c"},
    {"DEBUG", "NO-SUCH"},
  };

  private static final String[] NUMBERS = {
    "0",
    "1",
    "2",
    "3",
    "5",
    "10",
    "-1",
    "-2",
    "-0",
    "00",
    "+1",
    "1.0",
    "1e3",
    "0x10",
    " 1",
    "1 ",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "99999999999999999999999",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "",
    "abc",
    "1048576",
    "536870911",
    "1700000000",
    "1700000001000",
  };

  private static final String[] DOUBLES = {
    "0",
    "0.5",
    "-0.5",
    "3.0e3",
    "1e-400",
    "1e308",
    "1.7976931348623157e308",
    "5e-324",
    "nan",
    "inf",
    "-inf",
    "infinity",
    "0x1p3",
    "",
    ".",
    "1.",
    ".1",
    "1e",
    "1.5.5",
    "0.01",
    "0.1",
    "9e99",
  };

  /// Ends of ranges of scores and of members.
  private static final String[] BOUNDS = {
    "-inf", "+inf", "(0", "(1", "(-inf", "(nan", "(", "0", "2", "-", "+", "[a", "(a1", "[a5", "(a9",
    "[", "[f1", "(v", "x",
  };

  /// Of entries of streams.
  private static final String[] IDS = {
    "0",
    "0-0",
    "0-1",
    "1",
    "1-1",
    "1-2",
    "1-*",
    "2-0",
    "2-*",
    "3-3",
    "5-1",
    "5-2",
    "7",
    "7-7",
    "9-*",
    "77-0",
    "77-1",
    "100-0",
    "-",
    "+",
    "(1-1",
    "(5",
    "$",
    ">",
    "18446744073709551615-1",
    "1-",
    "x-1",
  };

  private static final String[] PATTERNS = {
    "*", "k*", "[", "[]", "[^a]*", "[a-", "\\", "k\\*", "?", "**", "*{t}*", "{t}*", "[z-a]", "",
  };

  private final List<Command> commands = new ArrayList<>();
  private final Random random;

  CallGenerator(CommandTable table, Random random) {
    this.random = random;
    for (Command command : table) {
      add(command);
      command.subcommands().forEach(this::add);
    }
  }

  private void add(Command command) {
    if (!NOT.contains(command.name)) {
      // data commands twice as often as those that look at the server
      boolean data = command.hasKeys();
      for (int i = data ? 3 : 1; i > 0; i--) {
        commands.add(command);
      }
    }
  }

  Call next() {
    if (random.nextInt(100) == 0) {
      return new Call("debug", List.of(DEBUG[random.nextInt(DEBUG.length)]));
    }
    Command command = commands.get(random.nextInt(commands.size()));
    List<String> words = new ArrayList<>(List.of(command.name.split("\\|")));
    for (Synopsis.Argument argument : command.synopsis().arguments) {
      argument(argument, words);
    }
    int head = command.name.indexOf('|') < 0 ? 1 : 2;
    if (random.nextInt(6) == 0) {
      spoil(words, head);
    }
    if (command.name.endsWith("randfield") || command.name.endsWith("randmember")) {
      // as many as are asked for, billions if need be, in Redis, too
      words.replaceAll(word -> word.matches("-[0-9]{4,}") ? "-7" : word);
    }
    if (random.nextInt(3) == 0) {
      words.set(0, words.get(0).toUpperCase(Locale.ROOT));
    }
    String name = words.size() < head ? command.parent.name : command.name;
    return new Call(name, words);
  }

  private void spoil(List<String> words, int head) {
    int at = head + random.nextInt(Math.max(1, words.size() - head + 1));
    switch (random.nextInt(6)) {
      case 0 -> words.add(Math.min(at, words.size()), text());
      case 1 -> {
        if (at < words.size()) {
          words.remove(at);
        }
      }
      case 2 -> {
        if (at < words.size()) {
          words.add(at, words.get(at));
        }
      }
      case 3 -> {
        if (at < words.size()) {
          words.set(at, number());
        }
      }
      case 4 -> {
        while (words.size() > at) {
          words.removeLast();
        }
      }
      default -> {
        if (at < words.size()) {
          words.set(at, text());
        }
      }
    }
  }

  private void argument(Synopsis.Argument argument, List<String> words) {
    if (argument.optional() && random.nextInt(5) < 3) {
      return;
    }
    int times = argument.multiple() ? 1 + random.nextInt(4) : 1;
    for (int i = 0; i < times; i++) {
      String token = argument.token();
      if (token != null && (i == 0 || argument.multipleToken())) {
        words.add(token.isEmpty() ? "\"\"" : token);
      }
      switch (argument.type()) {
        case Synopsis.PURE_TOKEN -> {}
        case Synopsis.ONEOF -> {
          var choices = argument.arguments();
          argument(choices.get(random.nextInt(choices.size())), words);
        }
        case Synopsis.BLOCK -> argument.arguments().forEach(part -> argument(part, words));
        default -> words.add(value(argument));
      }
    }
  }

  private String value(Synopsis.Argument argument) {
    String name = argument.name();
    if ((name.equals("min") || name.equals("max")) && random.nextInt(6) > 0) {
      return BOUNDS[random.nextInt(BOUNDS.length)];
    }
    return switch (argument.type()) {
      case Synopsis.KEY -> key();
      case Synopsis.INTEGER -> random.nextInt(3) == 0 ? number() : "" + random.nextInt(4);
      case Synopsis.DOUBLE -> DOUBLES[random.nextInt(DOUBLES.length)];
      case Synopsis.PATTERN -> PATTERNS[random.nextInt(PATTERNS.length)];
      case Synopsis.UNIX_TIME ->
          random.nextBoolean() ? "170000" + (1000 + random.nextInt(9000)) : number();
      default ->
          switch (name) {
            case "numkeys" -> "" + (1 + random.nextInt(3));
            case "id", "start", "end", "threshold", "last-id", "lastid", "max-deleted-id" ->
                random.nextInt(20) == 0 ? text() : IDS[random.nextInt(IDS.length)];
            case "group" -> random.nextInt(20) == 0 ? text() : "g" + random.nextInt(3);
            case "consumer" -> random.nextInt(20) == 0 ? text() : "c" + random.nextInt(3);
            case "min-idle-time" -> random.nextInt(4) == 0 ? number() : "0";
            case "encoding" ->
                random.nextInt(8) == 0
                    ? text()
                    : (random.nextBoolean() ? "i" : "u") + (1 + random.nextInt(63));
            default -> text();
          };
    };
  }

  private String key() {
    int k = random.nextInt(40);
    return k < 36 ? "k" + k / 3 : k == 36 ? "" : k == 37 ? "{t}a" : k == 38 ? "{t}b" : text();
  }

  private String number() {
    return NUMBERS[random.nextInt(NUMBERS.length)];
  }

  private String text() {
    return switch (random.nextInt(12)) {
      case 0 -> "";
      case 1 -> "\r\n$-1\r\n\0";
      case 2 -> number();
      case 3 -> "x".repeat(60 + random.nextInt(10));
      case 4 ->
          random.nextInt(20) == 0
              ? "y".repeat(33_000 + random.nextInt(5_000))
              : "\u00e9\u00ff\u0080";
      case 5 -> "v" + random.nextInt(1000);
      case 6 -> Integer.toString(random.nextInt(300));
      case 7 -> "f" + random.nextInt(5);
      case 8 -> DOUBLES[random.nextInt(DOUBLES.length)];
      default -> "a" + random.nextInt(10);
    };
  }
}
