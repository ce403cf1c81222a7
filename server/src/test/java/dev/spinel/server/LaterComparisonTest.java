package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What Spinel has of versions after 7.2, beside recordings of servers of those versions: hardly a
/// machine has one.
///
/// The recordings are `src/test/resources/compare-later/*.txt`. A line that begins with `> ` is one
/// of [ComparisonTest]'s scripts; the next one is the reply, in RESP2, with its line ends as `~`.
/// To record again after a change, run this class's `main` with a server's binary and the files: it
/// keeps the lines and writes the replies anew.
///
/// Those of [ComparisonTest]'s scripts that need a 7.2 are run beside what 7.2.6 replied, too,
/// since most machines have an older one: `compare-7.2.6/NAME.txt` has the replies to
/// `compare/NAME.txt`, in the same form. `main` writes a file of that name anew.
class LaterComparisonTest {
  private static final String SENT = "> ";
  private static final Pattern TAKEN = Pattern.compile("flags=\\w*b|cmd=client\\|reply");

  public static void main(String[] arguments) throws Exception {
    List<String> settings = List.of("--save", "", "--enable-debug-command", "yes", "--port");
    for (int i = 1; i < arguments.length; i++) {
      Path file = Path.of(arguments[i]);
      Path directory = Files.createTempDirectory("later");
      int port = RealRedis.freePort();
      List<String> all = new ArrayList<>(settings);
      all.add("" + port);
      try (RealRedis redis = RealRedis.start(Path.of(arguments[0]), directory, port, "", all)) {
        if (!redis.answers()) {
          throw new AssertionError(redis.errorOutput());
        }
        if (file.getParent().endsWith("compare-7.2.6")) {
          Files.writeString(file, replies(script(file), port), StandardCharsets.ISO_8859_1);
          continue;
        }
        List<String> kept = lines(file).stream().filter(LaterComparisonTest::isKept).toList();
        Files.writeString(file, answered(kept, port), StandardCharsets.ISO_8859_1);
      }
    }
  }

  /// The lines, each of those that are sent with its reply behind it.
  private static String answered(List<String> lines, int port) throws Exception {
    StringBuilder text = new StringBuilder();
    try (Connections connections = new Connections(port)) {
      for (String line : lines) {
        text.append(line).append('\n');
        if (line.startsWith(SENT)) {
          String reply = connections.ask(ScriptLine.of(line.substring(SENT.length())));
          if (!reply.isEmpty()) {
            text.append(reply).append('\n');
          }
        }
      }
    }
    return text.toString();
  }

  private static List<String> lines(Path file) throws IOException {
    return Files.readAllLines(file, StandardCharsets.ISO_8859_1);
  }

  /// The lines of the script whose replies this file has.
  private static List<String> script(Path replies) throws IOException {
    Path script = replies.resolveSibling("../compare").resolve(replies.getFileName());
    return lines(script).stream()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(line -> SENT + line)
        .toList();
  }

  private static String replies(List<String> script, int port) throws Exception {
    return answered(script, port)
        .lines()
        .filter(line -> !line.startsWith(SENT))
        .collect(Collectors.joining("\n", "", "\n"));
  }

  static List<Path> files() throws Exception {
    return files("/compare-later");
  }

  static List<Path> filesOfSeven2() throws Exception {
    return files("/compare-7.2.6");
  }

  private static List<Path> files(String name) throws Exception {
    Path folder = Path.of(LaterComparisonTest.class.getResource(name).toURI());
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "*.txt")) {
      all.forEach(files::add);
    }
    assertThat(files).isNotEmpty();
    return files;
  }

  @ParameterizedTest
  @MethodSource("filesOfSeven2")
  void repliesAreThoseOfSeven2(Path file, @TempDir Path folder) throws Exception {
    List<String> recorded = new ArrayList<>();
    List<String> replies = lines(file);
    List<String> script = script(file);
    int next = 0;
    for (String line : script) {
      recorded.add(line);
      if (hasReply(ScriptLine.of(line.substring(SENT.length())))) {
        recorded.add(replies.get(next++));
      }
    }
    assertThat(next).isEqualTo(replies.size());
    compare(recorded, script, folder);
  }

  @ParameterizedTest
  @MethodSource("files")
  void repliesAreAsRecorded(Path file, @TempDir Path folder) throws Exception {
    List<String> recorded = lines(file);
    compare(recorded, recorded.stream().filter(LaterComparisonTest::isKept).toList(), folder);
  }

  private static void compare(List<String> recorded, List<String> sent, Path folder)
      throws Exception {
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    String[] settings = {"enable-debug-command", "yes", "save", "", "dir", folder.toString()};
    try (Spinel spinel = Spinel.start(log, settings)) {
      List<String> got = answered(sent, spinel.port()).lines().toList();
      List<String> differences = new ArrayList<>();
      String last = "";
      for (int i = 0; i < Math.max(got.size(), recorded.size()); i++) {
        String ours = i < got.size() ? got.get(i) : "";
        String theirs = i < recorded.size() ? recorded.get(i) : "";
        if (theirs.startsWith(SENT)) {
          last = theirs;
        }
        if (!ours.equals(theirs)) {
          differences.add(last + "\n  redis  " + theirs + "\n  spinel " + ours);
        }
      }
      assertThat(differences).isEmpty();
    }
    assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain("A bug");
  }

  private static boolean hasReply(ScriptLine line) {
    return !line.mode().equals("sleep") && !line.mode().equals("block");
  }

  private static boolean isKept(String line) {
    return line.startsWith(SENT) || line.startsWith("#") || line.isEmpty();
  }

  /// Of one script.
  private static final class Connections implements AutoCloseable {
    private final int port;
    private final Map<Integer, RawPeer> peers = new HashMap<>();
    private final Map<Integer, String> ids = new HashMap<>();
    private final RawPeer onlooker;

    Connections(int port) throws IOException {
      this.port = port;
      onlooker = new RawPeer(port, 2);
    }

    /// Until a client waits, or gets no replies.
    private void awaitTaken(String id) {
      await()
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(5))
          .until(
              () -> onlooker.ask("CLIENT", "LIST", "ID", id), reply -> TAKEN.matcher(reply).find());
    }

    private RawPeer peer(int number) {
      return peers.computeIfAbsent(
          number,
          absent -> {
            try {
              RawPeer peer = new RawPeer(port, 2);
              ids.put(number, peer.id());
              return peer;
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    }

    private String id(int number) {
      peer(number);
      return Objects.requireNonNull(ids.get(number));
    }

    /// The reply in one line, empty if there is none to wait for.
    String ask(ScriptLine line) throws Exception {
      if (line.mode().equals("sleep")) {
        Thread.sleep(Long.parseLong(line.command()));
        return "";
      }
      RawPeer peer = peer(line.connection());
      if (line.sends()) {
        peer.send(line.words(this::id));
      }
      if (line.mode().equals("block")) {
        awaitTaken(id(line.connection()));
        return "";
      }
      return escaped(peer.read(line.mode()).replace("\r\n", "~"));
    }

    private static String escaped(String reply) {
      StringBuilder text = new StringBuilder();
      for (char c : reply.toCharArray()) {
        text.append(c >= ' ' && c < 127 ? String.valueOf(c) : String.format("\\x%02x", (int) c));
      }
      return text.toString();
    }

    @Override
    public void close() throws IOException {
      for (RawPeer peer : peers.values()) {
        peer.close();
      }
      onlooker.close();
    }
  }
}
