package dev.spinel.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

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
    private final int sentinels;
    private final Map<Long, Map<String, String>> votes = new TreeMap<>(); // epoch → voter → for
    private final Map<Long, String> leaders = new TreeMap<>();

    Ledger(int sentinels) {
      this.sentinels = sentinels;
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

    int elections() {
      return leaders.size();
    }
  }

  final String name;
  final List<String> log = new ArrayList<>();
  boolean diskFails;
  long clockOffset;
  SentinelMachine machine;
  private final SimNetwork network;
  private final SimNetwork.Host host;
  private final Ledger ledger;
  private List<String> file;
  private @Nullable SentinelShell shell;

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
            new SentinelSettings(), given -> given, new Random(network.random().nextLong()));
    machine = made;
    List<List<String>> words =
        file.stream()
            .map(line -> List.of(line.split(" ")).subList(1, line.split(" ").length))
            .toList();
    assertThat(made.configure(words, clock())).isNull();
    shell = new SentinelShell(host, made, this, this::clock, false);
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

  WatchedPrimary primary() {
    return machine.primaries.values().iterator().next();
  }

  @Override
  public void log(SentinelAction.Level level, String text) {
    log.add(level.mark + " " + text);
    if (text.startsWith("+elected-leader") && !primary().isForced) {
      ledger.elected(primary().failoverEpoch, machine.id);
    }
  }

  @Override
  public @Nullable String save(List<String> directives) {
    if (diskFails) {
      return "No space left on device";
    }
    file = directives;
    for (WatchedPrimary each : machine.primaries.values()) {
      if (each.leader != null) {
        ledger.voted(each.leaderEpoch, name, each.leader);
      }
    }
    return null;
  }

  @Override
  public void runScript(int job, List<String> arguments) {}

  @Override
  public void killScript(int job) {}

  @Override
  public void setLogLevel(String word) {}

  @Override
  public void crash() {
    host.crash();
  }

  @Override
  public void shutdown() {}

  @Override
  public String info(Set<String> sections, int clients) {
    return "";
  }

  @Override
  public String version() {
    return "7.2.6";
  }
}
