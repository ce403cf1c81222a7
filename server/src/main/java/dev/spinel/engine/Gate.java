package dev.spinel.engine;

import org.jspecify.annotations.Nullable;

/// One reason not to run a command: authentication, too little memory, a read-only replica… Each
/// lives in its feature's package; the assembly orders them in one visible list; a command asks
/// only those that concern its flags.
public interface Gate {
  String name();

  /// Whether the gate can ever refuse this command: asked once per command.
  boolean concerns(Command command);

  /// Whether the gate may have something to say to this session now, whatever it says to others:
  /// asked when the session's state changes ([Session#gatesChanged]).
  default boolean concerns(Session session) {
    return false;
  }

  /// Why the call may not run (or be queued) now, or null. Its keys are known ([Call#keySlots]);
  /// none is locked. On the dispatcher's thread, seated.
  @Nullable CommandError refuse(Call call);
}
