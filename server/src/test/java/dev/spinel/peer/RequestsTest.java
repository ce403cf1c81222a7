package dev.spinel.peer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Requests over a simulated link: the other side is played by the test.
class RequestsTest {
  private final SimNetwork network = new SimNetwork(System.nanoTime(), SimNetwork.Conditions.ROUGH);
  private final Requests requests =
      new Requests(network.host("a"), ReplyReader.ReplyLimits.USUAL, 100);
  private final List<String> told = new ArrayList<>();
  private final StringBuilder asked = new StringBuilder();
  private @Nullable PeerLink server;

  RequestsTest() {
    network
        .host("b")
        .listen(
            1,
            link -> {
              if (server == null) {
                server = link;
              }
              return new PeerLink.Listener() {
                @Override
                public void received(PeerLink from, byte[] bytes, int begin, int end) {
                  asked.append(new String(bytes, begin, end - begin, StandardCharsets.ISO_8859_1));
                }

                @Override
                public void closed(PeerLink ended, String reason) {}
              };
            });
    requests.onEnd(reason -> told.add("end: " + reason));
    requests.onPush(push -> told.add("push: " + push.elements().getLast().text()));
  }

  private Requests.Answer noted(String what) {
    return new Requests.Answer() {
      @Override
      public void replied(RespValue reply) {
        told.add(what + ": " + reply.text());
      }

      @Override
      public void failed(String reason) {
        told.add(what + " failed: " + reason);
      }
    };
  }

  private void answer(String text) {
    server.send(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private void dial() {
    requests.dial(new Address("b", 1), new Peers.Dialling(0));
  }

  @Test
  void repliesComeInTheOrderOfTheRequests() {
    requests.ask(0, noted("first"), "PING"); // before there is a link
    dial();
    network.run(1000);
    requests.ask(0, noted("second"), "ECHO", "x");
    network.run(1000);
    assertThat(asked.toString()).isEqualTo("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n");
    answer("+PONG\r\n$1\r\nx\r\n");
    network.run(1000);
    assertThat(told).containsExactly("first: PONG", "second: x");
  }

  @Test
  void pushesAndMessagesAreNoReplies() {
    dial();
    network.run(1000);
    requests.messages();
    requests.ask(0, noted("ping"), "PING");
    answer(">2\r\n+invalidate\r\n+k\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n+PONG\r\n");
    network.run(1000);
    assertThat(told).containsExactly("push: k", "push: hi", "ping: PONG");
  }

  @Test
  void aReplyThatIsLateEndsTheLinkAndFailsAllThatWait() {
    dial();
    network.run(1000);
    requests.ask(500, noted("first"), "PING");
    requests.ask(5000, noted("second"), "PING");
    network.run(2000);
    assertThat(told)
        .containsExactly(
            "first failed: no reply in time",
            "second failed: no reply in time",
            "end: no reply in time");
    requests.ask(500, noted("third"), "PING");
    assertThat(told).contains("third failed: no reply in time");
  }

  @Test
  void repliesInTimeKeepTheAlarmQuiet() {
    dial();
    network.run(1000);
    for (int i = 0; i < 20; i++) {
      requests.ask(500, noted("ping"), "PING");
      answer("+PONG\r\n");
      network.run(300);
    }
    network.run(5000);
    assertThat(told).hasSize(20).containsOnly("ping: PONG");
  }

  @Test
  void aLinkThatNeverStandsFailsItsRequests() {
    requests.ask(0, noted("first"), "PING");
    requests.dial(new Address("b", 2), new Peers.Dialling(0));
    network.run(1000);
    assertThat(told).containsExactly("first failed: Connection refused", "end: Connection refused");
  }

  @Test
  void whatIsNoReplyEndsTheLink() {
    dial();
    network.run(1000);
    requests.ask(0, noted("first"), "PING");
    answer("HTTP/1.0 400\r\n");
    network.run(1000);
    assertThat(told.getFirst())
        .isEqualTo("first failed: Protocol error: no reply begins with 'HTTP/1.0 400'");
  }

  @Test
  void aReplyThatNobodyAskedForEndsTheLink() {
    dial();
    network.run(1000);
    answer("+OK\r\n");
    network.run(1000);
    assertThat(told).containsExactly("end: Protocol error: a reply that nobody has asked for");
  }

  @Test
  void requestsThatWaitAreBounded() {
    for (int i = 0; i < 100; i++) {
      requests.ask(0, noted("waits"), "PING");
    }
    requests.ask(0, noted("last"), "PING");
    assertThat(told).containsExactly("last failed: too many replies are outstanding");
  }

  @Test
  void afterAReplyTheBytesMayBeAStream() {
    StringBuilder stream = new StringBuilder();
    dial();
    network.run(1000);
    requests.ask(
        0,
        new Requests.Answer() {
          @Override
          public void replied(RespValue reply) {
            told.add("psync: " + reply.text());
            requests.stream(
                new PeerLink.Listener() {
                  @Override
                  public void received(PeerLink from, byte[] bytes, int begin, int end) {
                    stream.append(
                        new String(bytes, begin, end - begin, StandardCharsets.ISO_8859_1));
                  }

                  @Override
                  public void closed(PeerLink ended, String reason) {
                    told.add("stream ended: " + reason);
                  }
                });
          }

          @Override
          public void failed(String reason) {
            told.add(reason);
          }
        },
        "PSYNC",
        "?",
        "-1");
    answer("+CONTINUE\r\n*1\r\n$4\r\nPING\r\n");
    network.run(1000);
    answer("anything at all");
    network.run(1000);
    requests.close("done");
    network.run(1000);
    assertThat(stream.toString()).isEqualTo("*1\r\n$4\r\nPING\r\nanything at all");
    assertThat(told).containsExactly("psync: CONTINUE", "stream ended: done", "end: done");
  }
}
