package dev.spinel.engine;

/// What becomes of a key whose time is over.
///
/// The engine has a mode ([Engine#expiryMode]), which changes with the server's role and while
/// clients are paused; a call may have another one ([Call#expiryMode]). In all of them a key is
/// still there at the millisecond at which it expires, and gone at the next.
public enum ExpiryMode {
  /// The call that finds it deletes it, with its effect and events, and so does the keeper. Used on
  /// a primary.
  DELETE,

  /// Calls don't see it, but it isn't deleted here. Used on a replica, where only the primary's
  /// commands delete it, and while clients are paused, so that the data doesn't change.
  HIDE,

  /// It is a key like any other. Used for commands of the primary or of a file, which are applied
  /// as they are.
  IGNORE
}
