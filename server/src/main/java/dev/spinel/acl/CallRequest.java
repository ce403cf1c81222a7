package dev.spinel.acl;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Session;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/// A call of a server, and the server's sessions.
final class CallRequest implements AclRequest, UserSessions {
  private final Call call;
  private final Clientele clientele;

  CallRequest(Call call, Clientele clientele) {
    this.call = call;
    this.clientele = clientele;
  }

  @Override
  public Args args() {
    return call.args();
  }

  @Override
  public long now() {
    return call.now();
  }

  @Override
  public CommandTable table() {
    return call.engine().table;
  }

  @Override
  public @Nullable Principal user() {
    return call.session().user;
  }

  @Override
  public String context() {
    if (call.isInScript()) {
      return "lua";
    }
    return call.session().inMulti() ? "multi" : "toplevel";
  }

  @Override
  public String client() {
    return clientele.describe(call);
  }

  @Override
  public UserSessions sessions() {
    return this;
  }

  // ── UserSessions ──

  @Override
  public void standStill(Runnable action) {
    call.inStoppedWorld(action);
  }

  @Override
  public void rightsChanged() {
    call.engine().gatesChanged();
  }

  @Override
  public void end(Principal user, Principal becomes) {
    for (Session session : call.engine().sessions()) {
      if (session.user == user) {
        session.user = becomes;
        session.authenticated = false;
        end(session);
      }
    }
  }

  @Override
  public void endListeners(Principal user, BiPredicate<Slice, Boolean> test) {
    for (Session session : call.engine().sessions()) {
      if (session.user == user
          && session.subscribed()
          && !session.isReplica
          && !clientele.allMatch(session, test)) {
        end(session);
      }
    }
  }

  private void end(Session session) {
    session.closing = true;
    if (session != call.client()) {
      session.outlet.post(() -> session.outlet.kill());
    }
  }

  @Override
  public boolean mayHold(long bytes) {
    return call.engine().heap.hold(bytes);
  }

  @Override
  public void release(long bytes) {
    call.engine().heap.release(bytes);
  }
}
