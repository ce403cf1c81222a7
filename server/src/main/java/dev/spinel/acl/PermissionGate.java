package dev.spinel.acl;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Session;
import org.jspecify.annotations.Nullable;

/// Refuses what the session's user may not do. It has nothing to say to sessions of users who may
/// do everything.
public final class PermissionGate implements Gate {
  private final Denials denials;
  private final Clientele clientele;

  public PermissionGate(Denials denials, Clientele clientele) {
    this.denials = denials;
    this.clientele = clientele;
  }

  @Override
  public Rank rank() {
    return Rank.ACL;
  }

  @Override
  public boolean concerns(Command command) {
    return true;
  }

  @Override
  public boolean concerns(Session session) {
    return session.user instanceof User user && !user.rights.isUnrestricted();
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (!(call.session().user instanceof User user)) {
      return null;
    }
    Denial denial = denial(user, call);
    if (denial == null) {
      return null;
    }
    denials.denied(new CallRequest(call, clientele), call.command(), user, denial);
    return new CommandError("NOPERM " + denial.text(user.name, call.command()));
  }

  @Override
  public @Nullable CommandError refuseQueued(Call call) {
    if (!(call.session().user instanceof User user)) {
      return null;
    }
    Denial denial = denial(user, call);
    if (denial == null) {
      return null;
    }
    denials.denied(new CallRequest(call, clientele), call.command(), user, denial);
    return new CommandError("NOPERM " + denial.queuedText());
  }

  private static @Nullable Denial denial(User user, Call call) {
    Rights rights = user.rights;
    return rights.isUnrestricted() ? null : rights.check(call.command(), call.args(), 0);
  }
}
