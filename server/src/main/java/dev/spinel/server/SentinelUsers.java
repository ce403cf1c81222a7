package dev.spinel.server;

import dev.spinel.acl.AclFamily;
import dev.spinel.acl.AclRequest;
import dev.spinel.acl.Clientele;
import dev.spinel.acl.Denials;
import dev.spinel.acl.UserSessions;
import dev.spinel.acl.Users;
import dev.spinel.config.Config;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import dev.spinel.sentinel.SentinelAccess;
import dev.spinel.sentinel.SentinelShell;
import dev.spinel.wire.Args;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/// The users of a Sentinel: those of a server, over the few commands that a Sentinel has. Belongs
/// to the Sentinel's loop.
final class SentinelUsers implements SentinelAccess {
  private final Config config;
  private final SentinelShell shell;
  private final Users users;
  private final AclFamily family;
  private final CommandTable table;

  /// Errors: an [IOException] says why the users can't be had; a [dev.spinel.config.ConfigError]
  /// names a line that is wrong.
  SentinelUsers(Config config, Log log, SentinelShell shell) throws IOException {
    this.config = config;
    this.shell = shell;
    Denials denials = new Denials(config);
    users = new Users(config, log, denials);
    family = new AclFamily(users, denials, NO_CALLS);
    table = new CommandTable.Builder().add(family).add(new Commands()).build();
    users.declare(table);
    users.load();
  }

  /// The lines of the users for the configuration file, unless they have a file of their own.
  List<String> lines() {
    return config.get(Settings.ACLFILE).isEmpty() ? users.lines() : List.of();
  }

  private static final Clientele NO_CALLS =
      new Clientele() {
        @Override
        public String describe(Call call) {
          throw new IllegalStateException("a Sentinel has no calls");
        }

        @Override
        public boolean allMatch(Session session, BiPredicate<Slice, Boolean> test) {
          throw new IllegalStateException("a Sentinel has no sessions");
        }
      };

  // ── SentinelAccess ──

  @Override
  public Principal defaultUser() {
    return users.defaultUser();
  }

  @Override
  public boolean isPasswordRequired() {
    return users.required();
  }

  @Override
  public @Nullable String logIn(Asked asked, @Nullable String user, String password) {
    try {
      if (user == null) {
        users.requirePassword();
      }
      String name = user == null ? "default" : user;
      users.login(new Request(asked), name, Slice.of(password), found -> true);
      return null;
    } catch (CommandError e) {
      return e.text();
    }
  }

  @Override
  public @Nullable Principal find(String name) {
    return users.find(name);
  }

  @Override
  public @Nullable String refusal(Asked asked) {
    Request request = new Request(asked);
    Command command = table.lookup(request.args());
    return command == null ? null : users.refusal(request, command);
  }

  @Override
  public List<String> commands() {
    List<String> names = new ArrayList<>();
    for (Command command : table) {
      names.add(command.name);
      command.subcommands().forEach(sub -> names.add(sub.name));
    }
    return names;
  }

  @Override
  public byte[] users(Asked asked, int protocol) {
    Request request = new Request(asked);
    Output output = new Output(new OutputPool(Chunks.heap()));
    Reply reply = new Reply(output, protocol);
    try {
      answer(request, reply);
    } catch (CommandError e) {
      reply.error(e.text());
    }
    byte[] bytes = new byte[Math.toIntExact(output.pendingBytes())];
    output.drainTo(ByteBuffer.wrap(bytes), Long.MAX_VALUE);
    output.close();
    return bytes;
  }

