package dev.spinel.replication;

import dev.spinel.engine.Arrival;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;
import dev.spinel.persist.Persistence;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// WAIT and WAITAOF: until so many replicas have what the session last wrote, or have it on their
/// disks, and this server on its own.
///
/// A session knows its last write by its position in the journal ([dev.spinel.engine.Session]),
/// replicas acknowledge offsets of the stream; [Replication#offsetOf] translates.
final class WaitCommands implements Family {
  private static final int WAIT = 0, WAITAOF = 1;

  private static final CommandError WAIT_HERE =
      new CommandError(
          "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if"
              + " a replica is configured to be writable (which is not the default) writes to"
              + " replicas are just local and are not propagated.");
  private static final CommandError WAITAOF_HERE =
      new CommandError(
          "ERR WAITAOF cannot be used with replica instances. Please also note that writes to"
              + " replicas are just local and are not propagated.");
  private static final CommandError NO_AOF =
      new CommandError(
          "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");

  private final ReplicationFront front;
  private final BooleanSupplier isPaused;
  private final Waiters<Need> waiting = new Waiters<>();
  private volatile boolean asksLater; // for acknowledgements, after a pause
  private @Nullable Persistence persistence; // before the first session

  /// @param isPaused whether clients' writes wait: then the stream must not grow
  WaitCommands(ReplicationFront front, BooleanSupplier isPaused) {
    this.front = front;
    this.isPaused = isPaused;
  }

  /// Once it is made.
  void of(Persistence made) {
    persistence = made;
    made.onSynced(this::look);
  }

  private Persistence persistence() {
    return Objects.requireNonNull(persistence);
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        WAIT,
        "WAIT numreplicas:integer timeout:integer",
        "generic 3.0.0 @connection request_policy:all_shards response_policy:agg_min",
        """
        Waits until replicas have this session's writes.
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
      case WAIT -> waitForReplicas(call, reply);
      case WAITAOF -> waitForDisks(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private void waitForReplicas(Call call, Reply reply) {
    if (front.standing().isReplica()) {
      throw WAIT_HERE;
    }
    long replicas = call.integer(1);
    long timeout = timeout(call, 2);
    Wanted wanted =
        call.handlerWaitedFor() instanceof Wanted before ? before : new OfReplicas(call, replicas);
    answer(call, reply, wanted, timeout);
  }

  private void waitForDisks(Call call, Reply reply) {
    long local = call.integer(1, 0, 1);
    long replicas =
        call.integer(
            2, 0, Long.MAX_VALUE, new CommandError("ERR value is out of range, must be positive"));
    long timeout = timeout(call, 3);
    if (front.standing().isReplica()) {
      throw WAITAOF_HERE;
    }
    if (local > 0 && !persistence().appends()) {
      throw NO_AOF;
    }
    Wanted wanted =
        call.handlerWaitedFor() instanceof Wanted before
            ? before
            : new OfDisks(call, local > 0, replicas);
    answer(call, reply, wanted, timeout);
  }

  private static long timeout(Call call, int i) {
    long millis =
        Call.integer(
            call.arg(i), new CommandError("ERR timeout is not an integer or out of range"));
    if (millis < 0) {
      throw new CommandError("ERR timeout is negative");
    }
    if (millis > Long.MAX_VALUE - call.now()) {
      throw new CommandError("ERR timeout is out of range");
    }
    return millis;
  }

  private static void answer(Call call, Reply reply, Wanted wanted, long timeout) {
    if (wanted.isMet() || !call.await(wanted, timeout)) {
      wanted.timedOut(reply);
    }
  }

  // ── what is waited for ──

  private interface Need {
    boolean isMet();
  }

  private abstract class Wanted implements Condition, Need {
    final long position; // in the journal, of the session's last write
    final long offset; // of the stream, behind it
    final long replicas;

    Wanted(Call call, long replicas) {
      position = call.session().lastWrite();
      offset = front.replication().offsetOf(position);
      this.replicas = replicas;
    }

    @Override
    public void begin(Waiting call) {
      waiting.add(call, this);
      look(); // it may have been met meanwhile
      ask();
    }

    @Override
    public void end(Waiting call) {
      waiting.remove(call);
    }

    @Override
    public boolean isAskedFor() {
      return true;
    }
  }

  private final class OfReplicas extends Wanted {
    OfReplicas(Call call, long replicas) {
      super(call, replicas);
    }

    @Override
    public boolean isMet() {
      return count() >= replicas;
    }

    private int count() {
      return front.standing().acknowledged(offset);
    }

    @Override
    public void timedOut(Reply reply) {
      reply.integer(count());
    }
  }

  private final class OfDisks extends Wanted {
    private final boolean local; // is wanted, too

    OfDisks(Call call, boolean local, long replicas) {
      super(call, replicas);
      this.local = local;
    }

    @Override
    public boolean isMet() {
      return count() >= replicas && (!local || isSynced());
    }

    /// There is no file any more: the call runs again, and says so.
    boolean isHopeless() {
      return local && !persistence().appends();
    }

    private int count() {
      return front.standing().acknowledgedByFile(offset);
    }

    private boolean isSynced() {
      return persistence().syncedPosition() >= position;
    }

    @Override
    public void timedOut(Reply reply) {
      reply.array(2);
      reply.integer(isSynced() ? 1 : 0);
      reply.integer(count());
    }
  }

  // ── keys that come from other nodes ──

  /// What a call waits for that has written what comes from another node: a replica is to have it,
  /// too, or there is none that is online any more. Null if there is none.
  @Nullable Arrival arrival() {
    return hasReplica() ? new Copied() : null;
  }

  private boolean hasReplica() {
    Standing now = front.standing();
    return !now.isReplica() && now.replicas().stream().anyMatch(Standing.Replica::isOnline);
  }

  private final class Copied implements Arrival, Need {
    private long position; // written before this waits; then immutable

    @Override
    public void begin(Waiting call) {
      position = call.session().lastWrite();
      waiting.add(call, this);
      front
          .replication()
          .soon( // here the key's lock is held
              () -> {
                ask();
                look();
              });
    }

    @Override
    public void end(Waiting call) {
      waiting.remove(call);
    }

    @Override
    public boolean isMet() {
      long offset = front.replication().streamedOffset(position);
      return !hasReplica() || offset >= 0 && front.standing().acknowledged(offset) > 0;
    }

    @Override
    public void timedOut(Reply reply) {
      reply.error("NOREPLICAS No replica has confirmed the key in time.");
    }
  }

  /// Somebody has acknowledged something, or written it to the disk. Any thread.
  void look() {
    waiting.wake(wanted -> wanted.isMet() || wanted instanceof OfDisks of && of.isHopeless());
  }

  /// Has replicas tell what they have, or remembers to.
  private void ask() {
    if (isPaused.getAsBoolean()) {
      asksLater = true;
    } else {
      front.replication().askForAcks();
    }
  }

  /// Clients' writes don't wait any more. Any thread.
  void resumed() {
    if (asksLater) {
      asksLater = false;
      front.replication().askForAcks();
    }
  }
}
