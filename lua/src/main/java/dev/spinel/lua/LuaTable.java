package dev.spinel.lua;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A table. All access here is raw: no metamethod is called ([Lua#index] and [Lua#setIndex] do
/// that). Made by [Lua#table]; its size counts against the state's limit.
///
/// **Two parts**, as in C Lua, since scripts can see the difference: the order of `next`, and which
/// border `#` finds in a table with holes, follow from which key lies where.
/// - The array part holds the keys 1 to n, in order. When the hash part is full, n becomes the
///   largest power of two such that more than half of the keys 1 to n are in use.
/// - The hash part is a chained scatter table whose size is a power of two: each key lies at its
///   main position (where its hash points) or on that position's chain; a key that is in the way
///   without being at its own main position moves (Brent's variation). So a full table stays fast.
///
/// ```
///   array   v1 v2 v3 .          pairs   k v │ k v │ . . │ k v      2 × size
///           key 1 … n           next      2     -     -     -      chain, -1 at its end
/// ```
///
/// A key whose value became nil stays where it is, so that a traversal may set fields to nil as it
/// goes; the next rehash drops it. Owned by the thread that has the state.
@SuppressWarnings("ReferenceEquality") // marks, and what is compared by identity
public final class LuaTable {
  static final String READ_ONLY = "Attempt to modify a readonly table";

  private static final int MOST_BITS = 26;

  /// Fewer places than this are looked at without taking steps.
  private static final int FEW = 64;

  // What a place takes, with a number in it.
  private static final long SLOT_BYTES = 20;
  private static final long PAIR_BYTES = 44;

  private static final Object[] NO_VALUES = {};
  private static final int[] NO_CHAIN = {-1};

  /// The hash part of size 0 is one pair that is never in use: shared, never written.
  private static final Object[] NO_PAIRS = new Object[2];

  private final Lua lua;
  private @Nullable Object[] array = NO_VALUES;
  private @Nullable Object[] pairs = NO_PAIRS;
  private int[] next = NO_CHAIN;
  private int lastFree; // all positions from here on are taken
  private boolean readOnly;

  @Nullable LuaTable metatable;
  long id; // what tostring shows; 0 until asked for
  int absentEvents; // a bit for each metamethod known to be absent; 0 after any change
  int mark; // which measurement saw it

  LuaTable(Lua lua, int arraySize, int hashSize) {
    this.lua = lua;
    if (arraySize > 0) array = new Object[arraySize];
    if (hashSize > 0) makeHash(hashSize);
    lua.charge(bytes());
  }

  // ── reading ──

  /// The value of `key`; null if there is none.
  public @Nullable Object get(@Nullable Object key) {
    return switch (key) {
      case LuaString string -> get(string);
      case Double number -> get((double) number);
      case null -> null;
      default -> {
        int at = find(key);
        yield at < 0 ? null : pairs[2 * at + 1];
      }
    };
  }

  /// The value of the string `key`.
  @Nullable Object get(LuaString key) {
    @Nullable Object[] pairs = this.pairs;
    int[] next = this.next;
    int at = key.hashCode() & (next.length - 1);
    do {
      Object other = pairs[2 * at];
      if (other == key || other instanceof LuaString string && same(string, key)) {
        return pairs[2 * at + 1];
      }
      at = next[at];
    } while (at >= 0);
    return null;
  }

  private boolean same(LuaString string, LuaString key) {
    if (!string.sameAs(key)) return false;
    lua.stepOver(key.bytes.length);
    return true;
  }

  /// The value of the number `key`.
  @Nullable Object get(double key) {
    int index = (int) key;
    if (index == key) {
      @Nullable Object[] array = this.array;
      int i = index - 1;
      if (Integer.compareUnsigned(i, array.length) < 0) return array[i];
    }
    int at = find(key);
    return at < 0 ? null : pairs[2 * at + 1];
  }

  /// The value of the number `key`.
  public @Nullable Object get(long key) {
    long i = key - 1;
    if (i >= 0 && i < array.length) return array[(int) i];
    int at = find((double) key);
    return at < 0 ? null : pairs[2 * at + 1];
  }

  /// The value of the string `key`; for the host's own names.
  public @Nullable Object get(String key) {
    return get(LuaString.of(key));
  }

  /// What `#` answers: a border, n ≥ 0 whose value isn't nil (or n is 0) while the next one's is.
  public long length() {
    @Nullable Object[] array = this.array;
    int high = array.length;
    if (high > 0 && array[high - 1] == null) {
      int low = 0;
      while (high - low > 1) {
        int middle = (low + high) >>> 1;
        if (array[middle - 1] == null) high = middle;
        else low = middle;
      }
      return low;
    }
    return pairs == NO_PAIRS ? high : lengthBeyond(high);
  }

  /// A border in the hash part: doubles until a key is absent, then halves.
  private long lengthBeyond(long present) {
    long low = present;
    long high = present + 1;
    while (get(high) != null) {
      low = high;
      high *= 2;
      if (high > Integer.MAX_VALUE) { // made on purpose: look at each
        long i = 1;
        while (get(i) != null) {
          lua.step(1);
          i++;
        }
        return i - 1;
      }
    }
    while (high - low > 1) {
      long middle = (low + high) / 2;
      if (get(middle) == null) high = middle;
      else low = middle;
    }
    return low;
  }

  // ── writing ──

  /// Sets `key` to `value`; null removes it.
  ///
  /// @throws LuaError without a position, if the table is read-only, the key is nil or NaN, or
  ///   memory runs out
  public void set(@Nullable Object key, @Nullable Object value) {
    switch (key) {
      case LuaString string -> set(string, value);
      case Double number -> set((double) number, value);
      case null -> throw new LuaError("table index is nil");
      default -> {
        checkWritable();
        int at = find(key);
        if (at >= 0) pairs[2 * at + 1] = value;
        else insert(key, value);
      }
    }
  }

  /// The same for the string `key`.
  void set(LuaString key, @Nullable Object value) {
    checkWritable();
    absentEvents = 0;
    int at = key.hashCode() & (next.length - 1);
    do {
      Object other = pairs[2 * at];
      if (other == key || other instanceof LuaString string && same(string, key)) {
        pairs[2 * at + 1] = value;
        return;
      }
      at = next[at];
    } while (at >= 0);
    insert(key, value);
  }

  /// The same for the number `key`.
  void set(double key, @Nullable Object value) {
    checkWritable();
    int index = (int) key;
    if (index == key) {
      @Nullable Object[] array = this.array;
      int i = index - 1;
      if (Integer.compareUnsigned(i, array.length) < 0) {
        array[i] = value;
        return;
      }
    }
    setInHash(key, value);
  }

  /// The same for the number `key`.
  public void set(long key, @Nullable Object value) {
    checkWritable();
    long i = key - 1;
    if (i >= 0 && i < array.length) array[(int) i] = value;
    else setInHash((double) key, value);
  }

  /// The same for the string `key`; for the host's own names.
  public void set(String key, @Nullable Object value) {
    set(LuaString.of(key).shared(), value);
  }

  private void setInHash(double key, @Nullable Object value) {
    int at = find(key);
    if (at >= 0) {
      pairs[2 * at + 1] = value;
    } else {
      if (Double.isNaN(key)) throw new LuaError("table index is NaN");
      insert(key, value);
    }
  }

  private void checkWritable() {
    if (readOnly) throw new LuaError(READ_ONLY);
  }

  /// Adds a key that the table doesn't have; as in C also if the value is nil.
  private void insert(Object key, @Nullable Object value) {
    int at = mainPosition(key);
    if (pairs == NO_PAIRS || pairs[2 * at + 1] != null) {
      int free = freePosition();
      if (free < 0) {
        rehash(key);
        set(key, value);
        return;
      }
      int other = mainPosition(key(at));
      if (other != at) { // the one in the way isn't at its main position: it moves to the free one
        while (next[other] != at) other = next[other];
        next[other] = free;
        pairs[2 * free] = pairs[2 * at];
        pairs[2 * free + 1] = pairs[2 * at + 1];
        next[free] = next[at];
        next[at] = -1;
      } else { // the new one goes to the free position, second on the chain
        next[free] = next[at];
        next[at] = free;
        at = free;
      }
    }
    pairs[2 * at] = key;
    pairs[2 * at + 1] = value;
  }

  private int freePosition() {
    if (pairs == NO_PAIRS) return -1;
    while (lastFree > 0) {
      lastFree--;
      if (pairs[2 * lastFree] == null) return lastFree;
    }
    return -1;
  }

  // ── positions ──

  private Object key(int at) {
    Object key = pairs[2 * at];
    assert key != null;
    return key;
  }

  private int find(Object key) {
    if (key instanceof Double number) return find((double) number);
    int at = mainPosition(key);
    do {
      if (key.equals(pairs[2 * at])) return at; // all but strings and booleans: by identity
      at = next[at];
    } while (at >= 0);
    return -1;
  }

  private int find(double key) {
    int at = mainPosition(key);
    do {
      if (pairs[2 * at] instanceof Double number && number == key) return at;
      at = next[at];
    } while (at >= 0);
    return -1;
  }

  private int mainPosition(Object key) {
    return switch (key) {
      case LuaString string -> string.hashCode() & (next.length - 1);
      case Double number -> mainPosition((double) number);
      case Boolean truth -> (truth ? 1 : 0) & (next.length - 1);
      default -> Integer.remainderUnsigned(IdentityHash.hash(key), (next.length - 1) | 1);
    };
  }

  private int mainPosition(double key) {
    if (key == 0) return 0; // both zeros
    long bits = Double.doubleToRawLongBits(key);
    return Integer.remainderUnsigned((int) bits + (int) (bits >>> 32), (next.length - 1) | 1);
  }

  // ── growing ──

  /// Makes the parts as large as the keys, `extra` included, deserve.
  private void rehash(Object extra) {
    lua.step(places() / 4);
    int[] counts = new int[MOST_BITS + 1]; // [i]: keys in use from 2^(i-1) + 1 to 2^i
    int integers = countArray(counts);
    int all = integers;
    for (int at = next.length - 1; at >= 0; at--) {
      if (pairs[2 * at + 1] != null) {
        integers += count(key(at), counts);
        all++;
      }
    }
    integers += count(extra, counts);
    all++;
    int size = 0;
    int below = 0;
    int inArray = 0;
    for (int i = 0, power = 1; power / 2 < integers && i <= MOST_BITS; i++, power *= 2) {
      if (counts[i] > 0) {
        below += counts[i];
        if (below > power / 2) {
          size = power;
          inArray = below;
        }
      }
      if (below == integers) break;
    }
    resize(size, all - inArray);
  }

  private int countArray(int[] counts) {
    int total = 0;
    int i = 1;
    for (int bits = 0, power = 1; bits <= MOST_BITS && i <= array.length; bits++, power *= 2) {
      int limit = Math.min(power, array.length);
      int used = 0;
      for (; i <= limit; i++) {
        if (array[i - 1] != null) used++;
      }
      counts[bits] += used;
      total += used;
    }
    return total;
  }

  private static int count(Object key, int[] counts) {
    if (!(key instanceof Double number)) return 0;
    int index = (int) (double) number;
    if (index != number || index <= 0 || index > 1 << MOST_BITS) return 0;
    counts[32 - Integer.numberOfLeadingZeros(index - 1)]++;
    return 1;
  }

  /// Makes room for the keys 1 to `size` in the array part, all at once.
  void reserveArray(int size) {
    if (size > array.length) resize(size, pairs == NO_PAIRS ? 0 : next.length);
  }

  private void resize(int arraySize, int hashSize) {
    lua.charge(SLOT_BYTES * Math.max(0, arraySize - array.length) + PAIR_BYTES * hashSize);
    @Nullable Object[] oldArray = array;
    @Nullable Object[] oldPairs = pairs;
    int oldSize = next.length;
    if (arraySize != oldArray.length) {
      array = arraySize == 0 ? NO_VALUES : Arrays.copyOf(oldArray, arraySize);
    }
    makeHash(hashSize);
    for (int i = arraySize; i < oldArray.length; i++) {
      Object value = oldArray[i];
      if (value != null) put((double) (i + 1), value);
    }
    for (int at = oldSize - 1; at >= 0; at--) {
      Object value = oldPairs[2 * at + 1];
      Object key = oldPairs[2 * at];
      if (value != null && key != null) put(key, value);
    }
  }

  /// Sets a key while the table is rebuilt: read-only tables are, too, when the host fills them.
  private void put(Object key, Object value) {
    if (key instanceof Double number) {
      int index = (int) (double) number;
      if (index == number && index > 0 && index <= array.length) {
        array[index - 1] = value;
        return;
      }
    }
    insert(key, value);
  }

  private void makeHash(int size) {
    if (size == 0) {
      pairs = NO_PAIRS;
      next = NO_CHAIN;
      lastFree = 0;
      return;
    }
    int bits = 32 - Integer.numberOfLeadingZeros(size - 1);
    if (bits > MOST_BITS) throw new LuaError("table overflow");
    pairs = new Object[2 << bits];
    next = new int[1 << bits];
    Arrays.fill(next, -1);
    lastFree = 1 << bits;
  }

  // ── walking ──

  /// Where a traversal stands that has just seen `key` (null: at its beginning), for [#nextUsed].
  ///
  /// @throws LuaError if the table doesn't know the key
  int position(@Nullable Object key) {
    if (key == null) return 0;
    if (key instanceof Double number) {
      int index = (int) (double) number;
      if (index == number && index > 0 && index <= array.length) return index;
    }
    int at = find(key);
    if (at < 0) throw new LuaError("invalid key to 'next'");
    return array.length + at + 1;
  }

  /// Whether a traversal that stands at `position` has `key` there still; `key` as it is in a slot.
  boolean isAt(int position, @Nullable Object key) {
    int i = position - 1 - array.length;
    if (i < 0) return key == Activation.NUMBER;
    return i < next.length && pairs[2 * i] == key;
  }

  /// The position of the first key that is in use behind `position`, which is 0 at first; 0 if
  /// there is none. In the order of Lua's `next`, as long as nobody adds a key.
  public int nextUsed(int position) {
    int i = position;
    for (; i < array.length; i++) {
      if (array[i] != null) return passed(position, i + 1);
    }
    int size = next.length;
    for (i -= array.length; i < size; i++) {
      if (pairs[2 * i + 1] != null) return passed(position, array.length + i + 1);
    }
    passed(position, array.length + size);
    return 0;
  }

  /// Takes steps for a long way from one position to another. Returns that.
  private int passed(int from, int to) {
    if (to - from > FEW) lua.step((to - from) / 16);
    return to;
  }

  /// The key at `position`, as [#nextUsed] gave it; null if it is the number `position`.
  public @Nullable Object keyAt(int position) {
    int i = position - 1;
    return i < array.length ? null : pairs[2 * (i - array.length)];
  }

  /// The value at `position`, as [#nextUsed] gave it.
  public @Nullable Object valueAt(int position) {
    int i = position - 1;
    return i < array.length ? array[i] : pairs[2 * (i - array.length) + 1];
  }

  /// Walks over the table in the order of Lua's `next`. The visitor may set existing keys, to null
  /// too, but not add any. Stops when it returns false.
  public void forEach(Visitor visitor) {
    for (int at = nextUsed(0); at != 0; at = nextUsed(at)) {
      if ((at & FEW - 1) == 0) lua.step(FEW);
      Object key = keyAt(at);
      Object value = Objects.requireNonNull(valueAt(at));
      if (!visitor.visit(key == null ? (Double) (double) at : key, value)) return;
    }
  }

  /// Sees one pair; returns whether to go on.
  @FunctionalInterface
  public interface Visitor {
    /// Looks at a key and its value.
    boolean visit(Object key, Object value);
  }

  // ── what isn't a value ──

  /// The metatable, or null.
  public @Nullable LuaTable metatable() {
    return metatable;
  }

  /// Sets or removes the metatable, also of a read-only table.
  public void setMetatable(@Nullable LuaTable metatable) {
    this.metatable = metatable;
  }

  /// Whether scripts and hosts are kept from changing it.
  public boolean isReadOnly() {
    return readOnly;
  }

  /// From now on (or no longer) every change is an error: "Attempt to modify a readonly table". It
  /// says nothing of the tables in it.
  public void setReadOnly(boolean readOnly) {
    this.readOnly = readOnly;
  }

  /// The metamethod of `event` if this is a metatable; null if there is none.
  @Nullable Object metamethod(Event event) {
    if ((absentEvents & event.bit) != 0) return null;
    Object method = get(event.key);
    if (method == null) absentEvents |= event.bit;
    return method;
  }

  /// How many keys it has room for.
  int places() {
    return array.length + next.length;
  }

  /// What it takes, without what its values take.
  long bytes() {
    return 64 + SLOT_BYTES * array.length + (pairs == NO_PAIRS ? 0 : PAIR_BYTES * next.length);
  }
}
