package dev.spinel.cluster;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A node of a cluster: the machine, and a shell that is a toy. It speaks the bus for real. Its
/// disk is an array of bytes, its data are slots with a key or without, and its replication sends
/// nothing but how far it is: `<offset>\n`, over a link to the client's port.
public final class ToyNode implements ClusterMachine.World {
  private static final int TICK_MILLIS = 100;
  private static final long REDIAL_MILLIS = 300;

  /// What a node may be asked of the world that the simulation bends.
  public interface Clocks {
    /// The node's even clock.
    long steady();

    long wall();
  }

  /// Replication that is more than a toy.
  public interface Replication {
    long offset();

    /// null: be a primary.
    void follow(@Nullable Address primary);

    PeerLink.@Nullable Listener accept(PeerLink link);
  }

  private @Nullable Replication replication;
  public final String name;
  private final Peers peers;
  private final Random random;
  private final Clocks clocks;
  private final boolean slowDisk;
  private ClusterPolicy policy;
  private ClusterMachine machine;
  private boolean running;
  private int life;

  private final Map<Long, PeerLink> links = new HashMap<>();
  private final Map<Long, Long> unsent = new HashMap<>();
  private long acceptedIds;
  private final ArrayDeque<ClusterEvent> events = new ArrayDeque<>();
  private boolean stepping;

  // What survives a crash.
  private byte @Nullable [] written;
  private byte @Nullable [] fsynced;
  private long writtenNumber; // of files so far
  private long fsyncedNumber;
  private long offset = 1;
  private final SlotSet keys = new SlotSet();
  private boolean complete = true;
  private boolean keptComplete = true; // what its disk says

  /// A number for each slot that clients count up: data whose loss can be seen.
  private final Map<Integer, Long> values = new TreeMap<>();

  private boolean countsCopies; // whose copy is complete
  private @Nullable Address lastFollowed;

  /// Messages on their way, of clusters so large that they aren't written out: what the network
  /// carries is a number of 8 bytes for each. Those that are for nobody any more are forgotten
  /// after a while. Shared by all nodes.
  static final class Tickets {
    private static final long FORGOTTEN_MILLIS = 5000;

    private record Sent(BusMessage message, long at) {}

    private final LinkedHashMap<Long, Sent> messages = new LinkedHashMap<>(); // the oldest first
    private long last;

    byte[] give(BusMessage message, long now) {
      while (!messages.isEmpty() && now - messages.firstEntry().getValue().at > FORGOTTEN_MILLIS) {
        messages.pollFirstEntry();
      }
      messages.put(++last, new Sent(message, now));
      return ByteBuffer.allocate(Long.BYTES).putLong(last).array();
    }

    /// null: it was forgotten.
    @Nullable BusMessage take(long ticket) {
      Sent sent = messages.remove(ticket);
      return sent == null ? null : sent.message;
    }
  }

  @Nullable Tickets tickets;

  /// As a stock server does, it numbers no PINGs and knows nothing of slots that move whole.
  boolean isStock;

  /// Sometimes it takes longer to see what it has sent than clients may be paused.
  boolean stalls;

  // Slots that move whole.
  private final Map<String, Outgoing> outgoing = new HashMap<>();
  private final Map<String, Incoming> incoming = new HashMap<>();
  private final SlotSet pausedSlots = new SlotSet();

  // Replication.
  private @Nullable Address follows;
  private @Nullable PeerLink upstream;
  private long heardAt;
  private long dialledAt;
  private final List<PeerLink> followers = new ArrayList<>();
  private final StringBuilder line = new StringBuilder();

  public final List<String> log = new ArrayList<>();
  public Consumer<String> onLog = text -> {};

  /// Sees whatever goes out over the bus.
  Consumer<BusMessage> onSend = message -> {};

  private final Map<Long, String> replies = new TreeMap<>();
  private long clients;
  private long leaseUntil = Long.MAX_VALUE;
  private long pausedUntil;
  private long messages;
  public final List<String> delivered = new ArrayList<>();

