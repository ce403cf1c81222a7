package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Streams: entries in the order of their ids, each some fields with their values, and groups of
/// consumers ([ConsumerGroups]).
///
/// ```
///   value   [length][last id 16][first id 16][greatest deleted id 16][added]      97 bytes
///           [blocks 16][groups 16][frozen 1]
///
///   blocks  ids ──► listpacks of some hundred entries, as Redis lays them out     StreamBlocks
///   groups  names ──► groups, their consumers, what is pending                    ConsumerGroups
/// ```
///
/// The numbers in the value are what Redis keeps of a stream: *added* counts all entries there ever
/// were, *first id* is that of the first entry, 0-0 if there is none. An empty stream stays.
///
/// **A walk** goes by nodes, as in lists: the first change after a cut forks the entry
/// ([Owner#fork]); then nodes that are older than the cut, on the way to a change, are copied
/// ([Sharing]). So an append copies one block of some 4 KB and the few nodes above it, once in a
/// walk, and the frozen entry is the stream at the cut, whole, to be read in as many pieces as one
/// likes.
///
/// **The entry at hand.** [#seek] and [#next], or [#seekBackwards] and [#previous], bring entries
/// to hand, one after the other and without objects; [#find] brings one. It lasts until the next
/// verb of this object.
///
/// One per seat; the slot's lock is held for all verbs. No verb changes anything if it finds no
/// memory, but for [#trim], which may have done a part.
public final class StreamValue implements Structure, Owner {
  /// No entry of Redis has more bytes in its fields and values.
  public static final long MOST_BYTES = StreamBlocks.MOST_BYTES;

  /// The most bytes of a block that is taken from outside.
  public static final int BLOCK_MAX = StreamBlocks.BLOCK_MAX;

  private static final int LENGTH = 0;
  private static final int LAST = 8;
  private static final int FIRST = 24;
  private static final int DELETED = 40;
  private static final int ADDED = 56;
  private static final int BLOCKS = 64;
  private static final int GROUPS = 80;
  private static final int FROZEN = 96;
  static final int VALUE_BYTES = 97;

  /// What is appended to a stream: its fields' names and their values in turn.
  public interface Words {
    int count();

    /// Good until the next call.
    Slice at(int i);

    int lengthAt(int i);
  }

  /// What is to be left of a stream: `most` entries, or, unless `least` is null, those from that id
  /// on.
  ///
  /// @param wholeBlocks a block goes as a whole or not at all
  /// @param limit the most entries that go, 0: as many as it takes
  public record Trim(long most, @Nullable StreamId least, boolean wholeBlocks, long limit) {}

  private final Memory m;
  private final Dictionary dictionary;
  private final Sharing sharing;
  private final StreamBlocks blocks;
  private final ConsumerGroups groups;
  private final StreamId scratch = new StreamId();

  StreamValue(Memory m, Allocator allocator, Dictionary dictionary, LargeStrings large) {
    this.m = m;
    this.dictionary = dictionary;
    sharing = new Sharing(dictionary);
    blocks = new StreamBlocks(m, allocator, large, sharing);
    groups = new ConsumerGroups(m, allocator, dictionary, sharing);
  }

  /// The groups of streams.
  public ConsumerGroups groups() {
    return groups;
  }

  private long value(long entry) {
    assert Entry.type(m, entry) == Entry.STREAM;
    return Entry.valueAddress(m, entry);
  }

  private long blocksRoot(long entry) {
    return value(entry) + BLOCKS;
  }

  static long groupsRoot(Memory m, long entry) {
    assert Entry.type(m, entry) == Entry.STREAM;
    return Entry.valueAddress(m, entry) + GROUPS;
  }

  // ── the stream ──

  /// Puts an empty stream where `p` says there is nothing.
  public void create(Place p, Slice key) {
    long e = dictionary.create(key, Entry.STREAM, Entry.STREAM_TREE, VALUE_BYTES, -1);
    m.fill(value(e), VALUE_BYTES, (byte) 0);
    dictionary.insert(p, e);
  }

  /// How many entries.
  public long length(long entry) {
    return m.getLong(value(entry) + LENGTH);
  }

  /// How many entries were ever added.
  public long added(long entry) {
    return m.getLong(value(entry) + ADDED);
  }

