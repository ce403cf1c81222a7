package dev.spinel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Servers inside this JVM: they share nothing, print nothing, and leave nothing.
class SpinelTest {
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private PrintStream out;
  private PrintStream err;
  private Set<Thread> before;

  @BeforeEach
  void listen() {
    out = System.out;
    err = System.err;
    PrintStream to = new PrintStream(printed, true, StandardCharsets.UTF_8);
    System.setOut(to);
    System.setErr(to);
    before = threads();
  }

  @AfterEach
  void nothingIsLeftAndNothingWasPrinted() throws InterruptedException {
    System.setOut(out);
    System.setErr(err);
    for (Thread thread : threads()) {
      if (!before.contains(thread)) {
        thread.join(5_000); // one that ends
        assertThat(thread.isAlive()).as(thread.getName()).isFalse();
      }
    }
    assertThat(printed.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  private static Set<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("spinel"))
        .collect(Collectors.toSet());
  }

  @Test
  void startsNoProcessToSaveUnlessItIsWanted() throws IOException {
    for (String wanted : List.of("no", "yes")) {
      String[] settings =
          wanted.equals("yes") ? new String[] {"save-process", "yes"} : new String[0];
      try (Spinel spinel = Spinel.start(settings);
          Client client = Client.connect("127.0.0.1", spinel.port())) {
        assertThat(client.command("CONFIG", "GET", "save-process").elements().getLast().text())
            .isEqualTo(wanted);
      }
    }
  }

  @Test
  void manyInOneJvmShareNothing() throws Exception {
    List<Spinel> servers = new ArrayList<>();
    try {
      for (int i = 0; i < 5; i++) {
        servers.add(Spinel.start("event-loops", "2"));
      }
      for (Spinel one : servers) {
        try (Client client = Client.connect("127.0.0.1", one.port())) {
          assertThat(client.command("DBSIZE").text()).isEqualTo("0");
          client.command("SET", "port", Integer.toString(one.port()));
        }
      }
      servers.removeFirst().close();
      for (Spinel one : servers) {
        try (Client client = Client.connect("127.0.0.1", one.port())) {
          assertThat(client.command("GET", "port").text()).isEqualTo("" + one.port());
        }
      }
    } finally {
      servers.forEach(Spinel::close);
    }
  }

