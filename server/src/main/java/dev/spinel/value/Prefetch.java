package dev.spinel.value;

import dev.spinel.memory.Memory;

/// Reads what several look-ups are going to read, so that it is in the processor's caches when they
/// come.
///
/// A look-up is a chain of loads, each of which needs the one before: header, inner nodes, leaf,
/// entry. In a large keyspace each misses the caches, and the processor waits three or four times
/// the latency of memory. The chains of *different* keys don't depend on each other. So this walks
/// all of them side by side, one step at a time: a dozen loads are under way at once, and the
/// latency is paid once for all.
///
/// ```
///   step      key 1      key 2      key 3     …
///    1        header     header     header            the root reference
///    2        nodes      nodes      nodes             down to the leaf's reference
///    3        home       home       home              the line of the leaf where the key would be
///    4        entry      entry      entry             its first line
/// ```
///
/// Nothing is decided here: hashes that are equal in the leaf's bits only, or keys that aren't
/// there, cost a needless load at worst.
///
/// Group prefetching: Chen, Ailamaki, Gibbons, Mowry, "Improving hash join performance through
/// prefetching", 2004. One per seat; the locks that own the headers are held. Measurements:
/// `docs/adr/023-group-prefetching.md`.
public final class Prefetch {
  private final Memory memory;
  private final long[] headers;
  private final long[] hashes;
  private final long[] refs; // what the walk of each has come to: a reference, then an entry; or 0
  private final int[] shifts;
  private int count;

  /// What was read: where nobody wants the result of a load, the JIT leaves it out.
  private long read;

  /// @param most how many look-ups there may be between two runs
  public Prefetch(Memory memory, int most) {
    this.memory = memory;
    headers = new long[most];
    hashes = new long[most];
    refs = new long[most];
    shifts = new int[most];
  }

  /// Forgets those added for a run that didn't come.
  public void begin() {
    count = 0;
  }

  /// One more key that is going to be looked up.
  public void add(long header, long hash) {
    headers[count] = header;
    hashes[count++] = hash;
  }

  /// Reads for all that were added since the last run.
  public void run() {
    Memory m = memory;
    int n = count;
    count = 0;
    for (int i = 0; i < n; i++) refs[i] = m.getLong(headers[i]);
    for (int i = 0; i < n; i++) descend(i);
    long sum = 0;
    for (int i = 0; i < n; i++) if (refs[i] != 0) sum += m.getLong(wordAt(i, home(i)));
    for (int i = 0; i < n; i++) if (refs[i] != 0) refs[i] = entry(i);
    for (int i = 0; i < n; i++) if (refs[i] != 0) sum += m.getLong(refs[i]);
    read += sum;
  }

  /// The entry that the last run read for the look-up added as number `i`, or 0: for tests.
  long reached(int i) {
    return refs[i];
  }

  /// To the leaf, if there is one.
  private void descend(int i) {
    long ref = refs[i];
    int shift = 0;
    int kind = (int) (ref >>> HashTree.KIND_SHIFT);
    while (kind != 0 && kind < HashTree.BUCKET) {
      ref =
          memory.getLong(
              HashTree.refAt(ref & HashTree.ADDRESS, HashTree.index(hashes[i], shift, kind)));
      kind = (int) (ref >>> HashTree.KIND_SHIFT);
      if (kind != 0) shift += HashTree.LEVEL_BITS;
    }
    boolean isLeaf = kind == 0 && (ref & HashTree.ADDRESS) != 0;
    refs[i] = isLeaf ? ref : 0;
    shifts[i] = shift;
  }

  /// The first entry of the leaf whose hash may be that of the key, or 0.
  private long entry(int i) {
    int words = Leaf.words((int) (refs[i] >>> HashTree.CLASS_SHIFT));
    int bits = Leaf.bits(hashes[i], shifts[i]);
    for (int at = home(i); at < words; at++) {
      long word = memory.getLong(wordAt(i, at));
      if (word == 0) return 0;
      int there = Leaf.bits(word);
      if (there >= bits) return there == bits ? Leaf.entry(word) : 0;
    }
    return 0;
  }

  private int home(int i) {
    long ref = refs[i];
    int range = (ref & HashTree.PLAIN) == 0 ? Leaf.range((int) (ref >>> HashTree.CLASS_SHIFT)) : 0;
    return Leaf.home(Leaf.bits(hashes[i], shifts[i]), HashTree.depth(ref), range);
  }

  private long wordAt(int i, int at) {
    return (refs[i] & HashTree.ADDRESS) + Leaf.HEADER + ((long) at << 3);
  }
}
