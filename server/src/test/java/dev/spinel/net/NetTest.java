package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import java.io.IOException;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NetTest {
  private final Toy toy = new Toy();
  private final Queue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
  private final Queue<String> skipped = new ConcurrentLinkedQueue<>();
  private Net net;
  private int port;

  @BeforeEach
  void start() throws IOException {
    net = Net.start(2, "net-test-", loop -> LoopHooks.NONE, new Noted());
    port = net.listen(List.of("127.0.0.1"), 0, 511, toy).getFirst().port();
  }

  @AfterEach
  void stop() {
    net.close();
  }

  @Test
  void answers() throws IOException {
    try (var client = Client.connect("127.0.0.1", port)) {
      assertThat(client.command("PING")).isEqualTo(new dev.spinel.wire.Reply.Simple("PONG"));
    }
  }

  private final class Noted implements Incidents {
    @Override
    public void uncaught(Throwable cause, Connection connection) {
      uncaught.add(cause);
    }

    @Override
    public void acceptFailed(Listener listener, IOException cause) {
      uncaught.add(cause);
    }

    @Override
    public void addressSkipped(String message) {
      skipped.add(message);
    }
  }
}
