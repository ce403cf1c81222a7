package dev.spinel.sentinel;

import dev.spinel.peer.IpAddress;
import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Everything that a Sentinel decides: `step(now, event) → actions`.
///
/// ```
///   servers, Sentinels ─ Connected, Replied, Message, LinkEnded ─►  SentinelLinks   who is asked what, and when
///                                                                   ServerReports   what INFO says, and what follows
///                                                                   Hellos          other Sentinels, newer configurations
///   time ─────────────── Tick ──────────────────────────────────►  DownDetection   SDOWN, ODOWN
///                                                                   Leadership      votes
///                                                                   SentinelFailover
///   clients ──────────── Asked ─────────────────────────────────►  SentinelCommands
/// ```
///
/// **What it isn't told it doesn't know.** Time is a parameter: that of the wall, which may jump (a
/// jump is what TILT is about). Chance is a parameter of its maker. Names are looked up by
/// [HostNames]. It never waits.
///
/// **A vote is on the disk before anybody hears of it**: the action that saves it stands before the
/// reply, and a vote that couldn't be saved isn't given, nor counted if it is our own.
///
/// **Sooner than Redis.** What an answer changes is acted upon at once, not at the next tick: the
/// answer that completes the quorum starts the election, the vote that completes the majority
/// selects the replica, and so on.
///
/// Belongs to one thread.
public final class SentinelMachine {
  private static final int VOTERS_WANTED = 3;

  final SentinelSettings settings;
  final Periods periods = new Periods();
  final Random random;
  final Map<String, WatchedPrimary> primaries = new LinkedHashMap<>();
  final SentinelLinks links;
  final ServerReports reports;
  final Hellos hellos;
  final DownDetection downDetection;
  final Leadership leadership;
  final SentinelFailover failover;
  final ScriptQueue scripts;
  final SentinelCommands commands;
  private final HostNames names;
  private final Map<String, SentinelAddress> looked = new HashMap<>(); // of this step
  private List<SentinelAction> actions = new ArrayList<>();
  private long now;
  private long lastTick;
  private boolean isSaveDue;

  String id = "";
  long epoch;
  boolean isTilted;
  long tiltedAt;
  boolean crashesElected;
  boolean crashesPromoted;

  /// @param random decides ids and small delays
  public SentinelMachine(SentinelSettings settings, HostNames names, Random random) {
    this.settings = settings;
    this.names = names;
    this.random = random;
    this.links = new SentinelLinks(this);
    this.reports = new ServerReports(this);
    this.hellos = new Hellos(this);
    this.downDetection = new DownDetection(this);
    this.leadership = new Leadership(this);
    this.failover = new SentinelFailover(this);
    this.scripts = new ScriptQueue(this);
    this.commands = new SentinelCommands(this);
  }

  /// Takes the directives of a configuration, in any order. Before the first step.
  ///
  /// @param directives what follows the word `sentinel` in each
  /// @return the index of the first that is wrong and why, or null
  public @Nullable WrongDirective configure(List<List<String>> directives, long nowMillis) {
    now = nowMillis;
    lastTick = nowMillis;
    return new SentinelDirectives(this).read(directives);
  }

  /// A directive that can't be taken.
  public record WrongDirective(int index, String reason) {}

  /// What follows from an event.
  public List<SentinelAction> step(long nowMillis, SentinelEvent event) {
    now = nowMillis;
    looked.clear();
    switch (event) {
      case SentinelEvent.Started _ -> start();
      case SentinelEvent.Tick _ -> tick();
      case SentinelEvent.Connected c -> links.connected(c.channel(), c.localHost());
      case SentinelEvent.Replied r -> links.replied(r.channel(), r.reply());
      case SentinelEvent.Message m -> links.message(m.channel(), m.message());
      case SentinelEvent.LinkEnded l -> links.ended(l.channel(), l.reason());
      case SentinelEvent.Asked asked -> commands.asked(asked.client(), asked.arguments());
      case SentinelEvent.ConfigSaved saved -> leadership.saved(saved.succeeded());
      case SentinelEvent.ScriptStarted s -> scripts.started(s.job(), s.pid());
      case SentinelEvent.ScriptRefused s -> scripts.refused(s.job());
      case SentinelEvent.ScriptEnded s -> scripts.ended(s.job(), s.status(), s.signal());
    }
    if (isSaveDue) {
      save();
    }
    List<SentinelAction> done = actions;
    actions = new ArrayList<>();
    return done;
  }

