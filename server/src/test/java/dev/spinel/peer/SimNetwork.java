package dev.spinel.peer;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A network, its hosts and their clock, all in one thread and decided by a seed: the same seed and
/// the same calls give the same run.
///
/// ```
///   host a ──dial──► (delay) ──► host b: whoever listens there gets a link, a is told `connected`
///   a.send("abcdef") ──► pieces "ab" "cdef", each later than the one before ──► b `received`
/// ```
///
/// What may happen to them:
///
/// - **delay**: each piece takes its time, between the least and the most; order in a link is kept;
/// - **a broken link**: what is under way is lost, both ends are told, each in its time;
/// - **a partition**: nothing passes between two hosts, and nobody is told. Once it is healed, what
///   was sent arrives, as TCP repeats it, unless an end has given the link up meanwhile;
/// - **a half-open link**: one end is gone and the other one isn't told. It learns so when it
///   sends;
/// - **a crash**: all links and timers of a host are gone, and so is what it hasn't sent. Others
///   learn it as with half-open links;
/// - **a pause**: a host stands still, what is to happen there happens afterwards;
/// - **a repeated connection**: the listener gets a link that its maker has given up already.
///
/// Time goes on from event to event, and never by itself.
public final class SimNetwork {
  /// How links are. Times in milliseconds.
  ///
  /// @param leastDelay and `mostDelay` of a piece on its way
  /// @param pieceBytes the most that arrives in one piece
  /// @param repeats one in so many connections is repeated; 0: none
  /// @param bufferBytes that the network takes of a link's sender at a time
  public record Conditions(
      int leastDelay, int mostDelay, int pieceBytes, int repeats, int bufferBytes) {
    public static final Conditions GOOD = new Conditions(1, 1, 1 << 20, 0, 1 << 20);
    public static final Conditions ROUGH = new Conditions(0, 40, 700, 8, 4096);
  }

