package dev.spinel.persist;

import dev.spinel.config.Settings;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Engine;
import dev.spinel.engine.LibraryStore;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Seat;
import dev.spinel.rdb.EncodingLimits;
import dev.spinel.rdb.RdbException;
import dev.spinel.rdb.RdbInput;
import dev.spinel.rdb.RdbReader;
import dev.spinel.rdb.RdbType;
import dev.spinel.rdb.ValueReader;
import dev.spinel.value.Dictionary;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.value.Prefetch;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import dev.spinel.wire.Threads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// Loads an RDB file into the keyspace, below calls and journal: what stands in a file was done
/// before.
///
/// ```
///   the reader      skims lengths, gathers keys with their values' bytes in batches ──► queue
///                   │ queue full: decodes the batch itself
///   the other       ◄── takes batches, decodes them
///   both            insert under the slot's lock, and fetch the tables of several keys at once
/// ```
///
/// Values of more than a batch are read by the reader where they stand. In a stopped world there is
/// no other, and no lock; on a single processor there is no other either: two threads would only
/// take turns.
///
/// Whatever is wrong with the file ends the loading; the log says what, and where. The file is only
/// read.
final class RdbLoader {
  /// The file can't be loaded, as the log has said.
  static final class Unloadable extends Exception {
    private static final long serialVersionUID = 1;

    Unloadable(String message) {
      super(message);
    }
  }

  /// Whether what a file says takes the place of what is there, or isn't allowed to.
  enum Duplicates {
    REFUSED,
    REPLACE
  }

  private static final int BATCH_BYTES = 256 << 10;
  private static final int BATCH_KEYS = 2048;
  private static final int QUEUE = 4;

  /// What is longer goes through no batch.
  private static final int LARGE = BATCH_BYTES / 2;

  /// The tables of so many keys are fetched at once; then they are inserted, and a stopped world is
  /// let in.
  private static final int AT_A_TIME = 16;

  /// Keys without a value are told so often, then only counted.
  private static final int TOLD = 10;

  private final Persistence persistence;
  private final Engine engine;
  private final Loading loading;
  private final Duplicates duplicates;
  private final boolean dropsExpired;
  private final LongConsumer progress;
  private IntFunction<Database> databases;
  private BooleanSupplier cancelled;
  private @Nullable LoadedExpiries expiries;
  private final LibraryStore.Incoming libraries;
  private @Nullable String streamId;
  private long streamOffset = -1;
  private int streamDatabase;
  private final EncodingLimits limits;
  private final long nowMillis;
  private final ArrayBlockingQueue<Batch> full = new ArrayBlockingQueue<>(QUEUE);
  private final ArrayBlockingQueue<Batch> free = new ArrayBlockingQueue<>(QUEUE + 2);
  private final AtomicLong loaded = new AtomicLong();
  private final AtomicLong empty = new AtomicLong();
  private final AtomicLong inserted = new AtomicLong(); // batches of the queue
  private long expired;
  private volatile @Nullable Throwable failure; // of the other
  private volatile boolean allRead;

  /// @param dropsExpired whether keys whose time is over are left out, as a primary does
  /// @param progress hears how much of the file is read
  RdbLoader(
      Persistence persistence, Duplicates duplicates, boolean dropsExpired, LongConsumer progress) {
    this.progress = progress;
    this.persistence = persistence;
    this.engine = persistence.engine;
    this.libraries = persistence.engine.libraries().incoming();
    this.loading = persistence.loading;
    this.databases = persistence.engine.keyspace::database;
    this.cancelled = persistence.loading::isCancelled;
    this.duplicates = duplicates;
    this.dropsExpired = dropsExpired;
    limits = engine.limits.encodings();
    nowMillis = engine.clock.millis();
  }

  /// Keys go into other databases than the server's.
  RdbLoader into(IntFunction<Database> others) {
    databases = others;
    return this;
  }

  /// Keys that are left out are noted.
  RdbLoader noting(LoadedExpiries leftOut) {
    expiries = leftOut;
    return this;
  }

  /// It gives up as soon as `by` says so.
  RdbLoader cancelled(BooleanSupplier by) {
    cancelled = by;
    return this;
  }

  /// Of which history the data is, if the file says so. Once it is loaded.
  @Nullable StreamFacts facts() {
    String id = streamId;
    return id == null || streamOffset < 0
        ? null
        : new StreamFacts(id, streamOffset, streamDatabase);
  }