  private void start() {
    if (id.isEmpty()) {
      StringBuilder digits = new StringBuilder();
      for (int i = 0; i < 40; i++) {
        digits.append(Character.forDigit(random.nextInt(16), 16));
      }
      id = digits.toString();
      save();
    }
    log(Level.NOTICE, "Sentinel ID is " + id);
    for (WatchedPrimary primary : primaries.values()) {
      event(Level.WARNING, "+monitor", primary, " quorum " + primary.quorum);
      if (!primary.sentinels.isEmpty()) {
        sayIfFew(primary, 0); // the file says who there is
      }
    }
  }

  private void tick() {
    long passed = now - lastTick;
    if (passed < 0 || passed > periods.tiltTrigger) {
      isTilted = true;
      tiltedAt = now;
      event(Level.WARNING, "+tilt", null, "#tilt mode entered");
      primaries.values().forEach(failover::interrupt);
    }
    lastTick = now;
    for (WatchedPrimary primary : List.copyOf(primaries.values())) {
      watch(primary);
      for (WatchedReplica replica : List.copyOf(primary.replicas.values())) {
        watch(replica);
      }
      for (FellowSentinel sentinel : List.copyOf(primary.sentinels.values())) {
        watch(sentinel);
      }
      failover.switchIfDone(primary);
      sayIfFew(primary, 5 * periods.publish);
    }
    scripts.tick(now);
  }

  private void watch(WatchedNode node) {
    links.connect(node);
    links.askPeriodically(node);
    if (isTilted && now - tiltedAt >= 0 && now - tiltedAt < periods.tilt) {
      return;
    }
    if (isTilted) {
      isTilted = false;
      event(Level.WARNING, "-tilt", null, "#tilt mode exited");
    }
    downDetection.checkSubjectively(node);
    if (node instanceof WatchedPrimary primary) {
      act(primary);
      downDetection.askOthers(primary, false);
    }
  }

  /// Does what a primary's state asks for now.
  void act(WatchedPrimary primary) {
    if (isTilted || primary.isGone) {
      return;
    }
    downDetection.checkObjectively(primary);
    if (failover.startIfNeeded(primary)) {
      downDetection.askOthers(primary, true);
    }
    failover.advance(primary);
  }

  /// Says once, and again when it changes, that a primary has had too few Sentinels for so long:
  /// those that it has need time to show up.
  private void sayIfFew(WatchedPrimary primary, long patience) {
    String lack = lack(primary);
    if (!lack.equals(primary.lack)) {
      primary.lack = lack;
      primary.lackAt = now;
      primary.isLackSaid = lack.isEmpty();
    }
    if (!primary.isLackSaid && now - primary.lackAt >= patience) {
      primary.isLackSaid = true;
      log(Level.WARNING, "Master " + primary.name + " has too few Sentinels: " + lack);
    }
  }

  /// What a primary lacks of Sentinels, in words; empty if there are enough.
  static String lack(WatchedPrimary primary) {
    int voters = primary.voters();
    if (primary.quorum > voters) {
      return "the quorum is " + primary.quorum + ", and only " + voters + " are known";
    }
    if (voters < VOTERS_WANTED) {
      return voters == 1
          ? "only this one is known; a failover that survives its loss takes three"
          : "only 2 are known; if one is lost the other has no majority, so take three";
    }
    int usable = primary.usable();
    if (usable < primary.votesNeeded()) {
      return "only "
          + usable
          + " of "
          + voters
          + " answer, and a failover takes "
          + primary.votesNeeded();
    }
    return "";
  }

  // ── what the parts use ──

  long now() {
    return now;
  }

  void act(SentinelAction action) {
    actions.add(action);
  }

  void log(Level level, String text) {
    act(new SentinelAction.Log(level, text));
  }

  /// An event. `suffix` follows what names the node.
  void event(Level level, String type, @Nullable WatchedNode node, String suffix) {
    happened(level, type, node, node == null ? suffix : describe(node) + suffix);
  }

  /// An event that doesn't begin with what names the node.
  void happened(Level level, String type, @Nullable WatchedNode node, String text) {
    act(new SentinelAction.Happened(level, type, text));
    if (level == Level.WARNING && node != null) {
      String script = node.primary().notificationScript;
      if (!script.isEmpty()) {
        scripts.add(script, type, text);
      }
    }
  }

