package dev.spinel.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Reads and writes at addresses outside the Java heap. Every access of the whole server goes
/// through here.
///
/// There are two ways to turn a `long` into memory, and one `static final boolean` that chooses, so
/// that the JIT compiles only one of them:
///
/// - **Raw**, where the JVM grants native access (our launcher asks for it): an address is the
///   machine's own, and all accesses go through one segment that covers everything. A load is a
///   load. A wild address is undefined behaviour.
/// - **Bounded**, everywhere else and in all tests: an address is `slab index << 22 | offset`, each
///   slab a segment of its own with the JDK's bounds and lifetime checks. A wild address is an
///   exception. Slab index 0 does not exist, so no small number is an address. Costs 16 ns per GET
///   and 33 ns per SET in cache, 3 to 15 % at 5 million keys
///   (`docs/adr/001-data-outside-the-heap.md`).
///
/// Code that makes many accesses to one node resolves it once: `segment(a)` and `offset(a)`, then
/// `segment.get(LONG, offset + 8 * i)`. Raw, that is the segment of everything and the address
/// itself; bounded, the slab and the place in it. A node never crosses a slab's end.
///
/// Multi-byte values are little endian, unaligned. 0 is never an address.
///
/// Short ranges are copied and compared by words, of which the last overlaps the one before it: no
/// bytes are left over for a loop of their own.
///
/// **Threads.** Memory orders nothing: plain reads and writes, published by whatever lock guards
/// the node.
public final class Memory implements AutoCloseable {

  /// True where addresses are the machine's own. `-Dspinel.memory.bounded=true` refuses the
  /// privilege.
  public static final boolean RAW =
      Memory.class.getModule().isNativeAccessEnabled()
          && !Boolean.getBoolean("spinel.memory.bounded");

  public static final ValueLayout.OfByte BYTE = JAVA_BYTE;
  public static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// Addresses have no more bits than this, and the lowest three of a node's are 0.
  public static final int ADDRESS_BITS = 48;

  /// Bounded and with assertions: every access is checked against the node that it claims to touch.
  static final boolean CHECKED = !RAW && Memory.class.desiredAssertionStatus();

  static final int SLAB_BITS = 22;
  static final int SLAB = 1 << SLAB_BITS;

  private static final MemorySegment EVERYTHING = everything();
  private static final VarHandle ARRAY_LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle ARRAY_INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  /// Up to here a copy is a loop of words; beyond, the JDK's copy routine has paid for its call.
  private static final int SHORT_COPY = 64;

  /// Bounded mode: the slabs by index, null where there is none; index 0 is always null. Replaced,
  /// never shrunk; written under the slabs' lock. A plain field, for an address reaches another
  /// thread only through a lock, and the slab was here before the address was.
  private MemorySegment[] slabs = new MemorySegment[2];

  /// Which bytes belong to live nodes; only used if [#CHECKED].
  private final Liveness liveness = new Liveness();

  /// Bytes taken from the system; written under the slabs' lock.
  private volatile long reservedBytes;

  public Memory() {}

  @SuppressWarnings(
      "restricted") // only where the module was granted native access, so nothing is printed
  private static MemorySegment everything() {
    return RAW ? MemorySegment.NULL.reinterpret(Long.MAX_VALUE) : MemorySegment.NULL;
  }

  /// The segment in which `a` lies, to be used with [#offset(long)].
  public MemorySegment segment(long a) {
    assert alive(a, 1);
    return slab(a);
  }

  private MemorySegment slab(long a) {
    if (RAW) return EVERYTHING;
    MemorySegment[] table = slabs;
    long index = a >>> SLAB_BITS;
    if (index >= table.length) throw wild(a);
    MemorySegment slab = table[(int) index];
    if (slab == null) throw wild(a);
    return slab;
  }

  /// Where `a` lies in [#segment(long)].
  public long offset(long a) {
    return RAW ? a : a & (SLAB - 1);
  }

  public byte getByte(long a) {
    assert alive(a, 1);
    return slab(a).get(BYTE, offset(a));
  }

  public short getShort(long a) {
    assert alive(a, 2);
    return slab(a).get(SHORT, offset(a));
  }

  public int getInt(long a) {
    assert alive(a, 4);
    return slab(a).get(INT, offset(a));
  }

  public long getLong(long a) {
    assert alive(a, 8);
    return slab(a).get(LONG, offset(a));
  }

  public void putByte(long a, byte v) {
    assert alive(a, 1);
    slab(a).set(BYTE, offset(a), v);
  }

