package dev.spinel.cluster;

import dev.spinel.peer.Script;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a cluster does, told as text. With `-Dspinel.scripts=write` they are written anew.
class ClusterScriptTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "forming",
        "commands",
        "failover-of-a-killed-primary",
        "failover-of-a-silent-primary",
        "partition",
        "ranks",
        "a-sibling-is-silent",
        "manual-failover",
        "manual-failover-broken-off",
        "takeover",
        "epoch-collision",
        "moving-a-slot",
        "an-orphan-gets-a-replica",
        "forgetting",
        "restart-with-new-addresses",
        "missing-data",
        "an-incomplete-copy",
        "copied-files",
        "reset",
        "publishing",
        "settings",
        "standing-still"
      })
  void goesAsWritten(String name) {
    Script.check(getClass(), name + ".txt", new ClusterPlayer());
  }
}
