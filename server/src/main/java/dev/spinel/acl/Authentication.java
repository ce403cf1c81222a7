package dev.spinel.acl;

import dev.spinel.config.Config;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Login;
import dev.spinel.engine.Section;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.security.MessageDigest;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// The password of the default user, the gate before which it must be given, and how often a wrong
/// one was.
public final class Authentication implements Gate, Login, Section {
  private static final CommandError REQUIRED = new CommandError("NOAUTH Authentication required.");
  private static final CommandError WRONG =
      new CommandError("WRONGPASS invalid username-password pair or user is disabled.");
  private static final byte[] DEFAULT = {'d', 'e', 'f', 'a', 'u', 'l', 't'};

  private final Config config;
  private final LongAdder denied = new LongAdder();

  public Authentication(Config config) {
    this.config = config;
  }

  /// Whether a new session must give a password.
  @Override
  public boolean required() {
    return !config.text(Settings.REQUIREPASS).isEmpty();
  }

  /// Logs the session in. `user` null: the default one. Errors: wrong name or password.
  @Override
  public void login(Session session, @Nullable Slice user, Slice password) {
    if (user == null && !required()) {
      throw new CommandError(
          "ERR AUTH <password> called without any password configured for the default user. Are you"
              + " sure your configuration is correct?");
    }
    boolean right = user == null || user.equal(DEFAULT);
    if (required()) {
      byte[] expected = Octets.bytes(config.get(Settings.REQUIREPASS));
      right &= MessageDigest.isEqual(expected, password.copy());
    }
    if (!right) {
      denied.increment();
      throw WRONG;
    }
    session.authenticated = true;
    session.gatesChanged();
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

  @Override
  public @Nullable CommandError refuse(Call call) {
    return call.session().authenticated ? null : REQUIRED;
  }

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public void tell(Call call, Fields out) {
    out.field("acl_access_denied_auth", denied.sum());
  }

  @Override
  public void reset() {
    denied.reset();
  }
}
