package dev.spinel.engine;

import dev.spinel.value.Entry;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;

/// The condition that one of several keys holds a value of a given type. BLPOP and its relatives
/// wait for it. The writer of such a key runs the waiting call on the writer's thread, under the
/// writer's locks ([Blocking#serve]).
///
/// Some calls wait for something in a value that is there (XREADGROUP), and are in vain without it:
/// they are also run when the key is deleted or gets a value of another type. Where that happens
/// unasked, by expiry or eviction, their own thread runs them ([Parking#gone]).
final class AwaitedKeys implements Condition {
  /// Bytes of the Java heap that waiting for one key takes, without the key's name.
  private static final int KEY_BYTES = 200;

  private final Parking parking;
  final int type; // one of Entry's
  private final int first; // the first key's position in the arguments
  private final int count;
  final boolean orGone; // also if a key has no such value any more

  /// The call's places in the queues of its keys.
  Parking.QueuePlace[] places = {};

  AwaitedKeys(Parking parking, int type, int first, int last, boolean orGone) {
    this.orGone = orGone;
    this.parking = parking;
    this.type = type;
    this.first = first;
    this.count = last - first + 1;
  }

  /// Whether there are commands that wait for values of this type. A key that gets another value
  /// first, and one of such a type later in the same transaction, wakes nobody, as in Redis.
  static boolean mayBeOf(int type) {
    return type == Entry.LIST || type == Entry.ZSET || type == Entry.STREAM;
  }

  /// Whether the call is to run, as something has happened to this key.
  boolean isWokenBy(Key key) {
    return orGone || key.exists() && key.type() == type;
  }

  @Override
  public void begin(Waiting call) {
    Slice[] keys = new Slice[count];
    int[] slots = new int[count];
    for (int i = 0; i < count; i++) {
      keys[i] = new Slice(call.args.at(first + i).copy());
      slots[i] = KeySlot.of(keys[i]);
    }
    places = parking.add(call, keys, slots);
  }

  @Override
  public void end(Waiting call) {
    parking.remove(call, places);
  }

  @Override
  public boolean isAskedFor() {
    return true;
  }

  @Override
  public long heapBytes() {
    return (long) KEY_BYTES * count;
  }
}
