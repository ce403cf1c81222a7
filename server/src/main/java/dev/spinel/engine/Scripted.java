package dev.spinel.engine;

/// What a call is going to run that runs other commands: a script. Found before the call's gates
/// are asked ([Family#scripted]), because the script tells which of them concern it, and what is to
/// be locked.
///
/// ```
///   keeps to the call's keys   ─► [#enter] ─► the locks of their slots ─► run ─► [#leave]
///   may touch any key          ─► the stopped world ─► run
/// ```
public interface Scripted {
  /// The flags that count, of [Command].
  ///
  /// @param flags the command's own
  int flags(int flags);

  /// Whether it may touch keys that the call doesn't name: then it runs in a stopped world.
  boolean roams(Call call);

  /// Takes what the script needs besides locks of slots, before they are taken. False if it gave up
  /// waiting, since a script holds the server up: the call begins anew. Not called for what
  /// [#roams] and within EXEC: nobody else runs then.
  boolean enter();

  void leave();
}
