package dev.spinel.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.Peers;
import dev.spinel.peer.SimNetwork;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A whole Sentinel in a simulated network: machine, shell, and a file in memory that survives
/// crashes.
final class ToySentinel implements SentinelHost {
  static final int PORT = 26379;

  /// What all Sentinels have saved and done, to be held against what may be.
  static final class Ledger {
    /// What all logs said: the time, the Sentinel, the line.
    final List<String> story = new ArrayList<>();

    private final int sentinels;
    private final List<ToyRedis> servers;
    private final Map<Long, Map<String, String>> votes = new TreeMap<>(); // epoch → voter → for
    private final Map<Long, String> leaders = new TreeMap<>();
    int choices; // that were held against the offsets of all others

    Ledger(int sentinels, List<ToyRedis> servers) {
      this.sentinels = sentinels;
      this.servers = servers;
    }

    private void voted(long epoch, String voter, String candidate) {
      String before =
          votes.computeIfAbsent(epoch, e -> new TreeMap<>()).putIfAbsent(voter, candidate);
      assertThat(before == null ? candidate : before)
          .as("%s votes in epoch %d", voter, epoch)
          .isEqualTo(candidate);
    }

    private void elected(long epoch, String id) {
      String before = leaders.putIfAbsent(epoch, id);
      assertThat(before == null ? id : before).as("leader of %d", epoch).isEqualTo(id);
      long count = votes.getOrDefault(epoch, Map.of()).values().stream().filter(id::equals).count();
      assertThat(count).as("votes of %d", epoch).isGreaterThan(sentinels / 2);
    }

    private void forced(long epoch, String voter, String id) {
      assertThat(votes.getOrDefault(epoch, Map.of()).get(voter))
          .as("own vote of the leader of %d", epoch)
          .isEqualTo(id);
    }

    private void promotes(long epoch, String id) {
      assertThat(leaders.get(epoch)).as("who promotes in epoch %d", epoch).isEqualTo(id);
    }

    /// Nobody whom the Sentinel could have chosen has a better priority, or the same and more data.
    /// It can be known of those that it hears, as long as the old primary is down for good.
    private void chose(ToySentinel by, WatchedReplica chosen) {
      WatchedPrimary group = by.primary();
      ToyRedis old = server(group.address);
      ToyRedis best = server(chosen.address);
      assertThat(best.isStranger).as("%s is somebody else's", best).isFalse();
      assertThat(best.isWhole || by.network.now() - best.incompleteAt < 20_000)
          .as("%s isn't a complete copy", best)
          .isTrue();
      if (by.isForced || old.isUp() || by.network.now() - old.crashedAt < 500) {
        return;
      }
      choices++;
      boolean knows = group.history.equals(old.history);
      if (knows && best.isOwn && chosen.wasPrimary) {
        assertThat(best.isOf(old)).as("%s has copied nothing of %s", best, old).isTrue();
      }
      for (WatchedReplica other : group.replicas.values()) {
        ToyRedis server = server(other.address);
        boolean hears =
            server.isUp()
                && !other.isDown
                && !other.link.isDisconnected
                && other.link.pendingPingAt == 0
                && by.network.isReachable(by.name, server.name);
        boolean follows = server.primary != null && server.primary.host().equals(old.name);
        boolean mayBeChosen =
            server.priority != 0
                && server.isWhole
                && other.isWhole // as it has told
                && !other.hasLed
                && !other.isForeign
                && !other.reportsPrimary // nor has it told its priority
                && other.linkDownMillis <= group.downAfter * 10
                && by.network.now() - Math.min(other.infoAt, other.link.availableAt) <= 5_000;
        if (!hears || !follows || !mayBeChosen || server == best) {
          continue;
        }
        if (knows && server.isOf(old)) {
          assertThat(best.isOf(old)).as("%s rather than %s of %s", best, server, old).isTrue();
        }
        if (best.history.equals(server.history)) { // else their offsets say nothing
          assertThat(best.priority)
              .as("%s rather than %s", best, server)
              .isLessThanOrEqualTo(server.priority);
          if (best.priority == server.priority) {
            assertThat(best.offset)
                .as("%s rather than %s", best, server)
                .isGreaterThanOrEqualTo(server.offset);
          }
        }
      }
    }

    private ToyRedis server(SentinelAddress at) {
      return servers.stream().filter(s -> s.name.equals(at.host())).findFirst().orElseThrow();
    }

    int elections() {
      return leaders.size();
    }
  }

