package dev.spinel.value;

import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Strings as sketches of sets, [HyperLogLog].
///
/// Verbs that run over all registers bring the sketch to a buffer of the heap ([#load]), work
/// there, and write it back if it is another then ([#store]). Adding to a dense sketch, where two
/// bytes say whether anything changes, works in place.
///
/// The string is as [#isSketch] and [#prepare] left it: of valid form, and raw where it may change.
/// One per seat; the slots' locks are held for all verbs.
public final class HyperLogLogValue {
  private final StringValue strings;
  private final Dictionary dictionary;
  private final byte[] header = new byte[HyperLogLog.HEADER]; // scratch
  private final byte[] pair = new byte[2]; // scratch
  private final byte[] word = new byte[Long.BYTES]; // scratch

  private @Nullable HyperLogLog loaded; // made when first needed
  private byte @Nullable [] union;

  HyperLogLogValue(Dictionary dictionary, StringValue strings) {
    this.dictionary = dictionary;
    this.strings = strings;
  }

  private HyperLogLog sketch() {
    HyperLogLog sketch = loaded;
    if (sketch == null) {
      loaded = sketch = new HyperLogLog();
    }
    return sketch;
  }

  /// The registers of a union, a byte each.
  private byte[] union() {
    byte[] registers = union;
    if (registers == null) {
      union = registers = new byte[HyperLogLog.REGISTERS];
    }
    return registers;
  }

  // ── one sketch ──

  /// What [#count] answers for what makes no sense.
  public static final long NO_COUNT = HyperLogLog.NO_COUNT;

  /// Whether a string may be a sketch, by its header and its length.
  public boolean isSketch(long entry) {
    int length = strings.length(entry);
    if (length < HyperLogLog.HEADER) {
      return false;
    }
    strings.copyOut(entry, 0, header, 0, HyperLogLog.HEADER);
    return HyperLogLog.isValid(header, length);
  }

  public boolean isDense(long entry) {
    strings.copyOut(entry, 0, header, 0, HyperLogLog.HEADER);
    return HyperLogLog.isDense(header);
  }

  /// Before anything may be written: makes the string raw.
  public void prepare(Place p) {
    strings.raw(p);
  }

  /// Brings the sketch to the buffer; false if it is too long to make sense.
  private boolean load(long entry) {
    int length = strings.length(entry);
    if (length > HyperLogLog.MAX_BYTES) {
      return false;
    }
    HyperLogLog sketch = sketch();
    strings.copyOut(entry, 0, sketch.bytes, 0, length);
    sketch.resized(length);
    return true;
  }

  /// Writes the buffer to the string at `p`, or makes that string.
  private void store(Place p, Slice key) {
    HyperLogLog sketch = sketch();
    if (dictionary.entry(p) != 0) {
      strings.rewrite(p, sketch.bytes, sketch.length);
    } else {
      strings.compute(
          p,
          key,
          sketch.length,
          (at, to, n) -> dictionary.memory.copyIn(sketch.bytes, (int) at, to, n));
    }
  }

  // ── adding ──

  /// Elements of a call that are added.
  @FunctionalInterface
  public interface Elements {
    /// The element at `i`; good until the next one.
    Slice at(int i);
  }

  private boolean corrupt;

  /// Whether the last [#add] came to registers that make no sense; what it did before stays.
  public boolean isCorrupt() {
    return corrupt;
  }

  /// Adds `count` elements to the sketch at `p`, or to a new one. Returns how many changed it; a
  /// new one counts as a change.
  ///
  /// @param sparseMax a longer sparse sketch becomes dense
  public long add(Place p, Slice key, Elements elements, int count, long sparseMax) {
    corrupt = false;
    boolean isNew = dictionary.entry(p) == 0;
    if (!isNew && isDense(p.entry)) {
      return addDense(p, elements, count);
    }
    HyperLogLog sketch = sketch();
    if (isNew) {
      sketch.clear();
    } else if (!load(p.entry)) {
      corrupt = true;
      return 0;
    }
    long changes = isNew ? 1 : 0;
    for (int i = 0; i < count && !corrupt; i++) {
      Slice element = elements.at(i);
      int outcome = sketch.add(element.array, element.offset, element.length, sparseMax);
      changes += outcome == HyperLogLog.CHANGED ? 1 : 0;
      corrupt = outcome == HyperLogLog.CORRUPT;
    }
    if (changes > 0) {
      if (!corrupt) {
        sketch.outdate();
      }
      store(p, key);
    }
    return changes;
  }

