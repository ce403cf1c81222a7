package dev.spinel.config;

/// A line of the configuration, kept for later. The feature that `user`, `rename-command` and the
/// like belong to executes them at the start; [WithoutEffect] is asked about those of settings.
///
/// @param name in lower case: `user`, `rename-command`, `sentinel`, a setting's
/// @param arguments what follows the name, as [Octets]
/// @param line the line as it stands in the file, trimmed
/// @param number its number, from 1; 0 if a program gave the setting, not a file
public record Directive(String name, java.util.List<String> arguments, String line, int number) {
  /// The report of a fatal error at this line.
  ///
  /// @param reason plain text, such as "No such command in rename-command"
  public ConfigError error(String reason) {
    return ConfigError.atLine(number, line, Octets.encode(reason));
  }
}
