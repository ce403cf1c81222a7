package dev.spinel.engine;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// The gates of a server, in the order in which they are asked, and whether anybody need ask them:
/// a call passes them all unseen while none is closed to everybody ([#closed]) or to its session
/// ([Gate#concerns(Session)]).
public final class Gates {
  private Gate[] all = {}; // before the first session
  private final Gate[][] of; // by Command.index, filled when first asked for; racy, all are equal
  private final Command exec;
  private final Set<Gate> closed = new HashSet<>(); // this object's monitor

  /// As [#of], without those that are closed to nobody. Another one once a gate closes or opens.
  private volatile AtomicReferenceArray<Gate[]> closedOf;

  /// Whether some gate is closed to everybody.
  volatile boolean anyClosed;

  /// How often [Engine#gatesChanged] was called. Stopped world.
  volatile int changes;

  Gates(int commands, Command exec) {
    this.of = new Gate[commands][];
    this.closedOf = new AtomicReferenceArray<>(commands);
    this.exec = exec;
  }

  /// These are all. Before the first session.
  public void are(Gate... gates) {
    all = gates.clone();
    Arrays.sort(all, Comparator.comparing(Gate::rank));
    for (int i = 1; i < all.length; i++) {
      assert all[i].rank() != all[i - 1].rank() : "two gates of one rank: " + all[i].rank();
    }
  }

  /// Whether this gate may have something to say to everybody (memory is short, a replica is
  /// read-only…). Any thread.
  public synchronized void closed(Gate by, boolean on) {
    if (on) {
      closed.add(by);
    } else {
      closed.remove(by);
    }
    closedOf = new AtomicReferenceArray<>(of.length);
    anyClosed = !closed.isEmpty();
  }

  /// Whether some gate is closed to the session.
  boolean concern(Session session) {
    for (Gate gate : all) {
      if (gate.concerns(session)) {
        return true;
      }
    }
    return false;
  }

  /// Why the gate of this rank refuses the call, which waits for nothing; null if it doesn't.
  @Nullable CommandError refusal(Gate.Rank rank, Call call) {
    if (!anyClosed && !call.session.gated) {
      return null;
    }
    for (Gate gate : of(call.command)) {
      if (gate.rank() == rank) {
        return gate.refuse(call);
      }
    }
    return null;
  }

  /// Why a gate refuses the call, which EXEC is going to run; null if none does.
  @Nullable CommandError queuedRefusal(Call call) {
    for (Gate gate : of(call.command)) {
      CommandError refusal = gate.refuseQueued(call);
      if (refusal != null) {
        return refusal;
      }
    }
    return null;
  }

  /// Why a gate refuses the call, which runs within another one; null if none does.
  @Nullable CommandError nestedRefusal(Call call) {
    if (!anyClosed) {
      return null;
    }
    for (Gate gate : closedOf(call.command)) {
      CommandError refusal = gate.refuseNested(call);
      if (refusal != null) {
        return refusal;
      }
    }
    return null;
  }

  /// Those that are to be asked about a call of the session.
  Gate[] of(Command command, Session session) {
    return session.gated ? of(command) : closedOf(command);
  }

  /// Those that may refuse the command, and are closed to everybody: the others have nothing to say
  /// to a session that none of them concerns.
  private Gate[] closedOf(Command command) {
    Gate[] some = closedOf.getAcquire(command.index);
    if (some == null) {
      synchronized (this) {
        some = Arrays.stream(of(command)).filter(closed::contains).toArray(Gate[]::new);
        closedOf.setRelease(command.index, some);
      }
    }
    return some;
  }

  /// Those that may refuse the command.
  Gate[] of(Command command) {
    Gate[] some = of[command.index];
    if (some == null) {
      boolean asksAll = command == exec || command.is(Command.SCRIPTED);
      some =
          Arrays.stream(all).filter(gate -> asksAll || gate.concerns(command)).toArray(Gate[]::new);
      of[command.index] = some;
    }
    return some;
  }
}
