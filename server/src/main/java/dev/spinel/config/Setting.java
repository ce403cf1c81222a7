package dev.spinel.config;

import dev.spinel.wire.Quoting;
import org.jspecify.annotations.Nullable;

/// One row of the table: a directive's name, type, default, and what may be done with it.
///
/// A setting is immutable and shared by all servers of the JVM; the values are each server's own,
/// in its [Config]. A value is immutable and never null, so a rollback is putting the old reference
/// back. The kinds here cover most rows; directives with a syntax of their own are in
/// [SpecialSettings].
///
/// @param <T> the type of the value: `Boolean`, `Long`, `String` (as [Octets]), or a record
public abstract class Setting<T> {
  /// What `flags` may hold.
  static final int IMMUTABLE = 1;

  static final int SENSITIVE = 1 << 1;
  static final int HIDDEN = 1 << 2;
  static final int PROTECTED = 1 << 3;
  static final int NOT_WHILE_LOADING = 1 << 4;
  static final int MANY_ARGUMENTS = 1 << 5;

  /// Setting it to the value that it has applies it again: a file of that name may have changed.
  static final int ALWAYS_APPLIED = 1 << 6;

  /// A text that may contain zero bytes; others end there.
  static final int BINARY = 1 << 7;

  /// Somebody having given it says more than the default, whatever the value: CONFIG REWRITE writes
  /// it.
  static final int GIVEN_COUNTS = 1 << 8;

  /// Immutable, but CONFIG SET takes the value that it has: programs that set again all that CONFIG
  /// GET tells leave out what is immutable in Redis, and don't know this one.
  static final int MAY_BE_REPEATED = 1 << 9;

  final int index;
  private final String name;
  private final @Nullable String alias;
  private final int flags;
  final T defaultValue;
  private final Status status;
  private final String about;

  Setting(Row row, T defaultValue) {
    this.index = Settings.enlist(this);
    this.name = row.name;
    this.alias = row.alias;
    this.flags = row.flags;
    this.defaultValue = defaultValue;
    this.status = row.status;
    this.about = row.about;
  }

  /// What all kinds of rows have in common.
  ///
  /// @param alias the old name, or null
  /// @param about one line for COMPATIBILITY.md: the feature that an accepted directive waits for,
  ///   or why one has no effect
  record Row(String name, @Nullable String alias, int flags, Status status, String about) {
    /// The same with an old name.
    Row was(String oldName) {
      return new Row(name, oldName, flags, status, about);
    }
  }

  public final String name() {
    return name;
  }

  /// The directive's other name ("slave-read-only"), or null.
  public final @Nullable String alias() {
    return alias;
  }

  /// Its place in the table, from 0.
  public final int index() {
    return index;
  }

  public final T defaultValue() {
    return defaultValue;
  }

  public final Status status() {
    return status;
  }

  /// One line about an accepted or meaningless directive, else empty.
  public final String about() {
    return about;
  }

  /// Whether only the start may set it.
  public final boolean isImmutable() {
    return (flags & IMMUTABLE) != 0;
  }

  /// Whether its value must not show in logs.
  public final boolean isSensitive() {
    return (flags & SENSITIVE) != 0;
  }

  /// Whether patterns of CONFIG GET pass it by.
  public final boolean isHidden() {
    return (flags & HIDDEN) != 0;
  }

  final boolean is(int flag) {
    return (flags & flag) != 0;
  }

  /// The value that arguments stand for.
  ///
  /// @param draft the values it is set among: directives that add to what is there, or depend on
  ///   others, look there
  /// @throws ConfigError with a bare reason
  abstract T parse(String[] arguments, SettingValues draft, ConfigLog log);

  /// The value as CONFIG GET shows it.
  abstract String format(T value);

  /// What it accepts, for COMPATIBILITY.md.
  abstract String accepts();

  /// Whether two values are the same. Compared as shown: the `equals` of a record links itself at
  /// its first call, which takes 30 ms.
  final boolean same(T a, T b) {
    return format(a).equals(format(b));
  }

  /// Puts the value's line (or lines) in their place.
  void rewrite(SettingValues values, ConfigRewrite to) {
    T value = values.get(this);
    to.line(name, name + " " + format(value), !values.isDefault(this));
  }

  final String show(SettingValues values) {
    return format(values.get(this));
  }

