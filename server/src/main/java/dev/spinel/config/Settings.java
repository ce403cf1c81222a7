package dev.spinel.config;

import static dev.spinel.config.Setting.ALWAYS_APPLIED;
import static dev.spinel.config.Setting.BINARY;
import static dev.spinel.config.Setting.GIVEN_COUNTS;
import static dev.spinel.config.Setting.HIDDEN;
import static dev.spinel.config.Setting.IMMUTABLE;
import static dev.spinel.config.Setting.MANY_ARGUMENTS;
import static dev.spinel.config.Setting.MAY_BE_REPEATED;
import static dev.spinel.config.Setting.NOT_WHILE_LOADING;
import static dev.spinel.config.Setting.PROTECTED;
import static dev.spinel.config.Setting.SENSITIVE;

import dev.spinel.config.Setting.Choice;
import dev.spinel.config.Setting.Choices;
import dev.spinel.config.Setting.Notation;
import dev.spinel.config.Setting.Row;
import dev.spinel.config.Setting.Sign;
import dev.spinel.config.Setting.Text;
import dev.spinel.config.Setting.Whole;
import dev.spinel.config.Setting.YesNo;
import dev.spinel.config.SpecialSettings.FileName;
import dev.spinel.config.SpecialSettings.HostName;
import dev.spinel.config.SpecialSettings.NodeName;
import dev.spinel.config.SpecialSettings.PathName;
import dev.spinel.config.SpecialSettings.Seeds;
import dev.spinel.config.SpecialSettings.TitleTemplate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The table: every directive, one constant each.
///
/// A row begins with what we do about it: `row` is in force, `later` is accepted for the feature
/// that it names, `never` has no effect for the reason that it gives ([Status]). COMPATIBILITY.md
/// is printed from here, and a test compares the two, so a feature that arrives turns its `later`
/// into `row` and prints again. Then follow the default and the range that Redis 7.2 has. Whole
/// numbers without a bound of Redis's have its C type's.
///
/// The table is built when the class is loaded, a fraction of a millisecond; it never changes and
/// belongs to no server.
public final class Settings {
  private Settings() {}

  private static final String LARGE_VALUES = "large values are always freed in the background";

  private static final ArrayList<Setting<?>> TABLE = new ArrayList<>(200);

  // ── The network and its clients ──

  public static final Setting<Long> PORT = number(row("port"), 0, 65535, 6379);
  public static final Setting<List<String>> BIND =
      new SpecialSettings.BindAddresses(row("bind", MANY_ARGUMENTS));
  public static final Setting<String> BIND_SOURCE_ADDR = optionalText(row("bind-source-addr"));
  public static final Setting<String> UNIXSOCKET =
      new PathName(row("unixsocket", IMMUTABLE), Text.Empty.IS_UNSET);
  public static final Setting<Long> UNIXSOCKETPERM =
      octal(row("unixsocketperm", IMMUTABLE), 0, 0777, 0);
  public static final Setting<Long> TCP_BACKLOG =
      number(row("tcp-backlog", IMMUTABLE), 0, Integer.MAX_VALUE, 511);
  public static final Setting<Long> TCP_KEEPALIVE =
      number(row("tcp-keepalive"), 0, Integer.MAX_VALUE, 300);
  public static final Setting<Long> TIMEOUT = number(row("timeout"), 0, Integer.MAX_VALUE, 0);
  public static final Setting<Long> MAXCLIENTS =
      unsignedNumber(row("maxclients"), 1, 0xffff_ffffL, 10000);
  public static final Setting<Boolean> PROTECTED_MODE = yesNo(row("protected-mode"), true);
  public static final Setting<OutputLimits> CLIENT_OUTPUT_BUFFER_LIMIT =
      new SpecialSettings.OutputLimit(row("client-output-buffer-limit", MANY_ARGUMENTS));
  public static final Setting<Long> CLIENT_QUERY_BUFFER_LIMIT =
      unsignedMemory(row("client-query-buffer-limit"), 1L << 20, Long.MAX_VALUE, 1L << 30);
  public static final Setting<Long> PROTO_MAX_BULK_LEN =
      memory(row("proto-max-bulk-len"), 1L << 20, Long.MAX_VALUE, 512L << 20);
  public static final Setting<Long> MAXMEMORY_CLIENTS =
      memoryOrPercent(row("maxmemory-clients"), -100, Long.MAX_VALUE, 0);
  public static final Setting<Long> SOCKET_MARK_ID =
      unsignedNumber(
          never("socket-mark-id", IMMUTABLE, "the JDK can't mark sockets"), 0, 0xffff_ffffL, 0);
  public static final Setting<Long> IO_THREADS =
      number(never("io-threads", IMMUTABLE, "see event-loops"), 1, 128, 1);
  public static final Setting<Boolean> IO_THREADS_DO_READS =
      yesNo(never("io-threads-do-reads", IMMUTABLE, "loops always read"), false);

