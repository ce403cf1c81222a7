package dev.spinel.engine;

import java.util.List;

/// How a session tracks keys (CLIENT TRACKING). Immutable.
///
/// @param redirect the number of the session that gets the invalidations, 0: the session itself
/// @param prefixes those that a session of [Kind#BROADCAST] is told of, in the order of their bytes
public record TrackingMode(
    Kind kind, long redirect, boolean noLoop, List<Tracking.Prefix> prefixes) {
  /// Of which keys the session is told.
  public enum Kind {
    /// Of those that it has read.
    READ,

    /// Of those that it has read right behind CLIENT CACHING YES.
    OPT_IN,

    /// Of those that it has read, but not right behind CLIENT CACHING NO.
    OPT_OUT,

    /// Of all that begin with its prefixes.
    BROADCAST
  }

  public boolean broadcasts() {
    return kind == Kind.BROADCAST;
  }

  /// Whether what the session reads now is to be remembered.
  ///
  /// @param caching whether CLIENT CACHING was said right before
  boolean remembers(boolean caching) {
    return switch (kind) {
      case READ -> true;
      case OPT_IN -> caching;
      case OPT_OUT -> !caching;
      case BROADCAST -> false;
    };
  }
}
