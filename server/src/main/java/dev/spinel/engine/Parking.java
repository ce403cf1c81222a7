package dev.spinel.engine;

import dev.spinel.keyspace.Slots;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
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
      if (parked.database == database && waitsFor(parked, slot, key)) {
        return parked;
      }
    }
    return null;
  }

  private static boolean waitsFor(Parked parked, int slot, Slice key) {
    for (int i = 0; i < parked.keys.length; i++) {
      if (parked.keySlots[i] == slot && parked.keys[i].equals(key)) {
        return true;
      }
    }
    return false;
  }

  /// Which slots a write needs that has those of `set` (ascending) locked: also those of all whom
  /// it wakes by a key of its own (in whatever database), and whoever waits in the slots of those,
  /// as their calls may wake him in turn, as far as the slots that are locked tell.
  ///
  /// @param call the write, or null if its keys aren't known: then whoever waits in its slots
  /// @return the grown set, `set` itself if that is all, or null if they are more than `most`
  int @Nullable [] closeOver(int[] set, @Nullable Call call, int most) {
    BitSet woken = new BitSet(Slots.COUNT);
    if (call == null) {
      for (int slot : set) {
        woken.set(slot);
      }
    } else {
      for (int i = 0; i < call.keyCount; i++) {
        addWoken(call.keySlots[i], call.args.at(call.keyPositions[i]), woken);
      }
    }
    BitSet seen = new BitSet(Slots.COUNT);
    for (int slot = woken.nextSetBit(0); slot >= 0; ) {
      if (!seen.get(slot) && Arrays.binarySearch(set, slot) >= 0) {
        addWoken(slot, null, woken);
      }
      seen.set(slot);
      if (call != null && woken.cardinality() > most) {
        return null;
      }
      slot = firstUnseen(woken, seen);
    }
    for (int slot : set) {
      woken.set(slot);
    }
    int needed = woken.cardinality();
    if (needed == set.length) {
      return set;
    }
    return needed > most ? null : woken.stream().toArray();
  }

  private static int firstUnseen(BitSet woken, BitSet seen) {
    BitSet left = (BitSet) woken.clone();
    left.andNot(seen);
    return left.nextSetBit(0);
  }

  /// Adds the slots of those who wait in `slot`, for `key` unless that is null.
  private void addWoken(int slot, @Nullable Slice key, BitSet woken) {
    ArrayList<Parked> list = bySlot[slot];
    for (int i = 0; list != null && i < list.size(); i++) {
      Parked parked = list.get(i);
      if (key == null || waitsFor(parked, slot, key)) {
        for (int needed : parked.slots) {
          woken.set(needed);
        }
      }
    }
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
