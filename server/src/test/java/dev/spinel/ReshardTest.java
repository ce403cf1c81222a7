package dev.spinel;

import static dev.spinel.Nodes.eventually;
import static dev.spinel.Nodes.ok;
import static dev.spinel.Nodes.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespValue;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Slots that move between nodes, ours and a real one, while clients use them.
@Timeout(180)
class ReshardTest {
  @TempDir Path folder;

  /// Moves a slot as redis-cli does.
  private static void move(int slot, int from, int to) throws IOException {
    String number = Integer.toString(slot);
    String fromId = text(from, "CLUSTER", "MYID");
    String toId = text(to, "CLUSTER", "MYID");
    ok(to, "CLUSTER", "SETSLOT", number, "IMPORTING", fromId);
    ok(from, "CLUSTER", "SETSLOT", number, "MIGRATING", toId);
    try (Client client = Client.connect("127.0.0.1", from).timeoutMillis(20_000)) {
      while (true) {
        RespValue reply = client.command("CLUSTER", "GETKEYSINSLOT", number, "10");
        List<RespValue> keys = ((RespValue.Array) reply).elements();
        if (keys.isEmpty()) {
          break;
        }
        List<String> words = new ArrayList<>(List.of("MIGRATE", "127.0.0.1", "" + to, "", "0"));
        words.addAll(List.of("5000", "KEYS"));
        keys.forEach(key -> words.add(key.text()));
        assertThat(text(client.command(words.toArray(new String[0])))).isIn("OK", "NOKEY");
      }
    }
    ok(to, "CLUSTER", "SETSLOT", number, "NODE", toId);
    ok(from, "CLUSTER", "SETSLOT", number, "NODE", toId);
  }

  /// A client that goes where it is sent.
  private static final class Follower implements AutoCloseable {
    private final Map<Integer, Client> clients = new HashMap<>();
    private final int first;
    private final Map<Integer, Integer> portOf = new HashMap<>(); // by slot

    Follower(int first) {
      this.first = first;
    }

    private Client at(int port) throws IOException {
      Client known = clients.get(port);
      if (known == null) {
        known = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
        clients.put(port, known);
      }
      return known;
    }

    RespValue ask(String key, String... command) throws IOException {
      int slot = KeySlot.of(Slice.of(key));
      int port = portOf.getOrDefault(slot, first);
      boolean asking = false;
      while (true) {
        Client client = at(port);
        if (asking) {
          assertThat(text(client.command("ASKING"))).isEqualTo("OK");
        }
        RespValue reply = client.command(command);
        if (!(reply instanceof RespValue.Error error)) {
          return reply;
        }
        String[] words = error.text().split(" ");
        asking = words[0].equals("ASK");
        if (asking || words[0].equals("MOVED")) {
          port = Integer.parseInt(words[2].substring(words[2].lastIndexOf(':') + 1));
          if (!asking) {
            portOf.put(slot, port);
          }
        } else {
          assertThat(words[0]).as(error.text()).isEqualTo("TRYAGAIN");
          port = portOf.getOrDefault(slot, first);
        }
      }
    }

    @Override
    public void close() {
      clients.values().forEach(Client::close);
    }
  }

  /// Clients count at keys of three slots that move to and fro between two nodes.
  private static void countWhileSlotsMove(int one, int other, int rounds) throws Exception {
    String[] tags = {"{b}", "{06S}", "{3}"};
    AtomicBoolean going = new AtomicBoolean(true);
    long[] counted = new long[3];
    Crowd crowd =
        Crowd.of(
            3,
            i -> {
              try (Follower client = new Follower(one)) {
                for (int n = 0; going.get(); n++) {
                  String tag = tags[n % tags.length];
                  String key = tag + i;
                  if (i == 2) {
                    client.ask(key, "MSET", tag + "pair", "" + n, tag + "twin", "" + n);
                  }
                  long before = counted[i]++;
                  assertThat(((RespValue.Int) client.ask(key, "INCR", key)).value())
                      .as("increments of %s", key)
                      .isEqualTo(before / tags.length + 1);
                }
              }
            });
    int[] slots = new int[tags.length];
    for (int i = 0; i < tags.length; i++) {
      slots[i] = KeySlot.of(Slice.of(tags[i]));
    }
    for (int round = 0; round < rounds; round++) {
      for (int slot : slots) {
        move(slot, round % 2 == 0 ? one : other, round % 2 == 0 ? other : one);
      }
    }
    going.set(false);
    crowd.join();
    try (Follower client = new Follower(one)) {
      for (String tag : tags) {
        RespValue.Array pair =
            (RespValue.Array) client.ask(tag, "MGET", tag + "pair", tag + "twin");
        assertThat(pair.elements().get(0)).isEqualTo(pair.elements().get(1));
      }
    }
  }

