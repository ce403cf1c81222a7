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

/// Which calls wait for which keys, by key, in order of arrival.
///
/// A call whose handler finds nothing at its keys waits for them ([Call#park], [AwaitedKeys]). The
/// dispatcher keeps it here, under the locks of its keys; a writer of such a key runs the same
/// handler again ([Blocking#serve]) after its own command; when the handler replies, the call was
/// served; when it waits again it keeps its place. Because a served call may touch keys that its
/// writer never named (BLMOVE's destination, on which others may wait in turn), a writer locks
/// those too before its own handler runs: [#closeOver] computes them. Only a command that may make
/// a key wakes anybody ([Command#WAKES]).
///
/// ```
///   byKey   a ──► Line(db 0):  BLPOP a b ◄─► BLPOP a ◄─► BLMOVE a c
///                                   │
///           b ──► Line(db 0):  BLPOP a b ◄─► BRPOP b       ──► Line(db 1): BLPOP b
/// ```
///
/// A call stands in one line for each of its keys, by a link of its own, so that it comes and goes
/// in time proportional to its keys, however many other calls wait for them.
///
/// A key's queues are touched under its slot's lock, or in a stopped world; the map itself by any
/// thread.
final class Parking {
  /// A call's place in the line of one of its keys.
  static final class QueuePlace {
    final Waiting call;
    private final Slice key;
    private final int slot;
    private final Line line;
    private @Nullable QueuePlace previous;
    private @Nullable QueuePlace next;

    QueuePlace(Waiting call, Slice key, int slot, Line line) {
      this.call = call;
      this.key = key;
      this.slot = slot;
      this.line = line;
    }
  }

  /// The calls that wait for a key of one database.
  private static final class Line {
    final int database;
    @Nullable Line other; // of the same key in another database
    @Nullable QueuePlace first;
    @Nullable QueuePlace last;
    int reaching; // calls that need more than this key's slot, or may wake others
    int orGone; // calls that are in vain without a value here

    Line(int database) {
      this.database = database;
    }
  }

  private final Slots slots;
  private final ConcurrentHashMap<Slice, Line> byKey = new ConcurrentHashMap<>();
  private final int[] bySlot = new int[Slots.COUNT]; // slot lock: places in queues
  private final AtomicInteger queues = new AtomicInteger();
  private final AtomicInteger queuesOrGone = new AtomicInteger();

  Parking(Slots slots) {
    this.slots = slots;
  }

  /// How many keys are waited for, each counted once for each database.
  int keys() {
    return queues.get();
  }

  /// How many of them are waited for by calls that also run if the key goes.
  int keysOrGone() {
    return queuesOrGone.get();
  }

  /// Keeps a call that waits for these keys, of these slots; all its slots are locked. Returns its
  /// places in their queues; a key that it names twice has one.
  QueuePlace[] add(Waiting call, Slice[] keys, int[] keySlots) {
    QueuePlace[] places = new QueuePlace[keys.length];
    int count = 0;
    for (int i = 0; i < keys.length; i++) {
      Slice key = keys[i];
      int slot = keySlots[i];
      Line line = line(call.database, key);
      if (line == null) {
        line = new Line(call.database);
        line.other = byKey.put(key, line);
        queues.incrementAndGet();
      }
      QueuePlace last = line.last;
      if (last != null && last.call == call) {
        continue;
      }
      QueuePlace place = new QueuePlace(call, key, slot, line);
      places[count++] = place;
      place.previous = last;
      line.last = place;
      if (last == null) {
        line.first = place;
      } else {
        last.next = place;
      }
      line.reaching += reaches(call) ? 1 : 0;
      if (isInVainWithoutKey(call) && line.orGone++ == 0) {
        queuesOrGone.incrementAndGet();
      }
      bySlot[slot]++;
      slots.raise(slot, Slots.WAITERS);
    }
    return Arrays.copyOf(places, count);
  }

  private static boolean reaches(Waiting call) {
    return call.slots.length > 1 || call.command.is(Command.WAKES);
  }

  private static boolean isInVainWithoutKey(Waiting call) {
    return call.condition instanceof AwaitedKeys keys && keys.orGone;
  }

