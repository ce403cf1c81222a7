package dev.spinel.engine;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.wire.RequestReader;
import java.util.List;

/// The settings that handlers read, as plain fields. They follow the configuration, without order
/// among them; read racily, which is as good as the command having come a moment earlier.
public final class Limits {
  private static final List<Setting<?>> FOLLOWED =
      List.of(
          Settings.PROTO_MAX_BULK_LEN,
          Settings.CLIENT_QUERY_BUFFER_LIMIT,
          Settings.HASH_MAX_LISTPACK_ENTRIES,
          Settings.HASH_MAX_LISTPACK_VALUE,
          Settings.LIST_MAX_LISTPACK_SIZE,
          Settings.LAZYFREE_LAZY_USER_FLUSH,
          Settings.LAZYFREE_LAZY_EXPIRE,
          Settings.LAZYFREE_LAZY_EVICTION,
          Settings.MAXMEMORY,
          Settings.MAXMEMORY_POLICY,
          Settings.LFU_LOG_FACTOR,
          Settings.LFU_DECAY_TIME,
          Settings.NOTIFY_KEYSPACE_EVENTS,
          Settings.SLOWLOG_LOG_SLOWER_THAN);

  public long maxBulkBytes;
  public int hashMaxListpackEntries;
  public int hashMaxListpackValue;
  public int listMaxListpackSize;
  public boolean lazyUserFlush;
  public boolean lazyExpire;
  public boolean lazyEviction;

  /// Whether access words count accesses ([Frequency]) instead of telling when the last one was.
  public boolean lfu;

  /// Whether OBJECT REFCOUNT shows small integers as shared: an access time each would forbid that.
  public boolean sharesIntegers;

  public int lfuLogFactor;
  public int lfuDecayMinutes;

  /// Bits of [Events]; 0 = nothing is notified.
  public int notify;

  /// A command that takes longer is logged; negative: none is.
  public long slowlogMicros;

  /// What requests may hold, before they run and waiting to.
  final RequestReader.Limits requests = new RequestReader.Limits();

  Limits(Config config) {
    read(config);
    for (Setting<?> setting : FOLLOWED) {
      config.onChange(setting, this::read);
    }
  }

  private void read(Config config) {
    maxBulkBytes = config.get(Settings.PROTO_MAX_BULK_LEN);
    requests.bulkBytes = maxBulkBytes;
    requests.queryBytes = config.get(Settings.CLIENT_QUERY_BUFFER_LIMIT);
    hashMaxListpackEntries = config.intOf(Settings.HASH_MAX_LISTPACK_ENTRIES);
    hashMaxListpackValue = config.intOf(Settings.HASH_MAX_LISTPACK_VALUE);
    listMaxListpackSize = config.intOf(Settings.LIST_MAX_LISTPACK_SIZE);
    lazyUserFlush = config.get(Settings.LAZYFREE_LAZY_USER_FLUSH);
    lazyExpire = config.get(Settings.LAZYFREE_LAZY_EXPIRE);
    lazyEviction = config.get(Settings.LAZYFREE_LAZY_EVICTION);
    String policy = config.text(Settings.MAXMEMORY_POLICY);
    lfu = policy.endsWith("lfu");
    sharesIntegers = config.get(Settings.MAXMEMORY) == 0 || !lfu && !policy.endsWith("lru");
    lfuLogFactor = config.intOf(Settings.LFU_LOG_FACTOR);
    lfuDecayMinutes = config.intOf(Settings.LFU_DECAY_TIME);
    notify = config.intOf(Settings.NOTIFY_KEYSPACE_EVENTS);
    slowlogMicros = config.get(Settings.SLOWLOG_LOG_SLOWER_THAN);
  }
}
