package dev.spinel.engine;

import dev.spinel.memory.Memory;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.value.Tables;
import dev.spinel.wire.Slice;

/// A key of the running call, found under its slot's lock: where it is, or would be. Lives until
/// the handler returns, or until it is through with the key ([Call#done]).
public final class Key {
  /// For the value structures: `values.strings().append(key.place, …)`.
  public final Place place;

  /// The name; a view of the call's argument, or bytes of its own.
  public final Slice name = new Slice();

  int database; // the number
  int slot;
  boolean isNew; // wasn't there when the command came to it
  private final Memory memory;

  Key(Memory memory, Tables tables) {
    this.memory = memory;
    this.place = new Place(tables);
  }

  public boolean exists() {
    return place.entry != 0;
  }

  /// The entry's address, 0 if there is no such key.
  public long entry() {
    return place.entry;
  }

  /// One of [Entry]'s types; only if it exists.
  public int type() {
    return Entry.type(memory, place.entry);
  }

  public int encoding() {
    return Entry.encoding(memory, place.entry);
  }

  /// Milliseconds since 1970, or -1: none.
  public long expiry() {
    return Entry.expiry(memory, place.entry);
  }

  /// Whether its time is over; only if it exists.
  boolean isOver(long now) {
    return Entry.isOver(memory, place.entry, now);
  }

  public int slot() {
    return slot;
  }

  public int database() {
    return database;
  }
}
