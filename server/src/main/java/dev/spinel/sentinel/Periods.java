package dev.spinel.sentinel;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How often and how long, in milliseconds: what SENTINEL DEBUG shows and sets.
final class Periods {
  long info = 10_000;
  long ping = 1000;
  long ask = 1000;
  long publish = 2000;
  long downAfter = 30_000;
  long failoverTimeout = 180_000;
  long tiltTrigger = 2000;
  long tilt = 30_000;
  long reconfiguration = 10_000;
  long reconnect = 15_000;
  long election = 10_000;
  long scriptRuntime = 60_000;
  long scriptRetry = 30_000;

  /// Names as SENTINEL DEBUG writes them, in its order.
  Map<String, Long> all() {
    Map<String, Long> all = new LinkedHashMap<>();
    all.put("INFO-PERIOD", info);
    all.put("PING-PERIOD", ping);
    all.put("ASK-PERIOD", ask);
    all.put("PUBLISH-PERIOD", publish);
    all.put("DEFAULT-DOWN-AFTER", downAfter);
    all.put("DEFAULT-FAILOVER-TIMEOUT", failoverTimeout);
    all.put("TILT-TRIGGER", tiltTrigger);
    all.put("TILT-PERIOD", tilt);
    all.put("SLAVE-RECONF-TIMEOUT", reconfiguration);
    all.put("MIN-LINK-RECONNECT-PERIOD", reconnect);
    all.put("ELECTION-TIMEOUT", election);
    all.put("SCRIPT-MAX-RUNTIME", scriptRuntime);
    all.put("SCRIPT-RETRY-DELAY", scriptRetry);
    return all;
  }

  private boolean put(String name, long millis) {
    switch (name) {
      case "INFO-PERIOD" -> info = millis;
      case "PING-PERIOD" -> ping = millis;
      case "ASK-PERIOD" -> ask = millis;
      case "PUBLISH-PERIOD" -> publish = millis;
      case "DEFAULT-DOWN-AFTER" -> downAfter = millis;
      case "DEFAULT-FAILOVER-TIMEOUT" -> failoverTimeout = millis;
      case "TILT-TRIGGER" -> tiltTrigger = millis;
      case "TILT-PERIOD" -> tilt = millis;
      case "SLAVE-RECONF-TIMEOUT" -> reconfiguration = millis;
      case "MIN-LINK-RECONNECT-PERIOD" -> reconnect = millis;
      case "ELECTION-TIMEOUT" -> election = millis;
      case "SCRIPT-MAX-RUNTIME" -> scriptRuntime = millis;
      case "SCRIPT-RETRY-DELAY" -> scriptRetry = millis;
      default -> {
        return false;
      }
    }
    return true;
  }

  /// Sets what these names and values say, up to the first that is wrong. Returns its error.
  @Nullable String set(List<String> namesAndValues) {
    List<String> words = new ArrayList<>(namesAndValues);
    for (int i = 0; i < words.size(); i += 2) {
      String name = words.get(i);
      String upper = name.toUpperCase(Locale.ROOT);
      if (i + 1 == words.size() || !all().containsKey(upper)) {
        return "ERR Unknown option or number of arguments for SENTINEL DEBUG '" + name + "'";
      }
      Long millis = Texts.number(words.get(i + 1));
      if (millis == null || millis <= 0 || !put(upper, millis)) {
        return "ERR Invalid argument '" + words.get(i + 1) + "' for SENTINEL DEBUG '" + name + "'";
      }
    }
    return null;
  }
}
