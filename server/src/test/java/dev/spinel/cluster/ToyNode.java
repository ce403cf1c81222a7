package dev.spinel.cluster;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
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
  private long offset = 1;
  private final SlotSet keys = new SlotSet();
  private boolean complete = true;

  // Replication.
  private @Nullable Address follows;
  private @Nullable PeerLink upstream;
  private long heardAt;
  private final List<PeerLink> followers = new ArrayList<>();
  private final StringBuilder line = new StringBuilder();

  public final List<String> log = new ArrayList<>();
  public Consumer<String> onLog = text -> {};
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
    links.clear();
    unsent.clear();
    followers.clear();
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
    ClusterNode myself = machine.myself();
    return running
        && myself.isPrimary()
        && machine.slots().owner(slot) == myself
        && (!machine.slots().migrating().containsKey(slot) || keys.contains(slot))
        && machine.health().isUp()
        && clocks.steady() < leaseUntil
        && clocks.steady() >= pausedUntil;
  }

  public void write(int slot) {
    if (takesWrites(slot)) {
      offset++;
      keys.add(slot);
    }
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
  public boolean hasCompleteCopy() {
    return complete;
  }

  @Override
  public boolean isEmpty() {
    return keys.isEmpty();
  }

  @Override
  public int keysIn(int slot) {
    return keys.contains(slot) ? 1 : 0;
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
          link.send(BusCodec.encode(send.message()));
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
      case ClusterAction.Reply reply -> replies.put(reply.client(), reply.text());
      case ClusterAction.Follow follow -> follow(new Address(follow.host(), follow.port()));
      case ClusterAction.Promote _ -> follow(null);
      case ClusterAction.Flush _ -> keys.clear();
      case ClusterAction.DropKeys drop -> {
        SlotSet slots = drop.slots();
        for (int slot = slots.next(0); slot >= 0; slot = slots.next(slot + 1)) {
          keys.remove(slot);
        }
      }
      case ClusterAction.DropChannels _ -> {}
      case ClusterAction.PauseWrites pause -> pausedUntil = clocks.steady() + pause.millis();
      case ClusterAction.Deliver message ->
          delivered.add(
              new String(message.channel(), StandardCharsets.ISO_8859_1)
                  + " "
                  + new String(message.message(), StandardCharsets.ISO_8859_1));
      case ClusterAction.Lease lease -> leaseUntil = lease.untilMillis();
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
            if (save.durable()) {
              fsynced = bytes;
            }
            step(new ClusterEvent.Saved(save.generation()));
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
      if (bornIn == life) {
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
      step(new ClusterEvent.Received(id, message));
    }

    @Override
    public void invalid(String words) {
      step(new ClusterEvent.Unusable(id, words));
    }
  }

  // ── replication ──

  private void follow(@Nullable Address to) {
    heardAt = clocks.steady();
    if (replication != null) {
      replication.follow(to);
      return;
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

  private void connect() {
    Address to = follows;
    if (to == null || upstream != null || !running) {
      return;
    }
    int which = life;
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
      offset = Long.parseLong(line.substring(0, end));
      line.delete(0, end + 1);
      heardAt = clocks.steady();
    }
    if (machine.awaitsOffset()) {
      step(new ClusterEvent.Applied());
    }
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
    return new PeerLink.Listener() {
      @Override
      public void received(PeerLink from, byte[] bytes, int begin, int end) {}

      @Override
      public void closed(PeerLink ended, String reason) {
        followers.remove(link);
      }
    };
  }

  private void replicate() {
    byte[] bytes = (offset + "\n").getBytes(StandardCharsets.ISO_8859_1);
    for (PeerLink follower : List.copyOf(followers)) {
      follower.send(bytes);
    }
  }

  @Override
  public String toString() {
    return name + " " + (running ? machine.view().nodesText() : "down");
  }
}