  /// The libraries of functions in the file, once it is loaded join those that there are. Stopped
  /// world. Errors: one is called like one that is there; the log says so.
  ///
  /// @param replacing whether they may take the place of others
  void joinLibraries(boolean replacing) throws Unloadable {
    try {
      libraries.join(replacing);
    } catch (CommandError e) {
      libraries.abandon();
      String why = "Failed loading library, " + e.text().substring(e.text().indexOf(' ') + 1);
      persistence.warning(why);
      throw new Unloadable(why);
    }
  }

  /// The database that a stream behind this file means at first.
  int streamDatabase() {
    return streamDatabase;
  }

  /// Loads a file from its beginning, with two seats where there are two processors.
  ///
  /// @return where the stream ends in it
  long load(Disk.Input file, String name) throws IOException, Unloadable {
    try (Seat mine = engine.keyspace.seat()) {
      Inserter inserter = new Inserter(mine);
      if (isAlone(mine)) {
        return load(file, name, inserter);
      }
      Thread other = new Thread(this::help, "spinel-loader");
      other.setDaemon(true);
      other.start();
      try {
        return load(file, name, inserter);
      } finally {
        allRead = true;
        LockSupport.unpark(other);
        Threads.awaitEnd(other);
      }
    }
  }

  /// Loads a file from its beginning, in a stopped world.
  long load(Disk.Input file, String name, Seat stopped) throws IOException, Unloadable {
    assert stopped.stopsWorld();
    return load(file, name, new Inserter(stopped));
  }

  /// Whether nobody else inserts.
  private static boolean isAlone(Seat seat) {
    return seat.stopsWorld() || Runtime.getRuntime().availableProcessors() == 1;
  }

  private long load(Disk.Input file, String name, Inserter inserter)
      throws IOException, Unloadable {
    boolean isLoaded = false;
    try {
      long end = read(file, name, inserter);
      isLoaded = true;
      return end;
    } finally {
      if (!isLoaded) libraries.abandon();
    }
  }

  private long read(Disk.Input file, String name, Inserter inserter)
      throws IOException, Unloadable {
    Reading reading = new Reading(inserter);
    try {
      long end = reading.read(file);
      tellEnd();
      return end;
    } catch (RdbException e) {
      throw unloadable(name, "", e);
    } catch (BadKey e) {
      throw unloadable(name, "key '" + e.key + "': ", e.fault);
    } catch (Twice e) {
      persistence.warning(String.valueOf(e.getMessage()));
      throw new Unloadable(String.valueOf(e.getMessage()));
    } catch (UncheckedIOException e) {
      throw Objects.requireNonNull(e.getCause());
    } catch (OutOfMemoryError e) {
      String why = "there is no memory for key '" + inserter.keyAtHand() + "'";
      persistence.warning("Short read or OOM loading DB. Unrecoverable error, aborting now.");
      persistence.warning(name + ": " + why);
      throw new Unloadable(why);
    }
  }

  private Unloadable unloadable(String name, String where, RdbException e) {
    if (e.fault() == RdbException.Fault.TRUNCATED) {
      persistence.warning("Short read or OOM loading DB. Unrecoverable error, aborting now.");
    }
    String why = where + e.getMessage();
    persistence.warning(
        "Internal error in RDB reading offset " + e.offset() + " of " + name + " -> " + why);
    return new Unloadable(why);
  }

  private void tellEnd() {
    long none = empty.get();
    persistence.notice(
        "Done loading RDB, keys loaded: "
            + loaded.get()
            + ", keys expired: "
            + expired
            + (none > 0 ? ", empty keys skipped: " + none : "")
            + ".");
  }

  private void tellEmpty(String key) {
    if (empty.incrementAndGet() <= TOLD) {
      persistence.notice("rdbLoadObject skipping empty key: " + key);
    }
  }

  static String text(Slice bytes) {
    return new String(bytes.copy(), StandardCharsets.UTF_8);
  }

  // ── the reader ──

  /// The one that reads the file.
  private final class Reading {
    private final Inserter inserter;
    private final boolean alone;
    private Batch batch = new Batch();
    private int database;
    private final RdbInput in = new RdbInput();
    private final KeyDelay delay = new KeyDelay(persistence.config, Settings.KEY_LOAD_DELAY);
    private long handed; // batches, to the queue

    Reading(Inserter inserter) {
      this.inserter = inserter;
      alone = isAlone(inserter.seat);
    }

