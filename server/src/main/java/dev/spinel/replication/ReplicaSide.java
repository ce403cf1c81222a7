package dev.spinel.replication;

import dev.spinel.peer.Address;
import dev.spinel.peer.Requests;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A server's link to its primary, from REPLICAOF to the last byte of the stream.
///
/// ```
///   NONE ──REPLICAOF──► CONNECT ──► CONNECTING ──► PING ─► AUTH ─► PORT ─► IP ─► CAPA ─► PSYNC
///                        ▲  ▲                       └──── any error, silence ────┘        │
///       once a second    │  └─────────────────────────────────────────────┘  +CONTINUE    │ +FULLRESYNC
///                        │                                                       │        ▼
///                        │                                                       │     TRANSFER ─► LOADING
///                        └───────────── the link is lost ◄──── CONNECTED ◄───────┴─────────────────┘
/// ```
///
/// What it asks the primary for after a lost link is *cached*: the id of the history and the offset
/// up to which the stream is applied. Without that it asks for everything.
///
/// A copy that couldn't be applied is not asked to go on: it is replaced. If that doesn't help
/// either, each further attempt waits twice as long, up to a minute ([Retries]), so that a replica
/// and its primary don't spend their days on full synchronizations. The same holds where the link
/// is lost again and again during a full synchronization or soon after it, as it is where a replica
/// is too slow for its primary, and where the primary refuses this server.
///
/// **A copy is complete or it isn't.** It isn't from the moment in which data is discarded until
/// all has come instead, nor in a server that is to follow and has never had any data, or has that
/// of another shard. The shell notes that durably. Nobody promotes such a copy but by hand.
///
/// The log's lines are Redis's, as tools and people know them.
public final class ReplicaSide {
  /// Where the link stands.
  public enum State {
    NONE("none"),
    CONNECT("connect"),
    CONNECTING("connecting"),
    PING("handshake"),
    AUTH("handshake"),
    PORT("handshake"),
    IP("handshake"),
    CAPA("handshake"),
    PSYNC("handshake"),
    TRANSFER("sync"),
    LOADING("sync"),
    CONNECTED("connected");

    private final String word;

    State(String word) {
      this.word = word;
    }

    /// As ROLE says it.
    public String word() {
      return word;
    }

    boolean isHandshake() {
      return compareTo(PING) >= 0 && compareTo(PSYNC) <= 0;
    }
  }

  private static final int STEADY_MILLIS = 60_000; // a link of that age has proved itself
  private static final int COSTLY_MILLIS = 5_000;
  private static final int UNLINKED_TOLD = 10;
  private static final int LOST_PART = 10; // whoever has less than a tenth has lost its data
  private static final byte[] NEWLINE = {'\n'};
  private static final byte[] NOTHING = {};

  private final ReplicationMachine machine;
  private final History history;
  private final Line line = new Line();
  private State state = State.NONE;
  private @Nullable Address primary;
  private int attempt;
  private boolean hasLink;
  private boolean linkEnded; // while loading
  private long lastIoSeconds;
  private long downSinceMillis = -1;
  private String downReason = "";

  /// What may be asked for after a lost link, or null.
  private @Nullable String cachedId;

  private long cachedOffset;

  /// The history of the primary that is being synchronized with, and where its stream begins; -1:
  /// the primary is too old to say.
  private String primaryId = History.NONE;

  private long initialOffset = -1;
  private PayloadReader payload = new PayloadReader();
  private long payloadBytes = Long.MIN_VALUE; // its header hasn't come
  private long receivedBytes;
  private boolean loadsFromLink;
  private boolean loadsBeside;
  private PayloadHead head = new PayloadHead();
  private boolean established; // this primary was followed before, since it was named
  private boolean beganFully; // the link that stands: by a full synchronization
  private boolean complete = true; // see the essay
  private boolean wasComplete; // before the load that is under way
  private byte[] early = NOTHING; // of the stream, while loading
  private long readOffset;
  private long appliedOffset;
  private long fsyncedOffset = -1;

