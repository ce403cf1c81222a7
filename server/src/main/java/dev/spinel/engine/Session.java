package dev.spinel.engine;

import dev.spinel.wire.HeapBudget;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// One client's state between commands. Its own thread runs its commands and owns every field, but
/// for those that say otherwise.
public final class Session {
  /// What happens to replies (CLIENT REPLY).
  public enum Replies {
    ON,
    OFF,
    SKIP_NEXT,
    SKIP
  }

  /// The owner of a trusted session, which must know when a command fails ([Engine#openTrusted]).
  @FunctionalInterface
  public interface Owner {
    /// The session got an error reply, in EXEC, too. Nothing is locked. The session's own thread.
    ///
    /// @param command null if there is no such command
    void failed(@Nullable Command command, String error);

    /// A command has ended that isn't in an open MULTI, and what it changed is still locked. The
    /// session's own thread.
    default void ended() {}
  }

  static final CommandError NO_HEAP =
      new CommandError(
          "OOM the server's Java heap has no room for more of what clients send (SPINEL_HEAP)");

  public final long id;
  public final Outlet outlet;
  public final long createdMillis;

  public int database;
  public int protocol = 2;
  public boolean authenticated;

  /// Who it has logged in as; null: it may do everything, as this server's primary may. Written by
  /// the own thread, or in a stopped world.
  public volatile @Nullable Principal user;

  public byte[] name = NOTHING;
  public byte[] libraryName = NOTHING;
  public byte[] libraryVersion = NOTHING;
  public Replies replies = Replies.ON;
  public boolean noEvict;
  public volatile boolean monitors; // MONITOR was said
  public volatile boolean isPrimary; // its client is this server's primary; trusted
  public boolean noTouch;

  /// How it tracks keys; null: it doesn't. Written by the own thread.
  public volatile @Nullable TrackingMode tracking;

  /// CLIENT CACHING was said: it holds for the next command, or for a whole transaction.
  public boolean caching;

  /// The session that gets its invalidations is gone. Written by the own thread.
  public volatile boolean redirectBroken;

  public boolean readOnly; // READONLY mode of cluster replicas

  /// What CLUSTER GETKEYSINSLOT has told it last, as a hash; 0: nothing that matters. Kept by the
  /// cluster.
  public long toldKeys;

  /// For how many more commands, this one included, ASKING holds; MULTI to EXEC is one.
  private int asking;

  /// Its client is a replica of this server: it gets the stream. Kept by replication, on the own
  /// thread.
  public volatile boolean isReplica;

  public long lastInteractionMillis;

  /// How often an empty request came. Written by its thread, read by any.
  public volatile int emptyRequests;

  public @Nullable Command lastCommand;

  /// Whose script says the commands of this session, which is no client; null: it is one.
  public @Nullable Session caller;

  /// Counts of subscriptions; kept by pub/sub.
  public int channels;

  public int patterns;
  public int shardChannels;

  /// What a feature keeps for this session (pub/sub's sets of channels).
  public @Nullable Object subscriptions;

  /// Some subscription has ended; kept by pub/sub.
  public boolean hasUnsubscribed;

  /// The number of the last letter in its thread's inbox that it has received out of turn.
  long lastLetter;

  /// The journal position of what it last did to the data.
  long lastWrite;

  /// MULTI was said.
  boolean multi;

  /// A command was refused while queueing: EXEC must abort.
  boolean multiFailed;

  /// What was queued since MULTI. The own thread; others may look at its numbers.
  @Nullable Queue queue;

  final ArrayList<Watches.Watch> watches = new ArrayList<>();

  /// A watched key changed. Written under the key's slot lock by the thread that changed it. EXEC
  /// reads it under the same lock; others read it without, only to save work.
  volatile boolean watchBroken;

  /// The call that waits, if one does. Written by the own thread.
  volatile @Nullable Waiting waiting;

  /// The session is to be closed: run nothing more for it. Any thread may set it.
  public volatile boolean closing;

  /// It has written under a lease, and its replies haven't left.
  boolean isLeased;

  /// Whether some gate may have something to say to this session: then all gates are asked. Written
  /// by the own thread, or in a stopped world.
  boolean gated;

  static final byte[] NOTHING = {};

  final @Nullable Owner owner; // of a trusted session
  private final Gates gates;
  private final HeapBudget heap;
  private long heldBytes; // of the heap, for what it keeps

  Session(
      long id, Outlet outlet, @Nullable Owner owner, Gates gates, HeapBudget heap, long nowMillis) {
    this.id = id;
    this.owner = owner;
    this.gates = gates;
    this.heap = heap;
    this.outlet = outlet;
    this.createdMillis = nowMillis;
    this.lastInteractionMillis = nowMillis;
  }

  /// The journal position of what it last did to the data, 0 if nothing was recorded.
  public long lastWrite() {
    return lastWrite;
  }

  /// Whether its commands are applied as they are, without gates or limits.
  public boolean isTrusted() {
    return owner != null || caller != null && caller.isTrusted();
  }

