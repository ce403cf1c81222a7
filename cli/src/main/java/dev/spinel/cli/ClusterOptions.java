package dev.spinel.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `--cluster` and the options that begin so ask for. Filled by [Options], then only read.
final class ClusterOptions {
  static final int MIGRATE_TIMEOUT_MILLIS = 60000;
  static final int MIGRATE_PIPELINE = 10;
  static final int REBALANCE_THRESHOLD = 2;

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
  boolean copy;
  boolean slave;
  boolean useEmptyMasters;
  boolean searchMultipleOwners;
  boolean fixWithUnreachableMasters;
}
