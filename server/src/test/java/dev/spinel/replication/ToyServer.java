package dev.spinel.replication;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A server that does nothing but replicate: its data are keys and strings, its commands SET, and
/// around its [ReplicationMachine] it is as small a shell as can be. It lives in a simulated
/// network, or on an event loop among real servers.
public final class ToyServer {
  /// How a snapshot is written and read.
  public interface Dump {
    byte[] write(Map<String, String> data);

    Map<String, String> read(byte[] dump);
  }

  /// Lines of text.
  static final Dump LINES =
      new Dump() {
        @Override
        public byte[] write(Map<String, String> data) {
          StringBuilder text = new StringBuilder("LINES\n");
          data.forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
          return bytes(text.toString());
        }

        @Override
        public Map<String, String> read(byte[] dump) {
          Map<String, String> data = new TreeMap<>();
          List<String> lines = new String(dump, StandardCharsets.ISO_8859_1).lines().toList();
          for (String line : lines.subList(1, lines.size())) {
            int equals = line.indexOf('=');
            data.put(line.substring(0, equals), line.substring(equals + 1));
          }
          return data;
        }
      };

  /// What every stream ought to be: filled by whoever writes, asked by whoever applies. Where
  /// others write, too, it knows nothing.
  public static final class Truth {
    private final boolean knows;

    public Truth(boolean knows) {
      this.knows = knows;
    }

    private record Parent(String id, long offset) {}

    private final Map<String, Map<Long, Byte>> streams = new HashMap<>();
    private final Map<String, Parent> parents = new HashMap<>();
    private int ids;

    String newId() {
      return String.format("%040x", ++ids);
    }

    /// Before `offset` history `id` is that of `old`. The one who begins it is the first to say so;
    /// those who follow it know only how much of it they shared.
    void begins(String id, String old, long offset) {
      parents.putIfAbsent(id, new Parent(old, offset));
    }

    void written(String id, long offset, byte[] bytes) {
      Map<Long, Byte> stream = streams.computeIfAbsent(id, i -> new HashMap<>());
      for (int i = 0; i < bytes.length; i++) {
        Byte before = stream.put(offset + i, bytes[i]);
        if (before != null) {
          throw new AssertionError("byte " + (offset + i) + " of " + id + " is written twice");
        }
      }
    }

    void check(String id, long offset, byte[] bytes, int from, int to) {
      for (int i = from; i < to && knows; i++) {
        long at = offset + i - from;
        Byte wanted = byteAt(id, at);
        if (wanted == null || wanted != bytes[i]) {
          throw new AssertionError(
              "byte " + at + " of " + id + " is " + bytes[i] + " instead of " + wanted);
        }
      }
    }

    private @Nullable Byte byteAt(String id, long offset) {
      Parent parent = parents.get(id);
      while (parent != null && offset < parent.offset) {
        id = parent.id;
        parent = parents.get(id);
      }
      return streams.getOrDefault(id, Map.of()).get(offset);
    }
  }

  /// A client that talks to this server: a replica, or one that will be.
  private final class Client implements PeerLink.Listener, ReplyReader.Sink {
    final long number = ++clientNumbers;
    final PeerLink link;
    final ReplyReader reader = new ReplyReader(ReplyReader.ReplyLimits.USUAL);
    Backlog.@Nullable Cursor cursor;
    boolean streams;
    boolean getsPayload;

    Client(PeerLink link) {
      this.link = link;
    }

    @Override
    public void received(PeerLink from, byte[] bytes, int begin, int end) {
      int at = begin;
      while (at < end && bytes[at] == '\n' && !reader.hasPending()) {
        at++; // it is loading
      }
      String text = new String(bytes, at, end - at, StandardCharsets.ISO_8859_1);
      if (text.equals("SYNC\r\n") && !reader.hasPending()) {
        tell(new ReplicationEvent.Sync(number, link.remoteHost()));
      } else {
        reader.feed(bytes, at, end, this);
        if (reader.error() != null) {
          throw new AssertionError(reader.error());
        }
      }
    }

