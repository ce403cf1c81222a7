package dev.spinel.server;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import dev.spinel.wire.JavaHeap;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/// The Java heap refuses any one allocation on the way of requests from their socket to their
/// handler. Then the client is told or its connection closes, at once: no bytes of an argument run
/// as a command, no call is half done, nothing stays counted, and the server serves whoever comes.
@ParameterizedClass
@ValueSource(strings = {"nio", "auto"})
@Timeout(240)
class RefusedHeapTest {
  /// What an argument says that is a command if its bytes are taken for one.
  private static final String POISON = "*1\r\n$8\r\nFLUSHALL\r\nFLUSHALL\r\n";

  private static final String NO_ROOM = "-OOM ";

  @Parameter String transport;
  private Server server;
  private final Refusal refusal = new Refusal();
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  /// Refuses allocations of the loops, from one on, by its number, unless a handler makes them.
  private static final class Refusal implements Runnable {
    private boolean armed; // monitor
    private int first; // monitor
    private int last; // monitor
    private int made; // monitor

    synchronized void arm(int number, int inARow) {
      armed = true;
      first = number;
      last = number + inARow - 1;
      made = 0;
    }

    /// Whether it came to the first.
    synchronized boolean disarm() {
      armed = false;
      return made >= first;
    }

    @Override
    public void run() {
      boolean refuses;
      synchronized (this) {
        boolean counts = armed && Thread.currentThread().getName().startsWith("spinel-loop-");
        made += counts ? 1 : 0;
        refuses = counts && made >= first && made <= last;
      }
      if (refuses && !isHandler()) {
        throw new OutOfMemoryError("refused by the test");
      }
    }

    private static boolean isHandler() {
      return StackWalker.getInstance()
          .walk(
              frames ->
                  frames.anyMatch(
                      f ->
                          f.getClassName().endsWith(".Dispatcher")
                              && f.getMethodName().equals("run")));
    }
  }

  @BeforeEach
  void start() throws IOException {
    Config config =
        Config.of("port", "0", "bind", "127.0.0.1", "event-loops", "1", "io-transport", transport);
    server = new Server(config, new Log(config, log), Clock.SYSTEM);
    server.startAtAnyPort();
    JavaHeap.before(refusal);
  }

  @AfterEach
  void stop() {
    JavaHeap.before(null);
    server.close();
  }

  // ── a client ──

  /// What comes back on a connection that says all this, until it closes.
  private String converse(byte[] said) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.setSoTimeout(20_000);
      Thread writer =
          new Thread(
              () -> {
                try {
                  socket.getOutputStream().write(said);
                } catch (IOException e) {
                  return; // it was closed
                }
              });
      writer.start();
      String heard = untilClosed(socket);
      writer.join();
      return heard;
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  private static String untilClosed(Socket socket) throws IOException {
    var heard = new ByteArrayOutputStream();
    byte[] part = new byte[8192];
    try {
      for (int n; (n = socket.getInputStream().read(part)) >= 0; ) {
        heard.write(part, 0, n);
      }
    } catch (SocketTimeoutException deaf) {
      throw new AssertionError("heard " + heard.toString(ISO_8859_1) + loops(), deaf);
    } catch (SocketException reset) {
      return heard.toString(ISO_8859_1); // it closed with input unread
    }
    return heard.toString(ISO_8859_1);
  }

  /// What the loops are doing.
  private static String loops() {
    StringBuilder text = new StringBuilder();
    Thread.getAllStackTraces()
        .forEach(
            (thread, stack) -> {
              if (thread.getName().startsWith("spinel-loop-")) {
                text.append('\n').append(thread).append(Arrays.toString(stack));
              }
            });
    return text.toString();
  }

  private static byte[] requests(String[]... requests) {
    var all = new ByteArrayOutputStream();
    for (String[] words : requests) {
      all.writeBytes(LocalSession.request(words));
    }
    return all.toByteArray();
  }

  private static String[] words(String... words) {
    return words;
  }

  private static String[] many(String command, int count, String prefix, String value) {
    List<String> words = new ArrayList<>(List.of(command));
    for (int i = 0; i < count; i++) {
      words.add(prefix + i);
      if (!value.isEmpty()) {
        words.add(value);
      }
    }
    return words.toArray(String[]::new);
  }

  // ── what must hold ──