  /// Our own: how many event loops serve; 0 is one for each processor that the process may use.
  public static final Setting<Long> EVENT_LOOPS =
      number(row("event-loops", IMMUTABLE | MAY_BE_REPEATED), 0, 1024, 0);

  /// Our own: how they talk to the system. `auto` is `io_uring` where Linux and the JVM's flags
  /// allow it.
  public static final Setting<String> IO_TRANSPORT =
      choice(row("io-transport", IMMUTABLE | MAY_BE_REPEATED), "auto", "auto", "nio", "io_uring");

  // ── The process ──

  public static final Setting<Boolean> DAEMONIZE = yesNo(row("daemonize", IMMUTABLE), false);
  public static final Setting<String> SUPERVISED =
      choice(row("supervised", IMMUTABLE), "no", "upstart", "systemd", "auto", "no");
  public static final Setting<String> PIDFILE =
      new PathName(row("pidfile", IMMUTABLE), Text.Empty.IS_UNSET);
  public static final Setting<String> DIR =
      new SpecialSettings.Directory(row("dir", PROTECTED | NOT_WHILE_LOADING));
  public static final Setting<Long> DATABASES =
      number(row("databases", IMMUTABLE), 1, Integer.MAX_VALUE, 16);
  public static final Setting<String> LOGFILE =
      new PathName(row("logfile", IMMUTABLE), Text.Empty.IS_A_VALUE);
  public static final Setting<String> LOGLEVEL =
      choice(row("loglevel"), "notice", "debug", "verbose", "notice", "warning", "nothing");
  public static final Setting<Boolean> SYSLOG_ENABLED =
      yesNo(never("syslog-enabled", IMMUTABLE, "log to a file or to standard output"), false);
  public static final Setting<String> SYSLOG_IDENT =
      text(never("syslog-ident", IMMUTABLE, "no syslog"), "redis");
  public static final Setting<String> SYSLOG_FACILITY =
      choice(
          never("syslog-facility", IMMUTABLE, "no syslog"),
          "local0",
          "user",
          "local0",
          "local1",
          "local2",
          "local3",
          "local4",
          "local5",
          "local6",
          "local7");
  public static final Setting<Long> HZ = number(row("hz"), 0, Integer.MAX_VALUE, 10);
  public static final Setting<Boolean> DYNAMIC_HZ =
      yesNo(never("dynamic-hz", "background work paces itself"), true);
  public static final Setting<Long> SHUTDOWN_TIMEOUT =
      number(row("shutdown-timeout"), 0, Integer.MAX_VALUE, 10);
  public static final Setting<String> SHUTDOWN_ON_SIGINT =
      new Choices(
          row("shutdown-on-sigint", MANY_ARGUMENTS), "default", "save", "nosave", "now", "force");
  public static final Setting<String> SHUTDOWN_ON_SIGTERM =
      new Choices(
          row("shutdown-on-sigterm", MANY_ARGUMENTS), "default", "save", "nosave", "now", "force");
  public static final Setting<Boolean> ALWAYS_SHOW_LOGO =
      yesNo(never("always-show-logo", IMMUTABLE, "no logo"), false);
  public static final Setting<Boolean> SET_PROC_TITLE =
      yesNo(never("set-proc-title", IMMUTABLE, "a JVM can't change its title"), true);
  public static final Setting<String> PROC_TITLE_TEMPLATE =
      new TitleTemplate(never("proc-title-template", "a JVM can't change its title"));
  public static final Setting<String> LOCALE_COLLATE =
      text(never("locale-collate", "SORT compares bytes"), "");
  public static final Setting<String> IGNORE_WARNINGS =
      text(never("ignore-warnings", "none of Redis's warnings applies"), "");
  public static final Setting<Boolean> CRASH_LOG_ENABLED = yesNo(row("crash-log-enabled"), true);
  public static final Setting<Boolean> CRASH_MEMCHECK_ENABLED =
      yesNo(never("crash-memcheck-enabled", "the JVM writes its own crash log"), true);
  public static final Setting<Boolean> USE_EXIT_ON_PANIC =
      yesNo(never("use-exit-on-panic", HIDDEN, "no core dumps"), false);
  public static final Setting<Long> WATCHDOG_PERIOD =
      number(never("watchdog-period", HIDDEN, "use jstack or JFR"), 0, Integer.MAX_VALUE, 0);
  public static final Setting<String> ENABLE_PROTECTED_CONFIGS =
      choice(row("enable-protected-configs", IMMUTABLE), "no", "no", "yes", "local");
  public static final Setting<String> ENABLE_DEBUG_COMMAND =
      choice(row("enable-debug-command", IMMUTABLE), "no", "no", "yes", "local");
  public static final Setting<String> ENABLE_MODULE_COMMAND =
      choice(never("enable-module-command", IMMUTABLE, "no modules"), "no", "no", "yes", "local");
  public static final Setting<Boolean> DISABLE_THP =
      yesNo(never("disable-thp", IMMUTABLE, "the JVM decides about huge pages"), true);
  public static final Setting<String> OOM_SCORE_ADJ =
      choice(
          never("oom-score-adj", "left to whoever starts the JVM"),
          "no",
          "no",
          "yes",
          "relative=yes",
          "absolute");
  public static final Setting<List<Long>> OOM_SCORE_ADJ_VALUES =
      new SpecialSettings.OomScores(
          never("oom-score-adj-values", MANY_ARGUMENTS, "left to whoever starts the JVM"));
  public static final Setting<String> SERVER_CPULIST =
      optionalText(never("server_cpulist", IMMUTABLE, "left to taskset"));
  public static final Setting<String> BIO_CPULIST =
      optionalText(never("bio_cpulist", IMMUTABLE, "left to taskset"));
  public static final Setting<String> AOF_REWRITE_CPULIST =
      optionalText(never("aof_rewrite_cpulist", IMMUTABLE, "no child processes"));
  public static final Setting<String> BGSAVE_CPULIST =
      optionalText(never("bgsave_cpulist", IMMUTABLE, "no child processes"));

