package dev.spinel.value;

/// Knows the values that are more than one node and not a dictionary: encodings [Entry#CHUNKED],
/// [Entry#QUICKLIST] and [Entry#STREAM_TREE]. The dictionary asks it where an entry's value must be
/// freed, forked or copied.
///
/// **How a walk and a sequence go together.** A sequence has no key order to put a cursor in, so
/// its nodes are copied on write. The first change after a cut *forks* the entry: the new one has a
/// root cell of its own and shares all nodes; the old one is *frozen*, owns nothing, and waits for
/// the walk. From then on, until [Dictionary#passed] is true of the header, a writer replaces a
/// node older than the current epoch, on the path of its change, by a copy and gives the old one to
/// [Dictionary#bury], never to the allocator. When the walk has written the frozen entry, only the
/// entry itself is left to free.
public interface Owner {
  /// A new entry, of the current epoch, not in any dictionary, with the same key, expiry and
  /// contents, sharing nodes with `entry`. The latter is frozen from now on.
  long fork(long entry);

  /// Makes `to` (same encoding, value area of the same length, uninitialised) a copy of `from` that
  /// shares nothing.
  void copy(long from, long to);

  /// Frees all that the value of `entry` owns, but not the node of the entry itself. `between` runs
  /// after every few nodes.
  void release(long entry, Runnable between);

  /// Moves nodes of the value that stand in sparse slabs, from its element (or byte) `from` on, as
  /// many as may be moved at once. Returns the index to go on with, 0 at the end. No walk is under
  /// way.
  long evacuate(long entry, long from);

  /// About how many nodes [#release] will free.
  long nodes(long entry);

  /// Bytes of all that the value of `entry` owns, but not of the node of the entry itself.
  long memoryUse(long entry);
}