  private final Retries retries = new Retries();
  private int unlinked; // attempts in a row that the primary put off, having no primary itself
  private long connectedSinceMillis;
  private long transferSinceMillis; // the last one

  ReplicaSide(ReplicationMachine machine) {
    this.machine = machine;
    this.history = machine.history();
  }

  // ── roles ──

  void follow(Address to) {
    boolean wasPrimary = primary == null;
    retries.reset();
    unlinked = 0;
    established = false;
    downReason = "";
    primary = null;
    if (state == State.CONNECTED) {
      machine.act(new ReplicationAction.LogAs(false)); // of nobody's replica, as in Redis
      lose("another primary was named", true);
    }
    primary = to;
    machine.act(new ReplicationAction.LogAs(true));
    cancel("another primary was named");
    if (wasPrimary) {
      machine.act(new ReplicationAction.Role(true));
      discardCached();
      if (complete) {
        cacheOwn(machine.offset());
      }
      downSinceMillis = -1;
      if (complete && machine.isEmpty()) {
        setComplete(false);
      }
    }
    connect();
  }

  /// The primary that it follows now has other data.
  void hasOtherData() {
    if (complete) {
      setComplete(false);
    }
  }

  /// At start: it connects within a second.
  void startWith(Address to, long offset) {
    primary = to;
    state = State.CONNECT;
    machine.act(new ReplicationAction.LogAs(true));
    machine.act(new ReplicationAction.Role(true));
    established = complete && !machine.isEmpty();
    if (offset >= 0) {
      cacheOwn(offset);
    }
  }

  /// At start, before all else: what the disk says.
  void startsComplete(boolean whole) {
    if (!whole) {
      setComplete(false);
    }
  }

  private void cacheOwn(long offset) {
    machine.notice(
        "Before turning into a replica, using my own master parameters to synthesize a cached"
            + " master: I may be able to synchronize with the new master with just a partial"
            + " transfer.");
    cachedId = history.id();
    cachedOffset = offset;
  }

  void promote() {
    if (primary == null) {
      if (!complete) {
        machine.warning("The data of this server counts as complete from now on.");
        setComplete(true);
      }
      return;
    }
    primary = null;
    machine.act(new ReplicationAction.LogAs(false));
    if (state == State.CONNECTED) {
      lose("promoted", true);
    }
    discardCached();
    cancel("promoted");
    if (!complete) {
      machine.warning(
          "This replica is promoted although its copy of its primary's data isn't complete: no full"
              + " synchronization has come to its end since its own data was discarded, or ever.");
      setComplete(true);
    }
    history.shift(machine.newId(), machine.offset());
    machine.notice(
        "Setting secondary replication ID to "
            + history.secondId()
            + ", valid up to offset: "
            + history.secondOffset()
            + ". New replication ID is "
            + history.id());
    machine.primarySide().dropAll("the history has a new name");
    state = State.NONE;
    downSinceMillis = -1;
    downReason = "";
    machine.act(new ReplicationAction.SelectAnew());
    machine.primarySide().countsFromNow();
    machine.act(new ReplicationAction.Role(false));
  }

  private void setComplete(boolean whole) {
    complete = whole;
    machine.act(new ReplicationAction.CopyComplete(whole));
  }

  private void discardCached() {
    if (cachedId != null) {
      machine.notice("Discarding previously cached master state.");
      cachedId = null;
    }
  }

  // ── connecting ──

  private void connect() {
    machine.notice("Connecting to MASTER " + primary);
    dial();
  }

  private void dial() {
    Address to = Objects.requireNonNull(primary);
    attempt++;
    hasLink = true;
    linkEnded = false;
    line.clear();
    state = State.CONNECTING;
    lastIoSeconds = machine.seconds();
    machine.act(new ReplicationAction.Dial(attempt, to));
    machine.notice("MASTER <-> REPLICA sync started");
  }

