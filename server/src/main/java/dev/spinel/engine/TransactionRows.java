package dev.spinel.engine;

/// The rows of the family of transactions: [Transactions] declares and runs them.
final class TransactionRows {
  static final int DISCARD = 0, EXEC = 1, MULTI = 2, UNWATCH = 3, WATCH = 4;

  private TransactionRows() {}

  static void declare(CommandTable.Builder t) {
    t.command(
        DISCARD,
        "DISCARD",
        "transactions 2.0.0 noscript loading stale fast allow_busy in_multi",
        """
        Gives up a transaction.
        O(N), N commands queued
        """);
    t.command(
        EXEC,
        "EXEC",
        "transactions 1.2.0 noscript loading stale skip_slowlog in_multi",
        """
        Runs everything queued, as one.
        Depends on the commands queued
        """);
    t.command(
        MULTI,
        "MULTI",
        "transactions 1.2.0 noscript loading stale fast allow_busy in_multi",
        """
        Begins a transaction: what follows is queued.
        O(1)
        """);
    t.command(
        UNWATCH,
        "UNWATCH",
        "transactions 2.2.0 noscript loading stale fast allow_busy",
        """
        Forgets all watched keys.
        O(1)
        """);
    t.command(
        WATCH,
        "WATCH @key:RO...",
        "transactions 2.2.0 noscript loading stale fast allow_busy in_multi",
        """
        Makes the next transaction fail if one of the keys changes before it.
        O(1) for each key
        """);
  }
}