  @Test
  void nothingIsLostWhileSlotsMoveBetweenOurNodes() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(5000).start()) {
      assertThat(cluster.awaitInSync(60_000)).isTrue();
      countWhileSlotsMove(cluster.nodes().get(0).port(), cluster.nodes().get(1).port(), 10);
      for (int i = 0; i < 2; i++) {
        SpinelCluster.Node primary = cluster.nodes().get(i);
        SpinelCluster.Node replica = cluster.nodes().get(i + 3);
        assertThat(text(primary.port(), "WAIT", "1", "10000")).isEqualTo("1");
        assertThat(text(replica.port(), "DBSIZE")).isEqualTo(text(primary.port(), "DBSIZE"));
      }
    }
  }

  @Test
  void nothingIsLostWhileSlotsMoveToARealNodeAndBack() throws Exception {
    Assumptions.assumeTrue(RealRedis.binary() != null, "no redis-server");
    try (SpinelCluster cluster = Spinel.cluster(3, 0).nodeTimeoutMillis(5000).start();
        RealRedis real =
            RealRedis.ready(
                folder,
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "5000",
                "--cluster-allow-replica-migration", // it stays a primary without slots
                "no")) {
      int ours = cluster.nodes().get(0).port();
      ok(ours, "CLUSTER", "MEET", "127.0.0.1", "" + real.port());
      eventually(
          () ->
              text(real.port(), "CLUSTER", "INFO").contains("cluster_state:ok")
                  && text(ours, "CLUSTER", "NODES").lines().count() == 4
                  && text(real.port(), "CLUSTER", "NODES").lines().count() == 4
                  && !text(ours, "CLUSTER", "NODES").contains("handshake"));
      countWhileSlotsMove(ours, real.port(), 6);
    }
  }

  @Test
  void whoWaitsOrListensIsToldThatTheSlotLeaves() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 0).nodeTimeoutMillis(5000).start()) {
      int one = cluster.nodes().get(0).port();
      int other = cluster.nodes().get(1).port();
      try (Client waiter = Client.connect("127.0.0.1", one).timeoutMillis(20_000);
          Client listener = Client.connect("127.0.0.1", one).timeoutMillis(20_000);
          Client publisher = Client.connect("127.0.0.1", one).timeoutMillis(20_000)) {
        waiter.send("BLPOP", "b", "0");
        waiter.flush();
        listener.command("SSUBSCRIBE", "b");
        listener.command("SSUBSCRIBE", "{b}2");
        listener.command("SSUBSCRIBE", "{06S}stays");
        assertThat(text(publisher.command("SPUBLISH", "b", "last"))).isEqualTo("1");
        eventually(() -> text(one, "INFO", "clients").contains("blocked_clients:1"));
        move(3300, one, other);
        assertThat(text(waiter.command("PING"))).isEqualTo("-MOVED 3300 127.0.0.1:" + other);
        assertThat(plain(listener.receive())).isEqualTo("[smessage, b, last]");
        List<String> ends = List.of(plain(listener.receive()), plain(listener.receive()));
        assertThat(ends.get(0)).startsWith("[sunsubscribe, ").endsWith(", 2]");
        assertThat(ends.get(1)).startsWith("[sunsubscribe, ").endsWith(", 1]");
        assertThat(String.join(" ", ends)).contains(" b,").contains(" {b}2,");
        assertThat(text(publisher.command("SPUBLISH", "{06S}stays", "m"))).isEqualTo("1");
        assertThat(plain(listener.receive())).isEqualTo("[smessage, {06S}stays, m]");
        assertThat(text(publisher.command("SPUBLISH", "b", "m"))).startsWith("-MOVED 3300 ");
        assertThat(plain(publisher.command("PUBSUB", "SHARDNUMSUB", "b"))).isEqualTo("[b, 0]");
      }
    }
  }

  private static String plain(RespValue reply) {
    return ((RespValue.Array) reply).elements().stream().map(RespValue::text).toList().toString();
  }

  @Test
  void messagesReachTheOtherNodes() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(5000).start()) {
      assertThat(cluster.awaitInSync(60_000)).isTrue();
      int one = cluster.nodes().get(0).port();
      int other = cluster.nodes().get(1).port();
      int replica = cluster.nodes().get(3).port();
      try (Client listener = Client.connect("127.0.0.1", other).timeoutMillis(20_000);
          Client ofShard = Client.connect("127.0.0.1", replica).timeoutMillis(20_000)) {
        listener.command("PSUBSCRIBE", "ch*");
        ofShard.command("SSUBSCRIBE", "b");
        assertThat(text(one, "PUBLISH", "channel", "m1")).isEqualTo("0");
        assertThat(plain(listener.receive())).isEqualTo("[pmessage, ch*, channel, m1]");
        assertThat(text(replica, "PUBLISH", "channel", "of a replica")).isEqualTo("0");
        assertThat(plain(listener.receive())).isEqualTo("[pmessage, ch*, channel, of a replica]");
        assertThat(text(one, "SPUBLISH", "b", "m2")).isEqualTo("0");
        assertThat(plain(ofShard.receive())).isEqualTo("[smessage, b, m2]");
        assertThat(text(other, "SPUBLISH", "b", "m3")).startsWith("-MOVED 3300 ");
      }
    }
  }
}
