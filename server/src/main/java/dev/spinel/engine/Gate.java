package dev.spinel.engine;

import org.jspecify.annotations.Nullable;

/// One reason not to run a command: authentication, too little memory, a read-only replica… Each
/// lives in its feature's package, and has its [#rank] among all.
///
/// A command asks only the gates that concern its flags; EXEC asks all of them, for itself and for
/// all that it is going to run: so a gate goes by [Call#does] and [Call#lacks], not by the
/// command's own flags.
///
/// Gates are asked before anything is locked. One whose answer depends on the data is asked again
/// under the locks ([Call#askAgain]). If the thread leaves its seat between that and the locks,
/// they are asked again where their answer may have changed. A change that concerns the answers of
/// gates for all sessions is made in a stopped world, and begins a new era ([Engine#newEra]).
public interface Gate {
  /// In which order gates are asked: Redis's. The first that refuses a call decides what it
  /// answers. One gate for each.
  enum Rank {
    AUTHENTICATION,
    ACL,
    REDIRECT,
    CLIENTS,
    MEMORY,
    TRACKING,
    MISCONF,
    NOREPLICAS,
    READONLY,
    SUBSCRIBED,
    MASTERDOWN,
    LOADING,
    BUSY,
    MONITOR,
    PAUSE,
    END
  }

  Rank rank();

  /// Whether the gate can ever refuse this command: asked once per command, but for EXEC.
  boolean concerns(Command command);

  /// Whether the gate may have something to say to this session now, whatever it says to others:
  /// asked when the session's state changes ([Session#gatesChanged]).
  default boolean concerns(Session session) {
    return false;
  }

  /// Whether the gate is also asked for what this server's primary says, which passes all others.
  /// It may have it wait, and never refuses it.
  default boolean holdsPrimary() {
    return false;
  }

  /// Why the call may not run (or be queued) now, or null. It may have the call wait instead
  /// ([Call#await]). The call's keys are known; none is locked. On the dispatcher's thread, seated.
  @Nullable CommandError refuse(Call call);

  /// Why a command that passed the gates when it was queued may not run now, or null. Asked by
  /// EXEC, under its locks, if the gates have something to say to the session or to everybody.
  default @Nullable CommandError refuseQueued(Call call) {
    return null;
  }

  /// Why a command may not run that a running call runs in turn, as a script does; or null. Asked
  /// under the locks of the outer call, with the inner one, whose session is the outer one's.
  default @Nullable CommandError refuseNested(Call inner) {
    return null;
  }
}
