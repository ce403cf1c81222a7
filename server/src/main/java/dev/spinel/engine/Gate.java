package dev.spinel.engine;

import dev.spinel.wire.Args;
import org.jspecify.annotations.Nullable;

/// One reason not to run a command: authentication, too little memory, a read-only replica… Each
/// lives in its feature's package; the assembly orders them in one visible list; a command asks
/// only those that concern its flags.
public interface Gate {
  String name();

  /// Whether the gate can ever refuse this command: asked once per command.
  boolean concerns(Command command);

  /// Why the command may not run now, or null. Called on the dispatcher's thread, seated, before
  /// any lock is taken.
  @Nullable CommandError refuse(Dispatcher dispatcher, Session session, Command command, Args args);
}
