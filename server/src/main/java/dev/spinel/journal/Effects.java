package dev.spinel.journal;

import dev.spinel.wire.Args;
import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The effects of one command or transaction, encoded as RESP commands, before they are appended.
/// Belongs to one thread.
///
/// Commands that stand side by side, mean the same database and are for the same audiences are a
/// *part*:
///
/// ```
///   bytes   │ SET k v   DEL l │ PUBLISH c m │ SET k v │
///   parts     0: database 0     1: none       2: database 5
///                ALL               REPLICAS      ALL
/// ```
///
/// Large arguments, and all words of a long call, aren't copied here: a *reference* says where in
/// the encoded bytes they stand, and they are handed over piece by piece from where they are. So
/// whoever adds one keeps it until then.
public final class Effects {
  /// No database: the command means none.
  public static final int NO_DATABASE = -1;

  private static final int KEEP_BYTES = 64 * 1024;
  private static final byte[] NONE = {};
  private static final int REFERRED_BYTES = 64 * 1024;
  private static final int PIECE_BYTES = 64 * 1024;

  private byte[] bytes = new byte[512];
  private int length;
  private int commands;
  private final int[] commandsOf = new int[Journal.ALL + 1]; // by their audiences
  private int database = NO_DATABASE; // that the next command means
  private int audiences = Journal.ALL; // that the next command is for
  private boolean apart;
  private final byte[] digits = new byte[24];

  private int parts;
  private int[] partFrom = new int[4]; // its place in `bytes`
  private int[] partDatabase = new int[4];
  private int[] partAudiences = new int[4];

  private final LargeSink large;
  private int references;
  private int[] referenceAt = {}; // its place in `bytes`
  private long[] referenceNode = {};
  private int[] referenceLength = {};
  private @Nullable Args[] referenceWords = {}; // where the node is 0
  private byte[] piece = NONE;

  private int markedLength;
  private int markedCommands;
  private final int[] markedCommandsOf = new int[Journal.ALL + 1];
  private int markedParts;
  private int markedReferences;

  /// @param large where large arguments are read from
  public Effects(LargeSink large) {
    this.large = large;
  }

  /// What is here now stays if [#rollBack] is called.
  public void mark() {
    markedLength = length;
    markedCommands = commands;
    System.arraycopy(commandsOf, 0, markedCommandsOf, 0, commandsOf.length);
    markedParts = parts;
    markedReferences = references;
  }

  /// Forgets everything since [#mark]: a command that was cut off, say.
  public void rollBack() {
    length = markedLength;
    commands = markedCommands;
    System.arraycopy(markedCommandsOf, 0, commandsOf, 0, commandsOf.length);
    parts = markedParts;
    references = markedReferences;
  }

