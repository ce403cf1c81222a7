package dev.spinel.sentinel;

import dev.spinel.wire.RespValue;
import java.util.List;

/// What happens to a Sentinel, as its [SentinelMachine] is told. `channel` is the number that
/// [SentinelAction.Dial] has given to a connection.
public sealed interface SentinelEvent {
  /// The configuration is read, and clients may come.
  record Started() implements SentinelEvent {}

  /// Some time has passed: ten to twenty times a second.
  record Tick() implements SentinelEvent {}

  /// A connection stands. `localHost`: the address that this end has in it.
  record Connected(int channel, String localHost) implements SentinelEvent {}

  /// The reply to the first request of a connection that has none yet.
  record Replied(int channel, RespValue reply) implements SentinelEvent {}

  /// A message of a channel that a connection subscribes to.
  record Message(int channel, RespValue message) implements SentinelEvent {}

  /// A connection has ended or never stood.
  record LinkEnded(int channel, String reason) implements SentinelEvent {}

  /// A client sends a command whose reply depends on what is watched: SENTINEL, PUBLISH, ROLE.
  record Asked(long client, List<String> arguments) implements SentinelEvent {}

  /// What became of the last [SentinelAction.SaveConfig] of a step.
  record ConfigSaved(boolean succeeded) implements SentinelEvent {}

  /// A script runs, as the process `pid`.
  record ScriptStarted(int job, long pid) implements SentinelEvent {}

  /// A script can't be run.
  record ScriptRefused(int job) implements SentinelEvent {}

  /// A script has ended: with an exit status, or by a signal (0: by none).
  record ScriptEnded(int job, int status, int signal) implements SentinelEvent {}
}
