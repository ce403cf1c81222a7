package dev.spinel.value;

/// Frees in the background what is too large for a command to free: given by the keyspace.
@FunctionalInterface
public interface Reaper {
  /// Takes an entry over, for [Dictionary#free] on another thread; nothing refers to it any more.
  /// False: it can't (no background thread runs), and the caller frees it itself.
  ///
  /// @param nodes about how many nodes it has, or more than [Dictionary#STEP_NODES]
  boolean reap(long entry, long nodes);
}
