package dev.spinel.acl;

import dev.spinel.engine.Principal;
import dev.spinel.wire.Slice;
import java.util.function.BiPredicate;

/// The sessions of a server or a Sentinel, as a change of users concerns them. Called by whoever
/// changes users.
public interface UserSessions {
  /// Runs an action while no session runs anything. All the others are called from within.
  void standStill(Runnable action);

  /// What users may do has changed.
  void rightsChanged();

  /// The user is gone: its sessions become another one's, who hasn't logged in, and end (that of
  /// the caller after its reply).
  void end(Principal user, Principal becomes);

  /// Ends the user's sessions that are subscribed to something of which `test` isn't true: a
  /// channel, or (second argument true) a pattern.
  void endListeners(Principal user, BiPredicate<Slice, Boolean> test);

  /// Counts bytes of the Java heap, if there is room.
  boolean mayHold(long bytes);

  void release(long bytes);
}
