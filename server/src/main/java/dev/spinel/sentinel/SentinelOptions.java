package dev.spinel.sentinel;

import static dev.spinel.sentinel.Texts.bulk;
import static dev.spinel.sentinel.Texts.error;

import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.wire.Glob;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// SENTINEL SET, for a primary, and SENTINEL CONFIG, for the Sentinel as a whole.
final class SentinelOptions {
  private static final String SCRIPTS_DENIED =
      "ERR Reconfiguration of scripts path is denied for security reasons. Check the"
          + " deny-scripts-reconfig configuration directive in your Sentinel configuration";

  private final SentinelMachine machine;

  SentinelOptions(SentinelMachine machine) {
    this.machine = machine;
  }

  // ── SET ──

  @Nullable RespValue set(long client, WatchedPrimary primary, List<String> words) {
    int changes = 0;
    for (int i = 0; i < words.size(); ) {
      String option = words.get(i);
      boolean two = option.equalsIgnoreCase("rename-command");
      int size = two ? 3 : 2;
      String wrong =
          i + size > words.size()
              ? unknown(option)
              : set(primary, option, words.subList(i + 1, i + size));
      if (wrong != null) {
        if (changes > 0) {
          machine.save();
        }
        return error(wrong);
      }
      changes++;
      boolean secret = option.equalsIgnoreCase("auth-pass");
      String values = secret ? "******" : String.join(" ", words.subList(i + 1, i + size));
      machine.event(Level.WARNING, "+set", primary, " " + option + " " + values);
      i += size;
    }
    machine.commands.save(client);
    return null;
  }

  private static String unknown(String option) {
    return "ERR Unknown option or number of arguments for SENTINEL SET '" + option + "'";
  }

  private static String invalid(String value, String option) {
    return "ERR Invalid argument '" + value + "' for SENTINEL SET '" + option + "'";
  }

  private @Nullable String set(WatchedPrimary primary, String option, List<String> values) {
    String value = values.getFirst();
    Long number = Texts.number(value);
    boolean positive = number != null && number > 0;
    switch (option.toLowerCase(Locale.ROOT)) {
      case "down-after-milliseconds" -> {
        if (number == null || !positive) {
          return invalid(value, option);
        }
        primary.downAfter(number);
      }
      case "failover-timeout" -> {
        if (number == null || !positive) {
          return invalid(value, option);
        }
        primary.failoverTimeout = number;
      }
      case "parallel-syncs" -> {
        if (number == null || !positive) {
          return invalid(value, option);
        }
        primary.parallelSyncs = (int) Math.min(number, Integer.MAX_VALUE);
      }
      case "quorum" -> {
        if (number == null || !positive) {
          return invalid(value, option);
        }
        primary.quorum = (int) Math.min(number, Integer.MAX_VALUE);
      }
      case "master-reboot-down-after-period" -> {
        if (number == null || number < 0) {
          return invalid(value, option);
        }
        primary.rebootDownAfter = number;
      }
      case "notification-script" -> {
        if (machine.settings.deniesScriptChanges) {
          return SCRIPTS_DENIED;
        }
        if (!value.isEmpty() && !machine.settings.isExecutable(value)) {
          return "ERR Notification script seems non existing or non executable";
        }
        primary.notificationScript = value;
      }
      case "client-reconfig-script" -> {
        if (machine.settings.deniesScriptChanges) {
          return SCRIPTS_DENIED;
        }
        if (!value.isEmpty() && !machine.settings.isExecutable(value)) {
          return "ERR Client reconfiguration script seems non existing or non executable";
        }
        primary.reconfigurationScript = value;
      }
      case "auth-pass" -> {
        primary.password = value;
        machine.links.dropServers(primary);
      }
      case "auth-user" -> {
        primary.user = value;
        machine.links.dropServers(primary);
      }
      case "rename-command" -> {
        String to = values.get(1);
        if (value.isEmpty() || to.isEmpty()) {
          return invalid("", option);
        }
        primary.renamed.remove(value);
        if (!value.equalsIgnoreCase(to)) {
          primary.renamed.put(value, to);
        }
      }
      default -> {
        return unknown(option);
      }
    }
    return null;
  }

  // ── CONFIG ──

