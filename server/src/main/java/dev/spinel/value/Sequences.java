package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;

/// The owner of values that are sequences: long strings ([Entry#CHUNKED]) and long lists
/// ([Entry#QUICKLIST]). In both the value begins with the root cell of a [Sequence].
///
/// A *fork* shares all nodes with its twin: no spine is copied ahead of need, since
/// [Sequence#writable] copies the path of a change anyway. The frozen twin owns nothing from then
/// on; nodes that the younger one replaces are freed once the walk has passed ([Dictionary#bury]).
final class Sequences implements Owner {
  private final Memory m;
  private final Dictionary dictionary;
  private final Sequence sequence;

  Sequences(Memory m, Allocator allocator, Dictionary dictionary) {
    this.m = m;
    this.dictionary = dictionary;
    this.sequence = new Sequence(m, allocator);
  }

  @Override
  public long fork(long entry) {
    int bytes = Entry.valueLength(m, entry);
    long twin = dictionary.renewed(entry, Entry.encoding(m, entry), bytes);
    long from = Entry.valueAddress(m, entry);
    long to = Entry.valueAddress(m, twin);
    m.copy(from, to, bytes);
    sequence.freeze(from, to);
    return twin;
  }

  @Override
  public void copy(long from, long to) {
    long source = Entry.valueAddress(m, from);
    long target = Entry.valueAddress(m, to);
    m.copy(source, target, Entry.valueLength(m, from));
    sequence.copy(source, target, dictionary.walk.epoch());
  }

  @Override
  public void release(long entry, Runnable between) {
    sequence.free(Entry.valueAddress(m, entry), between);
  }

  @Override
  public long evacuate(long entry, long from, Dictionary.LargeValues larger) {
    return sequence.evacuate(Entry.valueAddress(m, entry), from);
  }

  @Override
  public long nodes(long entry) {
    long root = Entry.valueAddress(m, entry);
    return sequence.isFrozen(root) ? 0 : sequence.nodes(root, Dictionary.STEP_NODES + 1);
  }

  @Override
  public long memoryUse(long entry, int samples) {
    return sequence.memoryUse(Entry.valueAddress(m, entry));
  }
}
