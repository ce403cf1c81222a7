package dev.spinel.engine;

import java.util.ArrayList;

/// MULTI and what belongs to it.
///
/// Between MULTI and EXEC the [Dispatcher] queues a session's commands, in bytes of their own. EXEC
/// is the dispatcher's own too: it locks the slots of everything queued and watched, checks the
/// watches, runs the queue, and appends all effects as one record.
public final class Transactions implements Family {
  public Transactions() {}

  @Override
  public void declare(CommandTable.Builder t) {
    TransactionRows.declare(t);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case TransactionRows.MULTI -> multi(call, reply);
      case TransactionRows.DISCARD -> discard(call, reply);
      case TransactionRows.WATCH -> watch(call, reply);
      case TransactionRows.UNWATCH -> {
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
    session.multi = true;
    session.queue = new ArrayList<>();
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
