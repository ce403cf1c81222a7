package dev.spinel.cluster;

import dev.spinel.engine.Call;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Recorder;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Memory;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// The keys of whole slots: how many there are, which, and that they go. A cluster has one
/// database.
public final class SlotKeys {
  private static final int AT_A_TIME = 1000;

  private final Engine engine;
  private final Keyspace keyspace;

  public SlotKeys(Engine engine) {
    this.engine = engine;
    this.keyspace = engine.keyspace;
  }

  private Database database() {
    return keyspace.database(0);
  }

  /// How many keys the slot has, those that have expired and weren't removed yet included. Seated;
  /// no slot is locked, unless the world stands still.
  public int count(Seat seat, int slot) {
    boolean locks = !seat.holds(slot);
    if (locks) {
      seat.lock(slot);
    }
    try {
      long header = database().header(slot);
      return header == 0 ? 0 : Math.toIntExact(seat.values.dictionary().count(header));
    } finally {
      if (locks) {
        seat.unlock(slot);
      }
    }
  }

  /// Whether there may be keys in the slot: surely not if it answers false. Any thread.
  public boolean mayHold(int slot) {
    return database().header(slot) != 0;
  }

  /// The names of so many keys of the slot, or of all. No slot is locked, unless the world stands
  /// still. Errors: the Java heap has no room for them.
  public List<byte[]> some(Call call, int slot, long most) {
    Seat seat = call.seat();
    boolean locks = !seat.holds(slot);
    List<byte[]> names = new ArrayList<>();
    if (locks) {
      seat.lock(slot);
    }
    try {
      long header = database().header(slot);
      if (header == 0 || most == 0) {
        return names;
      }
      Dictionary dictionary = seat.values.dictionary();
      Memory memory = seat.values.memory();
      long cursor = 0;
      do {
        int wanted = (int) Math.min(most - names.size(), AT_A_TIME);
        cursor =
            dictionary.scan(
                header,
                cursor,
                wanted,
                entry -> {
                  if (names.size() < most) {
                    call.hold(NAME_BYTES + Entry.keyLength(memory, entry));
                    names.add(Entry.key(memory, entry));
                  }
                });
      } while (cursor != 0 && names.size() < most);
      return names;
    } finally {
      if (locks) {
        seat.unlock(slot);
      }
    }
  }

  private static final int NAME_BYTES = 40;

  /// One number for keys in this order; never 0.
  static long hash(Dictionary dictionary, Stream<Slice> names) {
    return names
            .mapToLong(dictionary::hash)
            .reduce(1, (all, one) -> all * 0x9e3779b97f4a7c15L + one)
        | 1;
  }

  /// Deletes all keys of these slots, each with its event and its effect, since another node has
  /// them. Returns how many there were. Stopped world.
  public long drop(SlotSet slots, Dispatcher stopped) {
    Seat seat = stopped.seat();
    assert seat.stopsWorld();
    long dropped = 0;
    for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
      dropped += drop(slot, stopped);
    }
    return dropped;
  }

  private long drop(int slot, Dispatcher stopped) {
    return deleteSome(slot, Integer.MAX_VALUE, stopped.seat(), stopped.recorder());
  }

  /// Deletes so many keys at most, and returns how many. Slot lock.
  int deleteSome(int slot, int most, Seat seat, Recorder by) {
    Dictionary dictionary = seat.values.dictionary();
    Memory memory = seat.values.memory();
    Place place = new Place();
    int dropped = 0;
    for (long header; dropped < most && (header = database().header(slot)) != 0; dropped++) {
      List<byte[]> name = new ArrayList<>(1);
      dictionary.scan(header, 0, 1, entry -> name.add(Entry.key(memory, entry)));
      if (name.isEmpty()) {
        break;
      }
      Slice key = new Slice(name.getFirst());
      place.in(0, slot);
      if (!dictionary.find(header, dictionary.hash(key), key, place)) {
        throw new IllegalStateException("a key of slot " + slot + " that can't be found");
      }
      engine.delete(seat, by, 0, slot, key, place);
    }
    return dropped;
  }
}