    @Override
    public boolean reply(RespValue request) {
      List<String> words = request.elements().stream().map(RespValue::text).toList();
      switch (words.getFirst()) {
        case "PING" -> link.send(bytes("+PONG\r\n"));
        case "REPLCONF" ->
            tell(
                new ReplicationEvent.Conf(
                    number, link.remoteHost(), words.subList(1, words.size())));
        case "PSYNC" ->
            tell(
                new ReplicationEvent.Psync(
                    number,
                    link.remoteHost(),
                    words.get(1),
                    Long.parseLong(words.get(2)),
                    words.size() > 3 ? link.remoteAddress() : null));
        default -> throw new AssertionError(words.toString());
      }
      return true;
    }

    /// Gives the link what there is for it, as long as it takes it.
    void pump() {
      ByteBuffer piece = ByteBuffer.allocate(2000);
      while (streams && cursor != null && link.isOpen() && link.unsentBytes() < 8000) {
        int n = cursor.read(piece.clear());
        if (n < 0) {
          link.close("lost its place");
        }
        if (n <= 0) {
          break;
        }
        link.send(piece.array(), 0, n);
      }
    }

    @Override
    public void drained(PeerLink from, long unsentBytes) {
      if (getsPayload && unsentBytes == 0) {
        getsPayload = false;
        tell(new ReplicationEvent.Transferred(number));
      }
      pump();
    }

    @Override
    public void closed(PeerLink ended, String reason) {
      forget();
      tell(new ReplicationEvent.ReplicaGone(number));
    }

    void forget() {
      clients.remove(number);
      streams = false;
      if (cursor != null) {
        cursor.close();
        cursor = null;
      }
    }
  }

  final Address address;
  public final List<String> log = new ArrayList<>();
  private final Peers peers;
  private final Random random;
  private final Dump dump;
  private final boolean failsAtTimes;
  private final Truth truth;
  private final ReplicationPolicy policy;
  private final Map<Long, Client> clients = new TreeMap<>();
  private final ArrayDeque<ReplicationEvent> news = new ArrayDeque<>();
  private TreeMap<String, String> data = new TreeMap<>();
  private ReplicationMachine machine;
  private @Nullable Backlog backlog;
  private long offset;
  private long clientNumbers;
  private boolean busy;
  private boolean replica;
  private boolean selects = true;
  private @Nullable PeerLink link; // to the primary
  private ReplicationAction.@Nullable Target syncTarget;
  private byte[] snapshot = {};
  private int syncs; // numbers them
  private @Nullable ByteArrayOutputStream payload;
  private boolean loading;
  private boolean payloadEnded;
  private boolean loadsBeside;
  private TreeMap<String, String> loaded = new TreeMap<>();
  private byte[] unparsed = {};
  private String lastId = "";

  /// @param failsAtTimes whether some of its snapshots and loads fail
  public ToyServer(
      Address address,
      Peers peers,
      Random random,
      Dump dump,
      boolean failsAtTimes,
      Truth truth,
      ReplicationPolicy policy) {
    this.address = address;
    this.peers = peers;
    this.random = random;
    this.dump = dump;
    this.failsAtTimes = failsAtTimes;
    this.truth = truth;
    this.policy = policy;
    this.machine = newMachine();
    begin();
  }

  private ReplicationMachine newMachine() {
    return new ReplicationMachine(
        policy,
        new ReplicationMachine.Offsets() {
          @Override
          public long last() {
            return offset;
          }

          @Override
          public long first() {
            return backlog == null ? offset + 1 : backlog.first();
          }

          @Override
          public boolean isEmpty() {
            return data.isEmpty();
          }

          @Override
          public long keys(int database) {
            return data.size();
          }
        },
        truth::newId);
  }

  private void begin() {
    lastId = machine.history().id();
    peers.after(1000, this::second);
  }

