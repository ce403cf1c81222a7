package dev.spinel.server;

import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Later;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/// Random calls, most of them nearly right ([CallGenerator]), to two servers, a real one and ours,
/// say: equal replies, byte for byte, but for what chance, time and the process decide.
final class CallComparison {
  /// Who answers a request.
  interface Peer {
    byte[] answer(byte[] request) throws IOException;
  }

  private static final int CALLS_PER_STATE = 150;

  /// Are about the connection or the process, as are those that [CallGenerator#TALKATIVE] names.
  private static final Set<String> LEFT_OUT =
      Set.of(
          "hello",
          "auth",
          "lolwut",
          "info",
          "time",
          "role",
          "lastsave",
          "latency",
          "slowlog",
          "memory",
          "client",
          "config",
          "command",
          "debug",
          "pubsub",
          "randomkey",
          "spop",
          "scan",
          "object",
          "failover",
          "function",
          "script",
          "replicaof",
          "acl",
          "bgrewriteaof",
          "wait",
          "waitaof",
          "xgroup|help", // in words of our own
          "xinfo|help");

  /// Their elements come in any order.
  private static final Set<String> UNORDERED =
      Set.of("keys", "hkeys", "hvals", "hgetall", "smembers", "sinter", "sunion", "sdiff");

  /// Both may differ in what they answer, not in which kind of answer it is.
  private static final Set<String> BY_KIND =
      Set.of(
          "dump", // of a hash, in its order; and of another version
          "hrandfield",
          "hscan",
          "sort", // of a set, in its order
          "sort_ro",
          "srandmember",
          "sscan",
          "zrandmember",
          "zscan",
          "xpending", // for how long
          "xinfo|consumers",
          "ttl",
          "pttl",
          "expiretime",
          "pexpiretime",
          "httl",
          "hpttl",
          "hexpiretime",
          "hpexpiretime",
          "exec");

  private static final Set<String> EXPIRING =
      Set.of("set", "getex", "setex", "psetex", "expire", "pexpire");

  private static final Set<String> BLOCKING =
      Set.of(
          "blpop",
          "brpop",
          "blmove",
          "brpoplpush",
          "blmpop",
          "bzpopmin",
          "bzpopmax",
          "bzmpop",
          "xread",
          "xreadgroup");

  /// Take what has been pending for so many milliseconds.
  private static final Set<String> CLAIMING = Set.of("xclaim", "xautoclaim");

  private static final Set<String> EXPIRING_FIELDS =
      Set.of("hexpire", "hpexpire", "hgetex", "hsetex");

  private final CommandTable table;
  private boolean knowsLater = true;
  private final CallGenerator calls;
  private final Peer expected;
  private final Peer tested;

  /// What differed, by command: the first call of each.
  final TreeMap<String, String> differences = new TreeMap<>();

  int compared;

  CallComparison(CommandTable table, Random random, Peer expected, Peer tested) {
    this.table = table;
    this.calls = new CallGenerator(table, random);
    this.expected = expected;
    this.tested = tested;
  }

  /// One of the two is a 7.2: leaves out what that doesn't know.
  CallComparison withoutLater() {
    knowsLater = false;
    return this;
  }

  private boolean isLater(String name, List<String> words) {
    return Later.isLater(table.byName(name))
        || name.equals("set") && words.stream().anyMatch("IFEQ"::equalsIgnoreCase);
  }

  void run(int count, int protocol) throws IOException {
    both("CONFIG", "SET", CallGenerator.BOUND, CallGenerator.BOUND_VALUE);
    both("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    try {
      compare(count, protocol);
    } finally {
      both("CONFIG", "SET", CallGenerator.BOUND, "512mb");
      both("DEBUG", "SET-ACTIVE-EXPIRE", "1");
    }
  }

