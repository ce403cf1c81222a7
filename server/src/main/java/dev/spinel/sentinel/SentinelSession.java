package dev.spinel.sentinel;

import static dev.spinel.sentinel.Texts.bulk;
import static dev.spinel.sentinel.Texts.error;

import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The commands that a Sentinel answers, and no more.
final class SentinelSession {
  /// Names and arities.
  private static final Map<String, Integer> COMMANDS = commands();

  private static final Set<String> CONTAINERS = Set.of("acl", "client", "command", "sentinel");

  private static final Set<String> SECTIONS =
      new LinkedHashSet<>(List.of("server", "clients", "cpu", "stats", "sentinel"));

  private final SentinelClient client;
  private final SentinelShell shell;

  SentinelSession(SentinelClient client, SentinelShell shell) {
    this.client = client;
    this.shell = shell;
  }

  private static Map<String, Integer> commands() {
    Map<String, Integer> all = new LinkedHashMap<>();
    all.put("acl", -2);
    all.put("auth", -2);
    all.put("client", -2);
    all.put("command", -1);
    all.put("hello", -1);
    all.put("info", -1);
    all.put("ping", -1);
    all.put("psubscribe", -2);
    all.put("publish", 3);
    all.put("punsubscribe", -1);
    all.put("role", 1);
    all.put("sentinel", -2);
    all.put("shutdown", -1);
    all.put("subscribe", -2);
    all.put("unsubscribe", -1);
    return all;
  }

  /// Runs a command. Returns false if its reply comes later.
  boolean run(List<String> words) {
    shell.commands++;
    String name = words.getFirst().toLowerCase(Locale.ROOT);
    Integer arity = COMMANDS.get(name);
    if (arity == null) {
      client.send(error(unknown(words)));
      return true;
    }
    if (arity >= 0 ? words.size() != arity : words.size() < -arity) {
      client.send(error("ERR wrong number of arguments for '" + name + "' command"));
      return true;
    }
    client.lastCommand =
        CONTAINERS.contains(name) && words.size() > 1
            ? name + "|" + shortened(words.get(1).toLowerCase(Locale.ROOT))
            : name;
    boolean open =
        switch (name) {
          case "auth", "hello" -> true;
          default -> client.mayAsk();
        };
    String refusal =
        open ? shell.access().refusal(asked(words)) : "NOAUTH Authentication required.";
    if (refusal != null) {
      client.send(error(refusal));
      return true;
    }
    if (client.protocol == 2 && client.isSubscriber() && !mayBeSubscribed(name)) {
      client.send(
          error(
              "ERR Can't execute '"
                  + name
                  + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed"
                  + " in this context"));
      return true;
    }
    return run(name, words);
  }

  private SentinelAccess.Asked asked(List<String> words) {
    String line = line(client).stripTrailing();
    return new SentinelAccess.Asked(words, client.user, client.id, line, shell.now());
  }

  /// A subcommand as CLIENT LIST may show it.
  private static String shortened(String word) {
    boolean isPlain = word.length() <= 32 && word.chars().allMatch(c -> c > ' ' && c < 127);
    return isPlain ? word : "NULL";
  }

  private static boolean mayBeSubscribed(String name) {
    return switch (name) {
      case "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ping" -> true;
      default -> false;
    };
  }

  private static String unknown(List<String> words) {
    StringBuilder text = new StringBuilder("ERR unknown command '");
    text.append(words.getFirst(), 0, Math.min(128, words.getFirst().length()));
    text.append("', with args beginning with: ");
    for (int i = 1; i < words.size() && text.length() < 300; i++) {
      text.append('\'').append(words.get(i), 0, Math.min(128, words.get(i).length())).append("' ");
    }
    return text.toString();
  }

  private boolean run(String name, List<String> words) {
    List<String> rest = words.subList(1, words.size());
    switch (name) {
      case "sentinel", "publish", "role" -> {
        return shell.ask(client, words);
      }
      case "subscribe", "psubscribe" -> subscribe(name, rest);
      case "unsubscribe", "punsubscribe" -> unsubscribe(name, rest);
      case "shutdown" -> shutdown(rest);
      case "client" -> {
        if (client.name.isEmpty() && words.size() == 2 && isOneOf(words.get(1), "getname")) {
          client.send(ReplyBytes.noString(client.protocol));
        } else {
          client.send(client(rest));
        }
      }
      case "acl" -> client.send(shell.access().users(asked(words), client.protocol));
      default ->
          client.send(
              switch (name) {
                case "ping" -> ping(rest);
                case "info" -> info(rest);
                case "auth" -> auth(words, rest);
                case "hello" -> hello(words, rest);
                default -> command(rest);
              });
    }
    return true;
  }