  /// Whether calls wait for this key that are to run if it has no value of their type any more.
  boolean isMissed(int database, Slice key) {
    Line line = line(database, key);
    return line != null && line.orGone > 0;
  }

  /// A key has gone. The calls that are in vain without it run again, on their own threads. The
  /// key's slot is locked.
  void gone(int database, Slice key) {
    Line line = line(database, key);
    if (line == null || line.orGone == 0) {
      return;
    }
    for (QueuePlace at = line.first; at != null; at = at.next) {
      if (isInVainWithoutKey(at.call)) {
        at.call.again();
      }
    }
  }

  /// The same of all keys there are. Stopped world.
  void allGone() {
    each(this::gone);
  }

  /// Forgets a call with its places; all its slots are locked.
  void remove(Waiting call, QueuePlace[] places) {
    for (QueuePlace place : places) {
      Line line = place.line;
      QueuePlace previous = place.previous;
      QueuePlace next = place.next;
      if (previous == null) {
        line.first = next;
      } else {
        previous.next = next;
      }
      if (next == null) {
        line.last = previous;
      } else {
        next.previous = previous;
      }
      line.reaching -= reaches(call) ? 1 : 0;
      if (isInVainWithoutKey(call) && --line.orGone == 0) {
        queuesOrGone.decrementAndGet();
      }
      if (line.first == null) {
        remove(line, place.key);
      }
      if (--bySlot[place.slot] == 0) {
        slots.lower(place.slot, Slots.WAITERS);
      }
    }
  }

  private void remove(Line line, Slice key) {
    queues.decrementAndGet();
    Line head = byKey.get(key);
    if (head == line) {
      if (line.other == null) {
        byKey.remove(key);
      } else {
        byKey.put(key, line.other);
      }
      return;
    }
    for (Line before = head; before != null; before = before.other) {
      if (before.other == line) {
        before.other = line.other;
      }
    }
  }

  private @Nullable Line line(int database, Slice key) {
    Line line = byKey.get(key);
    while (line != null && line.database != database) {
      line = line.other;
    }
    return line;
  }

  /// The call that waits for the key behind `after` (null: the one that has waited longest).
  @Nullable QueuePlace next(int database, Slice key, @Nullable QueuePlace after) {
    if (after != null) {
      return after.next;
    }
    Line line = line(database, key);
    return line == null ? null : line.first;
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
      Waiting call = closure.waking.get(i);
      int[] positions = new int[call.command.mostKeys(call.args.count())];
      int count = call.command.keys(call.args, positions);
      for (int key = 0; key < count; key++) {
        closure.add(call.args.at(positions[key]));
      }
    }
    return closure.grown;
  }

  /// What grows in [#closeOver].
  private final class Closure {
    private final int[] set;
    private final int most;
    private int @Nullable [] grown; // null: too many
    private final ArrayList<Waiting> waking = new ArrayList<>(); // woken calls that wake others
    private final HashSet<Waiting> known = new HashSet<>(); // of them

    Closure(int[] set, int most) {
      this.set = set;
      this.most = most;
      this.grown = set;
    }

    /// A value at this key may wake calls.
    void add(Slice key) {
      if (key.node != 0 || Arrays.binarySearch(set, KeySlot.of(key)) < 0) {
        return;
      }
      for (Line line = byKey.get(key); line != null; line = line.other) {
        for (QueuePlace at = line.reaching == 0 ? null : line.first; at != null; at = at.next) {
          if (grown == null) {
            return;
          }
          grown = with(grown, at.call.slots, most);
          if (at.call.command.is(Command.WAKES) && known.add(at.call)) {
            waking.add(at.call);
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

  /// Takes a key that calls wait for.
  @FunctionalInterface
  interface Awaited {
    void key(int database, Slice key);
  }

  /// Tells all keys that calls wait for. Stopped world.
  void each(Awaited to) {
    for (Map.Entry<Slice, Line> entry : byKey.entrySet()) {
      for (Line line = entry.getValue(); line != null; line = line.other) {
        to.key(line.database, entry.getKey());
      }
    }
  }
}
