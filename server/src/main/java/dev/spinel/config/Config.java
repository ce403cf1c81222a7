package dev.spinel.config;

import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The configuration of one server: the value of every [Setting], who wants to know of changes, and
/// what CONFIG GET, SET and REWRITE do.
///
/// **Reading** takes no lock: [#get] is one volatile read and an array access. Values that belong
/// together are seen together, because a change publishes a whole new array. Code that can't afford
/// even that keeps a plain field and renews it in a listener.
///
/// **Writing** is serialized by this object's monitor. A CONFIG SET parses all its pairs into a
/// draft, publishes the draft, then runs the listeners of what changed, each once, in the order in
/// which the pairs came. If one refuses, the old array is published again and the same listeners
/// run again, so that they go back; the error tells which directive it was. Thus many directives
/// change, or none.
public final class Config {
  /// The version of Redis whose behaviour we have.
  public static final String REDIS_VERSION = "7.2.6";

  /// What happens when a setting has changed.
  @FunctionalInterface
  public interface ChangeListener {
    /// Runs on the thread of the CONFIG SET, with the new values in place.
    ///
    /// @throws ConfigError with a bare reason, to refuse the change: everything is set back, and
    ///   this listener is called once more
    void changed(Config config);
  }

  /// Replaced, never written into; under the monitor.
  private volatile SettingValues values;

  private final List<Live<?>> lives = new CopyOnWriteArrayList<>();

  /// In the order in which they came; under the monitor.
  private final List<Follower> followers = new ArrayList<>();

  /// @param setting null: any
  private record Follower(@Nullable Setting<?> setting, ChangeListener listener) {
    boolean follows(Setting<?> changed) {
      return setting == null || setting == changed;
    }
  }

  private final @Nullable Path file;
  private final List<Directive> directives;

  /// By the index of a setting: the line that set it at the start, or null. Never written into.
  private final @Nullable Directive[] lines;

  private final boolean sentinel;

  /// Lines that came before [#logTo]; under the monitor, empty afterwards.
  private final List<Note> notes;

  /// Null until [#logTo]; under the monitor.
  private @Nullable ConfigLog log;

  private volatile Set<Setting<?>> said = Set.of(); // by CONFIG SET; changed under the monitor

  /// A line for a log that isn't there yet.
  record Note(char level, String text) {}

  Config(
      SettingValues values,
      @Nullable Path file,
      List<Directive> directives,
      @Nullable Directive[] lines,
      List<Note> notes,
      boolean sentinel) {
    this.values = values;
    this.file = file;
    this.directives = List.copyOf(directives);
    this.lines = lines;
    this.notes = new ArrayList<>(notes);
    this.sentinel = sentinel;
  }

