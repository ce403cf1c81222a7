package dev.spinel.cli;

import dev.spinel.cli.cluster.Estimate;
import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.wire.Quoting;
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
    KEYS_ONLY,
    /// The same, to the node that has had the slot all along.
    KEYS_HOME;

    boolean movesSlot() {
      return this == VERBOSE || this == QUIET;
    }
  }

  private final ClusterView view;
  private final ClusterLog log;
  private final Options options;
  private final boolean fixes;

  /// How long it has waited for the cluster to serve again, for the present slot.
  private int waitedTenths;

  private static final int MOST_TENTHS_WAITED = 200;

  /// `fixes`: an unserved slot is given to the target, so that MIGRATE is let through, and errors
  /// are shown by what they come from.
  SlotMover(ClusterView view, ClusterLog log, Options options, boolean fixes) {
    this.view = view;
    this.log = log;
    this.options = options;
    this.fixes = fixes;
  }

  /// Null if the slot is moved, else why not: a node's error, or nothing, where that was said or
  /// the connection is lost.
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
    if (way.movesSlot()) {
      String error = setSlot(to, slot, "importing", from);
      if (error == null) error = setSlot(from, slot, "migrating", to);
      if (error != null) return error;
    }
    String error = moveKeys(from, to, slot, way);
    if (way != Way.QUIET) log.plain("\n");
    if (error != null) return error;
    if (way.movesSlot()) {
      error = assign(from, to, slot);
      if (error != null) return error;
    }
    return null;
  }

  /// Whoever has lost its last slot is a replica by now, and need not be told.
  private @Nullable String assign(Peer from, Peer to, int slot) {
    String error = setSlot(to, slot, "node", to);
    if (error != null) return error;
    error = setSlot(from, slot, "node", to);
    boolean goesOn = fixes && options.cluster.doubles == ClusterOptions.Doubles.ARE_COMPARED;
    if (error != null
        && !goesOn
        && !error.startsWith("ERR Please use SETSLOT only with masters.")) {
      return error;
    }
    for (Peer p : view.primaries()) {
      if (p == from || p == to) continue;
      error = setSlot(p, slot, "node", to);
      if (error != null) return error;
    }
    return null;
  }

  /// Null if that succeeded, else the error: a mending shows it at once, others where they end.
  private @Nullable String setSlot(Peer at, int slot, String state, Peer other) {
    String error = at.setSlot(slot, state, other.node.id);
    if (fixes && error != null && at.isConnected()) at.sayError(error);
    return error;
  }

  private @Nullable String moveKeys(Peer from, Peer to, int slot, Way way) {
    waitedTenths = 0;
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
        if (e.text().contains("CLUSTERDOWN") && waitsForCluster()) continue;
        String error = resolve(from, to, slot, way, keys, e.text());
        if (error != null) return error;
      }
      if (way != Way.QUIET) {
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

  /// Tries what may help: gives the slot to the target if nobody has it (of a fix); of keys that
  /// both have keeps the copy that clients are served, or replaces the target's if the values are
  /// equal or the user wants that.
  private @Nullable String resolve(
      Peer from, Peer to, int slot, Way way, List<RespValue> keys, String error) {
    boolean busy = error.contains("BUSYKEY");
    boolean isKnown = way != Way.KEYS_ONLY; // who served the slot
    if (busy && isKnown && options.cluster.doubles != ClusterOptions.Doubles.ARE_COMPARED) {
      return keepServed(from, to, slot, way, keys);
    }
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

  /// A node that was slow for a moment has others believe it is gone, and they stop serving until
  /// they hear of it: `spinel cluster` waits for them, Redis's own manager breaks off. False once
  /// that has lasted too long.
  private boolean waitsForCluster() {
    boolean waits =
        options.cluster.doubles != ClusterOptions.Doubles.ARE_COMPARED
            && waitedTenths < MOST_TENTHS_WAITED;
    if (waits) {
      waitedTenths++;
      Shell.pause(Sampler.SECOND_MICROS / 10);
    }
    return waits;
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
  private static final int COMPARED_AT_ONCE = 100;

  /// Of a key that both have, clients are served one copy: that of the node that has the slot. The
  /// other one goes if it is equal, as after a source that died before it had deleted what it had
  /// sent. If it differs either may be the newer one: the served copy, or, where a source came back
  /// without its last deletions, the copy that clients were sent to meanwhile; or the copy of a
  /// former owner, from whom a fix has taken the slot. That is the user's to say; whoever has said
  /// that the served ones stay is told what goes before it goes.
  private @Nullable String keepServed(Peer from, Peer to, int slot, Way way, List<RespValue> keys) {
    Peer server = way.movesSlot() ? from : to;
    Peer other = server == from ? to : from;
    boolean isSure = options.cluster.doubles == ClusterOptions.Doubles.SERVED_STAYS;
    List<String> different = isSure ? different(from, to, keys) : allDifferent(from, to, slot);
    if (different == null) {
      if (!isSure) return "";
      log.error(whatGoes(server, other));
    } else if (!different.isEmpty()) {
      sayDifferent(from, to, different);
      log.fact(fact(slot, server, other, different, isSure));
      log.error(whichIsNewer(slot, server, other));
      log.error(isSure ? whatGoes(server, other) : whatHelps(server, other));
      if (!isSure) return "";
    }
    log.warning(
        "\n*** Keys of the slot are at both nodes: those of "
            + server.node.address()
            + " stay, which serves them.\n");
    if (server == to) {
      for (RespValue key : keys) {
        String error = deleteIfThere(from, to, Form.textOf(key));
        if (error != null) return error;
      }
    }
    RespValue again = migrate(from, to, keys, server == from);
    if (!(again instanceof RespValue.Error e)) return again == null ? "" : null;
    from.sayError(e.text());
    return e.text();
  }

  /// By what a user may tell which of two values is the newer one. No node knows when a key was
  /// written.
  private static String whichIsNewer(int slot, Peer server, Peer other) {
    String served = server.node.address();
    String rest = other.node.address();
    String told =
        "Clients are served the values at "
            + served
            + ". Those at "
            + rest
            + " may be the newer ones: no node knows when a key was written.\n";
    if (wasOwner(other, slot)) {
      told +=
          "  "
              + rest
              + " had the slot before and says that it gives it away still. If `redis-cli --cluster"
              + " fix` has given it to "
              + served
              + ", which it does for the number of keys, the values at "
              + rest
              + " are newer, but for what was written since.\n";
    } else {
      told +=
          "  Those at "
              + rest
              + " are newer if "
              + served
              + " was restarted, or replaced by its replica, without its last writes.\n";
    }
    String here = runningSince(server);
    String there = runningSince(other);
    if (here.isEmpty() || there.isEmpty()) return told;
    return told + "  " + served + " has run for " + here + ", " + rest + " for " + there + ".\n";
  }

  /// Whether a node without the slot says that it gives it away: it had it before.
  private static boolean wasOwner(Peer p, int slot) {
    return p.node.migrating.containsKey(slot) && !p.node.slots.get(slot);
  }

  private static String runningSince(Peer p) {
    long seconds = uptime(p);
    return seconds < 0 ? "" : Estimate.text(seconds);
  }

  private static long uptime(Peer p) {
    String info = Peer.textOf(p.ask("INFO", "server"));
    return info == null ? -1 : Info.number(info, "uptime_in_seconds");
  }

  private static String whatGoes(Peer server, Peer other) {
    return "*** The values at "
        + other.node.address()
        + " are deleted, those at "
        + server.node.address()
        + " stay: --keep-served says so.\n";
  }

  private static String whatHelps(Peer server, Peer other) {
    return "Set the right value at "
        + server.node.address()
        + " where the other one is newer (at "
        + other.node.address()
        + " ASKING lets the next command see it). Then give --keep-served: the served ones stay,"
        + " the others are deleted.\n";
  }

  /// What is known of values that differ, as an object of JSON.
  private static String fact(
      int slot, Peer server, Peer other, List<String> keys, boolean areDeleted) {
    return "{\"differing_keys\":["
        + String.join(",", keys.stream().map(Notices::quoted).toList())
        + "],\"slot\":"
        + slot
        + ",\"served_at\":"
        + Notices.quoted(server.node.address())
        + ",\"other_at\":"
        + Notices.quoted(other.node.address())
        + ",\"other_had_the_slot\":"
        + wasOwner(other, slot)
        + ",\"served_uptime_seconds\":"
        + uptime(server)
        + ",\"other_uptime_seconds\":"
        + uptime(other)
        + ",\"others_are_deleted\":"
        + areDeleted
        + "}";
  }

  /// As [#different], of all keys of the slot that `from` has.
  private @Nullable List<String> allDifferent(Peer from, Peer to, int slot) {
    long count = from.countKeys(slot);
    if (count < 0) return null;
    RespValue reply =
        from.ask("CLUSTER", "GETKEYSINSLOT", Integer.toString(slot), Long.toString(count));
    if (!from.succeeds(reply) || reply == null) return null;
    List<RespValue> keys = reply.elements();
    List<String> all = new ArrayList<>();
    for (int i = 0; i < keys.size(); i += COMPARED_AT_ONCE) {
      List<String> some =
          different(from, to, keys.subList(i, Math.min(i + COMPARED_AT_ONCE, keys.size())));
      if (some == null) return null;
      all.addAll(some);
    }
    return all;
  }

  /// Deletes a key that another node has, too.
  private static @Nullable String deleteIfThere(Peer from, Peer to, String key) {
    RespValue there = to.ask("EXISTS", key);
    if (!to.succeeds(there) || there == null) return String.valueOf(Peer.errorOf(there));
    if (there.integer() == 0) return null;
    RespValue deleted = from.askWhatMoves("DEL", key);
    return from.succeeds(deleted) ? null : String.valueOf(Peer.errorOf(deleted));
  }

  /// Null if all keys that both have are equal.
  private @Nullable String compare(Peer from, Peer to, List<RespValue> keys) {
    List<String> different = different(from, to, keys);
    if (different == null) return "";
    if (different.isEmpty()) return null;
    sayDifferent(from, to, different);
    log.error(
        "Please fix the above key(s) manually and try again or relaunch the command \nwith"
            + " --cluster-replace option to force key overriding.\n");
    return "";
  }

  /// The keys that both have with different values, quoted; null if that can't be found out, which
  /// is said.
  private @Nullable List<String> different(Peer from, Peer to, List<RespValue> keys) {
    List<String> here = digests(from, keys);
    List<String> there = here == null ? null : digests(to, keys);
    if (here == null || there == null) { // DEBUG isn't allowed everywhere
      here = dumps(from, keys);
      there = dumps(to, keys);
    }
    if (here == null || there == null) {
      log.error("*** Value check failed!\n");
      return null;
    }
    List<String> different = new ArrayList<>();
    for (int i = 0; i < keys.size(); i++) {
      String one = here.get(i);
      String other = there.get(i);
      if (one.equals(NO_DIGEST) || other.equals(NO_DIGEST) || one.equals(other)) continue;
      String key = Form.textOf(keys.get(i));
      boolean isStock = options.cluster.doubles == ClusterOptions.Doubles.ARE_COMPARED;
      different.add(isStock ? Form.cString(key) : Quoting.quoteIfNeeded(key));
    }
    return different;
  }

  private void sayDifferent(Peer from, Peer to, List<String> keys) {
    log.error(
        "*** Found "
            + keys.size()
            + " key(s) in both source node and target node having different values.\n"
            + "    Source node: "
            + from.node.address()
            + "\n    Target node: "
            + to.node.address()
            + "\n    Keys(s):\n");
    for (String key : keys) log.error("    - " + key + "\n");
  }

  /// A digest of the value of each key; null if the node doesn't tell.
  private static @Nullable List<String> digests(Peer p, List<RespValue> keys) {
    List<String> command = new ArrayList<>(List.of("DEBUG", "DIGEST-VALUE"));
    for (RespValue key : keys) command.add(Form.textOf(key));
    RespValue reply = p.ask(command.toArray(new String[0]));
    if (reply == null || reply.isError()) return null;
    return reply.elements().stream().map(Form::textOf).toList();
  }

  /// The serialized value of each key, and whether it expires. Equal values of many elements may
  /// differ here, as their order may. Null if the node doesn't tell, which is said.
  private static @Nullable List<String> dumps(Peer p, List<RespValue> keys) {
    List<String> dumps = new ArrayList<>();
    for (RespValue key : keys) {
      RespValue dump = p.askWhatMoves("DUMP", Form.textOf(key));
      String error = Peer.errorOf(dump);
      boolean isElsewhere =
          error != null && (error.startsWith("ASK ") || error.startsWith("MOVED "));
      if (isElsewhere || dump instanceof RespValue.Nil) {
        dumps.add(NO_DIGEST);
        continue;
      }
      RespValue left = p.askWhatMoves("PTTL", Form.textOf(key));
      if (!p.succeeds(dump) || !p.succeeds(left) || dump == null || left == null) return null;
      dumps.add((left.integer() < 0 ? "stays " : "expires ") + Form.textOf(dump));
    }
    return dumps;
  }
}