  void connected(int which) {
    if (which == attempt && state == State.CONNECTING) {
      machine.notice("Non blocking connect for SYNC fired the event.");
      state = State.PING;
      send("PING");
    }
  }

  private void send(String... arguments) {
    machine.act(new ReplicationAction.Send(Requests.command(arguments)));
  }

  private void hangUp(String reason) {
    if (hasLink) {
      hasLink = false;
      attempt++; // whatever it still says
      machine.act(new ReplicationAction.HangUp(reason));
    }
  }

  /// Ends an attempt that isn't through, if there is one.
  private boolean cancel(String reason) {
    switch (state) {
      case NONE, CONNECT, CONNECTED -> {
        return false;
      }
      case TRANSFER -> {
        if (payloadBytes != Long.MIN_VALUE) {
          machine.act(new ReplicationAction.PayloadDropped());
        }
      }
      case LOADING -> machine.act(new ReplicationAction.PayloadDropped());
      default -> {}
    }
    early = NOTHING;
    hangUp(reason);
    state = State.CONNECT;
    return true;
  }

  /// The next attempt is made within a second. Redis tries again at once where the primary refuses
  /// to send its data: some thousand times a second if it wants a password, all logged.
  private void failHandshake(String reason) {
    noteDown(reason);
    hangUp(reason);
    state = State.CONNECT;
  }

  /// The primary refuses this server.
  private void refuse(String reason) {
    failedAgain(Retries.Cause.REFUSAL);
    failHandshake(reason);
  }

  /// The next attempt is made at once, unless it has to wait.
  private void failAndReconnect(String reason) {
    noteDown(reason);
    if (cancel(reason) && retries.isDue(machine.now())) {
      machine.notice("Reconnecting to MASTER " + primary + " after failure");
      dial();
    }
  }

  private void noteDown(String reason) {
    downReason = reason.replaceAll("\\p{Cntrl}", " "); // it may quote what came
  }

  /// Whether the last full synchronization took long: others may be repeated at once.
  private boolean wasCostly() {
    long end = state == State.TRANSFER ? machine.now() : connectedSinceMillis;
    return end - transferSinceMillis >= COSTLY_MILLIS;
  }

  private void failedAgain(Retries.Cause cause) {
    long seconds = retries.failed(machine.now(), cause);
    if (seconds > 0) {
      machine.notice("The next attempt to synchronize waits " + seconds + " s.");
    }
  }

  /// The configuration has changed: perhaps it was that.
  void configured() {
    retries.tryNow();
  }

  // ── what comes ──

  void received(ReplicationEvent.Received news) {
    if (news.attempt() != attempt) {
      return;
    }
    int which = attempt;
    byte[] bytes = news.bytes();
    int at = news.from();
    while (at < news.to() && which == attempt) {
      at =
          switch (state) {
            case TRANSFER -> payload.feed(bytes, at, news.to(), sink);
            case CONNECTED -> stream(bytes, at, news.to());
            case LOADING -> keepEarly(bytes, at, news.to());
            default -> handshake(bytes, at, news.to());
          };
    }
  }

  private int stream(byte[] bytes, int from, int to) {
    lastIoSeconds = machine.seconds();
    machine.act(new ReplicationAction.Apply(readOffset, bytes, from, to));
    readOffset += to - from;
    return to;
  }

  /// The link is paused by then, so this is the rest of one piece.
  private int keepEarly(byte[] bytes, int from, int to) {
    int had = early.length;
    early = Arrays.copyOf(early, had + to - from);
    System.arraycopy(bytes, from, early, had, to - from);
    return to;
  }

  private int handshake(byte[] bytes, int from, int to) {
    int at = line.take(bytes, from, to);
    String text = line.text();
    if (text != null) {
      lastIoSeconds = machine.seconds();
      answer(text);
    }
    return at;
  }

