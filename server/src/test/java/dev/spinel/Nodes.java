package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;

/// What tests say to nodes on this machine, by their ports.
final class Nodes {
  private Nodes() {}

  static RespValue ask(int port, String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      return client.command(command);
    }
  }

  /// The reply as text; an error begins with `-`.
  static String text(int port, String... command) throws IOException {
    return text(ask(port, command));
  }

  static String text(RespValue reply) {
    return reply instanceof RespValue.Error error
        ? "-" + error.text()
        : String.valueOf(reply.text());
  }

  static void ok(int port, String... command) throws IOException {
    assertThat(text(port, command)).as(String.join(" ", command)).isEqualTo("OK");
  }

  static void eventually(Callable<Boolean> holds) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(60))
        .until(holds);
  }
}
