package dev.spinel.acl;

import dev.spinel.engine.Command;

/// What a user may not do of a call.
///
/// @param position of the key or channel, counted from the beginning of the call; 0 for the command
record Denial(Kind kind, int position) {
  /// What is refused. The later one weighs more, where several selectors refuse for different
  /// reasons.
  enum Kind {
    COMMAND("command"),
    KEY("key"),
    CHANNEL("channel");

    final String word; // of ACL LOG

    Kind(String word) {
      this.word = word;
    }
  }

  /// Whether this says more about why a call is refused.
  boolean outweighs(Denial other) {
    int order = kind.compareTo(other.kind);
    return order > 0 || order == 0 && position > other.position;
  }

  /// What the client is told.
  String text(String user, Command command) {
    return switch (kind) {
      case COMMAND -> ofCommand(user, command);
      case KEY -> "No permissions to access a key";
      case CHANNEL -> "No permissions to access a channel";
    };
  }

  /// What ACL DRYRUN says, which may name everything.
  ///
  /// @param object the key or channel
  String fullText(String user, Command command, String object) {
    return kind == Kind.COMMAND
        ? ofCommand(user, command)
        : "User " + user + " has no permissions to access the '" + object + "' " + kind.word;
  }

  private static String ofCommand(String user, Command command) {
    return "User " + user + " has no permissions to run the '" + command.name + "' command";
  }

  /// What EXEC says of a command that was allowed when it was queued.
  String queuedText() {
    return "ACLs rules changed between the moment the transaction was accumulated and the EXEC"
        + " call. This command is no longer allowed for the following reason: "
        + switch (kind) {
          case COMMAND -> "no permission to execute the command or subcommand";
          case KEY -> "no permission to touch the specified keys";
          case CHANNEL -> "no permission to access one of the channels used as arguments";
        };
  }
}
