package dev.spinel.value;

import dev.spinel.wire.Slice;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Where a key (or a field) is, or would be, in one dictionary: the result of [Dictionary#find].
/// One object is made once and used for one key after the other.
///
/// It stays good while the lock that owns the dictionary is held, also when the same seat changes
/// the dictionary through another place: each change moves the [Dictionary]'s stamp on, and a place
/// with an older stamp looks its key up again before it is used. The bytes of the key must
/// therefore stay where they are as long as the place is used. Once the lock was let go, only a new
/// `find` makes it good.
public final class Place {
  /// The address of the entry, 0 if there is no such key. To be trusted right after `find` and
  /// after every verb that got this place; after a change made through another place, ask
  /// [Dictionary#entry].
  public long entry;

  /// Hash of the key.
  public long hash;

  /// Address of the dictionary's header; 0: it will be made when something is put there (only where
  /// the place knows its [Tables]).
  public long header;

  private final @Nullable Tables tables; // null: the header stays as long as the place is used
  private int database;
  private int slot;

  @Nullable Slice key; // null: found by its entry (random, nextExpired), not by a key
  long stamp; // of the dictionary's structure when this was found
  long ref; // reference to the leaf
  long page; // address of the leaf, 0 if there is none; of the page of a bucket
  int index; // of the word in the leaf, or where it would go
  int shift; // how many bits of the hash the levels above have used

  public Place() {
    this(null);
  }

  /// A place in tables of slots, whose headers come and go: [#in] says in which.
  public Place(@Nullable Tables tables) {
    this.tables = tables;
  }

  /// The key is in this slot of this database, by number.
  public void in(int database, int slot) {
    this.database = database;
    this.slot = slot;
  }

  /// Looks whether the header has become another.
  void refreshHeader() {
    if (tables != null) {
      header = tables.header(database, slot);
    }
  }

  /// Makes the header. Only if it is 0.
  void makeHeader() {
    header = Objects.requireNonNull(tables).make(database, slot);
  }

  /// The dictionary holds nothing any more.
  void emptied() {
    if (tables != null) {
      tables.emptied(database, slot);
    }
  }

  public boolean exists() {
    return entry != 0;
  }
}
