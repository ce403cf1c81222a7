package dev.spinel.engine;

import dev.spinel.wire.Args;

/// Sees each command when it has run, whatever came of it: MONITOR. One of a transaction when EXEC
/// has run it, EXEC itself behind them, a parked one when it parks. Refused ones are not seen,
/// except EXEC: its transaction has ended.
public interface Onlooker {
  /// On the dispatcher's thread, under the call's locks: what is sent by `by` keeps the order in
  /// which calls took effect. Large arguments may have been taken: only their lengths are left.
  void ran(Session session, Command command, Args args, Recorder by);
}