  /// A reason without a stack.
  static ConfigError reject(String reason) {
    return new ConfigError(ConfigError.Kind.REASON, reason);
  }

  static void requireOne(String[] arguments) {
    if (arguments.length != 1) throw reject("wrong number of arguments");
  }

  /// yes or no.
  static final class YesNo extends Setting<Boolean> {
    YesNo(Row row, boolean defaultValue) {
      super(row, defaultValue);
    }

    @Override
    Boolean parse(String[] arguments, SettingValues draft, ConfigLog log) {
      String text = Octets.lower(arguments[0]);
      if (text.equals("yes")) return true;
      if (text.equals("no")) return false;
      throw reject("argument must be 'yes' or 'no'");
    }

    @Override
    String format(Boolean value) {
      return value ? "yes" : "no";
    }

    @Override
    String accepts() {
      return "yes, no";
    }
  }

  /// How a number is written.
  enum Notation {
    INTEGER,
    MEMORY,
    /// An amount of memory, or a percentage, which is kept as a negative number.
    MEMORY_OR_PERCENT,
    OCTAL
  }

  /// How the 64 bits of a number compare and print.
  enum Sign {
    SIGNED,
    UNSIGNED
  }

  /// A number in a range.
  static final class Whole extends Setting<Long> {
    private final Notation notation;
    private final boolean unsigned;
    private final long least;
    private final long most;

    Whole(Row row, Notation notation, Sign sign, long least, long most, long defaultValue) {
      super(row, defaultValue);
      this.notation = notation;
      this.unsigned = sign == Sign.UNSIGNED;
      this.least = least;
      this.most = most;
    }

    @Override
    Long parse(String[] arguments, SettingValues draft, ConfigLog log) {
      Long value = read(arguments[0]);
      if (value == null) throw reject(misread());
      requireInRange(value);
      return settle(value);
    }

    /// Two settings are hints: what is out of bounds is accepted and moved inside.
    private long settle(long value) {
      if (this == Settings.HZ) return Math.clamp(value, 1, 500);
      if (this == Settings.REPL_BACKLOG_SIZE) return Math.max(value, 16 << 10);
      return value;
    }

    private @Nullable Long read(String text) {
      return switch (notation) {
        case INTEGER -> NumberSyntax.integer(text);
        case MEMORY -> NumberSyntax.memory(text);
        case OCTAL -> NumberSyntax.fitting(text, 8);
        case MEMORY_OR_PERCENT -> {
          Long bytes = NumberSyntax.memory(text);
          if (bytes != null) yield bytes;
          Long percent =
              text.length() > 1 && text.endsWith("%")
                  ? NumberSyntax.integer(text.substring(0, text.length() - 1))
                  : null;
          yield percent == null || percent < 0 ? null : -percent;
        }
      };
    }

    private String misread() {
      return switch (notation) {
        case INTEGER -> "argument couldn't be parsed into an integer";
        case MEMORY -> "argument must be a memory value";
        case OCTAL -> "argument couldn't be parsed as an octal number";
        case MEMORY_OR_PERCENT -> "argument must be a memory or percent value";
      };
    }

    private void requireInRange(long value) {
      if (notation == Notation.MEMORY_OR_PERCENT && value < 0) {
        if (value < least) throw reject("percentage argument must be less or equal to " + -least);
        return;
      }
      boolean inside =
          unsigned
              ? Long.compareUnsigned(value, least) >= 0 && Long.compareUnsigned(value, most) <= 0
              : value >= least && value <= most;
      if (!inside)
        throw reject(
            "argument must be between " + digits(least) + " and " + digits(most) + " inclusive");
    }

    private String digits(long value) {
      if (notation == Notation.OCTAL) return Long.toOctalString(value);
      return unsigned ? Long.toUnsignedString(value) : Long.toString(value);
    }

    @Override
    String format(Long value) {
      return switch (notation) {
        case INTEGER -> Long.toString(value);
        case MEMORY -> Long.toUnsignedString(value);
        case MEMORY_OR_PERCENT -> value < 0 ? -value + "%" : Long.toString(value);
        case OCTAL -> Long.toOctalString(value);
      };
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      long value = values.get(this);
      boolean inBytes =
          notation == Notation.MEMORY || (notation == Notation.MEMORY_OR_PERCENT && value >= 0);
      String text = inBytes ? NumberSyntax.formatMemory(value) : format(value);
      to.line(name(), name() + " " + text, !values.isDefault(this));
    }

