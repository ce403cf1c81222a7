package dev.spinel.engine;

/// MULTI and what belongs to it.
///
/// Between MULTI and EXEC the [Dispatcher] queues a session's commands ([Queue]). EXEC is the
/// dispatcher's own too: it locks the slots of everything queued and watched, checks the watches,
/// runs the queue, and appends all effects as one record.
public final class Transactions implements Family {
  private static final int DISCARD = 0, EXEC = 1, MULTI = 2, UNWATCH = 3, WATCH = 4;

  public Transactions() {}

  @Override
  public void declare(CommandTable.Builder t) {
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

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case MULTI -> multi(call, reply);
      case DISCARD -> discard(call, reply);
      case WATCH -> watch(call, reply);
      case UNWATCH -> {
        call.dispatcher().unwatch(call.session());
        reply.ok();
      }
      default -> throw new AssertionError(row); // EXEC never comes here
    }
  }

  private static void multi(Call call, Reply reply) {
    Session session = call.session();
    if (session.multi) {
      throw new CommandError("ERR MULTI calls can not be nested");
    }
    session.queue = new Queue(session);
    session.multi = true;
    reply.ok();
  }

  private static void discard(Call call, Reply reply) {
    if (!call.session().multi) {
      throw new CommandError("ERR DISCARD without MULTI");
    }
    call.dispatcher().end(call.session());
    reply.ok();
  }

  private static void watch(Call call, Reply reply) {
    if (call.session().multi) {
      throw new CommandError("ERR WATCH inside MULTI is not allowed");
    }
    if (!call.session().watchBroken) {
      for (int i = 1; i < call.argc(); i++) {
        call.watch(i);
      }
    }
    reply.ok();
  }
}
