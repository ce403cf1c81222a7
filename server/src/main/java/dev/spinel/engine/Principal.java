package dev.spinel.engine;

import dev.spinel.wire.Args;

/// The user that a session has logged in as. Implemented where users are kept. What a user may do
/// can change at any time; the object stays the same. Any thread.
public interface Principal {
  /// The user's name.
  byte[] name();

  /// Whether the user may run this call. Nothing is recorded.
  boolean may(Command command, Args args);

  /// Whether the user may run this call by some rules that also let it read every key there is.
  boolean mayReadAnyKey(Command command, Args args);
}
