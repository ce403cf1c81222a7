package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The same command lines given to our client and to the stock one, against the same server with
/// the same data: output, errors and exit status are equal, byte for byte. What the versions differ
/// in is left out.
@Timeout(120)
class DifferentialTest {
  private static final Map<String, String> PEOPLE = Map.of("FAKETTY", "1");

  @TempDir static Path directory;
  private static Stock stock;
  private static String port;

  @BeforeAll
  static void start() throws IOException {
    stock = new Stock(directory);
    port = Integer.toString(stock.server());
  }

  @AfterAll
  static void stop() {
    if (stock != null) stock.close();
  }

  static final String DATA =
      """
      FLUSHALL
      SET s hello
      SET bin "a\\x00b\\xff\\n\\"q\\\\\\a\\b\\t\\r"
      RPUSH l a b c d e f g h i j
      RPUSH one x
      SADD st m1
      HSET h f v g w
      HSET h1 f v
      ZADD z 1.5 a 2 b
      XADD x 1-1 f v g w
      SET n 10
      """;

  private static void prepare() throws IOException {
    try (Client c = Client.connect("127.0.0.1", Integer.parseInt(port))) {
      for (String line : DATA.lines().toList()) {
        List<String> words = Quoting.split(line);
        c.command(words.toArray(new String[0]));
      }
    }
  }

  private static int compare(String input, Map<String, String> environment, String... words)
      throws IOException {
    List<String> all = new ArrayList<>(List.of("-p", port));
    all.addAll(List.of(words));
    prepare();
    Ours expected = Stock.cli(input, environment, all);
    prepare();
    Ours ours = Ours.run(input, environment, all);
    boolean anyOrder = all.contains("--bigkeys"); // of types: the stock one's is drawn
    assertThat(anyOrder ? sorted(ours) : ours)
        .as(all + " " + environment + " <" + input + ">")
        .isEqualTo(anyOrder ? sorted(expected) : expected);
    return 1;
  }

  private static Ours sorted(Ours run) {
    String out = String.join("\n", run.out().lines().sorted().toList());
    return new Ours(run.status(), out, run.err());
  }

  static final String COMMANDS =
      """
      get s
      get bin
      get none
      lrange l 0 -1
      lrange none 0 -1
      hgetall h
      hgetall h1
      hgetall none
      smembers st
      smembers none
      zrange z 0 -1 withscores
      zscore z a
      incr n
      foo bar
      ping
      xrange x - +
      xread streams x 0
      command info get
      config get port
      set s v ex
      debug protocol string
      debug protocol integer
      debug protocol double
      debug protocol null
      debug protocol array
      debug protocol set
      debug protocol map
      debug protocol verbatim
      debug protocol true
      debug protocol false
      debug protocol push
      mget s none l
      select 99
      eval "return {1,2,{3,'x',{}},false,{{{'deep'}}}}" 0
      eval "return {ok='fine'}" 0
      eval "return {err='bad'}" 0
      latency doctor
      lmpop 1 l left count 2
      object help
      echo ""
      cluster info
      """;

  static final String[][] FORMS = {
    {},
    {"--raw"},
    {"--no-raw"},
    {"--csv"},
    {"--json"},
    {"--quoted-json"},
    {"-3"},
    {"-3", "--no-raw"},
    {"-3", "--csv"},
    {"-3", "--quoted-json"},
    {"-2", "--json"},
    {"-d", ",", "-D", "|", "--raw"},
    {"-e"},
    {"-3", "--show-pushes", "yes"}
  };

  @Test
  void repliesLookTheSameInEveryForm() throws IOException {
    int compared = 0;
    for (String[] form : FORMS) {
      for (String command : COMMANDS.lines().toList()) {
        List<String> words = new ArrayList<>(List.of(form));
        words.addAll(Quoting.split(command));
        compared += compare("", Map.of(), words.toArray(new String[0]));
        boolean plain = form.length == 0 || form[0].equals("-3");
        if (plain) compared += compare("", PEOPLE, words.toArray(new String[0]));
      }
    }
    assertThat(compared).isGreaterThan(500);
  }

