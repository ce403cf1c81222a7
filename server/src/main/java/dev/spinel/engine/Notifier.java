package dev.spinel.engine;

import dev.spinel.wire.Slice;

/// Takes keyspace events on their way to subscribers. Called under the key's slot lock, so that
/// events of one key come in the order of its changes.
public interface Notifier {
  /// @param enabled what is to be notified: bits of [Events], those of the event's class among them
  /// @param by whose change it is: messages go through its [Recorder#push]
  void event(int enabled, String event, int database, Slice key, Recorder by);
}