  /// A configuration of defaults, changed by pairs of a directive's name and its value, written as
  /// on the command line but without the dashes: `Config.of("port", "0", "save", "",
  /// "client-output-buffer-limit", "normal 0 0 0")`. The value of a directive that is no setting is
  /// the rest of its line: `"rename-command", "GET fetch"`. The strings are ordinary Java strings.
  ///
  /// @throws ConfigError if one is unknown or has a value that it doesn't accept: it names the
  ///   setting
  /// @throws IllegalArgumentException if something is missing
  public static Config of(@Nullable String... pairs) {
    if (pairs.length % 2 != 0)
      throw new IllegalArgumentException("a directive without a value: " + pairs[pairs.length - 1]);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < pairs.length; i += 2) {
      String given = pairs[i];
      String valued = pairs[i + 1];
      if (given == null)
        throw new IllegalArgumentException("a directive without a name, its value is " + valued);
      if (valued == null) throw new IllegalArgumentException(given + ": its value is null");
      String name = Octets.encode(given);
      String value = Octets.encode(valued);
      boolean setting = Settings.find(name) != null;
      if (!setting && (name + value).indexOf('\n') >= 0)
        throw ConfigError.atLine(0, name, "Bad directive or wrong number of arguments");
      text.append(name).append(' ');
      text.append(setting ? Quoting.quote(value) : value).append('\n');
    }
    return new ConfigFile(ConfigFile.Of.PROGRAM).read(text.toString()).finish(null);
  }

  /// A configuration of defaults, changed by the lines of a text in the syntax of `redis.conf`, as
  /// [Octets].
  public static Config parse(String text) {
    return new ConfigFile(ConfigFile.Of.SERVER).read(text).finish(null);
  }

  /// For a server that is about to start: notes a line for the log about settings that have no
  /// effect although the operator may expect one.
  public synchronized Config warned() {
    for (Directive line : lines) {
      Setting<?> setting = line == null ? null : Settings.find(line.name());
      if (setting != null) warnOf(setting);
    }
    return this;
  }

  private void warnOf(Setting<?> setting) {
    String warning = WithoutEffect.warning(setting, this);
    if (warning != null) tell('#', warning);
  }

  // ── Reading ──

  /// That of a server beside this one, which keeps nothing, listens nowhere, and is no part of
  /// anything. It may hold a quarter of what this one may.
  public synchronized Config beside() {
    Config made = new Config(values.draft(), null, directives, lines, List.of(), false);
    made.put(Settings.PORT, 0L);
    made.put(Settings.TLS_PORT, 0L);
    made.put(Settings.UNIXSOCKET, "");
    made.put(Settings.SAVE, List.of());
    made.put(Settings.APPENDONLY, false);
    made.put(Settings.CLUSTER_ENABLED, false);
    made.put(Settings.ACLFILE, "");
    made.put(Settings.MIN_REPLICAS_TO_WRITE, 0L);
    made.put(Settings.MAXMEMORY, (get(Settings.MAXMEMORY) + 3) / 4); // 0 stays without limit
    made.put(Settings.MAXMEMORY_POLICY, "noeviction");
    return made;
  }

  /// Whether a line of the configuration, an option of the command line or CONFIG SET has set it,
  /// be it to its default.
  public boolean isGiven(Setting<?> setting) {
    return lines[setting.index()] != null || said.contains(setting);
  }

  /// The value of a setting.
  public <T> T get(Setting<T> setting) {
    return values.get(setting);
  }

  boolean isDefault(Setting<?> setting) {
    return values.isDefault(setting);
  }

  /// The value of a whole number; beyond 32 bits it is the nearest that fits.
  public int intOf(Setting<Long> setting) {
    return Math.clamp(get(setting), Integer.MIN_VALUE, Integer.MAX_VALUE);
  }

  /// A copy of all whole numbers and switches (1 is yes), by [Setting#index]; 0 in the places of
  /// other settings.
  public long[] numbers() {
    return values.numbers();
  }

  /// The value of a text for people: decoded from UTF-8.
  public String text(Setting<String> setting) {
    return Octets.decode(get(setting));
  }

  /// The exact bytes of a text.
  public byte[] bytes(Setting<String> setting) {
    return Octets.bytes(get(setting));
  }

  /// A text as a path, relative to `dir`.
  public Path path(Setting<String> setting) {
    return Path.of(text(Settings.DIR)).resolve(text(setting));
  }

  /// The file that was read, absolute, or null.
  public @Nullable Path file() {
    return file;
  }

  /// Whether this is to be a Sentinel.
  public boolean isSentinel() {
    return sentinel;
  }

  /// The lines with directives that are no settings: `user`, `rename-command`, `loadmodule`,
  /// `sentinel`, in their order. The features that they belong to execute them at the start, and
  /// may refuse with [Directive#error].
  public List<Directive> directives() {
    return directives;
  }

  /// What CONFIG GET answers: names and values in turn, as [Octets]. A name without `*?[` is looked
  /// up in any case and answered as it was written; a pattern finds names and old names, but no
  /// hidden ones. Nothing is answered twice.
  public List<String> matching(List<String> patterns) {
    SettingValues now = valuesNow();
    List<String> found = new ArrayList<>();
    for (String pattern : patterns) {
      String name = Octets.untilZero(pattern);
      if (!Patterns.isPattern(name)) {
        Setting<?> setting = Settings.find(pattern);
        if (setting != null) answer(name, setting, now, found);
        continue;
      }
      for (int i = 0; i < Settings.count(); i++) {
        Setting<?> setting = Settings.at(i);
        if (setting.isHidden()) continue;
        if (Patterns.matchesAnyCase(name, setting.name()))
          answer(setting.name(), setting, now, found);
        if (setting.alias() != null && Patterns.matchesAnyCase(name, setting.alias()))
          answer(setting.alias(), setting, now, found);
      }
    }
    return found;
  }

  private static void answer(
      String name, Setting<?> setting, SettingValues now, List<String> found) {
    for (int i = 0; i < found.size(); i += 2) {
      if (Octets.same(found.get(i), name)) return;
    }
    found.add(name);
    found.add(setting.show(now));
  }

  // ── What others know better ──

  private record Live<T>(Setting<T> setting, Supplier<T> value) {
    void put(SettingValues into) {
      into.put(setting, value.get());
    }
  }

  /// Has CONFIG GET answer, and CONFIG REWRITE write, what `value` says of a setting then: what it
  /// is about changes while nobody may wait for this object. Before the start.
  public synchronized <T> void live(Setting<T> setting, Supplier<T> value) {
    lives.add(new Live<>(setting, value));
  }

  private SettingValues valuesNow() {
    SettingValues now = values;
    if (!lives.isEmpty()) {
      now = now.draft();
      for (Live<?> live : lives) {
        live.put(now);
      }
    }
    return now;
  }

  // ── Following ──

  /// Calls a listener after each change of a setting, for the life of this configuration. Several
  /// settings may share a listener: one CONFIG SET calls it once. It isn't called now.
  public synchronized void onChange(Setting<?> setting, ChangeListener listener) {
    followers.add(new Follower(setting, listener));
  }

  /// Calls a listener after each change of whatever settings, as [#onChange] does.
  public synchronized void onAnyChange(ChangeListener listener) {
    followers.add(new Follower(null, listener));
  }

  /// From now on this is told; it gets the lines first that have gathered since the start.
  public synchronized void logTo(ConfigLog log) {
    this.log = log;
    for (Note note : notes) log.log(note.level, note.text);
    notes.clear();
  }

  private synchronized void tell(char level, String text) {
    if (log == null) notes.add(new Note(level, text));
    else log.log(level, text);
  }

  // ── Writing ──

  /// Puts a value that the server itself decided upon: a role that changed, a port that the system
  /// chose. No check, no listener.
  public synchronized <T> void put(Setting<T> setting, T value) {
    SettingValues draft = values.draft();
    draft.put(setting, value);
    values = draft;
  }

  /// CONFIG SET: names and values in turn, as [Octets]. Takes all or none.
  ///
  /// @param local whether the client is on this machine, for `enable-protected-configs local`
  /// @param loading whether a data set is being loaded
  /// @throws ConfigError of kind REPLY
  public synchronized void set(List<String> pairs, boolean local, boolean loading) {
    if (pairs.size() % 2 != 0) throw reply("ERR syntax error");
    int count = pairs.size() / 2;
    Setting<?>[] settings = new Setting<?>[count];
    for (int i = 0; i < count; i++) settings[i] = settable(pairs, i, local, loading);
    SettingValues old = values;
    SettingValues draft = old.draft();
    List<ChangeListener> calls = new ArrayList<>();
    List<String> causes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Setting<?> setting = settings[i];
      String name = Octets.lower(pairs.get(2 * i));
      String value = pairs.get(2 * i + 1);
      String[] arguments =
          setting.is(Setting.MANY_ARGUMENTS)
              ? Arguments.splitAtSpaces(value)
              : new String[] {value};
      try {
        draft.take(setting, arguments, this::tell);
      } catch (ConfigError refused) {
        throw failed(name, refused);
      }
      boolean isSame = draft.agree(setting, old);
      if (setting.isImmutable() && !isSame) throw failed(name, fixed());
      if (isSame && !setting.is(Setting.ALWAYS_APPLIED)) continue;
      for (Follower follower : followers) {
        if (!follower.follows(setting) || calls.contains(follower.listener)) continue;
        calls.add(follower.listener);
        causes.add(name);
      }
    }
    values = draft;
    apply(old, calls, causes);
    Set<Setting<?>> given = new HashSet<>(said);
    given.addAll(List.of(settings));
    said = Set.copyOf(given);
    for (Setting<?> setting : settings) warnOf(setting);
  }

  private static ConfigError fixed() {
    return Setting.reject("can't set immutable config");
  }

  /// The setting of the pair at `i`, if it may be set now.
  private Setting<?> settable(List<String> pairs, int i, boolean local, boolean loading) {
    String given = pairs.get(2 * i);
    Setting<?> setting = Settings.find(given);
    if (setting == null) {
      throw reply(
          "ERR Unknown option or number of arguments for CONFIG SET - '"
              + Octets.untilZero(given)
              + "'");
    }
    if (setting.isImmutable() && !setting.is(Setting.MAY_BE_REPEATED)) throw failed(given, fixed());
    if (setting.is(Setting.PROTECTED) && !allowsProtected(local)) {
      throw failed(given, Setting.reject("can't set protected config"));
    }
    if (loading && setting.is(Setting.NOT_WHILE_LOADING))
      throw reply("LOADING Redis is loading the dataset in memory");
    for (int earlier = 0; earlier < i; earlier++) {
      if (Octets.same(pairs.get(2 * earlier), given))
        throw failed(given, Setting.reject("duplicate parameter"));
    }
    return setting;
  }

  private boolean allowsProtected(boolean local) {
    String allowed = get(Settings.ENABLE_PROTECTED_CONFIGS);
    return allowed.equals("yes") || (allowed.equals("local") && local);
  }

  private void apply(SettingValues old, List<ChangeListener> calls, List<String> causes) {
    for (int i = 0; i < calls.size(); i++) {
      try {
        calls.get(i).changed(this);
      } catch (ConfigError refused) {
        String name = causes.get(i);
        tell(
            '#',
            "Failed applying new configuration. Possibly related to new "
                + name
                + " setting. Restoring previous settings.");
        values = old;
        restore(calls);
        throw failed(name, refused);
      } catch (RuntimeException bug) {
        values = old;
        restore(calls);
        throw bug;
      }
    }
  }

  private void restore(List<ChangeListener> calls) {
    for (ChangeListener listener : calls) {
      try {
        listener.changed(this);
      } catch (RuntimeException again) {
        tell('#', "Failed applying restored failed CONFIG SET command: " + again.getMessage());
      }
    }
  }

  private static ConfigError failed(String name, ConfigError why) {
    String text =
        "ERR CONFIG SET failed (possibly related to argument '" + Octets.untilZero(name) + "')";
    return reply(why.octets().isEmpty() ? text : text + " - " + why.octets());
  }

  private static ConfigError reply(String octets) {
    return new ConfigError(ConfigError.Kind.REPLY, octets);
  }

  /// CONFIG REWRITE: brings the file up to date. The file is replaced in one step, or not at all.
  ///
  /// @param users the lines of `user` that describe the users now, as [Octets]; ignored if users
  ///   live in a file of their own
  /// @throws ConfigError of kind REPLY
  public void rewrite(List<String> users) {
    rewrite(users, false);
  }

  /// The same, with the lines of all settings, those included that have their defaults.
  public void rewriteAll(List<String> users) {
    rewrite(users, true);
  }

  private synchronized void rewrite(List<String> users, boolean all) {
    if (file == null) throw reply("ERR The server is running without a config file");
    try {
      ConfigRewrite rewrite = ConfigRewrite.of(file);
      SettingValues now = valuesNow();
      for (int i = 0; i < Settings.count(); i++) {
        Setting<?> setting = Settings.at(i);
        rewrite.writeAll(all || (setting.is(Setting.GIVEN_COUNTS) && isGiven(setting)));
        setting.rewrite(now, rewrite);
      }
      if (get(Settings.ACLFILE).isEmpty()) {
        rewrite.users(users);
      } else {
        rewrite.processed("user");
      }
      rewrite.replace(file);
      tell('*', "CONFIG REWRITE executed with success.");
    } catch (IOException failure) {
      tell('#', "CONFIG REWRITE failed: " + IoReason.of(failure));
      throw reply("ERR Rewriting config file: " + Octets.encode(IoReason.of(failure)));
    }
  }
}
