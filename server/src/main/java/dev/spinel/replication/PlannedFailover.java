package dev.spinel.replication;

import dev.spinel.peer.Address;
import org.jspecify.annotations.Nullable;

/// FAILOVER: a primary hands its role over to one of its replicas, without losing a write.
///
/// ```
///   NONE ──FAILOVER, writes pause──► WAITING ──a replica has all──► IN_PROGRESS ──its +CONTINUE──► NONE
///                                    │ too late: NONE, or with FORCE on ▲ │
///                                    └──────────────────────────────────┘ └─ it refuses: primary again
/// ```
///
/// Once in progress this server is a replica of the chosen one, and its PSYNC asks that one to be
/// the primary. Writes stay paused until that is answered.
public final class PlannedFailover {
  /// How far it is, in the words of INFO.
  public enum State {
    NONE("no-failover"),
    WAITING("waiting-for-sync"),
    IN_PROGRESS("failover-in-progress");

    private final String word;

    State(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  private final ReplicationMachine machine;
  private State state = State.NONE;
  private @Nullable Address target; // null: whoever has all first
  private boolean forced;
  private long endMillis; // 0: never
  private long sinceMillis;

  PlannedFailover(ReplicationMachine machine) {
    this.machine = machine;
  }

  void asked(ReplicationEvent.FailoverAsked asked) {
    String error = fault(asked);
    if (error != null) {
      answer(asked.client(), "-ERR " + error);
      return;
    }
    target = asked.target();
    forced = asked.forced();
    endMillis = asked.timeoutMillis() == 0 ? 0 : machine.now() + asked.timeoutMillis();
    machine.notice(
        target == null
            ? "FAILOVER requested to any replica."
            : "FAILOVER requested to " + target + ".");
    sinceMillis = machine.now();
    state = State.WAITING;
    machine.act(new ReplicationAction.PauseWrites(true));
    answer(asked.client(), "+OK");
  }

  private @Nullable String fault(ReplicationEvent.FailoverAsked asked) {
    Address wanted = asked.target();
    if (state != State.NONE) {
      return "FAILOVER already in progress.";
    }
    if (machine.primary() != null) {
      return "FAILOVER is not valid when server is a replica.";
    }
    if (machine.primarySide().replicas().isEmpty()) {
      return "FAILOVER requires connected replicas.";
    }
    if (asked.forced() && (asked.timeoutMillis() == 0 || wanted == null)) {
      return "FAILOVER with force option requires both a timeout and target HOST and IP.";
    }
    if (wanted == null) {
      return null;
    }
    PrimarySide.Replica replica = find(wanted);
    if (replica == null) {
      return "FAILOVER target HOST and PORT is not a replica.";
    }
    return replica.state() == PrimarySide.State.ONLINE
        ? null
        : "FAILOVER target replica is not online.";
  }

  private void answer(long client, String text) {
    machine.act(new ReplicationAction.Reply(client, text + "\r\n"));
  }

  private PrimarySide.@Nullable Replica find(Address wanted) {
    for (PrimarySide.Replica replica : machine.primarySide().replicas()) {
      if (replica.shownHost().equalsIgnoreCase(wanted.host()) && replica.port() == wanted.port()) {
        return replica;
      }
    }
    return null;
  }

  void abortAsked(long client) {
    if (state == State.NONE) {
      answer(client, "-ERR No failover in progress.");
    } else {
      abort("Failover manually aborted");
      answer(client, "+OK");
    }
  }

  private void abort(String reason) {
    machine.notice(
        "FAILOVER to " + (target == null ? "any replica" : target) + " aborted: " + reason);
    if (state == State.IN_PROGRESS) {
      machine.replicaSide().promote();
    }
    end();
  }

  private void end() {
    state = State.NONE;
    target = null;
    endMillis = 0;
    machine.act(new ReplicationAction.PauseWrites(false));
  }

  /// After each step: whether it is time.
  void look() {
    if (state != State.WAITING) {
      return;
    }
    if (endMillis != 0 && endMillis <= machine.now()) {
      if (forced && target != null) {
        machine.notice("FAILOVER to " + target + " time out exceeded, failing over.");
        handOver(target);
      } else {
        abort("Replica never caught up before timeout");
      }
      return;
    }
    for (PrimarySide.Replica replica : machine.primarySide().replicas()) {
      Address address = new Address(replica.shownHost(), replica.port());
      if (replica.state() == PrimarySide.State.ONLINE
          && replica.ackOffset() == machine.offset()
          && (target == null || find(target) == replica)) {
        target = address;
        machine.notice("Failover target " + address + " is synced, failing over.");
        handOver(address);
        return;
      }
    }
  }

  private void handOver(Address to) {
    state = State.IN_PROGRESS;
    machine.replicaSide().follow(to);
  }

  /// The chosen one has answered PSYNC. Returns whether the link goes on.
  boolean answered(boolean accepted) {
    if (state != State.IN_PROGRESS) {
      return true;
    }
    if (accepted) {
      end();
    } else {
      abort("Failover target rejected psync request");
    }
    return accepted;
  }

  /// Whether PING would move the offset that a replica is to reach. If it is sent each second, each
  /// acknowledgement may come a moment too late, again and again. Without a time limit PINGs go on
  /// before replicas take silence for a broken link.
  boolean holdsStill() {
    return state == State.WAITING
        && (endMillis != 0
            || machine.now() - sinceMillis < machine.policy().timeoutSeconds() * 500L);
  }

  public State state() {
    return state;
  }
}
