package dev.spinel.engine;

import dev.spinel.config.Octets;
import dev.spinel.wire.Slice;
import dev.spinel.wire.Words;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Commands by name, for the one look-up that every call pays: open addressing over up to 24 bytes
/// held as three words.
///
/// The name is read eight bytes at a time, each word is folded to lower case in a few operations on
/// all its bytes, and the three words are the hash and the comparison. No loop over characters, no
/// object, usually one probe. `rename-command` may give longer names, of any bytes: they are in a
/// map beside the table, and a call of one pays for a string.
final class Names {
  private static final int MAX_LENGTH = 24;
  private static final long LOW_SEVEN = 0x7f7f7f7f7f7f7f7fL;
  private static final long HIGH = 0x8080808080808080L;

  /// Four words for each place: the name in three, its length.
  private final long[] keys;

  private final @Nullable Command[] commands;
  private final int shift;

  /// Names longer than [#MAX_LENGTH], as octets in lower case; null if there are none.
  private @Nullable Map<String, Command> longer;

  /// The length of the longest in that map: what a client sends beyond it isn't copied.
  private int longest;

  /// For up to `size` names.
  Names(int size) {
    int places = Integer.highestOneBit(Math.max(4, size) * 4 - 1);
    keys = new long[places * 4];
    commands = new Command[places];
    shift = Long.numberOfLeadingZeros(places) + 1;
  }

  /// Adds a name, as [Octets]; false if it is there already.
  boolean put(String name, Command command) {
    int length = name.length();
    if (length == 0) throw new IllegalArgumentException("a command without a name");
    if (length > MAX_LENGTH) return putLonger(Octets.lower(name), command);
    long[] w = new long[3];
    for (int i = 0; i < length; i++) w[i >> 3] |= (long) name.charAt(i) << (i << 3);
    for (int i = 0; i < 3; i++) w[i] = lower(w[i]);
    int place = place(w[0], w[1], w[2]);
    while (commands[place] != null) {
      if (matches(place, w[0], w[1], w[2], length)) return false;
      place = place + 1 & commands.length - 1;
    }
    keys[place * 4] = w[0];
    keys[place * 4 + 1] = w[1];
    keys[place * 4 + 2] = w[2];
    keys[place * 4 + 3] = length;
    commands[place] = command;
    return true;
  }

  private boolean putLonger(String name, Command command) {
    if (longer == null) longer = new HashMap<>();
    longest = Math.max(longest, name.length());
    return longer.putIfAbsent(name, command) == null;
  }

  @Nullable Command find(Slice name) {
    int length = name.length;
    byte[] array = name.array;
    if (array == null || length == 0) return null;
    int at = name.offset;
    if (length <= 8) return find(lower(Words.upTo(array, at, length)), 0, 0, length);
    if (length > MAX_LENGTH) return findLonger(name);
    long w0 = lower(Words.at(array, at));
    if (length <= 16) return find(w0, lower(Words.upTo(array, at + 8, length - 8)), 0, length);
    return find(
        w0, lower(Words.at(array, at + 8)), lower(Words.upTo(array, at + 16, length - 16)), length);
  }

  private @Nullable Command findLonger(Slice name) {
    if (longer == null || name.length > longest) return null;
    return longer.get(Octets.lower(Octets.of(name.copy())));
  }

  private @Nullable Command find(long w0, long w1, long w2, int length) {
    int place = place(w0, w1, w2);
    while (true) {
      Command command = commands[place];
      if (command == null || matches(place, w0, w1, w2, length)) return command;
      place = place + 1 & commands.length - 1;
    }
  }

  private boolean matches(int place, long w0, long w1, long w2, int length) {
    int i = place * 4;
    return keys[i] == w0 && keys[i + 3] == length && keys[i + 1] == w1 && keys[i + 2] == w2;
  }

  private int place(long w0, long w1, long w2) {
    return (int) ((w0 ^ w1 * 31 ^ w2 * 961) * 0x9e3779b97f4a7c15L >>> shift);
  }

  /// All bytes 'A' to 'Z' of a word as small letters, others as they are: per byte, the sums carry
  /// into the high bit exactly when the byte is at least 'A', and at least '['.
  static long lower(long w) {
    long low = w & LOW_SEVEN;
    long fromA = low + 0x3f3f3f3f3f3f3f3fL;
    long beyondZ = low + 0x2525252525252525L;
    return w | (fromA & ~beyondZ & ~w & HIGH) >>> 2;
  }
}