  @Test
  void optionsAndTheirMistakesAreTheSame() throws IOException {
    Path script = Files.writeString(directory.resolve("script.lua"), "return {KEYS[1],ARGV[1]}");
    String[][] lines = {
      {"-n", "3", "get", "s"},
      {"-n", "99", "get", "s"},
      {"-r", "3", "incr", "n"},
      {"-r", "0", "incr", "n"},
      {"-r", "2", "-i", "0.01", "incr", "n"},
      {"--nosuch"},
      {"-p"},
      {"-h", "nosuchhost.invalid", "ping"},
      {"-p", "1", "ping"},
      {"-s", "/nonexistent", "ping"},
      {"-a", "x", "ping"},
      {"-a", "x", "--user", "u", "ping"},
      {"-a", "x", "--no-auth-warning", "ping"},
      {"-u", "http://x", "ping"},
      {"-u", "redis://a:b@127.0.0.1:" + port + "/3", "ping"},
      {"-u", "redis://%41%zz@127.0.0.1", "ping"},
      {"-u", "redis://%@127.0.0.1", "ping"},
      {"-u", "redis://127.0.0.1:" + port + "/1", "get", "s"},
      {"-c", "-s", "x", "ping"},
      {"-2", "-3", "ping"},
      {"--rdb", "a", "--functions-rdb", "b"},
      {"-x", "-X", "t", "ping"},
      {"--quoted-input", "get", "\"\\x73\""},
      {"--quoted-input", "get", "\"a"},
      {"--quoted-input", "set", "\"a b\"", "'c d'"},
      {"-e", "foo"},
      {"-e", "--csv", "lpush", "s", "x"},
      {"--show-pushes", "maybe", "ping"},
      {"-3", "--show-pushes", "no", "client", "tracking", "on"},
      {"-c", "get", "s"},
      {"-c", "foo"},
      {"--scan", "--pattern", "h1"},
      {"--scan", "--quoted-pattern", "\"\\x73\""},
      {"--scan", "--quoted-pattern", "\"x"},
      {"--bigkeys", "--pattern", "h1"}, // of several keys chance decides the order
      {"--bigkeys", "--pattern", "l"},
      {"--bigkeys", "--pattern", "nosuch"},
      {"--hotkeys"},
      {"--eval", "/nonexistent"},
      {"--eval", script.toString(), "k", ",", "a"},
      {"--eval", script.toString(), ",", "a"},
      {"--eval", script.toString()},
      {"--cluster", "foo"},
      {"--cluster", "check"},
      {"--cluster", "check", "x"},
      {"--cluster", "check", "127.0.0.1:1"},
      {"--cluster", "check", "127.0.0.1:" + port},
      {"--cluster", "create", "127.0.0.1:" + port, "x"},
      {"--cluster", "set-timeout", "127.0.0.1:" + port, "5"},
      {"--cluster", "import", "127.0.0.1:" + port},
      {"--cluster", "import", "127.0.0.1:" + port, "--cluster-from", "x"},
      {"--cluster", "check", "127.0.0.1", port},
      {"--cluster", "rebalance", "127.0.0.1:" + port, "--cluster-weight", "a=1", "b=2"},
      {"--cluster", "add-node", "127.0.0.1:1", "127.0.0.1:" + port},
      {"--cluster", "backup", "127.0.0.1:" + port, "/tmp"},
      {"--cluster-yes", "--cluster", "check", "--verbose", "127.0.0.1:1"},
      {"--verbose", "get", "s"},
      {"--verbose", "--scan", "--pattern", "h1"},
      {"-t", "5", "ping"}, // not of 7.2
      {"-i", "0.001", "-r", "2", "ping"},
      {"-x"},
      {"--pipe-timeout"},
      {"--rdb", "/nonexistent/file"},
      {"-d", "--", "-D", "==", "lrange", "l", "0", "2"},
    };
    for (String[] line : lines) {
      compare("", Map.of(), line);
      compare("", PEOPLE, line);
    }
  }

  @Test
  void whatComesFromStandardInputIsTreatedTheSame() throws IOException {
    String[][] lines = {
      {"abc\n\0\u00ff", "-x", "set", "s"},
      {"abc", "-X", "tag", "set", "tag", "v"},
      {"abc", "-X", "tag", "set", "k", "v"},
      {"127.0.0.1:1", "-x", "--cluster", "check"},
      {"127.0.0.1:1", "-X", "tag", "--cluster", "check", "tag"},
      {"127.0.0.1:1", "-X", "tag", "--cluster", "check", "other"},
      {"get s\nset s \"a\\x00b\"\nget s\nfoo\n\"bad\nquit\nping\n"},
      {"\n\n  \nping"},
      {"3 incr n\n0 ping\n-2 ping\nselect 2\nget s\n"},
      {":set hints\n:set foo\n:foo\nrestart\n"},
      {"connect 127.0.0.1 1\nping\n"},
      {"multi\nset s 1\nget s\nexec\nhgetall h\n"},
      {"auth a b\nget s\n"},
      {"exit\n"},
      {"set k \u00ff\nget k\n"},
      {"multi\nselect 3\ndiscard\nget s\nselect 3\nmulti\nexec\nreset\nget s\n"},
      {"lrange l 0 -1\nhgetall h\nfoo\n", "--csv"},
      {"lrange l 0 -1\nhgetall h\nfoo\n", "--json"},
      {"SET a 1\r\nGET a\r\nFOO\r\n*1\r\n$4\r\nPING\r\n", "--pipe"},
      {"", "--pipe"},
      {"*2\r\n$3\r\n", "--pipe", "--pipe-timeout", "1"},
    };
    for (String[] line : lines) {
      String[] words = List.of(line).subList(1, line.length).toArray(new String[0]);
      compare(line[0], Map.of(), words);
      compare(line[0], PEOPLE, words);
    }
  }