  private StreamId id(long entry, int at, StreamId into) {
    long value = value(entry);
    return into.set(m.getLong(value + at), m.getLong(value + at + 8));
  }

  private void putId(long value, int at, StreamId id) {
    m.putLong(value + at, id.ms);
    m.putLong(value + at + 8, id.seq);
  }

  /// Sets `into` to the id that was given last.
  public StreamId lastId(long entry, StreamId into) {
    return id(entry, LAST, into);
  }

  /// Sets `into` to the id of the first entry, 0-0 if there is none.
  public StreamId firstId(long entry, StreamId into) {
    return id(entry, FIRST, into);
  }

  /// Sets `into` to the greatest id that was deleted as such (not trimmed).
  public StreamId greatestDeletedId(long entry, StreamId into) {
    return id(entry, DELETED, into);
  }

  /// Sets `into` to the id of the last entry there is; false if there is none.
  public boolean lastEntryId(long entry, StreamId into) {
    seekBackwards(entry, scratch.setMost());
    boolean there = previous();
    if (there) into.set(blocks.id);
    return there;
  }

  /// Sets `into` to the first id in the blocks, also of an entry that was deleted; to the greatest
  /// id there is if there are none.
  public StreamId firstIdInBlocks(long entry, StreamId into) {
    return blocks.firstId(blocksRoot(entry), into) ? into : into.setMost();
  }

  /// How many blocks.
  public long blocks(long entry) {
    return blocks.count(blocksRoot(entry));
  }

  /// How many nodes the radix tree has that Redis keeps the blocks in.
  public long radixNodes(long entry) {
    return blocks.radixNodes(blocksRoot(entry));
  }

  private long writable(Place p) {
    long entry = dictionary.writable(p);
    sharing.open(p.header);
    return value(entry);
  }

  /// Says which id was given last, how many entries were added (-1: it stays as it is), and which
  /// is the greatest deleted one (0-0: it stays as it is).
  public void setFacts(Place p, StreamId last, long added, StreamId greatestDeleted) {
    long value = writable(p);
    putId(value, LAST, last);
    if (added != -1) m.putLong(value + ADDED, added);
    if (!greatestDeleted.isZero()) putId(value, DELETED, greatestDeleted);
  }

  /// Appends an entry, whose id is greater than the last one. The limits are those of blocks:
  /// stream-node-max-bytes and -entries, 0: there is none.
  public void append(Place p, StreamId id, Words words, long maxBytes, long maxEntries) {
    long value = writable(p);
    blocks.append(value + BLOCKS, id.ms, id.seq, words, maxBytes, maxEntries);
    long length = m.getLong(value + LENGTH) + 1;
    m.putLong(value + LENGTH, length);
    m.putLong(value + ADDED, m.getLong(value + ADDED) + 1);
    putId(value, LAST, id);
    if (length == 1) putId(value, FIRST, id);
  }

  /// Deletes an entry; false if there is none of that id. What the first id is [#deletedSome] finds
  /// out.
  public boolean delete(Place p, StreamId id) {
    long value = writable(p);
    if (!blocks.delete(value + BLOCKS, id.ms, id.seq)) return false;
    m.putLong(value + LENGTH, m.getLong(value + LENGTH) - 1);
    long deletedMs = m.getLong(value + DELETED);
    if (id.compareTo(deletedMs, m.getLong(value + DELETED + 8)) > 0) putId(value, DELETED, id);
    return true;
  }

  /// After some entries were deleted, of a stream that is writable since: finds its first id anew.
  public void deletedSome(Place p) {
    long entry = dictionary.entry(p);
    scratch.set(0, 0);
    if (length(entry) > 0) {
      seek(entry, scratch);
      if (next()) scratch.set(blocks.id);
      else scratch.setMost();
    }
    putId(value(entry), FIRST, scratch);
  }

  /// Deletes entries from the beginning; returns how many. Without memory for all of them it ends
  /// early ([#trimmedLess]); without memory for the first it fails.
  public long trim(Place p, Trim trim) {
    trimmedLess = false;
    long length = length(dictionary.entry(p));
    if (trim.least() == null && length <= trim.most()) return 0;
    trimmedLess = true;
    long value = writable(p);
    long gone = blocks.trim(value + BLOCKS, length, trim);
    trimmedLess = blocks.endedEarly;
    m.putLong(value + LENGTH, length - gone);
    if (gone > 0 || length == 0) deletedSome(p);
    return gone;
  }