  // ── Users and TLS ──

  public static final Setting<String> REQUIREPASS =
      optionalText(row("requirepass", SENSITIVE | BINARY));
  public static final Setting<String> ACLFILE = text(row("aclfile", IMMUTABLE), "");
  public static final Setting<Long> ACLLOG_MAX_LEN =
      number(row("acllog-max-len"), 0, Long.MAX_VALUE, 128);
  public static final Setting<String> ACL_PUBSUB_DEFAULT =
      choice(row("acl-pubsub-default"), "resetchannels", "allchannels", "resetchannels");
  public static final Setting<Long> TLS_PORT = number(row("tls-port"), 0, 65535, 0);
  public static final Setting<String> TLS_CERT_FILE =
      optionalText(row("tls-cert-file", ALWAYS_APPLIED));
  public static final Setting<String> TLS_KEY_FILE =
      optionalText(row("tls-key-file", ALWAYS_APPLIED));
  public static final Setting<String> TLS_KEY_FILE_PASS = optionalText(row("tls-key-file-pass"));
  public static final Setting<String> TLS_CLIENT_CERT_FILE =
      optionalText(row("tls-client-cert-file", ALWAYS_APPLIED));
  public static final Setting<String> TLS_CLIENT_KEY_FILE =
      optionalText(row("tls-client-key-file", ALWAYS_APPLIED));
  public static final Setting<String> TLS_CLIENT_KEY_FILE_PASS =
      optionalText(row("tls-client-key-file-pass"));
  public static final Setting<String> TLS_DH_PARAMS_FILE =
      optionalText(row("tls-dh-params-file", ALWAYS_APPLIED));
  public static final Setting<String> TLS_CA_CERT_FILE =
      optionalText(row("tls-ca-cert-file", ALWAYS_APPLIED));
  public static final Setting<String> TLS_CA_CERT_DIR =
      optionalText(row("tls-ca-cert-dir", ALWAYS_APPLIED));
  public static final Setting<String> TLS_AUTH_CLIENTS =
      choice(row("tls-auth-clients"), "yes", "no", "yes", "optional");
  public static final Setting<Boolean> TLS_REPLICATION = yesNo(row("tls-replication"), false);
  public static final Setting<Boolean> TLS_CLUSTER = yesNo(row("tls-cluster"), false);
  public static final Setting<String> TLS_PROTOCOLS = optionalText(row("tls-protocols"));
  public static final Setting<String> TLS_CIPHERS = optionalText(row("tls-ciphers"));
  public static final Setting<String> TLS_CIPHERSUITES = optionalText(row("tls-ciphersuites"));
  public static final Setting<Boolean> TLS_PREFER_SERVER_CIPHERS =
      yesNo(row("tls-prefer-server-ciphers"), false);
  public static final Setting<Boolean> TLS_SESSION_CACHING =
      yesNo(row("tls-session-caching"), true);
  public static final Setting<Long> TLS_SESSION_CACHE_SIZE =
      number(row("tls-session-cache-size"), 0, Integer.MAX_VALUE, 20 * 1024);
  public static final Setting<Long> TLS_SESSION_CACHE_TIMEOUT =
      number(row("tls-session-cache-timeout"), 0, Integer.MAX_VALUE, 300);

