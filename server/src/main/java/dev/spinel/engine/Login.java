package dev.spinel.engine;

import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// Checks who a session says it is. Implemented where users are kept.
public interface Login {
  /// The session is new, or begins anew (RESET): it becomes the default user's, and is logged in
  /// unless that takes a password.
  void begin(Session session);

  /// Logs the call's session in. `user` null: the default one. Errors: [CommandError] for a wrong
  /// name or password.
  void login(Call call, @Nullable Slice user, Slice password);

  /// The user of that name, or null.
  @Nullable Principal find(Slice name);
}