  private RespValue ping(List<String> words) {
    if (words.size() > 1) {
      return error("ERR wrong number of arguments for 'ping' command");
    }
    if (client.protocol == 2 && client.isSubscriber()) {
      return new RespValue.Array(
          List.of(bulk("pong"), bulk(words.isEmpty() ? "" : words.getFirst())));
    }
    return words.isEmpty() ? new RespValue.Simple("PONG") : bulk(words.getFirst());
  }

  private RespValue info(List<String> words) {
    Set<String> wanted = new LinkedHashSet<>();
    for (String word : words) {
      wanted.add(word.toLowerCase(Locale.ROOT));
    }
    boolean all =
        wanted.isEmpty()
            || wanted.contains("all")
            || wanted.contains("everything")
            || wanted.contains("default");
    if (all) {
      wanted.addAll(SECTIONS);
    }
    wanted.retainAll(SECTIONS);
    String text = shell.host.info(wanted, shell.counts());
    if (wanted.contains("sentinel")) {
      text += (text.isEmpty() ? "" : "\r\n") + shell.sentinelInfo();
    }
    return bulk(text);
  }

  private RespValue auth(List<String> all, List<String> words) {
    if (words.size() > 2) {
      return error("ERR syntax error");
    }
    return logIn(all, words.size() == 2 ? words.getFirst() : null, words.getLast());
  }

  /// Returns OK, or what is wrong.
  private RespValue logIn(List<String> all, @Nullable String user, String password) {
    String wrong = shell.access().logIn(asked(all), user, password);
    if (wrong != null) {
      return error(wrong);
    }
    client.user = shell.access().find(user == null ? "default" : user);
    client.isAuthenticated = true;
    return Texts.OK;
  }

  private RespValue hello(List<String> all, List<String> words) {
    int protocol = client.protocol;
    String name = null;
    int login = 0;
    if (!words.isEmpty()) {
      Long number = Texts.number(words.getFirst());
      if (number == null) {
        return error("ERR Protocol version is not an integer or out of range");
      }
      if (number < 2 || number > 3) {
        return error("NOPROTO unsupported protocol version");
      }
      protocol = number.intValue();
    }
    for (int i = 1; i < words.size(); i++) {
      String word = words.get(i).toLowerCase(Locale.ROOT);
      if (word.equals("auth") && i + 2 < words.size()) {
        login = i;
        i += 2;
      } else if (word.equals("setname") && i + 1 < words.size()) {
        name = words.get(++i);
        if (isNoName(name)) {
          return error(NO_NAME);
        }
      } else {
        return error("ERR Syntax error in HELLO option '" + words.get(i) + "'");
      }
    }
    if (login != 0) {
      RespValue reply = logIn(all, words.get(login + 1), words.get(login + 2));
      if (reply instanceof RespValue.Error) {
        return reply;
      }
    }
    if (!client.isAuthenticated) {
      return error(
          "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO"
              + " <proto> AUTH <user> <pass> option can be used to authenticate the client and"
              + " select the RESP protocol version at the same time");
    }
    client.protocol = protocol;
    client.name = name == null ? client.name : name;
    return new RespValue.Map(
        List.of(
            bulk("server"),
            bulk("redis"),
            bulk("version"),
            bulk(shell.host.version()),
            bulk("proto"),
            new RespValue.Int(protocol),
            bulk("id"),
            new RespValue.Int(client.id),
            bulk("mode"),
            bulk("sentinel"),
            bulk("modules"),
            new RespValue.Array(List.of())));
  }

  private void shutdown(List<String> words) {
    Set<String> how = new LinkedHashSet<>();
    for (String word : words) {
      how.add(word.toLowerCase(Locale.ROOT));
    }
    boolean known = Set.of("save", "nosave", "now", "force", "abort").containsAll(how);
    boolean fits = !how.containsAll(Set.of("save", "nosave"));
    if (!known || !fits || (how.contains("abort") && how.size() > 1)) {
      client.send(error("ERR syntax error"));
    } else if (how.contains("abort")) {
      client.send(error("ERR No shutdown in progress."));
    } else {
      shell.host.shutdown();
    }
  }

