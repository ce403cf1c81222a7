package dev.spinel;

import static dev.spinel.Nodes.eventually;
import static dev.spinel.Nodes.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespValue;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A slot that is emptied as redis-cli does it, ten keys at a time: MIGRATE of the keys that
/// GETKEYSINSLOT has just named takes others along.
@Timeout(120)
class EmptiedSlotTest {
  private static final String SLOT = "" + KeySlot.of(Slice.of("{a}"));
  private static final int KEYS = 300;

  private SpinelCluster cluster;
  private int source;
  private int replica;
  private int target;

  @BeforeEach
  void begin() throws Exception {
    cluster = Spinel.cluster(3, 3).nodeTimeoutMillis(5000).start();
    assertThat(cluster.awaitInSync(60_000)).isTrue();
    int owner = Integer.parseInt(SLOT) * 3 / 16384;
    source = cluster.nodes().get(owner).port();
    replica = cluster.nodes().get(owner + 3).port();
    target = cluster.nodes().get((owner + 1) % 3).port();
    for (int i = 0; i < KEYS; i++) {
      Nodes.ok(source, "SET", "{a}" + i, "value " + i);
    }
    Nodes.ok(target, "CLUSTER", "SETSLOT", SLOT, "IMPORTING", text(source, "CLUSTER", "MYID"));
    Nodes.ok(source, "CLUSTER", "SETSLOT", SLOT, "MIGRATING", text(target, "CLUSTER", "MYID"));
  }

  @AfterEach
  void end() {
    cluster.close();
  }

  private static Client connect(int port) throws IOException {
    return Client.connect("127.0.0.1", port).timeoutMillis(20_000);
  }

  private static List<String> named(Client client) throws IOException {
    RespValue reply = client.command("CLUSTER", "GETKEYSINSLOT", SLOT, "10");
    return reply.elements().stream().map(RespValue::text).toList();
  }

  private String migrate(Client client, List<String> keys, String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("MIGRATE", "127.0.0.1", "" + target, "", "0"));
    words.add("5000");
    words.addAll(List.of(options));
    words.add("KEYS");
    words.addAll(keys);
    return text(client.command(words.toArray(new String[0])));
  }

  private static int count(int port) throws IOException {
    return Integer.parseInt(text(port, "CLUSTER", "COUNTKEYSINSLOT", SLOT));
  }

  @Test
  void othersComeAlong() throws Exception {
    try (Client client = connect(source)) {
      assertThat(migrate(client, named(client))).isEqualTo("OK");
      assertThat(named(client)).isEmpty();
    }
    Nodes.ok(target, "CLUSTER", "SETSLOT", SLOT, "NODE", text(target, "CLUSTER", "MYID"));
    for (int i = 0; i < KEYS; i++) {
      assertThat(text(target, "GET", "{a}" + i)).isEqualTo("value " + i);
    }
    eventually(() -> count(replica) == 0);
  }

  /// In turns of some 64 KB, so that nobody waits for long; each key as the tool asks for it.
  @Test
  void ofLargeValuesNotAllComeAtOnce() throws Exception {
    for (int i = 0; i < KEYS; i++) {
      Nodes.ok(source, "SET", "{a}" + i, "x".repeat(4000));
    }
    int turns = 0;
    try (Client client = connect(source)) {
      for (List<String> keys; !(keys = named(client)).isEmpty(); turns++) {
        assertThat(migrate(client, keys)).isEqualTo("OK");
      }
    }
    assertThat(turns).isBetween(8, 29);
    assertThat(count(target)).isEqualTo(KEYS);
  }

  @Test
  void whatIsNotWhatWasNamedGoesAlone() throws Exception {
    try (Client client = connect(source);
        Client other = connect(source)) {
      List<String> keys = named(client);
      assertThat(migrate(other, keys.subList(0, 1))).isEqualTo("OK"); // it was told nothing
      assertThat(migrate(client, keys.subList(1, 3))).isEqualTo("OK"); // not all of them
      assertThat(migrate(client, keys.subList(3, 10))).isEqualTo("OK"); // told too long ago
      keys = named(client);
      assertThat(migrate(client, keys, "COPY")).isEqualTo("OK");
      keys = named(client);
      assertThat(migrate(client, keys, "REPLACE")).isEqualTo("OK");
    }
    assertThat(count(source)).isEqualTo(KEYS - 20);
    assertThat(count(target)).isEqualTo(20);
  }

  @Test
  void inATransactionTheyGoAlone() throws Exception {
    try (Client client = connect(source)) {
      List<String> keys = named(client);
      ok(client, "MULTI");
      assertThat(migrate(client, keys)).isEqualTo("QUEUED");
      assertThat(client.command("EXEC").elements()).hasSize(1);
    }
    assertThat(count(source)).isEqualTo(KEYS - 10);
  }

  private static void ok(Client client, String... command) throws IOException {
    assertThat(text(client.command(command))).isEqualTo("OK");
  }

  /// Nobody has compared the two values: the tool asks what to do once it wants to move that key.
  @Test
  void aKeyThatIsThereWithAnotherValueStays() throws Exception {
    try (Client client = connect(source);
        Client importing = connect(target)) {
      List<String> keys = named(client);
      String other = "{a}0";
      for (int i = 1; keys.contains(other); i++) {
        other = "{a}" + i;
      }
      ok(importing, "ASKING");
      ok(importing, "SET", other, "elsewhere");
      assertThat(migrate(client, keys)).isEqualTo("OK");
      assertThat(named(client)).containsExactly(other);
      assertThat(text(client.command("GET", other))).startsWith("value ");
      assertThat(migrate(client, List.of(other))).contains("BUSYKEY");
      assertThat(migrate(client, List.of(other), "REPLACE")).isEqualTo("OK");
      ok(importing, "ASKING");
      assertThat(text(importing.command("GET", other))).startsWith("value ");
    }
  }

  @Test
  void aUserWithKeysOfItsOwnTakesNoOthers() throws Exception {
    Nodes.ok(source, "ACL", "SETUSER", "mover", "on", "nopass", "+@all");
    try (Client client = connect(source)) {
      ok(client, "AUTH", "mover", "any");
      List<String> keys = named(client);
      keys.forEach(key -> allow("mover", key));
      assertThat(migrate(client, keys)).isEqualTo("OK");
    }
    assertThat(count(source)).isEqualTo(KEYS - 10);
  }

  private void allow(String user, String key) {
    try {
      Nodes.ok(source, "ACL", "SETUSER", user, "~" + key);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Clients go on meanwhile: each write is at one of the two ends.
  @Test
  void clientsLoseNothing() throws Exception {
    long counted = 0;
    try (Client client = connect(source);
        Client writer = connect(source);
        Client importing = connect(target)) {
      Thread mover =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      for (List<String> keys; !(keys = named(client)).isEmpty(); ) {
                        assertThat(migrate(client, keys)).isEqualTo("OK");
                      }
                    } catch (IOException e) {
                      throw new AssertionError(e);
                    }
                  });
      while (mover.isAlive() || counted < 1000) {
        String key = "{a}count" + counted % 7;
        RespValue reply = writer.command("INCR", key);
        if (reply instanceof RespValue.Error error && error.text().startsWith("ASK ")) {
          ok(importing, "ASKING");
          reply = importing.command("INCR", key);
        }
        assertThat(reply.integer()).isEqualTo(counted++ / 7 + 1);
      }
      mover.join();
    }
    assertThat(count(source) + count(target)).isEqualTo(KEYS + 7);
  }
}
