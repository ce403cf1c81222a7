package dev.spinel.sentinel;

import dev.spinel.sentinel.SentinelMachine.WrongDirective;
import dev.spinel.wire.Quoting;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The directives of sentinel.conf, read into a [SentinelMachine] and written from one.
///
/// They may stand in any order: what concerns the Sentinel as a whole is read first (names may have
/// to be looked up), then the primaries, then what concerns them.
final class SentinelDirectives {
  private static final int PASSES = 3;
  private static final String NO_HISTORY = "?";

  private final SentinelMachine machine;
  private final SentinelSettings settings;

  SentinelDirectives(SentinelMachine machine) {
    this.machine = machine;
    this.settings = machine.settings;
  }

  @Nullable WrongDirective read(List<List<String>> directives) {
    for (int pass = 0; pass < PASSES; pass++) {
      for (int i = 0; i < directives.size(); i++) {
        List<String> words = directives.get(i);
        if (pass(words.getFirst().toLowerCase(Locale.ROOT)) == pass) {
          String error;
          try {
            error = read(words.getFirst().toLowerCase(Locale.ROOT), words);
          } catch (SentinelError e) {
            error = e.text();
          }
          if (error != null) {
            return new WrongDirective(i, error);
          }
        }
      }
    }
    return null;
  }

  private static int pass(String name) {
    return switch (name) {
      case "announce-ip",
          "announce-port",
          "deny-scripts-reconfig",
          "sentinel-user",
          "sentinel-pass",
          "current-epoch",
          "myid",
          "resolve-hostnames",
          "announce-hostnames" ->
          0;
      case "monitor" -> 1;
      default -> 2;
    };
  }

  private @Nullable String read(String name, List<String> words) {
    return switch (words.size()) {
      case 2 -> ofAll(name, words.get(1));
      case 3 -> ofPrimary(name, primary(words), words.get(2));
      case 4 -> ofPrimary(name, primary(words), words.get(2), words.get(3));
      case 5 ->
          switch (name) {
            case "monitor" -> monitor(words);
            case "known-sentinel" -> {
              machine.addSentinel(primary(words), words.get(2), port(words.get(3)), words.get(4));
              yield null;
            }
            case "known-former-primary" -> {
              wasPrimary(primary(words), words.get(2), port(words.get(3)), words.get(4));
              yield null;
            }
            default -> unknown();
          };
      default -> unknown();
    };
  }

  private static String unknown() {
    return "Unrecognized sentinel configuration statement.";
  }

  private static int port(String text) {
    return (int) Texts.leadingNumber(text);
  }

  private @Nullable String monitor(List<String> words) {
    int quorum = (int) Texts.leadingNumber(words.get(4));
    if (quorum <= 0) {
      return "Quorum must be 1 or greater.";
    }
    machine.addPrimary(words.get(1), words.get(2), port(words.get(3)), quorum);
    return null;
  }

  /// A replica that led before, under this history ([SentinelFile]'s own directive).
  private void wasPrimary(WatchedPrimary primary, String host, int port, String history) {
    SentinelAddress at = machine.address(host, port, true);
    for (WatchedReplica replica : primary.replicas.values()) {
      if (replica.address.isSame(at)) {
        replica.wasPrimary = true;
        replica.hasLed = true; // until it tells otherwise
        replica.primaryHistory = history.equals(NO_HISTORY) ? "" : history;
      }
    }
  }

  private WatchedPrimary primary(List<String> words) {
    String name = words.getFirst().toLowerCase(Locale.ROOT);
    boolean known =
        switch (name) {
          case "down-after-milliseconds",
              "failover-timeout",
              "parallel-syncs",
              "notification-script",
              "client-reconfig-script",
              "auth-pass",
              "auth-user",
              "config-epoch",
              "leader-epoch",
              "known-slave",
              "known-replica",
              "known-sentinel",
              "known-history",
              "known-former-primary",
              "rename-command",
              "master-reboot-down-after-period" ->
              true;
          default -> false;
        };
    if (!known) {
      throw new SentinelError(unknown());
    }
    WatchedPrimary primary = machine.primaries.get(words.get(1));
    if (primary == null) {
      throw new SentinelError("No such master with specified name.");
    }
    return primary;
  }

