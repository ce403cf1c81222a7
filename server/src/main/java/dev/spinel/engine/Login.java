package dev.spinel.engine;

import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// Checks who a session says it is. Implemented where users are kept.
public interface Login {
  /// Whether a new session must log in before anything else.
  boolean required();

  /// Logs the session in. `user` null: the default one. Errors: [CommandError] for a wrong name or
  /// password.
  void login(Session session, @Nullable Slice user, Slice password);
}
