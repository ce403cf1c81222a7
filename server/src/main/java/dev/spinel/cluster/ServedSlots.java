package dev.spinel.cluster;

import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Slots;

/// What the data's side of the server knows of the cluster: a flag of each slot says whether this
/// node has it, and whether its keys are moving. See [Slots#OWNERSHIP] and [Redirect].
///
/// ```
///   machine ──► ClusterView ──► show, in a stopped world: flags · redirect · era · calls that wait
/// ```
///
/// When [#show] has returned, no call goes by an older picture: whoever has asked its gates before
/// asks them again.
public final class ServedSlots {
  private final Engine engine;
  private final Slots slots;
  private final Redirect redirect;
  private final byte[] flags = new byte[Slots.COUNT]; // stopped world
  private SlotSet served = SlotSet.all(); // of this node, as shown last; stopped world
  private SlotSet moving = new SlotSet(); // with other flags; stopped world
  private SlotSet purging = new SlotSet(); // stopped world; read by whoever is seated

  public ServedSlots(Engine engine, Redirect redirect) {
    this.engine = engine;
    this.redirect = redirect;
    this.slots = engine.keyspace.slots();
  }

  /// Goes by this picture from now on: who owns what, what moves, whether the cluster is up, which
  /// role this node has. Calls that wait for keys of a slot that has left go after it. Stopped
  /// world.
  public void show(ClusterView view, Dispatcher stopped) {
    assert stopped.seat().stopsWorld();
    SlotSet mine = view.myself().slots();
    SlotSet others = new SlotSet(); // whose flags may differ from before
    others.addAll(mine.without(served));
    others.addAll(served.without(mine));
    others.addAll(moving);
    moving = new SlotSet();
    view.importing().forEach(moving::add);
    view.migrating().forEach(moving::add);
    moving.addAll(view.hidden());
    moving.addAll(view.handed());
    moving.addAll(redirect.paused());
    moving.addAll(redirect.held());
    others.addAll(moving);
    for (int slot = others.next(0); slot >= 0; slot = others.next(slot + 1)) {
      flags[slot] = mine.contains(slot) ? 0 : Slots.FOREIGN;
    }
    for (int slot : view.importing()) {
      flags[slot] |= Slots.IMPORTING;
    }
    for (int slot : view.migrating()) {
      if ((flags[slot] & Slots.FOREIGN) == 0) {
        flags[slot] = Slots.MIGRATING;
      }
    }
    mark(view.hidden());
    mark(view.handed());
    mark(redirect.paused());
    mark(redirect.held());
    for (int slot = others.next(0); slot >= 0; slot = others.next(slot + 1)) {
      slots.ownership(slot, flags[slot]);
    }
    served = mine;
    purging = view.purging();
    redirect.show(view);
    engine.newEra();
    stopped.endWaits(redirect::endWait);
  }

  /// Whether the slot's keys are to go. Seated.
  public boolean isPurged(int slot) {
    return slots.isHidden(slot) && purging.contains(slot);
  }

  private void mark(SlotSet which) {
    for (int slot = which.next(0); slot >= 0; slot = which.next(slot + 1)) {
      flags[slot] |= Slots.MOVING;
    }
  }

  /// Calls for these slots wait from now on, until the move has ended. Stopped world.
  public void pause(String move, SlotSet which) {
    redirect.pause(move, which);
    flag(which);
  }

  /// Calls that write to these slots wait from now on; none: those that wait go on. Stopped world.
  public void holdWriters(String move, SlotSet which, Dispatcher stopped) {
    ClusterView now = redirect.holdWriters(move, which);
    flag(which);
    if (which.isEmpty() && now != null) {
      show(now, stopped);
    }
  }

  /// They are looked at more closely from now on.
  private void flag(SlotSet which) {
    mark(which);
    moving.addAll(which);
    for (int slot = which.next(0); slot >= 0; slot = which.next(slot + 1)) {
      slots.ownership(slot, flags[slot]);
    }
    engine.newEra();
  }

  /// The move has ended: calls for its slots go on, by the picture that was shown last. Stopped
  /// world.
  public void resume(String move, Dispatcher stopped) {
    ClusterView now = redirect.resume(move);
    if (now != null) {
      show(now, stopped);
    }
  }
}