  /// Tells that the primary is at another address now. Before it is ([#moveTo]).
  void switches(WatchedPrimary primary, SentinelAddress from, String host, int port) {
    happened(
        Level.WARNING,
        "+switch-master",
        primary,
        primary.name + " " + shown(from) + " " + from.port() + " " + host + " " + port);
  }

  private String describe(WatchedNode node) {
    WatchedPrimary primary = node.primary();
    String self = node.kind() + " " + node.name + " " + shown(node.address) + " ";
    return node == primary
        ? self + node.address.port()
        : self
            + node.address.port()
            + " @ "
            + primary.name
            + " "
            + shown(primary.address)
            + " "
            + primary.address.port();
  }

  /// At the end of this step, unless something else is saved before.
  void saveSoon() {
    isSaveDue = true;
  }

  void save() {
    isSaveDue = false;
    act(new SentinelAction.SaveConfig(SentinelDirectives.write(this)));
  }

  void reply(long client, RespValue reply) {
    act(new SentinelAction.Reply(client, reply));
  }

  void runReconfigurationScript(
      WatchedPrimary primary, String role, SentinelAddress from, SentinelAddress to) {
    if (!primary.reconfigurationScript.isEmpty()) {
      scripts.add(
          primary.reconfigurationScript,
          primary.name,
          role,
          "start",
          shown(from),
          Integer.toString(from.port()),
          shown(to),
          Integer.toString(to.port()));
    }
  }

  // ── addresses ──

  /// The host of an address as it is told to others.
  String shown(SentinelAddress address) {
    return settings.announcesNames ? address.host() : address.ip();
  }

  private String nameOfReplica(SentinelAddress address) {
    String host = shown(address);
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.port();
  }

  /// The IP address of a host, or null if it is a name that nobody knows, or none is allowed.
  @Nullable String ip(String host) {
    String literal = IpAddress.normal(host);
    if (literal != null || !settings.resolvesNames) {
      return literal;
    }
    SentinelAddress known = looked.get(host);
    if (known == null) {
      String found = names.ip(host);
      known = new SentinelAddress(host, found == null ? "" : found, 0);
      looked.put(host, known);
    }
    return known.ip().isEmpty() ? null : known.ip();
  }

  /// @param mayBeUnknown a name that can't be looked up now is taken as it is
  SentinelAddress address(String host, int port, boolean mayBeUnknown) {
    if (port < 0 || port > 65535) {
      throw new SentinelError("Invalid port number.");
    }
    String ip = ip(host);
    if (ip == null) {
      log(Level.WARNING, "Failed to resolve hostname '" + host + "'");
      if (!settings.resolvesNames || !mayBeUnknown) {
        throw new SentinelError("Can't resolve instance hostname.");
      }
      ip = "";
    }
    return new SentinelAddress(host, ip, port);
  }

  @Nullable SentinelAddress addressOrNull(String host, int port, boolean mayBeUnknown) {
    try {
      return address(host, port, mayBeUnknown);
    } catch (SentinelError e) {
      return null;
    }
  }

  /// Whether a host is that of an address.
  boolean isHostOf(SentinelAddress address, String host) {
    String ip = ip(host);
    if (ip == null) {
      return (settings.resolvesNames ? address.host() : address.ip()).equalsIgnoreCase(host);
    }
    return address.ip().equals(ip)
        || (settings.resolvesNames && address.host().equalsIgnoreCase(host));
  }

  // ── who is watched ──

  WatchedPrimary addPrimary(String name, String host, int port, int quorum) {
    SentinelAddress address = address(host, port, true);
    if (primaries.containsKey(name)) {
      throw new SentinelError("Duplicate master name.");
    }
    WatchedPrimary primary = new WatchedPrimary(name, address, quorum, periods, now);
    primaries.put(name, primary);
    return primary;
  }

  WatchedReplica addReplica(WatchedPrimary primary, SentinelAddress address) {
    String name = nameOfReplica(address);
    if (primary.replicas.containsKey(name)) {
      throw new SentinelError("Duplicate hostname and port for replica.");
    }
    WatchedReplica replica = new WatchedReplica(name, address, new NodeLink(now), primary, now);
    primary.replicas.put(name, replica);
    return replica;
  }

  /// A replica that INFO names, if it is new and its host is known.
  @Nullable WatchedReplica addReplica(WatchedPrimary primary, String host, int port) {
    SentinelAddress address = addressOrNull(host, port, false);
    if (address == null || primary.replicas.containsKey(nameOfReplica(address))) {
      return null;
    }
    return addReplica(primary, address);
  }