  private void answer(String text) {
    switch (state) {
      case PING -> pinged(text);
      case AUTH -> {
        if (text.startsWith("-")) {
          machine.warning("Unable to AUTH to MASTER: " + text);
          refuse(text.substring(1));
        } else {
          state = State.PORT;
        }
      }
      case PORT -> {
        ignoreError("listening-port", text);
        state = machine.policy().announcedIp().isEmpty() ? State.CAPA : State.IP;
      }
      case IP -> {
        ignoreError("ip-address", text);
        state = State.CAPA;
      }
      case CAPA -> {
        ignoreError("capa", text);
        askToGoOn();
      }
      case PSYNC -> psynced(text);
      default -> {}
    }
  }

  private void ignoreError(String what, String text) {
    if (text.startsWith("-")) {
      machine.notice("(Non critical) Master does not understand REPLCONF " + what + ": " + text);
    }
  }

  private void pinged(String text) {
    if (!text.startsWith("+")
        && !text.startsWith("-NOAUTH")
        && !text.startsWith("-NOPERM")
        && !text.startsWith("-ERR operation not permitted")) {
      machine.warning("Error reply to PING from master: '" + text + "'");
      failHandshake(text);
      return;
    }
    machine.notice("Master replied to PING, replication can continue...");
    ReplicationPolicy policy = machine.policy();
    if (!policy.password().isEmpty()) {
      if (policy.user().isEmpty()) {
        send("AUTH", policy.password());
      } else {
        send("AUTH", policy.user(), policy.password());
      }
    }
    send("REPLCONF", "listening-port", Integer.toString(policy.announcedPort()));
    if (!policy.announcedIp().isEmpty()) {
      send("REPLCONF", "ip-address", policy.announcedIp());
    }
    send("REPLCONF", "capa", "eof", "capa", "psync2");
    state = policy.password().isEmpty() ? State.PORT : State.AUTH;
  }

  private void askToGoOn() {
    initialOffset = -1;
    String id = "?";
    long offset = -1;
    if (cachedId != null) {
      id = cachedId;
      offset = cachedOffset + 1;
      machine.notice("Trying a partial resynchronization (request " + id + ":" + offset + ").");
    } else {
      machine.notice("Partial resynchronization not possible (no cached master)");
    }
    if (machine.failover().state() == PlannedFailover.State.IN_PROGRESS) {
      send("PSYNC", id, Long.toString(offset), "FAILOVER");
    } else {
      send("PSYNC", id, Long.toString(offset));
    }
    state = State.PSYNC;
  }

  private void psynced(String text) {
    if (text.isEmpty()) {
      return; // it is there, and will answer
    }
    boolean accepted =
        text.startsWith("+FULLRESYNC") || (text.startsWith("+CONTINUE") && cachedId != null);
    if (!accepted) {
      tellRefusal(text);
    }
    if (!machine.failover().answered(accepted)) {
      return; // this server is a primary again
    }
    if (text.startsWith("+FULLRESYNC")) {
      fullSync(text);
    } else if (accepted) {
      goOn(text, Objects.requireNonNull(cachedId));
    } else if (isToComeBack(text)) {
      failHandshake(text.substring(1));
    } else {
      machine.notice("Retrying with SYNC...");
      primaryId = History.NONE;
      machine.act(new ReplicationAction.Send("SYNC\r\n".getBytes(StandardCharsets.ISO_8859_1)));
      beginTransfer();
    }
  }

  private static boolean isToComeBack(String text) {
    return text.startsWith("-NOMASTERLINK") || text.startsWith("-LOADING");
  }

  private void tellRefusal(String text) {
    if (isToComeBack(text)) {
      machine.notice("Master is currently unable to PSYNC but should be in the future: " + text);
      if (text.startsWith("-NOMASTERLINK") && ++unlinked == UNLINKED_TOLD) {
        machine.warning(
            "The primary has had no link to a primary of its own for a while. If it is this server,"
                + " or follows this server through others, then REPLICAOF NO ONE on one of them"
                + " ends that loop.");
      }
    } else if (text.startsWith("-ERR")) {
      machine.notice("Master does not support PSYNC or is in error state (reply: " + text + ")");
    } else {
      machine.warning("Unexpected reply to PSYNC from master: " + text);
    }
  }

