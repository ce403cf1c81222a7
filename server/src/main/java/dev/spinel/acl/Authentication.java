package dev.spinel.acl;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Session;
import org.jspecify.annotations.Nullable;

/// Refuses most of what a session says before it has logged in.
public final class Authentication implements Gate {
  private static final CommandError REQUIRED = new CommandError("NOAUTH Authentication required.");

  private final Users users;

  public Authentication(Users users) {
    this.users = users;
  }

  @Override
  public Rank rank() {
    return Rank.AUTHENTICATION;
  }

  @Override
  public boolean concerns(Command command) {
    return !command.is(Command.NO_AUTH);
  }

  @Override
  public boolean concerns(Session session) {
    return !session.authenticated;
  }

  /// Whoever connected before is let in once nobody needs a password any more.
  @Override
  public @Nullable CommandError refuse(Call call) {
    return call.session().authenticated || !users.required() ? null : REQUIRED;
  }
}