  // ── Memory, expiry and freeing ──

  public static final Setting<Long> MAXMEMORY = unsignedMemory(row("maxmemory"), 0, -1L, 0);
  public static final Setting<String> MAXMEMORY_POLICY =
      choice(
          row("maxmemory-policy"),
          "noeviction",
          "volatile-lru",
          "volatile-lfu",
          "volatile-random",
          "volatile-ttl",
          "allkeys-lru",
          "allkeys-lfu",
          "allkeys-random",
          "noeviction");
  public static final Setting<Long> MAXMEMORY_SAMPLES =
      number(row("maxmemory-samples"), 1, Integer.MAX_VALUE, 5);
  public static final Setting<Long> MAXMEMORY_EVICTION_TENACITY =
      number(row("maxmemory-eviction-tenacity"), 0, 100, 10);
  public static final Setting<Long> LFU_LOG_FACTOR =
      number(row("lfu-log-factor"), 0, Integer.MAX_VALUE, 10);
  public static final Setting<Long> LFU_DECAY_TIME =
      number(row("lfu-decay-time"), 0, Integer.MAX_VALUE, 1);
  public static final Setting<Long> ACTIVE_EXPIRE_EFFORT =
      number(row("active-expire-effort"), 1, 10, 1);
  public static final Setting<Boolean> LAZYFREE_LAZY_EVICTION =
      yesNo(row("lazyfree-lazy-eviction"), false);
  public static final Setting<Boolean> LAZYFREE_LAZY_EXPIRE =
      yesNo(row("lazyfree-lazy-expire"), false);
  public static final Setting<Boolean> LAZYFREE_LAZY_SERVER_DEL =
      yesNo(never("lazyfree-lazy-server-del", LARGE_VALUES), false);
  public static final Setting<Boolean> LAZYFREE_LAZY_USER_DEL =
      yesNo(never("lazyfree-lazy-user-del", LARGE_VALUES), false);
  public static final Setting<Boolean> LAZYFREE_LAZY_USER_FLUSH =
      yesNo(row("lazyfree-lazy-user-flush"), false);
  public static final Setting<Boolean> ACTIVEREHASHING =
      yesNo(never("activerehashing", "nothing is ever rehashed whole"), true);
  public static final Setting<Boolean> ACTIVEDEFRAG =
      yesNo(never("activedefrag", "sparse pages are always evacuated"), false);
  public static final Setting<Long> ACTIVE_DEFRAG_IGNORE_BYTES =
      unsignedMemory(
          never("active-defrag-ignore-bytes", "see activedefrag"), 1, Long.MAX_VALUE, 100L << 20);
  public static final Setting<Long> ACTIVE_DEFRAG_THRESHOLD_LOWER =
      number(never("active-defrag-threshold-lower", "see activedefrag"), 0, 1000, 10);
  public static final Setting<Long> ACTIVE_DEFRAG_THRESHOLD_UPPER =
      number(never("active-defrag-threshold-upper", "see activedefrag"), 0, 1000, 100);
  public static final Setting<Long> ACTIVE_DEFRAG_CYCLE_MIN =
      number(never("active-defrag-cycle-min", "see activedefrag"), 1, 99, 1);
  public static final Setting<Long> ACTIVE_DEFRAG_CYCLE_MAX =
      number(never("active-defrag-cycle-max", "see activedefrag"), 1, 99, 25);
  public static final Setting<Long> ACTIVE_DEFRAG_MAX_SCAN_FIELDS =
      number(never("active-defrag-max-scan-fields", "see activedefrag"), 1, Long.MAX_VALUE, 1000);
  public static final Setting<Boolean> JEMALLOC_BG_THREAD =
      yesNo(never("jemalloc-bg-thread", "own allocator"), true);

  // ── Encodings ──

