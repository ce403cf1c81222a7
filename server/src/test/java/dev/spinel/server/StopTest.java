package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What stops a server, and what doesn't hold it up.
@Timeout(60)
class StopTest {
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  private Server server() throws Exception {
    Config config = Config.of("port", "0", "event-loops", "2", "enable-debug-command", "yes");
    Server server = new Server(config, new Log(config, log), Clock.SYSTEM);
    server.startAtAnyPort();
    return server;
  }

  @Test
  void anEndThatASignalAsksForCanBeTakenBackUntilTheServerComesToIt() throws Exception {
    Config config = Config.of("port", "0", "save", "");
    try (Server server = new Server(config, new Log(config, log), Clock.SYSTEM)) {
      server.startWithoutListening(); // so it never comes to it
      try (LocalSession session = new LocalSession(server)) {
        AtomicBoolean comes = new AtomicBoolean(true);
        Crowd signal = new Crowd().start(() -> comes.set(server.persistence.awaitEnd()));
        await().until(() -> Fixture.say(session, "SHUTDOWN", "ABORT").equals("+OK"));
        signal.join();
        assertThat(comes).isFalse();
        assertThat(Fixture.say(session, "SHUTDOWN", "ABORT"))
            .isEqualTo("-ERR No shutdown in progress.");
        assertThat(Fixture.say(session, "SET", "k", "v")).isEqualTo("+OK");
        signal = new Crowd().start(() -> comes.set(server.persistence.awaitEnd()));
        await()
            .until(
                () -> {
                  server.persistence.cron();
                  return comes.get();
                });
        signal.join();
      }
    }
  }

  @Test
  void whoSleepsHoldsNoStopUp() throws Exception {
    try (Server server = server();
        Client sleeper = Client.connect("127.0.0.1", server.port()).timeoutMillis(20_000)) {
      assertThat(sleeper.command("DEBUG", "SLEEP", "0.01").text()).isEqualTo("OK");
      sleeper.send("DEBUG", "SLEEP", "100");
      sleeper.flush();
      assertThat(sleeper.isQuiet(100)).isTrue();
      server.requestStop();
      server.awaitStop();
      server.close();
      assertThat(server.failed()).isFalse();
    }
  }

  @Test
  void aLoopThatEndsStopsTheServerAsAFailure() throws Exception {
    try (Server server = server();
        Net net =
            Net.start(
                1, "stop-test-", loop -> LoopHooks.NONE, server.incidents, TransportChoice.NIO)) {
      server.incidents.loopEnded(net.loops().getFirst());
      server.awaitStop();
      assertThat(server.failed()).isTrue();
      assertThat(log.toString(StandardCharsets.UTF_8)).contains("Event loop 0 has ended");
    }
  }
}
