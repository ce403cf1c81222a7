package dev.spinel.engine;

/// How a command gives or tells a time: `EXPIRE` in seconds from now, `PEXPIREAT` in milliseconds
/// since 1970.
public enum TimeForm {
  SECONDS,
  MILLIS,
  UNIX_SECONDS,
  UNIX_MILLIS;

  /// Seconds as opposed to milliseconds.
  public boolean inSeconds() {
    return this == SECONDS || this == UNIX_SECONDS;
  }

  /// Counted from now as opposed to 1970.
  public boolean isRelative() {
    return this == SECONDS || this == MILLIS;
  }
}
