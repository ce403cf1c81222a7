package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.Settings;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;

/// The log of one server, in Redis's format:
///
/// ```
/// 4242:M 03 Aug 2024 03:44:13.749 * Ready to accept connections tcp
/// ^    ^ ^ local time             ^ level: . debug  - verbose  * notice  # warning
/// pid  role: C starting, M primary, S replica, X sentinel
/// ```
///
/// It goes to `logfile`, or to standard output if that is empty. A file is opened anew for each
/// line, as in Redis, so that it may be moved away or removed at any time, and a relative name
/// follows `dir`; that costs some 20 µs, and only lines that are let through pay it. A line that
/// can't be written is lost: there is no other place to report it.
///
/// Any thread may log; a lock keeps lines whole. Where putting a message together costs something,
/// ask [#isOn] first.
///
/// No formatter of the JDK is used: loading them takes longer than the server takes to start.
public final class Log implements ConfigLog {
  /// In the order of `loglevel`.
  public enum Level {
    DEBUG("debug", '.'),
    VERBOSE("verbose", '-'),
    NOTICE("notice", '*'),
    WARNING("warning", '#'),
    NOTHING("nothing", ' ');

    private final String word;
    private final char mark;

    Level(String word, char mark) {
      this.word = word;
      this.mark = mark;
    }
  }

  private static final String MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

  private final Config config;
  private final OutputStream standardOutput;
  private final long pid;
  private final LongSupplier clockMillis;
  private final LocalOffset localOffset;

  /// Written by the CONFIG SET that changes it.
  private volatile Level least;

  /// Written when the role of the server changes.
  private volatile char role = 'C';

  /// A log for the process: to standard output, unless the configuration names a file.
  public Log(Config config) {
    this(config, new FileOutputStream(FileDescriptor.out));
  }

  /// A log for a server inside another program, which says what stands for standard output.
  public Log(Config config, OutputStream standardOutput) {
    this(config, standardOutput, pid(), System::currentTimeMillis, new LocalOffset());
  }

  Log(
      Config config,
      OutputStream standardOutput,
      long pid,
      LongSupplier clockMillis,
      LocalOffset localOffset) {
    this.config = config;
    this.standardOutput = standardOutput;
    this.pid = pid;
    this.clockMillis = clockMillis;
    this.localOffset = localOffset;
    this.least = levelOf(config);
    config.onChange(
        Settings.LOGLEVEL,
        new Config.ChangeListener() { // no lambda: it would link itself during the start
          @Override
          public void changed(Config changed) {
            least = levelOf(changed);
          }
        });
    config.logTo(this);
  }

  private static Level levelOf(Config config) {
    String word = config.get(Settings.LOGLEVEL);
    for (Level level : Level.values()) {
      if (level.word.equals(word)) return level;
    }
    throw new ConfigError("no such level: " + word);
  }

  /// The id of this process. The JDK's `ProcessHandle` starts threads and takes 10 ms to load, so
  /// Linux is asked directly.
  static long pid() {
    try {
      Path self = Path.of("/proc/self");
      if (Files.isSymbolicLink(self))
        return Long.parseLong(Files.readSymbolicLink(self).toString());
    } catch (IOException | NumberFormatException notLinux) {
      // then the JDK knows
    }
    return ProcessHandle.current().pid();
  }

  /// Sets the letter behind the process id: `M` once the server is up, `S` while it replicates, `X`
  /// for a Sentinel.
  public void become(char role) {
    this.role = role;
  }

  /// Lets lines from this level on through: a word of `loglevel`.
  void level(String word) {
    for (Level level : Level.values()) {
      if (level.word.equals(word)) {
        least = level;
      }
    }
  }

  /// Whether lines of this level are let through.
  public boolean isOn(Level level) {
    return level.compareTo(least) >= 0;
  }

  public void debug(String text) {
    log(Level.DEBUG, text);
  }

  public void verbose(String text) {
    log(Level.VERBOSE, text);
  }

  public void notice(String text) {
    log(Level.NOTICE, text);
  }

  public void warning(String text) {
    log(Level.WARNING, text);
  }

  @Override
  public void log(char mark, String text) {
    for (Level level : Level.values()) {
      if (level.mark == mark) log(level, text);
    }
  }

  /// Writes one line, if its level is let through.
  public void log(Level level, String text) {
    if (isOn(level)) write(level, text);
  }

  private synchronized void write(Level level, String text) {
    StringBuilder line =
        new StringBuilder(48 + text.length()).append(pid).append(':').append(role).append(' ');
    long now = clockMillis.getAsLong();
    appendTime(line, now + localOffset.millisAt(now));
    line.append(' ').append(level.mark).append(' ').append(text).append('\n');
    byte[] bytes = line.toString().getBytes(StandardCharsets.UTF_8);
    try {
      if (config.get(Settings.LOGFILE).isEmpty()) {
        standardOutput.write(bytes);
        standardOutput.flush();
      } else {
        try (FileOutputStream file =
            new FileOutputStream(config.path(Settings.LOGFILE).toFile(), true)) {
          file.write(bytes);
        }
      }
    } catch (IOException unwritable) {
      // The line is lost, as it is in Redis: a full disk must not stop the server.
    }
  }

  /// Appends `03 Aug 2024 03:44:13.749`.
  static void appendTime(StringBuilder to, long localMillis) {
    long days = Math.floorDiv(localMillis, 86_400_000L);
    int millis = (int) Math.floorMod(localMillis, 86_400_000L);
    // Days to a date, after Howard Hinnant's civil_from_days: years begin in March, so that the
    // leap day is the last.
    long shifted = days + 719_468;
    long era = Math.floorDiv(shifted, 146_097L);
    int dayOfEra = (int) Math.floorMod(shifted, 146_097L);
    int yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
    int dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    int month = (5 * dayOfYear + 2) / 153; // 0 is March
    int day = dayOfYear - (153 * month + 2) / 5 + 1;
    int calendarMonth = (month + 2) % 12; // 0 is January
    long year = era * 400 + yearOfEra + (calendarMonth < 2 ? 1 : 0);
    append(to, day, 2)
        .append(' ')
        .append(MONTHS, calendarMonth * 3, calendarMonth * 3 + 3)
        .append(' ')
        .append(year);
    append(to.append(' '), millis / 3_600_000, 2);
    append(to.append(':'), millis / 60_000 % 60, 2);
    append(to.append(':'), millis / 1000 % 60, 2);
    append(to.append('.'), millis % 1000, 3);
  }

  private static StringBuilder append(StringBuilder to, int number, int width) {
    for (int limit = width == 3 ? 100 : 10; limit > number && limit > 1; limit /= 10)
      to.append('0');
    return to.append(number);
  }
}
