package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// Clients can't tell that snapshots are being taken: random calls get the replies, and leave the
/// data, that they do without, and each snapshot is the data at its cut.
///
/// `SPINEL_WALKED_CALLS` is how many calls there are of each seed; 5,000 unless told.
class WalkedCallsTest {
  private static final int CALLS =
      Integer.parseInt(System.getenv().getOrDefault("SPINEL_WALKED_CALLS", "5000"));

  /// Small thresholds: nested dictionaries, and lists of many nodes, are what a walk has to do
  /// with.
  private static final String[] SETTINGS = {
    "hash-max-listpack-entries", "3", "list-max-listpack-size", "3", "stream-node-max-entries", "3",
    "set-max-listpack-entries", "3", "set-max-intset-entries", "3", "zset-max-listpack-entries",
        "3",
  };

  @Test
  void callsBesideSnapshotsAnswerAsWithoutThem() throws Exception {
    for (int seed = 0; seed < 3; seed++) {
      try (Fixture quiet = new Fixture(SETTINGS);
          Fixture walked = new Fixture(SETTINGS)) {
        LocalSession expected = quiet.session();
        LocalSession tested = walked.session();
        LocalSession walker = walked.session();
        AtomicBoolean stop = new AtomicBoolean();
        int[] snapshots = new int[1];
        Crowd beside =
            new Crowd()
                .start(
                    () -> {
                      while (!stop.get()) {
                        SnapshotCheck.check(walker);
                        snapshots[0]++;
                      }
                    });
        var comparison =
            new CallComparison(
                quiet.server.engine.table, new Random(seed), answers(expected), answers(tested));
        try {
          comparison.run(CALLS, 2 + seed % 2);
        } finally {
          stop.set(true);
          beside.join();
        }
        assertThat(comparison.differences).as("seed %d", seed).isEmpty();
        assertThat(snapshots[0]).isGreaterThan(10);
      }
    }
  }

  private static CallComparison.Peer answers(LocalSession session) {
    return request -> {
      byte[] reply = session.run(request);
      return reply.length > 0 ? reply : session.await(20_000);
    };
  }
}
