package dev.spinel.engine;

import dev.spinel.keyspace.Slots;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Who waits for which keys, by key, in order of arrival.
///
/// **To make a new command block**: its handler, finding nothing, calls [Call#park] and returns
/// without a reply. That is all. The dispatcher keeps the call here, under the locks of its keys; a
/// writer of such a key runs the same handler again ([Blocking#serve]) after its own command; when
/// the handler replies, the call was served; when it parks again it keeps its place. Because a
/// served call may touch keys that its writer never named (BLMOVE's destination, on which others
/// may wait in turn), a writer locks those too before its own handler runs: [#closeOver] computes
/// them. Only a command that may make a key wakes anybody ([Command#WAKES]).
///
/// ```
///   byKey   a ──► Queue(db 0):  BLPOP a b ◄─► BLPOP a ◄─► BLMOVE a c
///                                   │
///           b ──► Queue(db 0):  BLPOP a b ◄─► BRPOP b       ──► Queue(db 1): BLPOP b
/// ```
///
/// A call stands in one queue for each of its keys, by a link of its own, so that it comes and goes
/// in time proportional to its keys, whoever else waits for them.
///
/// A key's queues are touched under its slot's lock, or in a stopped world; the map itself by any
/// thread.
final class Parking {
  /// A call's place in the queue of one of its keys.
  static final class Wait {
    final Parked parked;
    private final Slice key;
    private final int slot;
    private final Queue queue;
    private @Nullable Wait previous;
    private @Nullable Wait next;

    Wait(Parked parked, Slice key, int slot, Queue queue) {
      this.parked = parked;
      this.key = key;
      this.slot = slot;
      this.queue = queue;
    }
  }

  /// Who waits for a key of one database.
  private static final class Queue {
    final int database;
    @Nullable Queue other; // of the same key in another database
    @Nullable Wait first;
    @Nullable Wait last;
    int reaching; // calls that need more than this key's slot, or may wake others

    Queue(int database) {
      this.database = database;
    }
  }

  private final Slots slots;
  private final ConcurrentHashMap<Slice, Queue> byKey = new ConcurrentHashMap<>();
  private final int[] bySlot = new int[Slots.COUNT]; // slot lock: places in queues
  private final AtomicInteger calls = new AtomicInteger();
  private final AtomicInteger queues = new AtomicInteger();

  Parking(Slots slots) {
    this.slots = slots;
  }

  /// How many calls wait.
  int count() {
    return calls.get();
  }

  /// How many keys are waited for, each counted once for each database.
  int keys() {
    return queues.get();
  }

  /// Keeps the call; all its slots are locked.
  void add(Parked parked) {
    calls.incrementAndGet();
    for (int i = 0; i < parked.keys.length; i++) {
      Slice key = parked.keys[i];
      int slot = parked.keySlots[i];
      Queue queue = queue(parked.database, key);
      if (queue == null) {
        queue = new Queue(parked.database);
        queue.other = byKey.put(key, queue);
        queues.incrementAndGet();
      }
      Wait last = queue.last;
      if (last != null && last.parked == parked) {
        continue; // it named the key twice
      }
      Wait wait = new Wait(parked, key, slot, queue);
      parked.waits[i] = wait;
      wait.previous = last;
      queue.last = wait;
      if (last == null) {
        queue.first = wait;
      } else {
        last.next = wait;
      }
      queue.reaching += reaches(parked) ? 1 : 0;
      bySlot[slot]++;
      slots.raise(slot, Slots.WAITERS);
    }
  }

  private static boolean reaches(Parked parked) {
    return parked.slots.length > 1 || parked.command.is(Command.WAKES);
  }

  /// Forgets the call; all its slots are locked.
  void remove(Parked parked) {
    calls.decrementAndGet();
    for (Wait wait : parked.waits) {
      if (wait == null) {
        continue;
      }
      Queue queue = wait.queue;
      Wait previous = wait.previous;
      Wait next = wait.next;
      if (previous == null) {
        queue.first = next;
      } else {
        previous.next = next;
      }
      if (next == null) {
        queue.last = previous;
      } else {
        next.previous = previous;
      }
      queue.reaching -= reaches(parked) ? 1 : 0;
      if (queue.first == null) {
        remove(queue, wait.key);
      }
      if (--bySlot[wait.slot] == 0) {
        slots.lower(wait.slot, Slots.WAITERS);
      }
    }
  }