  private void answer(Request request, Reply reply) {
    Command command = table.lookup(request.args());
    if (command == null) {
      throw table.unknown(request.args());
    }
    if (!command.accepts(request.argc())) {
      throw CommandError.wrongArguments(command.name);
    }
    if (command.name.equals("acl|help")) {
      reply.array(1 + table.declared("acl").subcommands().size());
      reply.simple("ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
      for (Command each : table.declared("acl").subcommands()) {
        reply.simple(each.name.substring(4).toUpperCase(Locale.ROOT));
      }
    } else {
      family.run(command.name, request, reply);
    }
  }

  /// A request, and the clients of the Sentinel.
  private final class Request implements AclRequest, UserSessions {
    private final Asked asked;
    private final Args args;

    Request(Asked asked) {
      this.asked = asked;
      this.args = Args.of(asked.words().stream().map(Octets::bytes).toArray(byte[][]::new));
    }

    @Override
    public Args args() {
      return args;
    }

    @Override
    public long now() {
      return asked.nowMillis();
    }

    @Override
    public CommandTable table() {
      return table;
    }

    @Override
    public @Nullable Principal user() {
      return asked.user();
    }

    @Override
    public String context() {
      return "toplevel";
    }

    @Override
    public String client() {
      return asked.line();
    }

    @Override
    public UserSessions sessions() {
      return this;
    }

    @Override
    public void standStill(Runnable action) {
      action.run(); // there is one thread
    }

    @Override
    public void rightsChanged() {} // each request is asked about

    @Override
    public void end(Principal user, Principal becomes) {
      shell.end(user, becomes, asked.client());
    }

    @Override
    public void endListeners(Principal user, BiPredicate<Slice, Boolean> test) {
      shell.endListeners(
          user, (name, isPattern) -> test.test(Slice.of(name), isPattern), asked.client());
    }

    @Override
    public boolean mayHold(long bytes) {
      return true;
    }

    @Override
    public void release(long bytes) {}
  }

  /// What rules may name besides ACL, and its categories: all that Redis's Sentinel has, whether or
  /// not ours answers it. They are run elsewhere.
  private static final class Commands implements Family {
    private static final String WORDS = "A command of a Sentinel.\nO(1)";

    private static final String[] OF_CLIENT = {
      "CACHING",
      "GETNAME",
      "GETREDIR",
      "HELP",
      "ID",
      "INFO",
      "REPLY",
      "SETINFO",
      "SETNAME",
      "TRACKING",
      "TRACKINGINFO"
    };
    private static final String[] OF_OPERATOR = {
      "KILL", "LIST", "NO-EVICT", "PAUSE", "UNBLOCK", "UNPAUSE"
    };
    private static final String[] OF_COMMAND = {
      "COUNT", "DOCS", "GETKEYS", "GETKEYSANDFLAGS", "HELP", "INFO", "LIST"
    };
    private static final String[] OF_SENTINEL = {
      "CKQUORUM",
      "CONFIG",
      "DEBUG",
      "FAILOVER",
      "FLUSHCONFIG",
      "GET-MASTER-ADDR-BY-NAME",
      "INFO-CACHE",
      "IS-MASTER-DOWN-BY-ADDR",
      "MASTER",
      "MASTERS",
      "MONITOR",
      "MYID",
      "PENDING-SCRIPTS",
      "REMOVE",
      "REPLICAS",
      "RESET",
      "SENTINELS",
      "SET",
      "SIMULATE-FAILURE",
      "SLAVES"
    };

    @Override
    public void declare(CommandTable.Builder t) {
      String connection = "connection 6.0.0 ";
      t.command(0, "AUTH x...", connection + "fast no_auth", WORDS);
      t.container("CLIENT", "connection 2.4.0", WORDS);
      for (String sub : OF_CLIENT) {
        t.command(0, "CLIENT|" + sub + " [x]...", connection, WORDS);
      }
      for (String sub : OF_OPERATOR) {
        t.command(0, "CLIENT|" + sub + " [x]...", connection + "admin", WORDS);
      }
      t.command(0, "COMMAND", "server 2.8.13 @connection", WORDS);
      for (String sub : OF_COMMAND) {
        t.command(0, "COMMAND|" + sub + " [x]...", "server 2.8.13 @connection", WORDS);
      }
      t.command(0, "HELLO [x]...", connection + "fast no_auth", WORDS);
      t.command(0, "INFO [x]...", "server 1.0.0 @dangerous", WORDS);
      t.command(0, "PING [x]", connection + "fast", WORDS);
      t.command(0, "PSUBSCRIBE x...", "pubsub 2.0.0 pubsub", WORDS);
      t.command(0, "PUBLISH x y", "pubsub 2.0.0 pubsub fast", WORDS);
      t.command(0, "PUNSUBSCRIBE [x]...", "pubsub 2.0.0 pubsub", WORDS);
      t.command(0, "ROLE", "server 2.8.12 fast @admin @dangerous", WORDS);
      t.container("SENTINEL", "sentinel 2.8.4 admin", WORDS);
      t.command(0, "SENTINEL|HELP", "sentinel 6.2.0", WORDS);
      for (String sub : OF_SENTINEL) {
        t.command(0, "SENTINEL|" + sub + " [x]...", "sentinel 2.8.4 admin", WORDS);
      }
      t.command(0, "SHUTDOWN [x]...", "server 1.0.0 admin", WORDS);
      t.command(0, "SUBSCRIBE x...", "pubsub 2.0.0 pubsub", WORDS);
      t.command(0, "UNSUBSCRIBE [x]...", "pubsub 2.0.0 pubsub", WORDS);
    }

    @Override
    public void run(int row, Call call, Reply reply) {
      throw new AssertionError(row);
    }
  }
}
