package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.lang.foreign.MemorySegment;

/// The nodes of a list as Redis would have them, for RDB files: each is a listpack, or one large
/// element without a listpack around it ([#isPlain]).
///
/// [#next] goes to a node; then this object is the run of its bytes. A node of several leaves
/// ([Quicklist]) is put together while it is read:
///
/// ```
///   leaves of the node   [listpack][1 MB element][listpack]
///   what is read         header · entries · prefix · 1 MB · length backwards · entries · 0xff
/// ```
///
/// Belongs to one thread; good while nobody changes the list.
public final class ListNodes implements ByteRun {
  private static final int LEAF = 1; // what is read next
  private static final int TEXT = 2;
  private static final int TAIL = 3;
  private static final int END = 4;

  private final Memory m;
  private final Sequence sequence;
  private final ChunkedBytes element;
  private final byte[] small = new byte[Listpack.HEADER + 10];

  private long inline; // the listpack that is the whole list; 0: it is a sequence
  private boolean begun;

  // the node
  private long start; // index of its first element
  private long bytes;
  private int count;
  private boolean plain;

  // the piece of it that is read
  private int next;
  private long address; // 0: `small`, or the element
  private boolean inElement;
  private long at;
  private long end;

  public ListNodes(Memory m, Allocator allocator) {
    this.m = m;
    sequence = new Sequence(m, allocator);
    element = new ChunkedBytes(m, allocator);
  }

  /// Turns to a list, before its first node. Returns how many nodes it has.
  public long open(long entry) {
    assert Entry.type(m, entry) == Entry.LIST;
    begun = false;
    long value = Entry.valueAddress(m, entry);
    if (Entry.encoding(m, entry) == Entry.LISTPACK) {
      inline = value;
      return 1;
    }
    inline = 0;
    sequence.openToRead(value);
    long nodes = 0;
    for (boolean more = sequence.first(); more; more = sequence.next()) {
      if (!isJoined()) nodes++;
    }
    sequence.first();
    return nodes;
  }

  private boolean isJoined() {
    return (sequence.word() & Quicklist.JOINED) != 0;
  }

  /// Goes to the next node, which exists.
  public void next() {
    if (inline != 0) {
      assert !begun;
      plain = false;
      bytes = Listpack.bytes(m, inline);
    } else {
      if (begun) {
        sequence.seek(start);
        while (sequence.next() && isJoined()) {
          // within the node
        }
      }
      measure();
    }
    begun = true;
    rewind();
  }

  private void measure() {
    start = sequence.leafStart();
    plain = (sequence.word() & (Quicklist.PLAIN | Quicklist.GROUP)) == Quicklist.PLAIN;
    if (plain) {
      bytes = Sequence.count(m, sequence.leaf());
      return;
    }
    bytes = Listpack.EMPTY;
    long elements = 0;
    do {
      elements += sequence.leafCount();
      bytes +=
          sequence.kind() == Sequence.PACKED
              ? Listpack.bytes(m, sequence.leaf()) - Listpack.EMPTY
              : Listpack.textEntryBytes((int) Sequence.count(m, sequence.leaf()));
    } while (sequence.next() && isJoined());
    count = (int) Math.min(elements, 0xffff);
  }

  /// Whether the node is one element without a listpack around it.
  public boolean isPlain() {
    return plain;
  }

  @Override
  public long length() {
    return bytes;
  }

  @Override
  public void rewind() {
    if (inline != 0) {
      run(inline, bytes);
      next = END + 1;
      return;
    }
    sequence.seek(start);
    if (plain) {
      runElement();
      next = END + 1;
    } else {
      MemorySegment s = MemorySegment.ofArray(small);
      s.set(Memory.INT, 0, (int) bytes);
      s.set(Memory.SHORT, 4, (short) count);
      runSmall(Listpack.HEADER);
      next = LEAF;
    }
  }

  private void run(long address, long n) {
    this.address = address;
    inElement = false;
    at = 0;
    end = n;
  }

  private void runSmall(int n) {
    run(0, n);
  }

  private void runElement() {
    element.openToRead(sequence.leaf());
    inElement = true;
    at = 0;
    end = element.length();
  }

  @Override
  public void read(byte[] to, int from, int n) {
    int done = 0;
    while (done < n) {
      if (at == end) advance();
      int piece = (int) Math.min(n - done, end - at);
      if (inElement) {
        element.copyOut(at, to, from + done, piece);
      } else if (address != 0) {
        m.copyOut(address + at, to, from + done, piece);
      } else {
        System.arraycopy(small, (int) at, to, from + done, piece);
      }
      at += piece;
      done += piece;
    }
  }

  private void advance() {
    switch (next) {
      case LEAF -> {
        long leaf = sequence.leaf();
        if (sequence.kind() == Sequence.PACKED) {
          leave();
          run(leaf + Listpack.HEADER, Listpack.bytes(m, leaf) - Listpack.EMPTY);
        } else {
          int length = (int) Sequence.count(m, leaf);
          runSmall(Listpack.putTextPrefix(small, length));
          next = TEXT;
        }
      }
      case TEXT -> {
        runElement();
        next = TAIL;
      }
      case TAIL -> {
        leave();
        runSmall(Listpack.putTextTail(small, (int) element.length()));
      }
      case END -> {
        small[0] = (byte) 0xff;
        runSmall(1);
        next = END + 1;
      }
      default -> throw new AssertionError("read beyond the end");
    }
  }

  /// The leaf has been read to its end.
  private void leave() {
    next = sequence.next() && isJoined() ? LEAF : END;
  }
}
