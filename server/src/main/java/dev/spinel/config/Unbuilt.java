package dev.spinel.config;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a configuration may ask for and no server can give yet.
///
/// All directives are known, with their defaults, and most that wait for their feature harm nobody
/// meanwhile. Two kinds do. A server without the users, the TLS or the role that its configuration
/// gives it is open, or holds other data than its operator believes: it must not start
/// ([Status#REFUSED], and [#refuse]). Others are safe and still a surprise: they are told in the
/// log ([#warning]).
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
    for (Directive directive : config.directives()) {
      if (directive.name().equals("user") && !saysWhatHolds(directive.arguments(), config))
        throw directive.error(reason("ACL users"));
    }
    for (int i = 0; i < lines.length; i++) {
      Setting<?> setting = Settings.at(i);
      Directive line = lines[i];
      if (line != null && setting.status() == Status.REFUSED && !config.isDefault(setting))
        throw line.error(reason(setting.about()));
    }
  }

  /// Whether a line of `user` is the one that CONFIG REWRITE leaves in every file, Redis's and
  /// ours: the default user, who may do anything with the password of `requirepass`, or without
  /// any.
  private static boolean saysWhatHolds(List<String> words, Config config) {
    boolean on = false;
    boolean password = false;
    boolean keys = false;
    boolean channels = false;
    boolean commands = false;
    String required = config.get(Settings.REQUIREPASS);
    for (int i = 1; i < words.size(); i++) {
      String word = words.get(i);
      switch (word) {
        case "on" -> on = true;
        case "nopass" -> password = required.isEmpty();
        case "~*", "allkeys" -> keys = true;
        case "&*", "allchannels" -> channels = true;
        case "+@all", "allcommands" -> commands = true;
        case "sanitize-payload" -> {} // they are always checked
        default -> {
          if (required.isEmpty() || !isPassword(word, required)) return false;
          password = true;
        }
      }
    }
    return words.getFirst().equals("default") && on && password && keys && channels && commands;
  }

  private static boolean isPassword(String word, String required) {
    return word.equals(">" + required) || word.equals("#" + sha256(Octets.bytes(required)));
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
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