  @Test
  void itClosesUnderLoadAndTwice() throws Exception {
    Spinel spinel = Spinel.start("event-loops", "3", "notify-keyspace-events", "KEA");
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      String key = "k" + i;
      clients.add(
          Thread.startVirtualThread(
              () -> {
                try (Client client = Client.connect("127.0.0.1", spinel.port())) {
                  while (true) {
                    client.command("RPUSH", key, "x".repeat(40_000));
                    client.command("BLPOP", key, "0");
                  }
                } catch (Exception closed) {
                  // as it must come
                }
              }));
    }
    try (Client waiting = Client.connect("127.0.0.1", spinel.port())) {
      waiting.send("BLPOP", "never", "0");
      waiting.flush();
      Thread.sleep(200); // let them work; nothing is checked by this time
      spinel.close();
      spinel.close();
      assertThat(waiting.rawUntilClosed()).isEmpty();
    }
    for (Thread client : clients) {
      client.join(10_000);
      assertThat(client.isAlive()).isFalse();
    }
  }

  @Test
  void shutdownEndsIt() throws Exception {
    try (Spinel spinel = Spinel.start("event-loops", "2");
        Client client = Client.connect("127.0.0.1", spinel.port());
        Client other = Client.connect("127.0.0.1", spinel.port())) {
      client.send("SHUTDOWN", "NOSAVE");
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
      assertThat(other.rawUntilClosed()).isEmpty();
      spinel.awaitStop();
      spinel.close();
      assertThatThrownBy(() -> Client.connect("127.0.0.1", spinel.port()))
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void aBadSettingIsToldAndNothingStarts() {
    assertThatThrownBy(() -> Spinel.start("maxmemory", "plenty"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("argument must be a memory value");
    assertThatThrownBy(() -> Spinel.start("no-such-setting", "1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Bad directive or wrong number of arguments");
    assertThatThrownBy(() -> Spinel.start("rename-command", "NOSUCH x"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("No such command in rename-command");
    assertThatThrownBy(() -> Spinel.start("rename-command", "GET SET"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Target command name already exists");
    assertThatThrownBy(() -> Spinel.start("rename-command", "GET zadd"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Target command name already exists");
    assertThatThrownBy(() -> Spinel.start("user", "alice on nonsense"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Syntax error");
  }

  @Test
  void anErrorNamesTheSettingAndNoLineOfAFileThatIsNotThere() {
    for (String[] settings :
        new String[][] {
          {"maxmemory", "abc", "maxmemory \"abc\": argument must be a memory value"},
          {"save", "", "port", "65536", "port \"65536\": argument must be between 0 and 65535"},
          {"no-such-setting", "1", "no-such-setting 1: Bad directive"},
          {"rename-command", "NOSUCH x", "rename-command NOSUCH x: No such command"},
          {"logfile", "no/such/folder", "Can't open the log file: No such file or directory"},
          {"rename-command", "GET x\nport 7", "rename-command: Bad directive"},
          {"pidfile", "x", "port", "port: its value is null"},
          {"pidfile", "x", "port", "1", "bind", "bind: its value is null"},
          {null, "1", "a directive without a name"},
        }) {
      String expected = settings[settings.length - 1];
      String[] given = Arrays.copyOf(settings, settings.length / 2 * 2);
      if (settings.length % 2 == 0) { // what was to be told stands in the place of the null
        given[given.length - 1] = null;
      }
      assertThatThrownBy(() -> Spinel.start(given))
          .as(expected)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(expected)
          .hasMessageNotContaining("line")
          .hasMessageNotContaining("FILE");
    }
    assertThatThrownBy(() -> Spinel.start("port"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a directive without a value: port");
    assertThatThrownBy(() -> Spinel.start((OutputStream) null, "port", "0"))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("log");
    assertThatThrownBy(() -> Spinel.start((String[]) null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("settings");
  }

  @Test
  void aServerThatNobodyCanReachDoesNotStart() {
    assertThatThrownBy(() -> Spinel.start("bind", ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("bind is empty");
  }

  @Test
  void aPortInUseIsToldAndNothingStarts() throws Exception {
    try (ServerSocket taken = new ServerSocket(0)) {
      String port = Integer.toString(taken.getLocalPort());
      assertThatThrownBy(() -> Spinel.start("bind", "0.0.0.0", "port", port))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining(port);
    }
  }

  @Test
  void anyCommandMayBeRenamedOrTakenAway() throws Exception {
    String[] names = {"EXEC \"\"", "GET once", "ONCE twice", "KEYS \"\"", "ZADD \"\"", "ZREM get"};
    String[] settings = new String[2 * names.length];
    for (int i = 0; i < names.length; i++) {
      settings[2 * i] = "rename-command";
      settings[2 * i + 1] = names[i];
    }
    try (Spinel spinel = Spinel.start(settings);
        Client client = Client.connect("127.0.0.1", spinel.port())) {
      for (String gone : new String[] {"EXEC", "ZREM", "ONCE", "KEYS"}) {
        assertThat(client.command(gone, "k").text())
            .startsWith("ERR unknown command '" + gone + "'");
      }
      client.command("SET", "k", "v");
      assertThat(client.command("TWICE", "k").text()).isEqualTo("v");
      assertThat(client.command("GET", "k").text()).as("ZREM").contains("for 'zrem' command");
      assertThat(client.command("MULTI").text()).isEqualTo("OK");
    }
  }

  @Test
  void aCommandMayGetAnyName() throws Exception {
    String[] names = {
      "b840fc02d524045429941cc15f59e41cb7be6c52", // redis.conf's own example
      "a-name-of-24-characters.",
      "a-name-of-25-characters..",
      "\u00c9t\u00e9", // its bytes as characters are capital letters, too
      "z\u00fcrich-\u6f22\u5b57-\u00c4\u00d6\u00dc-and-more",
      "\"\\xff\\xfe\\x00\"",
      "\"with blanks\"",
      "n".repeat(1000),
    };
    String[] targets = {"CONFIG", "GET", "SET", "DEL", "ECHO", "TTL", "STRLEN", "EXISTS"};
    String[] settings = new String[2 * names.length];
    for (int i = 0; i < names.length; i++) {
      settings[2 * i] = "rename-command";
      settings[2 * i + 1] = targets[i] + " " + names[i];
    }
    try (Spinel spinel = Spinel.start(settings);
        Client client = Client.connect("127.0.0.1", spinel.port())) {
      for (String gone : targets) {
        assertThat(client.command(gone, "k").text()).startsWith("ERR unknown command");
      }
      assertThat(client.command(names[2], "k", "v").text()).isEqualTo("OK");
      assertThat(client.command(names[1].toUpperCase(Locale.ROOT), "k").text()).isEqualTo("v");
      assertThat(client.command(names[0].toUpperCase(Locale.ROOT), "GET", "port").toString())
          .contains("port");
      assertThat(client.command(utf8(names[4]), utf8("hello")).text()).isEqualTo("hello");
      assertThat(
              client
                  .command(utf8("Z\u00fcRICH-\u6f22\u5b57-\u00c4\u00d6\u00dc-AND-MORE"), utf8("x"))
                  .text())
          .isEqualTo("x");
      assertThat(
              client
                  .command(utf8("z\u00fcrich-\u6f22\u5b57-\u00e4\u00f6\u00fc-and-more"), utf8("x"))
                  .text())
          .as("only letters of ASCII have two cases")
          .startsWith("ERR unknown command");
      byte[] raw = {(byte) 0xff, (byte) 0xfe, 0};
      assertThat(client.command(raw, new byte[] {'k'})).isEqualTo(new RespValue.Int(-1));
      assertThat(client.command("with blanks", "k")).isEqualTo(new RespValue.Int(1));
      assertThat(client.command("N".repeat(1000), "k")).isEqualTo(new RespValue.Int(1));
      assertThat(client.command("n".repeat(1001), "k").text()).startsWith("ERR unknown command");
      assertThat(client.command(utf8(names[3]), utf8("k"))).isEqualTo(new RespValue.Int(1));
    }
    assertThatThrownBy(
            () ->
                Spinel.start(
                    "rename-command", "GET " + names[0], "rename-command", "SET " + names[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Target command name already exists");
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
