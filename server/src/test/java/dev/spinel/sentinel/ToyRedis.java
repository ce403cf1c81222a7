package dev.spinel.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.peer.SimNetwork;
import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A server in a simulated network, as far as Sentinels see one: it answers PING and INFO, carries
/// messages, and follows whom it is told to. Its data is a number, the offset of its last write,
/// under the id of a history and of the one before it. A replica copies all that from its primary,
/// ten times a second. One that is promoted begins a history of its own, as a real server does.
final class ToyRedis {
  static final int PORT = 6379;

  final String name;
  int priority = 100;
  long offset;
  String history;
  boolean isOwn; // its data: it has led since it copied somebody's
  private String secondHistory = "0".repeat(40);
  @Nullable Address primary;
  boolean linkUp;
  boolean isStubborn; // keeps its role, whatever it is told
  boolean isStuck; // gets nothing from its primary
  boolean isWhole = true; // its copy is complete
  boolean isLoading;
  boolean isStranger; // somebody else's, who has got this name: nobody may make it a replica
  long incompleteAt; // since when its copy isn't complete
  long crashedAt;
  private final SimNetwork network;
  private SimNetwork.Host host;
  private final List<Client> subscribers = new ArrayList<>();
  private final Map<String, Long> replicas = new LinkedHashMap<>(); // seen at
  private String runId = "";
  private long linkLostAt;
  private long startedAt;
  private @Nullable Requests toPrimary;
  private int lives;
  private List<String> lent = List.of(); // its histories, while another one has its name
  private long lentOffset;
  private @Nullable Address lentPrimary;
  private boolean lentIsOwn;

  ToyRedis(SimNetwork network, String name, @Nullable String primary) {
    this.network = network;
    this.name = name;
    this.host = network.host(name);
    this.history = id();
    this.primary = primary == null ? null : new Address(primary, PORT);
    begin();
  }

