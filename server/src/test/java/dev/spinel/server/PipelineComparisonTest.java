package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Whole pipelines to Spinel and to a real `redis-server` 7.2: every byte that comes back, messages
/// between replies too, and what a MONITOR is shown.
@Timeout(120)
class PipelineComparisonTest {
  /// The last command: its reply is where comparing ends.
  private static final String END = "PING end-of-it";

  private static RealRedis real;
  private static Spinel spinel;

  @BeforeAll
  static void start() throws Exception {
    real = RealRedis.ready(Files.createTempDirectory("pipelines"));
    assumeTrue(real.isSeven2(), "REDIS_SERVER isn't a 7.2");
    spinel = Spinel.start("enable-debug-command", "yes", "save", "");
  }

  @AfterAll
  static void stop() throws Exception {
    if (spinel != null) {
      spinel.close();
    }
    if (real != null) {
      real.close();
    }
  }

  /// A connection, and whose it is in what is compared.
  private static final class Peer implements AutoCloseable {
    final String name;
    final Socket socket;

    Peer(String name, int port, int protocol) throws IOException {
      this.name = name;
      socket = new Socket("127.0.0.1", port);
      socket.setSoTimeout(20_000);
      socket.setTcpNoDelay(true);
      if (protocol == 3) {
        send("HELLO 3");
        await("modules\r\n*0\r\n");
      }
    }

    void send(String... lines) throws IOException {
      var bytes = new ByteArrayOutputStream();
      for (String line : lines) {
        bytes.writeBytes(LocalSession.request(line.split(" ")));
      }
      socket.getOutputStream().write(bytes.toByteArray());
    }

    /// What comes up to `end`, or until the server closes.
    String await(String end) throws IOException {
      var text = new StringBuilder();
      while (text.indexOf(end) < 0) {
        int next = socket.getInputStream().read();
        if (next < 0) {
          return text + "(closed)";
        }
        text.append((char) next);
      }
      return text.toString();
    }

