package dev.spinel.sentinel;

import dev.spinel.sentinel.SentinelAction.Level;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What other Sentinels say of themselves and of the primaries: who they are and where, which epoch
/// it is, and that a primary has moved.
final class Hellos {
  private final SentinelMachine machine;

  Hellos(SentinelMachine machine) {
    this.machine = machine;
  }

  void take(String text) {
    Hello hello = Hello.of(text);
    WatchedPrimary primary = hello == null ? null : machine.primaries.get(hello.primaryName());
    if (hello == null || primary == null) {
      return;
    }
    FellowSentinel from = known(primary, hello);
    if (from == null) {
      from = meet(primary, hello);
    }
    if (hello.epoch() > machine.epoch) {
      machine.epoch = hello.epoch();
      machine.save();
      machine.happened(Level.WARNING, "+new-epoch", primary, Long.toString(machine.epoch));
    }
    if (from != null) {
      update(primary, hello, from);
      from.helloAt = machine.now();
    }
  }

  private @Nullable FellowSentinel known(WatchedPrimary primary, Hello hello) {
    FellowSentinel sentinel = primary.sentinels.get(hello.id());
    if (sentinel == null) {
      return null;
    }
    SentinelAddress at = machine.addressOrNull(hello.host(), hello.port(), true);
    return at != null && sentinel.address.isSame(at) ? sentinel : null;
  }

  /// A Sentinel that is new, or has moved.
  private @Nullable FellowSentinel meet(WatchedPrimary primary, Hello hello) {
    FellowSentinel before = primary.sentinels.remove(hello.id());
    if (before != null) {
      machine.forget(before);
      machine.event(
          Level.NOTICE,
          "+sentinel-address-switch",
          primary,
          " ip " + hello.host() + " port " + hello.port() + " for " + hello.id());
    } else {
      dropNamesake(primary, hello);
    }
    FellowSentinel sentinel;
    try {
      sentinel = machine.addSentinel(primary, hello.host(), hello.port(), hello.id());
    } catch (SentinelError e) {
      return null;
    }
    if (before == null) {
      machine.event(Level.NOTICE, "+sentinel", sentinel, "");
    } else {
      sentinel.leader = before.leader;
      sentinel.leaderEpoch = before.leaderEpoch;
      moveElsewhere(sentinel);
    }
    machine.save();
    return sentinel;
  }

  /// Another Sentinel that was known at the same address is gone.
  private void dropNamesake(WatchedPrimary primary, Hello hello) {
    SentinelAddress at = machine.addressOrNull(hello.host(), hello.port(), true);
    for (FellowSentinel other : List.copyOf(primary.sentinels.values())) {
      if (at != null && other.address.isSame(at)) {
        machine.event(Level.NOTICE, "+sentinel-invalid-addr", other, "");
        for (WatchedPrimary each : machine.primaries.values()) {
          FellowSentinel gone = each.sentinels.remove(other.name);
          if (gone != null) {
            machine.forget(gone);
          }
        }
        return;
      }
    }
  }

  /// The other primaries that a Sentinel watches learn its new address, too.
  private void moveElsewhere(FellowSentinel moved) {
    int changed = 0;
    for (WatchedPrimary primary : machine.primaries.values()) {
      FellowSentinel same = primary.sentinels.get(moved.name);
      if (same != null) {
        machine.links.hangUp(same.link);
        if (same != moved) {
          same.address = moved.address;
          changed++;
        }
      }
    }
    if (changed > 0) {
      machine.event(
          Level.NOTICE,
          "+sentinel-address-update",
          moved,
          " " + changed + " additional matching instances");
    }
  }

  private void update(WatchedPrimary primary, Hello hello, FellowSentinel from) {
    if (primary.configEpoch >= hello.configEpoch()) {
      return;
    }
    SentinelAddress before = primary.currentAddress(); // the promoted one's, if we lead a failover
    if (hello.primaryPort() == before.port() && machine.isHostOf(before, hello.primaryHost())) {
      primary.configEpoch = hello.configEpoch();
      return;
    }
    SentinelAddress to = machine.addressOrNull(hello.primaryHost(), hello.primaryPort(), false);
    if (to == null) {
      return; // the next hello says it again
    }
    primary.configEpoch = hello.configEpoch();
    machine.event(Level.WARNING, "+config-update-from", from, "");
    machine.switches(primary, before, hello.primaryHost(), hello.primaryPort());
    machine.moveTo(primary, to);
    machine.runReconfigurationScript(primary, "observer", before, to);
  }
}
