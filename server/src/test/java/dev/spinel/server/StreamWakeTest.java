package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.Spinel;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Calls that wait for entries of streams, of clients on several loops: they are served in the
/// order in which they came, each entry of a group once, however it gets there.
@Timeout(120)
class StreamWakeTest {
  private static final int WAITERS = 7;
  private static final Pattern ID = Pattern.compile("\r\n(\\d+-\\d+)\r\n");

  private Spinel spinel;
  private RawPeer writer;
  private final List<RawPeer> peers = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    spinel = Spinel.start("event-loops", "3", "save", "");
    writer = peer();
  }

  @AfterEach
  void stop() throws Exception {
    for (RawPeer each : peers) {
      each.close();
    }
    spinel.close();
  }

  private RawPeer peer() throws IOException {
    RawPeer made = new RawPeer(spinel.port(), 2);
    synchronized (peers) {
      peers.add(made);
    }
    return made;
  }

  /// A client that waits, behind those that wait already.
  private RawPeer waiter(String... call) throws IOException {
    int before = waiting();
    RawPeer made = peer();
    made.send(call);
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(1))
        .until(() -> waiting() == before + 1);
    return made;
  }

  private int waiting() throws IOException {
    Matcher found =
        Pattern.compile("blocked_clients:(\\d+)").matcher(writer.ask("INFO", "clients"));
    assertThat(found.find()).isTrue();
    return Integer.parseInt(found.group(1));
  }

  private static String idIn(String reply) {
    Matcher id = ID.matcher(reply);
    return id.find() ? id.group(1) : reply;
  }

  /// By one write each, by a transaction, and by a script.
  @ParameterizedTest
  @ValueSource(strings = {"singly", "EXEC", "EVAL"})
  void ofAGroupTheFirstToComeGetsTheFirstEntry(String how) throws IOException {
    writer.ask("XGROUP", "CREATE", "stream", "group", "$", "MKSTREAM");
    List<RawPeer> waiters = new ArrayList<>();
    for (int i = 0; i < WAITERS; i++) {
      waiters.add(
          waiter(
              "XREADGROUP",
              "GROUP",
              "group",
              "c" + (WAITERS - i),
              "COUNT",
              "1",
              "BLOCK",
              "0",
              "STREAMS",
              "stream",
              ">"));
    }
    RawPeer listens = waiter("XREAD", "BLOCK", "0", "STREAMS", "stream", "$");
    add(how);
    for (int i = 0; i < WAITERS; i++) {
      assertThat(idIn(waiters.get(i).read(""))).isEqualTo(i + 1 + "-0");
    }
    assertThat(listens.read("")).contains("\r\n1-0\r\n");
    assertThat(writer.ask("XLEN", "stream")).isEqualTo(":" + WAITERS + "\r\n");
    assertThat(writer.ask("XPENDING", "stream", "group")).startsWith("*4\r\n:" + WAITERS + "\r\n");
    assertThat(waiting()).isZero();
  }

  private void add(String how) throws IOException {
    if (how.equals("EVAL")) {
      String script =
          "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], i .. '-0', 'f', 'v') end return"
              + " 'added'";
      assertThat(writer.ask("EVAL", script, "1", "stream", "" + WAITERS)).contains("added");
      return;
    }
    if (how.equals("EXEC")) {
      writer.ask("MULTI");
    }
    for (int i = 1; i <= WAITERS; i++) {
      writer.ask("XADD", "stream", i + "-0", "f", "v");
    }
    if (how.equals("EXEC")) {
      assertThat(writer.ask("EXEC")).startsWith("*" + WAITERS + "\r\n");
    }
  }

  /// Of two streams, and of two groups of one; a group that goes tells its own.
  @Test
  void eachIsServedFromItsOwn() throws IOException {
    for (String group : List.of("one", "two")) {
      writer.ask("XGROUP", "CREATE", "{s}a", group, "$", "MKSTREAM");
      writer.ask("XGROUP", "CREATE", "{s}b", group, "$", "MKSTREAM");
    }
    String[] both = {
      "XREADGROUP",
      "GROUP",
      "one",
      "c",
      "COUNT",
      "1",
      "BLOCK",
      "0",
      "STREAMS",
      "{s}a",
      "{s}b",
      ">",
      ">"
    };
    RawPeer first = waiter(both);
    RawPeer second = waiter(both);
    String[] other = both.clone();
    other[2] = "two";
    RawPeer third = waiter(other);
    RawPeer fourth = waiter(other);
    assertThat(writer.ask("XADD", "{s}b", "5-0", "f", "v")).contains("5-0");
    assertThat(first.read("")).contains("{s}b").contains("5-0");
    assertThat(third.read("")).contains("{s}b").contains("5-0");
    assertThat(writer.ask("XADD", "{s}a", "6-0", "f", "v")).contains("6-0");
    assertThat(second.read("")).contains("{s}a").contains("6-0");
    assertThat(fourth.read("")).contains("{s}a").contains("6-0");
    RawPeer told = waiter(other);
    RawPeer waits = waiter(both);
    writer.ask("XGROUP", "DESTROY", "{s}a", "two");
    assertThat(told.read("")).startsWith("-NOGROUP");
    writer.ask("DEL", "{s}a");
    assertThat(waits.read("")).startsWith("-NOGROUP");
  }

  private static final int WRITERS = 2;
  private static final int READERS = 4;
  private static final int ENTRIES = 1_000;

  /// Writers and readers at once: each entry is delivered once, to each reader in order.
  @Test
  void eachEntryIsDeliveredOnce() throws Exception {
    writer.ask("XGROUP", "CREATE", "stream", "group", "$", "MKSTREAM");
    AtomicInteger left = new AtomicInteger(ENTRIES);
    ConcurrentLinkedQueue<String> delivered = new ConcurrentLinkedQueue<>();
    Crowd crowd = new Crowd();
    for (int i = 0; i < WRITERS; i++) {
      RawPeer peer = peer();
      crowd.start(
          () -> {
            while (left.getAndDecrement() > 0) {
              peer.ask("XADD", "stream", "*", "field", "value");
            }
          });
    }
    for (int i = 0; i < READERS; i++) {
      RawPeer peer = peer();
      String[] read = {
        "XREADGROUP",
        "GROUP",
        "group",
        "c" + i,
        "COUNT",
        "2",
        "BLOCK",
        "2000",
        "STREAMS",
        "stream",
        ">"
      };
      crowd.start(
          () -> {
            long[] last = {0, 0};
            while (delivered.size() < ENTRIES) {
              String reply = peer.ask(read);
              if (reply.startsWith("*-1") && delivered.size() < ENTRIES) {
                continue; // nobody wrote for two seconds
              }
              Matcher id = ID.matcher(reply);
              List<String> acknowledged = new ArrayList<>(List.of("XACK", "stream", "group"));
              while (id.find()) {
                String[] parts = id.group(1).split("-");
                long[] now = {Long.parseLong(parts[0]), Long.parseLong(parts[1])};
                assertThat(compare(last, now)).as("in order").isNegative();
                last = now;
                delivered.add(id.group(1));
                acknowledged.add(id.group(1));
              }
              if (acknowledged.size() > 3) {
                peer.ask(acknowledged.toArray(String[]::new));
              }
            }
          });
    }
    awaitAll(delivered);
    for (int i = 0; i < READERS; i++) { // who still waits gets one that isn't counted
      writer.ask("XADD", "stream", "*", "field", "last");
    }
    crowd.join();
    Set<String> different = new TreeSet<>(delivered);
    assertThat(different).hasSize(delivered.size()).hasSizeGreaterThanOrEqualTo(ENTRIES);
    assertThat(writer.ask("XPENDING", "stream", "group")).startsWith("*4\r\n:0\r\n");
  }

  private static void awaitAll(ConcurrentLinkedQueue<String> delivered) {
    await().atMost(Duration.ofSeconds(60)).until(() -> delivered.size() >= ENTRIES);
  }

  private static int compare(long[] a, long[] b) {
    return a[0] != b[0] ? Long.compare(a[0], b[0]) : Long.compare(a[1], b[1]);
  }
}