  public ToyNode(
      String name,
      Peers peers,
      Random random,
      Clocks clocks,
      boolean slowDisk,
      ClusterPolicy policy) {
    this.name = name;
    this.peers = peers;
    this.random = random;
    this.clocks = clocks;
    this.slowDisk = slowDisk;
    this.policy = policy;
    this.machine = new ClusterMachine(policy, this);
  }

  /// Before it starts.
  public void replicateBy(Replication real) {
    replication = real;
  }

  // ── life ──

  public void start() {
    start(false);
  }

  public void start(boolean withoutData) {
    life++;
    running = true;
    machine = new ClusterMachine(policy, this);
    leaseUntil = 0;
    pausedUntil = 0;
    heardAt = clocks.steady();
    if (withoutData) {
      offset = 1;
      keys.clear();
      values.clear();
    }
    NodesFile.Contents file = null;
    byte[] saved = written;
    if (saved != null) {
      try {
        file = NodesFile.read(saved);
      } catch (NodesFile.Corrupt e) {
        throw new AssertionError(name + ": " + e.explain("nodes.conf"), e);
      }
    }
    step(new ClusterEvent.Started(file, withoutData));
    tick(life);
  }

  /// The process is killed; with `power`, what isn't on the disk for good is lost, too.
  public void crash(boolean power) {
    life++;
    running = false;
    if (power && random.nextBoolean()) {
      written = fsynced;
    }
    complete = keptComplete;
    links.clear();
    unsent.clear();
    followers.clear();
    outgoing.clear();
    incoming.clear();
    pausedSlots.clear();
    upstream = null;
    follows = null;
    events.clear();
  }

  public boolean isRunning() {
    return running;
  }

  public byte @Nullable [] nodesConf() {
    return written;
  }

  /// What a loss of power leaves of it.
  byte @Nullable [] keptNodesConf() {
    return fsynced;
  }

  public void setNodesConf(byte @Nullable [] bytes) {
    written = bytes;
  }

  public void configure(ClusterPolicy changed) {
    policy = changed;
    if (running) {
      step(new ClusterEvent.Configured(changed));
    }
  }

  private void tick(int which) {
    if (which == life && running) {
      step(new ClusterEvent.Tick());
      if (machine.awaitsOffset()) {
        step(new ClusterEvent.Applied());
      }
      replicate();
      PeerLink link = upstream;
      if (countsCopies
          && link != null
          && clocks.steady() - Math.max(heardAt, dialledAt) > policy.nodeTimeoutMillis()) {
        link.close("silent");
      }
      peers.after(TICK_MILLIS, () -> tick(which));
    }
  }

  // ── what it is asked ──

  public ClusterMachine machine() {
    return machine;
  }

  public ClusterView view() {
    return machine.view();
  }

  public String id() {
    return machine.myself().id;
  }

  /// CLUSTER, and the number under which the reply will stand.
  public long ask(String... arguments) {
    long client = ++clients;
    step(new ClusterEvent.Asked(client, List.of(arguments)));
    return client;
  }

  /// The reply, or null: it hasn't come yet.
  public @Nullable String reply(long client) {
    return replies.get(client);
  }

  public void publish(String channel, String message, boolean sharded) {
    step(
        new ClusterEvent.Publish(
            channel.getBytes(StandardCharsets.ISO_8859_1),
            message.getBytes(StandardCharsets.ISO_8859_1),
            sharded));
  }

  /// Whether a client's write to this slot would be taken now.
  public boolean takesWrites(int slot) {
    return takesWrites()
        && machine.slots().owner(slot) == machine.myself()
        && (!machine.slots().migrating().containsKey(slot) || keysIn(slot) > 0)
        && !standsStill(slot);
  }

  private boolean takesWrites() {
    return running
        && machine.myself().isPrimary()
        && machine.health().isUp()
        && clocks.steady() < leaseUntil
        && clocks.steady() >= pausedUntil;
  }