  private boolean trimmedLess;

  /// Whether the last [#trim] ended early, for lack of memory, or failed.
  public boolean trimmedLess() {
    return trimmedLess;
  }

  // ── entries ──

  /// Brings the entry of that id to hand; false if there is none.
  public boolean find(long entry, StreamId id) {
    return blocks.find(blocksRoot(entry), id.ms, id.seq);
  }

  /// Goes before the first entry whose id is at least this one: [#next] brings it to hand.
  public void seek(long entry, StreamId from) {
    blocks.seek(blocksRoot(entry), from.ms, from.seq);
  }

  public boolean next() {
    return blocks.next();
  }

  /// Goes behind the last entry whose id is at most this one: [#previous] brings it to hand.
  public void seekBackwards(long entry, StreamId from) {
    blocks.seekBackwards(blocksRoot(entry), from.ms, from.seq);
  }

  public boolean previous() {
    return blocks.previous();
  }

  /// The id of the entry at hand; good until the next verb.
  public StreamId id() {
    return blocks.id;
  }

  /// How many fields the entry at hand has.
  public int fields() {
    return blocks.fields();
  }

  /// Writes the fields and values of the entry at hand as an array.
  public void writeFields(RespWriter out) {
    blocks.writeFields(out);
  }

  /// Goes before the names and values of the entry at hand, which [#nextWord] brings in turn.
  public void beginWords() {
    blocks.beginWords();
  }

  public boolean nextWord() {
    return blocks.nextWord();
  }

  /// How many bytes the word at hand has.
  public int wordLength() {
    return blocks.wordLength();
  }

  /// Copies `n` bytes of the word at hand, from its byte `from` on, to `to[at…]`.
  public void copyWord(int from, byte[] to, int at, int n) {
    blocks.copyWord(from, to, at, n);
  }

  // ── counting ──

  /// Whether entries may have been deleted at or behind an id.
  public boolean mayLackFrom(long entry, StreamId from) {
    long value = value(entry);
    long ms = m.getLong(value + DELETED);
    long seq = m.getLong(value + DELETED + 8);
    if (m.getLong(value + LENGTH) == 0 || (ms | seq) == 0) return false;
    if (StreamId.compare(m.getLong(value + FIRST), m.getLong(value + FIRST + 8), ms, seq) > 0) {
      return false;
    }
    return from.compareTo(ms, seq) <= 0;
  }

  /// How many entries were added up to an id, it included; [ConsumerGroups#UNKNOWN_READ] where that
  /// can't be told.
  public long addedUpTo(long entry, StreamId id) {
    long value = value(entry);
    long added = m.getLong(value + ADDED);
    if (added == 0) return 0;
    long length = m.getLong(value + LENGTH);
    int last = id.compareTo(m.getLong(value + LAST), m.getLong(value + LAST + 8));
    if (length == 0 && last < 1 || last == 0) return added;
    if (last > 0) return ConsumerGroups.UNKNOWN_READ;
    long firstMs = m.getLong(value + FIRST);
    long firstSeq = m.getLong(value + FIRST + 8);
    long deletedMs = m.getLong(value + DELETED);
    long deletedSeq = m.getLong(value + DELETED + 8);
    if ((deletedMs | deletedSeq) == 0
        || StreamId.compare(deletedMs, deletedSeq, firstMs, firstSeq) < 0) {
      int first = id.compareTo(firstMs, firstSeq);
      if (first < 0) return added - length;
      if (first == 0) return added - length + 1;
    }
    return ConsumerGroups.UNKNOWN_READ;
  }

  // ── blocks, for RDB files ──

  /// Goes to the first block, or to the next one; false if there is none. Then [#id] is the id of
  /// the block, and [#block] its bytes.
  public boolean firstBlock(long entry) {
    return blocks.firstBlock(blocksRoot(entry));
  }

  public boolean nextBlock() {
    return blocks.nextBlock();
  }

  /// The bytes of the block at hand.
  public ByteRun block() {
    return blocks.block();
  }

