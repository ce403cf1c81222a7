package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.engine.ExpiryMode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `nodes.conf` over the ends and starts of a node.
@Timeout(60)
class NodesFilesTest {
  @TempDir Path folder;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  private Spinel start(String... more) {
    List<String> settings = new ArrayList<>(List.of("cluster-enabled", "yes"));
    settings.addAll(List.of("cluster-node-timeout", "500", "dir", folder.toString()));
    settings.addAll(List.of(more));
    return Spinel.start(log, settings.toArray(new String[0]));
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private String id() throws Exception {
    try (Spinel node = start();
        RawPeer peer = new RawPeer(node.port(), 2)) {
      return peer.ask("CLUSTER", "MYID");
    }
  }

  /// As a loss of power leaves the last file that was written: it was made anew.
  private void leave(byte[] bytes) throws IOException {
    Path made = file("made");
    Files.write(made, bytes);
    Files.move(made, file("nodes.conf"), StandardCopyOption.REPLACE_EXISTING);
  }

  private String made() throws Exception {
    try (Spinel node = start();
        RawPeer peer = new RawPeer(node.port(), 2)) {
      String id = peer.ask("CLUSTER", "MYID");
      peer.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      // written, but on the disk only with the next tick
      peer.ask("CLUSTER", "SETSLOT", "5", "NODE", id.substring(5, 45));
      return id;
    }
  }

  /// A file that is renamed before it is on the disk may be empty after a loss of power, or have
  /// holes, or lack its end.
  @Test
  void whereTheFileIsTornTheLastOneThatWasSyncedSaysWhoTheNodeIs() throws Exception {
    String id = made();
    byte[] whole = Files.readAllBytes(file("nodes.conf"));
    byte[] holes = whole.clone();
    Arrays.fill(holes, 20, 60, (byte) 0);
    for (byte[] torn :
        new byte[][] {{}, new byte[300], holes, Arrays.copyOf(whole, whole.length / 2)}) {
      leave(torn);
      log.reset();
      assertThat(id()).as("%d bytes", torn.length).isEqualTo(id);
      assertThat(log.toString(StandardCharsets.UTF_8))
          .contains("configuration file is torn")
          .contains("nodes.conf:1: ")
          .contains("nodes.conf.synced, the last one");
      assertThat(Files.readAllBytes(file("nodes.conf.torn"))).isEqualTo(torn);
    }
    assertThat(id()).isEqualTo(id);
    Files.delete(file("nodes.conf"));
    assertThat(id()).as("who deletes it wants a new node").isNotEqualTo(id);
  }

  @Test
  void aFileThatIsNotThisNodesOrSaysSomethingWrongIsRefused() throws Exception {
    String id = made();
    String whole = Files.readString(file("nodes.conf"));
    String other = whole.replace(id.substring(5, 45), "f".repeat(40));
    for (String wrong :
        new String[] {
          whole.replace("myself,master", "myself,mister"), // somebody's mistake
          "port 6379\n", // some other file
          other.substring(0, other.indexOf("vars")), // copied in part
        }) {
      leave(wrong.getBytes(StandardCharsets.UTF_8));
      assertThatThrownBy(() -> start().close())
          .hasStackTraceContaining("nodes.conf:1: ")
          .hasStackTraceContaining("Put a good copy of the file in its place");
      assertThat(file("nodes.conf")).hasContent(wrong);
    }
  }

  @Test
  void whatIsPromisedIsInTheSyncedFile() throws Exception {
    try (Spinel node = start();
        RawPeer peer = new RawPeer(node.port(), 2)) {
      for (int slot = 0; slot <= 6; slot += 2) {
        peer.ask("CLUSTER", "ADDSLOTS", "" + slot);
        peer.ask("CLUSTER", "SETSLOT", "" + slot, "STABLE"); // which promises nothing
        assertThat(Files.readString(file("nodes.conf.synced")))
            .contains(" connected 0")
            .contains(" " + slot + "\n");
      }
    }
  }

  /// Nothing goes in it but by its primary's word, and it goes on from where its file ends.
  @Test
  void aReplicaIsOneBeforeItsDataIsLoaded() throws Exception {
    String history = "a".repeat(40);
    writeDump(history);
    try (ServerSocket primary = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      primary.setSoTimeout(20_000);
      Files.writeString(
          file("nodes.conf"),
          "%s 127.0.0.1:%d@%d master - 0 0 1 connected 0-16383\n"
                  .formatted("1".repeat(40), primary.getLocalPort(), RealRedis.freePort())
              + "%s 127.0.0.1:7@10007 myself,slave %s 0 0 1 connected\n"
                  .formatted("2".repeat(40), "1".repeat(40))
              + "vars currentEpoch 1 lastVoteEpoch 0\n");
      Config config = node();
      try (Server server = new Server(config, new Log(config, log), Clock.SYSTEM)) {
        server.announceData();
        server.startAtAnyPort();
        try (LocalSession session = new LocalSession(server)) {
          assertThat(Fixture.say(session, "INFO", "replication")).contains("role:slave");
          assertThat(server.load()).isTrue();
          assertThat(server.engine.expiryMode()).isEqualTo(ExpiryMode.HIDE);
          assertThat(Fixture.say(session, "DBSIZE")).isEqualTo(":2");
          assertThat(asked(primary)).isEqualTo(List.of("PSYNC", history, "5001"));
          assertThat(Fixture.say(session, "DBSIZE")).isEqualTo(":2");
        }
      }
    }
  }

  private void writeDump(String history) throws IOException {
    ByteArrayOutputStream dump = new ByteArrayOutputStream();
    dump.writeBytes("REDIS0010".getBytes(StandardCharsets.US_ASCII));
    fact(dump, "repl-stream-db", "0");
    fact(dump, "repl-id", history);
    fact(dump, "repl-offset", "5000");
    dump.writeBytes(HexFormat.of().parseHex("fe00fc010000000000000000016f0176")); // it is over
    dump.writeBytes(HexFormat.of().parseHex("00016e0176ff0000000000000000"));
    Files.write(file("dump.rdb"), dump.toByteArray());
  }

  private Config node() {
    return Config.of(
        "port",
        "0",
        "cluster-port",
        "" + RealRedis.freePort(),
        "cluster-enabled",
        "yes",
        "save",
        "",
        "dir",
        folder.toString());
  }

  @Test
  void aReplicaIsOneEvenIfItsPrimarysAddressIsLost() throws Exception {
    writeDump("a".repeat(40));
    Files.writeString(
        file("nodes.conf"),
        "%s :0@0 master,noaddr - 0 0 1 disconnected 0-16383\n".formatted("1".repeat(40))
            + "%s 127.0.0.1:7@10007 myself,slave %s 0 0 1 connected\n"
                .formatted("2".repeat(40), "1".repeat(40))
            + "vars currentEpoch 1 lastVoteEpoch 0\n");
    Config config = node();
    try (Server server = new Server(config, new Log(config, log), Clock.SYSTEM)) {
      server.announceData();
      server.startAtAnyPort();
      try (LocalSession session = new LocalSession(server)) {
        assertThat(server.load()).isTrue();
        assertThat(Fixture.say(session, "DBSIZE")).isEqualTo(":2");
      }
    }
  }

  private static void fact(ByteArrayOutputStream to, String name, String value) {
    to.write(0xfa);
    for (String text : List.of(name, value)) {
      to.write(text.length());
      to.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }
  }

  /// What a replica asks a primary for.
  private static List<String> asked(ServerSocket primary) throws IOException {
    while (true) {
      try (Socket link = primary.accept();
          BufferedReader in =
              new BufferedReader(
                  new InputStreamReader(link.getInputStream(), StandardCharsets.US_ASCII))) {
        link.setSoTimeout(20_000);
        for (String line; (line = in.readLine()) != null; ) {
          List<String> words = new ArrayList<>();
          for (int count = Integer.parseInt(line.substring(1)); count > 0; count--) {
            in.readLine(); // its length
            words.add(in.readLine());
          }
          if (words.getFirst().equals("PSYNC")) {
            return words;
          }
          String answer = words.getFirst().equals("PING") ? "+PONG\r\n" : "+OK\r\n";
          link.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
        }
      }
    }
  }

  @Test
  void aFileThatAnotherProcessHasIsRefusedWithAWayOut() {
    try (Spinel node = start()) {
      assertThat(node.port()).isPositive();
      assertThatThrownBy(() -> start().close())
          .hasStackTraceContaining("nodes.conf is in use by process")
          .hasStackTraceContaining("add the line 'cluster-config-file nodes-");
    }
  }

  /// Its primary deletes them, and what comes from there may be about them. That it is a replica is
  /// known from the file alone.
  @ParameterizedTest
  @ValueSource(strings = {"no", "yes"})
  void aReplicaLoadsKeysWhoseTimeIsOver(String appendOnly) throws Exception {
    long over = System.currentTimeMillis() + 50;
    try (Spinel store =
            Spinel.start(
                log,
                "dir",
                folder.toString(),
                "appendonly",
                appendOnly,
                "enable-debug-command",
                "yes");
        RawPeer peer = new RawPeer(store.port(), 2)) {
      peer.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0");
      peer.ask("SET", "k", "v", "PXAT", "" + over);
      peer.ask("SAVE");
    }
    Awaitility.await().until(() -> System.currentTimeMillis() > over);
    String nodes =
        """
        %s 127.0.0.1:1@2 master - 0 0 1 connected 0-16383
        %s 127.0.0.1:3@4 myself,slave %s 0 0 1 connected
        vars currentEpoch 1 lastVoteEpoch 0
        """;
    String primary = "a".repeat(40);
    Files.writeString(file("nodes.conf"), nodes.formatted(primary, "b".repeat(40), primary));
    try (Spinel replica = start("appendonly", appendOnly);
        RawPeer peer = new RawPeer(replica.port(), 2)) {
      assertThat(peer.ask("ROLE")).contains("slave");
      assertThat(peer.ask("DBSIZE")).isEqualToIgnoringNewLines(":1");
    }
  }
}