  /// The slots to which writes would be taken now.
  SlotSet writable() {
    if (!takesWrites()) {
      return new SlotSet();
    }
    SlotSet slots = machine.myself().slots.without(machine.moves().handed()).without(pausedSlots);
    for (int slot : machine.slots().migrating().keySet()) {
      if (keysIn(slot) == 0) {
        slots.remove(slot); // whoever writes a new key is sent to the other one
      }
    }
    return slots;
  }

  private boolean standsStill(int slot) {
    return machine.moves().isHandedOrUnsaved(slot) || pausedSlots.contains(slot);
  }

  public void write(int slot) {
    if (takesWrites(slot)) {
      offset++;
      keys.add(slot);
    }
  }

  /// Counts the slot's number up, if a client's write would be taken.
  void count(int slot) {
    if (takesWrites(slot)) {
      offset++;
      countsCopies = true;
      long value = values.merge(slot, 1L, Long::sum);
      for (Outgoing stream : List.copyOf(outgoing.values())) {
        stream.changed(slot, value);
      }
    }
  }

  long value(int slot) {
    return values.getOrDefault(slot, 0L);
  }

  Map<Integer, Long> values() {
    return values;
  }

  public SlotSet keys() {
    return keys;
  }

  public long messages() {
    return messages;
  }

  public void setOffset(long to) {
    offset = to;
  }

  public void setComplete(boolean whole) {
    complete = whole;
    keptComplete = whole;
  }

  /// From now on its data is that of a primary only once it has come from there.
  void countsCopies() {
    countsCopies = true;
  }

  // ── the machine's world ──

  @Override
  public long offset() {
    return replication == null ? offset : replication.offset();
  }

  @Override
  public long primarySilenceMillis() {
    return clocks.steady() - heardAt;
  }

  @Override
  public long uncountedMillis(long since) {
    return 0;
  }

  @Override
  public boolean hasCompleteCopy() {
    return complete;
  }

  @Override
  public boolean isEmpty() {
    return keys.isEmpty() && values.isEmpty();
  }

  @Override
  public int keysIn(int slot) {
    return keys.contains(slot) || values.containsKey(slot) ? 1 : 0;
  }

  @Override
  public long unsentBytes(long link) {
    return unsent.getOrDefault(link, 0L);
  }

  @Override
  public int below(int bound) {
    return random.nextInt(bound);
  }

