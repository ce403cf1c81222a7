package dev.spinel.server;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A naive store of strings, lists and sorted sets that runs one operation after the other: what a
/// history is measured by. Replies as [Fixture#text] shows them, in RESP2.
///
/// A call that blocks is two operations of its session, so that nothing about waiting is left to
/// chance: the *arrival*, with an empty reply if it finds nothing, and later `AWAIT`, a look at
/// what came meanwhile. In between the model knows who waits, in which order, and serves at the
/// very operation that makes a key a list or a sorted set: a waiter that was forgotten, served
/// late, twice or out of turn has no explanation. `CLOSE` is the session's end.
final class Model {
  /// The reply of an arrival of which only the end is known: the reply comes with its `AWAIT`.
  static final String LATER = "?";

  /// Stands before the commands of a script, which are one as those of a transaction are, but have
  /// nothing to do with what their session watches.
  static final List<String> SCRIPT = List.of("SCRIPT");

  static final String WRONGTYPE =
      "-WRONGTYPE Operation against a key holding the wrong kind of value";
  private static final String UNBLOCKED = "-UNBLOCKED client unblocked via CLIENT UNBLOCK";
  private static final String TIMED_OUT = "*-1";
  private static final String WAITS = "";

  /// Keys in the order of their slots: SWAPDB looks at awaited keys so.
  private static final List<String> BY_SLOT = List.of("b", "c", "a");

  private record Waiter(int session, List<String> words, List<String> keys) {
    boolean waitsFor(Object value) {
      return words.get(0).startsWith("BZ") ? value instanceof Scores : value instanceof List;
    }
  }

  /// A sorted set: scores by member.
  private static final class Scores extends TreeMap<String, Long> {
    private static final long serialVersionUID = 1;

    /// Members in the order of their scores.
    List<String> inOrder() {
      List<String> members = new ArrayList<>(keySet());
      members.sort(Comparator.comparing(this::get)); // stable, and keys come in order
      return members;
    }
  }

  private Map<String, Object> data = new TreeMap<>(); // String, List<String> or Scores
  private Map<String, Object> other = new TreeMap<>(); // database 1
  private final Map<String, Integer> versions = new TreeMap<>(); // changes of each watched key
  private final Map<Integer, Map<String, Integer>> watches = new TreeMap<>(); // by session
  private final List<Waiter> waiters = new ArrayList<>(); // as they came
  private final Map<Integer, String> served = new TreeMap<>(); // by session: not heard yet
  private final ArrayDeque<String> ready =
      new ArrayDeque<>(); // became lists or sorted sets in this operation
  private boolean blocks = true;

  Model copy() {
    var copy = new Model();
    data.forEach((k, v) -> copy.data.put(k, clone(v)));
    other.forEach((k, v) -> copy.other.put(k, clone(v)));
    copy.versions.putAll(versions);
    watches.forEach((k, v) -> copy.watches.put(k, new TreeMap<>(v)));
    copy.waiters.addAll(waiters);
    copy.served.putAll(served);
    return copy;
  }

  @SuppressWarnings("unchecked")
  private static Object clone(Object value) {
    if (value instanceof Scores scores) {
      Scores copy = new Scores();
      copy.putAll(scores);
      return copy;
    }
    return value instanceof List ? new ArrayList<>((List<String>) value) : value;
  }

  /// Equal if and only if nothing that follows can tell two models apart.
  String state() {
    StringBuilder relevant = new StringBuilder();
    watches.forEach(
        (session, keys) ->
            keys.forEach(
                (key, version) ->
                    relevant
                        .append(session)
                        .append(key)
                        .append(version.equals(versions.getOrDefault(key, 0)))));
    return data + "|" + other + "|" + relevant + "|" + waiters + "|" + served;
  }

  /// Whether the operation may have this reply now; if so it has happened.
  boolean allows(History.Operation operation) {
    List<List<String>> commands = operation.commands();
    int session = operation.session();
    String heard = operation.reply();
    if (commands.size() > 1) {
      boolean isScript = commands.get(0).equals(SCRIPT);
      String reply =
          isScript ? all(session, commands.subList(1, commands.size())) : exec(session, commands);
      return heard == null || heard.equals(reply);
    }
    List<String> words = commands.get(0);
    if (words.get(0).equals("AWAIT")) {
      return await(session, heard);
    }
    String reply = run(session, words);
    serve();
    if (heard != null && heard.equals(LATER)) {
      if (!reply.equals(WAITS)) {
        served.put(session, reply);
      }
      return true;
    }
    return heard == null || heard.equals(reply);
  }