  private void compare(int count, int protocol) throws IOException {
    boolean multi = false;
    for (int i = 0; i < count; i++) {
      if (i % CALLS_PER_STATE == 0) {
        both("RESET");
        both("HELLO", Integer.toString(protocol));
        both("FLUSHALL");
        multi = false;
      }
      var call = calls.next();
      List<String> words = call.words();
      String name = call.name();
      String container = name.contains("|") ? name.substring(0, name.indexOf('|')) : name;
      if (!knowsLater && isLater(name, words)
          || LEFT_OUT.contains(container)
          || LEFT_OUT.contains(name)
          || CallGenerator.TALKATIVE.contains(name)) {
        continue;
      }
      if (name.equals("lset")) {
        words.replaceAll(word -> word.matches("-?[0-9]{10,}") ? "7" : word); // COMPATIBILITY.md
      }
      if (EXPIRING.contains(name)) {
        // not so soon that it matters which server is quicker
        words.replaceAll(word -> word.matches("[1-9][0-9]{0,6}") ? "77777777" : word);
      }
      if (EXPIRING_FIELDS.contains(name)) {
        for (int at = 2; at < words.size(); at++) {
          boolean isTime =
              at == 2 ? name.contains("expire") : words.get(at - 1).matches("(?i)[ep]x");
          if (isTime && words.get(at).matches("[1-9][0-9]{0,6}")) {
            words.set(at, "77777777");
          }
        }
      }
      if (name.equals("xadd")) {
        words.replaceAll(word -> word.equals("*") ? "77-*" : word); // no clocks
      } else if (CLAIMING.contains(name)) {
        words.replaceAll(word -> word.matches("[1-9][0-9]{0,6}") ? "0" : word);
      }
      boolean wrapped = BLOCKING.contains(name) && !multi;
      if (wrapped) {
        both("MULTI");
      }
      String[] replies = both(words.toArray(String[]::new));
      if (replies[0].startsWith("+QUEUED") && wrapped) {
        replies = both("EXEC");
      } else if (wrapped) {
        both("DISCARD");
      }
      compared++;
      multi = multi && !(name.equals("exec") || name.equals("discard") || name.equals("reset"));
      boolean equal = equal(name, replies[0], replies[1]);
      String[] state = multi ? replies : both("DEBUG", "DIGEST");
      if (!equal || !multi && !state[0].equals(state[1])) {
        String what = equal ? " leaves other data; both say " : " expected: ";
        differences.putIfAbsent(
            name, shown(words) + what + cut(replies[0]) + "\n    got: " + cut(replies[1]));
        i += CALLS_PER_STATE - i % CALLS_PER_STATE - 1; // what follows may differ for that reason
        both("DISCARD");
      }
      if (name.equals("multi") && replies[0].startsWith("+OK")) {
        multi = true;
      } else if (name.equals("reset")) {
        both("HELLO", Integer.toString(protocol));
      }
    }
  }

  private String[] both(String... words) throws IOException {
    byte[] request = LocalSession.request(words);
    return new String[] {text(expected.answer(request)), text(tested.answer(request))};
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static boolean equal(String name, String a, String b) {
    if (a.equals(b)) {
      return true;
    }
    if (a.isEmpty() || b.isEmpty() || a.charAt(0) != b.charAt(0) || a.charAt(0) == '-') {
      return false;
    }
    if (UNORDERED.contains(name)) {
      return sorted(a).equals(sorted(b));
    }
    return BY_KIND.contains(name)
        || name.equals("xinfo|stream") && a.contains("seen-time"); // of consumers
  }

  private static List<String> sorted(String reply) {
    String[] lines = reply.split("\r\n", -1);
    Arrays.sort(lines);
    return List.of(lines);
  }

  private static String shown(List<String> words) {
    List<String> cut = new ArrayList<>();
    for (String word : words) {
      cut.add(cut(word));
    }
    return cut.toString();
  }

  private static String cut(String text) {
    String line = text.replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0");
    return line.length() > 160 ? line.substring(0, 160) + "..." + line.length() : line;
  }
}
