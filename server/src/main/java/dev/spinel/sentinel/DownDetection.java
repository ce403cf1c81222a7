package dev.spinel.sentinel;

import dev.spinel.sentinel.NodeLink.Channel;
import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.wire.RespValue;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Who is down: as far as this Sentinel sees (SDOWN), and as enough Sentinels agree (ODOWN).
final class DownDetection {
  /// How often others are asked in the first seconds, while their word is awaited.
  private static final long HASTE = 100;

  private static final long HASTE_LASTS = 5000;

  private final SentinelMachine machine;

  DownDetection(SentinelMachine machine) {
    this.machine = machine;
  }

  void checkSubjectively(WatchedNode node) {
    NodeLink link = node.link;
    long now = machine.now();
    Periods periods = machine.periods;
    long silent =
        link.pendingPingAt != 0
            ? now - link.pendingPingAt
            : link.isDisconnected ? now - link.availableAt : 0;
    @Nullable Channel commands = link.commands;
    if (commands != null
        && now - commands.since > periods.reconnect
        && link.pendingPingAt != 0
        && now - link.pendingPingAt > node.downAfter / 2
        && now - link.pongAt > node.downAfter / 2) {
      machine.links.hangUpCommands(link);
    }
    @Nullable Channel messages = link.messages;
    if (messages != null
        && now - messages.since > periods.reconnect
        && now - link.messageAt > periods.publish * 3) {
      machine.links.hangUpMessages(link);
    }
    if (silent > node.downAfter || isNoPrimary(node) || isRebooting(node)) {
      if (!node.isDown) {
        machine.event(Level.WARNING, "+sdown", node, "");
        node.downAt = now;
        node.isDown = true;
        if (node instanceof WatchedPrimary primary) {
          primary.replicas.values().forEach(machine.links::info); // the choice needs fresh offsets
        }
      }
    } else if (node.isDown) {
      machine.event(Level.WARNING, "-sdown", node, "");
      node.isDown = false;
      node.scriptKillSent = false;
    }
  }

  private boolean isNoPrimary(WatchedNode node) {
    return node instanceof WatchedPrimary primary
        && !primary.reportsPrimary
        && machine.now() - primary.roleAt > primary.downAfter + machine.periods.info * 2;
  }

  private boolean isRebooting(WatchedNode node) {
    return node instanceof WatchedPrimary primary
        && primary.rebooted
        && machine.now() - primary.rebootAt > primary.rebootDownAfter;
  }

  void checkObjectively(WatchedPrimary primary) {
    int agree = 0;
    if (primary.isDown) {
      agree = 1;
      for (FellowSentinel sentinel : primary.sentinels.values()) {
        agree += sentinel.saysDown ? 1 : 0;
      }
    }
    boolean down = agree > 0 && agree >= primary.quorum;
    if (down && !primary.isAgreedDown) {
      machine.event(Level.WARNING, "+odown", primary, " #quorum " + agree + "/" + primary.quorum);
      primary.isAgreedDown = true;
      primary.agreedDownAt = machine.now();
    } else if (!down && primary.isAgreedDown) {
      machine.event(Level.WARNING, "-odown", primary, "");
      primary.isAgreedDown = false;
    }
  }

  /// Asks other Sentinels whether a primary is down, and for their vote if a failover runs.
  void askOthers(WatchedPrimary primary, boolean forced) {
    long now = machine.now();
    long ask = machine.periods.ask;
    boolean hurries = primary.isDown && now - primary.downAt < HASTE_LASTS;
    SentinelAddress address = primary.address;
    for (FellowSentinel sentinel : List.copyOf(primary.sentinels.values())) {
      long elapsed = now - sentinel.answeredAt;
      if (elapsed > ask * 5) {
        sentinel.saysDown = false;
        sentinel.leader = null;
      }
      boolean isDue = elapsed >= (hurries ? Math.min(ask, HASTE) : ask);
      if (!primary.isDown || sentinel.link.isDisconnected || !(forced || isDue)) {
        continue;
      }
      if (!forced && sentinel.link.pending() > 10) {
        continue; // it doesn't answer
      }
      machine.links.ask(
          sentinel,
          reply -> answered(sentinel, address, reply),
          "SENTINEL",
          "is-master-down-by-addr",
          machine.shown(address),
          Integer.toString(address.port()),
          Long.toString(machine.epoch),
          primary.isFailingOver() ? machine.id : "*");
    }
  }

  private void answered(FellowSentinel sentinel, SentinelAddress asked, RespValue reply) {
    if (!(reply instanceof RespValue.Array array)
        || array.elements().size() != 3
        || !(array.elements().get(0) instanceof RespValue.Int down)
        || !(array.elements().get(1) instanceof RespValue.Bulk leader)
        || !(array.elements().get(2) instanceof RespValue.Int epoch)) {
      return;
    }
    sentinel.answeredAt = machine.now();
    sentinel.saysDown = down.value() == 1 && sentinel.primary().address.isSame(asked);
    String voted = String.valueOf(leader.text());
    if (!voted.equals("*")) {
      if (sentinel.leaderEpoch != epoch.value()) {
        machine.log(Level.NOTICE, sentinel.name + " voted for " + voted + " " + epoch.value());
      }
      sentinel.leader = voted;
      sentinel.leaderEpoch = epoch.value();
    }
    machine.act(sentinel.primary());
    machine.failover.switchIfDone(sentinel.primary());
  }
}
