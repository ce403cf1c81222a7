package dev.spinel.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A naive store of strings and lists that runs one operation after the other: what a history is
/// measured by. Replies as [Fixture#text] shows them, in RESP2.
final class Model {
  static final String WRONGTYPE =
      "-WRONGTYPE Operation against a key holding the wrong kind of value";

  private Map<String, Object> data = new TreeMap<>(); // String or List<String>
  private Map<String, Object> other = new TreeMap<>(); // database 1
  private final Map<String, Integer> versions = new TreeMap<>(); // changes of each watched key
  private final Map<Integer, Map<String, Integer>> watches = new TreeMap<>(); // by session
  private boolean blocks = true;

  Model copy() {
    var copy = new Model();
    data.forEach((k, v) -> copy.data.put(k, clone(v)));
    other.forEach((k, v) -> copy.other.put(k, clone(v)));
    copy.versions.putAll(versions);
    watches.forEach((k, v) -> copy.watches.put(k, new TreeMap<>(v)));
    return copy;
  }

  @SuppressWarnings("unchecked")
  private static Object clone(Object value) {
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
    return data + "|" + other + "|" + relevant;
  }

  /// Whether the operation may have this reply now; if so it has happened.
  boolean allows(History.Operation operation, String reply) {
    List<List<String>> commands = operation.commands();
    if (commands.size() == 1) {
      return matches(run(operation.session(), commands.get(0)), reply);
    }
    var watched = watches.remove(operation.session());
    if (watched != null) {
      for (var watch : watched.entrySet()) {
        if (!watch.getValue().equals(versions.getOrDefault(watch.getKey(), 0))) {
          return matches("*-1", reply);
        }
      }
    }
    StringBuilder all = new StringBuilder("*" + commands.size());
    blocks = false;
    for (List<String> command : commands) {
      all.append(' ').append(run(operation.session(), command));
    }
    blocks = true;
    return matches(all.toString(), reply);
  }

  /// null: a reply that isn't known, of an operation that has no response.
  private static boolean matches(String expected, String reply) {
    return expected != null && (reply == null || expected.equals("?") || expected.equals(reply));
  }

  /// The reply; `?` = any; null = it can't happen now.
  private String run(int session, List<String> words) {
    String key = words.size() > 1 ? words.get(1) : "";
    String name = words.get(0);
    switch (name) {
      case "WATCH" -> {
        var watched = watches.computeIfAbsent(session, s -> new TreeMap<>());
        watched.putIfAbsent(key, versions.getOrDefault(key, 0));
        return "+OK";
      }
      case "CLIENT" -> {
        return "?";
      }
      case "FLUSHALL" -> {
        List.copyOf(data.keySet()).forEach(this::remove);
        other.clear();
        return "+OK";
      }
      case "SWAPDB" -> {
        data.keySet().forEach(this::touch);
        other.keySet().stream().filter(k -> !data.containsKey(k)).forEach(this::touch);
        var swapped = data;
        data = other;
        other = swapped;
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
        return data.get(key) instanceof List ? WRONGTYPE : string(name, key, words);
      }
      case "LMOVE", "BLMOVE" -> {
        return move(name.startsWith("B"), key, words.get(2));
      }
      case "BLPOP" -> {
        for (int i = 1; i < words.size() - 1; i++) {
          Object value = data.get(words.get(i));
          if (value instanceof List) {
            return "*2 " + bulk(words.get(i)) + " " + pop(words.get(i), 0);
          }
          if (value != null) {
            // a waiter doesn't mind other types, but a call that arrives does
            return blocks ? "?" : WRONGTYPE;
          }
        }
        return "*-1";
      }
      default -> {
        return data.get(key) instanceof String ? WRONGTYPE : list(name, key, words);
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
      case "LPOP" -> list == null ? "$-1" : pop(key, 0);
      case "RPOP" -> list == null ? "$-1" : pop(key, list.size() - 1);
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

  /// From the head of one list to the tail of another.
  @SuppressWarnings("unchecked")
  private String move(boolean mayBlock, String from, String to) {
    Object source = data.get(from);
    Object target = data.get(to);
    if (source == null) {
      return mayBlock && blocks ? "*-1" : "$-1";
    }
    if (source instanceof String || target instanceof String) {
      return mayBlock && blocks && source instanceof String ? "?" : WRONGTYPE;
    }
    String element = ((List<String>) source).get(0);
    pop(from, 0);
    List<String> list = (List<String>) data.get(to);
    list = list == null ? new ArrayList<>() : list;
    list.add(element);
    put(to, list);
    return bulk(element);
  }

  @SuppressWarnings("unchecked")
  private String pop(String key, int at) {
    List<String> list = (List<String>) data.get(key);
    String element = list.remove(at);
    if (list.isEmpty()) {
      data.remove(key);
    }
    touch(key);
    return bulk(element);
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
    data.put(key, value);
    touch(key);
  }

  private void touch(String key) {
    versions.merge(key, 1, Integer::sum);
  }

  private static String bulk(String text) {
    return text == null ? "$-1" : "$" + text.length() + " " + text;
  }
}