  private String exec(int session, List<List<String>> commands) {
    var watched = watches.remove(session);
    if (watched != null) {
      for (var watch : watched.entrySet()) {
        if (!watch.getValue().equals(versions.getOrDefault(watch.getKey(), 0))) {
          return "*-1";
        }
      }
    }
    return all(session, commands);
  }

  private String all(int session, List<List<String>> commands) {
    StringBuilder all = new StringBuilder("*" + commands.size());
    blocks = false;
    for (List<String> command : commands) {
      all.append(' ').append(run(session, command));
    }
    blocks = true;
    serve();
    return all.toString();
  }

  // ── waiting ──

  private boolean await(int session, String heard) {
    String reply = served.get(session);
    if (reply != null) {
      served.remove(session);
      return heard.equals(reply);
    }
    if (!waits(session)) {
      return false; // it hasn't even come
    }
    if (heard.equals(TIMED_OUT)) {
      forget(session);
      return true;
    }
    return heard.equals(WAITS);
  }

  private boolean waits(int session) {
    return waiters.stream().anyMatch(waiter -> waiter.session == session);
  }

  private void forget(int session) {
    waiters.removeIf(waiter -> waiter.session == session);
  }

  private String park(int session, List<String> words, List<String> keys, String otherwise) {
    if (!blocks) {
      return otherwise;
    }
    if (!waits(session)) {
      waiters.add(new Waiter(session, words, List.copyOf(keys)));
    }
    return WAITS;
  }

  /// Those who wait for what a key became run again, in the order in which they came.
  private void serve() {
    for (String key = ready.poll(); key != null; key = ready.poll()) {
      for (Waiter waiter : List.copyOf(waiters)) {
        if (waiter.keys.contains(key) && waiter.waitsFor(data.get(key))) {
          String reply = run(waiter.session, waiter.words);
          if (!reply.equals(WAITS)) {
            waiters.remove(waiter);
            served.put(waiter.session, reply);
          }
        }
      }
    }
  }

  private void ready(String key) {
    if (!ready.contains(key) && waiters.stream().anyMatch(waiter -> waiter.keys.contains(key))) {
      ready.add(key);
    }
  }

  private String unblock(int session, boolean withError) {
    if (!waits(session)) {
      return ":0";
    }
    forget(session);
    served.put(session, withError ? UNBLOCKED : TIMED_OUT);
    return ":1";
  }

  // ── commands ──

  private String run(int session, List<String> words) {
    String key = words.size() > 1 ? words.get(1) : "";
    String name = words.get(0);
    switch (name) {
      case "CLOSE" -> {
        forget(session);
        served.remove(session);
        watches.remove(session);
        return "+OK";
      }
      case "CLIENT" -> {
        return unblock(Integer.parseInt(words.get(2)), words.get(3).equals("ERROR"));
      }
      case "WATCH" -> {
        var watched = watches.computeIfAbsent(session, s -> new TreeMap<>());
        watched.putIfAbsent(key, versions.getOrDefault(key, 0));
        return "+OK";
      }
      case "UNWATCH", "DISCARD" -> {
        watches.remove(session);
        return "+OK";
      }
      case "FLUSHALL" -> {
        List.copyOf(data.keySet()).forEach(this::remove);
        other.clear();
        return "+OK";
      }
      case "SWAPDB" -> {
        swap();
        return "+OK";
      }
      case "DEL" -> {
        return data.containsKey(key) ? removed(key) : ":0";
      }
      case "RENAME" -> {
        Object value = data.get(key);
        if (value == null) {
          return "-ERR no such key";
        }
        if (!key.equals(words.get(2))) {
          remove(key);
          data.remove(words.get(2));
          put(words.get(2), value);
        }
        return "+OK";
      }
      case "MSET" -> {
        put(key, words.get(2));
        put(words.get(3), words.get(4));
        return "+OK";
      }
      case "SET" -> {
        put(key, words.get(2));
        return "+OK";
      }
      case "GET", "INCR", "APPEND", "GETSET" -> {
        return is(key, String.class) ? string(name, key, words) : WRONGTYPE;
      }
      case "ZADD", "ZINCRBY", "ZPOPMIN", "ZPOPMAX", "ZREM", "ZRANGE" -> {
        return is(key, Scores.class) ? sortedSet(name, key, words) : WRONGTYPE;
      }
      case "ZUNIONSTORE" -> {
        return union(key, words.subList(3, words.size()));
      }
      case "BZPOPMIN", "BZPOPMAX" -> {
        return popFirst(session, words);
      }
      case "BZMPOP" -> {
        return popSeveralOf(session, words);
      }
      case "LMOVE", "BLMOVE" -> {
        return move(session, words);
      }
      case "BLPOP", "BRPOP" -> {
        List<String> keys = words.subList(1, words.size() - 1);
        for (String each : keys) {
          Object value = data.get(each);
          if (value != null) {
            return value instanceof List
                ? "*2 " + bulk(each) + " " + pop(each, name.equals("BLPOP"))
                : WRONGTYPE;
          }
        }
        return park(session, words, keys, TIMED_OUT);
      }
      case "BLMPOP" -> {
        return popSeveral(session, words);
      }
      default -> {
        return is(key, List.class) ? list(name, key, words) : WRONGTYPE;
      }
    }
  }

