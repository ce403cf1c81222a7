package dev.spinel.engine;

/// What a call waits for that can't run yet: a walk that comes further, memory that is freed. The
/// call then runs from its beginning, gates included, and may have to wait again.
@FunctionalInterface
public interface Condition {
  /// Has `again` run on the session's thread, once, when it may be worth another try. Whoever is
  /// called sees to it that this comes, whatever else happens. The session's thread, without locks.
  void await(Session session, Runnable again);
}
