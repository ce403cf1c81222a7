package dev.spinel.engine;

import dev.spinel.keyspace.Slots;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Who waits for which keys, by slot, in order of arrival.
///
/// **To make a new command block**: its handler, finding nothing, calls [Call#park] and returns
/// without a reply. That is all. The dispatcher keeps the call here, under the locks of its keys; a
/// writer of such a key runs the same handler again ([Dispatcher#serve]) after its own command;
/// when the handler replies, the call was served; when it parks again it keeps its place. Because a
/// served call may touch keys that its writer never named (BLMOVE's destination, on which others
/// may wait in turn), a writer locks those too before its own handler runs: [#closeOver] computes
/// them.
///
/// A slot's list is touched under the slot's lock, or in a stopped world.
final class Parking {
  private final Slots slots;

  @SuppressWarnings("unchecked")
  private final @Nullable ArrayList<Parked>[] bySlot = new ArrayList[Slots.COUNT];

  private final AtomicInteger count = new AtomicInteger();

  Parking(Slots slots) {
    this.slots = slots;
  }

  /// How many calls wait.
  int count() {
    return count.get();
  }

  /// How many pairs of a call and a key that it waits for there are; racy.
  int keys() {
    int keys = 0;
    for (ArrayList<Parked> list : bySlot) {
      keys += list == null ? 0 : list.size();
    }
    return keys;
  }

  /// Keeps the call; all its slots are locked.
  void add(Parked parked) {
    count.incrementAndGet();
    for (int slot : parked.keySlots) {
      ArrayList<Parked> list = bySlot[slot];
      if (list == null) {
        bySlot[slot] = list = new ArrayList<>(2);
      }
      if (!list.contains(parked)) {
        list.add(parked);
      }
      slots.raise(slot, Slots.WAITERS);
    }
  }

  /// Forgets the call; all its slots are locked.
  void remove(Parked parked) {
    count.decrementAndGet();
    for (int slot : parked.keySlots) {
      ArrayList<Parked> list = bySlot[slot];
      if (list != null) {
        list.remove(parked);
        if (list.isEmpty()) {
          bySlot[slot] = null;
          slots.lower(slot, Slots.WAITERS);
        }
      }
    }
  }

  /// The first waiting call behind `after` (null: the first of all) that waits for this key.
  @Nullable Parked next(int database, int slot, Slice key, @Nullable Parked after) {
    ArrayList<Parked> list = bySlot[slot];
    if (list == null) {
      return null;
    }
    for (int i = after == null ? 0 : list.indexOf(after) + 1; i < list.size(); i++) {
      Parked parked = list.get(i);
      if (parked.database == database && waitsFor(parked, key)) {
        return parked;
      }
    }
    return null;
  }

  private static boolean waitsFor(Parked parked, Slice key) {
    for (Slice awaited : parked.keys) {
      if (awaited.equals(key)) {
        return true;
      }
    }
    return false;
  }

  /// Adds to `set` (ascending, all locked) the slots of all calls parked on slots of it. Who is
  /// parked on the added ones isn't asked: they aren't locked yet. Returns the grown set, or `set`
  /// itself if it is closed.
  int[] closeOver(int[] set) {
    int[] grown = set;
    for (int slot : set) {
      ArrayList<Parked> list = bySlot[slot];
      for (int i = 0; list != null && i < list.size(); i++) {
        for (int needed : list.get(i).slots) {
          if (Arrays.binarySearch(grown, needed) < 0) {
            grown = Arrays.copyOf(grown, grown.length + 1);
            grown[grown.length - 1] = needed;
            Arrays.sort(grown);
          }
        }
      }
    }
    return grown;
  }

  /// The keys of a database that somebody waits for. Stopped world.
  ArrayList<Slice> awaited(int database) {
    ArrayList<Slice> keys = new ArrayList<>();
    for (ArrayList<Parked> list : bySlot) {
      for (int i = 0; list != null && i < list.size(); i++) {
        Parked parked = list.get(i);
        if (parked.database == database) {
          keys.addAll(Arrays.asList(parked.keys));
        }
      }
    }
    return keys;
  }
}
