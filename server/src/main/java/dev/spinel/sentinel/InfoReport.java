package dev.spinel.sentinel;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The answer to INFO, read.
final class InfoReport {
  record ReplicaLine(String host, int port) {}

  private final Map<String, String> fields = new HashMap<>();
  final List<ReplicaLine> replicas = new ArrayList<>();
  final boolean isPrimary;
  final boolean isReplica;
  final boolean hasKeys;

  InfoReport(String text) {
    boolean keys = false;
    for (String line : text.split("\r\n", -1)) {
      int colon = line.indexOf(':');
      if (colon < 0) {
        continue;
      }
      String name = line.substring(0, colon);
      String value = line.substring(colon + 1);
      fields.put(name, value);
      if (isNumbered(name, "slave")) {
        replica(value);
      } else if (isNumbered(name, "db") && value.startsWith("keys=")) {
        keys |= Texts.leadingNumber(value.substring(5)) > 0;
      }
    }
    hasKeys = keys;
    String role = text("role");
    isPrimary = role.startsWith("master");
    isReplica = role.startsWith("slave");
  }

  private static boolean isNumbered(String name, String word) {
    return name.length() > word.length()
        && name.startsWith(word)
        && name.substring(word.length()).chars().allMatch(c -> c >= '0' && c <= '9');
  }

  /// `ip=…,port=…,state=…`, or of old servers `ip,port,state`.
  private void replica(String value) {
    String host = "";
    String port = "";
    if (value.contains("ip=")) {
      for (String part : value.split(",", -1)) {
        if (part.startsWith("ip=")) {
          host = part.substring(3);
        } else if (part.startsWith("port=")) {
          port = part.substring(5);
        }
      }
    } else {
      String[] parts = value.split(",", -1);
      if (parts.length >= 3) {
        host = parts[0];
        port = parts[1];
      }
    }
    long number = Texts.leadingNumber(port);
    if (!host.isEmpty() && number >= 0 && number <= 65535 && !port.isEmpty()) {
      replicas.add(new ReplicaLine(host, (int) number));
    }
  }

  boolean has(String name) {
    return fields.containsKey(name);
  }

  String text(String name) {
    return fields.getOrDefault(name, "");
  }

  long number(String name) {
    return Texts.leadingNumber(text(name));
  }

  /// The id of the process, or empty if it isn't told.
  String runId() {
    String id = text("run_id");
    return id.length() >= 40 ? id.substring(0, 40) : "";
  }

  /// Whether a replica's data is a whole copy of its primary's: not while it is loaded or replaced,
  /// and not if nothing was ever copied.
  boolean isWholeCopy() {
    return number("loading") == 0
        && number("master_sync_in_progress") == 0
        && (!has("replica_copy_complete") || number("replica_copy_complete") != 0)
        && number("slave_repl_offset") > 0;
  }
}