  private record Event(long at, long order, @Nullable Host host, int life, Runnable action)
      implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return at != other.at ? Long.compare(at, other.at) : Long.compare(order, other.order);
    }
  }

  private final Random random;
  private final Conditions conditions;
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final TreeSet<Event> alarms = new TreeSet<>(); // what may be cancelled
  private final Map<String, Host> hosts = new LinkedHashMap<>();
  private final Map<String, String> names = new HashMap<>(); // that mean other hosts
  private final Set<Set<String>> parted = new HashSet<>();
  private final Set<Wire> wires = new LinkedHashSet<>();
  private long now = 1_700_000_000_000L;
  private long order;
  private int ports = 40_000;
  private long happened;

  public SimNetwork(long seed, Conditions conditions) {
    this.random = new Random(seed);
    this.conditions = conditions;
  }

  public long now() {
    return now;
  }

  /// The chance that decides this run.
  public Random random() {
    return random;
  }

  /// Events so far: equal in two runs of one seed.
  public long happened() {
    return happened;
  }

  /// The host of this name, made when it is first asked for.
  public Host host(String name) {
    return hosts.computeIfAbsent(name, Host::new);
  }

  /// From now on a name means another host.
  public void name(String name, String host) {
    names.put(name, host);
  }

  /// The host that a name means: itself, unless something else was said.
  public String meaning(String name) {
    return names.getOrDefault(name, name);
  }

  // ── time ──

  /// Lets time go on by so much.
  public void run(long millis) {
    runUntil(() -> false, millis);
  }

  /// Lets time go on until the condition holds, at most so long. Returns whether it holds.
  public boolean runUntil(BooleanSupplier condition, long mostMillis) {
    long end = now + mostMillis;
    while (!condition.getAsBoolean()) {
      Event next = next();
      if (next == null || next.at > end) {
        now = end;
        return condition.getAsBoolean();
      }
      if (!alarms.remove(next)) {
        events.remove();
      }
      now = Math.max(now, next.at);
      happen(next);
    }
    return true;
  }

  private @Nullable Event next() {
    Event event = events.peek();
    if (alarms.isEmpty()) {
      return event;
    }
    Event alarm = alarms.first();
    return event == null || alarm.compareTo(event) < 0 ? alarm : event;
  }

  private void happen(Event event) {
    Host host = event.host;
    if (host != null) {
      if (host.life != event.life) {
        return; // of a life that has ended
      }
      if (host.paused) {
        host.postponed.add(event);
        return;
      }
    }
    happened++;
    event.action.run();
  }

  private Event event(long time, @Nullable Host host, Runnable action) {
    return new Event(time, order++, host, host == null ? 0 : host.life, action);
  }

  private void at(long time, @Nullable Host host, Runnable action) {
    events.add(event(time, host, action));
  }

  /// Does something at that time, unless it is cancelled: nothing of it is kept then, unless the
  /// host is paused and it was postponed.
  private Peers.Alarm alarm(long time, Host host, Runnable action) {
    boolean[] cancelled = new boolean[1];
    Event event =
        event(
            time,
            host,
            () -> {
              if (!cancelled[0]) {
                action.run();
              }
            });
    alarms.add(event);
    return () -> {
      cancelled[0] = true;
      alarms.remove(event);
    };
  }

  private long delay() {
    return conditions.leastDelay + random.nextInt(conditions.mostDelay - conditions.leastDelay + 1);
  }

  // ── what befalls it ──

  /// Nothing passes between the two, until [#heal].
  public void part(String a, String b) {
    if (!a.equals(b)) {
      parted.add(Set.of(a, b));
    }
  }

  /// Parts this host from all others.
  public void isolate(String name) {
    for (String other : hosts.keySet()) {
      if (!other.equals(name)) {
        part(name, other);
      }
    }
  }

  public void heal(String a, String b) {
    if (parted.remove(Set.of(a, b))) {
      for (Wire wire : List.copyOf(wires)) {
        if (wire.isBetween(a, b)) {
          wire.healed();
        }
      }
    }
  }

  /// Heals all partitions.
  public void heal() {
    for (Set<String> pair : List.copyOf(parted)) {
      List<String> names = pair.stream().sorted().toList();
      heal(names.get(0), names.get(1));
    }
  }

  /// Whether what one sends arrives at the other now.
  public boolean isReachable(String a, String b) {
    Host from = host(a);
    Host to = host(b);
    return from.up && to.up && !from.paused && !to.paused && !isParted(from, to);
  }

  private boolean isParted(Host a, Host b) {
    return a != b && !parted.isEmpty() && parted.contains(Set.of(a.name, b.name));
  }

  /// Breaks all links between the two. Returns how many there were.
  public int breakLinks(String a, String b) {
    int broken = 0;
    for (Wire wire : List.copyOf(wires)) {
      if (wire.isBetween(a, b)) {
        wire.snap("Connection reset by peer");
        broken++;
      }
    }
    return broken;
  }

  /// One end of each link between the two is gone, and nobody is told: `gone` has forgotten them.
  public void halfOpen(String gone, String other) {
    for (Wire wire : List.copyOf(wires)) {
      if (wire.isBetween(gone, other)) {
        End end = wire.dialler.host.name.equals(gone) ? wire.dialler : wire.accepter;
        end.forget();
      }
    }
  }

  // ── hosts ──

  /// A host: what a shell on it sees as its [Peers].
  public final class Host implements Peers {
    public final String name;
    private final Map<Integer, Function<PeerLink, PeerLink.@Nullable Listener>> listeners =
        new TreeMap<>();
    private final ArrayDeque<Event> postponed = new ArrayDeque<>();
    private int life;
    private boolean up = true;
    private boolean paused;

    Host(String name) {
      this.name = name;
    }

    @Override
    public long now() {
      return now;
    }

    /// Accepts links at this port, until the host crashes.
    public void listen(int port, Function<PeerLink, PeerLink.@Nullable Listener> owner) {
      listeners.put(port, owner);
    }

    @Override
    public Alarm after(long millis, Runnable action) {
      return alarm(now + millis, this, action);
    }

    @Override
    public PeerLink dial(Address to, Dialling how, PeerLink.Listener listener) {
      Wire wire = new Wire(this, host(meaning(to.host())), to.port());
      wires.add(wire);
      wire.dialler.listener = listener;
      if (how.timeoutMillis() > 0) {
        wire.patience = alarm(now + how.timeoutMillis(), this, wire::late);
      }
      wire.knock();
      return wire.dialler;
    }

    /// All of it is gone: links, timers, listeners. Others aren't told.
    public void crash() {
      life++;
      up = false;
      paused = false;
      postponed.clear();
      listeners.clear();
      for (Wire wire : List.copyOf(wires)) {
        for (End end : List.of(wire.dialler, wire.accepter)) {
          if (end.host == this) {
            end.forget();
          }
        }
      }
    }

    /// It may dial and listen again.
    public void restart() {
      up = true;
    }

    public boolean isUp() {
      return up;
    }

    /// Stands still until [#goOn].
    public void pause() {
      paused = true;
    }

    public void goOn() {
      paused = false;
      for (Event event; (event = postponed.poll()) != null; ) {
        at(now, this, event.action);
      }
    }
  }

  // ── links ──

  /// A connection: two ends.
  private final class Wire {
    final End dialler;
    final End accepter;
    private final int port;
    private boolean knocking = true;
    private Peers.@Nullable Alarm patience; // of the dialler

    Wire(Host from, Host to, int port) {
      this.port = port;
      int own = ports++;
      dialler = new End(this, from, own, to, port);
      accepter = new End(this, to, port, from, own);
    }

    boolean isBetween(String a, String b) {
      String one = dialler.host.name;
      String other = accepter.host.name;
      return (one.equals(a) && other.equals(b)) || (one.equals(b) && other.equals(a));
    }

    /// The first packet goes out; it is repeated while nobody answers.
    void knock() {
      at(now + delay(), null, this::arrives);
    }

    private void arrives() {
      if (!knocking || isParted(dialler.host, accepter.host)) {
        return; // given up, or waits for the partition's end
      }
      if (dialler.state == EndState.GONE) {
        wires.remove(this);
        return;
      }
      Host host = accepter.host;
      if (host.paused && host.up) {
        at(now + 1 + delay(), null, this::arrives);
        return;
      }
      knocking = false;
      var owner = host.up ? host.listeners.get(port) : null;
      if (owner == null) {
        dialler.later(() -> dialler.end("Connection refused"));
        return;
      }
      accepter.state = EndState.OPEN;
      accepter.life = host.life;
      accepter.listener = owner.apply(accepter);
      if (accepter.listener == null) {
        accepter.close("refused");
      }
      if (conditions.repeats > 0 && random.nextInt(conditions.repeats) == 0) {
        repeat(owner, host);
      }
      dialler.later(
          () -> {
            if (dialler.state == EndState.DIALLING) {
              dialler.state = EndState.OPEN;
              answered();
              if (dialler.listener != null) {
                dialler.listener.connected(dialler);
              }
            }
          });
    }

    /// The listener sees another link, of an attempt that its maker gave up.
    private void repeat(Function<PeerLink, PeerLink.@Nullable Listener> owner, Host host) {
      Wire ghost = new Wire(dialler.host, host, port);
      ghost.knocking = false;
      ghost.dialler.state = EndState.GONE;
      wires.add(ghost);
      ghost.accepter.state = EndState.OPEN;
      ghost.accepter.listener = owner.apply(ghost.accepter);
      ghost.accepter.later(() -> ghost.accepter.end("connection lost"));
    }

    /// The dialler knows how it has ended.
    void answered() {
      if (patience != null) {
        patience.cancel();
        patience = null;
      }
    }

    void late() {
      if (dialler.state == EndState.DIALLING) {
        dialler.end("Connection timed out");
      }
    }

    void healed() {
      if (knocking) {
        knock();
      }
      dialler.pump();
      accepter.pump();
    }

    /// Both ends are told, each in its time, and what is under way is lost.
    void snap(String reason) {
      knocking = false;
      for (End end : List.of(dialler, accepter)) {
        end.underWay.clear();
        end.unsent.clear();
        end.unsentBytes = 0;
        end.broken = true;
        end.later(() -> end.end(reason));
      }
    }

    void forgetIfOver() {
      if (dialler.state == EndState.GONE && accepter.state == EndState.GONE) {
        wires.remove(this);
      }
    }
  }

  private enum EndState {
    DIALLING,
    OPEN,
    GONE
  }

  private final class End implements PeerLink {
    final Wire wire;
    final Host host;
    final Host remote;
    private final int ownPort;
    private final int remotePort;
    private int life;
    EndState state = EndState.DIALLING;
    @Nullable Listener listener;

    final ArrayDeque<byte[]> unsent = new ArrayDeque<>(0); // not taken by the network
    final ArrayDeque<byte[]> underWay = new ArrayDeque<>(0); // taken, not arrived
    private final ArrayDeque<byte[]> arrived = new ArrayDeque<>(0); // while it is paused
    long unsentBytes;
    private long underWayBytes;
    private long arrivesAt; // the last piece
    private boolean pumping;
    private boolean paused;
    private boolean closing; // told soon
    private boolean finished; // its side has ended, behind what it has sent
    boolean broken;

    End(Wire wire, Host host, int ownPort, Host remote, int remotePort) {
      this.wire = wire;
      this.host = host;
      this.ownPort = ownPort;
      this.remote = remote;
      this.remotePort = remotePort;
      this.life = host.life;
    }

    private End other() {
      return this == wire.dialler ? wire.accepter : wire.dialler;
    }

    void later(Runnable action) {
      arrivesAt = Math.max(arrivesAt, now + delay());
      at(
          arrivesAt,
          host,
          () -> {
            if (host.life == life) {
              action.run();
            }
          });
    }

    @Override
    public void send(byte[] bytes, int from, int length) {
      if (state != EndState.OPEN || closing || length == 0) {
        return;
      }
      for (int at = from; at < from + length; ) {
        int n = Math.min(from + length - at, 1 + random.nextInt(conditions.pieceBytes));
        unsent.add(Arrays.copyOfRange(bytes, at, at + n));
        at += n;
      }
      unsentBytes += length;
      pump();
    }

    /// The network takes what it has room for, and something of it sets out.
    void pump() {
      boolean took = false;
      while (!unsent.isEmpty() && underWayBytes < conditions.bufferBytes) {
        byte[] piece = unsent.remove();
        unsentBytes -= piece.length;
        underWay.add(piece);
        underWayBytes += piece.length;
        took = true;
      }
      if (took && listener != null) {
        at(now, host, this::tellDrained);
      }
      if (!pumping && !isParted(host, remote) && (!underWay.isEmpty() || finished)) {
        pumping = true;
        End to = other();
        to.arrivesAt = Math.max(to.arrivesAt, now + delay());
        at(to.arrivesAt, null, this::arrive);
      }
    }

    private void tellDrained() {
      if (state == EndState.OPEN && !closing && host.life == life && listener != null) {
        listener.drained(this, unsentBytes);
      }
    }

    /// A piece is at the other end, if the network still is.
    private void arrive() {
      pumping = false;
      if (broken || isParted(host, remote)) {
        return; // goes on when it is healed
      }
      End to = other();
      if (to.host.paused) {
        pumping = true;
        at(now + 1 + delay(), null, this::arrive);
        return;
      }
      byte[] piece = underWay.poll();
      if (piece == null) {
        if (finished && to.state != EndState.GONE) {
          to.end("connection lost");
        }
        return;
      }
      underWayBytes -= piece.length;
      if (to.state == EndState.GONE || to.life != to.host.life) {
        underWay.clear();
        unsent.clear();
        unsentBytes = 0;
        later(() -> end("Connection reset by peer"));
        return;
      }
      to.receive(piece);
      pump();
    }

    private void receive(byte[] piece) {
      if (closing || state != EndState.OPEN) {
        if (state == EndState.DIALLING) {
          arrived.add(piece); // the other end was quicker than the news that it stands
          later(this::deliver);
        }
        return;
      }
      arrived.add(piece);
      deliver();
    }

    private void deliver() {
      while (!arrived.isEmpty() && !paused && state == EndState.OPEN && !closing) {
        byte[] piece = arrived.remove();
        byte[] somewhere = new byte[piece.length + 3];
        System.arraycopy(piece, 0, somewhere, 2, piece.length);
        happened++;
        if (listener != null) {
          listener.received(this, somewhere, 2, piece.length + 2);
        }
      }
    }

    @Override
    public long unsentBytes() {
      return unsentBytes;
    }

    @Override
    public void pause() {
      paused = true;
    }

    @Override
    public void resume() {
      paused = false;
      at(now, host, this::deliver);
    }

    @Override
    public void close(String reason) {
      if (state == EndState.GONE || closing) {
        return;
      }
      closing = true;
      at(now, host, () -> end(reason));
    }

    /// This end is over, and its listener is told; the other end learns it after what was sent.
    void end(String reason) {
      if (state == EndState.GONE || life != host.life) {
        return;
      }
      state = EndState.GONE;
      unsent.clear();
      unsentBytes = 0;
      finished = true;
      wire.knocking = false;
      if (this == wire.dialler) {
        wire.answered();
      }
      if (!broken && other().state != EndState.GONE) {
        pump();
      }
      wire.forgetIfOver();
      if (listener != null) {
        listener.closed(this, reason);
      }
    }

    /// As if it had never been; nobody is told.
    void forget() {
      state = EndState.GONE;
      unsent.clear();
      unsentBytes = 0;
      underWay.clear();
      wire.knocking = false;
      if (this == wire.dialler) {
        wire.answered();
      }
      wire.forgetIfOver();
    }

    @Override
    public boolean isOpen() {
      return state != EndState.GONE && !closing;
    }

    @Override
    public String remoteAddress() {
      return remote.name + ":" + remotePort;
    }

    @Override
    public String remoteHost() {
      return remote.name;
    }

    @Override
    public String localAddress() {
      return host.name + ":" + ownPort;
    }
  }
}
