package dev.spinel.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Random operations on few keys, such as [Model] understands.
final class Operations {
  private static final String TIMEOUT = "0.01";

  private final Random random;
  private final String keys;
  private int next; // makes elements distinct

  Operations(Random random, String keys) {
    this.random = random;
    this.keys = keys;
  }

  private String key() {
    return keys.substring(random.nextInt(keys.length())).substring(0, 1);
  }

  private String value() {
    return random.nextInt(3) == 0
        ? Integer.toString(random.nextInt(10))
        : "v" + next++ + "." + random.nextInt(1000);
  }

  /// One operation: one command, or several for a transaction.
  List<List<String>> next() {
    if (random.nextInt(6) == 0) {
      List<List<String>> commands = new ArrayList<>();
      for (int i = 2 + random.nextInt(3); i > 0; i--) {
        commands.add(command(true));
      }
      return commands;
    }
    return List.of(command(false));
  }

  private List<String> command(boolean inMulti) {
    String a = key();
    String b = key();
    return switch (random.nextInt(38)) {
      case 0, 1, 2 -> List.of("SET", a, value());
      case 3, 4, 5 -> List.of("GET", a);
      case 6 -> List.of("INCR", a);
      case 7 -> List.of("APPEND", a, Integer.toString(random.nextInt(10)));
      case 8 -> List.of("GETSET", a, value());
      case 9, 10 -> List.of("DEL", a);
      case 11 -> List.of("RENAME", a, b);
      case 12 -> List.of("MSET", a, value(), b, value());
      case 13, 14 -> List.of("LPUSH", a, value());
      case 15 -> List.of("RPUSH", a, value(), value());
      case 16 -> List.of("LPOP", a);
      case 17 -> List.of("RPOP", a);
      case 18 -> List.of("LLEN", a);
      case 19 -> List.of("LMOVE", a, b, side(), side());
      case 20 -> List.of("BLPOP", a, b, TIMEOUT);
      case 21 -> List.of("BRPOP", a, b, key(), TIMEOUT);
      case 22 -> List.of("BLMOVE", a, b, side(), side(), TIMEOUT);
      case 23 ->
          List.of("BLMPOP", TIMEOUT, "2", a, b, side(), "COUNT", "" + (1 + random.nextInt(2)));
      case 24 -> inMulti ? List.of("GET", a) : List.of("WATCH", a);
      case 25 -> random.nextInt(3) == 0 ? List.of("FLUSHALL") : List.of("GET", a);
      case 26 -> random.nextInt(3) == 0 ? List.of("SWAPDB", "0", "1") : List.of("GET", a);
      case 27, 28 -> List.of("ZADD", a, score(), member());
      case 29 -> List.of("ZINCRBY", a, score(), member());
      case 30 -> List.of(random.nextBoolean() ? "ZPOPMIN" : "ZPOPMAX", a);
      case 31 -> List.of("ZREM", a, member());
      case 32 -> List.of("ZRANGE", a, "0", "-1", "WITHSCORES");
      case 33 -> List.of("ZUNIONSTORE", a, "2", b, key());
      case 34, 35 -> List.of(random.nextBoolean() ? "BZPOPMIN" : "BZPOPMAX", a, b, TIMEOUT);
      case 36 ->
          List.of("BZMPOP", TIMEOUT, "2", a, b, end(), "COUNT", "" + (1 + random.nextInt(2)));
      default -> inMulti || random.nextInt(3) > 0 ? List.of("GET", a) : List.of("UNWATCH");
    };
  }

  private String side() {
    return random.nextBoolean() ? "LEFT" : "RIGHT";
  }

  private String end() {
    return random.nextBoolean() ? "MIN" : "MAX";
  }

  private String score() {
    return Integer.toString(random.nextInt(5) - 1);
  }

  private String member() {
    return "m" + random.nextInt(4);
  }

  /// Whether a script may run it, and gets the reply that a transaction gets.
  static boolean fitsAScript(List<String> command) {
    String name = command.get(0);
    return !mayBlock(command) && !name.equals("WATCH") && !name.equals("UNWATCH");
  }

  /// Whether a call of this command may wait.
  static boolean mayBlock(List<String> command) {
    String name = command.get(0);
    return name.startsWith("BL") || name.startsWith("BR") || name.startsWith("BZ");
  }
}
