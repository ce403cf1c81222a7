package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.Login;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// AUTH, as the sessions of a server go by it.
public final class SessionLogin implements Login {
  private final Users users;
  private final Clientele clientele;

  public SessionLogin(Users users, Clientele clientele) {
    this.users = users;
    this.clientele = clientele;
  }

  @Override
  public void begin(Session session) {
    session.user = users.defaultUser();
    session.authenticated = !users.required();
    session.gatesChanged();
  }

  @Override
  public void login(Call call, @Nullable Slice name, Slice password) {
    if (name == null) {
      users.requirePassword();
    }
    String wanted = name == null ? Users.DEFAULT : Octets.of(name.copy());
    CallRequest request = new CallRequest(call, clientele);
    users.login(request, wanted, password, user -> become(call.session(), wanted, user));
  }

  /// The session becomes the user's, who may be removed at this very moment ([Users]). Returns
  /// whether it is.
  private boolean become(Session session, String name, Principal user) {
    Principal before = session.user;
    session.user = user;
    boolean isThere = users.find(name) == user;
    if (isThere) {
      session.authenticated = true;
    } else {
      session.user = before;
    }
    session.gatesChanged();
    return isThere;
  }

  @Override
  public @Nullable Principal find(Slice name) {
    return users.find(Octets.of(name.copy()));
  }
}