  FellowSentinel addSentinel(WatchedPrimary primary, String host, int port, String runId) {
    SentinelAddress address = address(host, port, true);
    if (primary.sentinels.containsKey(runId)) {
      throw new SentinelError("Duplicate runid for sentinel.");
    }
    NodeLink link = links.shared(primary, runId);
    FellowSentinel sentinel =
        new FellowSentinel(runId, address, link == null ? new NodeLink(now) : link, primary, now);
    primary.sentinels.put(runId, sentinel);
    return sentinel;
  }

  /// Forgets a replica or a Sentinel; its owner has taken it from its list.
  void forget(WatchedNode node) {
    node.isGone = true;
    links.release(node);
  }

  void remove(WatchedPrimary primary) {
    primaries.remove(primary.name);
    reset(primary, false);
    forget(primary);
  }

  /// Forgets everything that was learnt of a primary.
  void reset(WatchedPrimary primary, boolean keepsSentinels) {
    failover.callOff(primary);
    failover.giveUpCoordinated(primary, "ERR The master was reset");
    primary.replicas.values().forEach(this::forget);
    primary.replicas.clear();
    if (!keepsSentinels) {
      primary.sentinels.values().forEach(this::forget);
      primary.sentinels.clear();
    }
    links.hangUp(primary.link);
    primary.isDown = false;
    primary.isAgreedDown = false;
    primary.rebooted = false;
    primary.scriptKillSent = false;
    primary.leader = null;
    primary.state = WatchedPrimary.FailoverState.NONE;
    primary.isForced = false;
    primary.isCoordinated = false;
    primary.stateAt = 0;
    primary.failoverAt = 0;
    primary.retryAt = 0;
    primary.lackedReplica = false;
    primary.lackPause = 0;
    primary.promoted = null;
    primary.runId = null;
    primary.infoAsked = false;
    NodeLink link = primary.link;
    link.pendingPingAt = now;
    link.pingAt = 0;
    link.availableAt = now;
    link.pongAt = now;
    primary.roleAt = now;
    primary.reportsPrimary = true;
  }

  /// The primary of this name is at another address from now on; the old one is a replica.
  void moveTo(WatchedPrimary primary, SentinelAddress to) {
    List<WatchedReplica> before = new ArrayList<>(primary.replicas.values());
    SentinelAddress from = primary.address;
    String runId = primary.runId;
    String history = primary.history;
    long lostAt = primary.link.lostAt;
    Map<WatchedReplica, Long> lost = new HashMap<>();
    before.forEach(old -> lost.put(old, old.link.lostAt));
    reset(primary, true);
    primary.sentinels.values().forEach(sentinel -> sentinel.saysDown = false); // of the old one
    primary.history = "";
    primary.address = to;
    primary.infoAt = 0; // what was told was the old one's
    primary.downAt = 0;
    primary.agreedDownAt = 0;
    for (WatchedReplica old : before) {
      if (!old.address.isSame(to)) {
        WatchedReplica replica = addReplica(primary, old.address);
        replica.wasPrimary = old.wasPrimary;
        replica.primaryHistory = old.primaryHistory;
        replica.runId = old.runId;
        replica.restartedAt = old.restartedAt;
        replica.hasLed = old.hasLed || old.isPromoted;
        replica.link.lostAt = lost.getOrDefault(old, 0L);
        event(Level.NOTICE, "+slave", replica, "");
      } else {
        primary.runId = old.runId;
        primary.history = old.reportsPrimary ? old.history : "";
      }
    }
    if (!from.isSame(to) && !primary.replicas.containsKey(nameOfReplica(from))) {
      WatchedReplica replica = addReplica(primary, from);
      replica.wasPrimary = true;
      replica.hasLed = true;
      replica.primaryHistory = history;
      replica.runId = runId;
      replica.restartedAt = primary.restartedAt;
      replica.link.lostAt = lostAt;
      event(Level.NOTICE, "+slave", replica, "");
    }
    save();
  }

  // ── what the program shows ──

  /// This Sentinel's id; empty before it has started.
  public String id() {
    return id;
  }

  /// The section of INFO that is about what is watched.
  public String info(long nowMillis) {
    return commands.info(nowMillis);
  }

  /// In so many milliseconds the next [SentinelEvent.Tick] is due: chance keeps Sentinels from
  /// asking for votes at the same moment again and again.
  public long nextTickMillis() {
    return 1000 / (10 + random.nextInt(10));
  }
}
