package dev.spinel.cli;

import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Moves a slot with its keys from one node to another, as Redis's own manager does: importing and
/// migrating are set, keys go by MIGRATE, some at a time, then all primaries are told the new
/// owner, the target first, so that the slot has an owner whoever dies meanwhile.
final class SlotMover {
  /// How a slot is moved.
  enum Way {
    /// Told in a line, with a dot for each key.
    VERBOSE,
    /// Nothing is shown.
    QUIET,
    /// Only keys are moved; no node is told about the slot. Shown as with VERBOSE.
    KEYS_ONLY
  }

  private final ClusterView view;
  private final ClusterLog log;
  private final Options options;
  private final boolean fixes;

  /// `fixes`: an unserved slot is given to the target, so that MIGRATE is let through.
  SlotMover(ClusterView view, ClusterLog log, Options options, boolean fixes) {
    this.view = view;
    this.log = log;
    this.options = options;
    this.fixes = fixes;
  }

  /// Null if the slot is moved, else why not.
  @Nullable String move(Peer from, Peer to, int slot, Way way) {
    if (way != Way.QUIET) {
      log.plain(
          "Moving slot "
              + slot
              + " from "
              + from.node.address()
              + " to "
              + to.node.address()
              + ": ");
      log.screen.flush();
    }
    if (options.cluster.onlyShows()) {
      log.plain(Math.max(0, from.countKeys(slot)) + " keys\n");
      return null;
    }
    if (way != Way.KEYS_ONLY) {
      String error = to.setSlot(slot, "importing", from.node.id);
      if (error == null) error = from.setSlot(slot, "migrating", to.node.id);
      if (error != null) return error;
    }
    String error = moveKeys(from, to, slot, way != Way.QUIET);
    if (way != Way.QUIET) log.plain("\n");
    if (error != null) return error;
    if (way != Way.KEYS_ONLY) {
      error = assign(from, to, slot);
      if (error != null) return error;
    }
    return null;
  }

  /// Whoever has lost its last slot is a replica by now, and need not be told.
  private @Nullable String assign(Peer from, Peer to, int slot) {
    String error = to.setSlot(slot, "node", to.node.id);
    if (error != null) return error;
    error = from.setSlot(slot, "node", to.node.id);
    if (error != null && !error.startsWith("ERR Please use SETSLOT only with masters.")) {
      return error;
    }
    for (Peer p : view.primaries()) {
      if (p == from || p == to) continue;
      error = p.setSlot(slot, "node", to.node.id);
      if (error != null) return error;
    }
    return null;
  }

  private @Nullable String moveKeys(Peer from, Peer to, int slot, boolean dots) {
    String number = Integer.toString(slot);
    String pipeline = Integer.toString(options.cluster.pipeline);
    while (true) {
      RespValue reply = from.ask("CLUSTER", "GETKEYSINSLOT", number, pipeline);
      if (reply == null) return "";
      if (reply instanceof RespValue.Error e) {
        from.sayError(e.text());
        return e.text();
      }
      List<RespValue> keys = reply.elements();
      if (keys.isEmpty()) return null;
      RespValue migrated = migrate(from, to, keys, false);
      if (migrated == null) return "";
      if (migrated instanceof RespValue.Error e) {
        String error = resolve(from, to, slot, keys, e.text());
        if (error != null) return error;
      }
      if (dots) {
        log.plain(".".repeat(keys.size()));
        log.screen.flush();
      }
    }
  }

  private @Nullable RespValue migrate(Peer from, Peer to, List<RespValue> keys, boolean replace) {
    List<String> command = new ArrayList<>();
    command.addAll(List.of("MIGRATE", to.node.host, Integer.toString(to.node.port), "", "0"));
    command.add(Integer.toString(options.cluster.timeoutMillis));
    if (replace) command.add("REPLACE");
    addLogin(command);
    command.add("KEYS");
    for (RespValue key : keys) command.add(Form.textOf(key));
    return from.ask(command.toArray(new String[0]));
  }

