package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;

/// What a connection says about itself, and what others may know of it.
public final class Connections implements Family {
  private static final int AUTH = 0,
      CLIENT_CACHING = 1,
      CLIENT_GETNAME = 2,
      CLIENT_GETREDIR = 3,
      CLIENT_HELP = 4,
      CLIENT_ID = 5,
      CLIENT_INFO = 6,
      CLIENT_KILL = 7,
      CLIENT_LIST = 8,
      CLIENT_NO_EVICT = 9,
      CLIENT_NO_TOUCH = 10,
      CLIENT_PAUSE = 11,
      CLIENT_REPLY = 12,
      CLIENT_SETINFO = 13,
      CLIENT_SETNAME = 14,
      CLIENT_TRACKING = 15,
      CLIENT_TRACKINGINFO = 16,
      CLIENT_UNBLOCK = 17,
      CLIENT_UNPAUSE = 18,
      ECHO = 19,
      HELLO = 20,
      PING = 21,
      QUIT = 22,
      RESET = 23,
      SELECT = 24;

  public Connections() {}

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
        CLIENT_CACHING,
        "CLIENT|CACHING (mode: YES | NO)",
        "connection 6.0.0 noscript loading stale",
        """
        Says whether the keys of the next command are tracked.
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
        CLIENT_PAUSE,
        "CLIENT|PAUSE timeout:integer [mode: WRITE | ALL]^6.2.0",
        "connection 3.0.0 admin noscript loading stale",
        """
        Holds back the commands of all clients for a while.
        O(1)
        6.2.0 WRITE and ALL
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
        "CLIENT|TRACKING (status: ON | OFF) [REDIRECT client-id:integer] [PREFIX... prefix] [BCAST]"
            + " [OPTIN] [OPTOUT] [NOLOOP]",
        "connection 6.0.0 noscript loading stale",
        """
        Lets the server tell the client when keys that it has read change.
        O(1) for most options
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
        "connection 5.0.0 admin noscript loading stale",
        """
        Wakes a client that waits in a blocking command.
        O(log N), N connections
        """);
    t.command(
        CLIENT_UNPAUSE,
        "CLIENT|UNPAUSE",
        "connection 6.2.0 admin noscript loading stale",
        """
        Ends a pause.
        O(N), N clients held back
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
        "connection 1.0.0 fast request_policy:all_shards response_policy:all_succeeded",
        """
        Answers, to show that the server is there.
        O(1)
        """);
    t.command(
        QUIT,
        "QUIT",
        "connection 1.0.0 noscript loading stale fast no_auth allow_busy arity=-1",
        """
        Closes the connection.
        O(1)
        deprecated 7.2.0: just closing the connection
        """);
    t.command(
        RESET,
        "RESET",
        "connection 6.2.0 noscript loading stale fast no_auth allow_busy",
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
      case CLIENT_CACHING -> clientCaching(call, reply);
      case CLIENT_GETNAME -> clientGetname(call, reply);
      case CLIENT_GETREDIR -> clientGetredir(call, reply);
      case CLIENT_HELP -> clientHelp(call, reply);
      case CLIENT_ID -> clientId(call, reply);
      case CLIENT_INFO -> clientInfo(call, reply);
      case CLIENT_KILL -> clientKill(call, reply);
      case CLIENT_LIST -> clientList(call, reply);
      case CLIENT_NO_EVICT -> clientNoEvict(call, reply);
      case CLIENT_NO_TOUCH -> clientNoTouch(call, reply);
      case CLIENT_PAUSE -> clientPause(call, reply);
      case CLIENT_REPLY -> clientReply(call, reply);
      case CLIENT_SETINFO -> clientSetinfo(call, reply);
      case CLIENT_SETNAME -> clientSetname(call, reply);
      case CLIENT_TRACKING -> clientTracking(call, reply);
      case CLIENT_TRACKINGINFO -> clientTrackinginfo(call, reply);
      case CLIENT_UNBLOCK -> clientUnblock(call, reply);
      case CLIENT_UNPAUSE -> clientUnpause(call, reply);
      case ECHO -> echo(call, reply);
      case HELLO -> hello(call, reply);
      case PING -> ping(call, reply);
      case QUIT -> quit(call, reply);
      case RESET -> reset(call, reply);
      case SELECT -> select(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void auth(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientCaching(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientGetname(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientGetredir(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientHelp(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientId(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientInfo(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientKill(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientList(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientNoEvict(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientNoTouch(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientPause(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientReply(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientSetinfo(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientSetname(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientTracking(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientTrackinginfo(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientUnblock(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void clientUnpause(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void echo(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void hello(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void ping(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void quit(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void reset(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }

  private static void select(Call call, Reply reply) {
    throw new CommandError("ERR not in this build yet");
  }
}