  private RespValue command(List<String> words) {
    String sub = words.isEmpty() ? "" : words.getFirst().toLowerCase(Locale.ROOT);
    Integer arity = COMMAND_ARITIES.get(sub);
    if (arity == null) {
      return sub.isEmpty()
          ? described(List.copyOf(COMMANDS.keySet()))
          : error("ERR unknown subcommand '" + words.getFirst() + "'. Try COMMAND HELP.");
    }
    List<String> rest = words.subList(1, words.size());
    int size = words.size() + 1;
    if (arity >= 0 ? size != arity : size < -arity) {
      return error("ERR wrong number of arguments for 'command|" + sub + "' command");
    }
    return switch (sub) {
      case "count" -> new RespValue.Int(COMMANDS.size());
      case "list" ->
          new RespValue.Array(shell.access().commands().stream().map(Texts::bulk).toList());
      case "docs" -> docs(rest);
      case "info" -> described(rest.isEmpty() ? List.copyOf(COMMANDS.keySet()) : rest);
      case "help" ->
          lines(
              "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
              "(no subcommand)",
              "COUNT",
              "DOCS [<command-name> ...]",
              "GETKEYS <full-command>",
              "GETKEYSANDFLAGS <full-command>",
              "HELP",
              "INFO [<command-name> ...]",
              "LIST");
      default -> // GETKEYS, GETKEYSANDFLAGS
          COMMANDS.containsKey(rest.getFirst().toLowerCase(Locale.ROOT))
              ? error("ERR The command has no key arguments")
              : error("ERR Invalid command specified");
    };
  }

  /// Arities of COMMAND's subcommands.
  private static final Map<String, Integer> COMMAND_ARITIES =
      Map.ofEntries(
          Map.entry("count", 2),
          Map.entry("docs", -2),
          Map.entry("getkeys", -3),
          Map.entry("getkeysandflags", -3),
          Map.entry("help", 2),
          Map.entry("info", -2),
          Map.entry("list", -2));

  /// What COMMAND INFO says of each; nil for one that there isn't.
  private static RespValue described(List<String> names) {
    List<RespValue> all = new ArrayList<>();
    for (String asked : names) {
      String name = asked.toLowerCase(Locale.ROOT);
      Integer arity = COMMANDS.get(name);
      RespValue none = new RespValue.Array(List.of());
      RespValue zero = new RespValue.Int(0);
      all.add(
          arity == null
              ? new RespValue.Nil()
              : new RespValue.Array(
                  List.of(
                      bulk(name),
                      new RespValue.Int(arity),
                      none,
                      zero,
                      zero,
                      zero,
                      none,
                      none,
                      none,
                      none)));
    }
    return new RespValue.Array(all);
  }

  private static RespValue lines(String... lines) {
    return new RespValue.Array(Stream.of(lines).<RespValue>map(RespValue.Simple::new).toList());
  }

  private RespValue docs(List<String> asked) {
    List<String> names = asked.stream().map(each -> each.toLowerCase(Locale.ROOT)).toList();
    List<RespValue> map = new ArrayList<>();
    for (String name : shell.access().commands()) {
      if (names.isEmpty() || names.contains(name)) {
        map.add(bulk(name));
        map.add(
            new RespValue.Map(
                List.of(bulk("summary"), bulk("A command that a Sentinel answers."))));
      }
    }
    return new RespValue.Map(map);
  }

  // ── CLIENT ──

  private static final String NO_NAME =
      "ERR Client names cannot contain spaces, newlines or special characters.";

  private static boolean isNoName(String name) {
    return name.chars().anyMatch(c -> c < '!' || c > '~');
  }