  private String id() {
    StringBuilder digits = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      digits.append(Character.forDigit(network.random().nextInt(16), 16));
    }
    return digits.toString();
  }

  private void begin() {
    runId = id();
    startedAt = network.now();
    linkLostAt = network.now();
    linkUp = false;
    toPrimary = null;
    replicas.clear();
    subscribers.clear();
    lives++;
    host.listen(PORT, link -> new Client(link));
    tick();
  }

  boolean isUp() {
    return host.isUp();
  }

  void crash() {
    crashedAt = network.now();
    host.crash();
  }

  /// It gets a name that others know another one by, or is restarted with an append-only file,
  /// which knows no history.
  void forget() {
    history = id();
    secondHistory = "0".repeat(40);
  }

  /// While it is down somebody else's server gets its name, and has been running for long.
  void lend() {
    lent = List.of(history, secondHistory);
    lentOffset = offset;
    lentPrimary = primary;
    lentIsOwn = isOwn;
    forget();
    primary = null;
    offset = network.random().nextInt(1_000_000);
    isStranger = true;
    restart();
    startedAt = network.now() - 1_000_000_000L;
  }

  /// That one is gone, and ours has its name again. It is down.
  void takeBack() {
    isStranger = false;
    history = lent.get(0);
    secondHistory = lent.get(1);
    offset = lentOffset;
    primary = lentPrimary;
    isOwn = lentIsOwn;
  }

  /// It will start again at another host, which its name means from now on. It is down.
  void moveTo(String other) {
    network.name(name, other);
    host = network.host(other);
  }

  /// Whether its data is of another one's history, or of one that continues it.
  boolean isOf(ToyRedis other) {
    return history.equals(other.history) || secondHistory.equals(other.history);
  }

  String runId() {
    return runId;
  }

  /// With the role and the data that it had.
  void restart() {
    host.restart();
    begin();
  }

  private void tick() {
    if (primary == null) {
      isOwn = true;
      offset += network.random().nextInt(20);
    } else {
      copy(primary);
    }
    host.after(100, this::tick);
  }

  private void copy(Address from) {
    Requests link = toPrimary;
    if (link == null || !link.isOpen()) {
      lose();
      link = new Requests(host, ReplyReader.ReplyLimits.USUAL);
      link.dial(from, new Peers.Dialling(1000));
      toPrimary = link;
    }
    link.ask(
        1500,
        new Requests.Answer() {
          @Override
          public void replied(RespValue reply) {
            if (!from.equals(primary) || isStuck) {
              return;
            }
            InfoReport report = new InfoReport(String.valueOf(reply.text()));
            offset = report.number("master_repl_offset");
            history = report.text("master_replid");
            secondHistory = report.text("master_replid2");
            linkUp = true;
            isOwn = false;
          }

          @Override
          public void failed(String reason) {
            if (from.equals(primary)) {
              lose();
            }
          }
        },
        "INFO",
        name);
  }

  private void lose() {
    if (linkUp) {
      linkLostAt = network.now();
    }
    linkUp = false;
  }

  void follow(@Nullable Address to) {
    if (isStubborn) {
      return;
    }
    assertThat(isStranger).as("%s is somebody else's", name).isFalse();
    if (to == null && primary != null) {
      secondHistory = history;
      history = id();
    }
    primary = to;
    replicas.clear();
    lose();
    if (toPrimary != null) {
      toPrimary.close("another primary");
      toPrimary = null;
    }
  }

  /// As FAILOVER does: the other one takes over, then this one follows it.
  private void handOver(Address to) {
    Requests other = new Requests(host, ReplyReader.ReplyLimits.USUAL);
    other.dial(to, new Peers.Dialling(1000));
    other.ask(
        1500,
        new Requests.Answer() {
          @Override
          public void replied(RespValue reply) {
            follow(to);
            other.close("done");
          }

          @Override
          public void failed(String reason) {}
        },
        "TAKE");
  }

  private String info() {
    StringBuilder out = new StringBuilder("# Server\r\nrun_id:" + runId + "\r\n");
    line(out, "uptime_in_seconds", (network.now() - startedAt) / 1000);
    out.append("# Replication\r\nrole:").append(primary == null ? "master" : "slave");
    out.append("\r\n");
    Address of = primary;
    if (of != null) {
      out.append("master_host:").append(of.host()).append("\r\n");
      line(out, "master_port", of.port());
      out.append("master_link_status:").append(linkUp ? "up" : "down").append("\r\n");
      if (!linkUp) {
        line(out, "master_link_down_since_seconds", (network.now() - linkLostAt) / 1000);
      }
      line(out, "slave_repl_offset", offset);
      line(out, "replica_copy_complete", isWhole ? 1 : 0);
      line(out, "slave_priority", priority);
    }
    int i = 0;
    for (Map.Entry<String, Long> replica : replicas.entrySet()) {
      if (network.now() - replica.getValue() < 2000) {
        out.append("slave").append(i++).append(":ip=").append(replica.getKey());
        out.append(",port=" + PORT + ",state=online\r\n");
      }
    }
    line(out, "connected_slaves", i);
    out.append("master_replid:").append(history).append("\r\n");
    out.append("master_replid2:").append(secondHistory).append("\r\n");
    line(out, "master_repl_offset", offset);
    out.append("# Keyspace\r\ndb0:keys=1,expires=0\r\n");
    return out.toString();
  }

  private static void line(StringBuilder out, String name, long value) {
    out.append(name).append(':').append(value).append("\r\n");
  }

  String describe() {
    Address of = primary;
    return name
        + (isUp() ? "" : " is down,")
        + (of == null ? " leads" : " follows " + of.host() + (linkUp ? "" : ", not connected"));
  }

  @Override
  public String toString() {
    return name + (isUp() ? "" : " (down)") + " of " + primary + " at " + offset + " up " + linkUp;
  }

  private final class Client implements PeerLink.Listener {
    private final PeerLink link;
    private final ReplyReader reader = new ReplyReader(ReplyReader.ReplyLimits.USUAL);
    private final List<List<String>> queued = new ArrayList<>();
    private boolean queues;
    private final int life = lives;

    Client(PeerLink link) {
      this.link = link;
    }

    @Override
    public void received(PeerLink from, byte[] bytes, int begin, int end) {
      reader.feed(
          bytes,
          begin,
          end,
          request -> {
            run(request.elements().stream().map(word -> String.valueOf(word.text())).toList());
            return true;
          });
    }

    private void send(String reply) {
      link.send(reply.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void run(List<String> words) {
      String command = words.getFirst().toUpperCase(Locale.ROOT);
      if (queues && !command.equals("EXEC")) {
        queued.add(words);
        send("+QUEUED\r\n");
        return;
      }
      switch (command) {
        case "PING" -> send(isLoading ? "-LOADING its data\r\n" : "+PONG\r\n");
        case "INFO" -> {
          if (words.size() > 1) {
            replicas.put(words.get(1), network.now());
          }
          String text = info();
          send("$" + text.length() + "\r\n" + text + "\r\n");
        }
        case "SUBSCRIBE" -> {
          subscribers.add(this);
          send("*3\r\n$9\r\nsubscribe\r\n" + bulk(words.get(1)) + ":1\r\n");
        }
        case "PUBLISH" -> {
          for (Client client : subscribers) {
            if (client.life == lives) {
              client.send("*3\r\n$7\r\nmessage\r\n" + bulk(words.get(1)) + bulk(words.get(2)));
            }
          }
          send(":" + subscribers.size() + "\r\n");
        }
        case "FAILOVER" -> {
          send("+OK\r\n");
          if (words.get(1).equals("ABORT")) {
            return;
          }
          handOver(new Address(words.get(2), Integer.parseInt(words.get(3))));
        }
        case "TAKE" -> {
          follow(null);
          send("+OK\r\n");
        }
        case "MULTI" -> {
          queues = true;
          send("+OK\r\n");
        }
        case "EXEC" -> {
          queues = false;
          for (List<String> each : queued) {
            if (each.getFirst().equals("SLAVEOF")) {
              boolean none = each.get(1).equals("NO");
              follow(none ? null : new Address(each.get(1), Integer.parseInt(each.get(2))));
            }
          }
          send("*" + queued.size() + "\r\n" + "+OK\r\n".repeat(queued.size()));
          queued.clear();
        }
        default -> send("+OK\r\n");
      }
    }

    private static String bulk(String text) {
      return "$" + text.length() + "\r\n" + text + "\r\n";
    }

    @Override
    public void closed(PeerLink ending, String reason) {
      subscribers.remove(this);
    }
  }
}