  private @Nullable String ofAll(String name, String value) {
    switch (name) {
      case "current-epoch" -> machine.epoch = Math.max(machine.epoch, Texts.leadingNumber(value));
      case "myid" -> {
        if (value.length() != 40) {
          return "Malformed Sentinel id in myid option.";
        }
        machine.id = value;
      }
      case "announce-ip" -> settings.announceIp = value;
      case "announce-port" -> settings.announcePort = port(value);
      case "sentinel-user" -> settings.user = value;
      case "sentinel-pass" -> settings.password = value;
      case "deny-scripts-reconfig" ->
          settings.deniesScriptChanges =
              yes(value, "Please specify yes or no for the deny-scripts-reconfig options.");
      case "resolve-hostnames" ->
          settings.resolvesNames =
              yes(value, "Please specify yes or no for the resolve-hostnames option.");
      case "announce-hostnames" ->
          settings.announcesNames =
              yes(value, "Please specify yes or no for the announce-hostnames option.");
      default -> {
        return unknown();
      }
    }
    return null;
  }

  private static boolean yes(String value, String otherwise) {
    if (value.equalsIgnoreCase("yes")) {
      return true;
    }
    if (value.equalsIgnoreCase("no")) {
      return false;
    }
    throw new SentinelError(otherwise);
  }

  private @Nullable String ofPrimary(String name, WatchedPrimary primary, String value) {
    long number = Texts.leadingNumber(value);
    switch (name) {
      case "down-after-milliseconds" -> {
        if (number <= 0) {
          return "negative or zero time parameter.";
        }
        primary.downAfter(number);
      }
      case "failover-timeout" -> {
        if (number <= 0) {
          return "negative or zero time parameter.";
        }
        primary.failoverTimeout = number;
      }
      case "master-reboot-down-after-period" -> {
        if (number < 0) {
          return "negative time parameter.";
        }
        primary.rebootDownAfter = number;
      }
      case "parallel-syncs" -> primary.parallelSyncs = (int) number;
      case "notification-script" -> {
        if (!settings.isExecutable(value)) {
          return "Notification script seems non existing or non executable.";
        }
        primary.notificationScript = value;
      }
      case "client-reconfig-script" -> {
        if (!settings.isExecutable(value)) {
          return "Client reconfiguration script seems non existing or non executable.";
        }
        primary.reconfigurationScript = value;
      }
      case "auth-pass" -> primary.password = value;
      case "auth-user" -> primary.user = value;
      case "config-epoch" -> {
        primary.configEpoch = number;
        machine.epoch = Math.max(machine.epoch, number);
      }
      case "leader-epoch" -> primary.leaderEpoch = number;
      case "known-history" -> primary.knowHistory(value);
      default -> {
        return unknown();
      }
    }
    return null;
  }

  private @Nullable String ofPrimary(
      String name, WatchedPrimary primary, String first, String second) {
    switch (name) {
      case "known-slave", "known-replica" ->
          machine.addReplica(primary, machine.address(first, port(second), true));
      case "known-sentinel" -> {} // an old form, without an id
      case "rename-command" -> {
        if (primary.renamed.putIfAbsent(first, second) != null) {
          return "Same command renamed multiple times with rename-command.";
        }
      }
      default -> {
        return unknown();
      }
    }
    return null;
  }

  // ── writing ──