  public static final Setting<Long> HASH_MAX_LISTPACK_ENTRIES =
      unsignedNumber(
          row("hash-max-listpack-entries").was("hash-max-ziplist-entries"), 0, Long.MAX_VALUE, 512);
  public static final Setting<Long> HASH_MAX_LISTPACK_VALUE =
      unsignedMemory(
          row("hash-max-listpack-value").was("hash-max-ziplist-value"), 0, Long.MAX_VALUE, 64);
  public static final Setting<Long> LIST_MAX_LISTPACK_SIZE =
      number(
          row("list-max-listpack-size").was("list-max-ziplist-size"),
          Integer.MIN_VALUE,
          Integer.MAX_VALUE,
          -2);
  public static final Setting<Long> LIST_COMPRESS_DEPTH =
      number(
          never("list-compress-depth", "list nodes are never compressed"), 0, Integer.MAX_VALUE, 0);
  public static final Setting<Long> SET_MAX_INTSET_ENTRIES =
      unsignedNumber(row("set-max-intset-entries"), 0, Long.MAX_VALUE, 512);
  public static final Setting<Long> SET_MAX_LISTPACK_ENTRIES =
      unsignedNumber(row("set-max-listpack-entries"), 0, Long.MAX_VALUE, 128);
  public static final Setting<Long> SET_MAX_LISTPACK_VALUE =
      unsignedNumber(row("set-max-listpack-value"), 0, Long.MAX_VALUE, 64);
  public static final Setting<Long> ZSET_MAX_LISTPACK_ENTRIES =
      unsignedNumber(
          row("zset-max-listpack-entries").was("zset-max-ziplist-entries"), 0, Long.MAX_VALUE, 128);
  public static final Setting<Long> ZSET_MAX_LISTPACK_VALUE =
      unsignedMemory(
          row("zset-max-listpack-value").was("zset-max-ziplist-value"), 0, Long.MAX_VALUE, 64);
  public static final Setting<Long> STREAM_NODE_MAX_BYTES =
      unsignedMemory(row("stream-node-max-bytes"), 0, Long.MAX_VALUE, 4096);
  public static final Setting<Long> STREAM_NODE_MAX_ENTRIES =
      number(row("stream-node-max-entries"), 0, Long.MAX_VALUE, 100);
  public static final Setting<Long> HLL_SPARSE_MAX_BYTES =
      unsignedMemory(row("hll-sparse-max-bytes"), 0, Long.MAX_VALUE, 3000);

  // ── Observation, events and scripts ──

  public static final Setting<Long> SLOWLOG_LOG_SLOWER_THAN =
      number(row("slowlog-log-slower-than"), -1, Long.MAX_VALUE, 10000);
  public static final Setting<Long> SLOWLOG_MAX_LEN =
      number(row("slowlog-max-len"), 0, Long.MAX_VALUE, 128);
  public static final Setting<Long> LATENCY_MONITOR_THRESHOLD =
      number(row("latency-monitor-threshold"), 0, Long.MAX_VALUE, 0);
  public static final Setting<Boolean> LATENCY_TRACKING = yesNo(row("latency-tracking"), true);
  public static final Setting<List<Double>> LATENCY_TRACKING_INFO_PERCENTILES =
      new SpecialSettings.Percentiles(row("latency-tracking-info-percentiles", MANY_ARGUMENTS));
  public static final Setting<Long> NOTIFY_KEYSPACE_EVENTS =
      new SpecialSettings.EventClasses(row("notify-keyspace-events"));
  public static final Setting<Long> TRACKING_TABLE_MAX_KEYS =
      unsignedNumber(row("tracking-table-max-keys"), 0, Long.MAX_VALUE, 1000000);
  public static final Setting<Long> BUSY_REPLY_THRESHOLD =
      number(row("busy-reply-threshold").was("lua-time-limit"), 0, Long.MAX_VALUE, 5000);

  // ── Persistence ──

  public static final Setting<List<SavePoint>> SAVE =
      new SpecialSettings.SavePoints(row("save", MANY_ARGUMENTS));
  public static final Setting<String> DBFILENAME =
      new FileName(row("dbfilename", PROTECTED), "dump.rdb", "filename", true);
  public static final Setting<Boolean> RDBCOMPRESSION = yesNo(row("rdbcompression"), true);

  /// Our own: the version of RDB files, full syncs and DUMP's payloads: 10, which everything from
  /// Redis 7.0 on can read, or 11, which is what 7.2 writes.
  public static final Setting<Long> RDB_VERSION = number(row("rdb-version"), 10, 11, 10);

  /// Our own: whether a process stands for a snapshot that is being written.
  public static final Setting<Boolean> SAVE_PROCESS = yesNo(row("save-process"), true);