    /// The same of commands that are sent with [#END] behind them.
    String run(String... lines) throws IOException {
      List<String> all = new ArrayList<>(List.of(lines));
      all.add(END);
      send(all.toArray(String[]::new));
      return await("\r\nend-of-it\r\n");
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private static String pipeline(int port, int protocol, String... lines) throws IOException {
    try (Peer peer = new Peer("M", port, protocol)) {
      return plain(peer.run(lines), peer);
    }
  }

  /// Without what differs from run to run: times, addresses.
  private static String plain(String text, Peer... peers) {
    String plain = text.replaceAll("\\+\\d+\\.\\d{6} \\[", "+T [");
    for (Peer peer : peers) {
      plain = plain.replace("127.0.0.1:" + peer.socket.getLocalPort(), peer.name);
    }
    return plain.replace("\r\n", "|");
  }

  private static void same(String... lines) throws IOException {
    for (int protocol = 2; protocol <= 3; protocol++) {
      assertThat(pipeline(spinel.port(), protocol, lines))
          .as("%s in RESP%d", List.of(lines), protocol)
          .isEqualTo(pipeline(real.port(), protocol, lines));
    }
  }

  @Test
  void whatASessionPublishesItselfComesBehindTheReply() throws Exception {
    same("SUBSCRIBE a", "PUBLISH a x", "PUBLISH a y", "UNSUBSCRIBE a");
    same("SUBSCRIBE a", "PSUBSCRIBE ?", "PUBLISH a x", "RESET");
    same("SUBSCRIBE a", "CLIENT REPLY OFF", "PUBLISH a x", "CLIENT REPLY ON");
    same("SUBSCRIBE a", "CLIENT REPLY SKIP", "PUBLISH a x");
    same("SSUBSCRIBE a", "SPUBLISH a x", "SUNSUBSCRIBE");
    same("SUBSCRIBE a", "PUBLISH a x", "QUIT");
  }

  @Test
  void whatATransactionPublishesComesBehindItAlsoIfItUnsubscribes() throws Exception {
    same("SUBSCRIBE a", "MULTI", "PUBLISH a x", "UNSUBSCRIBE a", "EXEC");
    same("MULTI", "SUBSCRIBE a", "PUBLISH a x", "UNSUBSCRIBE a", "EXEC", "PUBLISH a y");
    same("SUBSCRIBE a b", "MULTI", "PUBLISH a x", "UNSUBSCRIBE a", "PUBLISH b y", "EXEC");
    same(
        "MULTI",
        "PSUBSCRIBE a*",
        "SUBSCRIBE a",
        "PUBLISH a x",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "EXEC");
    same(
        "SUBSCRIBE a",
        "MULTI",
        "PUBLISH a x",
        "UNSUBSCRIBE a",
        "PUBLISH a y",
        "SUBSCRIBE a",
        "PUBLISH a z",
        "EXEC",
        "UNSUBSCRIBE");
    same("SSUBSCRIBE a", "MULTI", "SPUBLISH a x", "SUNSUBSCRIBE a", "EXEC");
    same("SUBSCRIBE a", "MULTI", "PUBLISH a x", "CLIENT REPLY OFF", "EXEC", "CLIENT REPLY ON");
    same("SUBSCRIBE a", "MULTI", "PUBLISH a x", "RESET");
    same("SUBSCRIBE a", "MULTI", "PUBLISH a x", "EXEC", "QUIT");
  }

  @Test
  void eventsOfOwnWritesComeBehindTheirReplies() throws Exception {
    try {
      same("CONFIG SET notify-keyspace-events KEA");
      same("SUBSCRIBE __keyevent@0__:set", "SET a 1", "PING", "SET b 1", "PING");
      same("SUBSCRIBE __keyevent@0__:set", "MSET a 1 b 2", "PING");
      same("SUBSCRIBE __keyevent@0__:set", "MULTI", "SET a 1", "UNSUBSCRIBE", "EXEC", "PING");
      same("SUBSCRIBE __keyevent@0__:lpush __keyevent@0__:lpop", "LPUSH l a", "BLPOP l 0", "PING");
      same("SUBSCRIBE __keyevent@0__:set", "SET a 1", "QUIT");
    } finally {
      same("CONFIG SET notify-keyspace-events K", "FLUSHALL");
    }
  }

  // ── MONITOR ──

  @Test
  void aMonitorSeesItsOwnCommandsBehindTheirReplies() throws Exception {
    same("MONITOR", "PING", "MONITOR", "SELECT 3", "PING", "RESET", "PING");
    same("MONITOR", "MULTI", "PING", "EXEC x", "DISCARD");
    same("MONITOR", "PING", "QUIT");
    same(
        "MONITOR",
        "CLIENT REPLY SKIP",
        "PING",
        "PING",
        "CLIENT REPLY OFF",
        "PING",
        "CLIENT REPLY" + " ON",
        "PING");
    same("MULTI", "MONITOR", "PING", "EXEC", "PING");
  }

  @Test
  void aMonitorMayNotTouchData() throws Exception {
    same(
        "MONITOR",
        "GET k",
        "SET k 1",
        "PUBLISH a b",
        "KEYS *",
        "DBSIZE",
        "WATCH k",
        "UNWATCH",
        "MULTI",
        "INCR k",
        "EXEC",
        "MEMORY USAGE k",
        "FLUSHALL",
        "RESET",
        "SET k 1",
        "DEL k");
  }

  /// Two connections' commands, one after the other, as a third is shown them.
  private static String shown(int port, String... steps) throws IOException {
    try (Peer monitor = new Peer("M", port, 2);
        Peer a = new Peer("A", port, 2);
        Peer b = new Peer("B", port, 2)) {
      a.run("FLUSHALL");
      monitor.send("MONITOR");
      monitor.await("+OK\r\n");
      for (String step : steps) {
        Peer peer = step.startsWith("A:") ? a : b;
        String[] lines = step.substring(2).split(";");
        if (lines[0].startsWith("BL")) {
          peer.send(lines);
          monitor.await(lines[0].split(" ")[1]); // it is shown when it waits
        } else {
          peer.run(lines);
        }
      }
      b.send("RESET", "ECHO over");
      return plain(monitor.await("\"ECHO\" \"over\"\r\n"), monitor, a, b);
    }
  }

  private static void sameShown(String... steps) throws IOException {
    assertThat(shown(spinel.port(), steps))
        .as("%s", List.of(steps))
        .isEqualTo(shown(real.port(), steps));
  }

  @Test
  void aMonitorSeesWhatRanWhenItHasRun() throws Exception {
    sameShown("A:SET k 1;GET k;NOSUCH x;GET;INCR a b;LPUSH k x;SELECT 99;SELECT 3;SET k 1");
    sameShown("A:WATCH k;SET k 1;MULTI;GET k;EXEC", "A:MULTI;SET k 1;DISCARD;EXEC");
    sameShown("A:MULTI;SET a 1;NOSUCH;GET a;EXEC;MULTI;SET a 1;LPUSH a x;GET a;EXEC;MULTI;EXEC");
    sameShown("A:MULTI;SELECT 4;SET a 1;EXEC;SET b 1;RESET");
    sameShown("A:SUBSCRIBE c;GET a;EXEC;UNSUBSCRIBE", "B:PUBLISH c x", "A:MULTI;PING;EXEC x");
    sameShown("A:MULTI;BLPOP l 0;EXEC", "B:sEt A 1;geT A;eXec");
    sameShown("A:HELLO 3 AUTH default secret SETNAME x;HELLO 2 SETNAME y;AUTH default b;AUTH");
    sameShown(
        "A:CONFIG GET hz;CLIENT LIST;CLIENT ID;CLIENT NO-EVICT off;DEBUG SLEEP 0;SLOWLOG GET");
    sameShown("A:CLIENT REPLY OFF;PING;CLIENT REPLY ON;CLIENT REPLY SKIP;PING");
  }

  @Test
  void aMonitorSeesAWaitOnce() throws Exception {
    sameShown("A:BLPOP l 0", "B:LPUSH l x;PING");
    sameShown("A:BLPOP l 0", "B:MULTI;LPUSH l x;PING;EXEC");
    sameShown("A:BLMOVE l k LEFT LEFT 0", "B:LPUSH l x;LPOP k");
  }
}
