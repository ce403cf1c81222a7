package dev.spinel.config;

/// Where the configuration tells the operator what it noticed. Until the server has a log, [Config]
/// keeps the lines.
@FunctionalInterface
public interface ConfigLog {
  /// Takes one line.
  ///
  /// @param level Redis's mark of the level: `.` debug, `-` verbose, `*` notice, `#` warning
  void log(char level, String text);
}