  private void remove(Queue queue, Slice key) {
    queues.decrementAndGet();
    Queue head = byKey.get(key);
    if (head == queue) {
      if (queue.other == null) {
        byKey.remove(key);
      } else {
        byKey.put(key, queue.other);
      }
      return;
    }
    for (Queue before = head; before != null; before = before.other) {
      if (before.other == queue) {
        before.other = queue.other;
      }
    }
  }

  private @Nullable Queue queue(int database, Slice key) {
    Queue queue = byKey.get(key);
    while (queue != null && queue.database != database) {
      queue = queue.other;
    }
    return queue;
  }

  /// Who waits for the key behind `after` (null: who has waited longest).
  @Nullable Wait next(int database, Slice key, @Nullable Wait after) {
    if (after != null) {
      return after.next;
    }
    Queue queue = queue(database, key);
    return queue == null ? null : queue.first;
  }

  /// Which slots a write needs that has those of `set` (ascending) locked: also those of all whom
  /// it wakes by the keys that it writes (in whatever database), and of whom their calls wake in
  /// turn, as far as the slots that are locked tell.
  ///
  /// @return the grown set, `set` itself if that is all, or null if they are more than `most`
  int @Nullable [] closeOver(int[] set, LockSet.Written written, int most) {
    Closure closure = new Closure(set, most);
    written.tell(closure::add);
    for (int i = 0; i < closure.waking.size(); i++) {
      Parked parked = closure.waking.get(i);
      int[] positions = new int[parked.command.mostKeys(parked.args.count())];
      int count = parked.command.keys(parked.args, positions);
      for (int key = 0; key < count; key++) {
        closure.add(parked.args.at(positions[key]));
      }
    }
    return closure.grown;
  }

  /// What grows in [#closeOver].
  private final class Closure {
    private final int[] set;
    private final int most;
    private int @Nullable [] grown; // null: too many
    private final ArrayList<Parked> waking = new ArrayList<>(); // woken calls that wake others
    private final HashSet<Parked> known = new HashSet<>(); // of them

    Closure(int[] set, int most) {
      this.set = set;
      this.most = most;
      this.grown = set;
    }

    /// Somebody may be woken by a value at this key.
    void add(Slice key) {
      if (key.node != 0 || Arrays.binarySearch(set, KeySlot.of(key)) < 0) {
        return;
      }
      for (Queue queue = byKey.get(key); queue != null; queue = queue.other) {
        for (Wait wait = queue.reaching == 0 ? null : queue.first; wait != null; wait = wait.next) {
          if (grown == null) {
            return;
          }
          grown = with(grown, wait.parked.slots, most);
          if (wait.parked.command.is(Command.WAKES) && known.add(wait.parked)) {
            waking.add(wait.parked);
          }
        }
      }
    }
  }

  /// `set` and `more`, ascending; `set` itself if there are no more; null if there are more, and
  /// then more than `most`.
  private static int @Nullable [] with(int[] set, int[] more, int most) {
    int[] grown = set;
    for (int slot : more) {
      int at = Arrays.binarySearch(grown, slot);
      if (at < 0) {
        if (grown.length >= most) {
          return null;
        }
        int[] larger = Arrays.copyOf(grown, grown.length + 1);
        System.arraycopy(grown, -1 - at, larger, -at, grown.length + 1 + at);
        larger[-1 - at] = slot;
        grown = larger;
      }
    }
    return grown;
  }

  /// The keys of a database that somebody waits for. Stopped world.
  ArrayList<Slice> awaited(int database) {
    ArrayList<Slice> keys = new ArrayList<>();
    for (Map.Entry<Slice, Queue> entry : byKey.entrySet()) {
      for (Queue queue = entry.getValue(); queue != null; queue = queue.other) {
        if (queue.database == database) {
          keys.add(entry.getKey());
        }
      }
    }
    return keys;
  }
}