  private void fullSync(String text) {
    primaryId = History.NONE;
    String[] words = text.split(" ", 3);
    if (words.length < 3 || words[1].length() != 40 || !words[2].matches("-?\\d{1,18}")) {
      machine.warning("Master replied with wrong +FULLRESYNC syntax.");
    } else {
      primaryId = words[1];
      initialOffset = Long.parseLong(words[2]);
      machine.notice("Full resync from master: " + primaryId + ":" + initialOffset);
    }
    beginTransfer();
  }

  // ── a primary that has lost its data ──

  /// Whether what comes is to be compared with what there is: see
  /// [ReplicationPolicy#keepsDataOfLostPrimary]. A primary that was named by hand is always
  /// followed.
  private boolean isSuspect() {
    return machine.policy().keepsDataOfLostPrimary() && established && !isKnown(primaryId);
  }

  /// A primary that doesn't say of which history its data is (SYNC) has one that nobody knows.
  private boolean isKnown(String id) {
    return !id.equals(History.NONE)
        && (id.equals(cachedId) || id.equals(history.id()) || id.equals(history.secondId()));
  }

  /// Whether the primary has as good as nothing of what this server has, to judge by the database
  /// that comes first; then this server keeps its own. In a stopped world.
  private boolean keepsItsOwn() {
    PayloadHead.Keys theirs = head.keys();
    long own = machine.keys(theirs.database());
    if (own == 0 || theirs.keys() > (own - 1) / LOST_PART) { // a tenth, rounded up
      return false;
    }
    Address of = Objects.requireNonNull(primary);
    machine.warning(
        "The primary has come back under an unknown history and with "
            + theirs.keys()
            + " keys where this replica has "
            + own
            + ": it seems to have lost its data. This replica keeps its own and doesn't"
            + " synchronize. To make it the primary: REPLICAOF NO ONE. To follow the primary even"
            + " so, and lose this data: REPLICAOF "
            + of.host()
            + " "
            + of.port()
            + ".");
    machine.act(new ReplicationAction.PayloadDropped());
    early = NOTHING;
    retries.hold();
    failHandshake("the primary seems to have lost its data");
    return true;
  }

  void worldStopped() {
    if (state == State.LOADING && !loadsFromLink && !keepsItsOwn()) {
      load();
    }
  }

  private void goOn(String text, String asked) {
    machine.notice("Successful partial resynchronization with master.");
    String id = text.length() >= 10 ? text.substring(10) : "";
    primaryId = asked;
    if (id.length() == 40 && !id.equals(asked)) {
      machine.notice("Master replication ID changed to " + id);
      history.follow(id, asked, machine.offset());
      primaryId = id;
      machine.primarySide().dropAll("the history has a new name");
    }
    initialOffset = cachedOffset;
    cachedId = null;
    retries.reset();
    machine.createBacklog();
    beStreaming(initialOffset);
    beginStream();
    beganFully = false;
    if (!complete) {
      setComplete(true);
    }
    machine.notice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
  }

  private void beStreaming(long offset) {
    state = State.CONNECTED;
    established = true;
    unlinked = 0;
    readOffset = offset;
    appliedOffset = offset;
    lastIoSeconds = machine.seconds();
    connectedSinceMillis = machine.now();
    downSinceMillis = -1;
    downReason = "";
  }

  /// Before a byte of it: the link is one of the server's clients from now on.
  private void beginStream() {
    machine.act(new ReplicationAction.Apply(readOffset, NOTHING, 0, 0));
  }

  // ── the payload ──