  private long addDense(Place p, Elements elements, int count) {
    long changes = 0;
    for (int i = 0; i < count; i++) {
      Slice element = elements.at(i);
      long hash = HyperLogLog.hash(element.array, element.offset, element.length);
      int register = HyperLogLog.register(hash);
      int at = HyperLogLog.denseAt(register);
      int rank = HyperLogLog.rank(hash);
      pair[1] = 0;
      int n = Math.min(pair.length, HyperLogLog.DENSE_BYTES - at);
      strings.copyOut(p.entry, at, pair, 0, n);
      if (rank > HyperLogLog.dense(register, pair[0], pair[1])) {
        int both = HyperLogLog.withDense(register, pair[0], pair[1], rank);
        pair[0] = (byte) both;
        pair[1] = (byte) (both >>> 8);
        strings.setBytes(p, at, pair, n);
        changes++;
      }
    }
    if (changes > 0) {
      byte last = strings.byteAt(p.entry, HyperLogLog.OUTDATED_AT);
      strings.setByte(p, HyperLogLog.OUTDATED_AT, HyperLogLog.outdated(last));
    }
    return changes;
  }

  // ── counting ──

  /// The count that the sketch has in its header; negative if it is out of date.
  public long cachedCount(long entry) {
    strings.copyOut(entry, 0, header, 0, HyperLogLog.HEADER);
    return HyperLogLog.cachedCount(header);
  }

  /// Counts, and writes the count to the header; -1, and nothing is written, if the sketch makes no
  /// sense.
  public long count(Place p) {
    if (!load(dictionary.entry(p))) {
      return HyperLogLog.NO_COUNT;
    }
    long count = sketch().count();
    if (count != HyperLogLog.NO_COUNT) {
      HyperLogLog.cache(header, count);
      System.arraycopy(header, HyperLogLog.COUNT_AT, word, 0, Long.BYTES);
      strings.setBytes(p, HyperLogLog.COUNT_AT, word, Long.BYTES);
    }
    return count;
  }

  // ── unions ──

  /// Begins a union, which is empty.
  public void beginUnion() {
    Arrays.fill(union(), (byte) 0);
  }

  /// Adds a sketch to the union; false if it makes no sense.
  public boolean unite(long entry) {
    return load(entry) && sketch().mergeInto(union());
  }

  /// The count of the union.
  public long countUnion() {
    return HyperLogLog.count(union());
  }

  /// Raises the registers of the sketch at `p`, or of a new one, to those of the union.
  ///
  /// @param dense whether it becomes dense if it isn't
  public void storeUnion(Place p, Slice key, boolean dense, long sparseMax) {
    HyperLogLog sketch = sketch();
    if (dictionary.entry(p) == 0) {
      sketch.clear();
    } else {
      load(p.entry);
    }
    if (dense) {
      sketch.toDense();
    }
    if (sketch.isDense()) {
      sketch.putAll(union()); // which holds what the sketch held, too
    } else {
      sketch.raise(union(), sparseMax);
    }
    sketch.outdate();
    store(p, key);
  }

  // ── for PFDEBUG and PFSELFTEST ──

  /// Makes a sparse sketch dense; false if it makes no sense.
  public boolean toDense(Place p, Slice key) {
    if (!load(dictionary.entry(p)) || !sketch().toDense()) {
      return false;
    }
    store(p, key);
    return true;
  }

  /// The registers of a sketch, a byte each; good until the next verb.
  public byte[] registers(long entry) {
    beginUnion();
    unite(entry);
    return union();
  }

  /// The runs of a sparse sketch as text; null if it is too long to make sense.
  public @Nullable String decoded(long entry) {
    return load(entry) ? sketch().decoded() : null;
  }

  /// Runs for about half a second. Returns what is wrong with the arithmetic, or null.
  public static @Nullable String selfTest(RandomGenerator random, long sparseMax) {
    return HyperLogLog.selfTest(random, sparseMax);
  }
}