  /// Counts bytes of the Java heap that the session is going to keep, until [#release] or its end.
  /// Errors: there is no room for them.
  public void hold(long bytes) {
    if (!mayHold(bytes)) {
      throw NO_HEAP;
    }
  }

  /// As [#hold], but returns false if there is no room.
  public boolean mayHold(long bytes) {
    if (isTrusted()) {
      heap.add(bytes);
    } else if (!heap.hold(bytes)) {
      return false;
    }
    heldBytes += bytes;
    return true;
  }

  /// As [#mayHold], for input that has come and is to wait: see [HeapBudget#holdRest].
  public boolean mayHoldRest(long bytes) {
    if (isTrusted()) {
      heap.add(bytes);
    } else if (!heap.holdRest(bytes)) {
      return false;
    }
    heldBytes += bytes;
    return true;
  }

  public void release(long bytes) {
    heap.release(bytes);
    heldBytes -= bytes;
  }

  /// The session is over.
  void releaseAll() {
    release(heldBytes);
  }

  /// About what a session and its connection take by themselves.
  private static final long OWN_BYTES = 2048;

  /// What the session takes of memory, with its input and output (`tot-mem`). Of another thread's
  /// session it is a racy picture.
  public long memoryBytes() {
    return OWN_BYTES + outlet.heldBytes() + heldBytes + queuedBytes();
  }

  /// Whether messages may have come that it hasn't received. Own thread.
  boolean hasMail() {
    return (subscriptions != null || monitors || tracking != null) && !outlet.inbox().isEmpty();
  }

  /// Writes the messages that have come to the output. Called before a reply that must stand behind
  /// them. Own thread.
  public void receive() {
    outlet.inbox().deliver(this);
  }

  /// As [#receive], if it tracks keys: memory was made for its call, and what that has invalidated
  /// comes before the reply.
  public void receiveInvalidations() {
    if (tracking != null) {
      receive();
    }
  }

  /// The client whose commands these are: of what a script says, the one that has called it.
  Session client() {
    Session outer = caller;
    return outer == null ? this : outer;
  }

  /// Whether its call has been served by another thread, and the reply hasn't arrived. Own thread.
  boolean isBeingAnswered() {
    Waiting call = waiting;
    return call != null && !call.isWaiting();
  }

  /// Whether replies are sent now. What a replica is sent is the stream.
  public boolean repliesNow() {
    return !isReplica && (replies == Replies.ON || replies == Replies.SKIP_NEXT);
  }

  /// Whether the reply to what it says now is to be written.
  boolean takesReply() {
    return !isReplica && replies == Replies.ON;
  }

  /// ASKING was said: the next command may touch a slot that is being imported.
  public void asking(boolean on) {
    asking = on ? 2 : 0;
  }

  /// Whether ASKING was said just before.
  public boolean isAsking() {
    return asking != 0;
  }

  /// A command has ended, or was queued.
  void ended() {
    if (asking != 0 && !multi) {
      asking--;
    }
    if (caching && !multi && !isAboutClients(lastCommand)) {
      caching = false;
    }
  }

  /// Whether it is a subcommand of CLIENT, as CLIENT CACHING itself.
  private static boolean isAboutClients(@Nullable Command command) {
    return command != null && command.parent != null && command.parent.name.equals("client");
  }

  /// An empty request came, which is answered by nothing. Its thread.
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  void tookEmpty() {
    emptyRequests++;
    replied();
  }

  /// A command has ended, with or without a reply, or an empty request was read: CLIENT REPLY SKIP
  /// is for one of them.
  public void replied() {
    if (replies == Replies.SKIP_NEXT) {
      replies = Replies.SKIP;
    } else if (replies == Replies.SKIP) {
      replies = Replies.ON;
    }
  }

  public boolean inMulti() {
    return multi;
  }

  public int queuedCommands() {
    Queue queued = queue;
    return queued == null ? -1 : queued.size();
  }

  /// Whether some command that waits for EXEC has the flag.
  public boolean queues(int flag) {
    Queue queued = queue;
    return queued != null && (queued.flags() & flag) != 0;
  }

  /// Bytes of the Java heap that the commands queued take.
  public long queuedHeapBytes() {
    Queue queued = queue;
    return queued == null ? 0 : queued.heldBytes();
  }

  /// Bytes of the commands queued.
  public long queuedBytes() {
    Queue queued = queue;
    return queued == null ? 0 : queued.bytes();
  }

  /// Whether a call of it waits.
  public boolean isParked() {
    return waiting != null;
  }

  /// Whether a call of it waits that its client didn't ask to wait.
  public boolean isPutOff() {
    Waiting call = waiting;
    return call != null && !call.condition.isAskedFor();
  }

  /// Subscribed to anything: under RESP2 few commands are allowed then.
  public boolean subscribed() {
    return channels + patterns + shardChannels > 0;
  }

  /// Decides again whether gates must be asked. Called after a change that their answers depend on.
  public void gatesChanged() {
    int changes;
    do { // a session that is being opened isn't always seated: see Engine.gatesChanged
      changes = gates.changes;
      gated = gates.concern(this);
      VarHandle.fullFence();
    } while (changes != gates.changes);
  }
}