  private void addLogin(List<String> command) {
    String password = options.password;
    if (password == null) return;
    if (options.user != null) command.addAll(List.of("AUTH2", options.user, password));
    else command.addAll(List.of("AUTH", password));
  }

  // ── When MIGRATE fails ──

  /// Tries what may help: gives the slot to the target if nobody has it (of a fix), replaces keys
  /// that the target has with the same value, or with any if the user wants that.
  private @Nullable String resolve(
      Peer from, Peer to, int slot, List<RespValue> keys, String error) {
    boolean busy = error.contains("BUSYKEY");
    boolean unserved = !busy && isUnserved(from, slot);
    if (!busy && !unserved) {
      log.plain("\n");
      from.sayError(error);
      return error;
    }
    if (unserved && fixes) {
      log.warning("*** Slot was not served, setting owner to node " + to.node.address() + ".\n");
      from.setSlotOrSay(slot, "node", to.node.id);
    }
    if (busy) {
      log.warning("\n*** Target key exists\n");
      if (!options.cluster.replace) {
        log.warning("*** Checking key values on both nodes...\n");
        String difference = compare(from, to, keys);
        if (difference != null) return difference;
      }
      log.warning("*** Replacing target keys...\n");
    }
    RespValue again = migrate(from, to, keys, busy);
    if (again instanceof RespValue.Error e) {
      log.plain("\n");
      from.sayError(e.text());
      return e.text();
    }
    return again == null ? "" : null;
  }

  private boolean isUnserved(Peer node, int slot) {
    RespValue reply = node.ask("CLUSTER", "SLOTS");
    if (!node.succeeds(reply) || reply == null) return false;
    return ownerOf(reply, slot) == null;
  }

  /// Who has a slot, in a reply of CLUSTER SLOTS, among the nodes that are known.
  @Nullable Peer ownerOf(RespValue slots, int slot) {
    for (RespValue range : slots.elements()) {
      List<RespValue> parts = range.elements();
      if (slot < parts.get(0).integer() || slot > parts.get(1).integer()) continue;
      List<RespValue> owner = parts.get(2).elements();
      if (owner.size() >= 3) {
        Peer found = view.byId(Form.textOf(owner.get(2)));
        if (found != null) return found;
      }
      for (Peer p : view.peers) {
        ManagedNode n = p.node;
        if (n.host.equals(owner.get(0).text()) && n.port == owner.get(1).integer()) return p;
      }
    }
    return null;
  }

  private static final String NO_DIGEST = "0".repeat(40);

  /// Null if all keys that both have are equal.
  private @Nullable String compare(Peer from, Peer to, List<RespValue> keys) {
    List<String> command = new ArrayList<>(List.of("DEBUG", "DIGEST-VALUE"));
    for (RespValue key : keys) command.add(Form.textOf(key));
    RespValue here = from.ask(command.toArray(new String[0]));
    RespValue there = to.ask(command.toArray(new String[0]));
    boolean both = from.succeeds(here);
    both &= to.succeeds(there);
    if (!both || here == null || there == null) {
      log.error("*** Value check failed!\n");
      return "";
    }
    List<String> different = new ArrayList<>();
    for (int i = 0; i < keys.size(); i++) {
      String one = Form.textOf(here.elements().get(i));
      String other = Form.textOf(there.elements().get(i));
      if (one.equals(NO_DIGEST) || other.equals(NO_DIGEST) || one.equals(other)) continue;
      different.add(Form.cString(Form.textOf(keys.get(i))));
    }
    if (different.isEmpty()) return null;
    log.error(
        "*** Found "
            + different.size()
            + " key(s) in both source node and target node having different values.\n"
            + "    Source node: "
            + from.node.address()
            + "\n    Target node: "
            + to.node.address()
            + "\n    Keys(s):\n");
    for (String key : different) log.error("    - " + key + "\n");
    log.error(
        "Please fix the above key(s) manually and try again or relaunch the command \nwith"
            + " --cluster-replace option to force key overriding.\n");
    return "";
  }
}
