package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;

/// Walks all of a stream: blocks that are whole listpacks, whose entries count as they say and
/// ascend; groups whose trees say the same of what is pending.
final class StreamVerifier {
  private final Memory m;
  private final Allocator allocator;
  private final LongConsumer nodes;
  private final boolean refused;
  private long chunkBytes;

  /// @param nodes takes the address of each node but those of chunks
  StreamVerifier(Memory m, Allocator allocator, LongConsumer nodes, boolean refused) {
    this.m = m;
    this.allocator = allocator;
    this.nodes = nodes;
    this.refused = refused;
  }

  private List<OrderedTreeVerifier.Cell> cells(long root, int leafBytes) {
    return new OrderedTreeVerifier(m, allocator, leafBytes, nodes, refused).verify(root);
  }

  /// Returns how many bytes there are in the chunks of large blocks.
  long verify(long entry) {
    long value = Entry.valueAddress(m, entry);
    check(Entry.valueLength(m, entry) == StreamValue.VALUE_BYTES, "bytes of the value");
    chunkBytes = 0;
    StreamId last = new StreamId();
    StreamId first = new StreamId();
    long live = 0;
    for (OrderedTreeVerifier.Cell cell : cells(value + 64, StreamBlocks.CELL_BYTES)) {
      live += block(cell, last, first, live);
    }
    check(live == m.getLong(value), "length " + m.getLong(value) + ", but entries " + live);
    check(last.compareTo(m.getLong(value + 8), m.getLong(value + 16)) <= 0, "the last id");
    check(first.compareTo(m.getLong(value + 24), m.getLong(value + 32)) == 0, "the first id");
    String before = null;
    for (OrderedTreeVerifier.Cell cell : cells(value + 80, OrderedTree.PLAIN_CELL)) {
      String name = name(cell.word(), ConsumerGroups.GROUP_BYTES);
      check(before == null || before.compareTo(name) < 0, "order of groups");
      before = name;
      group(cell.word());
    }
    return chunkBytes;
  }

  private long block(OrderedTreeVerifier.Cell cell, StreamId last, StreamId first, long seen) {
    long word = m.getLong(cell.at() + 16);
    long address = word & Long.MAX_VALUE;
    long ms = cell.key() ^ Long.MIN_VALUE;
    nodes.accept(address);
    byte[] bytes;
    if (word < 0) {
      Sequence chunks = new Sequence(m, allocator);
      chunks.check(address);
      chunkBytes += chunks.memoryUse(address);
      ChunkedBytes all = new ChunkedBytes(m, allocator).openToRead(address);
      bytes = new byte[(int) all.length()];
      all.copyOut(0, bytes, 0, bytes.length);
    } else {
      bytes = new byte[Listpack.bytes(m, address)];
      check(bytes.length <= allocator.capacity(address), "a block overflows");
      m.copyOut(address, bytes, 0, bytes.length);
    }
    check(Listpack.validate(bytes, 0, bytes.length) > 0, "a block is no listpack");
    if (word < 0) { // one entry, the block's
      if (seen == 0) first.set(ms, cell.word());
      check(last.compareTo(ms, cell.word()) < 0, "order of entries");
      last.set(ms, cell.word());
      return 1;
    }
    int at = Listpack.HEADER;
    long live = Listpack.integer(m, address, at);
    at = Listpack.after(m, address, at);
    long deleted = Listpack.integer(m, address, at);
    at = Listpack.after(m, address, at);
    long fields = Listpack.integer(m, address, at);
    for (long i = fields + 2; i > 0; i--) at = Listpack.after(m, address, at);
    long count = 0;
    long gone = 0;
    while (at != Listpack.end(m, address)) {
      int begin = at;
      long flags = Listpack.integer(m, address, at);
      at = Listpack.after(m, address, at);
      long entryMs = ms + Listpack.integer(m, address, at);
      at = Listpack.after(m, address, at);
      long entrySeq = cell.word() + Listpack.integer(m, address, at);
      at = Listpack.after(m, address, at);
      long elements = fields;
      if ((flags & 2) == 0) {
        elements = 2 * Listpack.integer(m, address, at);
        at = Listpack.after(m, address, at);
      }
      for (long i = elements; i > 0; i--) at = Listpack.after(m, address, at);
      long said = Listpack.integer(m, address, at);
      int back = at;
      for (long i = said; i > 0; i--) back = Listpack.previous(m, address, back);
      check(back == begin, "the way back over an entry");
      at = Listpack.after(m, address, at);
      if ((flags & 1) != 0) {
        gone++;
        continue;
      }
      check(last.compareTo(entryMs, entrySeq) < 0, "order of entries");
      last.set(entryMs, entrySeq);
      if (seen + count == 0) first.set(entryMs, entrySeq);
      count++;
    }
    check(count == live && gone == deleted, "counts of a block");
    return live;
  }

  private void group(long group) {
    nodes.accept(group);
    Map<Long, Long> byNumber = new HashMap<>();
    for (OrderedTreeVerifier.Cell cell :
        cells(group + ConsumerGroups.NUMBERS, OrderedTree.PLAIN_CELL)) {
      check(byNumber.put(cell.key(), cell.word()) == null, "two consumers of one number");
    }
    Map<String, Long> owners = new HashMap<>();
    for (OrderedTreeVerifier.Cell cell :
        cells(group + ConsumerGroups.PENDING, ConsumerGroups.PENDING_BYTES)) {
      owners.put(cell.key() + "-" + cell.word(), m.getLong(cell.at() + 32));
    }
    Set<Long> seen = new HashSet<>();
    String before = null;
    for (OrderedTreeVerifier.Cell cell :
        cells(group + ConsumerGroups.CONSUMERS, OrderedTree.PLAIN_CELL)) {
      long consumer = cell.word();
      nodes.accept(consumer);
      seen.add(consumer);
      String name = name(consumer, ConsumerGroups.CONSUMER_BYTES);
      check(before == null || before.compareTo(name) < 0, "order of consumers");
      before = name;
      long number = m.getLong(consumer + ConsumerGroups.NUMBER);
      check(Long.valueOf(consumer).equals(byNumber.get(number)), "a consumer by its number");
      for (OrderedTreeVerifier.Cell id :
          cells(consumer + ConsumerGroups.OWN, OrderedTree.PLAIN_CELL)) {
        Long owner = owners.remove(id.key() + "-" + id.word());
        check(owner != null && owner == number, "an own entry that isn't pending there");
      }
    }
    check(owners.isEmpty(), "a pending entry that is nobody's");
    check(seen.size() == byNumber.size(), "as many numbers as consumers");
  }

  private String name(long node, int offset) {
    byte[] name = new byte[m.getInt(node + 4)];
    m.copyOut(node + offset, name, 0, name.length);
    return new String(name, java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  private static void check(boolean good, String what) {
    if (!good) throw new AssertionError(what);
  }
}