  private void isHealthy(String when) throws IOException {
    try (Client client = Client.connect("127.0.0.1", server.port())) {
      assertThat(client.command("PING").text()).as(when).isEqualTo("PONG");
      assertThat(client.command("GET", "marker").text()).as(when).isEqualTo("here");
      String errors = client.command("INFO", "errorstats").text();
      assertThat(errors).as(when).doesNotContain("errorstat_ERR:");
    }
    Awaitility.await(when)
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(1))
        .untilAsserted(() -> assertThat(server.engine.heap.heldBytes()).isZero());
    assertThat(server.failed()).as(when).isFalse();
  }

  /// What a client hears is the beginning of what it should, then perhaps that there was no memory,
  /// and nothing after that; or, of one command or transaction, that there was no room for it.
  private static void isBeginning(String heard, String expected, String when) {
    if (heard.contains(NO_ROOM)) {
      int at = heard.indexOf(NO_ROOM);
      assertThat(expected).as(when).startsWith(heard.substring(0, at));
      assertThat(heard.indexOf("\r\n", at)).as(when).isEqualTo(heard.length() - 2);
    } else {
      assertThat(expected).as(when).startsWith(heard);
    }
  }

  /// What holds after a run, whatever was refused in it.
  private interface Check {
    void run() throws Exception;
  }

  private interface Scenario {
    Check run(String when) throws Exception;
  }

  /// Runs `scenario` with the first allocation refused, the second, … until there is none left.
  private void eachRefused(Scenario scenario) throws Exception {
    eachRefused(scenario, 1);
  }

  /// The same with so many refused one after the other: also that of whoever says that.
  private void eachRefused(Scenario scenario, int inARow) throws Exception {
    try (Client client = Client.connect("127.0.0.1", server.port())) {
      client.command("SET", "marker", "here");
    }
    int number = 0;
    boolean came = true;
    while (came) {
      number++;
      String when = transport + ", allocation " + number;
      refusal.arm(number, inARow);
      Check check = scenario.run(when);
      came = refusal.disarm();
      check.run();
      isHealthy(when);
    }
    assertThat(number).as("there is something to refuse").isGreaterThan(1);
  }

  private String ask(String... command) throws IOException {
    try (Client client = Client.connect("127.0.0.1", server.port())) {
      return client.command(command).text();
    }
  }

  // ── scenarios ──

  /// A command that comes in several reads, between short ones.
  @Test
  void aLongCommandIsRunAsAWholeOrNotAtAll() throws Exception {
    int keys = 3_000;
    String[] mset = many("MSET", keys, "key:", POISON);
    String[] names = many("EXISTS", keys, "key:", "");
    String[] del = many("DEL", keys, "key:", "");
    byte[] said =
        requests(
            words("SET", "before", POISON),
            mset,
            names,
            words("GET", "before"),
            words("HSET", "hash", "f", POISON),
            words("ECHO", POISON),
            words("QUIT"));
    String expected = converse(said);
    assertThat(expected).startsWith("+OK\r\n+OK\r\n:" + keys).endsWith("+OK\r\n");
    Scenario scenario =
        when -> {
          String heard = converse(said);
          return () -> {
            isBeginning(heard, expected.replace(":1\r\n", ":0\r\n"), when);
            assertThat(ask(names)).as(when).isIn("0", Integer.toString(keys));
            ask(del);
          };
        };
    eachRefused(scenario);
    eachRefused(scenario, 3);
  }

  /// A command of so many arguments that its bytes leave the heap while it comes in.
  @Test
  void aVeryLongCommandIsRunAsAWholeOrNotAtAll() throws Exception {
    int keys = 40_000;
    byte[] said = requests(many("MSET", keys, "key:", "value"), words("PING"), words("QUIT"));
    String[] some = {"EXISTS", "key:0", "key:1", "key:20000", "key:39998", "key:39999"};
    String[] del = many("DEL", keys, "key:", "");
    Scenario scenario =
        when -> {
          String heard = converse(said);
          return () -> {
            isBeginning(heard, "+OK\r\n+PONG\r\n+OK\r\n", when);
            String found = ask(some);
            assertThat(found).as(when).isIn("0", "5");
            assertThat(heard.startsWith("+OK") ? "5" : found).as(when).isEqualTo(found);
            if (found.equals("5")) {
              ask(del);
            }
          };
        };
    eachRefused(scenario);
    eachRefused(scenario, 3);
  }

  @Test
  void aTransactionIsRunAsAWholeOrNotAtAll() throws Exception {
    String large = POISON.repeat(3_000);
    List<String[]> all = new ArrayList<>();
    all.add(words("WATCH", "other"));
    all.add(words("MULTI"));
    for (int i = 0; i < 60; i++) {
      all.add(words("INCR", "n" + i % 7));
    }
    all.add(many("MSET", 600, "key:", POISON));
    all.add(words("SET", "large", large));
    all.add(words("INCR", "n0"));
    all.add(words("EXEC"));
    all.add(words("QUIT"));
    byte[] said = requests(all.toArray(String[][]::new));
    eachRefused(
        when -> {
          String heard = converse(said);
          return () -> {
            assertThat(heard).as(when).doesNotContain("-ERR");
            String first = ask("GET", "n0");
            String last = ask("GET", "n6");
            boolean ran = ask("EXISTS", "large", "key:0", "key:599", "n3").equals("4");
            assertThat(first + " " + last).as(when).isEqualTo(ran ? "10 8" : "null null");
            ask("FLUSHDB");
            ask("SET", "marker", "here");
          };
        });
  }

  @Test
  void largeArgumentsAreGivenBack() throws Exception {
    String large = POISON.repeat(4_000);
    byte[] said =
        requests(
            words("SET", "large", large),
            words("ECHO", large),
            words("APPEND", "large", large),
            words("STRLEN", "large"),
            words("DEL", "large"),
            words("QUIT"));
    String expected = converse(said);
    long bytes = server.liveBytes();
    eachRefused(
        when -> {
          String heard = converse(said);
          return () -> {
            isBeginning(heard, expected, when);
            ask("DEL", "large");
          };
        });
    Awaitility.await()
        .untilAsserted(() -> assertThat(server.liveBytes()).isLessThan(bytes + 300_000));
  }

  /// Input of a client that waits is kept; what it waits for comes from another one.
  @Test
  void whoWaitsIsServedOrHearsNothing() throws Exception {
    String[] blpop = {"BLPOP", "list", "list2", "0"};
    byte[] waits = requests(blpop, many("EXISTS", 1_500, POISON, ""), words("QUIT"));
    byte[] pushes = requests(words("RPUSH", "list", "element"), words("QUIT"));
    eachRefused(
        when -> {
          String[] heard = new String[1];
          Thread waiting =
              new Thread(
                  () -> {
                    try {
                      heard[0] = converse(waits);
                    } catch (IOException e) {
                      throw new IllegalStateException(e);
                    }
                  });
          waiting.start();
          String pushed = converse(pushes);
          return () -> {
            isBeginning(pushed, ":1\r\n+OK\r\n", when);
            while (waiting.isAlive()) {
              ask("RPUSH", "list", "another");
              waiting.join(1);
            }
            if (heard[0].startsWith("*")) {
              isBeginning(
                  heard[0].replace("another", "element"),
                  "*2\r\n$4\r\nlist\r\n$7\r\nelement\r\n:0\r\n+OK\r\n",
                  when);
            } else {
              isBeginning(heard[0], "", when);
            }
            ask("DEL", "list");
          };
        });
  }

  /// More clients at once than a turn reads, whose bytes need a larger array.
  @Test
  void ofManyClientsOneAtMostIsLost() throws Exception {
    int count = 100;
    byte[] said = requests(words("SET", "k", POISON.repeat(80)), words("GET", "k"), words("QUIT"));
    String expected = converse(said);
    eachRefused(
        when -> {
          Socket[] sockets = new Socket[count];
          for (int i = 0; i < count; i++) {
            sockets[i] = new Socket("127.0.0.1", server.port());
            sockets[i].setSoTimeout(20_000);
          }
          int lost = 0;
          for (Socket socket : sockets) {
            try {
              socket.getOutputStream().write(said);
            } catch (IOException closed) {
              continue;
            }
          }
          List<String> heard = new ArrayList<>();
          for (Socket socket : sockets) {
            heard.add(untilClosed(socket));
            socket.close();
            lost += heard.getLast().equals(expected) ? 0 : 1;
          }
          int missing = lost;
          return () -> {
            for (String each : heard) {
              isBeginning(each, expected, when);
            }
            assertThat(missing).as(when).isLessThanOrEqualTo(1);
          };
        });
  }

  /// A server of which clients have all that they may have ends when it is told to.
  @Test
  void theServerClosesWhateverIsRefused() throws Exception {
    converse(requests(words("SET", "k", "v"), words("QUIT")));
    refusal.arm(1, 1);
    server.close();
    refusal.disarm();
    assertThat(server.failed()).isFalse();
  }
}
