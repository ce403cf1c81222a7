package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Session;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// A publisher that is faster than its listeners waits for them; nothing is lost.
class PressureTest {
  private static final int LISTENERS = 100;
  private static final int MESSAGES = 3_000;
  private static final int MONITORS = 20;

  @Test
  void aFastPublisherWaitsForItsListeners() throws Exception {
    for (String loops : List.of("1", "3")) {
      Config config = Config.of("port", "0", "event-loops", loops);
      try (Server server =
          new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM)) {
        server.startAtAnyPort();
        List<Client> listeners = new ArrayList<>();
        AtomicBoolean stop = new AtomicBoolean();
        long[] most = new long[1];
        Thread watcher =
            new Thread(
                () -> {
                  while (!stop.get()) {
                    most[0] = Math.max(most[0], server.engine.pressure.bytes());
                  }
                });
        try (Client publisher = connect(server)) {
          for (int i = 0; i < LISTENERS; i++) {
            Client listener = connect(server);
            listeners.add(listener);
            listener.command("SUBSCRIBE", "news");
          }
          watcher.start();
          ByteArrayOutputStream pipeline = new ByteArrayOutputStream();
          for (int i = 0; i < MESSAGES; i++) {
            pipeline.writeBytes(LocalSession.request("PUBLISH", "news", "message " + i));
          }
          publisher.sendRaw(pipeline.toByteArray());
          publisher.flush();
          for (int i = 0; i < MESSAGES; i++) {
            assertThat(publisher.receive().text()).isEqualTo("" + LISTENERS);
          }
          for (Client listener : listeners) {
            for (int i = 0; i < MESSAGES; i++) {
              assertThat(listener.raw()).asString().endsWith("message " + i + "\r\n");
            }
          }
        } finally {
          stop.set(true);
          watcher.join();
          for (Client listener : listeners) {
            listener.close();
          }
        }
        assertThat(most[0]).as("bytes on their way").isLessThan(2_000_000L);
        assertThat(server.engine.pressure.bytes()).isZero();
      }
    }
  }

  @Test
  void aFastClientWaitsForMonitors() throws Exception {
    for (String loops : List.of("1", "3")) {
      Config config = Config.of("port", "0", "event-loops", loops);
      try (Server server =
          new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM)) {
        server.startAtAnyPort();
        AtomicBoolean stop = new AtomicBoolean();
        long[] most = new long[1];
        Thread watcher =
            new Thread(
                () -> {
                  while (!stop.get()) {
                    most[0] = Math.max(most[0], server.engine.pressure.bytes());
                  }
                });
        List<Client> monitors = new ArrayList<>();
        try (Client client = connect(server)) {
          for (int i = 0; i < MONITORS; i++) {
            monitors.add(connect(server));
            assertThat(monitors.get(i).command("MONITOR").text()).isEqualTo("OK");
          }
          watcher.start();
          ByteArrayOutputStream pipeline = new ByteArrayOutputStream();
          for (int i = 0; i < MESSAGES; i++) {
            pipeline.writeBytes(LocalSession.request("ECHO", "x".repeat(500)));
          }
          client.sendRaw(pipeline.toByteArray());
          client.flush();
          for (int i = 0; i < MESSAGES; i++) {
            assertThat(client.receive().text()).hasSize(500);
          }
          for (Client monitor : monitors) {
            for (int i = 0; i < MESSAGES; i++) {
              assertThat(monitor.raw()).asString().endsWith("xx\"\r\n");
            }
          }
        } finally {
          stop.set(true);
          watcher.join();
          for (Client monitor : monitors) {
            monitor.close();
          }
        }
        assertThat(most[0]).as("bytes on their way").isLessThan(2_000_000L);
        assertThat(server.engine.pressure.bytes()).isZero();
      }
    }
  }

  @Test
  void mailOfWhoIsGoneIsNotWaitedFor() {
    try (Fixture fixture = new Fixture()) {
      LocalSession listener = fixture.session();
      LocalSession publisher = fixture.session();
      listener.run("SUBSCRIBE", "news");
      publisher.run("PUBLISH", "news", "x".repeat(10_000));
      assertThat(fixture.server.engine.pressure.bytes()).isPositive();
      listener.close();
      assertThat(fixture.server.engine.pressure.bytes()).isZero();
    }
  }

  @Test
  void aMessageThatFailsStopsNoOther() {
    try (Fixture fixture = new Fixture()) {
      LocalSession listener = fixture.session();
      List<String> heard = new ArrayList<>();
      var dispatcher = fixture.session().dispatcher();
      for (int i = 0; i < 5; i++) {
        String text = "" + i;
        dispatcher
            .recorder()
            .push(
                new Session[] {listener.session()},
                new byte[1000],
                (to, bytes, position) -> {
                  heard.add(text);
                  if (text.equals("1")) {
                    throw new IllegalStateException("no room for it");
                  }
                });
      }
      assertThatThrownBy(listener::run).hasMessage("no room for it");
      assertThat(heard).containsExactly("0", "1", "2", "3", "4");
      assertThat(fixture.server.engine.pressure.bytes()).isZero();
    }
  }

  private static Client connect(Server server) throws Exception {
    return Client.connect("127.0.0.1", server.port()).timeoutMillis(30_000);
  }
}