    long read(Disk.Input file) throws Unloadable {
      boolean sums = persistence.config.get(Settings.RDBCHECKSUM) && !engine.ignoresChecksums;
      long size;
      try {
        size = file.size();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      in.open(
          (to, from, n) -> {
            try {
              return file.read(to, from, n);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          },
          size,
          sums);
      RdbReader reader = new RdbReader(in);
      while (true) {
        RdbReader.Part part = reader.next();
        switch (part) {
          case AUX -> fact(reader);
          case DATABASE -> {
            if (reader.number() >= engine.keyspace.databases()) {
              throw refused(
                  "FATAL: Data file was created with a Redis server configured to handle more than "
                      + engine.keyspace.databases()
                      + " databases.");
            }
            send();
            database = (int) reader.number();
          }
          case SIZE, SLOT -> {} // hints that nobody needs
          case FUNCTION -> function(reader);
          case MODULE ->
              throw refused(
                  "The RDB file contains AUX module data I can't load: no matching module '"
                      + new String(reader.name(), StandardCharsets.US_ASCII)
                      + "'");
          case KEY -> key(reader);
          case END -> {
            send();
            finish();
            compare(reader, sums);
            return reader.offset();
          }
        }
      }
    }

    private void function(RdbReader reader) throws Unloadable {
      try {
        libraries.add(reader.text());
      } catch (CommandError e) {
        throw refused(
            "Failed loading library, "
                + e.text().substring(e.text().indexOf(' ') + 1)
                + " (at offset "
                + reader.offset()
                + ")");
      }
    }

    private Unloadable refused(String why) {
      persistence.warning(why);
      return new Unloadable(why);
    }

    private void fact(RdbReader reader) {
      String name = new String(reader.name(), StandardCharsets.UTF_8);
      String value = new String(reader.text(), StandardCharsets.UTF_8);
      if (name.startsWith("%")) {
        persistence.notice("RDB '" + name + "': " + value);
        return;
      }
      switch (name.toLowerCase(Locale.ROOT)) {
        case "redis-ver" -> persistence.notice("Loading RDB produced by version " + value);
        case "ctime" ->
            persistence.notice(
                "RDB age " + Math.max(0, nowMillis / 1000 - number(value)) + " seconds");
        case "used-mem" -> {
          long bytes = number(value);
          persistence.notice(
              String.format(
                  Locale.ROOT, "RDB memory usage when created %.2f Mb", bytes / (1024.0 * 1024)));
          loading.usedMemory(bytes);
        }
        case "repl-id" -> streamId = value;
        case "repl-offset" -> streamOffset = number(value);
        case "repl-stream-db" -> streamDatabase = (int) number(value);
        case "aof-base" -> {
          if (number(value) != 0) {
            persistence.notice("RDB is base AOF");
          }
        }
        case "aof-preamble" -> {
          if (number(value) != 0) {
            persistence.notice("RDB has an AOF tail");
          }
        }
        default -> {} // facts that nobody understands are no reason not to load
      }
    }

    private static long number(String text) {
      try {
        return Long.parseLong(text);
      } catch (NumberFormatException e) {
        return 0;
      }
    }

    private void key(RdbReader reader) throws Unloadable {
      delay.owe(1);
      delay.pay(this::check);
      boolean isSlow = delay.isSet();
      long expiry = reader.expiry();
      if (dropsExpired && expiry >= 0 && expiry < nowMillis) {
        LoadedExpiries to = expiries;
        if (to != null) {
          to.add(database, reader.key().copy());
        }
        reader.pass();
        expired++;
      } else if (reader.skim(LARGE)) {
        batch.add(reader);
        if (isSlow || !batch.hasRoom()) {
          send();
        }
      } else {
        inserter.insertLarge(reader, in, database);
      }
      if ((loaded.get() + batch.count + expired) % BATCH_KEYS == 0 || isSlow) {
        tell(reader);
      }
    }

    private void tell(RdbReader reader) {
      progress.accept(reader.offset());
      loading.keys(loaded.get(), expired);
    }

    private void check() throws Unloadable {
      if (cancelled.getAsBoolean()) {
        throw new Unloadable("it was given up");
      }
      rethrow();
    }

    /// Hands the batch over, or decodes it here.
    private void send() throws Unloadable {
      check();
      if (batch.count == 0) {
        return;
      }
      batch.database = database;
      if (alone || !full.offer(batch)) {
        inserter.insert(batch);
        batch.clear();
        return;
      }
      handed++;
      Batch next = free.poll();
      batch = next != null ? next : new Batch();
    }

    /// All is read: helps with what is left.
    private void finish() {
      for (Batch left = full.poll(); left != null; left = full.poll()) {
        inserter.insert(left);
        inserted.incrementAndGet();
      }
      while (inserted.get() < handed && failure == null) {
        LockSupport.parkNanos(100_000);
      }
      rethrow();
    }

    private void rethrow() {
      Throwable why = failure;
      if (why instanceof RuntimeException e) {
        throw e;
      }
      if (why instanceof Error e) {
        throw e;
      }
      if (why != null) { // interrupted, say: not all is there
        throw new IllegalStateException("loading was broken off", why);
      }
    }

    private void compare(RdbReader reader, boolean sums) throws Unloadable {
      tell(reader);
      if (!sums) {
        return;
      }
      switch (reader.checksum()) {
        case NONE ->
            persistence.notice("RDB file was saved with checksum disabled: no check performed.");
        case DIFFERENT -> {
          persistence.warning(
              "Wrong RDB checksum expected: ("
                  + Long.toHexString(reader.computedChecksum())
                  + ") but got ("
                  + Long.toHexString(reader.storedChecksum())
                  + "). Aborting now.");
          throw refused(
              "Internal error in RDB reading offset " + reader.offset() + " -> RDB CRC error");
        }
        default -> {}
      }
    }
  }

  // ── the other ──

  private void help() {
    try (Seat seat = engine.keyspace.seat()) {
      Inserter inserter = new Inserter(seat);
      while (true) {
        boolean isLast = allRead; // before the look: what is there now is all there will be
        Batch batch = full.poll(1, TimeUnit.MILLISECONDS);
        if (batch == null) {
          if (isLast) {
            return;
          }
          continue;
        }
        inserter.insert(batch);
        batch.clear();
        free.offer(batch);
        inserted.incrementAndGet();
      }
    } catch (Throwable t) {
      failure = t;
    }
  }

  // ── both ──

  /// Something is wrong with the value of a key.
  private static final class BadKey extends RuntimeException {
    private static final long serialVersionUID = 1;

    final String key;
    final RdbException fault;

    BadKey(String key, RdbException fault) {
      super(fault.getMessage(), fault, false, false);
      this.key = key;
      this.fault = fault;
    }
  }

  /// A key is in the file twice.
  private static final class Twice extends RuntimeException {
    private static final long serialVersionUID = 1;

    Twice(String key, int database) {
      super("RDB has duplicated key '" + key + "' in DB " + database, null, false, false);
    }
  }

  /// Keys of one database with the bytes of their values. Belongs to whoever has it.
  private static final class Batch {
    final byte[] bytes = new byte[BATCH_BYTES + LARGE + Entry.MAX_KEY];
    final RdbType[] types = new RdbType[BATCH_KEYS];
    final int[] keyAt = new int[BATCH_KEYS];
    final int[] valueAt = new int[BATCH_KEYS];
    final int[] ends = new int[BATCH_KEYS];
    final long[] expiries = new long[BATCH_KEYS];
    final long[] idle = new long[BATCH_KEYS];
    final int[] frequencies = new int[BATCH_KEYS];
    final long[] offsets = new long[BATCH_KEYS]; // of values, in the file
    int database;
    int count;
    int used;

    boolean hasRoom() {
      return count < BATCH_KEYS && used < BATCH_BYTES;
    }

    /// Takes the key that was skimmed.
    void add(RdbReader reader) {
      int i = count++;
      types[i] = reader.type();
      expiries[i] = reader.expiry();
      idle[i] = reader.idleSeconds();
      frequencies[i] = reader.frequency();
      offsets[i] = reader.valueOffset();
      Slice key = reader.key();
      keyAt[i] = used;
      put(key.array, key.offset, key.length);
      valueAt[i] = used;
      put(reader.payload(), reader.payloadFrom(), reader.payloadBytes());
      ends[i] = used;
    }

    private void put(byte[] from, int at, int n) {
      System.arraycopy(from, at, bytes, used, n);
      used += n;
    }

    void clear() {
      count = 0;
      used = 0;
    }
  }

  /// Puts keys where they belong. Belongs to one thread, with its seat.
  private final class Inserter {
    final Seat seat;
    private final Dictionary dictionary;
    private final ValueReader values;
    private final RdbInput in = new RdbInput();
    private final Slice key = new Slice();
    private final Place place = new Place();
    private final Prefetch prefetch;
    private final int[] slots = new int[AT_A_TIME];
    private final long[] hashes = new long[AT_A_TIME];
    private final int[] locked = new int[AT_A_TIME];
    private int untold; // keys that aren't in `loaded` yet

    Inserter(Seat seat) {
      this.seat = seat;
      prefetch = new Prefetch(seat.values.memory(), AT_A_TIME);
      dictionary = seat.values.dictionary();
      values = new ValueReader(seat.values);
    }

    String keyAtHand() {
      return key.length == 0 ? "" : text(key);
    }

    private void enter() {
      if (!seat.stopsWorld()) {
        seat.enter();
      }
    }

    private void leave() {
      if (!seat.stopsWorld()) {
        seat.leave();
      }
    }

    void insert(Batch batch) {
      enter();
      try {
        for (int from = 0; from < batch.count; from += AT_A_TIME) {
          seat.breathe();
          int to = Math.min(batch.count, from + AT_A_TIME);
          fetch(batch, from, to);
          for (int i = from; i < to; i++) {
            keyOf(batch, i);
            int at = batch.valueAt[i];
            in.open(batch.bytes, at, batch.ends[i] - at, batch.offsets[i]);
            insert(
                batch.types[i],
                batch.expiries[i],
                batch.idle[i],
                batch.frequencies[i],
                in,
                batch.database,
                slots[i - from],
                hashes[i - from]);
          }
        }
        loaded.addAndGet(untold);
      } finally {
        untold = 0;
        leave();
      }
    }

    private void keyOf(Batch batch, int i) {
      key.set(batch.bytes, batch.keyAt[i], batch.valueAt[i] - batch.keyAt[i]);
    }

    /// Works out slots and hashes of some keys of a batch, and has the processor fetch what their
    /// insertion reads. Locks are only tried, as in a look-ahead: nothing depends on it.
    private void fetch(Batch batch, int from, int to) {
      Database database = databases.apply(batch.database);
      boolean locks = !seat.stopsWorld();
      int held = 0;
      prefetch.begin();
      try {
        for (int i = from; i < to; i++) {
          keyOf(batch, i);
          int slot = KeySlot.of(key);
          slots[i - from] = slot;
          hashes[i - from] = dictionary.hash(key);
          if (database.header(slot) == 0) {
            continue; // at a first, unlocked glance
          }
          if (locks && !seat.holds(slot)) { // not by a key before this one
            if (!seat.tryLock(slot)) {
              continue;
            }
            locked[held++] = slot;
          }
          long header = database.header(slot);
          if (header != 0) {
            prefetch.add(header, hashes[i - from]);
          }
        }
        prefetch.run();
      } finally {
        while (held > 0) {
          seat.unlock(locked[--held]);
        }
      }
    }

    /// Reads a value where it stands.
    void insertLarge(RdbReader reader, RdbInput from, int database) {
      Slice name = reader.key();
      key.set(name.array, name.offset, name.length);
      enter();
      try {
        insert(
            reader.type(),
            reader.expiry(),
            reader.idleSeconds(),
            reader.frequency(),
            from,
            database,
            KeySlot.of(key),
            dictionary.hash(key));
        loaded.addAndGet(untold);
      } finally {
        untold = 0;
        leave();
      }
    }

    private void insert(
        RdbType type,
        long expiry,
        long idle,
        int frequency,
        RdbInput from,
        int number,
        int slot,
        long hash) {
      long entry;
      try {
        entry = values.read(type, key, expiry, limits, from);
      } catch (RdbException e) {
        if (e.fault() == RdbException.Fault.EMPTY) {
          tellEmpty(text(key));
          return;
        }
        throw new BadKey(text(key), e);
      }
      Entry.access(
          seat.values.memory(), entry, engine.frequency.wordOf(nowMillis, idle, frequency));
      boolean locks = !seat.stopsWorld();
      if (locks) {
        seat.lock(slot);
      }
      try {
        put(entry, slot, hash, number);
      } finally {
        if (locks) {
          seat.unlock(slot);
        }
      }
      untold++;
    }

    private void put(long entry, int slot, long hash, int number) {
      Database database = databases.apply(number);
      long header;
      try {
        header = database.headerForWrite(seat, slot);
      } catch (OutOfMemoryError e) {
        dictionary.free(entry);
        throw e;
      }
      if (!dictionary.find(header, hash, key, place)) {
        dictionary.insert(place, entry);
      } else if (duplicates == Duplicates.REPLACE) {
        dictionary.replace(place, entry);
      } else {
        dictionary.free(entry);
        throw new Twice(text(key), number);
      }
    }
  }
}
