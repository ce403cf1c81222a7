package dev.spinel.value;

import java.util.Random;

/// Picks members at random so that each subset of that size has the same chance.
///
/// There are two ways. A caller that sees all members asks [#takes] of each, which needs no memory
/// (selection sampling, Knuth 3.4.2 S). A caller that picks members one by one keeps the addresses
/// that were picked in a set ([#isNew]): quick as long as few of many are wanted. [#byPicking] says
/// which to go.
///
/// Made for one command.
final class Selection {
  /// So many picks are remembered at most, in half a megabyte.
  private static final int MOST_PICKS = 1 << 14;

  private final Random source;
  private long left;
  private long wanted;
  private long[] seen = {};

  /// @param size how many members there are
  /// @param count how many are wanted, at most `size`
  Selection(Random source, long size, long count) {
    this.source = source;
    this.left = size;
    this.wanted = count;
  }

  /// Whether so few of so many are wanted that picking at random rarely hits one twice.
  static boolean byPicking(long size, long count) {
    return count <= MOST_PICKS && 3 * count <= size;
  }

  /// The next member comes: whether it is one of the wanted.
  boolean takes() {
    if (wanted == 0 || source.nextLong(left--) >= wanted) return false;
    wanted--;
    return true;
  }

  /// Whether all that were wanted have been taken.
  boolean isComplete() {
    return wanted == 0;
  }

  /// A member was picked that lies at this address: whether for the first time.
  boolean isNew(long address) {
    if (seen.length == 0) seen = new long[(int) Math.max(4, Long.highestOneBit(wanted) * 4)];
    int mask = seen.length - 1;
    int at = (int) ((address * 0x9e3779b97f4a7c15L) >>> 40) & mask;
    while (seen[at] != 0) {
      if (seen[at] == address) return false;
      at = (at + 1) & mask;
    }
    seen[at] = address;
    wanted--;
    return true;
  }
}
