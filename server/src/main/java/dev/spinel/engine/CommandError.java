package dev.spinel.engine;

/// A user's mistake: its message is the error reply, code first (`ERR …`, `WRONGTYPE …`). Thrown
/// before any mutation; carries no stack, because nobody reads it and filling it costs more than
/// the command.
public final class CommandError extends RuntimeException {
  private static final long serialVersionUID = 1;

  public static final CommandError SYNTAX = new CommandError("ERR syntax error");
  public static final CommandError WRONGTYPE =
      new CommandError("WRONGTYPE Operation against a key holding the wrong kind of value");
  public static final CommandError NOT_INTEGER =
      new CommandError("ERR value is not an integer or out of range");
  public static final CommandError NOT_FLOAT = new CommandError("ERR value is not a valid float");
  public static final CommandError NO_SUCH_KEY = new CommandError("ERR no such key");
  public static final CommandError OUT_OF_RANGE = new CommandError("ERR index out of range");
  public static final CommandError TOO_LONG =
      new CommandError("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

  private static final int LONGEST_CODE = 32;

  private final boolean isRedirect;

  public CommandError(String message) {
    this(message, false);
  }

  private CommandError(String message, boolean isRedirect) {
    super(message, null, false, false);
    this.isRedirect = isRedirect;
  }

  /// The node of a cluster doesn't serve the call. Clients go by the first word, so EXEC says the
  /// same as its commands would.
  public static CommandError redirect(String message) {
    return new CommandError(message, true);
  }

  /// Whether it is a [#redirect].
  public boolean isRedirect() {
    return isRedirect;
  }

  public static CommandError wrongArguments(String command) {
    return new CommandError("ERR wrong number of arguments for '" + command + "' command");
  }

  /// The first word: `ERR`, `WRONGTYPE`, what errorstats count by. Where there is no other word, or
  /// only far behind, it counts as `ERR`.
  public String code() {
    return code(text());
  }

  static String code(String message) {
    int blank = message.indexOf(' ');
    return blank < 0 || blank >= LONGEST_CODE ? "ERR" : message.substring(0, blank);
  }

  public String text() {
    String message = getMessage();
    return message == null ? "ERR" : message;
  }
}
