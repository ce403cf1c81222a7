package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ClientTest {
  /// A server that answers whatever comes first with `bytes`, a few at a time, then closes.
  private static Client answeredWith(String bytes) throws IOException {
    ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    Thread.ofVirtual()
        .start(
            () -> {
              try (listener;
                  Socket s = listener.accept()) {
                s.setTcpNoDelay(true);
                InputStream in = s.getInputStream();
                if (in.read(new byte[4096]) < 0) return;
                byte[] b = Requests.bytes(bytes);
                for (int i = 0; i < b.length; i += 3)
                  s.getOutputStream().write(b, i, Math.min(3, b.length - i));
              } catch (IOException e) {
                // the test sees the end of the stream
              }
            });
    return Client.connect("127.0.0.1", listener.getLocalPort());
  }

  @Test
  void repliesOfAllTypesAreRead() throws IOException {
    String replies =
        "+OK\r\n"
            + "-ERR no\r\n"
            + ":-7\r\n"
            + "$5\r\n"
            + "he\r\n"
            + "o\r\n"
            + "$-1\r\n"
            + "*-1\r\n"
            + "_\r\n"
            + ",1.5\r\n"
            + "#t\r\n"
            + "(123456789012345678901234567890\r\n"
            + "=6\r\n"
            + "txt:hi\r\n"
            + "!5\r\n"
            + "ERR x\r\n"
            + "*2\r\n"
            + ":1\r\n"
            + "*1\r\n"
            + "+a\r\n"
            + "%1\r\n"
            + "+k\r\n"
            + ":1\r\n"
            + "~1\r\n"
            + ":2\r\n"
            + "|1\r\n"
            + "+ttl\r\n"
            + ":3\r\n"
            + "+after\r\n"
            + ">1\r\n"
            + "+pushed\r\n"
            + "+end\r\n";
    try (Client c = answeredWith(replies)) {
      assertThat(c.command("X")).isEqualTo(new RespValue.Simple("OK"));
      assertThat(c.receive()).isEqualTo(new RespValue.Error("ERR no"));
      assertThat(c.receive().integer()).isEqualTo(-7);
      assertThat(c.receive()).isEqualTo(new RespValue.Bulk(Requests.bytes("he\r\no")));
      for (int i = 0; i < 3; i++) assertThat(c.receive().isNil()).isTrue();
      assertThat(((RespValue.Double) c.receive()).value()).isEqualTo(1.5);
      assertThat(c.receive()).isEqualTo(new RespValue.Bool(true));
      assertThat(c.receive().text()).isEqualTo("123456789012345678901234567890");
      assertThat(c.receive()).isEqualTo(new RespValue.Verbatim("txt", "hi"));
      assertThat(c.receive().isError()).isTrue();
      assertThat(c.receive())
          .isEqualTo(
              new RespValue.Array(
                  List.of(
                      new RespValue.Int(1),
                      new RespValue.Array(List.of(new RespValue.Simple("a"))))));
      assertThat(c.receive())
          .isEqualTo(new RespValue.Map(List.of(new RespValue.Simple("k"), new RespValue.Int(1))));
      assertThat(c.receive()).isEqualTo(new RespValue.Set(List.of(new RespValue.Int(2))));
      assertThat(c.receive().text()).isEqualTo("after");
      assertThat(c.receive().text()).isEqualTo("end");
      assertThat(c.push().elements()).containsExactly(new RespValue.Simple("pushed"));
      assertThatThrownBy(c::receive).isInstanceOf(IOException.class);
    }
  }

  @Test
  void aBrokenServerIsAnErrorNotAHang() throws IOException {
    for (String bad :
        List.of(
            "?\r\n",
            "*x\r\n",
            "$999999999999\r\n",
            "*999999999999\r\n",
            "*1\r\n".repeat(1000),
            "$5\r\nab")) {
      try (Client c = answeredWith(bad)) {
        assertThatThrownBy(() -> c.command("X")).as(bad).isInstanceOf(IOException.class);
      }
    }
  }

  @Test
  void rawRepliesAreTheBytesThatCame() throws IOException {
    try (Client c = answeredWith("*2\r\n$1\r\na\r\n%1\r\n:1\r\n_\r\n+rest\r\nmore")) {
      c.send("X");
      assertThat(Requests.text(c.raw())).isEqualTo("*2\r\n$1\r\na\r\n%1\r\n:1\r\n_\r\n");
      assertThat(Requests.text(c.rawUntilClosed())).isEqualTo("+rest\r\nmore");
    }
  }

  @Test
  void itTalksToARealServer() throws Exception {
    Optional<String> program = Peer.program();
    assumeTrue(program.isPresent(), "no redis-server here");
    try (Peer peer = Peer.start(program.get());
        Client c = peer.client();
        Client other = peer.client()) {
      assertThat(c.command("PING").text()).isEqualTo("PONG");
      byte[] large = new byte[300_000];
      assertThat(c.command(Requests.bytes("SET"), Requests.bytes("k"), large).text())
          .isEqualTo("OK");
      assertThat(c.command("GET", "k")).isEqualTo(new RespValue.Bulk(large));
      for (int i = 0; i < 10_000; i++) c.send("INCR", "n");
      for (int i = 1; i <= 10_000; i++) assertThat(c.receive().integer()).isEqualTo(i);
      assertThat(c.command("HELLO", "3")).isInstanceOf(RespValue.Map.class);
      c.send("SUBSCRIBE", "news");
      assertThat(c.push().elements().get(0).text()).isEqualTo("subscribe");
      assertThat(c.isQuiet(20)).isTrue();
      assertThat(other.command("PUBLISH", "news", "hi").integer()).isEqualTo(1);
      assertThat(c.command("PING").text()).isEqualTo("PONG");
      assertThat(c.push().elements().get(2).text()).isEqualTo("hi");
    }
  }
}
