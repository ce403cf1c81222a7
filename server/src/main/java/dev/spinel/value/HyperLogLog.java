package dev.spinel.value;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A sketch of a set, which tells about how many different elements it has seen: HyperLogLog with
/// 16,384 registers, in the very bytes that Redis stores.
///
/// ```
///   [HYLL][encoding 1][unused 3][cached count 8][registers…]
///
///   encoding 0, dense:    6 bits each, from the lowest bit of the first byte on: 12,288 bytes
///   encoding 1, sparse:   runs of registers, that together cover all of them
///       00nnnnnn                 n+1 zeros, up to 64
///       01nnnnnn nnnnnnnn        n+1 zeros, up to 16,384
///       1vvvvvnn                 n+1 registers, up to 4, that hold v+1, up to 32
/// ```
///
/// The highest bit of the cached count says that it is out of date. A register holds the longest
/// run of zeros, plus one, that ended any hash which chose it. The sparse form is edited run by
/// run, exactly as Redis does it, so that the same elements in the same order give the same bytes;
/// a value above 32, or too many bytes, makes it dense.
///
/// The estimate is that of O. Ertl, "New cardinality estimation algorithms for HyperLogLog
/// sketches" (arXiv:1702.01284), the improved raw estimator; the hash is MurmurHash64A.
///
/// Bytes may come from anywhere: [#isValid] looks at the header, and whoever runs over sparse
/// registers is told whether they make sense. Pure: an object is a buffer on the heap, for one
/// thread.
final class HyperLogLog {
  static final int HEADER = 16;
  static final int REGISTERS = 1 << 14;
  static final int DENSE_BYTES = HEADER + REGISTERS * 6 / 8;

  /// No sparse sketch that makes sense is longer, for each byte pair covers a register at least.
  static final int MAX_BYTES = HEADER + 2 * REGISTERS;

  /// What [#add] and [#set] answer.
  static final int SAME = 0, CHANGED = 1, CORRUPT = -1;

  private static final int DENSE = 0, SPARSE = 1;
  private static final int ENCODING_AT = 4;
  static final int COUNT_AT = 8;
  static final int OUTDATED_AT = COUNT_AT + 7;
  private static final int OUTDATED = 0x80;

  /// The count of what doesn't make sense.
  static final long NO_COUNT = -1;

  private static final int INDEX_BITS = 14;
  private static final int RANK_BITS = Long.SIZE - INDEX_BITS; // a rank is one more at most
  private static final int REGISTER_MAX = 63;

  private static final int LONG_ZEROS = 0x40, VALUE = 0x80;
  private static final int ZEROS_MAX = 64, VALUE_MAX = 32, VALUES_MAX = 4;

  /// How many runs are looked at for neighbours that can be joined.
  private static final int JOINED = 5;

  private static final int SPARE = 8; // a split makes 4 bytes more; runs are read a byte too far

  private static final long HASH_SEED = 0xadc83b19L;
  private static final long HASH_FACTOR = 0xc6a4a7935bd1e995L;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /// The sketch; zeros follow it.
  final byte[] bytes = new byte[MAX_BYTES + SPARE];

  int length;

  // Where the last [#set] of ascending ones may look from: the beginning of a run, its first
  // register.
  private int hintAt;
  private int hintFirst;

  // ── the header ──

  /// Whether a string of this length that begins with these bytes is a sketch, as far as one can
  /// tell from there.
  static boolean isValid(byte[] header, int length) {
    return length >= HEADER
        && header[0] == 'H'
        && header[1] == 'Y'
        && header[2] == 'L'
        && header[3] == 'L'
        && (header[ENCODING_AT] == SPARSE || header[ENCODING_AT] == DENSE && length == DENSE_BYTES);
  }

  static boolean isDense(byte[] header) {
    return header[ENCODING_AT] == DENSE;
  }

  /// The cached count; negative if it is out of date.
  static long cachedCount(byte[] header) {
    return (long) LONGS.get(header, COUNT_AT);
  }

  /// Makes it a sketch of nothing.
  void clear() {
    Arrays.fill(bytes, 0, HEADER, (byte) 0);
    bytes[0] = 'H';
    bytes[1] = 'Y';
    bytes[2] = 'L';
    bytes[3] = 'L';
    bytes[ENCODING_AT] = SPARSE;
    bytes[HEADER] = (byte) (LONG_ZEROS | REGISTERS - 1 >> 8);
    bytes[HEADER + 1] = (byte) (REGISTERS - 1);
    resized(HEADER + 2);
  }

