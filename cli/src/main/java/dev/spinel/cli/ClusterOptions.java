package dev.spinel.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `--cluster` and the options that begin so ask for. Filled by [Options], then only read.
final class ClusterOptions {
  static final int MIGRATE_TIMEOUT_MILLIS = 60000;
  static final int MIGRATE_PIPELINE = 10;
  static final int REBALANCE_THRESHOLD = 2;

  /// How a cluster is mended.
  enum Mending {
    /// The user is asked before slots get another owner, as in Redis's own manager.
    ASKS,
    /// What would be done is shown, and not done.
    SHOWS,
    /// It is done: the user has been asked before.
    ACTS
  }

  /// What is made of keys that source and target of a move both have.
  enum Doubles {
    /// They are compared, and the move ends if they differ, as in Redis's own manager.
    ARE_COMPARED,
    /// The copy that clients are served stays; the move ends if the other one differs.
    EQUAL_GO,
    /// The copy that clients are served stays, whatever the other one is.
    SERVED_STAYS
  }

  @Nullable String command;
  List<String> arguments = List.of();
  boolean colours;
  boolean yes;
  boolean onlyMasters;
  boolean onlyReplicas;
  int replicas;
  @Nullable String masterId;
  @Nullable String from;
  @Nullable String fromUser;
  @Nullable String fromPass;
  boolean fromAskPass;
  @Nullable String to;
  List<String> weights = List.of();
  int slots;
  int timeoutMillis = MIGRATE_TIMEOUT_MILLIS;
  int pipeline = MIGRATE_PIPELINE;
  float threshold = REBALANCE_THRESHOLD;
  boolean simulate;
  boolean replace;

  /// Slots don't move whole: the user wants that, or has given an option of MIGRATE.
  boolean keyByKey;

  boolean copy;
  boolean slave;
  boolean useEmptyMasters;
  boolean searchMultipleOwners;
  boolean fixWithUnreachableMasters;

  Mending mending = Mending.ASKS;
  Doubles doubles = Doubles.ARE_COMPARED;

  /// How many changes were shown instead of being made.
  int shown;

  /// Whether a change that comes now is only shown; if so, it is counted.
  boolean onlyShows() {
    if (mending != Mending.SHOWS) return false;
    shown++;
    return true;
  }
}
