package dev.spinel.sentinel;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The process that a Sentinel runs in, as its [SentinelShell] sees it. Called on the shell's
/// thread.
public interface SentinelHost {
  /// A line for the log.
  void log(SentinelAction.Level level, String text);

  /// Puts directives in the place of those of the configuration file, and doesn't return before
  /// they are on the disk. Returns why it couldn't, or null.
  @Nullable String save(List<String> directives);

  /// Runs a script. What becomes of it is told to the shell as an event, on its thread.
  void runScript(int job, List<String> arguments);

  void killScript(int job);

  /// The log shows lines from this level on: a word of `loglevel`.
  void setLogLevel(String word);

  /// Ends the process at once, with exit status 99.
  void crash();

  /// A client asks the process to end.
  void shutdown();

  /// The sections of INFO that are about the process, of these: `server`, `clients`, `cpu`,
  /// `stats`; with an empty line between any two.
  String info(Set<String> sections, int clients);

  /// The version that INFO and HELLO tell.
  String version();
}
