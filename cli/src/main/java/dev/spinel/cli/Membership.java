package dev.spinel.cli;

import dev.spinel.cli.cluster.ManagedNode;
import dev.spinel.wire.RespValue;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// How nodes come into a cluster and leave it, for whoever manages one.
final class Membership {
  /// What is made of refusals while a node is taken out.
  enum Removal {
    /// Any of them ends it, as in Redis's own manager.
    STRICT,
    /// What an earlier attempt has done already is passed over: nodes that don't know it any more,
    /// replicas that follow another primary by now.
    REPEATED
  }

  private final ClusterView view;
  private final ClusterLog log;

  Membership(ClusterView view, ClusterLog log) {
    this.view = view;
    this.log = log;
  }

  // ── coming in ──

  /// Has a node meet one of the cluster. False if that can't be, which is said.
  boolean introduce(Peer fresh, Peer known) {
    String ip = resolve(known.node.host);
    return ip != null && fresh.succeeds(meet(fresh, ip, known.node));
  }

  static @Nullable RespValue meet(Peer p, String ip, ManagedNode known) {
    String port = Integer.toString(known.port);
    if (known.busPort == 0 || known.busPort == known.port + ManagedNode.BUS_PORT_OFFSET) {
      return p.ask("CLUSTER", "MEET", ip, port);
    }
    return p.ask("CLUSTER", "MEET", ip, port, Integer.toString(known.busPort));
  }

  /// CLUSTER MEET takes no names.
  @Nullable String resolve(String host) {
    try {
      return InetAddress.getByName(host).getHostAddress();
    } catch (UnknownHostException e) {
      log.screen.errLine("Invalid IP address or hostname specified: " + host);
      return null;
    }
  }

  /// A new primary gets the functions that all have.
  boolean copyFunctions(Peer from, Peer to) {
    log.info(">>> Getting functions from cluster\n");
    RespValue dump = from.ask("FUNCTION", "DUMP");
    if (!(dump instanceof RespValue.Bulk functions)) {
      String error = Peer.errorOf(dump);
      log.info(
          ">>> Failed retrieving Functions from the cluster, skip this step as Redis version do"
              + " not support function command (error = '"
              + (error == null ? "NULL reply" : error)
              + "')\n");
      return true;
    }
    String name = to.node.address();
    log.info(">>> Send FUNCTION LIST to " + name + " to verify there is no functions in it\n");
    RespValue list = to.ask("FUNCTION", "LIST");
    if (list == null || list.isError()) {
      String error = Peer.errorOf(list);
      log.error(
          ">>> Failed on CLUSTER LIST (error = '"
              + (error == null ? "NULL reply" : error)
              + "')\r\n");
      return false;
    }
    if (!list.elements().isEmpty()) {
      log.error(
          ">>> New node already contains functions and can not be added to the cluster. Use"
              + " FUNCTION FLUSH and try again.\r\n");
      return false;
    }
    log.info(">>> Send FUNCTION RESTORE to " + name + "\n");
    RespValue restored = to.ask("FUNCTION", "RESTORE", Form.textOf(functions));
    if (restored == null || restored.isError()) {
      String error = Peer.errorOf(restored);
      log.error(
          ">>> Failed loading functions to the new node (error = '"
              + (error == null ? "NULL reply" : error)
              + "')\r\n");
      return false;
    }
    return true;
  }

  /// Whether a node has just the functions of another one.
  static boolean hasFunctionsOf(Peer one, Peer other) {
    Map<String, String> its = functions(one);
    return its != null && its.equals(functions(other));
  }

  /// Code by name of library; null if the node doesn't say.
  private static @Nullable Map<String, String> functions(Peer p) {
    RespValue list = p.ask("FUNCTION", "LIST", "WITHCODE");
    if (list == null || list.isError()) return null;
    Map<String, String> libraries = new TreeMap<>();
    for (RespValue library : list.elements()) {
      String name = "";
      String code = "";
      var fields = library.elements();
      for (int i = 0; i + 1 < fields.size(); i += 2) {
        switch (Form.textOf(fields.get(i))) {
          case "library_name" -> name = Form.textOf(fields.get(i + 1));
          case "library_code" -> code = Form.textOf(fields.get(i + 1));
          default -> {}
        }
      }
      libraries.put(name, code);
    }
    return libraries;
  }

  // ── leaving ──

  /// All others forget the node, its replicas follow other primaries, and it forgets them, if it is
  /// connected.
  boolean remove(Peer gone, Removal how) {
    String id = gone.node.id;
    boolean again = how == Removal.REPEATED;
    for (Peer p : view.peers) {
      if (p.node.id.equals(id)) continue;
      if (id.equalsIgnoreCase(p.node.primaryId)
          && !(again && !stillFollows(p, gone))
          && !giveOtherPrimary(p, gone)) {
        return false;
      }
      RespValue reply = p.ask("CLUSTER", "FORGET", id);
      String error = Peer.errorOf(reply);
      if (again && error != null && error.contains("Unknown node")) continue;
      if (!p.succeeds(reply)) return false;
    }
    if (again && !gone.isConnected()) return true;
    log.info(">>> Sending CLUSTER RESET SOFT to the deleted node.\n");
    return gone.succeeds(gone.ask("CLUSTER", "RESET", "SOFT"));
  }

  private static boolean stillFollows(Peer replica, Peer gone) {
    String nodes = Peer.textOf(replica.ask("CLUSTER", "NODES"));
    return nodes == null || nodes.contains("myself,slave " + gone.node.id);
  }

  private boolean giveOtherPrimary(Peer replica, Peer gone) {
    Peer primary = null;
    for (Peer p : view.primaries()) {
      if (p == gone) continue;
      if (primary == null || p.node.replicas < primary.node.replicas) primary = p;
    }
    if (primary == null) return false;
    primary.node.replicas++;
    log.info(">>> " + replica.node.address() + " as replica of " + primary.node.address() + "\n");
    return replica.succeeds(replica.ask("CLUSTER", "REPLICATE", primary.node.id));
  }
}
