package dev.spinel.acl;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.Directive;
import dev.spinel.config.IoReason;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Principal;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// All users of a server, and who a session is.
///
/// ```
///   session ──► User (name) ──► Rights ──► Selectors
///               from its making   immutable, replaced as a whole
///               to its removal
/// ```
///
/// **Whoever changes users** parses the rules first, on the rights as they are. Then, if sessions
/// may be concerned, it stops the world; in there it replaces the rights, if they are still those
/// that it began with (else all begins again), ends the sessions that have to end, and has the
/// gates of all sessions decided again ([dev.spinel.engine.Engine#gatesChanged]). So no call runs
/// half under old and half under new rights, and a call that asked its gates before asks them
/// again. The monitor of this object is taken last, for moments, as `CONFIG SET requirepass`
/// changes a password without a stopped world.
///
/// **Who logs in** refers to the user first and looks then whether it is still there. Who removes
/// one removes it first and looks then who refers to it. So one of the two sees the other, also
/// where a thread logs somebody in that isn't seated, as a script holds it up.
public final class Users {
  static final String DEFAULT = "default";

  private static final CommandError WRONG =
      new CommandError("WRONGPASS invalid username-password pair or user is disabled.");
  private static final CommandError NO_HEAP =
      new CommandError("OOM the server's Java heap has no room for more users (SPINEL_HEAP)");

  private final Config config;
  private final ConfigLog log;
  private final Denials denials;

  /// By name, in the order of bytes. Replaced by ACL LOAD; written under the monitor.
  private volatile ConcurrentSkipListMap<String, User> users = new ConcurrentSkipListMap<>();

  private final User defaultUser;
  private @Nullable RuleNames names; // before the first session

  public Users(Config config, ConfigLog log, Denials denials) {
    this.config = config;
    this.log = log;
    this.denials = denials;
    defaultUser = new User(DEFAULT, Rights.none(true));
    users.put(DEFAULT, defaultUser);
  }

  // ── the start ──

  /// These are the commands that rules may name. Before the first session. Errors: a
  /// [dev.spinel.config.ConfigError] names a line `user` that isn't one.
  public void declare(CommandTable table) {
    names = new RuleNames(table);
    defaultUser.rights = freshDefault().withPassword(requiredPassword(config));
    config.onChange(Settings.REQUIREPASS, this::passwordChanged);
    checkDirectives();
  }

  private RuleNames names() {
    return Objects.requireNonNull(names);
  }

  /// The default user's rights where nothing is said of it.
  private Rights freshDefault() {
    RightsDraft draft = draft(Rights.none(false));
    for (String rule : List.of("+@all", "~*", "&*", "on", "nopass")) {
      draft.apply(rule);
    }
    return draft.done();
  }

  private static byte @Nullable [] requiredPassword(Config config) {
    byte[] password = config.bytes(Settings.REQUIREPASS);
    return password.length == 0 ? null : password;
  }

  private synchronized void passwordChanged(Config changed) {
    defaultUser.rights = defaultUser.rights.withPassword(requiredPassword(changed));
  }

  private List<Directive> directives() {
    return config.directives().stream().filter(each -> each.name().equals("user")).toList();
  }

  /// Looks at the lines `user` before anything is made. Commands that aren't known are noticed
  /// later.
  private void checkDirectives() {
    Set<String> seen = new HashSet<>();
    for (Directive directive : directives()) {
      List<String> words = directive.arguments();
      if (!seen.add(words.getFirst())) {
        throw wrong(directive, words.getFirst(), RuleFault.DUPLICATE_USER);
      }
      RightsDraft.Joined joined = RightsDraft.join(words.subList(1, words.size()));
      if (joined.unmatched() >= 0) {
        throw wrong(directive, named(words, joined.unmatched()), RuleFault.FORMAT);
      }
      RightsDraft draft = draft(fresh());
      for (int i = 0; i < joined.rules().size(); i++) {
        RuleFault fault = draft.apply(joined.rules().get(i));
        if (fault != null && fault != RuleFault.UNKNOWN) {
          throw wrong(directive, named(words, i), fault);
        }
      }
    }
  }

  /// The word of the line that Redis names for the rule of this number: it counts from the line's
  /// first word.
  private static String named(List<String> words, int rule) {
    return rule == 0 ? "user" : words.get(rule - 1);
  }

  private static RuntimeException wrong(Directive directive, String word, RuleFault fault) {
    return directive.error(
        "Error in user declaration '" + Octets.decode(word) + "': " + fault.text);
  }

  /// Makes the users that the configuration or the file of users says. Before the first session.
  /// Errors: the log says what is wrong, the exception that the server can't start.
  public void load() throws IOException {
    boolean hasFile = !config.get(Settings.ACLFILE).isEmpty();
    List<Directive> directives = directives();
    if (hasFile && !directives.isEmpty()) {
      throw new IOException(
          "Configuring Redis with users defined in redis.conf and at the same setting an ACL file"
              + " path is invalid. This setup is very likely to lead to configuration errors and"
              + " security holes, please define either an ACL file or declare users directly in"
              + " your redis.conf, but not both.");
    }
    for (Directive directive : directives) {
      make(directive.arguments());
    }
    if (hasFile) {
      UserFile.Content content = file().read();
      if (content.errors() != null) {
        throw new IOException(
            "Aborting Redis startup because of ACL errors: " + Octets.decode(content.errors()));
      }
      install(content.users());
    }
  }