  private void beginTransfer() {
    state = State.TRANSFER;
    transferSinceMillis = machine.now();
    payload = new PayloadReader();
    head = new PayloadHead();
    payloadBytes = Long.MIN_VALUE; // its header hasn't come
    receivedBytes = 0;
    lastIoSeconds = machine.seconds();
    wasComplete = false; // whatever came of the load before: it isn't under way any more
  }

  private final PayloadReader.Sink sink =
      new PayloadReader.Sink() {
        @Override
        public void alive() {
          lastIoSeconds = ReplicaSide.this.machine.seconds();
        }

        @Override
        public void begins(long bytes) {
          payloadBegins(bytes);
        }

        @Override
        public void piece(byte[] bytes, int from, int to) {
          lastIoSeconds = ReplicaSide.this.machine.seconds();
          receivedBytes += to - from;
          head.add(bytes, from, to);
          ReplicaSide.this.machine.act(new ReplicationAction.Payload(bytes, from, to));
        }

        @Override
        public void ended() {
          payloadEnded();
        }

        @Override
        public void refused(String text) {
          ReplicaSide.this.machine.warning("MASTER aborted replication with an error: " + text);
          refuse(text);
        }

        @Override
        public void nonsense(String text) {
          ReplicaSide.this.machine.warning(
              "Bad protocol from MASTER, the first byte is not '$' (we received '"
                  + text
                  + "'), are you sure the host and port are right?");
          failHandshake("bad protocol");
        }
      };

  private void payloadBegins(long bytes) {
    payloadBytes = bytes;
    ReplicationPolicy.Load load = machine.policy().load();
    loadsBeside = load == ReplicationPolicy.Load.BESIDE;
    loadsFromLink =
        loadsBeside || (load == ReplicationPolicy.Load.FROM_LINK_IF_EMPTY && machine.isEmpty());
    String where = loadsFromLink ? "to parser" : "to disk";
    machine.notice(
        bytes < 0
            ? "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF " + where
            : "MASTER <-> REPLICA sync: receiving " + bytes + " bytes from master " + where);
    machine.act(new ReplicationAction.PayloadBegins(bytes));
    if (loadsFromLink) {
      load();
    }
  }

  private void payloadEnded() {
    machine.act(new ReplicationAction.Pause());
    machine.act(new ReplicationAction.PayloadEnds());
    if (!loadsFromLink && isSuspect()) {
      machine.act(new ReplicationAction.StopWorld());
    } else if (!loadsFromLink) {
      load();
    }
    state = State.LOADING;
  }

  private void load() {
    if (!loadsBeside) {
      leaveOldHistory();
      wasComplete = complete;
      setComplete(false);
      machine.notice("MASTER <-> REPLICA sync: Flushing old data");
    }
    machine.notice("MASTER <-> REPLICA sync: Loading DB in memory");
    machine.act(
        new ReplicationAction.Load(
            !loadsBeside
                ? ReplicationAction.Way.INSTEAD
                : primaryId.equals(history.id())
                    ? ReplicationAction.Way.BESIDE
                    : ReplicationAction.Way.BEHIND));
  }

  /// The data goes, and with it what replicas of this server, and it itself, could go on from.
  private void leaveOldHistory() {
    discardCached();
    machine.primarySide().dropAll("a full synchronization has begun");
    machine.freeBacklog();
  }

  void payloadFailed(String text) {
    if (state == State.TRANSFER || (state == State.LOADING && !loadsFromLink)) {
      machine.warning(text);
      failedAgain(Retries.Cause.COPY);
      keptData();
      failAndReconnect(text);
    }
  }

  /// The data that was going to be discarded wasn't.
  private void keptData() {
    if (wasComplete && !complete) {
      setComplete(true);
    }
    wasComplete = false;
  }