  /// The sketch has been written to [#bytes].
  void resized(int length) {
    this.length = length;
    Arrays.fill(bytes, length, Math.min(length + SPARE, bytes.length), (byte) 0);
  }

  boolean isDense() {
    return isDense(bytes);
  }

  /// The byte at [#OUTDATED_AT] of a header whose count is out of date.
  static byte outdated(byte last) {
    return (byte) (last | OUTDATED);
  }

  void outdate() {
    bytes[OUTDATED_AT] = outdated(bytes[OUTDATED_AT]);
  }

  /// Writes the count to a header.
  static void cache(byte[] header, long count) {
    LONGS.set(header, COUNT_AT, count);
  }

  // ── elements ──

  /// MurmurHash64A of an element.
  static long hash(byte[] a, int from, int n) {
    long h = HASH_SEED ^ n * HASH_FACTOR;
    int i = from;
    for (int end = from + (n & ~7); i < end; i += Long.BYTES) {
      long k = (long) LONGS.get(a, i) * HASH_FACTOR;
      k = (k ^ k >>> 47) * HASH_FACTOR;
      h = (h ^ k) * HASH_FACTOR;
    }
    int rest = n & 7;
    if (rest > 0) {
      long k = 0;
      for (int j = rest - 1; j >= 0; j--) {
        k = k << 8 | a[i + j] & 0xff;
      }
      h = (h ^ k) * HASH_FACTOR;
    }
    h = (h ^ h >>> 47) * HASH_FACTOR;
    return h ^ h >>> 47;
  }

  /// Which register a hash is for.
  static int register(long hash) {
    return (int) hash & REGISTERS - 1;
  }

  /// What the register of a hash holds at least: 1 to 51.
  static int rank(long hash) {
    return Long.numberOfTrailingZeros(hash >>> INDEX_BITS | 1L << RANK_BITS) + 1;
  }

  /// Sees an element. A sparse sketch of more than `sparseMax` bytes would become dense.
  int add(byte[] a, int from, int n, long sparseMax) {
    long hash = hash(a, from, n);
    return set(register(hash), rank(hash), sparseMax);
  }

  /// Lets a register hold `rank` if it holds less.
  int set(int register, int rank, long sparseMax) {
    hintAt = 0;
    return isDense() ? setDense(register, rank) : setSparse(register, rank, sparseMax);
  }

  // ── dense ──

  /// The byte that a dense register begins in, from the sketch's first.
  static int denseAt(int register) {
    return HEADER + register * 6 / 8;
  }

  private static int denseShift(int register) {
    return register * 6 & 7;
  }

  /// The register, of the two bytes from [#denseAt] on.
  static int dense(int register, int low, int high) {
    return ((low & 0xff | high << 8) >>> denseShift(register)) & REGISTER_MAX;
  }

  /// The same two bytes with another value in the register.
  static int withDense(int register, int low, int high, int value) {
    int shift = denseShift(register);
    return (low & 0xff | (high & 0xff) << 8) & ~(REGISTER_MAX << shift) | value << shift;
  }

  private int denseValue(int register) {
    int at = denseAt(register);
    return dense(register, bytes[at], bytes[at + 1]);
  }

  private void putDense(int register, int value) {
    int at = denseAt(register);
    int both = withDense(register, bytes[at], bytes[at + 1], value);
    bytes[at] = (byte) both;
    bytes[at + 1] = (byte) (both >>> 8);
  }

  private int setDense(int register, int rank) {
    if (rank <= denseValue(register)) {
      return SAME;
    }
    putDense(register, rank);
    return CHANGED;
  }

  /// Eight registers of 6 bits, in the lowest 48, as a byte each.
  private static long spread(long packed) {
    long x = packed & 0xff_ffffL | (packed & 0xffff_ff00_0000L) << 8;
    x = x & 0x0000_0fff_0000_0fffL | (x & 0x00ff_f000_00ff_f000L) << 4;
    return x & 0x003f_003f_003f_003fL | (x & 0x0fc0_0fc0_0fc0_0fc0L) << 2;
  }

  /// The opposite of [#spread].
  private static long packed(long spread) {
    long x = spread & 0x003f_003f_003f_003fL | (spread & 0x3f00_3f00_3f00_3f00L) >>> 2;
    x = x & 0x0000_0fff_0000_0fffL | (x & 0x0fff_0000_0fff_0000L) >>> 4;
    return x & 0xff_ffffL | (x & 0xff_ffff_0000_0000L) >>> 8;
  }