    @Override
    String accepts() {
      String unit =
          notation == Notation.INTEGER ? "" : notation == Notation.OCTAL ? " octal" : " bytes";
      if (notation == Notation.MEMORY_OR_PERCENT) return "0% to 100%, or bytes";
      if (least == Integer.MIN_VALUE && most == Integer.MAX_VALUE) return "32-bit integer";
      if (most == Integer.MAX_VALUE
          || most == 0xffff_ffffL
          || most == Long.MAX_VALUE
          || most == -1) {
        return "from " + digits(least) + unit;
      }
      return digits(least) + " to " + digits(most) + unit;
    }
  }

  /// Any text.
  static class Text extends Setting<String> {
    /// What an empty text means.
    enum Empty {
      IS_A_VALUE,
      /// The setting isn't set, which REWRITE expresses by having no line.
      IS_UNSET
    }

    private final boolean emptyIsUnset;

    Text(Row row, Empty empty, String defaultValue) {
      super(row, defaultValue);
      this.emptyIsUnset = empty == Empty.IS_UNSET;
    }

    @Override
    String parse(String[] arguments, SettingValues draft, ConfigLog log) {
      String text = is(BINARY) ? arguments[0] : Octets.untilZero(arguments[0]);
      check(text, draft);
      return text;
    }

    /// Throws if the text is not valid for this setting.
    void check(String text, SettingValues draft) {}

    @Override
    String format(String value) {
      return value;
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      String value = values.get(this);
      if (value.isEmpty() && emptyIsUnset) to.processed(name());
      else to.line(name(), name() + " " + Quoting.quote(value), !values.isDefault(this));
    }

    @Override
    String accepts() {
      return "text";
    }
  }

  /// One of several words, in any case; the value is the table's own string, so a `switch` or `==`
  /// will do.
  static final class Choice extends Setting<String> {
    private final String[] words;

    /// @param words the first is not special; "relative=yes" is accepted and means "yes"
    Choice(Row row, String defaultValue, String... words) {
      super(row, defaultValue);
      this.words = words;
    }

    @Override
    String parse(String[] arguments, SettingValues draft, ConfigLog log) {
      for (String word : words) {
        int means = word.indexOf('=');
        String accepted = means < 0 ? word : word.substring(0, means);
        if (Octets.same(accepted, arguments[0]))
          return means < 0 ? word : word.substring(means + 1).intern();
      }
      throw reject("argument(s) must be one of the following: " + accepts());
    }

    @Override
    String format(String value) {
      return value;
    }

    @Override
    String accepts() {
      return list(words);
    }
  }

  /// Any of several words, together. The first stands for none of the others. The value is the
  /// words in the table's order.
  static final class Choices extends Setting<String> {
    private final String[] words;

    Choices(Row row, String... words) {
      super(row, words[0]);
      this.words = words;
    }

    @Override
    String parse(String[] arguments, SettingValues draft, ConfigLog log) {
      int chosen = 0;
      if (arguments.length == 0) throw unknown();
      for (String argument : arguments) {
        int word = 0;
        while (word < words.length && !Octets.same(words[word], argument)) word++;
        if (word == words.length) throw unknown();
        if (word > 0) chosen |= 1 << word;
      }
      String value = join(chosen);
      if (value.contains("save nosave")) {
        throw reject("shutdown options SAVE and NOSAVE can't be used simultaneously");
      }
      return value;
    }

    private ConfigError unknown() {
      return reject("argument(s) must be one of the following: " + accepts());
    }

    private String join(int chosen) {
      StringBuilder joined = new StringBuilder();
      for (int word = 1; word < words.length; word++) {
        if ((chosen & 1 << word) != 0)
          joined.append(joined.isEmpty() ? "" : " ").append(words[word]);
      }
      return joined.isEmpty() ? words[0] : joined.toString();
    }

    @Override
    String format(String value) {
      return value;
    }

    @Override
    String accepts() {
      return list(words);
    }
  }

  private static String list(String[] words) {
    StringBuilder list = new StringBuilder();
    for (String word : words) {
      int means = word.indexOf('=');
      list.append(list.isEmpty() ? "" : ", ").append(means < 0 ? word : word.substring(0, means));
    }
    return list.toString();
  }
}
