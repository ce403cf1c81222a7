package dev.spinel.value;

/// The arithmetic of leaves: gapped pages, sorted by hash ("ordered linear probing").
///
/// ```
///   leaf (64 B … 4 KB)   [count 2 | - 2 | earliest expiry 4][word][word][  0 ][word] … [  0 ]
///   word                 [20 bits of hash | address >> 3, 44 bits], 0 = gap
/// ```
///
/// A word's *home* is where its hash would be if hashes were spread evenly over the page; it stands
/// there or as little behind it as its neighbours allow, in order. Some words of slack follow the
/// last home. Between a word and its home there is no gap: so a search begins at the home and ends
/// at the first gap or larger hash, an insertion shifts up to the next gap, a deletion shifts back.
/// Pages of 64 bytes, and pages whose words will not fit in this way, are *plain*: all homes are 0.
final class Leaf {
  /// Bits of the hash in a word. With 47 bits of address there is room for 20; 64-bit ARM on Linux
  /// may have 48.
  static final int HASH_BITS = System.getProperty("os.arch", "").equals("aarch64") ? 19 : 20;

  static final int ADDRESS_BITS = 64 - HASH_BITS;
  static final int HASH_MASK = (1 << HASH_BITS) - 1;
  private static final long WORD_ADDRESS = (1L << ADDRESS_BITS) - 1;

  static final int HEADER = 8;
  static final int MAX_CLASS = 11;

  private static final int[] BYTES = {
    64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096
  };
  private static final int[] WORDS = new int[BYTES.length];
  private static final int[] RANGE = new int[BYTES.length];
  private static final int[] LIMIT = new int[BYTES.length];

  static {
    for (int c = 0; c < BYTES.length; c++) {
      int words = BYTES[c] / 8 - 1;
      WORDS[c] = words;
      RANGE[c] = c == 0 ? 0 : words - Math.max(1, words / 12);
      LIMIT[c] = c == 0 ? words : words * 7 / 8;
    }
  }

  /// The most words that a leaf of the largest class takes before it splits.
  static final int MAX_COUNT = LIMIT[MAX_CLASS];

  static final int MAX_WORDS = WORDS[MAX_CLASS];

  /// Two leaves with at most this many words together become one.
  static final int MERGE_COUNT = MAX_WORDS / 3;

  private Leaf() {}

  static int bytes(int sizeClass) {
    return BYTES[sizeClass];
  }

  static int words(int sizeClass) {
    return WORDS[sizeClass];
  }

  static int range(int sizeClass) {
    return RANGE[sizeClass];
  }

  /// How many words a leaf takes before it must become larger.
  static int limit(int sizeClass) {
    return LIMIT[sizeClass];
  }

  /// The smallest class that takes `count` words.
  static int classFor(int count) {
    int c = 0;
    while (LIMIT[c] < count) c++;
    return c;
  }

  static long word(int bits, long entry) {
    assert ((entry >>> 3) & ~WORD_ADDRESS) == 0 : "address beyond what a word can hold";
    return ((long) bits << ADDRESS_BITS) | (entry >>> 3);
  }

  static long entry(long word) {
    return (word & WORD_ADDRESS) << 3;
  }

  /// The same word for another entry of the same hash.
  static long moved(long word, long entry) {
    return (word & ~WORD_ADDRESS) | (entry >>> 3);
  }

  static int bits(long word) {
    return (int) (word >>> ADDRESS_BITS);
  }

  /// The bits of a hash that stand in a word below `shift` bits of tree.
  static int bits(long hash, int shift) {
    return (int) ((hash << shift) >>> ADDRESS_BITS);
  }

  /// Index of the home of `bits` in a leaf of local depth `depth`.
  static int home(int bits, int depth, int range) {
    return (int) (((long) ((bits << depth) & HASH_MASK) * range) >>> HASH_BITS);
  }

  /// Lays `count` sorted words out over `page`; false if the last does not fit (the page is then of
  /// no use).
  static boolean lay(
      long[] words, int from, int count, int depth, int range, long[] page, int pageWords) {
    java.util.Arrays.fill(page, 0, pageWords, 0);
    int next = 0;
    for (int i = from; i < from + count; i++) {
      int at = Math.max(next, home(bits(words[i]), depth, range));
      if (at >= pageWords) return false;
      page[at] = words[i];
      next = at + 1;
    }
    return true;
  }
}
