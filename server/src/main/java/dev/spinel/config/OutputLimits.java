package dev.spinel.config;

/// How much unsent output a client may have before it is disconnected, by kind of client.
public record OutputLimits(Limit normal, Limit replica, Limit pubsub) {

  /// One kind's limits; zeroes switch them off.
  ///
  /// @param hardBytes beyond this it is disconnected at once
  /// @param softBytes beyond this it is disconnected after `softSeconds` in a row
  public record Limit(long hardBytes, long softBytes, int softSeconds) {}

  static final OutputLimits DEFAULT =
      new OutputLimits(
          new Limit(0, 0, 0),
          new Limit(256L << 20, 64L << 20, 60),
          new Limit(32L << 20, 8L << 20, 60));
}