  public static final Setting<Boolean> RDBCHECKSUM = yesNo(row("rdbchecksum", IMMUTABLE), true);
  public static final Setting<Boolean> RDB_DEL_SYNC_FILES = yesNo(row("rdb-del-sync-files"), false);
  public static final Setting<Boolean> RDB_SAVE_INCREMENTAL_FSYNC =
      yesNo(row("rdb-save-incremental-fsync"), true);
  public static final Setting<Boolean> STOP_WRITES_ON_BGSAVE_ERROR =
      yesNo(row("stop-writes-on-bgsave-error"), true);
  public static final Setting<String> SANITIZE_DUMP_PAYLOAD =
      choice(
          never("sanitize-dump-payload", "payloads are always checked"),
          "no",
          "no",
          "yes",
          "clients");
  public static final Setting<Boolean> APPENDONLY =
      yesNo(row("appendonly", NOT_WHILE_LOADING), false);
  public static final Setting<String> APPENDFILENAME =
      new FileName(row("appendfilename", IMMUTABLE), "appendonly.aof", "filename", false);
  public static final Setting<String> APPENDDIRNAME =
      new FileName(row("appenddirname", IMMUTABLE), "appendonlydir", "dirname", false);
  public static final Setting<String> APPENDFSYNC =
      choice(row("appendfsync"), "everysec", "everysec", "always", "no");
  public static final Setting<Boolean> NO_APPENDFSYNC_ON_REWRITE =
      yesNo(row("no-appendfsync-on-rewrite"), false);
  public static final Setting<Long> AUTO_AOF_REWRITE_PERCENTAGE =
      number(row("auto-aof-rewrite-percentage"), 0, Integer.MAX_VALUE, 100);
  public static final Setting<Long> AUTO_AOF_REWRITE_MIN_SIZE =
      memory(row("auto-aof-rewrite-min-size"), 0, Long.MAX_VALUE, 64L << 20);
  public static final Setting<Boolean> AOF_LOAD_TRUNCATED = yesNo(row("aof-load-truncated"), true);
  public static final Setting<Boolean> AOF_USE_RDB_PREAMBLE =
      yesNo(row("aof-use-rdb-preamble"), true);
  public static final Setting<Boolean> AOF_TIMESTAMP_ENABLED =
      yesNo(row("aof-timestamp-enabled"), false);
  public static final Setting<Boolean> AOF_REWRITE_INCREMENTAL_FSYNC =
      yesNo(row("aof-rewrite-incremental-fsync"), true);
  public static final Setting<Boolean> AOF_DISABLE_AUTO_GC =
      yesNo(row("aof-disable-auto-gc", HIDDEN), false);
  public static final Setting<Long> RDB_KEY_SAVE_DELAY =
      number(row("rdb-key-save-delay", HIDDEN), Integer.MIN_VALUE, Integer.MAX_VALUE, 0);
  public static final Setting<Long> KEY_LOAD_DELAY =
      number(row("key-load-delay", HIDDEN), Integer.MIN_VALUE, Integer.MAX_VALUE, 0);
  public static final Setting<Long> LOADING_PROCESS_EVENTS_INTERVAL_BYTES =
      number(
          row("loading-process-events-interval-bytes", HIDDEN), 1024, Integer.MAX_VALUE, 2L << 20);

  // ── Replication ──

  public static final Setting<ReplicaOf> REPLICAOF =
      new SpecialSettings.Primary(row("replicaof", IMMUTABLE | MANY_ARGUMENTS).was("slaveof"));
  public static final Setting<String> MASTERAUTH =
      optionalText(row("masterauth", SENSITIVE | BINARY));
  public static final Setting<String> MASTERUSER = optionalText(row("masteruser", SENSITIVE));
  public static final Setting<Boolean> REPLICA_SERVE_STALE_DATA =
      yesNo(row("replica-serve-stale-data").was("slave-serve-stale-data"), true);
  public static final Setting<Boolean> REPLICA_READ_ONLY =
      yesNo(row("replica-read-only").was("slave-read-only"), true);
  public static final Setting<Long> REPLICA_PRIORITY =
      number(row("replica-priority").was("slave-priority"), 0, Integer.MAX_VALUE, 100);
  public static final Setting<Boolean> REPLICA_LAZY_FLUSH =
      yesNo(row("replica-lazy-flush").was("slave-lazy-flush"), false);
  public static final Setting<Boolean> REPLICA_IGNORE_MAXMEMORY =
      yesNo(row("replica-ignore-maxmemory").was("slave-ignore-maxmemory"), true);
  public static final Setting<Boolean> REPLICA_IGNORE_DISK_WRITE_ERRORS =
      yesNo(
          never(
              "replica-ignore-disk-write-errors",
              "a replica whose disk fails goes on, until 32 MB wait to be written: then the"
                  + " primary's stream waits"),
          false);
  public static final Setting<Boolean> REPLICA_ANNOUNCED = yesNo(row("replica-announced"), true);
  public static final Setting<String> REPLICA_ANNOUNCE_IP =
      optionalText(row("replica-announce-ip").was("slave-announce-ip"));
  public static final Setting<Long> REPLICA_ANNOUNCE_PORT =
      number(row("replica-announce-port").was("slave-announce-port"), 0, 65535, 0);
  public static final Setting<Long> MIN_REPLICAS_TO_WRITE =
      number(row("min-replicas-to-write").was("min-slaves-to-write"), 0, Integer.MAX_VALUE, 0);
  public static final Setting<Long> MIN_REPLICAS_MAX_LAG =
      number(row("min-replicas-max-lag").was("min-slaves-max-lag"), 0, Integer.MAX_VALUE, 10);
  public static final Setting<Long> REPL_TIMEOUT =
      number(row("repl-timeout"), 1, Integer.MAX_VALUE, 60);
  public static final Setting<Long> REPL_PING_REPLICA_PERIOD =
      number(
          row("repl-ping-replica-period").was("repl-ping-slave-period"), 1, Integer.MAX_VALUE, 10);
  public static final Setting<Long> REPL_BACKLOG_SIZE =
      memory(row("repl-backlog-size"), 1, Long.MAX_VALUE, 1L << 20);
  public static final Setting<Long> REPL_BACKLOG_TTL =
      number(row("repl-backlog-ttl"), 0, Long.MAX_VALUE, 3600);
  public static final Setting<Boolean> REPL_DISABLE_TCP_NODELAY =
      yesNo(row("repl-disable-tcp-nodelay"), false);
  public static final Setting<Boolean> REPL_DISKLESS_SYNC = yesNo(row("repl-diskless-sync"), true);
  public static final Setting<Long> REPL_DISKLESS_SYNC_DELAY =
      number(row("repl-diskless-sync-delay"), 0, Integer.MAX_VALUE, 5);
  public static final Setting<Long> REPL_DISKLESS_SYNC_MAX_REPLICAS =
      number(row("repl-diskless-sync-max-replicas"), 0, Integer.MAX_VALUE, 0);
  public static final Setting<String> REPL_DISKLESS_LOAD =
      choice(
          row("repl-diskless-load", NOT_WHILE_LOADING),
          "disabled",
          "disabled",
          "on-empty-db",
          "swapdb");

