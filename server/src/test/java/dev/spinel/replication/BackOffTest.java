package dev.spinel.replication;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Command;
import dev.spinel.server.Fixture;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// What fails again and again is tried after ever longer pauses, up to a minute. By clocks of the
/// test.
class BackOffTest {
  private static final List<Long> PAUSES = List.of(0L, 1L, 2L, 4L, 8L, 16L, 32L, 60L, 60L);

  // ── a stream that can't be applied, however often the data is copied ──

  private final ReplicationPlayer player = new ReplicationPlayer();

  private void copiesAll() {
    for (String line :
        List.of(
            "connected", "< +PONG", "< +OK", "< +OK", "< +FULLRESYNC p* 100", "<< $3\\r\\nRDB")) {
      player.apply(line);
    }
    assertThat(player.apply("loaded")).contains("copy is complete");
  }

  /// How long the next attempt is waited for.
  private long secondsUntilDialled(List<String> said) {
    long seconds = 0;
    for (List<String> last = said; !last.contains("dial 10.0.0.1:6379"); seconds++) {
      assertThat(seconds).isLessThan(100);
      last = List.copyOf(player.apply("seconds 1"));
    }
    return seconds;
  }

  @Test
  void anErrorOfTheStreamThatComesAgainKeepsTheLinkDownForLonger() {
    player.apply("replicaof 10.0.0.1 6379");
    List<Long> waited = new ArrayList<>();
    for (int i = 0; i < PAUSES.size(); i++) {
      copiesAll();
      List<String> said = List.copyOf(player.apply("stream-failed WRONGTYPE of key k"));
      assertThat(player.machine().replicaSide().downReason()).isEqualTo("WRONGTYPE of key k");
      waited.add(secondsUntilDialled(said));
    }
    assertThat(waited).isEqualTo(PAUSES);
    copiesAll();
    player.apply("seconds 30");
    player.apply("<< *1\\r\\n$4\\r\\nPING\\r\\n");
    player.apply("seconds 31"); // it has proved itself
    List<String> said = List.copyOf(player.apply("stream-failed WRONGTYPE of key k"));
    assertThat(secondsUntilDialled(said)).isZero();
  }

  // ── a bug in what the applying thread does, whatever it is ──

  /// Has the thread do something that fails, each time anew.
  private static final class Broken implements StreamApplier.Owner {
    final List<Long> pauses = new CopyOnWriteArrayList<>();
    StreamApplier applier;
    volatile boolean cantBeTold;

    void fail() {
      applier.stopWorld(
          stopped -> {
            throw new IllegalStateException("as always");
          });
    }

    @Override
    public void broke(Throwable bug, long seconds) {
      assertThat(bug).hasMessage("as always");
      if (cantBeTold) {
        cantBeTold = false;
        throw new OutOfMemoryError("of a test");
      }
      pauses.add(seconds);
      fail();
    }

    @Override
    public void applied(Object stream, long offset) {}

    @Override
    public void failed(Object stream, String reason) {}

    @Override
    public void killed(Object stream) {}

    @Override
    public void full(boolean on) {}

    @Override
    public void heldUp(boolean on) {}

    @Override
    public boolean mayPassOver(@Nullable Command command, String error) {
      return false;
    }
  }

  private static void told(Broken owner, int times) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(2))
        .atMost(Duration.ofSeconds(20))
        .until(() -> owner.pauses.size() >= times);
  }

  @Test
  void theThreadThatAppliesRestsAfterABug() {
    try (Fixture fixture = new Fixture()) {
      Broken owner = new Broken();
      owner.cantBeTold = true;
      try (StreamApplier applier =
          new StreamApplier(fixture.server.engine, owner, () -> 0, () -> false)) {
        owner.applier = applier;
        owner.fail();
        Awaitility.await().until(() -> !owner.cantBeTold);
        fixture.clock.forward(1000); // then it is told again
        for (int i = 0; i < PAUSES.size(); i++) {
          told(owner, i + 1);
          fixture.clock.forward(1000 * owner.pauses.get(i));
        }
        told(owner, PAUSES.size() + 1);
        assertThat(owner.pauses).hasSize(PAUSES.size() + 1).startsWith(1L);
        assertThat(owner.pauses.subList(1, PAUSES.size())).isEqualTo(PAUSES.subList(1, 9));
      }
    }
  }
}