  @Override
  public String newId() {
    byte[] bytes = new byte[20];
    random.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  // ── the shell ──

  public void step(ClusterEvent event) {
    events.add(event);
    if (stepping) {
      return;
    }
    stepping = true;
    try {
      for (ClusterEvent next; (next = events.poll()) != null; ) {
        for (ClusterAction action : machine.step(clocks.steady(), clocks.wall(), next)) {
          perform(action);
        }
      }
    } finally {
      stepping = false;
    }
  }

  private void perform(ClusterAction action) {
    switch (action) {
      case ClusterAction.Log text -> {
        if (text.level().compareTo(ClusterAction.Level.NOTICE) >= 0) {
          log.add(text.text());
          onLog.accept(text.text());
        }
      }
      case ClusterAction.Dial dial -> dial(dial);
      case ClusterAction.Send send -> {
        PeerLink link = links.get(send.link());
        if (link != null) {
          messages++;
          onSend.accept(send.message());
          Tickets carried = tickets;
          byte[] bytes =
              carried == null
                  ? BusCodec.encode(send.message())
                  : carried.give(send.message(), peers.now());
          if (isStock) {
            bytes[2254] = 0;
            bytes[2255] = 0;
          }
          link.send(bytes);
          unsent.put(send.link(), link.unsentBytes());
        }
      }
      case ClusterAction.Close close -> {
        PeerLink link = links.remove(close.link());
        unsent.remove(close.link());
        if (link != null) {
          link.close(close.reason());
        }
      }
      case ClusterAction.Save save -> save(save);
      case ClusterAction.Sync _ -> sync();
      case ClusterAction.Reply reply -> replies.put(reply.client(), reply.text());
      case ClusterAction.Follow follow -> {
        follow(new Address(follow.host(), follow.port()));
        if (follow.hasOtherData()) {
          disown(follow.number());
        }
      }
      case ClusterAction.Promote _ -> follow(null);
      case ClusterAction.Flush _ -> {
        keys.clear();
        values.clear();
      }
      case ClusterAction.DropKeys drop -> {
        SlotSet slots = drop.slots();
        for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
          keys.remove(slot);
          values.remove(slot);
        }
      }
      case ClusterAction.DropChannels _ -> {}
      case ClusterAction.PauseWrites pause -> pauseWrites(pause);
      case ClusterAction.Deliver message ->
          delivered.add(
              new String(message.channel(), StandardCharsets.ISO_8859_1)
                  + " "
                  + new String(message.message(), StandardCharsets.ISO_8859_1));
      case ClusterAction.Lease lease -> leaseUntil = lease.untilMillis();
      case ClusterAction.Import begin -> incoming.put(begin.move(), new Incoming(begin));
      case ClusterAction.EndImport end -> {
        Incoming stream = incoming.remove(end.move());
        if (stream != null) {
          stream.link.close("ended");
        }
      }
      case ClusterAction.AwaitTail await -> {
        Incoming stream = incoming.get(await.move());
        if (stream == null) {
          step(new ClusterEvent.MoveFailed(await.move(), "there is no stream"));
        } else {
          stream.total = await.total();
          stream.look();
        }
      }
      case ClusterAction.Export _ -> {}
      case ClusterAction.PauseMove pause -> {
        Outgoing stream = outgoing.get(pause.move());
        if (stream == null) {
          step(new ClusterEvent.MoveFailed(pause.move(), "there is no stream"));
        } else {
          stream.pause();
        }
      }
      case ClusterAction.EndMove end -> {
        Outgoing stream = outgoing.remove(end.move());
        if (stream != null) {
          stream.goOn();
          stream.link.close(end.reason());
        }
      }
      case ClusterAction.Purge purge -> purge(purge.slots());
    }
  }

  private void save(ClusterAction.Save save) {
    byte[] bytes = NodesFile.write(save.contents(), false);
    int which = life;
    peers.after(
        slowDisk ? random.nextInt(30) : 0,
        () -> {
          if (which == life) {
            written = bytes;
            writtenNumber++;
            if (save.durable()) {
              fsynced = bytes;
              fsyncedNumber = writtenNumber;
            }
            step(new ClusterEvent.Saved(save.generation()));
          }
        });
  }

  private void sync() {
    byte[] bytes = written;
    long number = writtenNumber;
    int which = life;
    peers.after(
        slowDisk ? random.nextInt(30) : 0,
        () -> {
          if (which == life && number > fsyncedNumber) {
            fsynced = bytes;
            fsyncedNumber = number;
          }
        });
  }

  private void dial(ClusterAction.Dial dial) {
    int which = life;
    long id = dial.link();
    PeerLink link =
        peers.dial(
            new Address(dial.host(), dial.port()),
            new Peers.Dialling(policy.nodeTimeoutMillis()),
            new Bus(id, which));
    links.put(id, link);
  }

  /// The bus's listener.
  public PeerLink.@Nullable Listener acceptBus(PeerLink link) {
    if (!running) {
      return null;
    }
    long id = --acceptedIds;
    links.put(id, link);
    Bus bus = new Bus(id, life);
    step(
        new ClusterEvent.Accepted(
            id, link.remoteHost(), port(link.remoteAddress()), host(link.localAddress())));
    return bus;
  }

  private static String host(String address) {
    return address.isEmpty() ? "" : address.substring(0, address.lastIndexOf(':'));
  }

  private static int port(String address) {
    return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
  }

