package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.rdb.RdbWriter;
import dev.spinel.rdb.ValueWriter;
import dev.spinel.value.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// An RDB stream on its way to a file: what a file says besides its keys, and which settings it
/// follows.
///
/// ```
///   a walk                                              a stopped world
///   countKeys(…), at the cut begin(seat, …)             writeAll(seat)
///   database(0) entry(…) more()… open(…) field(…)
///     more()… drain() …
///   finish()                                            finish()
/// ```
final class RdbFile extends BaseFile {
  private static final int ACCESS = 0xffffff; // an access word
  private static final int NONE = -1;
  private static final long[] NO_KEYS = {0, 0};

  private final Engine engine;
  private final Config config;
  private final boolean isAofBase;
  private final Supplier<@Nullable StreamFacts> stream;
  private final IntConsumer tellNewer;
  private final boolean tellsIdle;
  private final boolean tellsFrequency;

  private @Nullable RdbWriter writer;
  private final Map<Integer, long[]> sizes = new HashMap<>(); // by database: keys, that expire
  private int version; // at the cut
  private long nowMillis; // of the cut
  private long usedMemory;
  private @Nullable StreamFacts facts; // of the cut
  private List<byte[]> libraries = List.of(); // of the cut
  private int database = NONE; // whose keys come next, of which the stream doesn't know yet
  private boolean hasTimed; // hashes with fields that expire
  private final KeyDelay delay; // of writeAll
  private long timedSet; // Keyspace.timedSet before that was found out

  /// @param isAofBase whether it is the base of an append-only file
  /// @param stream asked at the cut of which history the data is
  /// @param tellNewer hears of a version that is later than the settings have it
  RdbFile(
      Engine engine,
      Config config,
      Disk.Output file,
      boolean syncsOften,
      boolean isAofBase,
      Supplier<@Nullable StreamFacts> stream,
      IntConsumer tellNewer) {
    super(file, syncsOften);
    this.stream = stream;
    this.tellNewer = tellNewer;
    this.engine = engine;
    this.config = config;
    this.isAofBase = isAofBase;
    delay = new KeyDelay(config, Settings.RDB_KEY_SAVE_DELAY);
    String policy = config.text(Settings.MAXMEMORY_POLICY);
    tellsIdle = policy.endsWith("lru");
    tellsFrequency = policy.endsWith("lfu");
  }

  @Override
  void countKeys(Keyspace keyspace, Seat seat) {
    timedSet = keyspace.timedSet();
    hasTimed = false;
    super.countKeys(keyspace, seat);
  }

  /// Of what changes until the cut the file's hints know nothing.
  @Override
  void counted(int number, Database database, long size, Seat seat) {
    sizes.put(number, new long[] {size, database.expiring(seat)});
    hasTimed |= timedSet != 0 && database.hasTimed(seat);
  }

  @Override
  void begin(Seat seat, long nowMillis, boolean stamps) {
    super.begin(seat, nowMillis, stamps);
    this.nowMillis = nowMillis;
    usedMemory = engine.keyspace.heap().liveBytes();
    facts = stream.get();
    libraries = engine.libraries().codes();
    version = config.intOf(Settings.RDB_VERSION);
    if (hasTimed || timedSet != engine.keyspace.timedSet()) {
      version = Math.max(version, ValueWriter.TIMED_HASHES);
    }
  }

  /// Made when it is first wanted, when the world goes on.
  private RdbWriter writer() {
    RdbWriter made = writer;
    if (made == null) {
      if (version > config.intOf(Settings.RDB_VERSION)) {
        tellNewer.accept(version);
      }
      made =
          new RdbWriter(
              values(),
              this::write,
              version,
              config.get(Settings.RDBCOMPRESSION),
              config.get(Settings.RDBCHECKSUM));
      writer = made;
      made.aux("redis-ver", Config.REDIS_VERSION);
      made.aux("redis-bits", 64);
      made.aux("ctime", nowMillis / 1000);
      made.aux("used-mem", usedMemory);
      StreamFacts of = facts;
      if (of != null) {
        made.aux("repl-stream-db", of.database());
        made.aux("repl-id", of.id());
        made.aux("repl-offset", of.offset());
      }
      made.aux("aof-base", isAofBase ? 1 : 0);
      libraries.forEach(made::function);
    }
    return made;
  }

  // ── what a walk shows ──

  @Override
  public void database(int number) {
    database = number; // if it has any
  }

  private void beginKey(long entry) {
    if (database != NONE) {
      long[] size = sizes.getOrDefault(database, NO_KEYS);
      writer().database(database, Math.max(1, size[0]), size[1]);
      database = NONE;
    }
    tellUse(entry);
    keys = keys + 1;
  }

  @Override
  public void entry(long entry, long expiry) {
    beginKey(entry);
    writer().begin(entry, expiry);
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
    beginKey(entry);
    writer().open(entry, expiry, count, isTimed);
  }

  @Override
  public void field(long field) {
    writer().field(field);
  }

  @Override
  public void close() {}

  @Override
  public boolean more() {
    return writer().more(PIECE) || isFull();
  }

  private void tellUse(long entry) {
    if (!tellsIdle && !tellsFrequency) {
      return;
    }
    int access = Entry.access(values().memory(), entry);
    if (tellsFrequency) {
      writer().frequency(engine.frequency.counter(access, nowMillis));
    } else {
      int idle = (int) (nowMillis / 1000) - access & ACCESS;
      writer().idle(idle <= ACCESS / 2 ? idle : 0); // it may have been used after the cut
    }
  }

  @Override
  void flush() {
    writer().end();
  }

  // ── all at once ──

  /// Writes everything there is, in a stopped world.
  void writeAll(Seat seat) throws IOException {
    assert seat.stopsWorld();
    countKeys(engine.keyspace, seat);
    begin(seat, engine.clock.millis(), false);
    Keyspace keyspace = engine.keyspace;
    try {
      for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
        database(number);
        Database database = keyspace.database(number);
        for (int slot = 0; slot < Slots.COUNT; slot++) {
          long header = database.header(slot);
          if (header != 0) {
            seat.values.dictionary().scan(header, 0, Integer.MAX_VALUE, this::whole);
          }
        }
      }
    } catch (UncheckedIOException e) {
      throw Objects.requireNonNull(e.getCause());
    }
  }

  private void whole(long entry) {
    entry(entry, Entry.expiry(values().memory(), entry));
    try {
      while (more()) {
        drain();
      }
      delay.owe(1);
      delay.pay(() -> {});
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
