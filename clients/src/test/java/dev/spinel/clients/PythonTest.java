package dev.spinel.clients;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// redis-py, if Python and the package are there (Debian: python3-redis).
@Timeout(240)
class PythonTest {
  private static boolean isThere() throws InterruptedException {
    try {
      Process python =
          new ProcessBuilder("python3", "-c", "import redis.cluster")
              .redirectErrorStream(true)
              .redirectOutput(Redirect.DISCARD)
              .start();
      return python.waitFor(30, TimeUnit.SECONDS) && python.exitValue() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void redisPyFindsItsWayInACluster() throws Exception {
    assumeTrue(isThere(), "no redis-py");
    try (LostShards shards = new LostShards()) {
      List<String> command = new ArrayList<>(List.of("python3", "src/test/python/cluster.py"));
      shards.ports().forEach(port -> command.add(port.toString()));
      Process python = new ProcessBuilder(command).redirectError(Redirect.INHERIT).start();
      try {
        shards.listen(python);
        shards.awaitKeys(Set.of("redis-py-0", "redis-py-1", "redis-py-2", "redis-py-3"));
        shards.moveAndHandOver();
        shards.growAndShrink();
        shards.loseAndFind();
      } finally {
        python.destroyForcibly();
      }
    }
  }
}
