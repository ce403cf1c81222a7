package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a whole server logs as a primary and as a replica, line by line beside a real one that
/// plays the same part in the same story. Times, ids, numbers and ports are left out; so is what
/// only a server that forks, or that has files of another version, can say.
class ReplicationLogTest extends ReplicationFixture {
  private static final Pattern LINE =
      Pattern.compile("\\d+:([MSC]) \\d+ \\w+ \\d{4} [\\d:.]+ ([.*#-]) (.*)");

  /// Words of its snapshots stand where the snapshot's thread or process has come to; a replica
  /// that takes the role over hangs up while its answer is on the way.
  private static final String IN_ANY_ORDER =
      "..? Background (RDB transfer|saving|transfer) .*"
          + "|..? Diskless rdb transfer, done reading.*|S.? Connection with replica .* lost\\."
          + "|..? Removing the RDB file used.*|..? Replica is about to load the RDB file.*";

  private static final String OF_ONE_ONLY = "Fork CoW for RDB.*|DB saved on disk";

  private boolean levels; // count

  private interface Story {
    void play(Node primary, Node replica) throws Exception;
  }

  @BeforeEach
  void aRealOneIsThere() {
    assumeTrue(RealRedis.binary() != null, "no redis-server to compare with");
    String version = RealRedis.version(RealRedis.binary());
    assumeTrue(version.startsWith("7."), "others word it otherwise");
    levels = version.startsWith("7.2");
  }

  // ── lines ──

  private List<String> lines(Node of) throws IOException {
    List<String> all =
        of instanceof Ours ours
            ? ours.log().lines().toList()
            : Files.readAllLines(((Real) of).redis().directory().resolve("stdout"));
    List<String> lines = new ArrayList<>();
    boolean isReady = of instanceof Ours; // which listens before it logs anything
    for (String each : all) {
      Matcher line = LINE.matcher(each);
      if (!line.matches()) {
        continue;
      }
      String text = line.group(3);
      if (isReady && !line.group(1).equals("C") && !text.matches(OF_ONE_ONLY)) {
        lines.add(line.group(1) + (levels ? line.group(2) : "") + " " + general(text));
      }
      isReady |= text.startsWith("Ready to accept connections");
    }
    return lines;
  }

  private static String general(String text) {
    return text.replaceAll("request from 'id=.*'\\)", "request from CLIENT)")
        .replace("REPLCONF ACK from slave", "REPLCONF ACK from replica") // 7.0
        .replace("receiving DEBUG change-repl-id", "receiving change-repl-id") // 7.0
        .replaceAll("\\b[0-9a-f]{40}\\b", "ID")
        .replaceAll("version \\d+\\.\\d+\\.\\d+", "version V")
        .replaceAll("with replica .* lost", "with replica NAME lost") // a closed socket has none
        .replace("127.0.0.1", "HOST")
        .replaceAll("\\d+(\\.\\d+)?", "N");
  }

  private List<String> inOrder(Node of) throws IOException {
    return lines(of).stream().filter(line -> !isInAnyOrder(line)).toList();
  }

  private List<String> inAnyOrder(Node of) throws IOException {
    return lines(of).stream().filter(ReplicationLogTest::isInAnyOrder).sorted().toList();
  }

  private static boolean isInAnyOrder(String line) {
    return line.matches(IN_ANY_ORDER);
  }

  private void same(Node ours, Node real) {
    eventually(() -> assertThat(inOrder(ours)).isEqualTo(inOrder(real)));
    eventually(() -> assertThat(inAnyOrder(ours)).isEqualTo(inAnyOrder(real)));
  }

