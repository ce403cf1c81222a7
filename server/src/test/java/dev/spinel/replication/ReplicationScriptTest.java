package dev.spinel.replication;

import dev.spinel.peer.Script;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The stories in `replication/*.txt`, each played on a new server. To write one: its lines, then
/// this test with `-Dspinel.scripts=write`, then read what came out.
class ReplicationScriptTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "full-sync.txt",
        "full-sync-from-a-file.txt",
        "loaded-beside-the-data.txt",
        "a-primary-that-lost-its-data.txt",
        "a-primary-that-still-has-its-data.txt",
        "incomplete-copies.txt",
        "incomplete-at-start.txt",
        "incomplete-primary.txt",
        "synchronized-again-and-again.txt",
        "partial-resync.txt",
        "passwords.txt",
        "refusals.txt",
        "old-primaries.txt",
        "broken-links.txt",
        "timeouts.txt",
        "copies-that-are-no-good.txt",
        "roles.txt",
        "promoted-too-early.txt",
        "failover.txt",
        "failover-without-a-limit.txt",
        "failover-that-fails.txt",
        "written-by-another-stream.txt",
        "restarts.txt",
        "restarts-of-a-primary.txt",
        "continues-though-nothing-was-asked.txt",
        "replicas-full-sync.txt",
        "replicas-from-a-file.txt",
        "replicas-partial-resync.txt",
        "replicas-join-a-snapshot.txt",
        "replicas-and-the-next-snapshot.txt",
        "replicas-time-out.txt",
        "replconf.txt",
        "chains.txt",
        "the-backlogs-life.txt",
      })
  void theStoryComesOutAgain(String name) {
    Script.check(ReplicationScriptTest.class, name, new ReplicationPlayer());
  }
}