  @Nullable RespValue config(long client, List<String> words) {
    List<String> rest = words.subList(3, words.size());
    return switch (words.get(2).toLowerCase(Locale.ROOT)) {
      case "get" -> get(rest);
      case "set" -> rest.size() < 2 ? onlyGetAndSet() : setConfig(client, rest);
      default -> onlyGetAndSet();
    };
  }

  private static RespValue onlyGetAndSet() {
    return error(
        "ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...]/ SET <param> <value>"
            + " [<param> <value> ...] are supported.");
  }

  private Map<String, String> settings() {
    SentinelSettings settings = machine.settings;
    Map<String, String> all = new LinkedHashMap<>();
    all.put("resolve-hostnames", settings.resolvesNames ? "yes" : "no");
    all.put("announce-hostnames", settings.announcesNames ? "yes" : "no");
    all.put("announce-ip", settings.announceIp);
    all.put("announce-port", Integer.toString(settings.announcePort));
    all.put("sentinel-user", settings.user);
    all.put("sentinel-pass", settings.password);
    all.put("loglevel", settings.logLevel);
    return all;
  }

  private RespValue get(List<String> patterns) {
    Map<String, String> found = new LinkedHashMap<>();
    for (String pattern : patterns) {
      settings()
          .forEach(
              (name, value) -> {
                if (Glob.matchesAnyCase(Texts.bytes(pattern), Texts.bytes(name))) {
                  found.putIfAbsent(name, value);
                }
              });
    }
    List<RespValue> map = new ArrayList<>();
    found.forEach(
        (name, value) -> {
          map.add(bulk(name));
          map.add(bulk(value));
        });
    return new RespValue.Map(map);
  }

  /// All or nothing.
  private @Nullable RespValue setConfig(long client, List<String> words) {
    Set<String> seen = new HashSet<>();
    Map<String, String> known = settings();
    for (int i = 0; i < words.size(); i += 2) {
      String name = words.get(i).toLowerCase(Locale.ROOT);
      if (!known.containsKey(name)) {
        return error("ERR Invalid argument '" + words.get(i) + "' to SENTINEL CONFIG SET");
      }
      if (!seen.add(name)) {
        return error("ERR Duplicate argument '" + words.get(i) + "' to SENTINEL CONFIG SET");
      }
      if (i + 1 == words.size()) {
        return error("ERR Missing argument '" + words.get(i) + "' value");
      }
      if (!isValid(name, words.get(i + 1))) {
        return error(
            "ERR Invalid value '"
                + words.get(i + 1)
                + "' to SENTINEL CONFIG SET '"
                + words.get(i)
                + "'");
      }
    }
    boolean drops = false;
    for (int i = 0; i < words.size(); i += 2) {
      String name = words.get(i).toLowerCase(Locale.ROOT);
      put(name, words.get(i + 1));
      drops |= name.equals("sentinel-user") || name.equals("sentinel-pass");
    }
    machine.commands.save(client);
    if (drops) {
      machine.links.dropSentinels();
    }
    return null;
  }

  private static boolean isValid(String name, String value) {
    return switch (name) {
      case "resolve-hostnames", "announce-hostnames" ->
          value.equalsIgnoreCase("yes") || value.equalsIgnoreCase("no");
      case "announce-port" -> {
        Long port = Texts.number(value);
        yield port != null && port >= 0 && port <= 65535;
      }
      case "loglevel" ->
          switch (value.toLowerCase(Locale.ROOT)) {
            case "debug", "verbose", "notice", "warning", "nothing" -> true;
            default -> false;
          };
      default -> true;
    };
  }

  private void put(String name, String value) {
    SentinelSettings settings = machine.settings;
    switch (name) {
      case "resolve-hostnames" -> settings.resolvesNames = value.equalsIgnoreCase("yes");
      case "announce-hostnames" -> settings.announcesNames = value.equalsIgnoreCase("yes");
      case "announce-ip" -> settings.announceIp = value;
      case "announce-port" -> settings.announcePort = (int) Texts.leadingNumber(value);
      case "sentinel-user" -> settings.user = value;
      case "sentinel-pass" -> settings.password = value;
      default -> {
        settings.logLevel = value.toLowerCase(Locale.ROOT);
        machine.act(new SentinelAction.SetLogLevel(settings.logLevel));
      }
    }
  }
}
