package dev.spinel.config;

import org.jspecify.annotations.Nullable;

/// Settings that do nothing here although an operator who gives them expects something.
final class WithoutEffect {
  private WithoutEffect() {}

  /// What the operator should know about a setting that was given, or null.
  static @Nullable String warning(Setting<?> setting, Config config) {
    if (setting == Settings.SUPERVISED && config.get(Settings.SUPERVISED).equals("upstart")) {
      return "supervised upstart has no effect: the server stays in the foreground and doesn't"
          + " report that it is ready";
    }
    if (setting == Settings.SYSLOG_ENABLED && config.get(Settings.SYSLOG_ENABLED)) {
      return "syslog-enabled yes has no effect: the log goes to logfile, or to standard output";
    }
    return null;
  }
}
