package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Seat;
import dev.spinel.rdb.RdbWriter;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Writes a snapshot as an RDB stream that is the base of an append-only file.
final class RdbBase extends BaseFile {
  private static final int BUDGET = 256 * 1024;

  private final Engine engine;
  private final Config config;
  private final Map<Integer, long[]> sizes =
      new HashMap<>(); // by database: keys, those that expire
  private @Nullable RdbWriter writer;

  RdbBase(Engine engine, Config config, Disk.Output file, boolean syncsOften) {
    super(file, syncsOften);
    this.engine = engine;
    this.config = config;
  }

  @Override
  void begin(Seat seat, long nowMillis, boolean stamps) {
    super.begin(seat, nowMillis, stamps);
    RdbWriter made =
        new RdbWriter(
            seat.values,
            this::write,
            config.intOf(Settings.RDB_VERSION),
            config.get(Settings.RDBCOMPRESSION),
            config.get(Settings.RDBCHECKSUM));
    made.aux("redis-ver", Config.REDIS_VERSION);
    made.aux("redis-bits", 64);
    made.aux("ctime", nowMillis / 1000);
    made.aux("used-mem", engine.keyspace.heap().liveBytes());
    made.aux("aof-base", 1);
    for (int number = engine.keyspace.nextUsed(0);
        number >= 0;
        number = engine.keyspace.nextUsed(number + 1)) {
      Database database = engine.keyspace.database(number);
      sizes.put(number, new long[] {database.size(seat), database.expiring(seat)});
    }
    writer = made;
  }

  private RdbWriter writer() {
    return Objects.requireNonNull(writer);
  }

  @Override
  public void database(int number) {
    long[] size = sizes.getOrDefault(number, new long[2]);
    writer().database(number, size[0], size[1]);
  }

  @Override
  public void entry(long entry, long expiry) {
    writer().begin(entry, expiry);
    keys++;
  }

  @Override
  public void open(long entry, long expiry, long count) {
    writer().open(entry, expiry, count);
    keys++;
  }

  @Override
  public void field(long field) {
    writer().field(field);
  }

  @Override
  public boolean more() {
    return writer().more(BUDGET);
  }

  @Override
  public void close() {}

  @Override
  void flush() {
    writer().end();
  }
}
