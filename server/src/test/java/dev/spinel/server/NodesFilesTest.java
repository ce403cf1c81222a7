package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.Spinel;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `nodes.conf` over the ends and starts of a node.
@Timeout(60)
class NodesFilesTest {
  @TempDir Path folder;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  private Spinel start() {
    return Spinel.start(
        log, "cluster-enabled", "yes", "cluster-node-timeout", "500", "dir", folder.toString());
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

  /// A file that is renamed before it is on the disk may be empty after a loss of power.
  @Test
  void anEmptyFileIsNotTakenForAnotherNodesBeginning() throws Exception {
    String id;
    try (Spinel node = start();
        RawPeer peer = new RawPeer(node.port(), 2)) {
      id = peer.ask("CLUSTER", "MYID");
      peer.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      // written, but on the disk only with the next tick
      peer.ask("CLUSTER", "SETSLOT", "5", "NODE", id.substring(5, 45));
      assertThat(file("nodes.conf.synced")).exists();
    }
    assertThat(Files.readString(file("nodes.conf.synced"))).contains("myself");
    for (byte[] blank : new byte[][] {{}, new byte[300]}) {
      Files.write(file("nodes.conf"), blank);
      log.reset();
      assertThat(id()).as("%d bytes", blank.length).isEqualTo(id);
      assertThat(log.toString(StandardCharsets.UTF_8))
          .contains("nodes.conf is empty")
          .contains(".synced");
    }
    assertThat(id()).isEqualTo(id);
    Files.delete(file("nodes.conf"));
    assertThat(id()).as("who deletes it wants a new node").isNotEqualTo(id);
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
}
