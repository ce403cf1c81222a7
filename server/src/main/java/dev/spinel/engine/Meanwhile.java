package dev.spinel.engine;

import dev.spinel.wire.Args;
import dev.spinel.wire.Output;
import org.jspecify.annotations.Nullable;

/// Answers sessions while a script takes long and their thread is held up by it: the thread runs
/// the script, or waits for a lock, or for the world. It has no part in the data then, perhaps not
/// even its seat.
///
/// All that it runs is what Redis runs then ([Command#ALLOW_BUSY]): what ends the script or the
/// server, and what a client says of itself. Everything else is refused, and what would need locks
/// or memory of the data waits until the script is through.
///
/// Belongs to the thread of its dispatcher.
final class Meanwhile {
  private final Dispatcher dispatcher;
  private final Engine engine;
  private final Blocking blocking;
  private final Call call;
  private final Reply reply;
  private final Output nowhere;

  Meanwhile(Dispatcher dispatcher, Output nowhere) {
    this.dispatcher = dispatcher;
    this.engine = dispatcher.engine;
    this.blocking = dispatcher.blocking;
    this.call = new Call(dispatcher, engine, dispatcher.seat());
    this.reply = new Reply(nowhere);
    this.nowhere = nowhere;
  }

  /// As [Dispatcher#refused].
  void refused(Session session) {
    int errors = reply.errors();
    to(session);
    refuse(session, null, Session.NO_HEAP);
    if (!session.takesReply()) {
      dispatcher.discard(session, reply, nowhere, errors);
      session.replied();
    }
  }

  private void to(Session session) {
    reply.to(session.takesReply() ? session.outlet.output() : nowhere, session.protocol);
  }

  /// As [Dispatcher#execute].
  int execute(Session session, Args args) {
    boolean replies = session.takesReply();
    int errors = reply.errors();
    to(session);
    long now = engine.clock.millis();
    session.lastInteractionMillis = now;
    Command command = engine.table.lookup(args);
    session.lastCommand = command;
    int outcome = Dispatcher.RUN_ON;
    if (command == null) {
      refuse(session, null, engine.table.unknown(args));
    } else {
      outcome = execute(session, command, args, now);
    }
    if (!replies || session.replies != Session.Replies.ON) {
      dispatcher.discard(session, reply, nowhere, errors);
      if (outcome != Dispatcher.PARKED) {
        session.replied();
      }
    }
    return session.closing ? Dispatcher.CLOSING : outcome;
  }

  private int execute(Session session, Command command, Args args, long now) {
    if (!command.accepts(args.count())) {
      refuse(session, command, CommandError.wrongArguments(command.name));
      return Dispatcher.RUN_ON;
    }
    call.inMulti = false;
    call.keyCount = 0;
    call.begin(session, command, args, now);
    CommandError refusal = refusal(session, command);
    boolean mayRun = refusal == null || command == engine.exec;
    boolean isHeldUp = refusal == null && !command.is(Command.ALLOW_BUSY);
    if (mayRun && (isHeldUp || mustWait(session, command) || engine.busy().isOver())) {
      call.await(engine.busy().over(), Call.FOR_EVER);
      if (blocking.await(call)) {
        return Dispatcher.PARKED;
      }
      refusal = Session.NO_HEAP;
    }
    if (refusal == null && call.isQueued()) {
      if (Exec.queue(call)) {
        reply.simple("QUEUED");
        return Dispatcher.RUN_ON;
      }
      refusal = Session.NO_HEAP;
    }
    if (refusal != null) {
      refuse(session, command, refusal);
      return Dispatcher.RUN_ON;
    }
    return run(session, command);
  }

  private @Nullable CommandError refusal(Session session, Command command) {
    for (Gate gate : engine.gates.of(command)) {
      if (gate.rank().compareTo(Gate.Rank.ACL) <= 0) {
        CommandError refusal = gate.refuse(call);
        if (refusal != null) {
          return refusal;
        }
      }
    }
    if (session.multi && command.is(Command.NO_MULTI)) {
      return new CommandError("ERR Command not allowed inside a transaction");
    }
    if (command.is(Command.ALLOW_BUSY)) {
      return null;
    }
    CommandError loading = engine.gates.refusal(Gate.Rank.LOADING, call); // a file's script
    return loading != null ? loading : engine.busy().refusal();
  }

  /// Whether the command needs what the thread has no right to now: it locks slots, or frees memory
  /// of the data.
  private static boolean mustWait(Session session, Command command) {
    Queue queue = session.queue;
    return command.hasKeys() || !session.watches.isEmpty() || queue != null && queue.holdsNodes();
  }

  private int run(Session session, Command command) {
    int errors = reply.errors();
    long pendingBytes = reply.pendingBytes();
    try {
      command.run(call, reply);
    } catch (CommandError e) {
      engine.countError(e.code());
      reply.error(e.text());
    } catch (Throwable bug) {
      engine.faults.bug("while running " + command.name, bug);
      reply.abandon(pendingBytes);
      reply.error("ERR internal error while running '" + command.name + "'");
      session.closing = true;
    }
    call.end();
    if (call.waits()) {
      if (blocking.await(call)) {
        return Dispatcher.PARKED;
      }
      reply.error(Session.NO_HEAP.text());
    }
    dispatcher.statistics.calls[command.index]++;
    dispatcher.statistics.commands++;
    dispatcher.statistics.failed[command.index] += reply.errors() != errors ? 1 : 0;
    return Dispatcher.RUN_ON;
  }

  private void refuse(Session session, @Nullable Command command, CommandError refusal) {
    if (command != null) {
      dispatcher.statistics.rejected[command.index]++;
    }
    if (session.multi) {
      session.multiFailed = true;
    }
    boolean ends = command != null && command == engine.exec;
    engine.countError(ends ? "EXECABORT" : refusal.code());
    if (ends) {
      dispatcher.end(session);
      String why = refusal.code().equals("ERR") ? refusal.text().substring(4) : refusal.text();
      reply.error("EXECABORT Transaction discarded because of: " + why);
    } else {
      reply.error(refusal.text());
    }
  }
}