  /// Our own: how many bytes of a full synchronization may wait on the disk for a replica that
  /// reads more slowly than the data is written. Beyond that its synchronization is given up. 0: up
  /// to half of what is free on the disk.
  public static final Setting<Long> REPL_DISKLESS_SYNC_SPOOL_LIMIT =
      memory(row("repl-diskless-sync-spool-limit"), 0, Long.MAX_VALUE, 0);

  /// Our own: whether a replica keeps its data, and stays alone until it is told how to go on, when
  /// its primary comes back as good as empty and under an unknown history, as one does that has
  /// lost its files. `no` is what Redis does: it discards its data and copies the primary's.
  public static final Setting<Boolean> REPLICA_KEEP_DATA_OF_LOST_PRIMARY =
      yesNo(row("replica-keep-data-of-lost-primary"), false);

  public static final Setting<String> PROPAGATION_ERROR_BEHAVIOR =
      choice(
          row("propagation-error-behavior", GIVEN_COUNTS),
          "ignore",
          "ignore",
          "panic",
          "panic-on-replicas");

  // ── Cluster ──

  public static final Setting<Boolean> CLUSTER_ENABLED =
      yesNo(row("cluster-enabled", IMMUTABLE), false);
  public static final Setting<String> CLUSTER_CONFIG_FILE =
      text(row("cluster-config-file", IMMUTABLE), "nodes.conf");
  public static final Setting<Long> CLUSTER_PORT =
      number(row("cluster-port", IMMUTABLE), 0, 65535, 0);
  public static final Setting<Long> CLUSTER_NODE_TIMEOUT =
      number(row("cluster-node-timeout"), 0, Long.MAX_VALUE, 15000);
  public static final Setting<Long> CLUSTER_PING_INTERVAL =
      number(row("cluster-ping-interval", HIDDEN), 0, Long.MAX_VALUE, 0);
  public static final Setting<String> CLUSTER_ANNOUNCE_IP =
      optionalText(row("cluster-announce-ip"));
  public static final Setting<Long> CLUSTER_ANNOUNCE_PORT =
      number(row("cluster-announce-port"), 0, 65535, 0);
  public static final Setting<Long> CLUSTER_ANNOUNCE_TLS_PORT =
      number(row("cluster-announce-tls-port"), 0, 65535, 0);
  public static final Setting<Long> CLUSTER_ANNOUNCE_BUS_PORT =
      number(row("cluster-announce-bus-port"), 0, 65535, 0);
  public static final Setting<String> CLUSTER_ANNOUNCE_HOSTNAME =
      new HostName(row("cluster-announce-hostname"));
  public static final Setting<String> CLUSTER_ANNOUNCE_HUMAN_NODENAME =
      new NodeName(row("cluster-announce-human-nodename"));
  public static final Setting<String> CLUSTER_PREFERRED_ENDPOINT_TYPE =
      choice(row("cluster-preferred-endpoint-type"), "ip", "ip", "hostname", "unknown-endpoint");
  public static final Setting<Boolean> CLUSTER_REQUIRE_FULL_COVERAGE =
      yesNo(row("cluster-require-full-coverage"), true);
  public static final Setting<Long> CLUSTER_MIGRATION_BARRIER =
      number(row("cluster-migration-barrier"), 0, Integer.MAX_VALUE, 1);
  public static final Setting<Boolean> CLUSTER_ALLOW_REPLICA_MIGRATION =
      yesNo(row("cluster-allow-replica-migration"), true);
  public static final Setting<Boolean> CLUSTER_ALLOW_READS_WHEN_DOWN =
      yesNo(row("cluster-allow-reads-when-down"), false);
  public static final Setting<Boolean> CLUSTER_ALLOW_PUBSUBSHARD_WHEN_DOWN =
      yesNo(row("cluster-allow-pubsubshard-when-down"), true);
  public static final Setting<Long> CLUSTER_REPLICA_VALIDITY_FACTOR =
      number(
          row("cluster-replica-validity-factor").was("cluster-slave-validity-factor"),
          0,
          Integer.MAX_VALUE,
          10);
  public static final Setting<Boolean> CLUSTER_REPLICA_NO_FAILOVER =
      yesNo(row("cluster-replica-no-failover").was("cluster-slave-no-failover"), false);
  public static final Setting<Long> CLUSTER_LINK_SENDBUF_LIMIT =
      unsignedMemory(row("cluster-link-sendbuf-limit"), 0, -1L, 0);