  private final class Bus implements PeerLink.Listener, BusReader.Sink {
    private final long id;
    private final int bornIn;
    private final BusReader reader = new BusReader();
    private long ticket;
    private int ticketBytes;

    Bus(long id, int bornIn) {
      this.id = id;
      this.bornIn = bornIn;
    }

    @Override
    public void connected(PeerLink link) {
      if (bornIn == life) {
        String local = link.localAddress();
        step(
            new ClusterEvent.Connected(
                id, link.remoteHost(), host(local), local.isEmpty() ? 0 : port(local)));
      }
    }

    @Override
    public void received(PeerLink link, byte[] bytes, int from, int to) {
      Tickets carried = tickets;
      if (bornIn == life && carried != null) {
        for (int i = from; i < to; i++) {
          ticket = ticket << 8 | (bytes[i] & 0xff);
          if (++ticketBytes == Long.BYTES) {
            ticketBytes = 0;
            BusMessage message = carried.take(ticket);
            if (message != null) {
              message(message);
            }
          }
        }
      } else if (bornIn == life) {
        reader.feed(bytes, from, to, this);
        String error = reader.error();
        if (error != null) {
          link.close(error);
        }
      }
    }

    @Override
    public void drained(PeerLink link, long unsentBytes) {
      unsent.put(id, unsentBytes);
    }

    @Override
    public void closed(PeerLink link, String reason) {
      if (bornIn == life) {
        links.remove(id);
        unsent.remove(id);
        step(new ClusterEvent.LinkEnded(id, reason));
      }
    }

    @Override
    public void message(BusMessage message) {
      if (isStock && message instanceof BusMessage.Module) {
        return;
      }
      step(new ClusterEvent.Received(id, message));
    }

    @Override
    public void invalid(String words) {
      step(new ClusterEvent.Unusable(id, words));
    }
  }

  // ── replication ──

  /// Calls that are under way end, and may write, before those that come wait.
  private void pauseWrites(ClusterAction.PauseWrites pause) {
    if (pause.millis() == 0) {
      pausedUntil = 0;
      return;
    }
    int bornIn = life;
    peers.after(
        random.nextInt(3),
        () -> {
          if (bornIn == life) {
            pausedUntil = clocks.steady() + pause.millis();
            step(new ClusterEvent.WritesPaused(pause.pause()));
          }
        });
  }

  private void follow(@Nullable Address to) {
    heardAt = clocks.steady();
    if (replication != null) {
      replication.follow(to);
      return;
    }
    if (to != null && !to.equals(lastFollowed)) {
      complete &= !countsCopies;
      keptComplete &= !countsCopies;
      lastFollowed = to;
    } else if (to == null) {
      lastFollowed = null;
      complete = true;
      keptComplete = true;
    }
    PeerLink before = upstream;
    upstream = null;
    if (before != null) {
      before.close("another primary");
    }
    follows = to;
    for (PeerLink follower : List.copyOf(followers)) {
      follower.close("the role has changed");
    }
    if (to != null) {
      connect();
    }
  }

  /// What it has is no copy of its primary's data. Its disk says so a little later.
  private void disown(long number) {
    complete = replication != null; // which doesn't tell this when it has copied
    int bornIn = life;
    peers.after(
        slowDisk ? random.nextInt(30) : 0,
        () -> {
          if (bornIn == life) {
            keptComplete = complete;
            step(new ClusterEvent.Disowned(number));
          }
        });
  }

  private void connect() {
    Address to = follows;
    if (to == null || upstream != null || !running) {
      return;
    }
    int which = life;
    dialledAt = clocks.steady();
    line.setLength(0);
    upstream =
        peers.dial(
            to,
            new Peers.Dialling(policy.nodeTimeoutMillis()),
            new PeerLink.Listener() {
              @Override
              public void received(PeerLink link, byte[] bytes, int from, int end) {
                if (which == life && link == upstream) {
                  hear(new String(bytes, from, end - from, StandardCharsets.ISO_8859_1));
                }
              }

              @Override
              public void closed(PeerLink link, String reason) {
                if (which == life && link == upstream) {
                  upstream = null;
                  step(new ClusterEvent.PrimaryLinkLost());
                  peers.after(REDIAL_MILLIS, ToyNode.this::connect);
                }
              }
            });
  }

