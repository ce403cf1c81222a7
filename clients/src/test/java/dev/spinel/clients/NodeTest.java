package dev.spinel.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.Spinel;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// ioredis, node-redis and BullMQ, if Node and the packages are there (`npm ci` in this module
/// brings them; `spinel test` does so).
class NodeTest {
  @Test
  void ioredisAndNodeRedis() throws Exception {
    endsWell("clients.mjs", "ioredis");
  }

  @Test
  void jobsOfBullMq() throws Exception {
    endsWell("bullmq.mjs", "bullmq");
  }

  /// Runs a program of `src/test/node` against a server of its own, if the package is there.
  private static void endsWell(String program, String needed) throws Exception {
    Path module = Path.of("").toAbsolutePath();
    assumeTrue(
        Files.isDirectory(module.resolve("node_modules").resolve(needed)),
        "no node_modules: npm ci brings them");
    try (Spinel spinel = Spinel.start()) {
      Process node;
      try {
        node =
            new ProcessBuilder(
                    "node",
                    "src/test/node/" + program,
                    Integer.toString(spinel.port()),
                    module.toString())
                .redirectErrorStream(true)
                .start();
      } catch (IOException e) {
        assumeTrue(false, "no node: " + e.getMessage());
        return;
      }
      boolean ended = node.waitFor(90, TimeUnit.SECONDS);
      if (!ended) {
        node.destroyForcibly();
      }
      String said = new String(node.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(ended).as("ends in time; said: %s", said).isTrue();
      assertThat(node.exitValue()).as(said).isZero();
    }
  }

  @Test
  void ioredisAndNodeRedisFindTheNextPrimary() throws Exception {
    Path module = Path.of("").toAbsolutePath();
    assumeTrue(
        Files.isDirectory(module.resolve("node_modules/ioredis")),
        "no node_modules: npm ci brings them");
    try (LostPrimaries store = new LostPrimaries()) {
      List<String> command = new ArrayList<>(List.of("node", "src/test/node/sentinel.mjs"));
      command.add(module.toString());
      store.sentinels().forEach(port -> command.add(port.toString()));
      Process node;
      try {
        node = new ProcessBuilder(command).inheritIO().redirectInput(Redirect.PIPE).start();
      } catch (IOException e) {
        assumeTrue(false, "no node: " + e.getMessage());
        return;
      }
      try {
        store.loseAndFind(List.of("ioredis", "node-redis"));
      } finally {
        node.destroyForcibly();
      }
    }
  }

  @Test
  void ioredisAndNodeRedisFindTheirWayInACluster() throws Exception {
    Path module = Path.of("").toAbsolutePath();
    assumeTrue(
        Files.isDirectory(module.resolve("node_modules/ioredis")),
        "no node_modules: npm ci brings them");
    try (LostShards shards = new LostShards()) {
      List<String> command = new ArrayList<>(List.of("node", "src/test/node/cluster.mjs"));
      command.add(module.toString());
      shards.ports().forEach(port -> command.add(port.toString()));
      Process node;
      try {
        node = new ProcessBuilder(command).redirectError(Redirect.INHERIT).start();
      } catch (IOException e) {
        assumeTrue(false, "no node: " + e.getMessage());
        return;
      }
      try {
        shards.listen(node);
        shards.awaitKeys(
            Set.of("ioredis-0", "ioredis-1", "ioredis-2", "ioredis-3", "node-redis-0"));
        shards.moveAndHandOver();
        shards.growAndShrink();
        shards.loseAndFind();
      } finally {
        node.destroyForcibly();
      }
    }
  }
}
