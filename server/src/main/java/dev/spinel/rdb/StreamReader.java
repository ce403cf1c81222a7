package dev.spinel.rdb;

import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.Draft;
import dev.spinel.value.LargeStrings;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import dev.spinel.value.Values;
import dev.spinel.wire.Slice;
import java.util.Arrays;

/// Makes streams of what [StreamWriter] says, in all three forms that there have been, for
/// [ValueReader].
///
/// A block is gone through element by element before it becomes one here: its entries count as it
/// says, can be read backwards, and their ids ascend over the whole stream. One that is too large
/// for a node is taken apart, and its entries are appended as XADD does. What is pending must be
/// some one consumer's.
///
/// Used by one thread, with or without the slot's lock: the stream is in no table yet.
final class StreamReader {
  private static final int ID_BYTES = 16;
  private static final int DELETED = 1;
  private static final int SAME_FIELDS = 2;

  /// An entry of more words, in a block that has to be taken apart, isn't read.
  private static final int MOST_WORDS = 1 << 20;

  private final Values values;
  private final StreamValue streams;
  private final ConsumerGroups groups;
  private final Words names;
  private final Words words;

  // of the stream that is being read
  private RdbInput in = new RdbInput();
  private StringInput string = new StringInput(in);
  private Pack pack = new Pack.OfListpack(string);
  private final StreamId block = new StreamId(); // the id of the block at hand
  private final StreamId before = new StreamId(); // that of the one before
  private final StreamId id = new StreamId(); // of the entry at hand
  private final StreamId last = new StreamId(); // of the last entry that isn't deleted
  private final StreamId first = new StreamId(); // of the first one
  private long blocks; // so far
  private long length; // entries so far

  StreamReader(Values values) {
    this.values = values;
    streams = values.streams();
    groups = streams.groups();
    names = new Words(values.large());
    words = new Words(values.large());
  }

  /// Reads a stream, up to its end; see [ValueReader#read].
  long read(RdbType type, Slice key, long expiry, RdbInput input, StringInput strings) {
    in = input;
    if (string != strings) {
      string = strings;
      pack = new Pack.OfListpack(strings);
      pack.whose("Stream ");
    }
    blocks = 0;
    length = 0;
    last.set(0, 0);
    first.set(0, 0);
    try (Draft draft = values.draft(key)) {
      streams.create(draft.place, key);
      for (long left = in.length(); left > 0; left--) block(draft);
      facts(draft, type);
      for (long left = in.length(); left > 0; left--) group(draft, type);
      return draft.take(expiry);
    } finally {
      names.clear();
      words.clear();
    }
  }

  // ── blocks ──

  private void block(Draft draft) {
    string.open();
    if (string.length() != ID_BYTES) {
      throw in.corrupt("the id of a stream's block has " + string.length() + " bytes, not 16");
    }
    string.whole(ID_BYTES);
    block.ms = Long.reverseBytes(string.little(8));
    block.seq = Long.reverseBytes(string.little(8));
    if (blocks++ > 0 && (block.compareTo(before) <= 0 || block.compareTo(last) <= 0)) {
      throw in.corrupt("blocks that aren't in order");
    }
    before.set(block);
    string.open();
    if (string.length() > StreamValue.BLOCK_MAX || !string.whole(StreamValue.BLOCK_MAX)) {
      entriesOf(draft);
      return;
    }
    long live = check();
    int from = string.at() - (int) string.position();
    streams.addBlock(draft.place, block, string.array(), from, (int) string.length(), live);
  }

  private long number() {
    if (!pack.next() || !pack.isInteger()) throw pack.corrupt("a number was expected");
    return pack.integer();
  }

  private void pass(long elements) {
    for (long i = elements; i > 0; i--) {
      if (!pack.next()) throw pack.corrupt("an entry reaches beyond the end");
    }
  }

  private long count() {
    long n = number();
    if (n < 0) throw pack.corrupt("a count of " + n);
    return n;
  }

