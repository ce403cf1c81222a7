package dev.spinel.wire;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The bytes of one argument: `length` bytes of `array` from `offset`, or, for a large argument (32
/// KB and more) that was read straight into its place, an opaque `node` number with `array ==
/// null`.
///
/// A slice that comes from [Args] lives until the call ends: the array beneath it is a buffer that
/// the next read overwrites. Whoever keeps bytes copies them ([#copy]) or, for a node, [#take]s it.
/// Fields are public because the hot paths of every command read them; only `wire` and whoever made
/// the slice write them. Owned by the thread that runs the call.
public final class Slice {
  static final byte[] NO_BYTES = {};

  /// The bytes' home; null when `node != 0` (not declared so: every reader knows, having asked for
  /// `node`).
  public byte[] array = NO_BYTES;

  /// Index of the first byte in `array`.
  public int offset;

  /// Bytes of the argument, also for a node.
  public int length;

  /// Number of a large argument in its [LargeSink]; 0 if the bytes are in `array`.
  public long node;

  /// Who hands the node over when it is taken; null for a slice of our own.
  private @Nullable Args owner;

  /// The node's place in `owner`.
  private int nodeIndex;

  public Slice() {}

  public Slice(byte[] bytes) {
    set(bytes, 0, bytes.length);
  }

  public Slice(byte[] array, int offset, int length) {
    set(array, offset, length);
  }

  /// The characters of `text` as bytes, one each.
  public static Slice of(String text) {
    return new Slice(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  public Slice set(byte[] array, int offset, int length) {
    this.array = array;
    this.offset = offset;
    this.length = length;
    this.node = 0;
    return this;
  }

  @SuppressWarnings("NullAway")
  void setNode(Args owner, int nodeIndex, long node, int length) {
    this.array = null;
    this.offset = 0;
    this.length = length;
    this.node = node;
    this.owner = owner;
    this.nodeIndex = nodeIndex;
  }

  /// Takes the large argument over: from here on it is the caller's to keep or to free. Only once,
  /// and only if `node != 0`. A slice of our own says then that it was: its node is 0.
  public long take() {
    assert node != 0 : "not a large argument";
    long taken = node;
    if (owner != null) {
      owner.taken(nodeIndex, taken);
    } else {
      node = 0;
    }
    return taken;
  }

  /// Undoes [#take]: there was no place to keep it.
  public void giveBack(long taken) {
    if (owner != null) {
      owner.givenBack(nodeIndex, taken);
    } else {
      node = taken;
    }
  }

  /// Whether this is the argument of a call, as opposed to a slice of our own.
  public boolean isArgument() {
    return owner != null;
  }

  /// The byte at `i`, 0 to 255.
  public int byteAt(int i) {
    assert i >= 0 && i < length && node == 0;
    return array[offset + i] & 0xff;
  }

  /// Whether these bytes are the token `upperAscii` (upper case letters, digits, signs), whatever
  /// their case.
  public boolean is(String upperAscii) {
    int n = length;
    if (n != upperAscii.length() || node != 0) return false;
    byte[] a = array;
    int at = offset;
    for (int i = 0; i < n; i++) {
      int c = a[at + i];
      if (c >= 'a' && c <= 'z') c -= 32;
      if (c != upperAscii.charAt(i)) return false;
    }
    return true;
  }

  public boolean equal(byte[] other) {
    return node == 0 && Arrays.equals(array, offset, offset + length, other, 0, other.length);
  }

  public boolean equal(Slice other) {
    return node == 0
        && other.node == 0
        && Arrays.equals(
            array, offset, offset + length, other.array, other.offset, other.offset + other.length);
  }

  /// As `memcmp`, a shorter prefix first.
  public int compare(Slice other) {
    return Arrays.compareUnsigned(
        array, offset, offset + length, other.array, other.offset, other.offset + other.length);
  }

  public byte[] copy() {
    assert node == 0 : "a large argument is read through its sink";
    return Arrays.copyOfRange(array, offset, offset + length);
  }

  public void copyTo(byte[] into, int at) {
    assert node == 0;
    System.arraycopy(array, offset, into, at, length);
  }

  /// The bytes as characters 0 to 255, one each: nothing is lost on the way back.
  public String text() {
    return node != 0 ? "" : new String(array, offset, length, StandardCharsets.ISO_8859_1);
  }

  /// Whether the bytes are an integer in the one form that [Numbers#isLong] accepts.
  public boolean isLong() {
    return node == 0 && Numbers.isLong(array, offset, length);
  }

  /// The integer, or `otherwise` if the bytes aren't one. Where every value is legal, ask [#isLong]
  /// too when `otherwise` comes back.
  public long toLong(long otherwise) {
    return node != 0 ? otherwise : Numbers.parseLong(array, offset, length, otherwise);
  }

  /// The double, or NaN if the bytes aren't one (NaN itself is never accepted).
  public double toDouble() {
    return node != 0 ? Double.NaN : Numbers.parseDouble(array, offset, length);
  }

  /// The long double, or null if the bytes aren't one.
  public @Nullable LongDouble toLongDouble() {
    return node != 0 ? null : LongDouble.parse(array, offset, length);
  }

  @Override
  public int hashCode() {
    int h = 1;
    for (int i = offset, end = offset + length; node == 0 && i < end; i++) h = (31 * h) + array[i];
    return h;
  }

  /// By content; a node equals only itself.
  @Override
  public boolean equals(Object o) {
    return o instanceof Slice s
        && (node != 0 || s.node != 0 ? node == s.node && length == s.length : equal(s));
  }

  @Override
  public String toString() {
    return node != 0 ? "node " + node + " of " + length + " bytes" : text();
  }
}