  /// Whether a key holds such a value, or none.
  private boolean is(String key, Class<?> type) {
    Object value = data.get(key);
    return value == null || type.isInstance(value);
  }

  private void swap() {
    data.keySet().forEach(this::touch);
    other.keySet().stream().filter(k -> !data.containsKey(k)).forEach(this::touch);
    var swapped = data;
    data = other;
    other = swapped;
    for (String first : BY_SLOT) {
      for (Waiter waiter : waiters) {
        if (waiter.keys.contains(first)) {
          waiter.keys.forEach(this::ready);
        }
      }
    }
  }

  private String string(String name, String key, List<String> words) {
    String old = (String) data.get(key);
    return switch (name) {
      case "GET" -> bulk(old);
      case "GETSET" -> {
        put(key, words.get(2));
        yield bulk(old);
      }
      case "APPEND" -> {
        String value = (old == null ? "" : old) + words.get(2);
        put(key, value);
        yield ":" + value.length();
      }
      default -> {
        String value = old == null ? "0" : old;
        if (!value.matches("0|-?[1-9][0-9]{0,17}")) {
          yield "-ERR value is not an integer or out of range";
        }
        long next = Long.parseLong(value) + 1;
        put(key, Long.toString(next));
        yield ":" + next;
      }
    };
  }

  @SuppressWarnings("unchecked")
  private String list(String name, String key, List<String> words) {
    List<String> list = (List<String>) data.get(key);
    return switch (name) {
      case "LLEN" -> ":" + (list == null ? 0 : list.size());
      case "LPOP", "RPOP" -> list == null ? "$-1" : pop(key, name.equals("LPOP"));
      case "LPUSH", "RPUSH" -> {
        List<String> pushed = list == null ? new ArrayList<>() : list;
        for (String element : words.subList(2, words.size())) {
          pushed.add(name.equals("LPUSH") ? 0 : pushed.size(), element);
        }
        put(key, pushed);
        yield ":" + pushed.size();
      }
      default -> throw new IllegalArgumentException(name);
    };
  }

  /// BLMPOP timeout numkeys key… LEFT|RIGHT COUNT count
  private String popSeveral(int session, List<String> words) {
    int last = 2 + Integer.parseInt(words.get(2));
    List<String> keys = words.subList(3, last + 1);
    int count = Integer.parseInt(words.get(last + 3));
    for (String key : keys) {
      Object value = data.get(key);
      if (value instanceof List<?> list) {
        int taken = Math.min(count, list.size());
        StringBuilder reply = new StringBuilder("*2 " + bulk(key) + " *" + taken);
        for (int i = 0; i < taken; i++) {
          reply.append(' ').append(pop(key, words.get(last + 1).equals("LEFT")));
        }
        return reply.toString();
      }
      if (value != null) {
        return WRONGTYPE;
      }
    }
    return park(session, words, keys, TIMED_OUT);
  }

  /// LMOVE or BLMOVE.
  @SuppressWarnings("unchecked")
  private String move(int session, List<String> words) {
    String from = words.get(1);
    String to = words.get(2);
    Object source = data.get(from);
    if (source == null) {
      return words.get(0).equals("BLMOVE") ? park(session, words, List.of(from), "$-1") : "$-1";
    }
    if (!is(from, List.class) || !is(to, List.class)) {
      return WRONGTYPE;
    }
    List<String> left = (List<String>) source;
    String element = left.get(words.get(3).equals("LEFT") ? 0 : left.size() - 1);
    pop(from, words.get(3).equals("LEFT"));
    List<String> list = (List<String>) data.get(to);
    list = list == null ? new ArrayList<>() : list;
    list.add(words.get(4).equals("LEFT") ? 0 : list.size(), element);
    put(to, list);
    return bulk(element);
  }

  @SuppressWarnings("unchecked")
  private String pop(String key, boolean head) {
    List<String> list = (List<String>) data.get(key);
    String element = list.remove(head ? 0 : list.size() - 1);
    if (list.isEmpty()) {
      data.remove(key);
    }
    touch(key);
    return bulk(element);
  }

  // ── sorted sets ──

