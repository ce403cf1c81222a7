package dev.spinel.replication;

import dev.spinel.config.ConfigLog;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.peer.Address;
import java.util.List;
import java.util.function.Function;

/// The role that a server plays: REPLICAOF, its old name SLAVEOF, FAILOVER and ROLE.
///
/// A role changes in a stopped world, and when the client has its reply it has changed.
final class RoleCommands implements Family {
  private static final int FAILOVER = 0, REPLICAOF = 1, ROLE = 2;

  private final ReplicationFront front;
  private final ConfigLog log;
  private final Function<Call, String> describes;

  RoleCommands(ReplicationFront front, ConfigLog log, Function<Call, String> describes) {
    this.front = front;
    this.log = log;
    this.describes = describes;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        FAILOVER,
        "FAILOVER [TO (target: host port:integer [FORCE])] [ABORT] [TIMEOUT milliseconds:integer]",
        "server 6.2.0 admin noscript stale global",
        """
        Hands the part of the primary over to a replica.
        O(1)
        """);
    t.command(
        REPLICAOF,
        "REPLICAOF (args: (host-port: host port:integer) | (no-one: NO ONE))",
        "server 5.0.0 admin noscript stale no_async_loading global",
        """
        Makes the server follow another one, or a primary again.
        O(1)
        """);
    t.command(
        ROLE,
        "ROLE",
        "server 2.8.12 noscript loading stale fast @admin @dangerous",
        """
        Tells the part that the server plays in replication.
        O(1)
        """);
    t.command(
        REPLICAOF,
        "SLAVEOF (args: (host-port: host port:integer) | (no-one: NO ONE))",
        "server 1.0.0 admin noscript stale no_async_loading global",
        """
        The old name of REPLICAOF.
        O(1)
        deprecated 5.0.0: `REPLICAOF`
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case FAILOVER -> failover(call);
      case REPLICAOF -> replicaOf(call, reply);
      case ROLE -> role(reply);
      default -> throw new AssertionError(row);
    }
  }

  // ── REPLICAOF ──

  private void replicaOf(Call call, Reply reply) {
    if (call.limits().is(Settings.CLUSTER_ENABLED)) {
      throw new CommandError("ERR REPLICAOF not allowed in cluster mode.");
    }
    Standing before = front.standing();
    if (before.failover() != PlannedFailover.State.NONE) {
      throw new CommandError("ERR REPLICAOF not allowed while failing over.");
    }
    if (call.is(1, "NO") && call.is(2, "ONE")) {
      if (before.isReplica() || !before.isComplete()) {
        front.tell(call, new ReplicationEvent.PromotionAsked());
      }
      if (before.isReplica()) {
        log.log('*', "MASTER MODE enabled (user request from '" + describes.apply(call) + "')");
      }
      reply.ok();
      return;
    }
    if (call.session().isReplica) {
      throw new CommandError("ERR Command is not valid when client is a replica.");
    }
    int port = (int) call.integer(2, 0, 65535, new CommandError("ERR Invalid master port"));
    Address primary = new Address(call.text(1), port);
    if (isFollowed(before, primary)) {
      log.log(
          '*',
          "REPLICAOF would result into synchronization with the master we are already connected"
              + " with. No operation performed.");
      reply.simple("OK Already connected to specified master");
      return;
    }
    front.tell(call, new ReplicationEvent.PrimaryNamed(primary, describes.apply(call), false));
    reply.ok();
  }

  private static boolean isFollowed(Standing now, Address primary) {
    Address followed = now.primary();
    return followed != null
        && !now.link().isHeld()
        && followed.host().equalsIgnoreCase(primary.host())
        && followed.port() == primary.port();
  }

  // ── FAILOVER ──

  /// The machine replies.
  private void failover(Call call) {
    if (call.limits().is(Settings.CLUSTER_ENABLED)) {
      throw new CommandError(
          "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.");
    }
    long client = call.session().id;
    if (call.argc() == 2 && call.is(1, "ABORT")) {
      front.tell(call, new ReplicationEvent.FailoverAborted(client));
      return;
    }
    Address target = null;
    boolean forced = false;
    long timeoutMillis = 0;
    Options o = call.options(1);
    while (o.next()) {
      if (timeoutMillis == 0 && o.is("TIMEOUT", 1)) {
        timeoutMillis = o.integer();
        if (timeoutMillis <= 0) {
          throw new CommandError("ERR FAILOVER timeout must be greater than 0");
        }
      } else if (target == null && o.is("TO", 2)) {
        int host = o.take();
        target = new Address(call.text(host), Math.clamp(o.integer(), -1, Integer.MAX_VALUE));
      } else if (!forced && o.is("FORCE")) {
        forced = true;
      } else {
        throw CommandError.SYNTAX;
      }
    }
    front.tell(call, new ReplicationEvent.FailoverAsked(client, target, forced, timeoutMillis));
  }

  // ── ROLE ──

  private void role(Reply reply) {
    Standing now = front.standing();
    Address primary = now.primary();
    if (primary == null) {
      reply.array(3);
      reply.bulk("master");
      reply.integer(front.replication().offset());
      List<Standing.Replica> online =
          now.replicas().stream().filter(Standing.Replica::isOnline).toList();
      reply.array(online.size());
      for (Standing.Replica replica : online) {
        reply.array(3);
        reply.bulk(replica.host());
        reply.bulk(Integer.toString(replica.port()));
        reply.bulk(Long.toString(replica.ackOffset()));
      }
      return;
    }
    Standing.Link link = now.link();
    reply.array(5);
    reply.bulk("slave");
    reply.bulk(primary.host());
    reply.integer(primary.port());
    reply.bulk(link.state().word());
    reply.integer(link.isUp() ? link.offset() : -1);
  }
}
