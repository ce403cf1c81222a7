package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Links over real sockets, as the interface says that links are.
class LoopPeersTest {
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> failures = new LinkedBlockingQueue<>();
  private final Net net;
  private final Loop loop;
  private final LoopPeers peers;
  private int port;

  LoopPeersTest() throws IOException {
    net =
        Net.start(
            1,
            "peers-test-",
            made -> LoopHooks.NONE,
            new NotedIncidents(failures),
            TransportChoice.NIO);
    loop = net.loops().getFirst();
    peers = new LoopPeers(loop, null);
  }

  @AfterEach
  void nothingFailed() {
    net.close();
    assertThat(failures).isEmpty();
  }

  private void listen() throws IOException {
    var acceptor =
        LoopPeers.acceptor(
            accepted ->
                new PeerLink.Listener() {
                  @Override
                  public void received(PeerLink link, byte[] bytes, int from, int to) {
                    String text = new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
                    if (text.contains("QUIT")) {
                      link.close("asked to");
                    } else if (text.contains("MUCH")) {
                      link.send(("$10000000\r\n" + "x".repeat(10_000_000) + "\r\n").getBytes());
                    } else {
                      link.send("+PONG\r\n".getBytes());
                    }
                  }

                  @Override
                  public void drained(PeerLink link, long unsentBytes) {
                    if (unsentBytes == 0) {
                      told.add("drained");
                    }
                  }

                  @Override
                  public void closed(PeerLink link, String reason) {
                    told.add("accepted link closed: " + reason);
                  }
                });
    port = net.listen(List.of("127.0.0.1"), 0, 511, acceptor).getFirst().port();
  }

  private String next() throws InterruptedException {
    String text = told.poll(10, TimeUnit.SECONDS);
    return text == null ? "nothing" : text;
  }

  private Requests.Answer noted() {
    return new Requests.Answer() {
      @Override
      public void replied(RespValue reply) {
        String text = String.valueOf(reply.text());
        told.add(text.length() > 100 ? text.length() + " bytes" : text);
      }

      @Override
      public void failed(String reason) {
        told.add("failed: " + reason);
      }
    };
  }

  private Requests dial(String host, int to) {
    var made = new CompletableFuture<Requests>();
    loop.post(
        () -> {
          var requests = new Requests(peers, new ReplyReader.ReplyLimits(20_000_000, 4));
          requests.onEnd(reason -> told.add("end: " + reason));
          requests.ask(10_000, noted(), "PING");
          requests.dial(new Address(host, to), new Peers.Dialling(10_000));
          made.complete(requests);
        });
    return made.join();
  }

  @Test
  void aHostNameIsLookedUpAndAnswers() throws Exception {
    listen();
    Requests requests = dial("localhost", port);
    assertThat(next()).isIn("PONG", "drained");
    assertThat(next()).isIn("PONG", "drained");
    loop.post(() -> requests.ask(10_000, noted(), "MUCH"));
    assertThat(List.of(next(), next())).contains("10000000 bytes");
    loop.post(() -> requests.close("enough"));
    assertThat(List.of(next(), next()))
        .containsExactlyInAnyOrder("end: enough", "accepted link closed: connection lost");
  }

  @Test
  void theOtherSidesEndFailsWhatIsAsked() throws Exception {
    listen();
    Requests requests = dial("127.0.0.1", port);
    assertThat(List.of(next(), next())).contains("PONG");
    loop.post(() -> requests.ask(10_000, noted(), "QUIT"));
    assertThat(List.of(next(), next(), next()))
        .containsExactlyInAnyOrder(
            "accepted link closed: asked to", "failed: connection lost", "end: connection lost");
  }

  @Test
  void nobodyListens() throws Exception {
    listen();
    dial("127.0.0.1", 1);
    assertThat(next()).isEqualTo("failed: Connection refused");
    assertThat(next()).isEqualTo("end: Connection refused");
  }

  @Test
  void aNameThatNobodyKnows() throws Exception {
    dial("no.such.host.invalid", 1);
    assertThat(next()).isEqualTo("failed: Name or service not known");
    assertThat(next()).isEqualTo("end: Name or service not known");
  }
}