  private RespValue client(List<String> words) {
    String sub = words.getFirst().toLowerCase(Locale.ROOT);
    return switch (sub + "/" + words.size()) {
      case "id/1" -> new RespValue.Int(client.id);
      case "getname/1" -> bulk(client.name);
      case "setname/2" -> {
        if (isNoName(words.get(1))) {
          yield error(NO_NAME);
        }
        client.name = words.get(1);
        yield Texts.OK;
      }
      case "setinfo/3" -> setInfo(words.get(1).toLowerCase(Locale.ROOT), words.get(2));
      case "info/1" -> new RespValue.Verbatim("txt", line(client));
      case "getredir/1" -> new RespValue.Int(-1); // nobody tracks keys here
      case "trackinginfo/1" -> TRACKING_INFO;
      case "unblock/2", "unblock/3" -> new RespValue.Int(0); // nobody is blocked
      case "unpause/1" -> Texts.OK;
      case "no-evict/2" -> isOneOf(words.get(1), "on", "off") ? Texts.OK : SYNTAX;
      case "reply/2" -> reply(words.get(1).toLowerCase(Locale.ROOT));
      case "help/1" -> help();
      default ->
          switch (sub) {
            case "kill" -> kill(words.subList(1, words.size()));
            case "list" -> list(words.subList(1, words.size()));
            case "id",
                "getname",
                "setname",
                "setinfo",
                "info",
                "getredir",
                "trackinginfo",
                "unblock",
                "unpause",
                "no-evict",
                "reply",
                "help" ->
                error("ERR wrong number of arguments for 'client|" + sub + "' command");
            default -> error("ERR unknown subcommand '" + words.getFirst() + "'. Try CLIENT HELP.");
          };
    };
  }

  private static final RespValue SYNTAX = error("ERR syntax error");

  private static final RespValue TRACKING_INFO =
      new RespValue.Map(
          List.of(
              bulk("flags"),
              new RespValue.Set(List.of(bulk("off"))),
              bulk("redirect"),
              new RespValue.Int(-1),
              bulk("prefixes"),
              new RespValue.Array(List.of())));

  private static boolean isOneOf(String word, String... words) {
    return List.of(words).contains(word.toLowerCase(Locale.ROOT));
  }

  /// CLIENT REPLY: what isn't wanted isn't sent.
  private RespValue reply(String wanted) {
    switch (wanted) {
      case "on" -> client.replies = SentinelClient.Replies.ON;
      case "off" -> client.replies = SentinelClient.Replies.OFF;
      case "skip" -> {
        if (client.replies == SentinelClient.Replies.ON) {
          client.replies = SentinelClient.Replies.SKIP_NEXT;
        }
      }
      default -> {
        return SYNTAX;
      }
    }
    return Texts.OK;
  }

  private static RespValue help() {
    return lines(
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GETNAME",
        "GETREDIR",
        "HELP",
        "ID",
        "INFO",
        "KILL (<ip:port>|<option> <value> [<option> <value> ...])",
        "LIST [TYPE <type>|ID <id> [<id> ...]]",
        "NO-EVICT (ON|OFF)",
        "REPLY (ON|OFF|SKIP)",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "SETNAME <name>",
        "TRACKINGINFO",
        "UNBLOCK <id> [TIMEOUT|ERROR]",
        "UNPAUSE");
  }

  private static final Set<String> TYPES = Set.of("normal", "master", "slave", "replica", "pubsub");

  private static RespValue unknownType(String type) {
    return error("ERR Unknown client type '" + type + "'");
  }

  /// CLIENT LIST [TYPE type | ID id …].
  private RespValue list(List<String> words) {
    String by = words.isEmpty() ? "" : words.getFirst().toLowerCase(Locale.ROOT);
    List<String> values = words.isEmpty() ? words : words.subList(1, words.size());
    switch (by) {
      case "" -> {}
      case "type" -> {
        if (values.size() != 1) {
          return SYNTAX;
        }
        if (!isOneOf(values.getFirst(), TYPES.toArray(new String[0]))) {
          return unknownType(values.getFirst());
        }
      }
      case "id" -> {
        if (values.isEmpty()) {
          return SYNTAX;
        }
        for (String value : values) {
          Long id = Texts.number(value);
          if (id == null || id <= 0) {
            return error("ERR Invalid client ID");
          }
        }
      }
      default -> {
        return SYNTAX;
      }
    }
    StringBuilder lines = new StringBuilder();
    for (SentinelClient each : shell.clients()) {
      boolean fits =
          switch (by) {
            case "type" -> type(each).equalsIgnoreCase(values.getFirst());
            case "id" -> values.contains(Long.toString(each.id));
            default -> true;
          };
      if (fits) {
        lines.append(line(each));
      }
    }
    return new RespValue.Verbatim("txt", lines.toString());
  }

  private static String type(SentinelClient of) {
    return of.isSubscriber() ? "pubsub" : "normal";
  }

