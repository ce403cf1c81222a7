package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;

/// ACL: makes, changes, shows and removes users.
public final class AclFamily implements Family {
  private static final int CAT = 0,
      DELUSER = 1,
      DRYRUN = 2,
      GENPASS = 3,
      GETUSER = 4,
      HELP = 5,
      LIST = 6,
      LOAD = 7,
      LOG = 8,
      SAVE = 9,
      SETUSER = 10,
      USERS = 11,
      WHOAMI = 12;

  /// Their names, by row.
  private static final List<String> ROWS =
      List.of(
          "acl|cat",
          "acl|deluser",
          "acl|dryrun",
          "acl|genpass",
          "acl|getuser",
          "acl|help",
          "acl|list",
          "acl|load",
          "acl|log",
          "acl|save",
          "acl|setuser",
          "acl|users",
          "acl|whoami");

  private static final int SHOWN_OF_NAME = 128;
  private static final int MOST_BITS = 4096;
  private static final int USUAL_BITS = 256;
  private static final long USUAL_ENTRIES = 10;

  private final Users users;
  private final Denials denials;
  private final Clientele clientele;
  private final SecureRandom random = new SecureRandom();

  public AclFamily(Users users, Denials denials, Clientele clientele) {
    this.users = users;
    this.denials = denials;
    this.clientele = clientele;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.container(
        "ACL",
        "server 6.0.0",
        """
        Asks about users and permissions, and changes them.
        Depends on subcommand.
        """);
    t.command(
        CAT,
        "ACL|CAT [category]",
        "server 6.0.0 noscript loading stale",
        """
        Lists the categories, or the commands of one.
        O(N), N categories or commands
        """);
    t.command(
        DELUSER,
        "ACL|DELUSER username...",
        "server 6.0.0 admin noscript loading stale sweeps request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Removes users, and closes their connections.
        O(N), N connections
        """);
    t.command(
        DRYRUN,
        "ACL|DRYRUN username command [arg]...",
        "server 7.0.0 admin noscript loading stale",
        """
        Tells whether a user may run a command, which doesn't run.
        O(N), N rules of the user
        """);
    t.command(
        GENPASS,
        "ACL|GENPASS [bits:integer]",
        "server 6.0.0 noscript loading stale",
        """
        Makes a password that nobody can guess.
        O(1)
        """);
    t.command(
        GETUSER,
        "ACL|GETUSER username",
        "server 6.0.0 admin noscript loading stale",
        """
        Shows a user's rules, sorted by what they are about.
        O(N), N rules of the user
        6.2.0 Patterns of channels
        7.0.0 Selectors, and keys and channels in the form of rules
        """);
    t.command(
        HELP,
        "ACL|HELP",
        "server 6.0.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        LIST,
        "ACL|LIST",
        "server 6.0.0 admin noscript loading stale",
        """
        Shows all users as lines of a configuration.
        O(N), N rules of all users
        """);
    t.command(
        LOAD,
        "ACL|LOAD",
        "server 6.0.0 admin noscript loading stale sweeps",
        """
        Replaces all users by those of the file of users.
        O(N), N users
        """);
    t.command(
        LOG,
        "ACL|LOG [operation: count:integer | RESET]",
        "server 6.0.0 admin noscript loading stale",
        """
        Shows what was refused of late, or forgets it.
        O(N), N entries shown
        7.2.0 The fields entry-id, timestamp-created and timestamp-last-updated
        """);
    t.command(
        SAVE,
        "ACL|SAVE",
        "server 6.0.0 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Writes all users to the file of users.
        O(N), N users
        """);
    t.command(
        SETUSER,
        "ACL|SETUSER username [rule]...",
        "server 6.0.0 admin noscript loading stale sweeps request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Makes a user, or applies rules to one.
        O(N), N rules
        6.2.0 Patterns of channels
        7.0.0 Selectors, and patterns of keys for reading or writing only
        """);
    t.command(
        USERS,
        "ACL|USERS",
        "server 6.0.0 admin noscript loading stale",
        """
        Lists the names of all users.
        O(N), N users
        """);
    t.command(
        WHOAMI,
        "ACL|WHOAMI",
        "server 6.0.0 noscript loading stale",
        """
        Tells which user the connection is logged in as.
        O(1)
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    if (row == HELP) {
      Help.reply(call, reply);
    } else {
      run(row, new CallRequest(call, clientele), reply);
    }
  }

  /// Answers a request for one of these commands but HELP. Errors: a [CommandError].
  ///
  /// @param name of the command: `acl|list`
  public void run(String name, AclRequest request, Reply reply) {
    run(ROWS.indexOf(name), request, reply);
  }

  private void run(int row, AclRequest request, Reply reply) {
    switch (row) {
      case CAT -> categories(request, reply);
      case DELUSER -> reply.integer(users.remove(request.sessions(), words(request, 2)));
      case DRYRUN -> dryRun(request, reply);
      case GENPASS -> password(request, reply);
      case GETUSER -> user(request, reply);
      case LIST -> list(reply);
      case LOAD -> {
        users.requireFile();
        users.loadFile(request.sessions());
        reply.ok();
      }
      case LOG -> log(request, reply);
      case SAVE -> {
        users.requireFile();
        users.saveFile();
        reply.ok();
      }
      case SETUSER -> setUser(request, reply);
      case USERS -> names(reply);
      case WHOAMI -> {
        Principal user = request.user();
        if (user == null) {
          reply.nil();
        } else {
          reply.bulk(user.name());
        }
      }
      default -> throw new AssertionError(row);
    }
  }

  private static List<String> words(AclRequest request, int from) {
    List<String> words = new ArrayList<>(request.argc() - from);
    for (int i = from; i < request.argc(); i++) {
      words.add(request.text(i));
    }
    return words;
  }

  private static void requireAtMost(AclRequest request, int arguments) {
    if (request.argc() > arguments) {
      throw new CommandError(
          "ERR unknown subcommand or wrong number of arguments for '"
              + SelectorDraft.untilZero(request.text(1))
              + "'. Try ACL HELP.");
    }
  }

  private static void bulk(Reply reply, String octets) {
    reply.bulk(Octets.bytes(octets));
  }

  // ── users ──

  private void setUser(AclRequest request, Reply reply) {
    String name = request.text(2);
    if (SelectorDraft.hasSpaces(name)) {
      throw new CommandError("ERR Usernames can't contain spaces or null characters");
    }
    users.set(request.sessions(), name, words(request, 3));
    reply.ok();
  }

  private void list(Reply reply) {
    List<String> lines = users.all().stream().map(User::line).toList();
    reply.array(lines.size());
    lines.forEach(line -> bulk(reply, line));
  }

  private void names(Reply reply) {
    Collection<User> all = List.copyOf(users.all());
    reply.array(all.size());
    all.forEach(user -> reply.bulk(user.name()));
  }

  private void user(AclRequest request, Reply reply) {
    User user = users.user(request.text(2));
    if (user == null) {
      reply.nil();
      return;
    }
    Rights rights = user.rights;
    List<Selector> selectors = rights.selectors();
    reply.map(6);
    reply.bulk("flags");
    List<String> flags = rights.flags();
    reply.set(flags.size());
    flags.forEach(reply::bulk);
    reply.bulk("passwords");
    List<String> hashes = rights.passwordHashes();
    reply.array(hashes.size());
    hashes.forEach(reply::bulk);
    describe(selectors.getFirst(), reply);
    reply.bulk("selectors");
    reply.array(selectors.size() - 1);
    for (Selector selector : selectors.subList(1, selectors.size())) {
      reply.map(3);
      describe(selector, reply);
    }
  }

  private static void describe(Selector selector, Reply reply) {
    reply.bulk("commands");
    bulk(reply, selector.describeCommands());
    reply.bulk("keys");
    bulk(reply, selector.describeKeys());
    reply.bulk("channels");
    bulk(reply, selector.describeChannels());
  }

  // ── the rest ──

  private static void categories(AclRequest request, Reply reply) {
    requireAtMost(request, 3);
    if (request.argc() == 2) {
      reply.array(Synopsis.CATEGORIES.size());
      Synopsis.CATEGORIES.forEach(reply::bulk);
      return;
    }
    String name = SelectorDraft.untilZero(request.text(2));
    int category = RuleNames.category(name);
    if (category == 0) {
      String shown = name.substring(0, Math.min(name.length(), SHOWN_OF_NAME));
      throw new CommandError("ERR Unknown category '" + shown + "'");
    }
    List<String> names = new ArrayList<>();
    for (Command command : request.table().declared()) {
      if ((command.categories() & category) != 0) {
        names.add(command.name);
      }
      for (Command sub : command.subcommands()) {
        if ((sub.categories() & category) != 0) {
          names.add(sub.name);
        }
      }
    }
    reply.array(names.size());
    names.forEach(reply::bulk);
  }

  private void dryRun(AclRequest request, Reply reply) {
    User user = users.user(request.text(2));
    if (user == null) {
      throw new CommandError(
          "ERR User '" + SelectorDraft.untilZero(request.text(2)) + "' not found");
    }
    Command command = request.table().lookup(request.args(), 3);
    if (command == null) {
      throw new CommandError(
          "ERR Command '" + SelectorDraft.untilZero(request.text(3)) + "' not found");
    }
    if (!command.accepts(request.argc() - 3)) {
      throw CommandError.wrongArguments(command.name);
    }
    Denial denial = user.rights.check(command, request.args(), 3);
    if (denial == null) {
      reply.ok();
    } else {
      String object = request.text(3 + denial.position());
      bulk(reply, denial.fullText(user.name, command, object));
    }
  }

  private void password(AclRequest request, Reply reply) {
    requireAtMost(request, 3);
    long bits = request.argc() == 3 ? Call.integer(request.args().at(2)) : USUAL_BITS;
    if (bits <= 0 || bits > MOST_BITS) {
      throw new CommandError(
          "ERR ACL GENPASS argument must be the number of bits for the output password, a positive"
              + " number up to "
              + MOST_BITS);
    }
    int digits = (int) (bits + 3) / 4;
    byte[] bytes = new byte[(digits + 1) / 2];
    random.nextBytes(bytes);
    reply.bulk(HexFormat.of().formatHex(bytes).substring(0, digits));
  }

  private void log(AclRequest request, Reply reply) {
    requireAtMost(request, 3);
    if (request.argc() == 3 && request.args().at(2).is("RESET")) {
      denials.clear();
      reply.ok();
    } else {
      long most = request.argc() == 3 ? Call.integer(request.args().at(2)) : USUAL_ENTRIES;
      denials.reply(request.now(), reply, most);
    }
  }
}
