package dev.spinel.pubsub;

import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Session;
import dev.spinel.wire.Args;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Under RESP2 a subscribed session's replies can't be told from messages, so it may only change
/// its subscriptions, ping, or leave.
public final class SubscribedGate implements Gate {
  private static final Set<String> ALLOWED =
      Set.of(
          "ping",
          "subscribe",
          "ssubscribe",
          "unsubscribe",
          "sunsubscribe",
          "psubscribe",
          "punsubscribe",
          "quit",
          "reset");

  @Override
  public String name() {
    return "subscribed";
  }

  @Override
  public boolean concerns(Command command) {
    return !ALLOWED.contains(command.name);
  }

  @Override
  public @Nullable CommandError refuse(
      Dispatcher dispatcher, Session session, Command command, Args args) {
    if (session.protocol != 2 || !session.subscribed()) {
      return null;
    }
    return new CommandError(
        "ERR Can't execute '"
            + command.name
            + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this"
            + " context");
  }
}
