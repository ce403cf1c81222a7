package dev.spinel.engine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a command's row says, in the shape of `redis-7.2-commands.json`, so that the two can be
/// compared as a whole.
final class Facts {
  private Facts() {}

  static Map<String, Object> of(Command command) {
    Synopsis s = command.synopsis();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("arity", (long) s.arity);
    put(map, "flags", Command.flagNames(s.flags));
    map.put("first", (long) s.firstKey);
    map.put("last", (long) s.lastKey);
    map.put("step", (long) s.step);
    List<Object> categories = new ArrayList<>();
    for (String name : Synopsis.categoryNames(s.categories)) categories.add("@" + name);
    put(map, "categories", categories);
    put(map, "tips", s.tips);
    List<Object> specs = new ArrayList<>();
    for (Synopsis.KeySpec spec : s.keySpecs) specs.add(of(spec));
    put(map, "key_specs", specs);
    map.put("group", s.group);
    map.put("since", s.since);
    List<Object> docFlags = new ArrayList<>();
    if (s.deprecatedSince != null) docFlags.add("deprecated");
    if (s.internal) docFlags.add("syscmd");
    put(map, "doc_flags", docFlags);
    put(map, "deprecated_since", s.deprecatedSince);
    put(map, "replaced_by", s.replacedBy);
    List<Object> versions = new ArrayList<>();
    for (Synopsis.Change change : s.history) versions.add(change.version());
    put(map, "history_versions", versions);
    put(map, "arguments", of(s.arguments));
    return map;
  }

  private static List<Object> of(List<Synopsis.Argument> arguments) {
    List<Object> list = new ArrayList<>();
    for (Synopsis.Argument a : arguments) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("name", a.name());
      map.put("type", a.typeName());
      put(map, "display_text", a.displayText());
      if (a.keySpec() >= 0) map.put("key_spec_index", (long) a.keySpec());
      put(map, "token", a.token());
      put(map, "since", a.since());
      put(map, "deprecated_since", a.deprecatedSince());
      List<Object> flags = new ArrayList<>();
      if (a.optional()) flags.add("optional");
      if (a.multiple()) flags.add("multiple");
      if (a.multipleToken()) flags.add("multiple_token");
      put(map, "flags", flags);
      put(map, "arguments", of(a.arguments()));
      list.add(map);
    }
    return list;
  }

  private static Map<String, Object> of(Synopsis.KeySpec spec) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("flags", Synopsis.keyFlagNames(spec.flags()));
    if (spec.unknown()) {
      map.put("begin_search", typed("unknown", Map.of()));
      map.put("find_keys", typed("unknown", Map.of()));
      return map;
    }
    map.put(
        "begin_search",
        spec.keyword() != null
            ? typed(
                "keyword", Map.of("keyword", spec.keyword(), "startfrom", (long) spec.startFrom()))
            : typed("index", Map.of("index", (long) spec.index())));
    map.put(
        "find_keys",
        spec.byCount()
            ? typed("keynum", Map.of("keynumidx", 0L, "firstkey", 1L, "keystep", 1L))
            : typed(
                "range",
                Map.of(
                    "lastkey",
                    (long) spec.lastKey(),
                    "keystep",
                    (long) spec.keyStep(),
                    "limit",
                    (long) spec.limit())));
    return map;
  }

  private static Map<String, Object> typed(String type, Map<String, Object> spec) {
    return Map.of("type", type, "spec", spec);
  }

  private static void put(Map<String, Object> map, String key, Object value) {
    if (value != null && !value.equals(List.of())) map.put(key, value);
  }
}