  /// Somebody connects.
  public PeerLink.Listener accept(PeerLink accepted) {
    Client client = new Client(accepted);
    clients.put(client.number, client);
    return client;
  }

  private void second() {
    tell(new ReplicationEvent.Second());
    for (Client client : List.copyOf(clients.values())) {
      long unread = client.cursor == null ? 0 : client.cursor.unreadBytes();
      tell(
          new ReplicationEvent.Pending(
              client.number,
              client.link.unsentBytes(),
              client.streams ? client.link.unsentBytes() + unread : unread));
    }
    peers.after(1000, this::second);
  }

  // ── what a test does with it ──

  public void follow(Address primary) {
    tell(new ReplicationEvent.PrimaryNamed(primary, "", false));
  }

  /// Hands over to whichever replica has everything first.
  public void failOver() {
    tell(new ReplicationEvent.FailoverAsked(0, null, false, 0));
  }

  public void promote() {
    tell(new ReplicationEvent.PromotionAsked());
  }

  public boolean isReplica() {
    return replica;
  }

  public void write(String key, String value) {
    if (replica || loading) {
      throw new AssertionError("READONLY");
    }
    data.put(key, value);
    if (backlog != null) {
      if (selects) {
        selects = false;
        feed(Requests.command("SELECT", "0"));
      }
      feed(Requests.command("SET", key, value));
    }
  }

  /// It is gone, with all that it knows.
  void crash() {
    clients.clear();
    news.clear();
    busy = false;
    backlog = null;
    link = null;
    payload = null;
    loading = false;
    syncTarget = null;
    unparsed = new byte[0];
    syncs++;
  }

  /// It starts again: without data, or, if it was stopped in peace, with what it had.
  void restart(boolean inPeace, @Nullable Address primary) {
    String id = lastId;
    long at = offset;
    boolean keeps = inPeace && machine.hasBacklog() && !unfinished;
    if (!keeps) {
      data = new TreeMap<>();
      offset = 0;
    }
    boolean complete = !unfinished;
    replica = false;
    selects = true;
    machine = newMachine();
    begin();
    tell(new ReplicationEvent.Started(primary, keeps ? id : "", keeps ? at : -1, complete));
  }

  private boolean unfinished; // a copy that isn't complete

  public Map<String, String> data() {
    return data;
  }

  public long offset() {
    return offset;
  }

  public ReplicationMachine machine() {
    return machine;
  }

  // ── the machine ──

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private void tell(ReplicationEvent event) {
    news.add(event);
    if (busy) {
      return;
    }
    busy = true;
    for (ReplicationEvent next; (next = news.poll()) != null; ) {
      List<ReplicationAction> actions = machine.step(peers.now(), next);
      noteHistory();
      for (ReplicationAction action : actions) {
        act(action);
      }
    }
    busy = false;
  }

  /// A history that this server begins itself has the one before as its past, as it says.
  private void noteHistory() {
    History history = machine.history();
    if (!history.id().equals(lastId)) {
      lastId = history.id();
    }
    if (history.secondOffset() >= 0) {
      truth.begins(history.id(), history.secondId(), history.secondOffset());
    }
  }