  public void clear() {
    length = 0;
    commands = 0;
    Arrays.fill(commandsOf, 0);
    parts = 0;
    database = NO_DATABASE;
    audiences = Journal.ALL;
    apart = false;
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

  /// The commands added from here on mean this database, or [#NO_DATABASE].
  public Effects database(int number) {
    database = number;
    return this;
  }

  /// The commands added from here on are for these audiences.
  public Effects audiences(int bits) {
    audiences = bits;
    return this;
  }

  /// The commands have nothing to do with each other: no MULTI around them.
  public Effects apart() {
    apart = true;
    return this;
  }

  // ── for the journal ──

  /// The audiences that get more than one command, which they are to apply as one.
  int transactionFor() {
    int bits = 0;
    if (commands > 1 && !apart) {
      for (int bit = 1; bit <= Journal.ALL; bit <<= 1) {
        int count = 0;
        for (int of = 1; of <= Journal.ALL; of++) {
          count += (of & bit) != 0 ? commandsOf[of] : 0;
        }
        bits |= count > 1 ? bit : 0;
      }
    }
    return bits;
  }

  int parts() {
    return parts;
  }

  int partDatabase(int part) {
    return partDatabase[part];
  }

  int partAudiences(int part) {
    return partAudiences[part];
  }

  private int partEnd(int part) {
    return part + 1 < parts ? partFrom[part + 1] : length;
  }

  /// The bytes of a part that refers to nothing.
  int partLength(int part) {
    return partEnd(part) - partFrom[part];
  }

  /// Whether something is here by reference only.
  boolean refers() {
    return references > 0;
  }

  /// All bytes that are here themselves.
  int copiedBytes() {
    return length;
  }

  /// Puts a part that refers to nothing into a ring whose length is a power of two.
  void writeTo(int part, byte[] ring, int at) {
    int count = partLength(part);
    int first = Math.min(count, ring.length - at);
    System.arraycopy(bytes, partFrom[part], ring, at, first);
    System.arraycopy(bytes, partFrom[part] + first, ring, 0, count - first);
  }

  /// There will be room for what [#writeTo] needs, or there isn't now.
  void prepare() {
    if (references > 0 && piece.length == 0) {
      piece = JavaHeap.bytes(PIECE_BYTES);
    }
  }

  /// Hands the bytes of a part over in order, after [#prepare].
  void writeTo(int part, Journal.Merging into) {
    int from = partFrom[part];
    int end = partEnd(part);
    for (int i = 0; i < references; i++) {
      if (referenceAt[i] <= partFrom[part] || referenceAt[i] > end) {
        continue; // a part begins with a header, so what stands there belongs to the one before
      }
      into.bytes(bytes, from, referenceAt[i] - from);
      from = referenceAt[i];
      Args words = referenceWords[i];
      if (words == null) {
        writeNode(referenceNode[i], referenceLength[i], into);
      } else {
        writeWords(words, into);
      }
    }
    into.bytes(bytes, from, end - from);
  }

  private void writeNode(long node, int count, Journal.Merging into) {
    for (int at = 0; at < count; at += piece.length) {
      int n = Math.min(piece.length, count - at);
      large.read(node, at, piece, 0, n);
      into.bytes(piece, 0, n);
    }
  }

  private void writeWords(Args words, Journal.Merging into) {
    int at = 0;
    for (int i = 0; i < words.count(); i++) {
      Slice word = words.at(i);
      if (at + word.length + 32L > piece.length || word.node != 0) {
        into.bytes(piece, 0, at);
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
        into.bytes(piece, 0, at);
        at = 0;
        if (word.node == 0) {
          into.bytes(word.array, word.offset, word.length);
        } else {
          writeNode(word.node, word.length, into);
        }
      }
      piece[at++] = '\r';
      piece[at++] = '\n';
    }
    into.bytes(piece, 0, at);
  }

  // ── for those who add ──

  /// Begins a command of `arguments` words, its name included; exactly so many `add` calls follow.
  public Effects command(int arguments) {
    commands++;
    commandsOf[audiences]++;
    if (parts == 0
        || partDatabase[parts - 1] != database
        || partAudiences[parts - 1] != audiences) {
      begin();
    }
    header('*', arguments);
    return this;
  }

  /// Bytes of the stream as they came, which are for replicas: neither SELECT nor MULTI is added.
  Effects raw(byte[] array, int from, int count) {
    commands++;
    audiences = Journal.REPLICAS;
    database = NO_DATABASE;
    commandsOf[audiences]++;
    begin();
    room(count);
    System.arraycopy(array, from, bytes, length, count);
    length += count;
    return this;
  }

  private void begin() {
    if (parts == partFrom.length) {
      partFrom = Arrays.copyOf(partFrom, parts * 2);
      partDatabase = Arrays.copyOf(partDatabase, parts * 2);
      partAudiences = Arrays.copyOf(partAudiences, parts * 2);
    }
    partFrom[parts] = length;
    partDatabase[parts] = database;
    partAudiences[parts++] = audiences;
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
    refer(0, words, 0);
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