  private void make(List<String> words) throws IOException {
    String name = words.getFirst();
    if (SelectorDraft.hasSpaces(name)) {
      log.log('#', "Spaces not allowed in ACL usernames");
      throw new IOException("Critical error while loading ACLs. Exiting.");
    }
    RightsDraft draft = draft(fresh());
    for (String rule : RightsDraft.join(words.subList(1, words.size())).rules()) {
      RuleFault fault = draft.apply(rule);
      if (fault != null) {
        log.log(
            '#',
            "Error loading ACL rule '"
                + Octets.decode(rule)
                + "' for the user named '"
                + Octets.decode(name)
                + "': "
                + fault.text);
        throw new IOException("Critical error while loading ACLs. Exiting.");
      }
    }
    warnOf(draft);
    Rights rights = draft.done();
    if (name.equals(DEFAULT)) {
      defaultUser.rights = rights;
    } else {
      users.put(name, new User(name, rights));
    }
    if (!rights.isOn()) {
      log.log(
          '*',
          "The user '"
              + Octets.decode(name)
              + "' is disabled (there is no 'on' modifier in the user description). Make sure this"
              + " is not a configuration error.");
    }
  }

  private void warnOf(RightsDraft draft) {
    for (String word : draft.deprecated()) {
      log.log(
          '#',
          "Deprecation warning: Allowing a first arg of an otherwise blocked command is a misuse of"
              + " ACL and may get disabled in the future (offender: +"
              + Octets.decode(word)
              + ")");
    }
  }

  private UserFile file() {
    return new UserFile(config, this::fresh, this::draft);
  }

  /// What a new user has.
  private Rights fresh() {
    return Rights.none(allowsChannels());
  }

  private boolean allowsChannels() {
    return config.get(Settings.ACL_PUBSUB_DEFAULT).equals("allchannels");
  }

  private RightsDraft draft(Rights from) {
    return new RightsDraft(names(), from, allowsChannels());
  }

  // ── who a session is ──

  /// Whether a new session must log in before anything else.
  public boolean required() {
    Rights rights = defaultUser.rights;
    return !rights.needsNoPassword() || !rights.isOn();
  }

  /// Whether anybody who can connect is the default user.
  public boolean isOpen() {
    return defaultUser.rights.needsNoPassword();
  }

  public Principal defaultUser() {
    return defaultUser;
  }

  /// The user of that name, or null.
  public @Nullable Principal find(String name) {
    return users.get(name);
  }

  /// Why this user may not run the command that is asked for, null if it may. Recorded.
  public @Nullable String refusal(AclRequest request, Command command) {
    if (!(request.user() instanceof User user)) {
      return null;
    }
    Denial denial = user.rights.check(command, request.args(), 0);
    if (denial == null) {
      return null;
    }
    denials.denied(request, command, user, denial);
    return "NOPERM " + denial.text(user.name, command);
  }

  /// Errors: nobody asks the default user for a password, so that one alone is a mistake.
  public void requirePassword() {
    if (isOpen()) {
      throw new CommandError(
          "ERR AUTH <password> called without any password configured for the default user. Are you"
              + " sure your configuration is correct?");
    }
  }

  /// Logs somebody in: `takes` is given the user, and answers whether that is who the session is
  /// now. Errors: a wrong name or password.
  public void login(AclRequest request, String name, Slice password, Predicate<Principal> takes) {
    byte[] digest = Rights.sha256(password.copy()); // whether or not there is such a user
    User user = users.get(name);
    if (user == null || !user.rights.accept(digest) || !takes.test(user)) {
      denials.deniedLogin(request, name);
      throw WRONG;
    }
  }

  // ── looking ──

  @Nullable User user(String name) {
    return users.get(name);
  }

  Collection<User> all() {
    return users.values();
  }

  /// The lines `user` that make all users again, in order, as [Octets].
  public List<String> lines() {
    return users.values().stream().map(User::exactLine).toList();
  }

  // ── changing ──

  /// ACL SETUSER: makes or changes a user. Errors: a word isn't a rule; nothing is changed.
  void set(UserSessions sessions, String name, List<String> words) {
    RightsDraft.Joined joined = RightsDraft.join(words);
    if (joined.unmatched() >= 0) {
      throw new CommandError(
          "ERR Unmatched parenthesis in acl selector starting at '"
              + SelectorDraft.untilZero(words.get(joined.unmatched()))
              + "'.");
    }
    RightsDraft draft;
    do {
      User user = users.get(name);
      Rights before = user == null ? null : user.rights;
      draft = draft(before == null ? fresh() : before);
      for (String rule : joined.rules()) {
        RuleFault fault = draft.apply(rule);
        if (fault != null) {
          throw new CommandError(
              "ERR Error in ACL SETUSER modifier '"
                  + SelectorDraft.untilZero(rule)
                  + "': "
                  + fault.text);
        }
      }
      Rights after = draft.done();
      if (user == null ? make(sessions, name, after) : change(sessions, user, before, after)) {
        break;
      }
    } while (true); // somebody else changed the user meanwhile
    warnOf(draft);
  }

