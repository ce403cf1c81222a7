package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.wire.Client;
import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Sessions at a terminal (which the system's `script` makes), line for line with our client and
/// with the stock one: what is shown is equal, byte for byte, with prompts, replies and errors. The
/// terminal can do nothing but print, so that neither edits lines: how ours does is tried by
/// [PromptTest].
@Timeout(120)
class SessionsTest {
  /// The end of what is shown while it waits for something to be typed.
  private static final Pattern WAITS =
      Pattern.compile(
          "((127\\.0\\.0\\.1:\\d+(\\[\\d+])?(\\(TX\\))?(\\(subscribed mode\\))?|not connected)> "
              + "|to type command\\)\r)\\z");

  @TempDir static Path directory;
  private static Stock stock;
  private static String port;

  @BeforeAll
  static void start() throws IOException {
    assumeTrue(Stock.isThere("script"), "no program `script`");
    Files.writeString(
        directory.resolve(".redisclirc"), ":set hints\n:set nothing\n\n:nothing at all\nget s\n");
    stock = new Stock(directory);
    port = Integer.toString(stock.server());
  }

  @AfterAll
  static void stop() {
    if (stock != null) stock.close();
  }

  private static void prepare() throws IOException {
    try (Client c = Client.connect("127.0.0.1", Integer.parseInt(port))) {
      for (String line : DifferentialTest.DATA.lines().toList()) {
        c.command(Quoting.split(line).toArray(new String[0]));
      }
    }
  }

  /// What is shown at a terminal that doesn't show what is typed. A line is typed when the one
  /// before has been answered.
  private static String shown(String program, List<String> typed, String... words)
      throws Exception {
    prepare();
    String command =
        "stty -echo -onlcr; echo ready; exec "
            + program
            + " -p "
            + port
            + " "
            + Typist.quoted(List.of(words));
    ProcessBuilder builder = Typist.atTerminal(command);
    builder.environment().putAll(Map.of("TERM", "dumb", "HOME", directory.toString()));
    return Typist.type(builder, WAITS, typed).out();
  }

  private static void compare(List<String> typed, String... words) throws Exception {
    List<String> all = new ArrayList<>(typed);
    all.add("quit");
    String expected = shown("redis-cli", all, words);
    assertThat(withoutIds(shown(PromptTest.ours(), all, words)))
        .as(String.join(" ", words))
        .isEqualTo(withoutIds(expected));
    assertThat(expected).contains("127.0.0.1:" + port + "> ");
  }

  /// HELLO tells the number of the connection.
  private static String withoutIds(String shown) {
    return shown.replaceAll("(\"id\"(?: =>|\n 8\\)) \\(integer\\)) \\d+", "$1");
  }

  @Test
  void repliesInEveryForm() throws Exception {
    List<String> commands = DifferentialTest.COMMANDS.lines().toList();
    int compared = 0;
    for (String[] form :
        new String[][] {
          {}, {"-3"}, {"--raw"}, {"-3", "--no-raw"}, {"--csv"}, {"-2", "--json"}, {"--quoted-json"}
        }) {
      compare(commands, form);
      compared += commands.size();
    }
    assertThat(compared).isGreaterThan(250);
  }

  @Test
  void whatAPromptKnows() throws Exception {
    compare(
        List.of(
            "select 3",
            "multi",
            "set a 1",
            "select 4",
            "get a",
            "exec",
            "select 0",
            "multi",
            "foo",
            "exec",
            "multi",
            "select 7",
            "discard",
            "watch w",
            "3 incr n",
            "0 incr n",
            "-1 ping",
            "\"unbalanced",
            "set k 'a b'",
            "get k;",
            "   ",
            "",
            "echo \"\\x41\\n\\t\\\"\"",
            ":set nohints",
            ":set nothing",
            ":nothing",
            "auth wrong",
            "auth nobody wrong",
            "hello 3",
            "hgetall h",
            "client tracking on",
            "get s",
            "set s other",
            "ping",
            "hello 2",
            "hgetall h",
            "reset",
            "connect 127.0.0.1 1",
            "ping",
            "connect 127.0.0.1 " + port,
            "ping"));
  }

  @Test
  void messages() throws Exception {
    assumeTrue(Stock.isOf72(), "redis-cli before 7.2 takes no commands while it listens");
    for (String protocol : List.of("-2", "-3")) {
      compare(
          List.of(
              "subscribe a b",
              "ping",
              "unsubscribe a",
              "psubscribe c*",
              "unsubscribe",
              "punsubscribe",
              "ssubscribe s",
              "sunsubscribe s",
              "ping"),
          protocol);
    }
  }

  /// A server that goes away and comes back.
  @Test
  void aConnectionThatIsLost() throws Exception {
    compare(List.of("select 2", "client kill type normal skipme no", "ping", "get s"));
  }
}
