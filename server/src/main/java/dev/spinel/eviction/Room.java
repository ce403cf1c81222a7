package dev.spinel.eviction;

/// The outcome of an attempt to make room.
enum Room {
  /// There is room now.
  MADE,
  /// There would be with more time.
  LATER,
  /// Others are freeing memory: evicting more would be in vain.
  ELSEWHERE,
  /// Nothing is left that may be evicted.
  NONE;

  /// Whether it is worth waiting.
  boolean isAwaited() {
    return this == LATER || this == ELSEWHERE;
  }
}
