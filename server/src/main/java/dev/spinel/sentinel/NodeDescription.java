package dev.spinel.sentinel;

import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.List;

/// The state of a node, field for field, as SENTINEL MASTER and its like reply it.
final class NodeDescription {
  private final SentinelMachine machine;
  private final WatchedNode node;
  private final List<RespValue> map = new ArrayList<>();

  NodeDescription(SentinelMachine machine, WatchedNode node) {
    this.machine = machine;
    this.node = node;
  }

  private void add(String name, String value) {
    map.add(Texts.bulk(name));
    map.add(Texts.bulk(value));
  }

  private void add(String name, long value) {
    add(name, Long.toString(value));
  }

  RespValue reply() {
    long now = machine.now();
    NodeLink link = node.link;
    add("name", node.name);
    add("ip", machine.shown(node.address));
    add("port", node.address.port());
    add("runid", node.runId == null ? "" : node.runId);
    add("flags", flags());
    add("link-pending-commands", link.pending());
    add("link-refcount", link.owners);
    if (node instanceof WatchedPrimary primary && primary.isFailingOver()) {
      add("failover-state", primary.state.word());
    }
    add("last-ping-sent", link.pendingPingAt == 0 ? 0 : now - link.pendingPingAt);
    add("last-ok-ping-reply", now - link.availableAt);
    add("last-ping-reply", now - link.pongAt);
    if (node.isDown) {
      add("s-down-time", now - node.downAt);
    }
    if (node instanceof WatchedPrimary primary && primary.isAgreedDown) {
      add("o-down-time", now - primary.agreedDownAt);
    }
    add("down-after-milliseconds", node.downAfter);
    if (node instanceof WatchedServer server) {
      add("info-refresh", server.infoAt == 0 ? 0 : now - server.infoAt);
      add("role-reported", server.reportsPrimary ? "master" : "slave");
      add("role-reported-time", now - server.roleAt);
    }
    switch (node) {
      case WatchedPrimary primary -> ofPrimary(primary);
      case WatchedReplica replica -> ofReplica(replica);
      case FellowSentinel sentinel -> {
        add("last-hello-message", now - sentinel.helloAt);
        add("voted-leader", sentinel.leader == null ? "?" : sentinel.leader);
        add("voted-leader-epoch", sentinel.leaderEpoch);
      }
    }
    return new RespValue.Map(map);
  }

  private void ofPrimary(WatchedPrimary primary) {
    add("config-epoch", primary.configEpoch);
    add("num-slaves", primary.replicas.size());
    add("num-other-sentinels", primary.sentinels.size());
    add("quorum", primary.quorum);
    add("failover-timeout", primary.failoverTimeout);
    add("parallel-syncs", primary.parallelSyncs);
    if (!primary.notificationScript.isEmpty()) {
      add("notification-script", primary.notificationScript);
    }
    if (!primary.reconfigurationScript.isEmpty()) {
      add("client-reconfig-script", primary.reconfigurationScript);
    }
  }

  private void ofReplica(WatchedReplica replica) {
    add("master-link-down-time", replica.linkDownMillis);
    add("master-link-status", replica.linkUp ? "ok" : "err");
    add("master-host", replica.primaryHost == null ? "?" : replica.primaryHost);
    add("master-port", replica.primaryPort);
    add("slave-priority", replica.priority);
    add("slave-repl-offset", replica.offset);
    add("replica-announced", replica.isAnnounced ? 1 : 0);
  }

  private String flags() {
    List<String> flags = new ArrayList<>();
    add(flags, node.isDown, "s_down");
    add(flags, node instanceof WatchedPrimary primary && primary.isAgreedDown, "o_down");
    flags.add(node.kind());
    add(flags, node.link.isDisconnected, "disconnected");
    add(flags, node instanceof FellowSentinel sentinel && sentinel.saysDown, "master_down");
    if (node instanceof WatchedPrimary primary) {
      add(flags, primary.isFailingOver(), "failover_in_progress");
      add(flags, primary.isForced, "force_failover");
    }
    if (node instanceof WatchedReplica replica) {
      add(flags, replica.isPromoted, "promoted");
      switch (replica.reconfiguration) {
        case NONE -> {}
        case SENT -> flags.add("reconf_sent");
        case IN_PROGRESS -> flags.add("reconf_inprog");
        case DONE -> flags.add("reconf_done");
      }
    }
    add(flags, node.scriptKillSent, "script_kill_sent");
    add(flags, node instanceof WatchedPrimary primary && primary.rebooted, "master_reboot");
    return String.join(",", flags);
  }

  private static void add(List<String> flags, boolean isSet, String word) {
    if (isSet) {
      flags.add(word);
    }
  }
}
