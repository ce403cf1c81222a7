package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.Hash64;

/// A seat's value structures: one of each, over one allocator. Used by the thread that has the
/// seat, under the locks of the slots whose headers and places it passes in.
public final class Values {
  private final Memory memory;
  private final Allocator allocator;
  private final Dictionary dictionary;
  private final HashValue hashes;
  private final LargeStrings large;
  private final StringValue strings;
  private final ListValue lists;

  /// @param hashKey0 and hashKey1: the secret of the process that orders keys
  public Values(Memory memory, Allocator allocator, Walk walk, long hashKey0, long hashKey1) {
    this.memory = memory;
    this.allocator = allocator;
    dictionary = new Dictionary(memory, allocator, walk, new Hash64(hashKey0, hashKey1));
    large = new LargeStrings(memory, allocator);
    strings = new StringValue(memory, allocator, dictionary, large);
    hashes = new HashValue(dictionary, strings, large);
    lists = new ListValue(memory, allocator, dictionary, large);
    dictionary.owner(new Sequences(memory, allocator, dictionary));
  }

  /// Who frees large values in the background. Before the seat is used.
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

  public ListValue lists() {
    return lists;
  }

  /// Where large arguments are read to.
  public LargeStrings large() {
    return large;
  }

  /// Before the value at `p` gets another key ([Dictionary#rekey], [Dictionary#copy]), of
  /// `keyLength` bytes: an entry is one node, so what would not fit takes another shape.
  public void fit(Place p, int keyLength) {
    switch (Entry.type(memory, dictionary.entry(p))) {
      case Entry.STRING -> strings.fit(p, keyLength);
      case Entry.LIST -> lists.fit(p, keyLength);
      case Entry.HASH -> hashes.fit(p, keyLength);
      default -> {}
    }
  }

  /// As OBJECT ENCODING tells it.
  public String encodingName(long entry) {
    boolean list = Entry.type(memory, entry) == Entry.LIST;
    int encoding = list ? lists.encoding(entry) : Entry.encoding(memory, entry);
    return Entry.encodingName(encoding);
  }
}
