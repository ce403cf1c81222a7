package dev.spinel.config;

/// A setting is refused, and why, in Redis's words. Stackless: it is the operator's mistake, not
/// ours.
///
/// Who shows it depends on where it came from, see [Kind]. The text is [Octets]; [#getMessage]
/// decodes it for people, [#bytes] is what goes on the wire or to standard error.
public final class ConfigError extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// Where the text belongs.
  public enum Kind {
    /// A bare reason ("argument must be 'yes' or 'no'"). A listener that refuses a change throws
    /// this; the table's rows do.
    REASON,
    /// A whole report for standard error, newlines and all; the process ends with status 1.
    FILE,
    /// A warning for the log ("Fatal error, can't open config file …"); the process ends with
    /// status 1.
    FATAL,
    /// An error reply, with its code.
    REPLY
  }

  private final Kind kind;
  private final String octets;

  /// A bare reason, in plain text.
  public ConfigError(String reason) {
    this(Kind.REASON, Octets.encode(reason));
  }

  ConfigError(Kind kind, String octets) {
    super(Octets.decode(octets), null, false, false);
    this.kind = kind;
    this.octets = octets;
  }

  public Kind kind() {
    return kind;
  }

  /// The exact bytes of the text.
  public byte[] bytes() {
    return Octets.bytes(octets);
  }

  /// The text as [Octets].
  String octets() {
    return octets;
  }

  /// The report of a fatal error at a line of a configuration. Number 0: a program gave the
  /// setting, not a file.
  static ConfigError atLine(int number, String line, String reason) {
    if (number == 0) {
      return new ConfigError(Kind.FILE, line + ": " + reason);
    }
    return new ConfigError(
        Kind.FILE,
        HEAD
            + "Reading the configuration file, at line "
            + number
            + "\n>>> '"
            + line
            + "'\n"
            + reason
            + "\n");
  }

  /// The report of a fatal error that only the whole configuration shows.
  static ConfigError afterLines(boolean ofProgram, String reason) {
    if (ofProgram) {
      return new ConfigError(Kind.FILE, reason);
    }
    return new ConfigError(Kind.FILE, HEAD + reason + "\n");
  }

  private static final String HEAD =
      "\n*** FATAL CONFIG FILE ERROR (Redis " + Config.REDIS_VERSION + ") ***\n";
}