  /// Ours: where nodes may be found again whose addresses have all changed.
  public static final Setting<String> CLUSTER_SEEDS = new Seeds(row("cluster-seeds"));

  private static final HashMap<String, Setting<?>> BY_NAME = byName();

  private static HashMap<String, Setting<?>> byName() {
    HashMap<String, Setting<?>> names = new HashMap<>(512);
    for (int i = 0; i < TABLE.size(); i++) {
      Setting<?> setting = TABLE.get(i);
      names.put(setting.name(), setting);
      if (setting.alias() != null) names.put(setting.alias(), setting);
    }
    return names;
  }

  /// The row of a name or old name in any case, or null.
  public static @Nullable Setting<?> find(String name) {
    return BY_NAME.get(Octets.lower(name));
  }

  /// How many rows there are.
  public static int count() {
    return TABLE.size();
  }

  /// The row at an index, in the table's order.
  public static Setting<?> at(int index) {
    return TABLE.get(index);
  }

  /// Called by each setting as it is made, while this class is initialized: no other thread can be
  /// here.
  static int enlist(Setting<?> setting) {
    TABLE.add(setting);
    return TABLE.size() - 1;
  }

  private static Row row(String name) {
    return row(name, 0);
  }

  private static Row row(String name, int flags) {
    return new Row(name, null, flags, Status.IN_FORCE, "");
  }

  private static Row later(String name, String feature) {
    return later(name, 0, feature);
  }

  private static Row later(String name, int flags, String feature) {
    return new Row(name, null, flags, Status.ACCEPTED, feature);
  }

  private static Row never(String name, String why) {
    return never(name, 0, why);
  }

  private static Row never(String name, int flags, String why) {
    return new Row(name, null, flags, Status.MEANINGLESS, why);
  }

  private static YesNo yesNo(Row row, boolean standard) {
    return new YesNo(row, standard);
  }

  private static Whole number(Row row, long least, long most, long standard) {
    return new Whole(row, Notation.INTEGER, Sign.SIGNED, least, most, standard);
  }

  private static Whole unsignedNumber(Row row, long least, long most, long standard) {
    return new Whole(row, Notation.INTEGER, Sign.UNSIGNED, least, most, standard);
  }

  private static Whole memory(Row row, long least, long most, long standard) {
    return new Whole(row, Notation.MEMORY, Sign.SIGNED, least, most, standard);
  }

  private static Whole unsignedMemory(Row row, long least, long most, long standard) {
    return new Whole(row, Notation.MEMORY, Sign.UNSIGNED, least, most, standard);
  }

  private static Whole memoryOrPercent(Row row, long least, long most, long standard) {
    return new Whole(row, Notation.MEMORY_OR_PERCENT, Sign.SIGNED, least, most, standard);
  }

  private static Whole octal(Row row, long least, long most, long standard) {
    return new Whole(row, Notation.OCTAL, Sign.UNSIGNED, least, most, standard);
  }

  private static Text text(Row row, String standard) {
    return new Text(row, Text.Empty.IS_A_VALUE, standard);
  }

  /// A text that isn't set unless it says something.
  private static Text optionalText(Row row) {
    return new Text(row, Text.Empty.IS_UNSET, "");
  }

  private static Choice choice(Row row, String standard, String... words) {
    return new Choice(row, standard, words);
  }
}
