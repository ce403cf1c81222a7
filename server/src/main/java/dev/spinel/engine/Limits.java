package dev.spinel.engine;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.rdb.EncodingLimits;
import dev.spinel.value.SetValue;
import dev.spinel.wire.RequestReader;

/// The numbers and switches of the configuration, for handlers: a read is two array accesses, with
/// no lock, no volatile field and no boxed value. Every setting of that type is here, so a new
/// threshold takes its row in [Settings] and nothing else.
///
/// The values follow the configuration. They are read without synchronization: a command that sees
/// an old value is as good as one that came a moment earlier.
public final class Limits {
  /// By the index of a setting; replaced as a whole when the configuration changes.
  private long[] numbers;

  /// Whether access words count accesses ([Frequency]) instead of telling when the last one was.
  public boolean lfu;

  /// Whether OBJECT REFCOUNT shows small integers as shared: an access time each would forbid that.
  public boolean sharesIntegers;

  /// Milliseconds from which on [LatencyMonitor] is told of something; 0 = it is off.
  long latencyThresholdMillis;

  /// Whether it is recorded how long commands take.
  boolean tracksLatency;

  /// Whether each command is timed, also of those for which samples would do.
  boolean timesAll;

  /// Bits of [Events]; 0 = nothing is notified.
  public int notify;

  /// What requests may hold, before they run and waiting to.
  final RequestReader.RequestLimits requests = new RequestReader.RequestLimits();

  Limits(Config config) {
    numbers = config.numbers();
    follow(config);
    config.onAnyChange(this::follow);
  }

  /// The value of a whole number.
  public long get(Setting<Long> setting) {
    return numbers[setting.index()];
  }

  /// The value of a whole number; beyond 32 bits it is the nearest that fits.
  public int intOf(Setting<Long> setting) {
    return Math.clamp(numbers[setting.index()], Integer.MIN_VALUE, Integer.MAX_VALUE);
  }

  /// The value of a switch.
  public boolean is(Setting<Boolean> setting) {
    return numbers[setting.index()] != 0;
  }

  /// Whether the server is a node of a cluster, which has one database.
  public boolean inCluster() {
    return is(Settings.CLUSTER_ENABLED);
  }

  /// Which encoding a value takes that comes from elsewhere.
  public EncodingLimits encodings() {
    return new EncodingLimits(
        intOf(Settings.HASH_MAX_LISTPACK_ENTRIES),
        intOf(Settings.HASH_MAX_LISTPACK_VALUE),
        new SetValue.Thresholds(
            intOf(Settings.SET_MAX_INTSET_ENTRIES),
            intOf(Settings.SET_MAX_LISTPACK_ENTRIES),
            intOf(Settings.SET_MAX_LISTPACK_VALUE)),
        intOf(Settings.ZSET_MAX_LISTPACK_ENTRIES),
        intOf(Settings.ZSET_MAX_LISTPACK_VALUE),
        intOf(Settings.LIST_MAX_LISTPACK_SIZE));
  }

  private void follow(Config config) {
    numbers = config.numbers();
    requests.bulkBytes = get(Settings.PROTO_MAX_BULK_LEN);
    requests.queryBytes = get(Settings.CLIENT_QUERY_BUFFER_LIMIT);
    String policy = config.text(Settings.MAXMEMORY_POLICY);
    lfu = policy.endsWith("lfu");
    sharesIntegers = get(Settings.MAXMEMORY) == 0 || !lfu && !policy.endsWith("lru");
    latencyThresholdMillis = get(Settings.LATENCY_MONITOR_THRESHOLD);
    tracksLatency = is(Settings.LATENCY_TRACKING);
    timesAll = latencyThresholdMillis != 0 || get(Settings.SLOWLOG_LOG_SLOWER_THAN) == 0;
    notify = intOf(Settings.NOTIFY_KEYSPACE_EVENTS);
  }
}