  private void act(ReplicationAction action) {
    switch (action) {
      case ReplicationAction.Log line -> log.add(line.text());
      case ReplicationAction.LogAs _ -> {}
      case ReplicationAction.Dial dial -> dial(dial);
      case ReplicationAction.HangUp end -> {
        if (link != null) {
          link.close(end.reason());
        }
      }
      case ReplicationAction.Send send -> {
        if (link != null) {
          link.send(send.bytes());
        }
      }
      case ReplicationAction.Pause _ -> {
        if (link != null) {
          link.pause();
        }
      }
      case ReplicationAction.Resume _ -> {
        if (link != null) {
          link.resume();
        }
      }
      case ReplicationAction.PayloadBegins _ -> {
        payload = new ByteArrayOutputStream();
        payloadEnded = false;
        loading = false;
      }
      case ReplicationAction.Payload piece ->
          payload.write(piece.bytes(), piece.from(), piece.to() - piece.from());
      case ReplicationAction.PayloadEnds _ -> {
        payloadEnded = true;
        loadIfComplete();
      }
      case ReplicationAction.PayloadDropped _ -> {
        payload = null;
        loading = false;
      }
      case ReplicationAction.StopWorld _ -> news.add(new ReplicationEvent.WorldStopped());
      case ReplicationAction.Swap _ -> data = loaded;
      case ReplicationAction.Load load -> {
        loadsBeside = load.way() != ReplicationAction.Way.INSTEAD;
        if (!loadsBeside) {
          data = new TreeMap<>();
        }
        loading = true;
        loadIfComplete();
      }
      case ReplicationAction.CopyComplete copy -> unfinished = !copy.complete();
      case ReplicationAction.Apply apply -> apply(apply);
      case ReplicationAction.ForgetStream _ -> unparsed = new byte[0];
      case ReplicationAction.SetOffset set -> offset = set.offset();
      case ReplicationAction.PauseWrites _ -> {} // nobody asks for a failover
      case ReplicationAction.Role role -> replica = role.replica();
      case ReplicationAction.CreateBacklog _ -> backlog = newBacklog();
      case ReplicationAction.FreeBacklog _ -> {
        backlog.close();
        backlog = null;
      }
      case ReplicationAction.SelectAnew _ -> selects = true;
      case ReplicationAction.Feed feed -> feed(bytes(feed.text()));
      case ReplicationAction.BeginSync sync -> {
        int which = ++syncs;
        peers.after(random.nextInt(30), () -> cut(which, sync.target()));
      }
      case ReplicationAction.AbandonSync _ -> {
        syncs++;
        syncTarget = null;
      }
      default -> actOnClient(action);
    }
  }

  private void actOnClient(ReplicationAction action) {
    long number =
        switch (action) {
          case ReplicationAction.Reply reply -> reply.replica();
          case ReplicationAction.JoinSync join -> join.replica();
          case ReplicationAction.SendFile send -> send.replica();
          case ReplicationAction.Keep keep -> keep.replica();
          case ReplicationAction.Stream stream -> stream.replica();
          case ReplicationAction.Drop drop -> drop.replica();
          default -> throw new AssertionError(action.toString());
        };
    Client client = clients.get(number);
    if (client == null) {
      return; // its link has ended; the news is on its way
    }
    switch (action) {
      case ReplicationAction.Reply reply -> client.link.send(bytes(reply.text()));
      case ReplicationAction.JoinSync _ -> {
        if (syncTarget == ReplicationAction.Target.CONNECTIONS) {
          String mark = truth.newId();
          client.link.send(bytes("$EOF:" + mark + "\r\n"));
          client.link.send(snapshot);
          client.getsPayload = true;
          client.link.send(bytes(mark));
        }
      }
      case ReplicationAction.SendFile _ -> {
        client.getsPayload = true;
        client.link.send(bytes("$" + snapshot.length + "\r\n"));
        client.link.send(snapshot);
      }
      case ReplicationAction.Keep keep -> {
        if (client.cursor != null) {
          client.cursor.close();
        }
        client.cursor = backlog.open(keep.from(), 0, () -> {});
      }
      case ReplicationAction.Stream _ -> {
        client.streams = true;
        client.pump();
      }
      case ReplicationAction.Drop drop -> {
        client.forget();
        client.link.close(drop.reason());
      }
      default -> throw new AssertionError(action.toString());
    }
  }

  private Backlog newBacklog() {
    return new Backlog(offset, policy.backlogBytes(), Chunks.heap());
  }

  // ── as a primary ──

  private void feed(byte[] command) {
    truth.written(machine.history().id(), offset + 1, command);
    relay(command, 0, command.length);
  }

  private void relay(byte[] bytes, int from, int length) {
    backlog.append(bytes, from, length);
    offset += length;
    for (Client client : List.copyOf(clients.values())) {
      client.pump();
    }
  }