  /// A server with a password, and a socket in the file system.
  @Test
  void passwordsComeFromManyPlaces() throws IOException {
    String socket = directory.resolve("socket").toString();
    String guarded =
        Integer.toString(
            stock.server(
                "--requirepass",
                "secret",
                "--unixsocket",
                socket,
                "--user",
                "someone",
                "on",
                ">other",
                "~*",
                "+@all"));
    String uri = "redis://someone:other@127.0.0.1:" + guarded;
    Map<String, String> known = Map.of("REDISCLI_AUTH", "secret");
    Map<String, String> wrong = Map.of("REDISCLI_AUTH", "wrong");
    String[][] lines = {
      {"", "ping"},
      {"secret\n", "--askpass", "ping"},
      {"wrong\n", "--askpass", "ping"},
      {"", "--askpass", "ping"},
      {"secret\nping\nget none\n", "--askpass"},
      {"other\n", "--user", "someone", "--askpass", "acl", "whoami"},
      {"secret\n", "--askpass", "-a", "wrong", "ping"},
      {"", "-a", "secret", "ping"},
      {"", "--pass", "secret", "ping"},
      {"", "--user", "someone", "-a", "other", "acl", "whoami"},
      {"", "--user", "someone", "--pass", "secret", "acl", "whoami"},
      {"", "--user", "nobody", "-a", "x", "--no-auth-warning", "acl", "whoami"},
      {"", "-u", uri + "/2", "acl", "whoami"},
      {"", "-u", uri, "-3", "acl", "whoami"},
      {"", "-a", "secret", "-3", "hello"},
      {"", "-a", "wrong", "--scan"},
      {"", "-a", "secret", "--scan"},
      {"ping\nauth secret\nping\nreset\nping\nauth someone other\nacl whoami\n"},
      {"", "-s", socket, "ping"},
      {"", "-s", socket, "-a", "secret", "-n", "2", "ping"},
      {"ping\nselect 3\n", "-s", socket, "-a", "secret"},
    };
    for (Map<String, String> environment : List.of(Map.<String, String>of(), known, wrong)) {
      for (String[] line : lines) {
        List<String> words = new ArrayList<>(List.of("-p", guarded)); // a URI goes before
        words.addAll(List.of(line).subList(1, line.length));
        Ours ours = Ours.run(line[0], environment, words);
        assertThat(withoutIds(ours))
            .as(words + " " + environment + " <" + line[0] + ">")
            .isEqualTo(withoutIds(Stock.cli(line[0], environment, words)));
      }
    }
  }

  /// HELLO tells the number of the connection.
  private static Ours withoutIds(Ours run) {
    return new Ours(run.status(), run.out().replaceAll("(?m)^(id )?\\d+$", "id"), run.err());
  }

  /// A dump on standard output. The times of saving differ; and where a mark tells the end of the
  /// dump, the stock client can't cut it off there.
  @Test
  void aDumpGoesThroughAPipe() throws IOException {
    for (String mode : List.of("--rdb", "--functions-rdb")) {
      prepare();
      Ours ours = Ours.run("", Map.of(), List.of("-p", port, mode, "-"));
      Ours expected = Stock.cli("", Map.of(), List.of("-p", port, mode, "-"));
      assertThat(ours.status()).as(ours.err()).isEqualTo(expected.status()).isZero();
      assertThat(ours.err().replaceAll("\\d+", "N"))
          .isEqualTo(expected.err().replaceAll("\\d+", "N"));
      assertThat(ours.out()).startsWith("REDIS");
      assertThat(expected.out().length() - ours.out().length()).isIn(0, 40);
    }
  }

  @Test
  void aDumpArrivesWhole() throws IOException {
    prepare();
    Path file = directory.resolve("fetched.rdb");
    Ours ours = Ours.run("", Map.of(), List.of("-p", port, "--rdb", file.toString()));
    assertThat(ours.status()).as(ours.err()).isZero();
    assertThat(ours.err()).contains("sending REPLCONF capa eof", "Transfer finished with success");
    byte[] dump = Files.readAllBytes(file);
    assertThat(new String(dump, 0, 5, java.nio.charset.StandardCharsets.ISO_8859_1))
        .isEqualTo("REDIS");
    assertThat(dump[dump.length - 9]).isEqualTo((byte) 0xff); // the end, then the checksum
  }
}
