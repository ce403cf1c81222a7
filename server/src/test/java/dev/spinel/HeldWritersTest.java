package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A slot moves whole while clients write more to it than can be sent: they wait for a moment, and
/// the move comes to its end. Otherwise it would never have little left to send.
@Timeout(180)
class HeldWritersTest {
  private static final int WRITERS = 4;
  private static final int AT_ONCE = 16;
  private static final String VALUE = "x".repeat(500_000);

  private final AtomicBoolean stops = new AtomicBoolean();
  private final AtomicLong written = new AtomicLong();

  /// Writes to the slot of `{fHh}`, 0, until it is told that this has moved. Returns the error.
  private String write(int port, int number) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(60_000)) {
      while (!stops.get()) {
        for (int i = 0; i < AT_ONCE; i++) {
          client.send("SET", "{fHh}" + number + "-" + i, VALUE);
        }
        client.flush();
        for (int i = 0; i < AT_ONCE; i++) {
          if (client.receive() instanceof RespValue.Error error) {
            return error.text();
          }
          written.incrementAndGet();
        }
      }
      return "";
    }
  }

  @Test
  void aSlotThatIsWrittenFasterThanItCanBeSentMovesAllTheSame() throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 0).nodeTimeoutMillis(5000).start()) {
      int source = cluster.nodes().get(0).port();
      int target = cluster.nodes().get(1).port();
      List<String> ends = new ArrayList<>();
      Crowd writers =
          Crowd.of(
              WRITERS,
              number -> {
                String end = write(source, number);
                synchronized (ends) {
                  ends.add(end);
                }
              });
      Awaitility.await().until(() -> written.get() > 200);
      try (Client client = Client.connect("127.0.0.1", target).timeoutMillis(60_000)) {
        RespValue begun = client.command("CLUSTER", "MIGRATION", "IMPORT", "0", "0");
        assertThat(begun).isNotInstanceOf(RespValue.Error.class);
        Awaitility.await()
            .atMost(Duration.ofSeconds(60))
            .until(() -> client.command("GET", "{fHh}0-0") instanceof RespValue.Bulk);
        writers.join();
        assertThat(ends).hasSize(WRITERS).allMatch(end -> end.startsWith("MOVED 0 "));
        assertThat(client.command("CLUSTER", "COUNTKEYSINSLOT", "0"))
            .hasToString(new RespValue.Int(WRITERS * AT_ONCE).toString());
      } finally {
        stops.set(true);
      }
    }
  }
}