  private synchronized boolean make(UserSessions sessions, String name, Rights rights) {
    if (users.containsKey(name)) {
      return false;
    }
    takeHeap(sessions, rights.heapBytes());
    users.put(name, new User(name, rights));
    return true;
  }

  private static void takeHeap(UserSessions sessions, long bytes) {
    if (!sessions.mayHold(bytes)) {
      throw NO_HEAP;
    }
  }

  /// Gives a user other rights, unless it has got others already. Returns whether it has these now.
  private boolean change(UserSessions sessions, User user, @Nullable Rights before, Rights after) {
    takeHeap(sessions, after.heapBytes());
    boolean[] done = {false};
    sessions.standStill(
        () -> {
          done[0] = replace(user, before, after);
          if (done[0]) {
            endListeners(sessions, user, Objects.requireNonNull(before), after);
            sessions.rightsChanged();
          }
        });
    Rights gone = done[0] ? Objects.requireNonNull(before) : after;
    sessions.release(gone.heapBytes());
    return done[0];
  }

  private synchronized boolean replace(User user, @Nullable Rights before, Rights after) {
    boolean isSame = users.get(user.name) == user && user.rights == before;
    if (isSame) {
      user.rights = after;
    }
    return isSame;
  }

  /// Ends the sessions of a user that are subscribed to what it may not listen to any more. As
  /// Redis, it looks at them only if rules about channels have gone.
  private static void endListeners(UserSessions sessions, User user, Rights before, Rights after) {
    if (!after.includeChannelsOf(before)) {
      sessions.endListeners(user, after::allowChannel);
    }
  }

  /// ACL DELUSER: removes users, and ends their sessions. Returns how many there were.
  int remove(UserSessions sessions, List<String> gone) {
    if (gone.stream().anyMatch(name -> SelectorDraft.untilZero(name).equals(DEFAULT))) {
      throw new CommandError("ERR The 'default' user cannot be removed");
    }
    int[] removed = {0};
    sessions.standStill(
        () -> {
          for (String name : gone) {
            User user = take(name);
            if (user != null) {
              removed[0]++;
              sessions.release(user.rights.heapBytes());
              sessions.end(user, defaultUser);
            }
          }
          sessions.rightsChanged();
        });
    return removed[0];
  }

  private synchronized @Nullable User take(String name) {
    return users.remove(name);
  }

  /// ACL LOAD: has only the users of the file from now on, and ends the sessions of all others that
  /// were there before but the default one. Errors: the file can't be read, or isn't one of users;
  /// nothing is changed.
  void loadFile(UserSessions sessions) {
    UserFile.Content content = file().read();
    if (content.errors() != null) {
      throw new CommandError("ERR " + content.errors());
    }
    long bytes = content.users().values().stream().mapToLong(Rights::heapBytes).sum();
    takeHeap(sessions, bytes);
    sessions.standStill(
        () -> {
          Collection<User> before = install(content.users());
          long freed = 0;
          for (User user : before) {
            freed += user.rights.heapBytes();
            sessions.end(user, defaultUser);
          }
          sessions.release(freed);
          sessions.rightsChanged();
        });
  }

  /// Replaces all users; the default one gets its new rights. Returns those that are gone.
  private synchronized Collection<User> install(Map<String, Rights> content) {
    ConcurrentSkipListMap<String, User> made = new ConcurrentSkipListMap<>();
    content.forEach((name, rights) -> made.put(name, new User(name, rights)));
    Rights rights = content.get(DEFAULT);
    defaultUser.rights = rights == null ? freshDefault() : rights;
    made.put(DEFAULT, defaultUser);
    List<User> gone = new ArrayList<>(users.values());
    gone.remove(defaultUser);
    users = made;
    return gone;
  }

  /// ACL SAVE. Errors: the file can't be written, as the log says; the old one is still there.
  void saveFile() {
    try {
      file().write(lines());
    } catch (IOException e) {
      log.log('#', "Writing ACL file for ACL SAVE: " + IoReason.of(e));
      throw new CommandError(
          "ERR There was an error trying to save the ACLs. Please check the server logs for more"
              + " information");
    }
  }

  /// Errors: there is no file of users.
  void requireFile() {
    if (config.get(Settings.ACLFILE).isEmpty()) {
      throw new CommandError(
          "ERR This Redis instance is not configured to use an ACL file. You may want to specify"
              + " users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you"
              + " have a Redis configuration file set) in order to store users in the Redis"
              + " configuration.");
    }
  }
}