  /// Goes through the block at hand, which is in one piece; returns how many live entries it has.
  private long check() {
    pack.open();
    long live = count();
    long deleted = count();
    long fields = count();
    pass(fields);
    endOfMaster();
    long liveThere = 0;
    long deletedThere = 0;
    while (pack.next()) {
      int flags = flags();
      boolean same = (flags & SAME_FIELDS) != 0;
      readId();
      long pairs = same ? fields : count();
      pass(same ? pairs : 2 * pairs);
      endOfEntry(same, pairs);
      if ((flags & DELETED) != 0) {
        deletedThere++;
      } else {
        liveThere++;
        advance();
      }
    }
    checkCounts(live, deleted, liveThere, deletedThere);
    return live;
  }

  private void endOfMaster() {
    if (number() != 0) throw pack.corrupt("the master entry doesn't end where it should");
  }

  private int flags() {
    if (!pack.isInteger() || (pack.integer() & ~(DELETED | SAME_FIELDS)) != 0) {
      throw pack.corrupt("an entry was expected");
    }
    return (int) pack.integer();
  }

  private void readId() {
    long ms = number();
    long seq = number();
    id.set(block.ms + ms, block.seq + seq);
  }

  private void endOfEntry(boolean same, long pairs) {
    if (number() != (same ? 3 + pairs : 4 + 2 * pairs)) {
      throw pack.corrupt("the way back over an entry is wrong");
    }
  }

  /// A live entry comes behind those before.
  private void advance() {
    if (id.compareTo(last) <= 0) throw in.corrupt("entries that aren't in order");
    last.set(id);
    if (length++ == 0) first.set(id);
  }

  private void checkCounts(long live, long deleted, long liveThere, long deletedThere) {
    if (live != liveThere || deleted != deletedThere) {
      throw pack.corrupt(
          "it has %d entries and %d deleted ones, not %d and %d"
              .formatted(liveThere, deletedThere, live, deleted));
    }
    if (live + deleted == 0) throw in.empty("a block without entries");
  }

  // ── blocks that are too large ──

  /// Appends the entries of the block at hand, each as it arrives.
  private void entriesOf(Draft draft) {
    names.clear();
    pack.open();
    final long live = count();
    final long deleted = count();
    long fields = count();
    names.read(fields);
    endOfMaster();
    long liveThere = 0;
    long deletedThere = 0;
    while (pack.next()) {
      int flags = flags();
      boolean same = (flags & SAME_FIELDS) != 0;
      readId();
      long pairs = same ? fields : count();
      words.clear();
      words.read(same ? pairs : 2 * pairs);
      endOfEntry(same, pairs);
      if ((flags & DELETED) != 0) {
        deletedThere++;
      } else {
        liveThere++;
        advance();
        streams.append(draft.place, id, same ? words.under(names) : words, 0, 0);
      }
    }
    checkCounts(live, deleted, liveThere, deletedThere);
  }

  /// Words of an entry: short ones in one array, long ones outside the heap.
  private final class Words implements StreamValue.Words {
    private static final int SHORT = 4 << 10;

    private final Element element;
    private final LargeStrings large;
    private final Slice slice = new Slice();
    private byte[] text = new byte[256];
    private int used;
    private int[] ends = new int[16]; // in `text`
    private int[] lengths = new int[16];
    private long[] nodes = new long[16]; // 0: it is in `text`
    private int count;

    Words(LargeStrings large) {
      this.large = large;
      element = new Element(large);
    }

    void clear() {
      element.release();
      for (int i = 0; i < count; i++) if (nodes[i] != 0) large.abandon(nodes[i]);
      count = 0;
      used = 0;
    }

    /// Reads the next elements of the block.
    void read(long elements) {
      if (elements > MOST_WORDS) {
        throw in.unsupported("an entry of " + elements + " words in a block of so many bytes");
      }
      for (long i = elements; i > 0; i--) {
        if (!pack.next()) throw pack.corrupt("an entry reaches beyond the end");
        pack.take(element, SHORT);
        add(element.slice);
      }
    }

    private void add(Slice word) {
      if (count == ends.length) {
        ends = Arrays.copyOf(ends, 2 * count);
        lengths = Arrays.copyOf(lengths, 2 * count);
        nodes = Arrays.copyOf(nodes, 2 * count);
      }
      if (word.node == 0) {
        if (used + word.length > text.length) {
          text = Arrays.copyOf(text, Math.max(2 * text.length, used + word.length));
        }
        word.copyTo(text, used);
        used += word.length;
      }
      ends[count] = used;
      lengths[count] = word.length;
      nodes[count++] = word.node;
      word.node = 0; // it is this object's now
    }

