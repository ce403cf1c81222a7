package dev.spinel.client;

import dev.spinel.config.Config;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Login;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// What a connection says about itself: who it is, which protocol it speaks, which database it
/// uses, and that it is still there.
public final class Handshake implements Family {
  private static final int AUTH = 0, ECHO = 1, HELLO = 2, PING = 3, QUIT = 4, RESET = 5, SELECT = 6;

  private final Login authentication;
  private final Consumer<Session> reset;
  private final BooleanSupplier isReplica;

  /// @param reset what else ends when a session says RESET (its subscriptions)
  /// @param isReplica whether the server follows another one; asked once commands run
  public Handshake(Login authentication, Consumer<Session> reset, BooleanSupplier isReplica) {
    this.authentication = authentication;
    this.reset = reset;
    this.isReplica = isReplica;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        AUTH,
        "AUTH [username]^6.0.0 password",
        "connection 1.0.0 noscript loading stale fast no_auth allow_busy",
        """
        Logs a connection in.
        O(N), N passwords of the user
        6.0.0 A user name before the password
        """);
    t.command(
        ECHO,
        "ECHO message",
        "connection 1.0.0 loading stale fast",
        """
        Answers with what it was given.
        O(1)
        """);
    t.command(
        HELLO,
        "HELLO [arguments: protover:integer [AUTH (username password)] [SETNAME clientname]]",
        "connection 6.0.0 noscript loading stale fast no_auth allow_busy",
        """
        Chooses the protocol's version, and says who is speaking.
        O(1)
        6.2.0 Without a version it only reports
        """);
    t.command(
        PING,
        "PING [message]",
        "connection 1.0.0 fast request_policy:all_shards response_policy:all_succeeded"
            + " while_subscribed",
        """
        Answers, to show that the server is there.
        O(1)
        """);
    t.command(
        QUIT,
        "QUIT",
        "connection 1.0.0 noscript loading stale fast no_auth allow_busy arity=-1 in_multi"
            + " while_subscribed",
        """
        Closes the connection.
        O(1)
        deprecated 7.2.0: just closing the connection
        """);
    t.command(
        RESET,
        "RESET",
        "connection 6.2.0 noscript loading stale fast no_auth allow_busy in_multi while_subscribed",
        """
        Brings the connection back to how it began.
        O(1)
        """);
    t.command(
        SELECT,
        "SELECT index:integer",
        "connection 1.0.0 loading stale fast",
        """
        Chooses the connection's database.
        O(1)
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case AUTH -> auth(call, reply);
      case ECHO -> reply.bulk(call.arg(1));
      case HELLO -> hello(call, reply);
      case PING -> ping(call, reply);
      case QUIT -> {
        call.session().closing = true;
        reply.ok();
      }
      case RESET -> reset(call, reply);
      case SELECT -> select(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void ping(Call call, Reply reply) {
    if (call.argc() > 2) {
      throw CommandError.wrongArguments("ping");
    }
    if (call.session().subscribed() && reply.protocol() == 2) {
      reply.array(2);
      reply.bulk("pong");
      if (call.argc() == 1) {
        reply.bulk("");
      } else {
        reply.bulk(call.arg(1));
      }
    } else if (call.argc() == 1) {
      reply.simple("PONG");
    } else {
      reply.bulk(call.arg(1));
    }
  }

  private static void select(Call call, Reply reply) {
    long number = call.integer(1);
    if (number != (int) number) {
      throw new CommandError(
          "ERR value is out of range, value must between -2147483648 and 2147483647");
    }
    if (number != 0 && call.limits().inCluster()) {
      throw new CommandError("ERR SELECT is not allowed in cluster mode");
    }
    if (number < 0 || number >= call.engine().keyspace.databases()) {
      throw new CommandError("ERR DB index is out of range");
    }
    call.session().database = (int) number;
    reply.ok();
  }

  private void auth(Call call, Reply reply) {
    if (call.argc() > 3) {
      throw CommandError.SYNTAX;
    }
    if (call.argc() == 2) {
      authentication.login(call, null, call.arg(1));
    } else {
      authentication.login(call, call.arg(1), call.arg(2));
    }
    reply.ok();
  }

  private void hello(Call call, Reply reply) {
    Session session = call.session();
    int version = 0;
    if (call.argc() >= 2) {
      long wanted =
          call.integer(
              1,
              Long.MIN_VALUE,
              Long.MAX_VALUE,
              new CommandError("ERR Protocol version is not an integer or out of range"));
      if (wanted < 2 || wanted > 3) {
        throw new CommandError("NOPROTO unsupported protocol version");
      }
      version = (int) wanted;
    }
    int user = 0;
    byte[] name = null;
    Options o = call.options(2);
    while (o.next()) {
      if (o.is("AUTH", 2)) {
        user = o.take();
        o.take();
      } else if (o.is("SETNAME", 1)) {
        name = Clients.name(o.word());
      } else {
        String word = call.text(o.position());
        throw new CommandError("ERR Syntax error in HELLO option '" + word + "'");
      }
    }
    if (user != 0) {
      authentication.login(call, call.arg(user), call.arg(user + 1));
    }
    if (!session.authenticated) {
      throw new CommandError(
          "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO"
              + " <proto> AUTH <user> <pass> option can be used to authenticate the client and"
              + " select the RESP protocol version at the same time");
    }
    if (name != null) {
      session.name = name;
    }
    if (version != 0) {
      session.protocol = version;
      session.gatesChanged();
      reply.writer().protocol(version);
    }
    reply.map(7);
    reply.bulk("server");
    reply.bulk("redis");
    reply.bulk("version");
    reply.bulk(Config.REDIS_VERSION);
    reply.bulk("proto");
    reply.integer(session.protocol);
    reply.bulk("id");
    reply.integer(session.id);
    reply.bulk("mode");
    reply.bulk(call.limits().inCluster() ? "cluster" : "standalone");
    reply.bulk("role");
    reply.bulk(isReplica.getAsBoolean() ? "replica" : "master");
    reply.bulk("modules");
    reply.array(0);
  }

  private void reset(Call call, Reply reply) {
    Session session = call.session();
    session.receive(); // what it was told before
    call.dispatcher().end(session);
    reset.accept(session);
    session.database = 0;
    session.protocol = 2;
    session.name = new byte[0];
    if (session.replies != Session.Replies.SKIP) {
      session.replies = Session.Replies.ON;
    }
    session.noEvict = false;
    session.noTouch = false;
    call.engine().tracking().stop(session);
    session.readOnly = false;
    session.asking(false);
    authentication.begin(session);
    call.renew(reply);
    reply.simple("RESET");
  }
}
