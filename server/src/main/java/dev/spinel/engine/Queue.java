package dev.spinel.engine;

import dev.spinel.wire.Args;
import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.LargeSink;
import java.util.ArrayList;

/// The commands that a session has queued since MULTI, in bytes of their own.
///
/// A short command is written one behind the other into blocks of bytes, and read from there again
/// into one [Args] for all of them: 200,000 commands are some hundred arrays. A long one, or one
/// with large arguments, keeps an `Args` of its own.
///
/// ```
///   commands   SET        GET        SET (long)
///   places     0          24         -1
///   blocks     │3 3 1 5 SETkvalue│2 3 1 GETk│ …       own   Args
/// ```
///
/// All of it is counted in the session's share of the heap before it is made. Belongs to the
/// session's thread.
final class Queue {
  /// A command of so many bytes, with 16 for each argument, has an `Args` of its own. So what
  /// [dev.spinel.journal.Effects] refers to is never one that is used again.
  private static final int LONG = 16 * 1024;

  private static final int BLOCK_BITS = 15;
  private static final int BLOCK = 1 << BLOCK_BITS;
  private static final int FIRST = 256; // of the first block, which grows
  private static final int ARGS_BYTES = 200; // an object of its own, and its place in lists

  private final Session session;
  private Command[] commands = new Command[4];
  private int[] places = new int[4]; // in all blocks; -1 - index in `own`
  private int count;
  private final ArrayList<byte[]> blocks = new ArrayList<>(1);
  private int end = BLOCK; // of what is written in the last block
  private final ArrayList<Args> own = new ArrayList<>(0);
  private final Args args = new Args(); // of the command that was asked for last
  private int flags; // that any has
  private int commonFlags = -1; // that all have
  private long bytes;
  private long heldBytes;

  Queue(Session session) {
    this.session = session;
  }

  int size() {
    return count;
  }

  /// The flags that any of the commands has.
  int flags() {
    return flags;
  }

  /// The flags that all of the commands have.
  int commonFlags() {
    return commonFlags;
  }

  /// Bytes of all arguments.
  long bytes() {
    return bytes;
  }

  Command command(int i) {
    return commands[i];
  }

  /// Bytes of the Java heap that they take.
  long heldBytes() {
    return heldBytes;
  }

  /// The arguments of a command: good until those of another are asked for.
  Args args(int i) {
    int place = places[i];
    if (place < 0) {
      return own.get(-1 - place);
    }
    byte[] block = blocks.get(place >>> BLOCK_BITS);
    int at = place & BLOCK - 1;
    int words = integer(block, at);
    int from = at + 4 + 4 * words;
    args.reuse(block, words);
    for (int word = 0; word < words; word++) {
      int length = integer(block, at + 4 + 4 * word);
      args.place(from, length);
      from += length;
    }
    return args;
  }

  /// Adds a command. False, and nothing is added, if the heap has no room for it.
  ///
  /// @param itsFlags those that count, of [Command]
  boolean add(Command command, int itsFlags, Args call) {
    long length = call.bytes();
    boolean isLong = call.hasNodes() || length + 16L * call.count() >= LONG;
    if (count == commands.length && !grow()) {
      return false;
    }
    if (isLong) {
      if (!hold(ARGS_BYTES + call.heapBytes())) {
        return false;
      }
      own.ensureCapacity(own.size() + 1); // before the large arguments move
      own.add(call.copy());
      places[count] = -own.size();
    } else {
      int size = 4 + 4 * call.count() + (int) length;
      if (!makeRoom(size)) {
        return false;
      }
      write(call, blocks.getLast(), end);
      places[count] = blocks.size() - 1 << BLOCK_BITS | end;
      end += size;
    }
    commands[count++] = command;
    flags |= itsFlags;
    commonFlags &= itsFlags;
    bytes += length;
    return true;
  }

  private static void write(Args call, byte[] block, int at) {
    int words = call.count();
    integer(block, at, words);
    int to = at + 4 + 4 * words;
    for (int word = 0; word < words; word++) {
      int length = call.lengthAt(word);
      integer(block, at + 4 + 4 * word, length);
      call.at(word).copyTo(block, to);
      to += length;
    }
  }

  private boolean grow() {
    int more = count * 2;
    if (!hold(8L * more)) {
      return false;
    }
    int[] morePlaces = JavaHeap.copy(places, more);
    commands = JavaHeap.copy(commands, more);
    places = morePlaces;
    release(8L * count);
    return true;
  }

  /// Sees to it that the last block has `size` free bytes at `end`.
  private boolean makeRoom(int size) {
    if (blocks.isEmpty()) {
      int first = Math.max(FIRST, Integer.highestOneBit(size) * 2);
      return size <= BLOCK && addBlock(first);
    }
    byte[] last = blocks.getLast();
    if (size <= last.length - end) {
      return true;
    }
    if (blocks.size() == 1 && last.length < BLOCK && end + size <= BLOCK) {
      int larger = Math.min(BLOCK, Integer.highestOneBit(end + size) * 2);
      if (!hold(larger)) {
        return false;
      }
      blocks.set(0, JavaHeap.copy(last, larger));
      release(last.length);
      return true;
    }
    return addBlock(BLOCK);
  }

  private boolean addBlock(int length) {
    if (blocks.size() == Integer.MAX_VALUE >>> BLOCK_BITS || !hold(length)) {
      return false;
    }
    blocks.add(JavaHeap.bytes(length));
    end = 0;
    return true;
  }

  private boolean hold(long more) {
    if (!session.mayHold(more)) {
      return false;
    }
    heldBytes += more;
    return true;
  }

  private void release(long less) {
    session.release(less);
    heldBytes -= less;
  }

  /// Whether some argument is a node of the data's memory.
  boolean holdsNodes() {
    for (Args each : own) {
      if (each.hasNodes()) {
        return true;
      }
    }
    return false;
  }

  /// Forgets all commands, and gives everything back.
  void clear(LargeSink large) {
    for (Args each : own) {
      each.release(large);
    }
    own.clear();
    blocks.clear();
    count = 0;
    flags = 0;
    commonFlags = -1;
    bytes = 0;
    release(heldBytes);
  }

  private static int integer(byte[] block, int at) {
    return (block[at] & 0xff)
        | (block[at + 1] & 0xff) << 8
        | (block[at + 2] & 0xff) << 16
        | block[at + 3] << 24;
  }

  private static void integer(byte[] block, int at, int value) {
    block[at] = (byte) value;
    block[at + 1] = (byte) (value >>> 8);
    block[at + 2] = (byte) (value >>> 16);
    block[at + 3] = (byte) (value >>> 24);
  }
}