  /// The larger of each two bytes, which are below 128.
  private static long max(long a, long b) {
    long notBelow = ((a | 0x8080_8080_8080_8080L) - b & 0x8080_8080_8080_8080L) >>> 7;
    long mask = notBelow * 0xff;
    return a & mask | b & ~mask;
  }

  /// Makes it dense; false if it is sparse and doesn't make sense.
  boolean toDense() {
    if (isDense()) {
      return true;
    }
    byte[] registers = new byte[REGISTERS];
    if (!mergeInto(registers)) {
      return false;
    }
    bytes[ENCODING_AT] = DENSE;
    Arrays.fill(bytes, HEADER, length, (byte) 0);
    resized(DENSE_BYTES);
    putAll(registers);
    return true;
  }

  /// Gives a dense sketch these registers, a byte each.
  void putAll(byte[] registers) {
    for (int i = 0, at = HEADER; i < REGISTERS; i += 8, at += 6) {
      long packed = packed((long) LONGS.get(registers, i));
      LONGS.set(bytes, at, packed); // and two bytes of zeros, where the next ones come
    }
  }

  // ── sparse ──

  private boolean isValue(int at) {
    return (bytes[at] & VALUE) != 0;
  }

  private boolean isLongZeros(int at) {
    return (bytes[at] & 0xc0) == LONG_ZEROS;
  }

  private int runBytes(int at) {
    return isLongZeros(at) ? 2 : 1;
  }

  /// How many registers the run covers.
  private int covered(int at) {
    int b = bytes[at];
    if ((b & VALUE) != 0) {
      return (b & 3) + 1;
    }
    return 1 + ((b & LONG_ZEROS) != 0 ? (b & 0x3f) << 8 | bytes[at + 1] & 0xff : b & 0x3f);
  }

  private int runValue(int at) {
    return (bytes[at] >> 2 & 0x1f) + 1;
  }

  private static byte valueRun(int value, int count) {
    return (byte) (VALUE | value - 1 << 2 | count - 1);
  }

  private int setSparse(int register, int rank, long sparseMax) {
    if (rank > VALUE_MAX) {
      return setPromoted(register, rank);
    }
    int at = hintAt == 0 ? HEADER : hintAt;
    int first = hintAt == 0 ? 0 : hintFirst;
    int previous = 0; // where the run before begins; 0: there is none
    int beforePrevious = 0;
    int firstBeforePrevious = 0;
    int firstOfPrevious = 0;
    int covered = 0;
    while (at < length) {
      covered = covered(at);
      if (register < first + covered) {
        break;
      }
      beforePrevious = previous;
      firstBeforePrevious = firstOfPrevious;
      previous = at;
      firstOfPrevious = first;
      at += runBytes(at);
      first += covered;
    }
    if (at >= length) {
      return CORRUPT;
    }
    if (beforePrevious != 0) {
      hintAt = beforePrevious;
      hintFirst = firstBeforePrevious;
    }
    boolean isValue = isValue(at);
    if (isValue && runValue(at) >= rank) {
      return SAME;
    }
    if (covered == 1 && !isLongZeros(at)) {
      bytes[at] = valueRun(rank, 1);
    } else if (!split(at, first, covered, register, rank, sparseMax)) {
      return setPromoted(register, rank);
    }
    join(previous != 0 ? previous : HEADER);
    outdate();
    return CHANGED;
  }

  private int setPromoted(int register, int rank) {
    return toDense() ? setDense(register, rank) : CORRUPT;
  }

  /// Puts what the run at `at` holds before the register, the register, and what it holds behind it
  /// in its place; false if that would be too long.
  private boolean split(int at, int first, int covered, int register, int rank, long sparseMax) {
    int old = runBytes(at);
    int value = isValue(at) ? runValue(at) : 0;
    int before = register - first;
    int behind = covered - 1 - before;
    int more = 1 + runBytes(value, before) + runBytes(value, behind) - old;
    if (more > 0 && (length + more > sparseMax || length + more > MAX_BYTES)) {
      return false;
    }
    int next = at + old;
    if (next < length) {
      System.arraycopy(bytes, next, bytes, next + more, length - next);
    }
    int to = putRun(at, value, before);
    bytes[to++] = valueRun(rank, 1);
    putRun(to, value, behind);
    resized(length + more);
    return true;
  }

  private static int runBytes(int value, int count) {
    return count == 0 ? 0 : value == 0 && count > ZEROS_MAX ? 2 : 1;
  }

