package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.Slice;

/// A seat's value structures: one of each, over one allocator. Used by the thread that has the
/// seat, under the locks of the slots whose headers and places it passes in.
///
/// A new structure is a file of its own and a row in the constructor's table: by type, what all
/// types are asked ([Structure]); and if it has encodings of more than one node, by encoding, who
/// owns those ([Owner]). What is nested or forked for a walk, [Entry] says.
public final class Values {
  private final Memory memory;
  private final Allocator allocator;
  private final Dictionary dictionary;
  private final HashValue hashes;
  private final LargeStrings large;
  private final StringValue strings;
  private final BitmapValue bitmaps;
  private final HyperLogLogValue hyperLogLogs;
  private final ListValue lists;
  private final SetValue sets;
  private final SetAlgebra setAlgebra;
  private final SortedSetValue sortedSets;
  private final StreamValue streams;
  private final Structure[] structures = new Structure[8]; // by type

  /// @param hashKey0 and hashKey1: the secret of the process that orders keys
  public Values(Memory memory, Allocator allocator, Walk walk, long hashKey0, long hashKey1) {
    this.memory = memory;
    this.allocator = allocator;
    dictionary = new Dictionary(memory, allocator, walk, new Hash64(hashKey0, hashKey1));
    large = new LargeStrings(memory, allocator);
    strings = new StringValue(memory, allocator, dictionary, large);
    bitmaps = new BitmapValue(memory, allocator, dictionary, strings);
    hyperLogLogs = new HyperLogLogValue(dictionary, strings);
    hashes = new HashValue(dictionary, strings, large);
    lists = new ListValue(memory, allocator, dictionary, large);
    Ranking ranking = new Ranking(memory, allocator, dictionary);
    sortedSets = new SortedSetValue(dictionary, large, ranking);
    streams = new StreamValue(memory, allocator, dictionary, large);
    sets = new SetValue(dictionary, large);
    setAlgebra = new SetAlgebra(dictionary, sets);
    structures[Entry.STRING] = strings;
    structures[Entry.LIST] = lists;
    structures[Entry.SET] = sets;
    structures[Entry.ZSET] = sortedSets;
    structures[Entry.HASH] = hashes;
    structures[Entry.STREAM] = streams;
    Sequences sequences = new Sequences(memory, allocator, dictionary);
    dictionary.owner(Entry.CHUNKED, sequences);
    dictionary.owner(Entry.QUICKLIST, sequences);
    dictionary.owner(Entry.SKIPLIST, ranking);
    dictionary.owner(Entry.STREAM_TREE, streams);
  }

  /// Sets what frees large values in the background. Called before the seat is used.
  public void reaper(Reaper reaper) {
    dictionary.reaper(reaper);
  }

  public Memory memory() {
    return memory;
  }

  public Allocator allocator() {
    return allocator;
  }

  public Dictionary dictionary() {
    return dictionary;
  }

  public HashValue hashes() {
    return hashes;
  }

  public StringValue strings() {
    return strings;
  }

  /// Strings as bitmaps.
  public BitmapValue bitmaps() {
    return bitmaps;
  }

  /// Strings as sketches of sets.
  public HyperLogLogValue hyperLogLogs() {
    return hyperLogLogs;
  }

  public ListValue lists() {
    return lists;
  }

  public SortedSetValue sortedSets() {
    return sortedSets;
  }

  public StreamValue streams() {
    return streams;
  }

  public SetValue sets() {
    return sets;
  }

  /// Intersections, unions and differences of sets.
  public SetAlgebra setAlgebra() {
    return setAlgebra;
  }

  /// A value in the making for the key `name`, whose bytes stay where they are until it is closed.
  public Draft draft(Slice name) {
    return new Draft(dictionary, name);
  }

  /// Where large arguments are read to.
  public LargeStrings large() {
    return large;
  }

  private Structure structure(long entry) {
    return structures[Entry.type(memory, entry)];
  }

  /// As TYPE tells it.
  public String typeName(long entry) {
    return structure(entry).typeName();
  }

  /// What OBJECT ENCODING shows, as a number: one of [Entry]'s.
  public int encoding(long entry) {
    return structure(entry).encoding(entry);
  }

  /// As OBJECT ENCODING tells it.
  public String encodingName(long entry) {
    return Entry.encodingName(encoding(entry));
  }

  /// Before the value at `p` gets another key ([Dictionary#move], [Dictionary#copy]), of
  /// `keyLength` bytes: what would not fit into one node with it takes another shape.
  public void fit(Place p, int keyLength) {
    structure(dictionary.entry(p)).fit(p, keyLength);
  }

  /// Tells all that is in the value of `entry`.
  public void contents(long entry, Contents to) {
    structure(entry).contents(entry, to);
  }
}