  void loadFailed(String text, String why, boolean keptData) {
    if (state == State.LOADING || (state == State.TRANSFER && loadsFromLink)) {
      machine.warning(text);
      failedAgain(Retries.Cause.COPY);
      if (keptData) {
        keptData();
      }
      wasComplete = false;
      if (loadsBeside) {
        machine.notice("MASTER <-> REPLICA sync: Discarding temporary DB in background");
      }
      failAndReconnect(why);
    }
  }

  void loaded() {
    if (state != State.LOADING) {
      return;
    }
    if (loadsBeside && isSuspect() && keepsItsOwn()) {
      return;
    }
    if (loadsBeside) {
      leaveOldHistory();
      machine.notice("MASTER <-> REPLICA sync: Swapping active DB with loaded DB");
      machine.act(new ReplicationAction.Swap());
      machine.notice("MASTER <-> REPLICA sync: Discarding old DB in background");
    }
    wasComplete = false;
    fsyncedOffset = -1; // that was of another stream
    boolean counts = initialOffset >= 0;
    long offset = counts ? initialOffset : 0;
    history.begin(counts ? primaryId : machine.newId());
    beStreaming(offset);
    beganFully = true;
    machine.act(new ReplicationAction.SetOffset(offset));
    setComplete(true);
    machine.createBacklog();
    beginStream();
    machine.notice("MASTER <-> REPLICA sync: Finished with success");
    if (payload.isMarked()) {
      ack();
    }
    byte[] waiting = early;
    early = NOTHING;
    if (waiting.length > 0) {
      stream(waiting, 0, waiting.length);
    }
    if (linkEnded) {
      lose(downReason, true);
    } else {
      machine.act(new ReplicationAction.Resume());
    }
  }

  // ── the stream ──

  void applied(long offset) {
    if (state == State.CONNECTED && offset > appliedOffset) {
      appliedOffset = offset;
    }
  }

  void fsynced(long offset) {
    fsyncedOffset = offset;
  }

  /// Tells the primary how far this server is.
  void ack() {
    if (state != State.CONNECTED || initialOffset < 0) {
      return;
    }
    String offset = Long.toString(appliedOffset);
    if (fsyncedOffset >= 0) {
      send("REPLCONF", "ACK", offset, "FACK", Long.toString(fsyncedOffset));
    } else {
      send("REPLCONF", "ACK", offset);
    }
  }

  void streamFailed(String reason) {
    if (state == State.CONNECTED) {
      failedAgain(Retries.Cause.COPY);
      lose(reason, false);
    }
  }

  /// @param goesOn whether the stream may be asked for from here on
  private void lose(String reason, boolean goesOn) {
    machine.notice("Connection with master lost.");
    hangUp(reason);
    machine.act(new ReplicationAction.ForgetStream());
    cachedId = null;
    if (goesOn && initialOffset >= 0) {
      machine.notice("Caching the disconnected master state.");
      cachedId = primaryId;
      cachedOffset = appliedOffset;
    }
    state = State.CONNECT;
    downSinceMillis = machine.now();
    noteDown(reason);
    if (primary != null
        && goesOn
        && beganFully
        && wasCostly()
        && machine.now() - connectedSinceMillis < STEADY_MILLIS) {
      failedAgain(Retries.Cause.CUT);
    }
    if (primary != null && retries.isDue(machine.now())) {
      machine.notice("Reconnecting to MASTER " + primary);
      dial();
    }
  }

  // ── the link's end, and time ──

