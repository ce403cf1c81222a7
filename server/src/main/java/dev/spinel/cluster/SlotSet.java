package dev.spinel.cluster;

import java.util.Arrays;

/// A set of slots: 16,384 bits, in the order in which the bus writes them.
///
/// [#copy] is cheap: both sets share their bits until one of them changes. So a message's header
/// has the sender's slots as they were, for the price of a reference. A set that nobody changes may
/// be read by any thread.
public final class SlotSet {
  public static final int SLOTS = 16384;
  static final int BYTES = SLOTS / 8;

  private static final long[] NONE = new long[SLOTS / 64]; // shared by all empty sets

  private long[] words;
  private int count;
  private boolean shared;

  public SlotSet() {
    words = NONE;
    shared = true;
  }

  private SlotSet(long[] words, int count) {
    this.words = words;
    this.count = count;
    this.shared = true;
  }

  /// The slots of the bus's bitmap: slot n is bit n mod 8 of byte n / 8.
  static SlotSet read(byte[] bytes, int from) {
    var words = new long[SLOTS / 64];
    int count = 0;
    for (int i = 0; i < words.length; i++) {
      long word = 0;
      for (int j = 7; j >= 0; j--) {
        word = word << 8 | (bytes[from + i * 8 + j] & 0xff);
      }
      words[i] = word;
      count += Long.bitCount(word);
    }
    return new SlotSet(words, count);
  }

  void write(byte[] bytes, int at) {
    for (int i = 0; i < words.length; i++) {
      long word = words[i];
      for (int j = 0; j < 8; j++) {
        bytes[at + i * 8 + j] = (byte) (word >>> 8 * j);
      }
    }
  }

  public boolean contains(int slot) {
    return (words[slot >> 6] >>> slot & 1) != 0;
  }

  public int count() {
    return count;
  }

  public boolean isEmpty() {
    return count == 0;
  }

  /// The first slot that is in the set, from this one on; -1: none.
  public int next(int slot) {
    if (slot >= SLOTS) {
      return -1;
    }
    int i = slot >> 6;
    long word = words[i] & -1L << slot;
    while (word == 0) {
      if (++i == words.length) {
        return -1;
      }
      word = words[i];
    }
    return i << 6 | Long.numberOfTrailingZeros(word);
  }

  /// The first slot that isn't in the set, from this one on; [#SLOTS]: none.
  int nextAbsent(int slot) {
    if (slot >= SLOTS) {
      return SLOTS;
    }
    int i = slot >> 6;
    long word = ~words[i] & -1L << slot;
    while (word == 0) {
      if (++i == words.length) {
        return SLOTS;
      }
      word = ~words[i];
    }
    return i << 6 | Long.numberOfTrailingZeros(word);
  }

  /// All slots.
  static SlotSet all() {
    var words = new long[SLOTS / 64];
    Arrays.fill(words, -1);
    return new SlotSet(words, SLOTS);
  }

  /// Those that aren't in the other set.
  SlotSet without(SlotSet other) {
    if (count == 0 || other.count == 0) {
      return copy();
    }
    if (equals(other)) {
      return new SlotSet();
    }
    var rest = new long[words.length];
    int number = 0;
    for (int i = 0; i < rest.length; i++) {
      rest[i] = words[i] & ~other.words[i];
      number += Long.bitCount(rest[i]);
    }
    return new SlotSet(rest, number);
  }

  void addAll(SlotSet other) {
    if (other.count == 0) {
      return;
    }
    if (count == 0) {
      other.shared = true;
      words = other.words;
      shared = true;
      count = other.count;
      return;
    }
    own();
    count = 0;
    for (int i = 0; i < words.length; i++) {
      words[i] |= other.words[i];
      count += Long.bitCount(words[i]);
    }
  }

  public void add(int slot) {
    if (!contains(slot)) {
      own();
      words[slot >> 6] |= 1L << slot;
      count++;
    }
  }

  public void remove(int slot) {
    if (count == 1 && contains(slot)) {
      clear();
    } else if (contains(slot)) {
      own();
      words[slot >> 6] &= ~(1L << slot);
      count--;
    }
  }

  /// All of another set.
  void removeAll(SlotSet slots) {
    if (count == 0 || slots.count == 0) {
      return;
    }
    own();
    count = 0;
    for (int i = 0; i < words.length; i++) {
      words[i] &= ~slots.words[i];
      count += Long.bitCount(words[i]);
    }
  }

  public void clear() {
    words = NONE;
    shared = true;
    count = 0;
  }

  public SlotSet copy() {
    shared = true;
    return new SlotSet(words, count);
  }

  /// Shares its bits with an equal set.
  void shareWith(SlotSet other) {
    if (words != other.words && equals(other)) {
      other.shared = true;
      words = other.words;
      shared = true;
    }
  }

  private void own() {
    if (shared) {
      words = words.clone();
      shared = false;
    }
  }

  /// Gets ranges of slots, both ends included.
  public interface RangeVisitor {
    void range(int first, int last);
  }

  public void ranges(RangeVisitor visitor) {
    for (int first = next(0); first >= 0; ) {
      int end = nextAbsent(first);
      visitor.range(first, end - 1);
      first = next(end);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SlotSet set
        && (set.words == words || (set.count == count && Arrays.equals(set.words, words)));
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(words);
  }

  /// As `nodes.conf` lists them: `0-5460 5462`.
  @Override
  public String toString() {
    var text = new StringBuilder();
    ranges(
        (first, last) -> {
          text.append(text.isEmpty() ? "" : " ").append(first);
          if (last > first) {
            text.append('-').append(last);
          }
        });
    return text.toString();
  }
}
