package dev.spinel.pubsub;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Session;
import org.jspecify.annotations.Nullable;

/// Under RESP2 a subscribed session's replies can't be told from messages, so it may only change
/// its subscriptions, ping, or leave.
public final class SubscribedGate implements Gate {
  @Override
  public Rank rank() {
    return Rank.SUBSCRIBED;
  }

  @Override
  public boolean concerns(Command command) {
    return !command.is(Command.WHILE_SUBSCRIBED);
  }

  @Override
  public boolean concerns(Session session) {
    return session.protocol == 2 && session.subscribed();
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (!concerns(call.session())) {
      return null;
    }
    return new CommandError(
        "ERR Can't execute '"
            + call.command().name
            + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this"
            + " context");
  }
}