  private void hear(String text) {
    line.append(text);
    for (int end; (end = line.indexOf("\n")) >= 0; ) {
      copy(line.substring(0, end));
      line.delete(0, end + 1);
      heardAt = clocks.steady();
    }
    if (machine.awaitsOffset()) {
      step(new ClusterEvent.Applied());
    }
  }

  /// `<offset> <slot>:<value> …`
  private void copy(String text) {
    String[] words = text.split(" ");
    offset = Long.parseLong(words[0]);
    values.clear();
    for (int i = 1; i < words.length; i++) {
      int colon = words[i].indexOf(':');
      values.put(
          Integer.parseInt(words[i].substring(0, colon)),
          Long.parseLong(words[i].substring(colon + 1)));
      countsCopies = true;
    }
    complete = true;
    keptComplete = true;
  }

  /// The clients' listener: whoever connects there is a replica.
  public PeerLink.@Nullable Listener acceptClient(PeerLink link) {
    if (replication != null) {
      return replication.accept(link);
    }
    if (!running || !machine.myself().isPrimary()) {
      return null;
    }
    followers.add(link);
    StringBuilder request = new StringBuilder();
    return new PeerLink.Listener() {
      @Override
      public void received(PeerLink from, byte[] bytes, int begin, int end) {
        followers.remove(link); // it wants slots
        request.append(new String(bytes, begin, end - begin, StandardCharsets.ISO_8859_1));
        if (request.indexOf("\n") >= 0 && running) {
          new Outgoing(link, request.toString());
        }
      }

      @Override
      public void closed(PeerLink ended, String reason) {
        followers.remove(link);
        for (Outgoing stream : List.copyOf(outgoing.values())) {
          if (stream.link == link && outgoing.remove(stream.id, stream)) {
            stream.goOn();
            step(new ClusterEvent.MoveFailed(stream.id, reason));
          }
        }
      }
    };
  }

  private void replicate() {
    if (followers.isEmpty()) {
      return;
    }
    StringBuilder text = new StringBuilder().append(offset);
    values.forEach((slot, value) -> text.append(' ').append(slot).append(':').append(value));
    byte[] bytes = text.append('\n').toString().getBytes(StandardCharsets.ISO_8859_1);
    for (PeerLink follower : List.copyOf(followers)) {
      follower.send(bytes);
    }
  }

  // ── slots that move whole ──

  /// At the source: `V <slot> <value>` for each slot once, then for each change.
  private final class Outgoing {
    final String id;
    final PeerLink link;
    private final SlotSet slots;
    private final int bornIn = life;
    private boolean isCut;
    private long lines;

    /// @param request `SYNC <id> <target> <ranges>`
    Outgoing(PeerLink link, String request) {
      this.link = link;
      String[] words = request.strip().split(" ");
      id = words[1];
      SlotSet wanted = MoveText.slots(words[3]);
      if (wanted == null) {
        throw new AssertionError(request);
      }
      slots = wanted;
      List<String> arguments = new ArrayList<>(List.of("SYNCSLOTS", id, words[2]));
      slots.ranges(
          (first, last) -> {
            arguments.add(Integer.toString(first));
            arguments.add(Integer.toString(last));
          });
      outgoing.put(id, this);
      begin(ask(arguments.toArray(new String[0])));
    }

    private void begin(long client) {
      String reply = reply(client);
      if (bornIn != life || outgoing.get(id) != this) {
        return;
      }
      if (reply == null) {
        peers.after(10, () -> begin(client));
      } else if (reply.startsWith("-")) {
        outgoing.remove(id);
        link.close(reply);
      } else {
        peers.after(20 + random.nextInt(400), this::cut);
      }
    }

