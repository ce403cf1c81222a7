package dev.spinel.config;

import org.jspecify.annotations.Nullable;

/// What a configuration may ask for and no server can give yet.
///
/// All directives are known, with their defaults, and most that wait for their feature harm nobody
/// meanwhile. Two kinds do. A server without the TLS or the role that its configuration gives it is
/// open, or holds other data than its operator believes: it must not start ([Status#REFUSED], and
/// [#refuse]). Others are safe and still a surprise: they are told in the log ([#warning]).
final class Unbuilt {
  private Unbuilt() {}

  /// Why a feature can't be had.
  static String reason(String feature) {
    return "Spinel has no " + feature + " yet";
  }

  /// Throws at the first line that can't be ignored.
  ///
  /// @param lines by the index of a setting: the line that set it, or null
  static void refuse(Config config, @Nullable Directive[] lines) {
    for (int i = 0; i < lines.length; i++) {
      Setting<?> setting = Settings.at(i);
      Directive line = lines[i];
      if (line != null && setting.status() == Status.REFUSED && !config.isDefault(setting))
        throw line.error(reason(setting.about()));
    }
  }

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
