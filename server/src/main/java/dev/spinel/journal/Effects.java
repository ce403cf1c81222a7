package dev.spinel.journal;

import dev.spinel.wire.Args;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The effects of one command or transaction, encoded as RESP commands, before they are appended.
/// Belongs to one thread.
///
/// Large arguments, and all words of a long call, aren't copied here: a *reference* says where in
/// the encoded bytes they stand, and [#writeTo] hands them over piece by piece from where they are.
/// So whoever adds one keeps it until then.
public final class Effects {
  private static final int KEEP_BYTES = 64 * 1024;
  private static final byte[] NONE = {};
  private static final int REFERRED_BYTES = 64 * 1024;
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
  private @Nullable Args[] referenceWords = {}; // where the node is 0
  private long referredBytes;
  private byte[] piece = NONE;

  private int markedLength;
  private int markedCommands;
  private int markedFirst = -1;
  private int markedCurrent = -1;
  private int markedReferences;
  private long markedReferred;

  /// @param large where large arguments are read from
  public Effects(LargeSink large) {
    this.large = large;
  }

  /// What is here now stays if [#rollBack] is called.
  public void mark() {
    markedLength = length;
    markedCommands = commands;
    markedFirst = first;
    markedCurrent = current;
    markedReferences = references;
    markedReferred = referredBytes;
  }

  /// Forgets everything since [#mark]: a command that was cut off, say.
  public void rollBack() {
    length = markedLength;
    commands = markedCommands;
    first = markedFirst;
    current = markedCurrent;
    references = markedReferences;
    referredBytes = markedReferred;
  }

  public void clear() {
    length = 0;
    commands = 0;
    first = -1;
    current = -1;
    referredBytes = 0;
    piece = NONE;
    if (references > 0) {
      Arrays.fill(referenceWords, 0, references, null);
    }
    references = 0;
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
      Args words = referenceWords[i];
      if (words == null) {
        writeNode(referenceNode[i], referenceLength[i], reader);
      } else {
        writeWords(words, reader);
      }
    }
    reader.append(bytes, from, length - from);
  }

  private void writeNode(long node, int count, Journal.Reader reader) {
    for (int at = 0; at < count; at += piece.length) {
      int n = Math.min(piece.length, count - at);
      large.read(node, at, piece, 0, n);
      reader.append(piece, 0, n);
    }
  }

  private void writeWords(Args words, Journal.Reader reader) {
    int at = 0;
    for (int i = 0; i < words.count(); i++) {
      Slice word = words.at(i);
      if (at + word.length + 32L > piece.length || word.node != 0) {
        reader.append(piece, 0, at);
        at = 0;
      }
      piece[at++] = '$';
      at = Numbers.format(word.length, piece, at);
      piece[at++] = '\r';
      piece[at++] = '\n';
      if (word.node == 0 && at + word.length + 2 <= piece.length) {
        System.arraycopy(word.array, word.offset, piece, at, word.length);
        at += word.length;
      } else {
        reader.append(piece, 0, at);
        at = 0;
        if (word.node == 0) {
          reader.append(word.array, word.offset, word.length);
        } else {
          writeNode(word.node, word.length, reader);
        }
      }
      piece[at++] = '\r';
      piece[at++] = '\n';
    }
    reader.append(piece, 0, at);
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
      header('$', slice.length);
      refer(slice.node, null, slice.length);
      room(2);
      line();
      return this;
    }
    return add(slice.array, slice.offset, slice.length);
  }

  /// A command whose words are those of a call, which keeps them until the effects are appended: if
  /// they are many or long they aren't copied.
  public Effects command(Args words) {
    int count = words.count();
    command(count);
    if (words.bytes() + 16L * count < REFERRED_BYTES) {
      for (int i = 0; i < count; i++) {
        add(words.at(i));
      }
      return this;
    }
    long all = 0;
    for (int i = 0; i < count; i++) {
      int n = words.lengthAt(i);
      all += Numbers.digits(n) + n + 5L;
    }
    room(2);
    refer(0, words, 0);
    referredBytes += all;
    return this;
  }

  /// What stands at this place when it is appended: `count` bytes of a node, or all words of a
  /// call.
  private void refer(long node, @Nullable Args words, int count) {
    if (references == referenceAt.length) {
      int more = Math.max(4, references * 2);
      referenceAt = Arrays.copyOf(referenceAt, more);
      referenceNode = Arrays.copyOf(referenceNode, more);
      referenceLength = Arrays.copyOf(referenceLength, more);
      referenceWords = Arrays.copyOf(referenceWords, more);
    }
    referenceAt[references] = length;
    referenceNode[references] = node;
    referenceLength[references] = count;
    referenceWords[references++] = words;
    referredBytes += count;
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