    private void cut() {
      if (bornIn == life && outgoing.get(id) == this) {
        isCut = true;
        values.forEach(this::changed);
        step(new ClusterEvent.MoveReady(id));
      }
    }

    void changed(int slot, long value) {
      if (isCut && slots.contains(slot)) {
        lines++;
        link.send(("V " + slot + " " + value + "\n").getBytes(StandardCharsets.ISO_8859_1));
      }
    }

    void pause() {
      pausedSlots.addAll(slots);
      long total = lines;
      long millis = stalls && random.nextInt(10) == 0 ? 1500 : random.nextInt(10);
      peers.after(millis, () -> paused(total));
      peers.after(1000, this::pausedTooLong);
    }

    private void paused(long total) {
      if (bornIn != life) {
        return;
      }
      if (lines != total) {
        throw new AssertionError(name + " takes writes that it doesn't send");
      }
      step(new ClusterEvent.MovePaused(id, total));
    }

    private void pausedTooLong() {
      if (bornIn == life) {
        step(new ClusterEvent.MoveFailed(id, "paused for too long"));
      }
    }

    void goOn() {
      if (bornIn == life) {
        for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
          pausedSlots.remove(slot);
        }
      }
    }
  }

  /// At the target.
  private final class Incoming {
    final PeerLink link;
    private final String id;
    private final StringBuilder text = new StringBuilder();
    private final int bornIn = life;
    private long lines;
    private long total = -1;

    Incoming(ClusterAction.Import begin) {
      id = begin.move();
      link =
          peers.dial(
              new Address(begin.host(), begin.port()),
              new Peers.Dialling(policy.nodeTimeoutMillis()),
              new PeerLink.Listener() {
                @Override
                public void connected(PeerLink stands) {
                  String words = "SYNC " + id + " " + id() + " " + MoveText.ranges(begin.slots());
                  stands.send((words + "\n").getBytes(StandardCharsets.ISO_8859_1));
                }

                @Override
                public void received(PeerLink from, byte[] bytes, int at, int end) {
                  if (bornIn == life && incoming.get(id) == Incoming.this) {
                    text.append(new String(bytes, at, end - at, StandardCharsets.ISO_8859_1));
                    lines();
                  }
                }

                @Override
                public void closed(PeerLink ended, String reason) {
                  if (bornIn == life && incoming.remove(id, Incoming.this)) {
                    step(new ClusterEvent.MoveFailed(id, reason));
                  }
                }
              });
    }

    private void lines() {
      for (int end; (end = text.indexOf("\n")) >= 0; ) {
        String[] words = text.substring(0, end).split(" ");
        text.delete(0, end + 1);
        if (words[0].equals("V")) {
          int slot = Integer.parseInt(words[1]);
          if (machine.slots().owner(slot) == machine.myself()) {
            throw new AssertionError(name + " owns slot " + slot + ", which comes in");
          }
          values.put(slot, Long.parseLong(words[2]));
          countsCopies = true;
          offset++;
          lines++;
        }
      }
      replicate();
      look();
    }

    void look() {
      if (total >= 0 && lines >= total) {
        if (lines > total) {
          throw new AssertionError(lines + " lines of " + total);
        }
        step(new ClusterEvent.MoveStaged(id, offset));
      }
    }
  }

  private void purge(SlotSet slots) {
    SlotSet which = slots.copy();
    int bornIn = life;
    peers.after(
        random.nextInt(300),
        () -> {
          if (bornIn != life || !machine.myself().isPrimary()) {
            return;
          }
          for (int slot = which.next(0); slot >= 0; slot = which.next(slot + 1)) {
            if (machine.moves().purging().contains(slot)) {
              values.remove(slot);
            }
          }
          offset++;
          replicate();
          step(new ClusterEvent.Purged(which));
        });
  }

  @Override
  public String toString() {
    return name + " " + (running ? machine.view().nodesText() : "down");
  }
}
