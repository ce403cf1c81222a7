package dev.spinel.journal;

import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// The effects of one command or transaction, encoded as RESP commands, before they are appended.
/// Belongs to one thread.
///
/// Large arguments aren't copied here: a *reference* says where in the encoded bytes one stands,
/// and [#writeTo] reads it piece by piece. So whoever adds one keeps it until then.
public final class Effects {
  private static final int KEEP_BYTES = 64 * 1024;
  private static final byte[] NONE = {};
  private static final int PIECE_BYTES = 64 * 1024;

  private byte[] bytes = new byte[512];
  private int length;
  private int commands;
  private int first = -1; // the database that the first command means; -1 = none yet
  private int current = -1; // the database that the next command means
  private final byte[] digits = new byte[24];

  private final LargeSink large;
  private int references;
  private int[] referenceAt = {}; // its place in `bytes`
  private long[] referenceNode = {};
  private int[] referenceLength = {};
  private long referredBytes;
  private byte[] piece = NONE;

  /// @param large where large arguments are read from
  public Effects(LargeSink large) {
    this.large = large;
  }

  public void clear() {
    length = 0;
    commands = 0;
    first = -1;
    current = -1;
    references = 0;
    referredBytes = 0;
    piece = NONE;
    if (bytes.length > KEEP_BYTES) {
      bytes = new byte[512];
    }
  }

  public int commands() {
    return commands;
  }

  public boolean isEmpty() {
    return commands == 0;
  }

  /// The commands added from here on mean this database.
  public Effects database(int number) {
    if (first < 0) {
      first = number;
    } else if (number != current) {
      header('*', 2);
      add("SELECT");
      add((long) number);
    }
    current = number;
    return this;
  }

  int firstDatabase() {
    return first;
  }

  int lastDatabase() {
    return current;
  }

  /// Bytes in all, large arguments included.
  long length() {
    return length + referredBytes;
  }

  /// Hands all bytes over in order, in one call unless there are large arguments.
  void writeTo(Journal.Reader reader) {
    int from = 0;
    for (int i = 0; i < references; i++) {
      reader.append(bytes, from, referenceAt[i] - from);
      from = referenceAt[i];
      piece = piece.length == 0 ? new byte[PIECE_BYTES] : piece;
      for (int at = 0; at < referenceLength[i]; at += piece.length) {
        int n = Math.min(piece.length, referenceLength[i] - at);
        large.read(referenceNode[i], at, piece, 0, n);
        reader.append(piece, 0, n);
      }
    }
    reader.append(bytes, from, length - from);
  }

  /// Begins a command of `arguments` words, its name included; exactly so many `add` calls follow.
  public Effects command(int arguments) {
    commands++;
    header('*', arguments);
    return this;
  }

  public Effects add(String text) {
    return add(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  public Effects add(byte[] word) {
    return add(word, 0, word.length);
  }

  public Effects add(byte[] array, int from, int count) {
    header('$', count);
    room(count + 2);
    System.arraycopy(array, from, bytes, length, count);
    length += count;
    line();
    return this;
  }

  public Effects add(Slice slice) {
    if (slice.node != 0) {
      return refer(slice.node, slice.length);
    }
    return add(slice.array, slice.offset, slice.length);
  }

  private Effects refer(long node, int count) {
    header('$', count);
    if (references == referenceAt.length) {
      int room = Math.max(4, references * 2);
      referenceAt = Arrays.copyOf(referenceAt, room);
      referenceNode = Arrays.copyOf(referenceNode, room);
      referenceLength = Arrays.copyOf(referenceLength, room);
    }
    referenceAt[references] = length;
    referenceNode[references] = node;
    referenceLength[references++] = count;
    referredBytes += count;
    room(2);
    line();
    return this;
  }

  public Effects add(long number) {
    int count = Numbers.format(number, digits, 0);
    return add(digits, 0, count);
  }

  /// One command of any words: String, byte[], Slice or Long.
  public Effects add(Object... words) {
    command(words.length);
    for (Object word : words) {
      switch (word) {
        case String text -> add(text);
        case byte[] array -> add(array);
        case Slice slice -> add(slice);
        case Long number -> add(number.longValue());
        case Integer number -> add(number.longValue());
        default -> throw new IllegalArgumentException("no word of an effect: " + word.getClass());
      }
    }
    return this;
  }

  private void header(char sign, long number) {
    room(32);
    bytes[length++] = (byte) sign;
    length = Numbers.format(number, bytes, length);
    line();
  }

  private void line() {
    bytes[length++] = '\r';
    bytes[length++] = '\n';
  }

  private void room(int more) {
    if (length + more + 2 > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more + 64));
    }
  }
}
