package dev.spinel.value;

/// Knows the values of one encoding, or of several, that are more than one node. The dictionary has
/// a table of them by encoding ([Dictionary#owner]) and asks where an entry's value must be freed,
/// copied, weighed or moved; a value whose encoding has no owner is its bytes.
///
/// Values of more than one node take part in a walk in one of two ways; [Entry] says which
/// encodings take which.
///
/// **Nested dictionaries** have an order of keys to put a cursor in: the walk goes into them. All
/// that is done to one is done by the dictionary's own verbs, which know of the walk.
///
/// **Sequences** have none, so their nodes are copied on write. The first change after a cut
/// *forks* the entry: the new one has a root cell of its own and shares all nodes; the old one is
/// *frozen*, owns nothing, and waits for the walk. From then on, until [Dictionary#passed] is true
/// of the header, a writer replaces a node older than the current epoch, on the path of its change,
/// by a copy and gives the old one to [Dictionary#bury], never to the allocator. When the walk has
/// written the frozen entry, only the entry itself is left to free.
public interface Owner {
  /// A new entry, of the current epoch, not in any dictionary, with the same key, expiry and
  /// contents, sharing nodes with `entry`. The latter is frozen from now on.
  default long fork(long entry) {
    throw new AssertionError("not an encoding that is forked");
  }

  /// Makes `to` (same encoding, value area of the same length, uninitialised) a copy of `from` that
  /// shares nothing. Without memory for that, what was made of it is freed.
  void copy(long from, long to);

  /// Frees all that the value of `entry` owns, but not the node of the entry itself. `between` runs
  /// after every few nodes.
  void release(long entry, Runnable between);

  /// Moves nodes of the value that stand in sparse slabs, from its hash, element or byte `from` on,
  /// as many as may be moved at once. Returns where to go on, 0 at the end. No walk is under way.
  ///
  /// @param larger is called with each part of it that is too large
  long evacuate(long entry, long from, Dictionary.LargeValues larger);

  /// About how many nodes [#release] will free; where they must be counted, to a few more than
  /// [Dictionary#STEP_NODES] at most.
  long nodes(long entry);

  /// Bytes of all that the value of `entry` owns, but not of the node of the entry itself.
  ///
  /// @param samples how many entries of something nested are weighed for all; 0: all of them
  long memoryUse(long entry, int samples);
}
