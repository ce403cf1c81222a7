package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Scripts are debugged with our client and with the stock one: what is shown is equal, byte for
/// byte.
@Timeout(60)
class ScriptDebugTest {
  private static final String SCRIPT =
      """
      local a = redis.call('incr', KEYS[1])
      redis.debug('a', a)
      local b = {a, ARGV[1]}
      return b
      """;

  @TempDir Path directory;
  private Stock stock;
  private int port;
  private Path script;

  @BeforeEach
  void start() throws IOException {
    stock = new Stock(directory);
    port = stock.server();
    script = Files.writeString(directory.resolve("script.lua"), SCRIPT);
  }

  @AfterEach
  void stop() {
    stock.close();
  }

  private Ours compared(String input, Map<String, String> environment, String... words)
      throws IOException {
    List<String> all = new ArrayList<>(List.of("-p", "" + port));
    all.addAll(List.of(words));
    empty();
    Ours expected = Stock.cli(input, environment, all);
    empty();
    Ours ours = Ours.run(input, environment, all);
    assertThat(ours).isEqualTo(expected);
    return ours;
  }

  private void empty() throws IOException {
    try (Client client = Client.connect("127.0.0.1", port)) {
      client.command("FLUSHALL");
    }
  }

  private static final String DIALOGUE =
      """
      b 3
      e 1 + 1
      eval return 'a  b'
      s
      p a
      c
      p b
      r get k
      whole
      nonsense
      restart
      s
      s
      s
      s
      get k
      help nothing
      quit
      """;

  @Test
  void aDialogueShowsTheSame() throws IOException {
    String file = script.toString();
    Ours aside = compared(DIALOGUE, Map.of(), "--ldb", "--eval", file, "k", ",", "v");
    assertThat(aside.out())
        .contains("<retval> 2\n", "1) (integer) 1\n2) \"v\"\n", "dataset changes rolled back")
        .contains("(nil)\n");
    Ours sync = compared(DIALOGUE, Map.of(), "--ldb-sync-mode", "--eval", file, "k", ",", "v");
    assertThat(sync.out()).contains("(Lua debugging session ended)\n\n\"").doesNotContain("rolled");
  }

  @Test
  void aTerminalShowsColours() throws IOException {
    Map<String, String> coloured = Map.of("TERM", "xterm");
    Ours run = compared(DIALOGUE, coloured, "--ldb", "--eval", script.toString(), "k", ",", "v");
    assertThat(run.out()).contains("\033[0;33;49m-> 1   local a");
  }

  @Test
  void aScriptThatCannotRunIsSaidToBeSo() throws IOException {
    Files.writeString(script, "return (");
    Ours run = compared("s\n", Map.of(), "--ldb", "--eval", script.toString());
    assertThat(run.out()).contains("Eval debugging session can't start:\n(error) ERR Error comp");
  }

  @Test
  void aSessionBeginsByHandToo() throws IOException {
    String input =
        """
        set k 5
        script debug yes
        eval "redis.call('incr',KEYS[1]) return 3" 1 k
        s
        get k
        script debug no
        eval "return 4" 0
        """;
    assertThat(compared(input, Map.of()).out()).contains("(integer) 3", "\"5\"", "(integer) 4");
  }

  @Test
  void aFileIsNeeded() throws IOException {
    assertThat(compared("", Map.of(), "--ldb").status()).isEqualTo(1);
  }
}