  private String sortedSet(String name, String key, List<String> words) {
    Scores scores = (Scores) data.get(key);
    switch (name) {
      case "ZADD" -> {
        Long before = scores == null ? null : scores.get(words.get(3));
        Long after = Long.valueOf(words.get(2));
        if (!after.equals(before)) {
          setScore(key, words.get(3), after);
        }
        return before == null ? ":1" : ":0";
      }
      case "ZINCRBY" -> {
        long before = scores == null ? 0 : scores.getOrDefault(words.get(3), 0L);
        boolean there = scores != null && scores.containsKey(words.get(3));
        long after = before + Long.parseLong(words.get(2));
        if (!there || after != before) {
          setScore(key, words.get(3), after);
        }
        return bulk(Long.toString(after));
      }
      case "ZPOPMIN", "ZPOPMAX" -> {
        return scores == null ? "*0" : "*2 " + popScore(key, name.equals("ZPOPMIN"));
      }
      case "ZREM" -> {
        if (scores == null || scores.remove(words.get(2)) == null) {
          return ":0";
        }
        touchOrRemove(key, scores);
        return ":1";
      }
      default -> {
        StringBuilder all = new StringBuilder("*" + (scores == null ? 0 : 2 * scores.size()));
        for (String member : scores == null ? List.<String>of() : scores.inOrder()) {
          all.append(' ').append(bulk(member)).append(' ').append(bulk("" + scores.get(member)));
        }
        return all.toString();
      }
    }
  }

  private void setScore(String key, String member, long score) {
    Scores scores = (Scores) data.get(key);
    scores = scores == null ? new Scores() : scores;
    scores.put(member, score);
    put(key, scores);
  }

  /// Takes a member from an end: its name and its score.
  private String popScore(String key, boolean lowest) {
    Scores scores = (Scores) data.get(key);
    List<String> order = scores.inOrder();
    String member = lowest ? order.getFirst() : order.getLast();
    String popped = bulk(member) + " " + bulk(Long.toString(scores.remove(member)));
    touchOrRemove(key, scores);
    return popped;
  }

  private void touchOrRemove(String key, Scores scores) {
    if (scores.isEmpty()) {
      data.remove(key);
    }
    touch(key);
  }

  private String union(String key, List<String> sources) {
    Scores sum = new Scores();
    for (String source : sources) {
      if (!is(source, Scores.class)) {
        return WRONGTYPE;
      }
      if (data.get(source) instanceof Scores scores) {
        scores.forEach((member, score) -> sum.merge(member, score, Long::sum));
      }
    }
    if (!sum.isEmpty()) {
      boolean other = !is(key, Scores.class);
      if (other) {
        data.remove(key);
      }
      put(key, sum);
    } else if (data.containsKey(key)) {
      remove(key);
    }
    return ":" + sum.size();
  }

  private String popFirst(int session, List<String> words) {
    List<String> keys = words.subList(1, words.size() - 1);
    for (String key : keys) {
      Object value = data.get(key);
      if (value instanceof Scores) {
        boolean lowest = words.get(0).equals("BZPOPMIN");
        return "*3 " + bulk(key) + " " + popScore(key, lowest);
      }
      if (value != null) {
        return WRONGTYPE;
      }
    }
    return park(session, words, keys, TIMED_OUT);
  }

  /// BZMPOP timeout numkeys key… MIN|MAX COUNT count
  private String popSeveralOf(int session, List<String> words) {
    int last = 2 + Integer.parseInt(words.get(2));
    List<String> keys = words.subList(3, last + 1);
    int count = Integer.parseInt(words.get(last + 3));
    for (String key : keys) {
      Object value = data.get(key);
      if (value instanceof Scores scores) {
        int taken = Math.min(count, scores.size());
        StringBuilder reply = new StringBuilder("*2 " + bulk(key) + " *" + taken);
        for (int i = 0; i < taken; i++) {
          reply.append(" *2 ").append(popScore(key, words.get(last + 1).equals("MIN")));
        }
        return reply.toString();
      }
      if (value != null) {
        return WRONGTYPE;
      }
    }
    return park(session, words, keys, TIMED_OUT);
  }

  private String removed(String key) {
    remove(key);
    return ":1";
  }

  private void remove(String key) {
    data.remove(key);
    touch(key);
  }

  private void put(String key, Object value) {
    Object old = data.put(key, value);
    if ((old == null || old.getClass() != value.getClass()) && !(value instanceof String)) {
      ready(key);
    }
    touch(key);
  }

  private void touch(String key) {
    versions.merge(key, 1, Integer::sum);
  }

  private static String bulk(String text) {
    return text == null ? "$-1" : "$" + text.length() + " " + text;
  }
}