  /// Writes a run of `count` registers; returns where it ends.
  private int putRun(int at, int value, int count) {
    switch (runBytes(value, count)) {
      case 0 -> {
        return at;
      }
      case 1 -> bytes[at] = value == 0 ? (byte) (count - 1) : valueRun(value, count);
      default -> {
        bytes[at] = (byte) (LONG_ZEROS | count - 1 >> 8);
        bytes[at + 1] = (byte) (count - 1);
      }
    }
    return at + runBytes(value, count);
  }

  /// Joins runs of equal values, from the run at `at` on.
  private void join(int at) {
    for (int i = 0; i < JOINED && at < length; i++) {
      if (!isValue(at)) {
        at += runBytes(at);
        continue;
      }
      if (at + 1 < length && isValue(at + 1) && runValue(at) == runValue(at + 1)) {
        int count = covered(at) + covered(at + 1);
        if (count <= VALUES_MAX) {
          bytes[at + 1] = valueRun(runValue(at), count);
          System.arraycopy(bytes, at + 1, bytes, at, length - at - 1);
          resized(length - 1);
          continue; // perhaps with the next one, too
        }
      }
      at++;
    }
  }

  /// The sparse registers as text: runs of zeros, short and long ones, and of values.
  String decoded() {
    StringBuilder text = new StringBuilder();
    for (int at = HEADER; at < length; at += runBytes(at)) {
      text.append(text.isEmpty() ? "" : " ");
      if (isValue(at)) {
        text.append("v:").append(runValue(at)).append(',').append(covered(at));
      } else {
        text.append(isLongZeros(at) ? "Z:" : "z:").append(covered(at));
      }
    }
    return text.toString();
  }

  // ── all registers ──

  /// Raises each of the registers, a byte each, to what it holds here; false if the sketch doesn't
  /// make sense.
  boolean mergeInto(byte[] registers) {
    if (isDense()) {
      for (int i = 0, at = HEADER; i < REGISTERS; i += 8, at += 6) {
        long here = spread((long) LONGS.get(bytes, at));
        LONGS.set(registers, i, max((long) LONGS.get(registers, i), here));
      }
      return true;
    }
    int register = 0;
    for (int at = HEADER; at < length; at += runBytes(at)) {
      int covered = covered(at);
      if (isValue(at)) {
        if (register + covered > REGISTERS) {
          break;
        }
        byte value = (byte) runValue(at);
        for (int i = register; i < register + covered; i++) {
          registers[i] = (byte) Math.max(registers[i], value);
        }
      }
      register += covered;
    }
    return register == REGISTERS;
  }

  /// Raises each register to what it holds in `registers`, a byte each: in the ascending order in
  /// which Redis does it, which decides what bytes a sparse sketch has then.
  void raise(byte[] registers, long sparseMax) {
    hintAt = 0;
    for (int i = 0; i < REGISTERS; i++) {
      if (registers[i] != 0) {
        if (isDense()) {
          setDense(i, registers[i]);
        } else {
          setSparse(i, registers[i], sparseMax);
        }
      }
    }
  }

  /// About how many different elements it has seen, or [#NO_COUNT].
  long count() {
    int[] histogram = new int[REGISTER_MAX + 1];
    if (isDense()) {
      int[] four = new int[4 * (REGISTER_MAX + 1)];
      for (int i = 0, at = HEADER; i < REGISTERS; i += 8, at += 6) {
        countEight(spread((long) LONGS.get(bytes, at)), four);
      }
      addUp(four, histogram);
      return estimate(histogram);
    }
    int registers = 0;
    for (int at = HEADER; at < length; at += runBytes(at)) {
      int covered = covered(at);
      histogram[isValue(at) ? runValue(at) : 0] += covered;
      registers += covered;
    }
    return registers == REGISTERS ? estimate(histogram) : NO_COUNT;
  }

  /// The same for registers of a byte each.
  static long count(byte[] registers) {
    int[] four = new int[4 * (REGISTER_MAX + 1)];
    for (int i = 0; i < REGISTERS; i += 8) {
      countEight((long) LONGS.get(registers, i), four);
    }
    int[] histogram = new int[REGISTER_MAX + 1];
    addUp(four, histogram);
    return estimate(histogram);
  }

  /// Four histograms, so that registers of the same value don't wait for each other.
  private static void countEight(long registers, int[] four) {
    int low = (int) registers;
    int high = (int) (registers >>> 32);
    four[low & 63]++;
    four[64 | low >>> 8 & 63]++;
    four[128 | low >>> 16 & 63]++;
    four[192 | low >>> 24 & 63]++;
    four[high & 63]++;
    four[64 | high >>> 8 & 63]++;
    four[128 | high >>> 16 & 63]++;
    four[192 | high >>> 24 & 63]++;
  }

