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

  /// What a Sentinel has to do with its clients.
  ///
  /// @param clients that are connected
  /// @param accepted clients since the start
  /// @param refused since there were too many
  /// @param commands that were run since the start
  /// @param channels that somebody subscribes to
  /// @param patterns that somebody subscribes to
  record Counts(
      int clients, long accepted, long refused, long commands, int channels, int patterns) {}

  /// The sections of INFO that are about the process, of these: `server`, `clients`, `stats`,
  /// `cpu`; with an empty line between any two.
  String info(Set<String> sections, Counts counts);

  /// How many clients may be connected at a time.
  int clientsMax();

  /// After so long a client that says nothing is ended, unless it has subscribed; 0: never.
  long clientIdleSeconds();

  /// The version that INFO and HELLO tell.
  String version();
}
