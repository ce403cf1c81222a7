package dev.spinel.engine;

import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// A call that waits for one of its keys, with its arguments in bytes of its own.
///
/// ```
///            ┌──────── a writer of the key ran it ───────► SERVED
///   WAITING ─┼──────── its time ran out ─────────────────► TIMED_OUT
///            └──────── its client is gone, or killed ────► KILLED
/// ```
///
/// Or that is *put off* ([#PUT_OFF]) until a snapshot has come further: that one waits for no key,
/// belongs to its session's thread alone, and is run again there ([Blocking#retry]).
///
/// Every other transition happens while *all* slots of its keys are locked by whoever makes it (or
/// in a stopped world): that lock is the compare-and-set.
final class Parked {
  enum State {
    WAITING,
    SERVED,
    TIMED_OUT,
    KILLED
  }

  /// The type of a call that waits for a condition.
  static final int PUT_OFF = -1;

  final Session session;
  final Command command;
  final Args args;
  final int database;
  final int type; // what the key must hold to wake it: one of Entry's types
  final Slice[] keys; // those that it waits for, in bytes of their own
  final int[] keySlots; // of `keys`, one each
  final Parking.@Nullable Wait[] waits; // its places in their queues; a key named twice has one
  final int[] slots; // of all its keys, ascending, each once
  final long heapBytes; // of `args`
  final long sinceNanos;
  State state = State.WAITING; // all its slots' locks
  @Nullable Runnable timer; // session's thread

  Parked(
      Session session,
      Command command,
      Args args,
      int database,
      int type,
      Slice[] keys,
      int[] keySlots,
      int[] slots,
      long heapBytes,
      long sinceNanos) {
    this.session = session;
    this.command = command;
    this.args = args;
    this.database = database;
    this.type = type;
    this.keys = keys;
    this.keySlots = keySlots;
    this.waits = new Parking.Wait[keys.length];
    this.slots = slots;
    this.heapBytes = heapBytes;
    this.sinceNanos = sinceNanos;
  }
}