  void ended(int which, String reason) {
    if (which != attempt || !hasLink) {
      return;
    }
    if (state == State.LOADING) {
      hasLink = false;
      linkEnded = true;
      noteDown(reason);
      return;
    }
    hasLink = false;
    switch (state) {
      case CONNECTING -> {
        machine.warning("Error condition on socket for SYNC: " + reason);
        failHandshake(reason);
      }
      case PSYNC -> {
        machine.warning("Failed to read response from the server: " + reason);
        machine.warning("Master did not reply to PSYNC, will try later");
        failHandshake(reason);
      }
      case PING, AUTH, PORT, IP, CAPA -> {
        machine.warning("Failed to read response from the server: " + reason);
        machine.warning("Master did not respond to command during SYNC handshake");
        failHandshake(reason);
      }
      case TRANSFER -> {
        boolean hasBegun = payloadBytes != Long.MIN_VALUE;
        if (hasBegun && loadsFromLink) {
          machine.warning(
              "Internal error in RDB reading offset "
                  + receivedBytes
                  + " of the primary's data -> the link was lost");
        } else {
          machine.warning(
              (hasBegun
                      ? "I/O error trying to sync with MASTER: "
                      : "I/O error reading bulk count from MASTER: ")
                  + reason);
        }
        if (!hasBegun || wasCostly()) {
          failedAgain(Retries.Cause.CUT);
        }
        failAndReconnect(reason);
      }
      case CONNECTED -> lose(reason, true);
      case NONE, CONNECT, LOADING -> {}
    }
  }

  /// Who isn't listened to can't be silent.
  void unread() {
    lastIoSeconds = machine.seconds();
  }

  void second() {
    if (primary == null) {
      return;
    }
    long silence = machine.seconds() - lastIoSeconds;
    boolean late = silence > machine.policy().timeoutSeconds();
    if (late && (state == State.CONNECTING || state.isHandshake())) {
      machine.warning("Timeout connecting to the MASTER...");
      failAndReconnect("timeout connecting");
    } else if (late && state == State.TRANSFER) {
      machine.warning(
          "Timeout receiving bulk data from MASTER... If the problem persists try to set the"
              + " 'repl-timeout' parameter in redis.conf to a larger value.");
      failAndReconnect("timeout receiving the data");
    } else if (late && state == State.CONNECTED) {
      machine.warning("MASTER timeout: no data nor PING received...");
      lose("no data nor PING received", true);
    }
    if (state == State.CONNECT && retries.isDue(machine.now())) {
      connect();
    }
    boolean loadsAsItComes =
        state == State.TRANSFER && loadsFromLink && payloadBytes != Long.MIN_VALUE;
    if (hasLink && (state == State.LOADING || loadsAsItComes)) {
      machine.act(new ReplicationAction.Send(NEWLINE)); // so that the primary sees it is there
    }
    if (state == State.CONNECTED && machine.now() - connectedSinceMillis > STEADY_MILLIS) {
      retries.reset();
    }
    ack();
  }

  // ── for INFO, ROLE and gates ──

  public @Nullable Address primary() {
    return primary;
  }

  public State state() {
    return state;
  }

  /// The stream is applied up to here; after a lost link what may be asked for; -1: nothing is
  /// known.
  public long offset() {
    return state == State.CONNECTED ? appliedOffset : cachedId != null ? cachedOffset : -1;
  }

  /// The stream is received up to here; otherwise as [#offset].
  public long readOffset() {
    return state == State.CONNECTED ? readOffset : offset();
  }

  /// Whether only a REPLICAOF given by hand begins another attempt.
  public boolean isHeld() {
    return retries.isHeld();
  }

  /// Whether the data is whole: not while a full synchronization replaces it, nor after one that
  /// failed, nor before the first one of a server without data.
  public boolean isComplete() {
    return complete;
  }

  /// When bytes of the primary came last, in seconds since 1970.
  public long lastIoSeconds() {
    return lastIoSeconds;
  }

  /// Since when the link is down, or -1: it never was up, or is.
  public long downSinceMillis() {
    return downSinceMillis;
  }

  /// Why the link is down, or empty.
  public String downReason() {
    return downReason;
  }

  /// Bytes of the payload: -1 until its header has come, 0 if nobody knows.
  public long payloadBytes() {
    return payloadBytes == Long.MIN_VALUE ? -1 : Math.max(0, payloadBytes);
  }

  public long receivedBytes() {
    return receivedBytes;
  }

  @Override
  public String toString() {
    return state.name().toLowerCase(Locale.ROOT) + " " + primary;
  }
}
