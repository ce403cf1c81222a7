package dev.spinel.acl;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/// Makes random lists of rules as ACL SETUSER takes them, mistakes included. Left out is what a
/// real server accepts and doesn't survive: `%` alone, and first arguments with blanks.
final class RuleGenerator {
  static final String[] NAMES = {
    "get",
    "set",
    "del",
    "mget",
    "ping",
    "config",
    "client",
    "acl",
    "memory",
    "select",
    "debug",
    "object",
    "eval",
    "fcall",
    "script",
    "function",
    "publish",
    "subscribe",
    "psubscribe",
    "lpush",
    "hset",
    "zadd",
    "sadd",
    "geoadd",
    "pfadd",
    "bitop",
    "sort",
    "copy",
    "rename",
    "flushall",
    "keys",
    "multi",
    "exec",
    "auth",
    "hello",
    "blpop",
    "info",
    "monitor",
    "shutdown",
    "cluster",
    "command",
    "slowlog",
    "pubsub",
    "incr",
    "expire",
    "dump",
    "restore",
    "migrate"
  };
  private static final String[] PARTS = {
    "config|get",
    "config|set",
    "config|resetstat",
    "client|id",
    "client|kill",
    "acl|whoami",
    "acl|list",
    "memory|usage",
    "select|0",
    "select|1",
    "debug|object",
    "get|x",
    "object|freq",
    "config|nosuch",
    "config|get|x",
    "config|",
    "|",
    "a||b",
    "nosuch",
    "",
    "config ",
    "+get"
  };
  private static final String[] CATEGORIES = {
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
    "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous",
    "connection", "transaction", "scripting", "all", "all", "nosuch", ""
  };
  private static final String[] WORDS = {
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "on",
    "off",
    "nopass",
    "resetpass",
    "reset",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload"
  };
  private static final String[] PATTERNS = {
    "*", "a*", "b", "foo:*", "", "[ab]?", "\\*", "\u00ff", "~", "&", "%R~x"
  };
  private static final String[] ODD_PATTERNS = {"x y", "(p", "p)", "\"q\"", "'", "a\0", "\n"};
  private static final String[] ODD = {"", "what", "()", "(", ")", "on\0x", "~*\0", "\0", "( )"};

  private final Random random;
  private final boolean isOdd;

  /// @param isOdd also patterns and words that can't be written into a line of rules again
  RuleGenerator(Random random, boolean isOdd) {
    this.random = random;
    this.isOdd = isOdd;
  }

  List<String> rules() {
    List<String> rules = new ArrayList<>();
    int count = 1 + random.nextInt(random.nextBoolean() ? 3 : 9);
    while (rules.size() < count) {
      rules.add(rule(true));
    }
    return rules;
  }

  private String of(String... all) {
    return all[random.nextInt(all.length)];
  }

  private String sign() {
    return random.nextBoolean() ? "+" : "-";
  }

  private String inAnyCase(String word) {
    return random.nextInt(6) == 0 ? word.toUpperCase(Locale.ROOT) : word;
  }

  private String pattern() {
    return isOdd && random.nextInt(4) == 0 ? of(ODD_PATTERNS) : of(PATTERNS);
  }

  private String rule(boolean maySelect) {
    int kind = random.nextInt(100);
    if (kind < 22) {
      return sign() + inAnyCase(of(NAMES));
    } else if (kind < 32) {
      return sign() + inAnyCase(of(PARTS));
    } else if (kind < 50) {
      return sign() + "@" + inAnyCase(of(CATEGORIES));
    } else if (kind < 60) {
      return "~" + pattern();
    } else if (kind < 68) {
      return of("%R", "%W", "%RW", "%WR", "%r", "%RR", "%X") + of("~", "~", "~", "") + pattern();
    } else if (kind < 75) {
      return "&" + pattern();
    } else if (kind < 85) {
      return inAnyCase(of(WORDS));
    } else if (kind < 89) {
      return of(">", "<") + of("a", "b", "", "c d");
    } else if (kind < 92) {
      String hash = of("0".repeat(64), "ab".repeat(32), "AB".repeat(32), "0".repeat(63), "");
      return of("#", "!") + hash;
    } else if (kind < 98 && maySelect) {
      return selector();
    }
    return isOdd ? of(ODD) : of(WORDS);
  }

  private String selector() {
    StringBuilder text = new StringBuilder("(");
    int count = random.nextInt(5);
    for (int i = 0; i < count; i++) {
      text.append(i == 0 ? "" : " ").append(rule(false));
    }
    String whole = text.append(')').toString();
    return isOdd && random.nextInt(8) == 0 ? whole + of(" ", ")", "x") : whole;
  }
}