  private static void addUp(int[] four, int[] histogram) {
    for (int i = 0; i < histogram.length; i++) {
      histogram[i] = four[i] + four[64 + i] + four[128 + i] + four[192 + i];
    }
  }

  private static final double ALPHA = 0.721347520444481703680; // 1 / (2 ln 2)

  /// The estimate for so many registers of each value.
  private static long estimate(int[] histogram) {
    double m = REGISTERS;
    double z = m * tau((m - histogram[RANK_BITS + 1]) / m);
    for (int i = RANK_BITS; i >= 1; i--) {
      z = (z + histogram[i]) * 0.5;
    }
    z += m * sigma(histogram[0] / m);
    return rounded(ALPHA * m * m / z);
  }

  private static double sigma(double x) {
    if (x == 1) {
      return Double.POSITIVE_INFINITY;
    }
    double power = x;
    double factor = 1;
    double z = x;
    double before;
    do {
      power *= power;
      before = z;
      z += power * factor;
      factor += factor;
    } while (before != z);
    return z;
  }

  private static double tau(double x) {
    if (x == 0 || x == 1) {
      return 0;
    }
    double root = x;
    double factor = 1;
    double z = 1 - x;
    double before;
    do {
      root = Math.sqrt(root);
      before = z;
      factor *= 0.5;
      z -= (1 - root) * (1 - root) * factor;
    } while (before != z);
    return z / 3;
  }

  /// To the nearest integer, halves away from zero; beyond 64 bits what x86 makes of it, and Redis
  /// replies: registers that no element can have filled.
  private static long rounded(double x) {
    if (!(x < 0x1p63)) {
      return Long.MIN_VALUE;
    }
    long below = (long) x;
    return x - below >= 0.5 ? below + 1 : below;
  }

  // ── self test ──

  private static final int TEST_ROUNDS = 200;
  private static final int TEST_ELEMENTS = 10_000_000;

  /// Checks that registers keep what they are given, that both encodings agree, and that the
  /// estimates are as good as they should be. Returns what is wrong, or null.
  static @Nullable String selfTest(RandomGenerator random, long sparseMax) {
    String wrong = testRegisters(random);
    return wrong != null ? wrong : testEstimates(random.nextLong(), sparseMax);
  }

  private static @Nullable String testRegisters(RandomGenerator random) {
    HyperLogLog dense = new HyperLogLog();
    dense.clear();
    dense.toDense();
    byte[] expected = new byte[REGISTERS];
    for (int round = 0; round < TEST_ROUNDS; round++) {
      for (int i = 0; i < REGISTERS; i++) {
        expected[i] = (byte) random.nextInt(REGISTER_MAX + 1);
        dense.putDense(i, expected[i]);
      }
      byte[] all = new byte[REGISTERS];
      dense.mergeInto(all);
      for (int i = 0; i < REGISTERS; i++) {
        if (dense.denseValue(i) != expected[i] || all[i] != expected[i]) {
          return "register " + i + " holds " + dense.denseValue(i) + ", not " + expected[i];
        }
      }
    }
    return null;
  }

  private static @Nullable String testEstimates(long salt, long sparseMax) {
    HyperLogLog dense = new HyperLogLog();
    HyperLogLog other = new HyperLogLog();
    dense.clear();
    dense.toDense();
    other.clear();
    byte[] element = new byte[Long.BYTES];
    double error = 1.04 / Math.sqrt(REGISTERS); // the standard error
    long checked = 1;
    for (long i = 1; i <= TEST_ELEMENTS; i++) {
      LONGS.set(element, 0, i ^ salt);
      long hash = hash(element, 0, element.length);
      dense.set(register(hash), rank(hash), sparseMax);
      other.set(register(hash), rank(hash), sparseMax);
      if (i == checked) {
        long off = Math.abs(dense.count() - i);
        if (i < sparseMax / 2 && other.isDense()) {
          return "a sketch of " + i + " elements isn't sparse";
        }
        if (dense.count() != other.count()) {
          return "the encodings disagree after " + i + " elements";
        }
        if (off > (i == 10 ? 1 : Math.ceil(6 * error * i))) {
          return "an estimate of " + dense.count() + " for " + i + " elements";
        }
        checked *= 10;
      }
    }
    return null;
  }
}
