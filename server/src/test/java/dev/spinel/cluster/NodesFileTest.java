package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NodesFileTest {
  private static final String A = "a".repeat(40);
  private static final String B = "b".repeat(40);
  private static final String SHARD = "5".repeat(40);
  private static final String MYSELF =
      A
          + " 127.0.0.1:7000@17000,,tls-port=0,shard-id="
          + SHARD
          + " myself,master - 0 0 2 connected 0-5460 5462 [77->-"
          + B
          + "] [93-<-"
          + B
          + "]\n";
  private static final String REPLICA =
      B
          + " 127.0.0.1:7001@17001,b.example,tls-port=0,nodename=bee,shard-id="
          + SHARD
          + " slave,fail? "
          + A
          + " 1722655433000 1722655432000 2 disconnected\n";
  private static final String VARS = "vars currentEpoch 7 lastVoteEpoch 6\n";

  private static NodesFile.Contents read(String text) throws NodesFile.Corrupt {
    return NodesFile.read(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private static String written(NodesFile.Contents contents) {
    return new String(NodesFile.write(contents, false), StandardCharsets.ISO_8859_1);
  }

  @Test
  void whatIsReadIsWrittenAgain() throws Exception {
    NodesFile.Contents contents = read(MYSELF + REPLICA + VARS);
    assertThat(written(contents)).isEqualTo(MYSELF + REPLICA.replace(" 2 d", " 0 d") + VARS);
    NodeView myself = contents.nodes().getFirst();
    assertThat(myself.isMyself()).isTrue();
    assertThat(myself.slots().count()).isEqualTo(5462);
    assertThat(contents.migrating()).containsEntry(77, B);
    assertThat(contents.importing()).containsEntry(93, B);
    NodeView replica = contents.nodes().get(1);
    assertThat(replica.hostname()).isEqualTo("b.example");
    assertThat(replica.humanName()).isEqualTo("bee");
    assertThat(replica.primary()).isEqualTo(A);
    assertThat(replica.configEpoch()).as("a replica's is its primary's").isZero();
    assertThat(contents.currentEpoch()).isEqualTo(7);
    assertThat(contents.lastVoteEpoch()).isEqualTo(6);
  }

  @ParameterizedTest
  @CsvSource({"nodes-7.2.6.conf", "nodes-7.0.15.conf"})
  void filesOfRealServersAreRead(String name) throws Exception {
    byte[] bytes = resource(name);
    NodesFile.Contents contents = NodesFile.read(bytes);
    assertThat(contents.nodes()).hasSize(4);
    assertThat(contents.nodes().stream().mapToInt(node -> node.slots().count()).sum())
        .isEqualTo(SlotSet.SLOTS);
    if (name.contains("7.2")) {
      // Redis writes a replica's epoch as its primary's, and reads it as 0.
      String text = new String(bytes, StandardCharsets.ISO_8859_1);
      assertThat(withoutEpochs(written(contents))).isEqualTo(withoutEpochs(text));
    }
  }

  private static String withoutEpochs(String text) {
    return text.replaceAll("(slave \\w+ \\d+ \\d+) \\d+", "$1");
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = NodesFileTest.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      return in.readAllBytes();
    }
  }

  @Test
  void theEpochThatWasWonIsReadOrRefused() throws Exception {
    String vars = VARS.strip() + " spinelWonEpoch ";
    assertThat(written(read(MYSELF + REPLICA + vars + "5\n"))).endsWith(vars + "5\n");
    refused(MYSELF + vars + "x\n", 2, "an epoch is expected instead of 'x'");
  }

  @Test
  void thatTheDataIsOfAnotherShardIsReadOrRefused() throws Exception {
    String vars = VARS.strip() + " spinelOtherData ";
    assertThat(written(read(MYSELF + REPLICA + vars + "1\n"))).endsWith(vars + "1\n");
    refused(MYSELF + vars + "yes\n", 2, "0 or 1 is expected instead of 'yes'");
  }

  @Test
  void slotsThatMoveWholeAreReadOrRefused() throws Exception {
    String moves = "-|" + A + ",HANDED," + B + ",-1,0-3+7;-,PURGING,-,0,9";
    String vars = VARS.strip() + " spinelMoves ";
    assertThat(written(read(MYSELF + REPLICA + vars + moves + "\n"))).endsWith(moves + "\n");
    for (String wrong :
        new String[] {
          "-",
          "x|-",
          moves.replace("HANDED", "SOLD"),
          moves.replace("-|" + A, "-|one"),
          moves.replace(B, "-"),
          moves.replace("0-3", "0-16384"),
          moves.replace("-,PURGING,-", A + ",PURGING,-"),
        }) {
      assertThatThrownBy(() -> read(MYSELF + REPLICA + vars + wrong + "\n"))
          .as(wrong)
          .isInstanceOf(NodesFile.Corrupt.class)
          .hasMessageStartingWith("slots that move whole are expected");
    }
  }

  @Test
  void linesOfOlderServersLackFields() throws Exception {
    String old = A + " 10.0.0.1:7000 myself,master - 0 0 1 connected 0-16383\n";
    NodeView node = read(old + VARS).nodes().getFirst();
    assertThat(node.busPort()).isEqualTo(17000);
    assertThat(node.shard()).isEmpty();
    String ipv6 = A + " fe80::1:7000@17000 myself,master - 0 0 1 connected\n";
    assertThat(read("\n" + ipv6 + "\n" + VARS).nodes().getFirst().ip()).isEqualTo("fe80::1");
  }

  private static void refused(String text, int line, String expected) {
    assertThatThrownBy(() -> read(text))
        .isInstanceOfSatisfying(
            NodesFile.Corrupt.class,
            corrupt -> {
              assertThat(corrupt.line()).isEqualTo(line);
              assertThat(corrupt.explain("/data/nodes.conf"))
                  .startsWith("/data/nodes.conf:" + line + ": ")
                  .contains(expected)
                  .contains("CLUSTER FORGET");
            });
  }

  @Test
  void aTornFileIsRefusedWithItsLine() {
    String whole = MYSELF + REPLICA + VARS;
    for (int length = 1; length < whole.length(); length++) {
      String torn = whole.substring(0, length);
      int line = (int) torn.chars().filter(c -> c == '\n').count();
      refused(torn, torn.endsWith("\n") ? line : line + 1, "the end of the file is missing");
    }
  }

  @Test
  void aForeignFileIsRefusedWithItsLine() {
    refused("port 26379\nsentinel myid x\n", 1, "a node's id is expected");
    refused(MYSELF + MYSELF + VARS, 2, "has a line already");
    refused(MYSELF + MYSELF.replace(A, B) + VARS, 2, "two lines have the flag 'myself'");
    refused(REPLICA + VARS, 2, "no line has the flag 'myself'");
    refused(MYSELF.replace("master", "leader") + VARS, 1, "there is no flag 'leader'");
    refused(MYSELF.replace(" 5462", " 16384") + VARS, 1, "a slot is expected instead of '16384'");
    refused(MYSELF.replace(" 5462", " 17") + VARS, 1, "slot 17 has an owner already");
    refused(MYSELF.replace("7000@", "70000@") + VARS, 1, "a port is expected instead of '70000'");
    refused(MYSELF.replace("shard-id", "colour") + VARS, 1, "no field of a node is called so");
    refused(MYSELF.replace("->-", "->") + VARS, 1, "a slot that moves is expected");
    refused(MYSELF + VARS + REPLICA, 3, "a line follows the line 'vars'");
    refused(MYSELF + "vars currentEpoch\n", 2, "a name and a number are expected");
    refused("", 1, "there is no line 'vars");
  }

  @Test
  void whateverElseItSaysItIsReadOrRefused() {
    Random random = new Random(1);
    byte[] whole = (MYSELF + REPLICA + VARS).getBytes(StandardCharsets.ISO_8859_1);
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] changed = whole.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        changed[random.nextInt(changed.length)] = (byte) random.nextInt(128);
      }
      try {
        NodesFile.read(changed);
      } catch (NodesFile.Corrupt e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(10_000, 19_999);
  }
}
