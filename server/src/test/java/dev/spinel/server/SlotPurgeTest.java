package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.cluster.SlotKeys;
import dev.spinel.cluster.SlotPurge;
import dev.spinel.cluster.SlotSet;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Engine;
import dev.spinel.wire.KeySlot;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/// Keys of slots that have gone elsewhere are deleted, up to the server's end and no longer.
class SlotPurgeTest {
  private static final int KEYS = 20_000;

  @Test
  void onceItIsClosedNothingIsDeletedAnyMore() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      SlotSet slots = new SlotSet();
      for (int i = 0; i < KEYS; i++) {
        byte[] key = ("k" + i).getBytes(StandardCharsets.ISO_8859_1);
        slots.add(KeySlot.of(key, 0, key.length));
        say(session, "SET", "k" + i, "v");
      }
      Engine engine = fixture.server.engine;
      List<String> troubles = new ArrayList<>();
      SlotPurge purge =
          new SlotPurge(engine, new SlotKeys(engine), SlotPurgeTest::isWantedSlowly, troubles::add);
      purge.add(slots, empty -> {});
      await().until(() -> keys(session) < KEYS);
      purge.close();
      int left = keys(session);
      assertThat(left).as("it ended before it was closed").isPositive();
      assertThat(Thread.getAllStackTraces().keySet())
          .extracting(Thread::getName)
          .doesNotContain("spinel-purge");
      purge.add(slots, empty -> {});
      assertThat(keys(session)).isEqualTo(left);
      assertThat(troubles).isEmpty();
    }
  }

  /// So that it hasn't ended when it is closed, however fast the machine is.
  private static boolean isWantedSlowly(int slot) {
    LockSupport.parkNanos(1_000_000);
    return true;
  }

  private static int keys(LocalSession session) {
    return Integer.parseInt(say(session, "DBSIZE").substring(1).strip());
  }
}
