package dev.spinel.cluster;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;

/// What a connection may say about slots that aren't this node's: that it reads what a replica has,
/// and that it was sent here by another node.
public final class ClusterModes implements Family {
  private static final int ASKING = 0, READONLY = 1, READWRITE = 2;

  private static final CommandError NO_CLUSTER =
      new CommandError("ERR This instance has cluster support disabled");

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        ASKING,
        "ASKING",
        "cluster 3.0.0 fast @connection",
        "Lets the next command touch a slot that is being imported.\nO(1)");
    t.command(
        READONLY,
        "READONLY",
        "cluster 3.0.0 loading stale fast @connection",
        "Lets the connection read from a replica of a cluster.\nO(1)");
    t.command(
        READWRITE,
        "READWRITE",
        "cluster 3.0.0 loading stale fast @connection",
        "Sends the connection's reads to primaries of a cluster again.\nO(1)");
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    if (!call.limits().inCluster()) {
      throw NO_CLUSTER;
    }
    Session session = call.session();
    switch (row) {
      case ASKING -> session.asking(true);
      case READONLY -> session.readOnly = true;
      case READWRITE -> session.readOnly = false;
      default -> throw new AssertionError(row);
    }
    reply.ok();
  }
}
