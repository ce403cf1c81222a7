package dev.spinel.value;

import dev.spinel.memory.Memory;

/// Which entries are hashes with fields that expire, and when the first of these does, as far as
/// the entry itself tells: a small hash has its times in its listpack, the earliest first; the
/// header of a large one counts them and has a lower bound.
///
/// The dictionary asks this of every entry that comes or goes, so that a table of keys knows when
/// it has to be looked at. For anything but a hash the answer is in the entry's first byte.
///
/// All functions are static over (memory, address of the entry); the lock that owns it is held.
final class FieldTimes {
  /// In a listpack: this field doesn't expire.
  static final long NONE = 0;

  private FieldTimes() {}

  /// Whether the entry is a hash, some field of which expires.
  static boolean any(Memory m, long entry) {
    if (Entry.type(m, entry) != Entry.HASH) return false;
    return switch (Entry.encoding(m, entry)) {
      case Entry.TIMED_LISTPACK -> first(m, Entry.valueAddress(m, entry)) != NONE;
      case Entry.NESTED -> m.getInt(Entry.valueAddress(m, entry) + Dictionary.EXPIRING) != 0;
      default -> false;
    };
  }

  /// The earliest time in a listpack of fields, values and times, or [#NONE].
  static long first(Memory m, long lp) {
    int at = Listpack.first(m, lp);
    return at == 0 ? NONE : Listpack.integer(m, lp, time(m, lp, at));
  }

  /// The position of the time that belongs to the field at `field`.
  static int time(Memory m, long lp, int field) {
    return Listpack.next(m, lp, Listpack.next(m, lp, field));
  }
}
