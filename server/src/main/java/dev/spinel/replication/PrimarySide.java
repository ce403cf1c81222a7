package dev.spinel.replication;

import dev.spinel.replication.ReplicationAction.Contents;
import dev.spinel.replication.ReplicationAction.Target;
import dev.spinel.replication.ReplicationEvent.Save;
import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A server's replicas, from their first REPLCONF to the last byte that they acknowledge.
///
/// ```
///   NONE ──PSYNC, the backlog has it ───────────────────────────────────────────────► ONLINE
///    │                                                                                  ▲
///    └─PSYNC, SYNC ─► WAIT_BGSAVE ──the cut──► SYNCING ──its end─┬─► SENDING (a file) ──┤
///                     (5 s, for others)                          └─► TAKING (memory) ───┘
/// ```
///
/// Who was sent a snapshot from memory has its stream held back until its first ACK. A slow one
/// still takes what waits for it (TAKING) when the next snapshot is made for others: it has no part
/// in that.
///
/// **Who may join a running snapshot**: a replica that takes a file, if the running one is written
/// to a file for replicas that take no more than it does, and the backlog still has every byte
/// since its cut. The others wait for the next snapshot.
///
/// **The cut** shows the data at an offset, and from that offset on the backlog keeps the stream
/// for the replicas that get it ([ReplicationAction.Keep]), so nobody gets a byte twice or misses
/// one.
public final class PrimarySide {
  /// How far a replica is, in the words of INFO.
  public enum State {
    NONE(""),
    WAIT_BGSAVE("wait_bgsave"),
    SYNCING("wait_bgsave"),
    TAKING("wait_bgsave"),
    SENDING("send_bulk"),
    ONLINE("online");

    private final String word;