    @Override
    public int count() {
      return count;
    }

    @Override
    public Slice at(int i) {
      slice.set(text, ends[i] - (nodes[i] == 0 ? lengths[i] : 0), lengths[i]);
      slice.node = nodes[i];
      return slice;
    }

    @Override
    public int lengthAt(int i) {
      return lengths[i];
    }

    /// These words as the values of fields with those names.
    StreamValue.Words under(Words fields) {
      Words values = this;
      return new StreamValue.Words() {
        @Override
        public int count() {
          return 2 * values.count;
        }

        private Words of(int i) {
          return (i & 1) == 0 ? fields : values;
        }

        @Override
        public Slice at(int i) {
          return of(i).at(i >> 1);
        }

        @Override
        public int lengthAt(int i) {
          return of(i).lengthAt(i >> 1);
        }
      };
    }
  }

  // ── what is said of the stream ──

  private StreamId idOfLengths() {
    long ms = in.lengthOf64Bits();
    return new StreamId(ms, in.lengthOf64Bits());
  }

  private void facts(Draft draft, RdbType type) {
    long said = in.length();
    if (said != length) {
      throw in.corrupt("a stream of " + said + " entries, but it has " + length);
    }
    StreamId lastGiven = idOfLengths();
    if (lastGiven.compareTo(last) < 0) throw in.corrupt("a last id before that of an entry");
    if (type == RdbType.STREAM) { // as Redis has it then
      if (length == 0) first.setMost();
      streams.setFacts(draft.place, lastGiven, first, new StreamId(), length);
      return;
    }
    StreamId firstSaid = idOfLengths();
    StreamId greatestDeleted = idOfLengths();
    long added = in.lengthOf64Bits();
    StreamId firstThere = length == 0 ? firstSaid : first;
    streams.setFacts(draft.place, lastGiven, firstThere, greatestDeleted, added);
  }

  // ── groups ──

  private Slice name(Words into) {
    into.clear();
    string.open();
    if (string.length() > ConsumerGroups.MAX_NAME) {
      throw in.unsupported(
          "a name of %d bytes: %d are the most"
              .formatted(string.length(), ConsumerGroups.MAX_NAME));
    }
    into.element.take(string, (int) string.length(), ConsumerGroups.MAX_NAME);
    return into.element.slice;
  }

  private long rawLong() {
    return Long.reverseBytes(in.int64());
  }

  private void group(Draft draft, RdbType type) {
    Slice name = name(names);
    StreamId given = idOfLengths();
    long read =
        type == RdbType.STREAM ? streams.addedUpTo(draft.entry(), given) : in.lengthOf64Bits();
    if (!groups.create(draft.place, name, given.ms, given.seq, read)) {
      throw in.corrupt("two groups of one name");
    }
    long pending = in.length();
    for (long left = pending; left > 0; left--) {
      long ms = rawLong();
      long seq = rawLong();
      long time = in.int64();
      if (!groups.addPending(ms, seq, time, in.lengthOf64Bits())) {
        throw in.corrupt("an entry that is pending twice in a group");
      }
    }
    for (long left = in.length(); left > 0; left--) pending -= consumer(type);
    if (pending != 0) throw in.corrupt("a pending entry that is no consumer's");
  }

  /// Returns how much is pending there.
  private long consumer(RdbType type) {
    Slice name = name(words);
    if (groups.findConsumer(name)) throw in.corrupt("Duplicate stream consumer detected");
    long seen = in.int64();
    long active = type == RdbType.STREAM_3 ? in.int64() : seen;
    groups.createConsumer(name, seen, active);
    long own = in.length();
    for (long left = own; left > 0; left--) {
      long ms = rawLong();
      if (!groups.give(ms, rawLong())) {
        throw in.corrupt("an entry of a consumer that isn't pending in its group, or is another's");
      }
    }
    return own;
  }
}
