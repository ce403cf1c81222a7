package dev.spinel.sentinel;

import dev.spinel.peer.Script;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What Sentinels do, told as text. With `-Dspinel.scripts=write` they are written anew.
class SentinelScriptTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "failover",
        "a-silent-primary",
        "no-quorum",
        "two-sentinels",
        "the-choice",
        "manual-failover",
        "returning-servers",
        "promotions-that-fail",
        "replicas-that-hang",
        "parallel-syncs",
        "tilt",
        "reboot",
        "scripts",
        "names",
        "other-sentinels",
        "a-crash-of-the-leader",
        "full-disk",
        "settings",
        "all-sentinels-restarted",
        "a-replica-that-does-not-obey"
      })
  void goesAsWritten(String name) {
    Script.check(getClass(), name + ".txt", new SentinelPlayer());
  }
}