    State(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  /// A client that has said REPLCONF, SYNC or PSYNC.
  public static final class Replica {
    private final long client;
    private final String host;
    private String announcedIp = "";
    private int port;
    private boolean takesMark; // capa eof
    private boolean psync2;
    private boolean dataOnly; // rdb-only
    private boolean old; // came by SYNC: acknowledges nothing
    private Contents contents = Contents.ALL;
    private State state = State.NONE;
    private long cutOffset;
    private long ackOffset;
    private long aofOffset;
    private long ackSeconds;
    private long askedSeconds;
    private boolean startsOnAck;
    private long outputBytes; // that wait for its connection
    private long streamBytes; // of the stream, that wait for it
    private long stuckSinceSeconds = -1; // output waits and none leaves
    private long softSinceSeconds = -1; // above the soft limit

    Replica(long client, String host) {
      this.client = client;
      this.host = host;
    }

    public long client() {
      return client;
    }

    public State state() {
      return state;
    }

    /// The address that it wants to be known by, or the one that it comes from.
    public String shownHost() {
      return announcedIp.isEmpty() ? host : announcedIp;
    }

    /// 0 if it hasn't said.
    public int port() {
      return port;
    }

    public long ackOffset() {
      return ackOffset;
    }

    public long aofOffset() {
      return aofOffset;
    }

    /// When it last acknowledged, in seconds since 1970.
    public long ackSeconds() {
      return ackSeconds;
    }

    public boolean understandsNewIds() {
      return psync2;
    }

    String name() {
      String shown = shownHost();
      if (port == 0) {
        return shown + ":<unknown-replica-port>";
      }
      return (shown.indexOf(':') >= 0 ? "[" + shown + "]" : shown) + ":" + port;
    }

    /// Whether it gets a snapshot now.
    boolean isServed() {
      return state == State.SYNCING || state == State.TAKING || state == State.SENDING;
    }

    boolean fits(Replica other) {
      return (takesMark || !other.takesMark)
          && (psync2 || !other.psync2)
          && contents.equals(other.contents)
          && (!other.dataOnly || dataOnly);
    }
  }

  private static final String OK = "+OK\r\n";
  private static final String PING = "*1\r\n$4\r\nPING\r\n";
  private static final int HOST_BYTES_MAX = 256;

  /// Bytes that wait for a replica so far behind that they aren't kept any more.
  static final long LOST = Long.MAX_VALUE;

  private final ReplicationMachine machine;
  private final History history;
  private final Map<Long, Replica> clients = new LinkedHashMap<>();
  private Save otherSave = Save.NONE;
  private @Nullable Target beginning; // a sync was asked for, and hasn't said where its cut is
  private Contents beginningContents = Contents.ALL;
  private @Nullable Target running;
  private long noReplicasSinceSeconds;
  private long secondsSoFar;
  private long fullSyncs;
  private long partialSyncs;
  private long partialRefusals;

  PrimarySide(ReplicationMachine machine) {
    this.machine = machine;
    this.history = machine.history();
  }

  // ── REPLCONF ──

  private Replica client(long number, String host) {
    return clients.computeIfAbsent(number, client -> new Replica(client, host));
  }

  private void reply(Replica replica, String text) {
    machine.act(new ReplicationAction.Reply(replica.client, text));
  }

  private void error(Replica replica, String text) {
    reply(replica, (text.startsWith("-") ? text : "-ERR " + text) + "\r\n");
  }

  void conf(long number, String host, List<String> arguments) {
    Replica known = clients.get(number);
    Replica replica = known == null ? new Replica(number, host) : known;
    if (arguments.size() % 2 != 0) {
      answer(replica, "-ERR syntax error\r\n");
      return;
    }
    for (int i = 0; i < arguments.size(); i += 2) {
      String value = arguments.get(i + 1);
      String error =
          switch (arguments.get(i).toLowerCase(Locale.ROOT)) {
            case "listening-port" -> port(replica, value);
            case "ip-address" -> ip(replica, value);
            case "capa" -> capability(replica, value);
            case "rdb-only" -> dataOnly(replica, value);
            case "rdb-filter-only" -> filter(replica, value);
            case "ack" -> {
              acknowledged(replica, value, arguments, i + 2);
              yield ""; // it is never answered
            }
            case "getack" -> {
              machine.replicaSide().ack();
              yield "";
            }
            default -> "Unrecognized REPLCONF option: " + arguments.get(i);
          };
      if (error != null) {
        if (!error.isEmpty()) {
          answer(replica, "-ERR " + error + "\r\n");
        }
        return;
      }
    }
    answer(replica, OK);
  }

  /// Who gets no answer isn't remembered: of its end nobody would hear.
  private void answer(Replica replica, String text) {
    clients.putIfAbsent(replica.client, replica);
    machine.act(
        replica.state == State.NONE
            ? new ReplicationAction.Reply(replica.client, text)
            : new ReplicationAction.Misplaced(replica.client, text));
  }

  private static @Nullable Long number(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    return Numbers.isLong(bytes, 0, bytes.length)
        ? Numbers.parseLong(bytes, 0, bytes.length, 0)
        : null;
  }

  private static @Nullable String port(Replica replica, String text) {
    Long port = number(text);
    if (port == null) {
      return "value is not an integer or out of range";
    }
    replica.port = port.intValue();
    return null;
  }

  private static @Nullable String ip(Replica replica, String text) {
    if (text.length() >= HOST_BYTES_MAX) {
      return "REPLCONF ip-address provided by replica instance is too long: "
          + text.length()
          + " bytes";
    }
    replica.announcedIp = text;
    return null;
  }

  /// Capabilities that this server doesn't know are of no concern.
  private static @Nullable String capability(Replica replica, String text) {
    replica.takesMark |= text.equalsIgnoreCase("eof");
    replica.psync2 |= text.equalsIgnoreCase("psync2");
    return null;
  }

  private static @Nullable String dataOnly(Replica replica, String text) {
    Long value = number(text);
    if (value == null) {
      return "value is not an integer or out of range";
    }
    if (value < 0 || value > 1) {
      return "value is out of range, value must between 0 and 1";
    }
    replica.dataOnly = value == 1;
    return null;
  }

  private static @Nullable String filter(Replica replica, String text) {
    boolean functions = false;
    for (String word : text.strip().split("\\s+")) {
      if (word.equalsIgnoreCase("functions")) {
        functions = true;
      } else if (!word.isEmpty()) {
        return "Unsupported rdb-filter-only option: " + word;
      }
    }
    replica.contents = new Contents(false, functions);
    return null;
  }

  private void acknowledged(Replica replica, String text, List<String> all, int next) {
    Long offset = number(text);
    if (replica.state == State.NONE || offset == null) {
      return;
    }
    replica.ackOffset = Math.max(replica.ackOffset, offset);
    if (next + 1 < all.size() && all.get(next).equalsIgnoreCase("fack")) {
      Long aof = number(all.get(next + 1));
      if (aof == null) {
        return;
      }
      replica.aofOffset = Math.max(replica.aofOffset, aof);
    }
    replica.ackSeconds = machine.seconds();
    if (replica.state == State.TAKING
        || (replica.state == State.SYNCING && running == Target.CONNECTIONS)) {
      transferred(replica.client); // it has all: the news of our own connection is slower
    }
    if (replica.state == State.ONLINE && replica.startsOnAck) {
      replica.startsOnAck = false;
      machine.act(new ReplicationAction.Stream(replica.client));
    }
  }

  /// It has sent an empty line: it is there, and loads what it was sent.
  void alive(long number) {
    Replica replica = clients.get(number);
    if (replica != null) {
      replica.ackSeconds = machine.seconds();
    }
  }

  // ── SYNC and PSYNC ──

  void sync(long number, String host) {
    Replica replica = client(number, host);
    if (replica.state == State.NONE && isAccepted(replica)) {
      replica.old = true;
      fullSync(replica);
    }
  }

  void psync(ReplicationEvent.Psync asked) {
    Replica replica = client(asked.replica(), asked.host());
    if (replica.state != State.NONE) {
      return;
    }
    String successor = asked.successor();
    if (successor != null && !takesOver(replica, asked.id(), successor)) {
      return;
    }
    if (!isAccepted(replica)) {
      return;
    }
    Long offset = asked.offset();
    if (offset == null) {
      error(replica, "value is not an integer or out of range");
      machine.warning(
          "Replica " + replica.name() + " asks for synchronization but with a wrong offset");
    } else if (mayGoOn(replica, asked.id(), offset)) {
      partialSyncs++;
      goOn(replica, offset);
    } else {
      if (!asked.id().startsWith("?")) {
        partialRefusals++;
      }
      fullSync(replica);
    }
  }

  /// The primary hands its role over to this replica.
  private boolean takesOver(Replica replica, String id, String client) {
    machine.notice("Failover request received for replid " + id + ".");
    if (machine.primary() == null && id.equalsIgnoreCase(history.secondId())) {
      return true; // it has, and the other one hasn't heard so
    }
    if (machine.primary() == null) {
      error(replica, "PSYNC FAILOVER can't be sent to a master.");
      return false;
    }
    if (!id.equalsIgnoreCase(history.id())) {
      error(replica, "PSYNC FAILOVER replid must match my replid.");
      return false;
    }
    machine.replicaSide().promote();
    machine.notice("MASTER MODE enabled (failover request from '" + client + "')");
    return true;
  }

  private boolean isAccepted(Replica replica) {
    if (machine.failover().state() != PlannedFailover.State.NONE) {
      error(replica, "-NOMASTERLINK Can't SYNC while failing over");
      return false;
    }
    if (machine.primary() != null && machine.replicaSide().state() != ReplicaSide.State.CONNECTED) {
      error(replica, "-NOMASTERLINK Can't SYNC while not connected with my master");
      return false;
    }
    if (!replica.contents.equals(Contents.ALL) && !replica.takesMark) {
      error(replica, "Filtered replica requires EOF capability");
      return false;
    }
    machine.notice("Replica " + replica.name() + " asks for synchronization");
    return true;
  }

  private boolean mayGoOn(Replica replica, String id, long offset) {
    if (!history.shares(id, offset)) {
      if (id.startsWith("?")) {
        machine.notice("Full resync requested by replica " + replica.name());
      } else if (id.equalsIgnoreCase(history.secondId())) {
        machine.notice(
            "Partial resynchronization not accepted: Requested offset for second ID was "
                + offset
                + ", but I can reply up to "
                + history.secondOffset());
      } else {
        machine.notice(
            "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '"
                + id
                + "', my replication IDs are '"
                + history.id()
                + "' and '"
                + history.secondId()
                + "')");
      }
      return false;
    }
    long end = machine.offset() + 1;
    if (!machine.hasBacklog() || offset < machine.firstKept() || offset > end) {
      machine.notice(
          "Unable to partial resync with replica "
              + replica.name()
              + " for lack of backlog (Replica request was: "
              + offset
              + ").");
      if (offset > machine.offset()) {
        machine.warning(
            "Warning: replica "
                + replica.name()
                + " tried to PSYNC with an offset that is greater than the master replication"
                + " offset.");
      }
      return false;
    }
    return true;
  }

  private void goOn(Replica replica, long offset) {
    replica.ackSeconds = machine.seconds();
    replica.state = State.ONLINE;
    reply(replica, replica.psync2 ? "+CONTINUE " + history.id() + "\r\n" : "+CONTINUE\r\n");
    machine.act(new ReplicationAction.Keep(replica.client, offset));
    machine.act(new ReplicationAction.Stream(replica.client));
    machine.notice(
        "Partial resynchronization request from "
            + replica.name()
            + " accepted. Sending "
            + (machine.offset() + 1 - offset)
            + " bytes of backlog starting from offset "
            + offset
            + ".");
  }

  private void fullSync(Replica replica) {
    fullSyncs++;
    replica.state = State.WAIT_BGSAVE;
    replica.askedSeconds = machine.seconds();
    if (!machine.hasBacklog()) {
      history.begin(machine.newId());
      machine.createBacklog();
      machine.notice(
          "Replication backlog created, my new replication IDs are '"
              + history.id()
              + "' and '"
              + history.secondId()
              + "'");
    }
    if (running == Target.FILE || (running == null && otherSave == Save.RDB)) {
      joinOrWait(replica);
    } else if (running == Target.CONNECTIONS) {
      machine.notice("Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC");
    } else if (machine.policy().diskless()
        && replica.takesMark
        && machine.policy().delaySeconds() > 0) {
      machine.notice("Delay next BGSAVE for diskless SYNC");
    } else if (otherSave != Save.NONE || beginning != null) {
      machine.notice(
          "No BGSAVE in progress, but another BG operation is active. BGSAVE for replication"
              + " delayed");
    } else {
      begin(replica, replica.takesMark);
    }
  }

  private void joinOrWait(Replica replica) {
    Replica other = null;
    for (Replica each : clients.values()) {
      if (each.state == State.SYNCING && (!each.dataOnly || replica.dataOnly)) {
        other = each;
        break;
      }
    }
    if (other != null && replica.fits(other) && machine.firstKept() <= other.cutOffset + 1) {
      join(replica, other.cutOffset);
      machine.notice("Waiting for end of BGSAVE for SYNC");
    } else {
      machine.notice(
          "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC");
    }
  }

  // ── the snapshot ──

  private void begin(Replica first, boolean allTakeMark) {
    boolean filtered = !first.contents.equals(Contents.ALL);
    Target target =
        (machine.policy().diskless() || filtered) && allTakeMark ? Target.CONNECTIONS : Target.FILE;
    machine.notice("Starting BGSAVE for SYNC with target: " + target.words);
    beginning = target;
    beginningContents = first.contents;
    machine.act(new ReplicationAction.BeginSync(target, first.contents));
  }

  private void join(Replica replica, long cutOffset) {
    replica.cutOffset = cutOffset;
    replica.state = State.SYNCING;
    replica.stuckSinceSeconds = -1;
    if (!replica.old) {
      reply(replica, "+FULLRESYNC " + history.id() + " " + cutOffset + "\r\n");
    }
    if (!replica.dataOnly) {
      machine.act(new ReplicationAction.Keep(replica.client, cutOffset + 1));
    }
    machine.act(new ReplicationAction.JoinSync(replica.client));
  }

  void syncBegan(long offset) {
    Target target = beginning;
    if (target == null) {
      return;
    }
    beginning = null;
    running = target;
    machine.act(new ReplicationAction.SelectAnew());
    boolean wanted = false;
    for (Replica replica : clients.values()) {
      if (replica.state == State.WAIT_BGSAVE
          && replica.contents.equals(beginningContents)
          && (target == Target.FILE || replica.takesMark)) {
        join(replica, offset);
        wanted = true;
      }
    }
    if (!wanted) {
      running = null;
      machine.act(new ReplicationAction.AbandonSync());
    }
  }

  void syncRefused() {
    beginning = null;
    machine.warning("BGSAVE for replication failed");
    for (Replica replica : List.copyOf(clients.values())) {
      if (replica.state == State.WAIT_BGSAVE) {
        error(replica, "BGSAVE failed, replication can't continue");
        machine.act(new ReplicationAction.Drop(replica.client, "BGSAVE failed"));
        forget(replica);
      }
    }
  }

  /// From a file the replicas are served now; from memory they have it, or get the rest from what
  /// was put aside for them.
  void syncEnded(boolean succeeded) {
    Target ended = running;
    running = null;
    for (Replica replica : List.copyOf(clients.values())) {
      if (replica.state == State.SYNCING && !succeeded) {
        machine.warning("SYNC failed. BGSAVE child returned an error");
        drop(replica, "the snapshot failed");
      } else if (replica.state == State.SYNCING && ended == Target.FILE) {
        replica.state = State.SENDING;
        replica.stuckSinceSeconds = -1;
        machine.act(new ReplicationAction.SendFile(replica.client));
      } else if (replica.state == State.SYNCING) {
        replica.state = State.TAKING;
      }
    }
  }

  void transferred(long number) {
    Replica replica = clients.get(number);
    if (replica == null || !replica.isServed()) {
      return;
    }
    boolean fromFile = replica.state == State.SENDING;
    if (!fromFile) {
      machine.notice(
          "Streamed RDB transfer with replica "
              + replica.name()
              + " succeeded (socket). Waiting for REPLCONF ACK from replica to enable streaming");
    }
    if (replica.dataOnly) {
      machine.notice(
          "RDB transfer completed, rdb only replica ("
              + replica.name()
              + ") should be disconnected asap");
      drop(replica, "it wanted the data only");
      return;
    }
    replica.state = State.ONLINE;
    replica.ackSeconds = machine.seconds();
    replica.stuckSinceSeconds = -1;
    machine.notice("Synchronization with replica " + replica.name() + " succeeded");
    if (fromFile || replica.old) {
      machine.act(new ReplicationAction.Stream(number));
    } else {
      replica.startsOnAck = true;
    }
  }

  void transferFailed(long number, String reason) {
    Replica replica = clients.get(number);
    if (replica != null && replica.state != State.NONE) {
      machine.warning("The data can't be sent to replica " + replica.name() + ": " + reason);
      drop(replica, reason);
    }
  }

  void saveRuns(Save kind) {
    otherSave = kind;
  }

  // ── ends ──

  void gone(long number) {
    Replica replica = clients.get(number);
    if (replica != null) {
      if (replica.state != State.NONE) {
        machine.notice("Connection with replica " + replica.name() + " lost.");
      }
      forget(replica);
    }
  }

  private void drop(Replica replica, String reason) {
    machine.notice("Connection with replica " + replica.name() + " lost.");
    machine.act(new ReplicationAction.Drop(replica.client, reason));
    forget(replica);
  }

  private void forget(Replica replica) {
    clients.remove(replica.client);
    if (replica.state == State.NONE) {
      return;
    }
    if (count() == 0) {
      noReplicasSinceSeconds = machine.seconds();
    }
    boolean syncs = replica.state == State.SYNCING;
    if (syncs && running != null && !isAny(State.SYNCING)) {
      if (running == Target.CONNECTIONS) {
        machine.warning("Diskless rdb transfer, last replica dropped, killing fork child.");
      }
      running = null;
      machine.act(new ReplicationAction.AbandonSync());
    }
  }

  void dropAll(String reason) {
    for (Replica replica : List.copyOf(clients.values())) {
      if (replica.state != State.NONE) {
        drop(replica, reason);
      }
    }
  }

  void countsFromNow() {
    noReplicasSinceSeconds = machine.seconds();
  }

  private boolean isAny(State state) {
    return clients.values().stream().anyMatch(replica -> replica.state == state);
  }

  /// Replicas, in whatever state.
  private int count() {
    return (int) clients.values().stream().filter(r -> r.state != State.NONE).count();
  }

  // ── limits and time ──

  void pending(ReplicationEvent.Pending news) {
    Replica replica = clients.get(news.replica());
    if (replica == null || replica.state == State.NONE) {
      return;
    }
    long now = machine.seconds();
    long bytes = news.outputBytes();
    if (bytes == 0) {
      replica.stuckSinceSeconds = -1;
    } else if (bytes != replica.outputBytes || replica.stuckSinceSeconds < 0) {
      replica.stuckSinceSeconds = now;
    }
    replica.outputBytes = bytes;
    replica.streamBytes = news.streamBytes();
    if (isOverLimit(replica, machine.policy(), now)) {
      tellOverLimit(replica);
      drop(replica, "output buffer limits");
    }
  }

  private void tellOverLimit(Replica replica) {
    ReplicationPolicy policy = machine.policy();
    boolean isLost = replica.streamBytes == LOST;
    machine.warning(
        "Client id="
            + replica.client
            + " flags=S"
            + (isLost ? "" : " omem=" + replica.streamBytes)
            + " scheduled to be closed ASAP for overcoming of output buffer limits.");
    machine.warning(
        "Replica "
            + replica.name()
            + " takes the stream too slowly: "
            + (isLost ? "too much waits" : replica.streamBytes + " bytes wait")
            + " for it. client-output-buffer-limit allows "
            + hardLimit(policy)
            + " bytes, or "
            + policy.softBytes()
            + " for "
            + policy.softSeconds()
            + " seconds (0: no limit).");
  }

  /// What of the stream waits for a replica counts, also while it doesn't get any yet.
  private static boolean isOverLimit(Replica replica, ReplicationPolicy policy, long now) {
    long hard = hardLimit(policy);
    long soft = policy.softBytes();
    if (replica.streamBytes == LOST || (hard > 0 && replica.streamBytes >= hard)) {
      return true;
    }
    if (soft == 0 || replica.streamBytes < soft) {
      replica.softSinceSeconds = -1;
      return false;
    }
    if (replica.softSinceSeconds < 0) {
      replica.softSinceSeconds = now;
    }
    return now - replica.softSinceSeconds > policy.softSeconds();
  }

  /// Never below the size of the backlog: so much it may take anyway. Of the soft limit Redis
  /// doesn't say so.
  private static long hardLimit(ReplicationPolicy policy) {
    return policy.hardBytes() == 0 ? 0 : Math.max(policy.hardBytes(), policy.backlogBytes());
  }

  void second() {
    ReplicationPolicy policy = machine.policy();
    boolean isPrimary = machine.primary() == null;
    if (secondsSoFar++ % policy.pingSeconds() == 0
        && isPrimary
        && count() > 0
        && !machine.failover().holdsStill()) {
      machine.act(new ReplicationAction.Feed(PING));
    }
    for (Replica replica : clients.values()) {
      // Before the data comes, so that it doesn't give up.
      if (replica.state == State.WAIT_BGSAVE
          || (replica.state == State.SYNCING && running == Target.FILE)) {
        reply(replica, "\n");
      }
    }
    for (Replica replica : List.copyOf(clients.values())) {
      dropIfTimedOut(replica, policy.timeoutSeconds());
    }
    freeUnusedBacklog(isPrimary, policy.backlogSeconds());
    beginIfDue(policy);
  }

  private void dropIfTimedOut(Replica replica, int timeout) {
    long now = machine.seconds();
    if (replica.state == State.ONLINE && !replica.old && now - replica.ackSeconds > timeout) {
      machine.warning("Disconnecting timedout replica (streaming sync): " + replica.name());
      drop(replica, "it acknowledged nothing in time");
    } else if (replica.isServed()
        && replica.stuckSinceSeconds >= 0
        && now - replica.stuckSinceSeconds > timeout) {
      machine.warning("Disconnecting timedout replica (full sync): " + replica.name());
      drop(replica, "it took nothing in time");
    }
  }

  /// Without a backlog the stream isn't counted, so the id must go with it: nobody may come back
  /// with an offset that says less than has happened.
  private void freeUnusedBacklog(boolean isPrimary, int seconds) {
    if (isPrimary
        && machine.hasBacklog()
        && seconds > 0
        && count() == 0
        && machine.seconds() - noReplicasSinceSeconds > seconds) {
      history.begin(machine.newId());
      machine.freeBacklog();
      machine.notice(
          "Replication backlog freed after " + seconds + " seconds without connected replicas.");
    }
  }

  private void beginIfDue(ReplicationPolicy policy) {
    if (running != null || beginning != null || otherSave != Save.NONE) {
      return;
    }
    List<Replica> waiting = new ArrayList<>();
    long longest = 0;
    for (Replica replica : clients.values()) {
      if (replica.state == State.WAIT_BGSAVE
          && (waiting.isEmpty() || replica.contents.equals(waiting.getFirst().contents))) {
        waiting.add(replica);
        longest = Math.max(longest, machine.seconds() - replica.askedSeconds);
      }
    }
    if (!waiting.isEmpty()
        && (!policy.diskless()
            || (policy.delayReplicas() > 0 && waiting.size() >= policy.delayReplicas())
            || longest >= policy.delaySeconds())) {
      begin(waiting.getFirst(), waiting.stream().allMatch(replica -> replica.takesMark));
    }
  }

  // ── for INFO, ROLE, WAIT and gates ──

  /// Replicas in the order in which they came.
  public List<Replica> replicas() {
    return clients.values().stream().filter(r -> r.state != State.NONE).toList();
  }

  /// Replicas that are online and acknowledged something within so many seconds.
  public int goodReplicas(long nowSeconds, int maxLagSeconds) {
    return (int)
        clients.values().stream()
            .filter(r -> r.state == State.ONLINE && nowSeconds - r.ackSeconds <= maxLagSeconds)
            .count();
  }

  /// Replicas that have acknowledged so much.
  public int acknowledged(long offset) {
    return (int)
        clients.values().stream()
            .filter(r -> r.state == State.ONLINE && r.ackOffset >= offset)
            .count();
  }

  /// Replicas on whose disk so much is.
  public int acknowledgedByFile(long offset) {
    return (int)
        clients.values().stream()
            .filter(r -> r.state == State.ONLINE && r.aofOffset >= offset)
            .count();
  }

  public long fullSyncs() {
    return fullSyncs;
  }

  public long partialSyncs() {
    return partialSyncs;
  }

  public long partialRefusals() {
    return partialRefusals;
  }
}
