package dev.spinel.client;

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

/// CLIENT: lists the connections, names them, and closes or unblocks them.
public final class Clients implements Family {
  private static final int CLIENT_CACHING = 16,
      CLIENT_TRACKING = 17,
      CLIENT_GETNAME = 0,
      CLIENT_GETREDIR = 1,
      CLIENT_HELP = 2,
      CLIENT_ID = 3,
      CLIENT_INFO = 4,
      CLIENT_KILL = 5,
      CLIENT_LIST = 6,
      CLIENT_NO_EVICT = 7,
      CLIENT_NO_TOUCH = 8,
      CLIENT_PAUSE = 9,
      CLIENT_REPLY = 10,
      CLIENT_SETINFO = 11,
      CLIENT_SETNAME = 12,
      CLIENT_TRACKINGINFO = 13,
      CLIENT_UNBLOCK = 14,
      CLIENT_UNPAUSE = 15;

  private static final CommandError SYNTAX = CommandError.SYNTAX;

  private final Pause pause;
  private final Login users;

  /// @param users whose connections CLIENT KILL may close
  public Clients(Pause pause, Login users) {
    this.pause = pause;
    this.users = users;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.container(
        "CLIENT",
        "connection 2.4.0",
        """
        Looks at connections and changes their ways.
        Depends on subcommand.
        """);
    t.command(
        CLIENT_CACHING,
        "CLIENT|CACHING (mode: YES | NO)",
        "connection 6.0.0 noscript loading stale",
        """
        Has the keys of the next command tracked, or not tracked.
        O(1)
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
            + " laddr<ip:port>]^6.2.0 | [SKIPME (YES | NO)] | [MAXAGE maxage:integer]^7.4.0)...)",
        "connection 2.4.0 admin noscript loading stale arity=-3",
        """
        Closes connections.
        O(N), N connections
        2.8.12 Filters by name
        2.8.12 ID
        3.2.0 TYPE knows master
        5.0.0 TYPE knows replica, the new word for slave
        6.2.0 LADDR
        7.4.0 MAXAGE
        8.1.0 Several numbers behind ID, as in Valkey
        """);
    t.command(
        CLIENT_LIST,
        "CLIENT|LIST [TYPE (client-type: NORMAL | MASTER | REPLICA | PUBSUB)]^5.0.0 [ID"
            + " client-id:integer]...^6.2.0 [USER username]^8.1.0 [ADDR addr<ip:port>]^8.1.0 [LADDR"
            + " laddr<ip:port>]^8.1.0 [SKIPME (YES | NO)]^8.1.0 [MAXAGE maxage:integer]^8.1.0",
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
        8.1.0 The filters of CLIENT KILL, several at once, as in Valkey
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
        CLIENT_PAUSE,
        "CLIENT|PAUSE timeout:integer [mode: WRITE | ALL]^6.2.0",
        "connection 3.0.0 admin noscript loading stale global",
        """
        Holds up the commands of all clients for a while, or those that may write.
        O(1)
        6.2.0 Mode WRITE, and that both modes keep the data as it is
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
        CLIENT_TRACKING,
        "CLIENT|TRACKING (status: ON | OFF) [REDIRECT client-id:integer] [PREFIX... prefix]"
            + " [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        "connection 6.0.0 noscript loading stale",
        """
        Tells the connection of changes of the keys that it caches, or stops that.
        O(1). Some options may introduce additional complexity.
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
        CLIENT_UNPAUSE,
        "CLIENT|UNPAUSE",
        "connection 6.2.0 admin noscript loading stale global",
        """
        Lets clients that were paused go on.
        O(N), N connections paused
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    Session session = call.session();
    switch (row) {
      case CLIENT_ID -> reply.integer(session.id);
      case CLIENT_INFO -> reply.verbatim("txt", bytes(ClientLine.of(session, call) + "\n"));
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
      case CLIENT_PAUSE -> pause(call, reply);
      case CLIENT_UNPAUSE -> {
        pause.end(Pause.Reason.CLIENT);
        reply.ok();
      }
      case CLIENT_UNBLOCK -> unblock(call, reply);
      case CLIENT_NO_EVICT -> {
        session.noEvict = onOrOff(call);
        reply.ok();
      }
      case CLIENT_NO_TOUCH -> {
        session.noTouch = onOrOff(call);
        reply.ok();
      }
      case CLIENT_TRACKING -> TrackingCommands.track(call, reply);
      case CLIENT_CACHING -> TrackingCommands.caching(call, reply);
      case CLIENT_GETREDIR -> TrackingCommands.redirection(call, reply);
      case CLIENT_TRACKINGINFO -> TrackingCommands.info(call, reply);
      case CLIENT_HELP -> Help.reply(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  static byte[] name(Slice name) {
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

  private void pause(Call call, Reply reply) {
    if (call.argc() > 4) {
      throw new CommandError(
          "ERR unknown subcommand or wrong number of arguments for '"
              + call.text(1)
              + "'. Try CLIENT HELP.");
    }
    Pause.Extent extent = Pause.Extent.EVERYTHING;
    if (call.argc() == 4) {
      if (call.is(3, "WRITE")) {
        extent = Pause.Extent.WRITES;
      } else if (!call.is(3, "ALL")) {
        throw new CommandError("ERR CLIENT PAUSE mode must be WRITE or ALL");
      }
    }
    long millis =
        Call.integer(
            call.arg(2), new CommandError("ERR timeout is not an integer or out of range"));
    if (millis < 0) {
      throw new CommandError("ERR timeout is negative");
    }
    if (millis > Long.MAX_VALUE - call.now()) {
      throw new CommandError("ERR timeout is out of range");
    }
    pause.extend(Pause.Reason.CLIENT, extent, millis);
    reply.ok();
  }

  // ── other clients ──

  private static void unblock(Call call, Reply reply) {
    boolean error = false;
    if (call.argc() > 4) {
      throw new CommandError(
          "ERR unknown subcommand or wrong number of arguments for '"
              + call.text(1)
              + "'. Try CLIENT HELP.");
    }
    if (call.argc() == 4) {
      error = call.is(3, "ERROR");
      if (!error && !call.is(3, "TIMEOUT")) {
        throw new CommandError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
      }
    }
    Session other = call.engine().session(call.integer(2));
    if (other == null) {
      reply.integer(0);
    } else if (error) {
      reply.flag(call.dispatcher().unblockWithError(other));
    } else {
      reply.flag(call.dispatcher().unblock(other));
    }
  }

  /// All sessions by number, but those that are being closed by another thread: for Redis these are
  /// gone.
  private static List<Session> sessions(Call call) {
    ArrayList<Session> all = new ArrayList<>(call.engine().sessions());
    all.removeIf(session -> session.closing && session != call.session());
    all.sort((a, b) -> Long.compare(a.id, b.id));
    return all;
  }

  /// What 7.2 knows is answered as by 7.2: one TYPE, or numbers alone.
  private void list(Call call, Reply reply) {
    StringBuilder text = new StringBuilder();
    if (call.argc() > 3 && call.is(2, "ID") && !ClientFilter.names(call, 3)) {
      CommandError invalid = new CommandError("ERR Invalid client ID");
      for (int i = 3; i < call.argc(); i++) {
        call.integer(i, Long.MIN_VALUE, Long.MAX_VALUE, invalid);
      }
      for (int i = 3; i < call.argc(); i++) {
        Session session = call.engine().session(call.integer(i));
        if (session != null) {
          text.append(ClientLine.of(session, call)).append('\n');
        }
      }
    } else {
      ClientFilter filter = new ClientFilter(false).read(call, 2, users);
      for (Session session : sessions(call)) {
        if (filter.matches(session, call)) {
          text.append(ClientLine.of(session, call)).append('\n');
        }
      }
    }
    reply.verbatim("txt", bytes(text.toString()));
  }

  private void kill(Call call, Reply reply) {
    boolean old = call.argc() == 3;
    ClientFilter filter =
        old
            ? new ClientFilter(false).at(call.text(2))
            : new ClientFilter(true).read(call, 2, users);
    int killed = 0;
    for (Session session : sessions(call)) {
      if (session.closing || !filter.matches(session, call)) {
        continue;
      }
      session.closing = true;
      if (session != call.session()) {
        session.outlet.post(() -> session.outlet.kill());
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