  /// Plays the story between real servers, and with one of ours in each place.
  private void compare(Story story, String... settings) throws Exception {
    String[] real = new String[settings.length];
    for (int i = 0; i < settings.length; i++) {
      real[i] = i % 2 == 0 ? "--" + settings[i] : settings[i];
    }
    Real primary = real(real);
    Real replica = real(real);
    story.play(primary, replica);
    Ours ourPrimary = ours(settings);
    story.play(ourPrimary, real(real));
    same(ourPrimary, primary);
    Ours ourReplica = ours(settings);
    story.play(real(real), ourReplica);
    same(ourReplica, replica);
  }

  // ── stories ──

  private static void toldBy(Node primary, String name, String value) {
    eventually(() -> assertThat(primary.info("stats", name)).isEqualTo(value));
  }

  private static void isOnline(Node primary) {
    eventually(() -> assertThat(primary.info("replication", "slave0")).contains("state=online"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"yes", "no"})
  void dataThatComesLinksThatBreakAndAPromotion(String diskless) throws Exception {
    compare(
        (primary, replica) -> {
          fill(primary);
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
          primary.call("CLIENT", "KILL", "TYPE", "replica");
          toldBy(primary, "sync_partial_ok", "1");
          isUp(replica);
          isOnline(primary);
          replica.call("CLIENT", "KILL", "TYPE", "master");
          toldBy(primary, "sync_partial_ok", "2");
          isUp(replica);
          primary.call("DEBUG", "CHANGE-REPL-ID");
          primary.call("CLIENT", "KILL", "TYPE", "replica");
          toldBy(primary, "sync_full", "2");
          isUp(replica);
          isOnline(primary);
          agree(primary, replica);
          replica.call("REPLICAOF", "NO", "ONE");
          eventually(
              () -> assertThat(primary.info("replication", "connected_slaves")).isEqualTo("0"));
        },
        "repl-diskless-sync",
        diskless);
  }

  @Test
  void aReplicaThatLoadsWhatComesBesideItsData() throws Exception {
    compare(
        (primary, replica) -> {
          fill(primary);
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
        },
        "repl-diskless-load",
        "swapdb");
  }

  @Test
  void filesThatAreOfNoUseAfterwards() throws Exception {
    compare(
        (primary, replica) -> {
          fill(primary);
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
          eventually(
              () -> assertThat(lines(primary).toString()).contains("Removing the RDB file used"));
        },
        "repl-diskless-sync",
        "no",
        "rdb-del-sync-files",
        "yes");
  }

  @Test
  void aReplicaThatSavesWhenTheDataComes() throws Exception {
    compare(
        (primary, replica) -> {
          fill(replica);
          replica.call("CONFIG", "SET", "rdb-key-save-delay", "100000");
          replica.call("BGSAVE");
          eventually(
              () -> assertThat(lines(replica).toString()).contains("Background saving started"));
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
          eventually(
              () -> assertThat(lines(replica).toString()).contains("terminated by signal N"));
        });
  }

  /// In the middle of a chain, which first gets its own primary by another name.
  @Test
  void anotherPrimaryAndAPromotionWithReplicas() throws Exception {
    compare(
        (primary, replica) -> {
          follow(replica, primary);
          isOnline(primary);
          follow(real(), replica);
          isOnline(replica);
          replica.call("REPLICAOF", "localhost", Integer.toString(primary.port()));
          toldBy(primary, "sync_partial_ok", "1");
          isUp(replica);
          isOnline(primary);
          replica.call("REPLICAOF", "NO", "ONE");
          toldBy(replica, "sync_partial_ok", "1");
          isOnline(replica);
          eventually(
              () -> assertThat(primary.info("replication", "connected_slaves")).isEqualTo("0"));
        });
  }

  @Test
  void rolesThatAreHandedOver() throws Exception {
    compare(
        (primary, replica) -> {
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
          primary.call("FAILOVER");
          eventually(() -> assertThat(primary.info("replication", "role")).isEqualTo("slave"));
          isUp(primary);
          isOnline(replica);
        });
  }

  @Test
  void requestsThatCanNotBeMet() throws Exception {
    compare(
        (primary, replica) -> {
          follow(replica, primary);
          isOnline(primary);
          agree(primary, replica);
          primary.call("CONFIG", "SET", "repl-backlog-size", "16384");
          for (int i = 0; i < 100; i++) {
            primary.call("SET", "k", "x".repeat(10_000));
          }
          String id = primary.info("replication", "master_replid");
          for (String offset : List.of("1", "99999999", "nonsense")) {
            int before = syncs(primary);
            try (Client asks = Client.connect("127.0.0.1", primary.port())) {
              asks.send("PSYNC", id, offset);
              asks.flush();
              String reply = firstLine(asks);
              if (offset.equals("nonsense")) {
                assertThat(reply).contains("not an integer");
              } else {
                assertThat(reply).startsWith("+FULLRESYNC");
                assertThat(syncs(primary)).isEqualTo(before + 1);
                eventually(
                    () ->
                        assertThat(primary.info("replication", "slave1")).contains("state=online"));
              }
            }
            eventually(
                () -> assertThat(primary.info("replication", "connected_slaves")).isEqualTo("1"));
          }
        },
        "repl-diskless-sync",
        "no");
  }

  /// The first that says anything.
  private static String firstLine(Client from) throws IOException {
    StringBuilder line = new StringBuilder();
    byte[] one = new byte[1];
    while (line.isEmpty() || one[0] != '\n') {
      assertThat(from.readRaw(one, 0, 1)).isEqualTo(1);
      if (one[0] != '\n') {
        line.append((char) one[0]);
      }
    }
    return line.toString();
  }

  private static int syncs(Node primary) throws IOException {
    return Integer.parseInt(primary.info("stats", "sync_full"));
  }

  // ── replicas whose primary is none, and primaries whose replica is none ──

  /// The beginning of what it logs once it follows that address.
  private void sameBeginning(int port, int lines, String... settings) throws Exception {
    String[] real = new String[settings.length];
    for (int i = 0; i < settings.length; i++) {
      real[i] = i % 2 == 0 ? "--" + settings[i] : settings[i];
    }
    Node theirs = real(real);
    Node ours = ours(settings);
    for (Node each : List.of(theirs, ours)) {
      each.call("REPLICAOF", "127.0.0.1", Integer.toString(port));
    }
    for (Node each : List.of(theirs, ours)) {
      eventually(() -> assertThat(lines(each)).hasSizeGreaterThanOrEqualTo(lines));
    }
    assertThat(lines(ours).subList(0, lines)).isEqualTo(lines(theirs).subList(0, lines));
  }

  @Test
  void aPrimaryThatIsNotThere() throws Exception {
    sameBeginning(1, 8);
  }

  @Test
  void aWrongPassword() throws Exception {
    Real primary = real("--requirepass", "right");
    sameBeginning(primary.port(), 9, "masterauth", "wrong");
  }

  @Test
  void silenceOnEitherSide() throws Exception {
    Node theirs = real("--repl-timeout", "2", "--repl-diskless-sync", "no");
    Node ours = ours("repl-timeout", "2", "repl-diskless-sync", "no");
    for (Node each : List.of(theirs, ours)) {
      Client silent = Client.connect("127.0.0.1", each.port());
      open.add(silent);
      call(silent, "REPLCONF", "listening-port", "7777");
      silent.send("PSYNC", "?", "-1");
      silent.flush();
    }
    for (Node each : List.of(theirs, ours)) {
      eventually(() -> assertThat(lines(each).getLast()).contains("Connection with replica"));
    }
    same(ours, theirs);
    try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> hold(mute));
      sameBeginning(mute.getLocalPort(), 8, "repl-timeout", "1");
    }
  }

  private void hold(ServerSocket mute) {
    while (!mute.isClosed()) {
      try {
        Socket link = mute.accept();
        open.add(link);
      } catch (IOException e) {
        return; // closed
      }
    }
  }
}