  /// Adds a block of a stream that is read from a file: bytes that were checked, with so many live
  /// entries. Its id is greater than those of all blocks before. False: it isn't.
  public boolean addBlock(Place p, StreamId id, byte[] bytes, int from, int n, long live) {
    long value = writable(p);
    if (!blocks.addBlock(value + BLOCKS, id.ms, id.seq, bytes, from, n)) return false;
    m.putLong(value + LENGTH, m.getLong(value + LENGTH) + live);
    return true;
  }

  /// Says all that a file says of a stream.
  public void setFacts(
      Place p, StreamId last, StreamId first, StreamId greatestDeleted, long added) {
    long value = writable(p);
    putId(value, LAST, last);
    putId(value, FIRST, first);
    putId(value, DELETED, greatestDeleted);
    m.putLong(value + ADDED, added);
  }

  // ── what all types are asked ──

  @Override
  public String typeName() {
    return "stream";
  }

  @Override
  public int encoding(long entry) {
    return Entry.STREAM_TREE;
  }

  /// The value is small, whatever is in the stream.
  @Override
  public void fit(Place p, int keyLength) {}

  @Override
  public void contents(long entry, Contents to) {
    seek(entry, scratch.set(0, 0));
    while (next()) {
      StreamId id = blocks.id;
      String text = Long.toUnsignedString(id.ms) + "." + Long.toUnsignedString(id.seq);
      to.next(ByteRun.of(text.getBytes(StandardCharsets.ISO_8859_1)));
      beginWords();
      while (nextWord()) to.next(ByteRun.of(wordLength(), this::copyWordFrom));
    }
  }

  private void copyWordFrom(long from, byte[] to, int at, int n) {
    copyWord((int) from, to, at, n);
  }

  // ── what is asked of an owner ──

  @Override
  public long fork(long entry) {
    long twin = dictionary.renewed(entry, Entry.STREAM_TREE, VALUE_BYTES);
    m.copy(value(entry), value(twin), VALUE_BYTES);
    m.putByte(value(entry) + FROZEN, (byte) 1); // which no reader looks at: the walk may be reading
    return twin;
  }

  /// Whether a younger twin has all nodes.
  boolean isFrozen(long entry) {
    return m.getByte(value(entry) + FROZEN) != 0;
  }

  @Override
  public void copy(long from, long to) {
    sharing.openAlone();
    long source = value(from);
    long target = value(to);
    m.copy(source, target, BLOCKS);
    m.fill(target + BLOCKS, VALUE_BYTES - BLOCKS, (byte) 0);
    try {
      blocks.copy(source + BLOCKS, target + BLOCKS);
      groups.copy(source + GROUPS, target + GROUPS);
    } catch (OutOfMemoryError e) {
      release(to, Dictionary.AT_ONCE);
      throw e;
    }
  }

  @Override
  public void release(long entry, Runnable between) {
    if (isFrozen(entry)) return;
    sharing.openAlone();
    blocks.release(blocksRoot(entry), between);
    groups.release(groupsRoot(m, entry), between);
  }

  // What the evacuation is at: two bits of its cursor. It begins with 0.
  private static final int TREE = 0;
  private static final int ENTRIES = 1;
  private static final int CONSUMERS = 2;
  private static final int PHASE_SHIFT = 60;

  @Override
  public long evacuate(long entry, long from, Dictionary.LargeValues larger) {
    sharing.openAlone();
    int phase = (int) (from >>> PHASE_SHIFT);
    long at = from & (1L << PHASE_SHIFT) - 1;
    long next =
        switch (phase) {
          case TREE -> blocks.evacuateTree(blocksRoot(entry), at);
          case ENTRIES -> blocks.evacuateBlocks(blocksRoot(entry), at);
          default -> groups.evacuate(groupsRoot(m, entry), at);
        };
    if (next == 0) return phase == CONSUMERS ? 0 : (phase + 1L) << PHASE_SHIFT;
    return next | (long) phase << PHASE_SHIFT;
  }

  @Override
  public long nodes(long entry) {
    if (isFrozen(entry)) return 0;
    long most = Dictionary.STEP_NODES + 1;
    long nodes = blocks(entry);
    return nodes >= most ? most : nodes + groups.nodes(groupsRoot(m, entry), most);
  }

  @Override
  public long memoryUse(long entry, int samples) {
    return blocks.memoryUse(blocksRoot(entry), samples)
        + groups.memoryUse(groupsRoot(m, entry), samples);
  }
}