  private void cut(int which, ReplicationAction.Target target) {
    if (which != syncs) {
      return;
    }
    if (loading || unfinished) {
      tell(new ReplicationEvent.SyncRefused());
      return;
    }
    snapshot = dump.write(data);
    syncTarget = target;
    tell(new ReplicationEvent.SyncBegan(offset));
    peers.after(
        random.nextInt(300),
        () -> {
          if (which == syncs && syncTarget != null) {
            syncTarget = null;
            tell(new ReplicationEvent.SyncEnded(!failsAtTimes || random.nextInt(20) > 0));
          }
        });
  }

  // ── as a replica ──

  private void dial(ReplicationAction.Dial dial) {
    int attempt = dial.attempt();
    link =
        peers.dial(
            dial.primary(),
            new Peers.Dialling(0),
            new PeerLink.Listener() {
              @Override
              public void connected(PeerLink stands) {
                tell(new ReplicationEvent.Connected(attempt));
              }

              @Override
              public void received(PeerLink from, byte[] bytes, int begin, int end) {
                tell(new ReplicationEvent.Received(attempt, bytes, begin, end));
              }

              @Override
              public void closed(PeerLink ended, String reason) {
                tell(new ReplicationEvent.LinkEnded(attempt, reason));
              }
            });
  }

  private void loadIfComplete() {
    ByteArrayOutputStream whole = payload;
    if (!loading || !payloadEnded || whole == null) {
      return;
    }
    peers.after(
        random.nextInt(1500),
        () -> {
          if (payload != whole || !loading) {
            return;
          }
          payload = null;
          loading = false;
          if (failsAtTimes && random.nextInt(15) == 0) {
            tell(new ReplicationEvent.LoadFailed("it is Friday", "it is Friday", false));
            return;
          }
          loaded = new TreeMap<>(dump.read(whole.toByteArray()));
          if (!loadsBeside) {
            data = loaded;
          }
          tell(new ReplicationEvent.Loaded());
        });
  }

  private void apply(ReplicationAction.Apply apply) {
    truth.check(
        machine.history().id(), apply.offset() + 1, apply.bytes(), apply.from(), apply.to());
    if (apply.offset() != offset + unparsed.length) {
      throw new AssertionError("a gap at " + apply.offset());
    }
    int had = unparsed.length;
    byte[] all = Arrays.copyOf(unparsed, had + apply.to() - apply.from());
    System.arraycopy(apply.bytes(), apply.from(), all, had, apply.to() - apply.from());
    int done = 0;
    while (true) {
      int length = commandLength(all, done);
      if (length < 0) {
        break;
      }
      run(all, done, length);
      done += length;
    }
    unparsed = Arrays.copyOfRange(all, done, all.length);
    tell(new ReplicationEvent.Applied(offset));
  }

  private static int commandLength(byte[] bytes, int from) {
    ReplyReader reader = new ReplyReader(ReplyReader.ReplyLimits.USUAL);
    boolean[] whole = new boolean[1];
    int end =
        reader.feed(
            bytes,
            from,
            bytes.length,
            command -> {
              whole[0] = true;
              return false;
            });
    return whole[0] ? end - from : -1;
  }

  private void run(byte[] bytes, int from, int length) {
    List<String> words = new ArrayList<>();
    new ReplyReader(ReplyReader.ReplyLimits.USUAL)
        .feed(
            bytes,
            from,
            from + length,
            command -> {
              command.elements().forEach(word -> words.add(word.text()));
              return false;
            });
    switch (words.getFirst().toUpperCase(Locale.ROOT)) {
      case "SET" -> data.put(words.get(1), words.get(2));
      case "REPLCONF" -> tell(new ReplicationEvent.AckAsked());
      case "SELECT", "PING" -> {}
      default -> throw new AssertionError(words.toString());
    }
    relay(bytes, from, length);
  }

  @Override
  public String toString() {
    return address + ": " + machine.replicaSide() + ", " + machine.history().id() + ":" + offset;
  }
}