  public void putShort(long a, short v) {
    assert alive(a, 2);
    slab(a).set(SHORT, offset(a), v);
  }

  public void putInt(long a, int v) {
    assert alive(a, 4);
    slab(a).set(INT, offset(a), v);
  }

  public void putLong(long a, long v) {
    assert alive(a, 8);
    slab(a).set(LONG, offset(a), v);
  }

  /// Copies `n` bytes, correctly also where the two ranges overlap.
  public void copy(long from, long to, long n) {
    if (n == 0) return;
    assert alive(from, n) && alive(to, n);
    MemorySegment.copy(slab(from), offset(from), slab(to), offset(to), n);
  }

  public void copyIn(byte[] src, int from, long to, int n) {
    if (n == 0) return;
    assert alive(to, n);
    MemorySegment s = slab(to);
    long o = offset(to);
    if (n > SHORT_COPY) {
      MemorySegment.copy(src, from, s, BYTE, o, n);
      return;
    }
    int last = n - 8;
    if (last >= 0) {
      for (int i = 0; i < last; i += 8) s.set(LONG, o + i, (long) ARRAY_LONG.get(src, from + i));
      s.set(LONG, o + last, (long) ARRAY_LONG.get(src, from + last));
    } else if (n >= 4) {
      s.set(INT, o, (int) ARRAY_INT.get(src, from));
      s.set(INT, o + n - 4, (int) ARRAY_INT.get(src, from + n - 4));
    } else {
      s.set(BYTE, o, src[from]);
      s.set(BYTE, o + (n >> 1), src[from + (n >> 1)]);
      s.set(BYTE, o + n - 1, src[from + n - 1]);
    }
  }

  public void copyOut(long from, byte[] dst, int to, int n) {
    if (n == 0) return;
    assert alive(from, n);
    MemorySegment s = slab(from);
    long o = offset(from);
    if (n > SHORT_COPY) {
      MemorySegment.copy(s, BYTE, o, dst, to, n);
      return;
    }
    int last = n - 8;
    if (last >= 0) {
      for (int i = 0; i < last; i += 8) ARRAY_LONG.set(dst, to + i, s.get(LONG, o + i));
      ARRAY_LONG.set(dst, to + last, s.get(LONG, o + last));
    } else if (n >= 4) {
      ARRAY_INT.set(dst, to, s.get(INT, o));
      ARRAY_INT.set(dst, to + n - 4, s.get(INT, o + n - 4));
    } else {
      dst[to] = s.get(BYTE, o);
      dst[to + (n >> 1)] = s.get(BYTE, o + (n >> 1));
      dst[to + n - 1] = s.get(BYTE, o + n - 1);
    }
  }

  public void fill(long a, long n, byte v) {
    if (n == 0) return;
    assert alive(a, n);
    slab(a).asSlice(offset(a), n).fill(v);
  }

  public boolean equal(long a, byte[] b, int from, int n) {
    if (n == 0) return true;
    assert alive(a, n);
    MemorySegment s = slab(a);
    long o = offset(a);
    int last = n - 8;
    if (last >= 0) {
      for (int i = 0; i < last; i += 8)
        if (s.get(LONG, o + i) != (long) ARRAY_LONG.get(b, from + i)) return false;
      return s.get(LONG, o + last) == (long) ARRAY_LONG.get(b, from + last);
    }
    if (n >= 4) {
      return s.get(INT, o) == (int) ARRAY_INT.get(b, from)
          && s.get(INT, o + n - 4) == (int) ARRAY_INT.get(b, from + n - 4);
    }
    return s.get(BYTE, o) == b[from]
        && s.get(BYTE, o + (n >> 1)) == b[from + (n >> 1)]
        && s.get(BYTE, o + n - 1) == b[from + n - 1];
  }

  public boolean equal(long a, long b, int n) {
    if (n == 0) return true;
    assert alive(a, n) && alive(b, n);
    MemorySegment s = slab(a);
    MemorySegment t = slab(b);
    long o = offset(a);
    long p = offset(b);
    int i = 0;
    for (; i <= n - 8; i += 8) if (s.get(LONG, o + i) != t.get(LONG, p + i)) return false;
    for (; i < n; i++) if (s.get(BYTE, o + i) != t.get(BYTE, p + i)) return false;
    return true;
  }

