package dev.spinel.replication;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// What replicas say to their primary: REPLCONF, PSYNC and SYNC. The machine decides and replies.
///
/// A client that has said PSYNC or SYNC, and wasn't refused, is a replica from then on: what it is
/// sent is the copy and the stream, and no command may reply to it.
final class SyncCommands implements Family {
  private static final int PSYNC = 0, REPLCONF = 1, SYNC = 2;

  private final ReplicationFront front;
  private final Function<Call, String> describes;

  SyncCommands(ReplicationFront front, Function<Call, String> describes) {
    this.front = front;
    this.describes = describes;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        PSYNC,
        "PSYNC replicationid offset:integer",
        "server 2.8.0 admin noscript no_async_loading no_multi arity=-3 global",
        """
        Asks for the stream of effects, from an offset of a known history on.
        Depends on how much has to be sent
        """);
    t.command(
        REPLCONF,
        "REPLCONF",
        "server 3.0.0 admin noscript loading stale allow_busy arity=-1 syscmd",
        """
        Tells the primary something about a replica.
        O(1)
        """);
    t.command(
        SYNC,
        "SYNC",
        "server 1.0.0 admin noscript no_async_loading no_multi global",
        """
        Asks for a copy of all data, and the stream of effects from there on.
        Depends on how much has to be sent
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case REPLCONF -> conf(call);
      case PSYNC -> psync(call);
      case SYNC -> {
        if (maySync(call)) {
          tell(call, new ReplicationEvent.Sync(call.session().id, ReplicationFront.host(call)));
        }
      }
      default -> throw new AssertionError(row);
    }
  }

  private void conf(Call call) {
    if (call.session().isTrusted()) {
      if (call.argc() > 2 && call.is(1, "GETACK")) {
        front.tell(call, new ReplicationEvent.AckAsked());
      }
      return; // its primary expects no reply
    }
    List<String> arguments = new ArrayList<>();
    for (int i = 1; i < call.argc(); i++) {
      arguments.add(call.text(i));
    }
    front.tell(
        call, new ReplicationEvent.Conf(call.session().id, ReplicationFront.host(call), arguments));
  }

  private void psync(Call call) {
    if (!maySync(call)) {
      return;
    }
    boolean failover = call.argc() > 3 && call.is(3, "FAILOVER");
    Slice offset = call.arg(2);
    tell(
        call,
        new ReplicationEvent.Psync(
            call.session().id,
            ReplicationFront.host(call),
            call.text(1),
            offset.isLong() ? Long.valueOf(offset.toLong(0)) : null,
            failover ? describes.apply(call) : null));
  }

  /// False if the client is a replica already, or is shown all commands: it is not answered.
  private static boolean maySync(Call call) {
    Session session = call.session();
    if (session.isReplica || session.monitors) {
      return false;
    }
    if (!session.outlet.output().isEmpty()) {
      throw new CommandError("ERR SYNC and PSYNC are invalid with pending output");
    }
    return true;
  }

  private void tell(Call call, ReplicationEvent event) {
    front.tell(call, event);
    Session session = call.session();
    session.isReplica = front.standing().isReplica(session.id);
    session.gatesChanged();
    if (session.isReplica && (session.subscribed() || session.tracking != null)) {
      call.engine().repliedToReplica(session, null); // what it is told would stand in its stream
    }
  }
}