  final String name;
  final List<String> log = new ArrayList<>();
  boolean diskFails;
  boolean dies; // while it saves the next time
  long clockOffset;
  SentinelMachine machine;
  private final SimNetwork network;
  private final SimNetwork.Host host;
  private final Ledger ledger;
  private List<String> file;
  private @Nullable SentinelShell shell;
  private boolean isForced; // the last failover

  ToySentinel(SimNetwork network, String name, Ledger ledger, List<String> directives) {
    this.network = network;
    this.name = name;
    this.host = network.host(name);
    this.ledger = ledger;
    this.file = new ArrayList<>(directives);
    this.machine = begin();
  }

  private SentinelMachine begin() {
    SentinelMachine made =
        new SentinelMachine(
            new SentinelSettings(), network::meaning, new Random(network.random().nextLong()));
    machine = made;
    List<List<String>> words =
        file.stream()
            .map(line -> List.of(line.split(" ")).subList(1, line.split(" ").length))
            .toList();
    assertThat(made.configure(words, clock())).isNull();
    shell = new SentinelShell(host, made, this, this::clock, new Peers.Dialling(10_000));
    host.listen(PORT, shell::accept);
    shell.start();
    return made;
  }

  private long clock() {
    return network.now() + clockOffset;
  }

  boolean isUp() {
    return host.isUp();
  }

  void crashNow() {
    if (shell != null) {
      shell.stop();
    }
    host.crash();
  }

  void restart() {
    host.restart();
    begin();
  }

  List<String> file() {
    return file;
  }

  WatchedPrimary primary() {
    return machine.primaries.values().iterator().next();
  }

  /// As it knows now, or will after a restart.
  boolean isOrWasPrimary(String server) {
    WatchedPrimary group = primary();
    return group.currentAddress().host().equals(server)
        || group.address.host().equals(server)
        || group.replicas.values().stream()
            .anyMatch(each -> each.wasPrimary && each.address.host().equals(server))
        || file.stream()
            .anyMatch(
                line ->
                    line.matches("sentinel (monitor|known-former-primary) m " + server + " .*"));
  }

  @Override
  public void log(SentinelAction.Level level, String text) {
    if (!isUp()) {
      return;
    }
    log.add(level.mark + " " + text);
    if (level != SentinelAction.Level.DEBUG || text.contains("script")) {
      story(level.mark + " " + text);
    }
    if (text.startsWith("+try-failover")) {
      isForced = primary().isForced; // it may be over when its other lines are written
    } else if (text.startsWith("+elected-leader")) {
      if (isForced) {
        ledger.forced(primary().failoverEpoch, name, machine.id);
      } else {
        ledger.elected(primary().failoverEpoch, machine.id);
      }
    } else if (text.startsWith("+selected-slave")) {
      WatchedReplica chosen = primary().promoted;
      ledger.chose(this, chosen == null ? machine.failover.select(primary()) : chosen);
    } else if (text.startsWith("+failover-state-wait-promotion") && !isForced) {
      ledger.promotes(primary().failoverEpoch, machine.id);
    }
  }

  @Override
  public @Nullable String save(List<String> directives) {
    if (diskFails) {
      return "No space left on device";
    }
    if (dies) {
      dies = false;
      if (network.random().nextBoolean()) {
        keep(directives); // the new file had taken the old one's place already
      }
      crashNow();
      return "dead";
    }
    keep(directives);
    return null;
  }

  private void keep(List<String> directives) {
    file = directives;
    for (WatchedPrimary each : machine.primaries.values()) {
      String epoch = "sentinel leader-epoch " + each.name + " " + each.leaderEpoch;
      if (each.leader != null && directives.contains(epoch)) {
        ledger.voted(each.leaderEpoch, name, each.leader);
      }
    }
  }

  void tell(SentinelEvent event) {
    if (shell != null) {
      shell.tell(event);
    }
  }

  private void story(String what) {
    ledger.story.add(network.now() + " " + name + ": " + what);
  }

  @Override
  public void runScript(int job, List<String> arguments) {
    story("runs script " + job + ": " + String.join(" ", arguments));
    host.after(0, () -> tell(new SentinelEvent.ScriptStarted(job, 1000 + job)));
  }

  @Override
  public void killScript(int job) {
    story("kills script " + job);
    host.after(0, () -> tell(new SentinelEvent.ScriptEnded(job, 0, 9)));
  }

  @Override
  public int clientsMax() {
    return 100;
  }

  @Override
  public long clientIdleSeconds() {
    return 0;
  }

  @Override
  public void setLogLevel(String word) {}

  @Override
  public void crash() {
    host.crash();
  }

  @Override
  public void shutdown() {}

  @Override
  public String info(Set<String> sections, Counts counts) {
    return "";
  }

  @Override
  public String version() {
    return "7.2.6";
  }
}
