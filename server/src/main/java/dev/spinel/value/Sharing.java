package dev.spinel.value;

import org.jspecify.annotations.Nullable;

/// What a walk may still read of the value that is worked on, for structures that copy nodes on
/// write: see [Owner], and [Sequence], which has the same rule.
///
/// While [#on], a node whose epoch isn't the current one belongs to the walk as well. Whoever would
/// write to it copies it, and gives the old one to [#orphan].
///
/// One per seat and structure; [#open] turns to a value, under the slot's lock.
final class Sharing implements Sequence.Orphans {
  /// Of structures that no walk sees.
  static final Sharing NOTHING = new Sharing(null);

  private static final int EPOCH_MASK = 0xffffff;

  private final @Nullable Dictionary dictionary;
  private long header;

  /// Whether a walk may still read older nodes.
  boolean on;

  /// The current epoch: its low 24 bits.
  int epoch;

  Sharing(@Nullable Dictionary dictionary) {
    this.dictionary = dictionary;
  }

  private Dictionary dictionary() {
    if (dictionary == null) throw new AssertionError("nothing is shared here");
    return dictionary;
  }

  /// Turns to a value whose entry is in the dictionary at `header`, and writable.
  void open(long header) {
    this.header = header;
    on = !dictionary().passed(header);
    epoch = dictionary().walk.epoch() & EPOCH_MASK;
  }

  /// Turns to a value that no walk can know.
  void openAlone() {
    on = false;
    epoch = dictionary().walk.epoch() & EPOCH_MASK;
  }

  /// Whether a walk may still read a node of that epoch.
  boolean isOld(int nodeEpoch) {
    return on && nodeEpoch != epoch;
  }

  /// Keeps a node that has left the value until the walk has passed it.
  @Override
  public void orphan(long node) {
    dictionary().bury(header, node);
  }

  /// Gives up a node of that epoch, which has left the value.
  void release(long node, int nodeEpoch) {
    if (isOld(nodeEpoch)) orphan(node);
    else dictionary().allocator.free(node);
  }
}
