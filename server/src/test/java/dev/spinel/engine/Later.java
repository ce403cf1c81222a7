package dev.spinel.engine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Tells what Spinel has beyond 7.2: whole commands, arguments of commands, changes in their
/// history.
public final class Later {
  private static final int[] CONTRACT = {7, 2};

  private Later() {}

  /// Whether 7.2 doesn't know the command.
  public static boolean isLater(Command command) {
    return isLater(command.synopsis().since);
  }

  /// Whether it is a version after 7.2.
  public static boolean isLater(String version) {
    String[] parts = version.split("\\.");
    for (int i = 0; i < CONTRACT.length; i++) {
      int part = Integer.parseInt(parts[i]);
      if (part != CONTRACT[i]) return part > CONTRACT[i];
    }
    return false;
  }

  /// A command's [Facts] as they would be without what is later.
  public static Map<String, Object> without(Map<String, Object> facts) {
    Map<String, Object> rest = new LinkedHashMap<>(facts);
    for (String list : List.of("arguments", "history_versions")) {
      if (facts.get(list) instanceof List<?> all) {
        List<Object> kept = kept(all);
        if (kept.isEmpty()) rest.remove(list);
        else rest.put(list, kept);
      }
    }
    return rest;
  }

  @SuppressWarnings("unchecked")
  private static List<Object> kept(List<?> all) {
    List<Object> kept = new ArrayList<>();
    for (Object each : all) {
      Object since = each instanceof Map<?, ?> map ? map.get("since") : each;
      if (since != null && isLater((String) since)) continue;
      kept.add(each instanceof Map<?, ?> map ? without((Map<String, Object>) map) : each);
    }
    return kept;
  }
}
