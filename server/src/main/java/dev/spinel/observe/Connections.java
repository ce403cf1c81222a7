package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Login;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// What a connection says about itself, and what others may know of it.
public final class Connections implements Family {
  private static final int AUTH = 0,
      CLIENT_GETNAME = 2,
      CLIENT_GETREDIR = 3,
      CLIENT_HELP = 4,
      CLIENT_ID = 5,
      CLIENT_INFO = 6,
      CLIENT_KILL = 7,
      CLIENT_LIST = 8,
      CLIENT_NO_EVICT = 9,
      CLIENT_NO_TOUCH = 10,
      CLIENT_REPLY = 12,
      CLIENT_SETINFO = 13,
      CLIENT_SETNAME = 14,
      CLIENT_TRACKINGINFO = 16,
      CLIENT_UNBLOCK = 17,
      ECHO = 19,
      HELLO = 20,
      PING = 21,
      QUIT = 22,
      RESET = 23,
      SELECT = 24;

  private static final CommandError SYNTAX = CommandError.SYNTAX;

  private final Login authentication;
  private final Consumer<Session> reset;

  /// @param reset what else ends when a session says RESET (its subscriptions)
  public Connections(Login authentication, Consumer<Session> reset) {
    this.authentication = authentication;
    this.reset = reset;
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
    t.container(
        "CLIENT",
        "connection 2.4.0",
        """
        Looks at connections and changes their ways.
        Depends on subcommand.
        """);
    t.command(
        CLIENT_GETNAME,
        "CLIENT|GETNAME",
        "connection 2.6.9 noscript loading stale",
        """
        Reads the connection's name.
        O(1)
        """);
    t.command(
        CLIENT_GETREDIR,
        "CLIENT|GETREDIR",
        "connection 6.0.0 noscript loading stale",
        """
        Tells which client gets the connection's invalidations.
        O(1)
        """);
    t.command(
        CLIENT_HELP,
        "CLIENT|HELP",
        "connection 5.0.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        CLIENT_ID,
        "CLIENT|ID",
        "connection 5.0.0 noscript loading stale",
        """
        Tells the connection's number.
        O(1)
        """);
    t.command(
        CLIENT_INFO,
        "CLIENT|INFO",
        "connection 6.2.0 noscript loading stale nondeterministic_output",
        """
        Describes the connection.
        O(1)
        """);
    t.command(
        CLIENT_KILL,
        "CLIENT|KILL (filter: old-format<ip:port>~2.8.12 | (new-format: [ID"
            + " client-id:integer]^2.8.12 | [TYPE (client-type: NORMAL | MASTER^3.2.0 | SLAVE |"
            + " REPLICA^5.0.0 | PUBSUB)]^2.8.12 | [USER username] | [ADDR addr<ip:port>] | [LADDR"
            + " laddr<ip:port>]^6.2.0 | [SKIPME (YES | NO)])...)",
        "connection 2.4.0 admin noscript loading stale arity=-3",
        """
        Closes connections.
        O(N), N connections
        2.8.12 Filters by name
        2.8.12 ID
        3.2.0 TYPE knows master
        5.0.0 TYPE knows replica, the new word for slave
        6.2.0 LADDR
        """);
    t.command(
        CLIENT_LIST,
        "CLIENT|LIST [TYPE (client-type: NORMAL | MASTER | REPLICA | PUBSUB)]^5.0.0 [ID"
            + " client-id:integer]...^6.2.0",
        "connection 2.4.0 admin noscript loading stale nondeterministic_output",
        """
        Describes all connections.
        O(N), N connections
        2.8.12 The field id
        5.0.0 TYPE
        6.0.0 The field user
        6.2.0 The fields argv-mem, tot-mem, laddr and redir, and ID
        7.0.0 The fields resp, multi-mem, rbs and rbp
        7.0.3 The field ssub
        """);
    t.command(
        CLIENT_NO_EVICT,
        "CLIENT|NO-EVICT (enabled: ON | OFF)",
        "connection 7.0.0 admin noscript loading stale",
        """
        Spares the connection when clients use too much memory.
        O(1)
        """);
    t.command(
        CLIENT_NO_TOUCH,
        "CLIENT|NO-TOUCH (enabled: ON | OFF)",
        "connection 7.2.0 noscript loading stale",
        """
        Makes the connection's reads leave no trace in the access times of keys.
        O(1)
        """);
    t.command(
        CLIENT_REPLY,
        "CLIENT|REPLY (action: ON | OFF | SKIP)",
        "connection 3.2.0 noscript loading stale",
        """
        Switches the replies to the connection off and on.
        O(1)
        """);
    t.command(
        CLIENT_SETINFO,
        "CLIENT|SETINFO (attr: LIB-NAME libname | LIB-VER libver)",
        "connection 7.2.0 noscript loading stale request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Names the library that the client is built with, or its version.
        O(1)
        """);
    t.command(
        CLIENT_SETNAME,
        "CLIENT|SETNAME connection-name",
        "connection 2.6.9 noscript loading stale request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Gives the connection a name.
        O(1)
        """);
    t.command(
        CLIENT_TRACKINGINFO,
        "CLIENT|TRACKINGINFO",
        "connection 6.2.0 noscript loading stale",
        """
        Tells how the connection tracks keys.
        O(1)
        """);
    t.command(
        CLIENT_UNBLOCK,
        "CLIENT|UNBLOCK client-id:integer [unblock-type: TIMEOUT | ERROR]",
        "connection 5.0.0 admin noscript loading stale global",
        """
        Wakes a client that waits in a blocking command.
        O(log N), N connections
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
    Session session = call.session();
    switch (row) {
      case PING -> ping(call, reply);
      case ECHO -> reply.bulk(call.arg(1));
      case SELECT -> select(call, reply);
      case AUTH -> auth(call, reply);
      case HELLO -> hello(call, reply);
      case QUIT -> {
        session.closing = true;
        reply.ok();
      }
      case RESET -> reset(call, reply);
      case CLIENT_ID -> reply.integer(session.id);
      case CLIENT_INFO -> reply.verbatim("txt", bytes(describe(session, call) + "\n"));
      case CLIENT_LIST -> list(call, reply);
      case CLIENT_KILL -> kill(call, reply);
      case CLIENT_GETNAME -> {
        if (session.name.length == 0) {
          reply.nil();
        } else {
          reply.bulk(session.name);
        }
      }
      case CLIENT_SETNAME -> {
        session.name = name(call.arg(2));
        reply.ok();
      }
      case CLIENT_SETINFO -> setInfo(call, reply);
      case CLIENT_REPLY -> replies(call, reply);
      case CLIENT_UNBLOCK -> unblock(call, reply);
      case CLIENT_NO_EVICT -> {
        session.noEvict = onOrOff(call);
        reply.ok();
      }
      case CLIENT_NO_TOUCH -> {
        session.noTouch = onOrOff(call);
        reply.ok();
      }
      case CLIENT_GETREDIR -> reply.integer(-1); // tracking is off
      case CLIENT_TRACKINGINFO -> {
        reply.map(3);
        reply.bulk("flags");
        reply.set(1);
        reply.bulk("off");
        reply.bulk("redirect");
        reply.integer(-1);
        reply.bulk("prefixes");
        reply.array(0);
      }
      case CLIENT_HELP -> Help.reply(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
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
    if (number < 0 || number >= call.engine().keyspace.databases()) {
      throw new CommandError("ERR DB index is out of range");
    }
    call.session().database = (int) number;
    reply.ok();
  }

  // ── who is speaking
  // ────────────────────────────────────────────────────────────────────────────────────────────────

  private void auth(Call call, Reply reply) {
    if (call.argc() > 3) {
      throw SYNTAX;
    }
    if (call.argc() == 2) {
      authentication.login(call.session(), null, call.arg(1));
    } else {
      authentication.login(call.session(), call.arg(1), call.arg(2));
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
    for (int i = 2; i < call.argc(); i++) {
      int more = call.argc() - 1 - i;
      if (call.is(i, "AUTH") && more >= 2) {
        user = i + 1;
        i += 2;
      } else if (call.is(i, "SETNAME") && more >= 1) {
        name = name(call.arg(++i));
      } else {
        throw new CommandError("ERR Syntax error in HELLO option '" + call.text(i) + "'");
      }
    }
    if (user != 0) {
      authentication.login(session, call.arg(user), call.arg(user + 1));
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
    reply.bulk("standalone");
    reply.bulk("role");
    reply.bulk("master");
    reply.bulk("modules");
    reply.array(0);
  }

  private static byte[] name(Slice name) {
    if (!printable(name)) {
      throw new CommandError(
          "ERR Client names cannot contain spaces, newlines or special characters.");
    }
    return name.copy();
  }

  private static boolean printable(Slice text) {
    for (int i = 0; i < text.length; i++) {
      if (text.byteAt(i) < '!' || text.byteAt(i) > '~') {
        return false;
      }
    }
    return true;
  }

  private static void setInfo(Call call, Reply reply) {
    boolean library = call.is(2, "LIB-NAME");
    if (!library && !call.is(2, "LIB-VER")) {
      throw new CommandError("ERR Unrecognized option '" + call.text(2) + "'");
    }
    if (!printable(call.arg(3))) {
      throw new CommandError(
          "ERR " + call.text(2) + " cannot contain spaces, newlines or special characters.");
    }
    if (library) {
      call.session().libraryName = call.bytes(3);
    } else {
      call.session().libraryVersion = call.bytes(3);
    }
    reply.ok();
  }

  private static boolean onOrOff(Call call) {
    boolean on = call.is(2, "ON");
    if (!on && !call.is(2, "OFF")) {
      throw SYNTAX;
    }
    return on;
  }

  private static void replies(Call call, Reply reply) {
    Session session = call.session();
    if (call.is(2, "ON")) {
      session.replies = Session.Replies.ON;
      call.renew(reply);
      reply.ok();
    } else if (call.is(2, "OFF")) {
      session.replies = Session.Replies.OFF;
    } else if (call.is(2, "SKIP")) {
      if (session.replies != Session.Replies.OFF) {
        session.replies = Session.Replies.SKIP_NEXT;
      }
    } else {
      throw SYNTAX;
    }
  }

  private void reset(Call call, Reply reply) {
    Session session = call.session();
    session.hear(); // what it was told before
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
    session.readOnly = false;
    session.authenticated = !authentication.required();
    session.gatesChanged();
    call.renew(reply);
    reply.simple("RESET");
  }

  // ── who else is there
  // ──────────────────────────────────────────────────────────────────────────────────────────────

  private static void unblock(Call call, Reply reply) {
    boolean error = false;
    if (call.argc() == 4) {
      error = call.is(3, "ERROR");
      if (!error && !call.is(3, "TIMEOUT")) {
        throw new CommandError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
      }
    }
    Session other = call.engine().session(call.integer(2));
    reply.flag(other != null && call.dispatcher().unblock(other, error));
  }

  private static final int NORMAL = 0, REPLICA = 1, PUBSUB = 2, MASTER = 3;

  private static int typeOf(Session session) {
    return session.subscribed() ? PUBSUB : NORMAL;
  }

  private static int typeNamed(Call call, int i) {
    if (call.is(i, "NORMAL")) {
      return NORMAL;
    }
    if (call.is(i, "SLAVE") || call.is(i, "REPLICA")) {
      return REPLICA;
    }
    if (call.is(i, "PUBSUB")) {
      return PUBSUB;
    }
    if (call.is(i, "MASTER")) {
      return MASTER;
    }
    throw new CommandError("ERR Unknown client type '" + call.text(i) + "'");
  }

  private static List<Session> sessions(Call call) {
    ArrayList<Session> all = new ArrayList<>(call.engine().sessions());
    all.sort((a, b) -> Long.compare(a.id, b.id));
    return all;
  }

  private static void list(Call call, Reply reply) {
    StringBuilder text = new StringBuilder();
    if (call.argc() == 4 && call.is(2, "TYPE")) {
      int type = typeNamed(call, 3);
      for (Session session : sessions(call)) {
        if (typeOf(session) == type) {
          text.append(describe(session, call)).append('\n');
        }
      }
    } else if (call.argc() > 3 && call.is(2, "ID")) {
      CommandError invalid = new CommandError("ERR Invalid client ID");
      for (int i = 3; i < call.argc(); i++) {
        call.integer(i, Long.MIN_VALUE, Long.MAX_VALUE, invalid);
      }
      for (int i = 3; i < call.argc(); i++) {
        Session session = call.engine().session(call.integer(i));
        if (session != null) {
          text.append(describe(session, call)).append('\n');
        }
      }
    } else if (call.argc() != 2) {
      throw SYNTAX;
    } else {
      for (Session session : sessions(call)) {
        text.append(describe(session, call)).append('\n');
      }
    }
    reply.verbatim("txt", bytes(text.toString()));
  }

  /// The running request as it was read: it counts as input until it is done.
  private static long requestBytes(Call call) {
    long bytes = digits(call.argc()) + 3;
    for (int i = 0; i < call.argc(); i++) {
      int length = call.arg(i).length;
      bytes += digits(length) + length + 5;
    }
    return bytes;
  }

  private static int digits(int number) {
    return Integer.toString(number).length();
  }

  /// A session's line in CLIENT LIST. Of another thread's session it is a racy picture.
  private static String describe(Session session, Call call) {
    StringBuilder flags = new StringBuilder();
    if (session.monitors) {
      flags.append('O');
    }
    if (session.subscribed()) {
      flags.append('P');
    }
    if (session.inMulti() && !(session == call.session() && call.inMulti())) {
      flags.append('x');
    }
    if (session.isParked()) {
      flags.append('b');
    }
    if (session.closing) {
      flags.append('c');
    }
    if (session.readOnly) {
      flags.append('r');
    }
    if (session.noEvict) {
      flags.append('e');
    }
    if (session.noTouch) {
      flags.append('T');
    }
    if (session.outlet.isUnixSocket()) {
      flags.append('U');
    }
    if (flags.isEmpty()) {
      flags.append('N');
    }
    boolean own = session == call.session();
    long pending = own ? 0 : session.outlet.pendingBytes();
    long input = session.outlet.inputBytes() + (own ? requestBytes(call) : 0);
    long lastInteractionMillis =
        Math.max(session.lastInteractionMillis, session.outlet.lastInteractionMillis());
    return "id="
        + session.id
        + " addr="
        + session.outlet.address()
        + " laddr="
        + session.outlet.localAddress()
        + " fd="
        + session.outlet.descriptor()
        + " name="
        + text(session.name)
        + " age="
        + (call.now() - session.createdMillis) / 1000
        + " idle="
        + Math.max(0, call.now() - lastInteractionMillis) / 1000
        + " flags="
        + flags
        + " db="
        + session.database
        + " sub="
        + session.channels
        + " psub="
        + session.patterns
        + " ssub="
        + session.shardChannels
        + " multi="
        + session.queuedCommands()
        + " qbuf="
        + input
        + " qbuf-free=0 argv-mem=0 multi-mem="
        + session.queuedBytes()
        + " rbs=16384 rbp=0 obl="
        + pending
        + " oll=0 omem="
        + pending
        + " tot-mem="
        + (input + pending + session.queuedBytes())
        + " events=r cmd="
        + (session.lastCommand == null ? "NULL" : session.lastCommand.name)
        + " user="
        + text(session.user)
        + " redir=-1 resp="
        + session.protocol
        + " lib-name="
        + text(session.libraryName)
        + " lib-ver="
        + text(session.libraryVersion);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static void kill(Call call, Reply reply) {
    String address = null;
    String localAddress = null;
    int type = -1;
    long id = 0;
    boolean skipMe = true;
    boolean old = call.argc() == 3;
    if (old) {
      address = call.text(2);
      skipMe = false;
    }
    for (int i = 2; i < call.argc() && !old; i += 2) {
      if (i + 1 == call.argc()) {
        throw SYNTAX;
      }
      if (call.is(i, "ID")) {
        id =
            call.integer(
                i + 1,
                1,
                Long.MAX_VALUE,
                new CommandError("ERR client-id should be greater than 0"));
      } else if (call.is(i, "TYPE")) {
        type = typeNamed(call, i + 1);
      } else if (call.is(i, "ADDR")) {
        address = call.text(i + 1);
      } else if (call.is(i, "LADDR")) {
        localAddress = call.text(i + 1);
      } else if (call.is(i, "USER")) {
        if (!call.arg(i + 1).equal(call.session().user)) {
          throw new CommandError("ERR No such user '" + call.text(i + 1) + "'");
        }
      } else if (call.is(i, "SKIPME")) {
        skipMe = call.is(i + 1, "YES");
        if (!skipMe && !call.is(i + 1, "NO")) {
          throw SYNTAX;
        }
      } else {
        throw SYNTAX;
      }
    }
    int killed = 0;
    for (Session session : sessions(call)) {
      boolean me = session == call.session();
      if (address != null && !address.equals(session.outlet.address())
          || localAddress != null && !localAddress.equals(session.outlet.localAddress())
          || type != -1 && typeOf(session) != type
          || id != 0 && session.id != id
          || me && skipMe
          || session.closing) {
        continue;
      }
      session.closing = true;
      if (!me) {
        session.outlet.post(() -> session.outlet.close(false));
      }
      killed++;
    }
    if (!old) {
      reply.integer(killed);
    } else if (killed == 0) {
      throw new CommandError("ERR No such client");
    } else {
      reply.ok();
    }
  }
}
