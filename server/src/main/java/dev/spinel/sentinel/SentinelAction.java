package dev.spinel.sentinel;

import dev.spinel.peer.Address;
import dev.spinel.wire.RespValue;
import java.util.List;

/// What a [SentinelMachine] wants done. The shell does it in order, before the next step.
public sealed interface SentinelAction {
  /// How much a line of the log matters.
  enum Level {
    DEBUG('.'),
    VERBOSE('-'),
    NOTICE('*'),
    WARNING('#');

    public final char mark;

    Level(char mark) {
      this.mark = mark;
    }
  }

  /// A line for the log, of no event.
  record Log(Level level, String text) implements SentinelAction {}

  /// An event: a line for the log and, unless it is for debugging, a message for clients.
  record Happened(Level level, String type, String text) implements SentinelAction {}

  /// Connect, under this number. `forMessages`: it will subscribe.
  record Dial(int channel, Address to, boolean forMessages) implements SentinelAction {}

  /// End a connection. Nothing is told of it any more.
  record HangUp(int channel) implements SentinelAction {}

  /// Send a command, which has one reply.
  record Ask(int channel, List<String> arguments) implements SentinelAction {}

  /// Subscribe. The connection is told [SentinelEvent.Message] of what comes.
  record Subscribe(int channel, List<String> arguments) implements SentinelAction {}

  /// Put these directives (`sentinel …`) in place of those of the file, and have them on the disk
  /// before the next action. Answered by [SentinelEvent.ConfigSaved].
  record SaveConfig(List<String> directives) implements SentinelAction {}

  /// Reply to a client. A reply that is nil itself is a null array; maps are arrays in RESP2.
  record Reply(long client, RespValue reply) implements SentinelAction {}

  /// Reply to a client `reply` if the last save of this step has succeeded, else `otherwise`.
  record ReplyIfSaved(long client, RespValue reply, RespValue otherwise)
      implements SentinelAction {}

  record RunScript(int job, List<String> arguments) implements SentinelAction {}

  record KillScript(int job) implements SentinelAction {}

  /// From now on the log shows lines from this level on: a word of `loglevel`.
  record SetLogLevel(String word) implements SentinelAction {}

  /// End the process at once, with exit status 99.
  record Crash() implements SentinelAction {}
}