  /// The order of `memcmp` on the common length, then the shorter first: negative, 0 or positive.
  public int compare(long a, int an, long b, int bn) {
    int n = Math.min(an, bn);
    if (n == 0) return an - bn;
    assert alive(a, an) && alive(b, bn);
    MemorySegment s = slab(a);
    MemorySegment t = slab(b);
    long o = offset(a);
    long p = offset(b);
    int i = 0;
    for (; i <= n - 8; i += 8) {
      long x = s.get(LONG, o + i);
      long y = t.get(LONG, p + i);
      if (x != y) return Long.compareUnsigned(Long.reverseBytes(x), Long.reverseBytes(y));
    }
    for (; i < n; i++) {
      int d = (s.get(BYTE, o + i) & 0xff) - (t.get(BYTE, p + i) & 0xff);
      if (d != 0) return d;
    }
    return an - bn;
  }

  /// The same with the `n` bytes of `b` from `from`.
  public int compare(long a, int an, byte[] b, int from, int n) {
    int common = Math.min(an, n);
    if (common == 0) return an - n;
    assert alive(a, an);
    MemorySegment s = slab(a);
    long o = offset(a);
    int i = 0;
    for (; i <= common - 8; i += 8) {
      long x = s.get(LONG, o + i);
      long y = (long) ARRAY_LONG.get(b, from + i);
      if (x != y) return Long.compareUnsigned(Long.reverseBytes(x), Long.reverseBytes(y));
    }
    for (; i < common; i++) {
      int d = (s.get(BYTE, o + i) & 0xff) - (b[from + i] & 0xff);
      if (d != 0) return d;
    }
    return an - n;
  }

  /// A direct, big endian buffer over `[a, a + n)`, for socket reads and writes. It must not
  /// outlive the node.
  public ByteBuffer view(long a, int n) {
    if (n == 0) return ByteBuffer.allocate(0);
    assert alive(a, n);
    return slab(a).asSlice(offset(a), n).asByteBuffer();
  }

  /// Bytes that have been taken from the system and not given back.
  public long reservedBytes() {
    return reservedBytes;
  }

  /// Forgets all slabs: from now on every bounded access throws. Their owner, the heap, closes
  /// them.
  @Override
  public void close() {
    slabs = new MemorySegment[2];
  }

  /// Makes `slab` part of the memory and says at which address it begins. Slabs' lock.
  long attach(int index, MemorySegment slab) {
    long address = RAW ? slab.address() : (long) index << SLAB_BITS;
    if (address >>> ADDRESS_BITS != 0) {
      throw new IllegalStateException(
          "address 0x" + Long.toHexString(address) + " has more than 48 bits");
    }
    reserve(SLAB);
    if (RAW) return address;
    if (CHECKED) liveness.attach(index);
    MemorySegment[] table = slabs;
    if (index >= table.length) table = Arrays.copyOf(table, Math.max(index + 1, table.length * 2));
    table[index] = slab;
    slabs = table;
    return address;
  }

  /// The opposite; every address in the slab is wild from now on. Slabs' lock.
  void detach(int index) {
    reserve(-SLAB);
    if (RAW) return;
    slabs[index] = null;
    if (CHECKED) liveness.detach(index);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // under the slabs' lock
  private void reserve(int bytes) {
    reservedBytes += bytes;
  }

  // ── for the allocator: words of its own, and the book-keeping of the checked mode ──

  long peek(long a) {
    return slab(a).get(LONG, offset(a));
  }

  void poke(long a, long v) {
    slab(a).set(LONG, offset(a), v);
  }

  /// Marks bytes as belonging to no node.
  void poison(long a, long n) {
    slab(a).asSlice(offset(a), n).fill(Liveness.POISON);
  }

  /// A node begins to live; checks that nothing was written to it while it was dead. Always true.
  boolean born(long a, int capacity) {
    if (!CHECKED) return true;
    liveness.born(a, capacity);
    MemorySegment s = slab(a);
    long o = offset(a);
    for (int i = 0; i < capacity; i += Long.BYTES) {
      if (s.get(LONG, o + i) != Liveness.POISON_WORD) {
        throw new AssertionError(
            "written after free: 0x" + Long.toHexString(a + i) + " in a node of " + capacity);
      }
    }
    return true;
  }

  /// A node is dead from now on. Always true.
  boolean died(long a, int capacity) {
    if (!CHECKED) return true;
    liveness.died(a, capacity);
    poison(a, capacity);
    return true;
  }

  /// All of `[a, a + n)` lies in one live node, or this throws.
  private boolean alive(long a, long n) {
    if (!CHECKED) return true;
    slab(a); // a wild address has its own exception
    return liveness.check(a, n);
  }

  private static IndexOutOfBoundsException wild(long a) {
    return new IndexOutOfBoundsException("no memory at address 0x" + Long.toHexString(a));
  }
}