  /// All directives that give this state again.
  static List<String> write(SentinelMachine machine) {
    SentinelSettings settings = machine.settings;
    List<String> lines = new ArrayList<>();
    add(lines, "myid", machine.id);
    if (!settings.deniesScriptChanges) {
      add(lines, "deny-scripts-reconfig", "no");
    }
    if (settings.resolvesNames) {
      add(lines, "resolve-hostnames", "yes");
    }
    if (settings.announcesNames) {
      add(lines, "announce-hostnames", "yes");
    }
    for (WatchedPrimary primary : machine.primaries.values()) {
      write(lines, machine, primary);
    }
    add(lines, "current-epoch", Long.toString(machine.epoch));
    if (!settings.announceIp.isEmpty()) {
      add(lines, "announce-ip", settings.announceIp);
    }
    if (settings.announcePort != 0) {
      add(lines, "announce-port", Integer.toString(settings.announcePort));
    }
    if (!settings.user.isEmpty()) {
      add(lines, "sentinel-user", settings.user);
    }
    if (!settings.password.isEmpty()) {
      add(lines, "sentinel-pass", settings.password);
    }
    return lines;
  }

  private static void write(List<String> lines, SentinelMachine machine, WatchedPrimary primary) {
    String name = primary.name;
    Periods periods = machine.periods;
    SentinelAddress at = primary.currentAddress();
    add(
        lines,
        "monitor",
        name,
        machine.shown(at),
        Integer.toString(at.port()),
        Integer.toString(primary.quorum));
    if (primary.downAfter != periods.downAfter) {
      add(lines, "down-after-milliseconds", name, Long.toString(primary.downAfter));
    }
    if (primary.failoverTimeout != periods.failoverTimeout) {
      add(lines, "failover-timeout", name, Long.toString(primary.failoverTimeout));
    }
    if (primary.parallelSyncs != 1) {
      add(lines, "parallel-syncs", name, Integer.toString(primary.parallelSyncs));
    }
    addIfSet(lines, "notification-script", name, primary.notificationScript);
    addIfSet(lines, "client-reconfig-script", name, primary.reconfigurationScript);
    addIfSet(lines, "auth-pass", name, primary.password);
    addIfSet(lines, "auth-user", name, primary.user);
    if (primary.rebootDownAfter != 0) {
      add(lines, "master-reboot-down-after-period", name, Long.toString(primary.rebootDownAfter));
    }
    add(lines, "config-epoch", name, Long.toString(primary.configEpoch));
    add(lines, "leader-epoch", name, Long.toString(primary.leaderEpoch));
    for (WatchedReplica replica : primary.replicas.values()) {
      SentinelAddress of = replica.address.isSame(at) ? primary.address : replica.address;
      add(lines, "known-replica", name, machine.shown(of), Integer.toString(of.port()));
    }
    for (FellowSentinel sentinel : primary.sentinels.values()) {
      add(
          lines,
          "known-sentinel",
          name,
          machine.shown(sentinel.address),
          Integer.toString(sentinel.address.port()),
          sentinel.name);
    }
    primary.renamed.forEach((from, to) -> add(lines, "rename-command", name, from, to));
    primary.histories.forEach(id -> add(lines, "known-history", name, id));
    for (WatchedReplica replica : primary.replicas.values()) {
      if (replica.wasPrimary && !replica.address.isSame(at)) {
        addFormerPrimary(lines, machine, name, replica.address, replica.primaryHistory);
      }
    }
    if (!primary.address.isSame(at)) {
      addFormerPrimary(lines, machine, name, primary.address, primary.history);
    }
  }

  private static void addFormerPrimary(
      List<String> lines,
      SentinelMachine machine,
      String name,
      SentinelAddress at,
      String history) {
    add(
        lines,
        "known-former-primary",
        name,
        machine.shown(at),
        Integer.toString(at.port()),
        history.isEmpty() ? NO_HISTORY : history);
  }

  private static void addIfSet(List<String> lines, String directive, String name, String value) {
    if (!value.isEmpty()) {
      add(lines, directive, name, value);
    }
  }

  private static void add(List<String> lines, String... words) {
    StringBuilder line = new StringBuilder("sentinel");
    for (String word : words) {
      line.append(' ').append(Quoting.quoteIfNeeded(word));
    }
    lines.add(line.toString());
  }
}