  private RespValue setInfo(String what, String value) {
    switch (what) {
      case "lib-name" -> client.libraryName = value;
      case "lib-ver" -> client.libraryVersion = value;
      default -> {
        return error("ERR Unrecognized option '" + what + "'");
      }
    }
    return Texts.OK;
  }

  private String line(SentinelClient of) {
    return "id="
        + of.id
        + " addr="
        + of.address()
        + " laddr="
        + of.localAddress()
        + " fd=0 name="
        + of.name
        + " age="
        + (shell.now() - of.since) / 1000
        + " idle="
        + of.idleSeconds()
        + " flags="
        + (of.isSubscriber() ? "P" : "N")
        + " db=0 sub="
        + of.channels.size()
        + " psub="
        + of.patterns.size()
        + " ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0"
        + " omem=0 tot-mem=0 events=r cmd="
        + of.lastCommand
        + " user="
        + (of.user == null ? "default" : new String(of.user.name(), StandardCharsets.ISO_8859_1))
        + " redir=-1 resp="
        + of.protocol
        + " lib-name="
        + of.libraryName
        + " lib-ver="
        + of.libraryVersion
        + "\n";
  }

  /// CLIENT KILL addr, or CLIENT KILL [ID n] [ADDR a] [USER u] [TYPE t] [SKIPME yes|no].
  private RespValue kill(List<String> words) {
    if (words.isEmpty()) {
      return error("ERR wrong number of arguments for 'client|kill' command");
    }
    Map<String, String> filters = new LinkedHashMap<>();
    if (words.size() == 1) {
      filters.put("addr", words.getFirst());
      filters.put("skipme", "no");
    } else {
      for (int i = 0; i + 1 < words.size(); i += 2) {
        filters.put(words.get(i).toLowerCase(Locale.ROOT), words.get(i + 1));
      }
    }
    if (words.size() % 2 == 0) {
      for (String filter : filters.keySet()) {
        if (!Set.of("id", "addr", "laddr", "user", "type", "skipme").contains(filter)) {
          return SYNTAX;
        }
      }
    } else if (words.size() > 1) {
      return SYNTAX;
    }
    String asked = filters.get("type");
    if (asked != null && !isOneOf(asked, TYPES.toArray(new String[0]))) {
      return unknownType(asked);
    }
    String which = filters.get("id");
    Long number = which == null ? null : Texts.number(which);
    if (which != null && (number == null || number <= 0)) {
      return error("ERR client-id should be greater than 0");
    }
    String user = filters.get("user");
    if (user != null && shell.access().find(user) == null) {
      return error("ERR No such user '" + user + "'");
    }
    if (!isOneOf(filters.getOrDefault("skipme", "yes"), "yes", "no")) {
      return SYNTAX;
    }
    boolean skipsSelf = !filters.getOrDefault("skipme", "yes").equalsIgnoreCase("no");
    int killed = 0;
    for (SentinelClient each : shell.clients()) {
      String type = type(each);
      boolean fits =
          filters.getOrDefault("id", Long.toString(each.id)).equals(Long.toString(each.id))
              && filters.getOrDefault("addr", each.address()).equals(each.address())
              && filters.getOrDefault("laddr", each.localAddress()).equals(each.localAddress())
              && (user == null || each.user == shell.access().find(user))
              && filters.getOrDefault("type", type).equalsIgnoreCase(type);
      if (fits && !(skipsSelf && each == client)) {
        killed++;
        each.end(client.id);
      }
    }
    if (words.size() > 1) {
      return new RespValue.Int(killed);
    }
    return killed > 0 ? Texts.OK : error("ERR No such client");
  }

  // ── subscribing ──

  private Set<String> setOf(String command) {
    return command.startsWith("p") ? client.patterns : client.channels;
  }

  private void confirm(String command, RespValue of) {
    client.send(
        new RespValue.Push(
            List.of(
                bulk(command),
                of,
                new RespValue.Int(client.channels.size() + client.patterns.size()))));
  }

  private void subscribe(String command, List<String> names) {
    for (String name : names) {
      setOf(command).add(name);
      confirm(command, bulk(name));
    }
  }

  private void unsubscribe(String command, List<String> names) {
    Set<String> from = setOf(command);
    List<String> leaving = names.isEmpty() ? List.copyOf(from) : names;
    for (String name : leaving) {
      from.remove(name);
      confirm(command, bulk(name));
    }
    if (leaving.isEmpty()) {
      confirm(command, new RespValue.Nil());
    }
  }
}
