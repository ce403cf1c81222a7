package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// BGREWRITEAOF and WAITAOF.
public final class AofCommands implements Family {
  private static final int BGREWRITEAOF = 0, WAITAOF = 1;
  private static final long NEVER = Long.MAX_VALUE; // for more replicas than there are

  private final Waiters<Long> waiting = new Waiters<>(); // for positions

  private @Nullable Aof aof;

  public AofCommands() {}

  /// Once it is made, before the first call.
  void of(Aof log) {
    aof = log;
  }

  Aof aof() {
    return Objects.requireNonNull(aof);
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        BGREWRITEAOF,
        "BGREWRITEAOF",
        "server 1.0.0 admin noscript no_async_loading",
        """
        Has the append-only file rewritten in the background.
        O(1)
        """);
    t.command(
        WAITAOF,
        "WAITAOF numlocal:integer numreplicas:integer timeout:integer",
        "generic 7.2.0 noscript @connection request_policy:all_shards response_policy:agg_min",
        """
        Waits until this session's writes would survive a loss of power, here and on replicas.
        O(1)
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case BGREWRITEAOF -> rewrite(call, reply);
      case WAITAOF -> waitFor(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private void rewrite(Call call, Reply reply) {
    switch (aof().rewrite(call.inMulti())) {
      case STARTED -> reply.simple("Background append only file rewriting started");
      case SCHEDULED -> reply.simple("Background append only file rewriting scheduled");
      default ->
          throw new CommandError("ERR Background append only file rewriting already in progress");
    }
  }

  // ── WAITAOF ──

  private void waitFor(Call call, Reply reply) {
    long local = call.integer(1, 0, 1);
    long replicas = call.integer(2);
    if (replicas < 0) {
      throw new CommandError("ERR value is out of range, must be positive");
    }
    long timeout = timeout(call);
    Aof log = aof();
    if (local > 0 && log.state() == Aof.State.OFF) {
      throw new CommandError(
          "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    }
    long position = call.session().lastWrite();
    boolean isSynced = log.syncedPosition() >= position;
    if ((local == 0 || isSynced) && replicas == 0
        || !call.await(new Synced(position, replicas == 0), timeout)) {
      tell(reply, isSynced);
    }
  }

  private static long timeout(Call call) {
    long millis =
        Call.integer(
            call.arg(3), new CommandError("ERR timeout is not an integer or out of range"));
    if (millis < 0) {
      throw new CommandError("ERR timeout is negative");
    }
    if (millis > Long.MAX_VALUE - call.now()) {
      throw new CommandError("ERR timeout is out of range");
    }
    return millis;
  }

  /// That the session's last write would survive a loss of power.
  private final class Synced implements Condition {
    private final long position;
    private final boolean isEnough; // as there are no replicas, nothing is for whoever wants some

    Synced(long position, boolean isEnough) {
      this.position = position;
      this.isEnough = isEnough;
    }

    @Override
    public void begin(Waiting call) {
      waiting.add(call, isEnough ? position : NEVER);
      synced(aof().syncedPosition()); // it may have been synced meanwhile
    }

    @Override
    public void end(Waiting call) {
      waiting.remove(call);
    }

    @Override
    public void timedOut(Reply reply) {
      tell(reply, aof().syncedPosition() >= position);
    }

    @Override
    public boolean isAskedFor() {
      return true;
    }
  }

  private static void tell(Reply reply, boolean isSynced) {
    reply.array(2);
    reply.integer(isSynced ? 1 : 0);
    reply.integer(0); // replicas
  }

  /// All up to this position would survive a loss of power. Any thread.
  void synced(long position) {
    waiting.wake(awaited -> awaited <= position);
  }
}
