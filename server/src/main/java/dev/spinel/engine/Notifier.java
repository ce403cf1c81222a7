package dev.spinel.engine;

import dev.spinel.wire.Slice;

/// Takes keyspace events on their way to subscribers. Called under the key's slot lock, so that
/// events of one key come in the order of its changes.
public interface Notifier {
  void event(int eventClass, String event, int database, Slice key);
}
