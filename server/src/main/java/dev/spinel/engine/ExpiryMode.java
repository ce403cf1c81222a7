package dev.spinel.engine;

/// What becomes of a key whose time is over.
///
/// The engine has a mode ([Engine#expiryMode]), which changes with the server's role and while
/// clients are paused; a call may have another one ([Call#expiryMode]). In all of them a key is
/// still there at the millisecond at which it expires, and gone at the next.
public enum ExpiryMode {
  /// Whoever meets it removes it, with its effect and events, and so does the keeper: on a primary.
  DELETE,

  /// It is absent for whoever looks, but stays until somebody else says that it goes: on a replica,
  /// which waits for its primary to say so, and while clients are paused, so that the data stand
  /// still.
  HIDE,

  /// It is a key as any other: for what the primary or a file says, which is applied as it is.
  IGNORE
}
