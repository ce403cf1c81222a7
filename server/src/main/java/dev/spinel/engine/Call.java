package dev.spinel.engine;

import dev.spinel.config.Settings;
import dev.spinel.journal.Effects;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.memory.Memory;
import dev.spinel.rdb.Payloads;
import dev.spinel.value.Entry;
import dev.spinel.value.Place;
import dev.spinel.value.Tables;
import dev.spinel.value.Values;
import dev.spinel.wire.Args;
import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// One run of one command: its arguments, its keys, and the methods by which a handler changes
/// data.
///
/// A handler checks its arguments (throwing [CommandError] before any mutation), finds its keys
/// with [#read] or [#write], works on their values through [#values], calls [#changed] for each key
/// that it changed, and writes its reply. Locks, effects, waiters, watches, notifications and
/// statistics follow from that. Reused from command to command by one [Dispatcher]; its keys and
/// slices live until the handler returns.
public final class Call {
  /// A handler may hold so many keys at a time without their being counted.
  private static final int KEPT_KEYS = 32;

  private static final long MUCH_BYTES = 256 << 10; // no room is made for less
  private static final int WEIGHED = 5; // nested entries, to tell what all of them weigh

  /// Bytes of the Java heap that each further key takes, with a name of usual length.
  private static final long KEY_BYTES = 256;

  /// A call keeps its arrays of positions, slots and hashes for the next call if they have room for
  /// no more keys than this.
  private static final int KEPT_ROOM = 1024;

  private static final int ROOM_AT_FIRST = 8;

  /// A call deletes no more fields of a hash because their time is over: a millisecond's work.
  private static final int MOST_EXPIRED_FIELDS = 1024;

  final Dispatcher dispatcher;
  final Engine engine;
  final Seat seat;
  private final Values values;
  private final Memory memory;

  Args args = new Args();

  // before the first begin there is no call
  @SuppressWarnings("NullAway.Init")
  Command command;

  @SuppressWarnings("NullAway.Init")
  Session session;

  /// Of [Command]: the command's, or those of what it is going to run.
  private int flags;

  private @Nullable Scripted scripted;

  /// Who is told of what it does.
  private int audiences = Journal.ALL;

  int database;
  long now;
  boolean inMulti;
  private boolean mayWait;
  private boolean isOutOfMemory;
  int era; // the engine's when the gates were asked
  boolean isStale; // the engine's is another one now
  @Nullable Gate asksAgain; // under the locks

  /// Positions, slots and hashes of the call's keys, in the order of the arguments.
  int[] keyPositions = new int[ROOM_AT_FIRST];

  int[] keySlots = new int[ROOM_AT_FIRST];
  long[] keyHashes = new long[ROOM_AT_FIRST];
  int keyCount;

  // what these go back to after a call of a great many keys
  private int[] fewPositions = keyPositions;
  private int[] fewSlots = keySlots;
  private long[] fewHashes = keyHashes;

  private final Tables tables;

  private final @Nullable Key[] fewKeys = new Key[KEPT_KEYS];
  private @Nullable Key[] keys = fewKeys;
  private int usedKeys;
  private boolean glimpses; // what is found now is only looked at
  private int keyHint;
  private int fetchedKeys; // the cache has been asked for what these need

  private long roomBytes; // of the heap, for the keys; until the call or transaction ends
  private long heldBytes; // of the heap, by the handler; until it returns

  long changes;
  private boolean ownEffect;
  private int doneArguments; // see doneInPart; 0: all, or none
  private boolean effectsStay; // see doneAsDeclared
  private @Nullable Args restated; // what it is to say when it runs again; null: the same

  private final Options options = new Options(this);
  private @Nullable Payloads payloads; // made when they are wanted

  // waiting
  @Nullable Waiting before; // the wait that the call comes from; the dispatcher's to set
  @Nullable Condition awaited; // what it is going to wait for
  private long timeoutMillis;
  long ranNanos; // how long it has run so far
  boolean isShown; // to the onlooker
  boolean wasShown; // before it began anew

  Call(Dispatcher dispatcher, Engine engine, Seat seat) {
    this.dispatcher = dispatcher;
    this.engine = engine;
    this.seat = seat;
    this.values = seat.values;
    this.memory = seat.values.memory();
    this.tables = engine.keyspace.tables(seat);
  }

  /// Becomes a call that may wait.
  void begin(Session session, Command command, Args args, long now) {
    beginWithoutWaiting(session, command, args, now);
    mayWait = true;
    isOutOfMemory = false;
  }

  /// Becomes a call that has to end now, as those of a transaction have.
  void beginWithoutWaiting(Session session, Command command, Args args, long now) {
    this.session = session;
    this.command = command;
    this.args = args;
    this.database = session.database;
    this.now = now;
    flags = command.flags();
    scripted = null;
    audiences = Journal.ALL;
    mayWait = false;
    letGo();
    usedKeys = 0;
    keyHint = 0;
    fetchedKeys = 0;
    changes = 0;
    ownEffect = false;
    doneArguments = 0;
    effectsStay = false;
    restated = null;
    awaited = null;
    asksAgain = null;
    ranNanos = before == null ? 0 : before.ranNanos;
    isShown = wasShown || before != null && before.isShown;
  }

  /// Finds out what a command that is [Command#SCRIPTED] is going to run.
  void resolve() {
    if (command.is(Command.SCRIPTED)) {
      Scripted found = command.scripted(this);
      scripted = found;
      flags = found == null ? flags : found.flags(flags);
    }
  }

  /// What it is going to run, for a command that is [Command#SCRIPTED]; null if that isn't known.
  public @Nullable Scripted scripted() {
    return scripted;
  }

  /// Nothing that counts has been done yet: the call begins anew, at its gates, and what it is
  /// going to run ([Scripted]) may tell now that it needs the world. The handler returns then,
  /// without a reply.
  public void startAgain() {
    isStale = true;
  }

  /// Shows the call to who is shown calls before it runs, since it runs others.
  public void showFirst() {
    if (!isShown) {
      isShown = true;
      dispatcher.show(session, command, args);
    }
  }

  /// From here on only these audiences are told of what the call does.
  void audiences(int bits) {
    audiences = bits;
  }

  /// Makes room for so many keys. What `args` has already been counted for isn't counted again.
  /// Returns false if the Java heap has no room.
  boolean makeRoom(int keys, Args args) {
    if (keys <= keyPositions.length) {
      return true;
    }
    boolean many = keys > KEPT_ROOM;
    int room = many ? keys : Math.min(KEPT_ROOM, 2 * keys);
    long bytes = Args.keyBytesFor(room) - args.keyBytes();
    if (bytes > 0) {
      if (!mayTake(bytes)) {
        return false;
      }
      roomBytes += bytes;
    }
    int[] positions = JavaHeap.ints(room);
    int[] slots = JavaHeap.ints(room);
    long[] hashes = JavaHeap.longs(room);
    if (!many) {
      fewPositions = positions;
      fewSlots = slots;
      fewHashes = hashes;
    }
    keyPositions = positions;
    keySlots = slots;
    keyHashes = hashes;
    return true;
  }

  /// Counts bytes of the Java heap that the handler is going to use until it returns. A handler
  /// calls this, before it changes anything, if their number depends on the length of the call or
  /// on the data. Errors: there is no room for them.
  public void hold(long bytes) {
    if (!mayTake(bytes)) {
      throw Session.NO_HEAP;
    }
    heldBytes += bytes;
  }

  private boolean mayTake(long bytes) {
    if (session.isTrusted()) {
      engine.heap.add(bytes);
      return true;
    }
    return engine.heap.hold(bytes);
  }

  /// Ends the call or transaction: gives back the room that it took beyond what every call may
  /// keep.
  void end() {
    letGo();
    if (keyPositions.length > KEPT_ROOM || roomBytes != 0) {
      keyCount = 0;
      keyPositions = fewPositions;
      keySlots = fewSlots;
      keyHashes = fewHashes;
      engine.heap.release(roomBytes);
      roomBytes = 0;
    }
  }

  private void letGo() {
    if (heldBytes != 0) {
      usedKeys = 0;
      keys = fewKeys;
      engine.heap.release(heldBytes);
      heldBytes = 0;
    }
  }

  // ── arguments ──

  public int argc() {
    return args.count();
  }

  public Args args() {
    return args;
  }

  /// The argument at `i`; 0 is the command's name (for a subcommand, 1 is the subcommand's).
  public Slice arg(int i) {
    return args.at(i);
  }

  public byte[] bytes(int i) {
    return args.at(i).copy();
  }

  public String text(int i) {
    return args.at(i).text();
  }

  /// Whether the argument is this token, in any case. `upper` in upper case.
  public boolean is(int i, String upper) {
    return args.at(i).is(upper);
  }

  /// Errors: not an integer, or beyond 64 bits.
  public long integer(int i) {
    return integer(args.at(i));
  }

  public static long integer(Slice slice) {
    return integer(slice, CommandError.NOT_INTEGER);
  }

  /// Errors: not an integer, or beyond 64 bits, which is said by `otherwise`.
  public static long integer(Slice slice, CommandError otherwise) {
    long value = slice.toLong(0);
    if (value == 0 && !slice.isLong()) {
      throw otherwise;
    }
    return value;
  }

  /// Errors: not an integer; out of `min` to `max`: both say `otherwise`.
  public long integer(int i, long min, long max, CommandError otherwise) {
    Slice slice = args.at(i);
    long value = slice.toLong(0);
    if ((value == 0 && !slice.isLong()) || value < min || value > max) {
      throw otherwise;
    }
    return value;
  }

  /// Errors: not an integer; out of range, in Redis's words.
  public long integer(int i, long min, long max) {
    long value = integer(i);
    if (value < min || value > max) {
      throw new CommandError(
          "ERR value is out of range, value must between " + min + " and " + max);
    }
    return value;
  }

  /// The options from argument `first` on. Only one such cursor is in use at a time.
  public Options options(int first) {
    return options.from(first);
  }

  /// The time at argument `i` as milliseconds since 1970; in the past, too. Errors: not an integer;
  /// beyond 64 bits.
  public long time(int i, TimeForm form) {
    return time(integer(i), form);
  }

  /// As [#time], but a time that isn't positive is an error, too.
  public long positiveTime(int i, TimeForm form) {
    long time = integer(i);
    if (time <= 0) {
      throw invalidExpiry();
    }
    return time(time, form);
  }

  private long time(long time, TimeForm form) {
    long unit = form.inSeconds() ? 1000 : 1;
    if (time > Long.MAX_VALUE / unit || time < Long.MIN_VALUE / unit) {
      throw invalidExpiry();
    }
    long base = form.isRelative() ? now : 0;
    if (time * unit > Long.MAX_VALUE - base) {
      throw invalidExpiry();
    }
    return base + time * unit;
  }

  /// The error of a command that is given a time at which nothing can expire.
  private CommandError invalidExpiry() {
    return new CommandError("ERR invalid expire time in '" + command.name + "' command");
  }

  // ── surroundings ──

  public Session session() {
    return session;
  }

  public Engine engine() {
    return engine;
  }

  public Limits limits() {
    return engine.limits;
  }

  public Command command() {
    return command;
  }

  /// The recorder of this call's effects.
  public Recorder recorder() {
    return dispatcher.recorder;
  }

  public Values values() {
    return values;
  }

  public Seat seat() {
    return seat;
  }

  /// What DUMP says and RESTORE takes, of this seat.
  public Payloads payloads() {
    Payloads made = payloads;
    if (made == null) {
      payloads = made = new Payloads(values);
    }
    return made;
  }

  /// Makes a parcel of what `writer` writes, which is RESP of version 2. Errors: there is no memory
  /// for it.
  public Parcel parcel(Consumer<RespWriter> writer) {
    Output output = new Output(new OutputPool(new HeapChunks(seat)));
    try {
      writer.accept(new RespWriter(output, 2));
      if (output.isTorn()) {
        throw NO_MEMORY;
      }
      return Parcel.of(output, values.large());
    } catch (OutOfMemoryError e) {
      throw NO_MEMORY;
    } finally {
      output.close();
    }
  }

  private static final CommandError NO_MEMORY =
      new CommandError("OOM there is no memory for what is to be sent");

  /// Directs the reply to the session's output again, after the session's protocol has changed or
  /// replies are switched on again. This reply is the first in the new form.
  public void renew(Reply reply) {
    reply.to(session.takesReply() ? session.outlet.output() : reply.output(), session.protocol);
  }

  public Dispatcher dispatcher() {
    return dispatcher;
  }

  /// Whether a long reply would be lost: the connection is to be closed, or the server stops.
  public boolean isUnread() {
    return session.closing || engine.stopping;
  }

  /// Milliseconds since 1970, the same throughout the command (and throughout an EXEC).
  public long now() {
    return now;
  }

  /// The number of the selected database.
  public int database() {
    return database;
  }

  public boolean inMulti() {
    return inMulti;
  }

  // ── for gates ──

  /// How many keys the call has.
  public int keyCount() {
    return keyCount;
  }

  /// The slot of key number `i`.
  public int keySlot(int i) {
    return keySlots[i];
  }

  /// Gets what of a call belongs to a slot.
  @FunctionalInterface
  public interface Routes {
    /// @param name dead after the call
    /// @return false to hear no more
    boolean route(int slot, Slice name);
  }

  /// Visits the keys of the call, and channels of shards; for EXEC those of all that it runs.
  public void routes(Routes visitor) {
    Queue queue = command == engine.exec ? session.queue : null;
    if (queue == null) {
      routes(command, args, visitor);
      return;
    }
    for (int i = 0; i < queue.size(); i++) {
      if (!routes(queue.command(i), queue.args(i), visitor)) {
        return;
      }
    }
  }

  private boolean routes(Command of, Args words, Routes visitor) {
    int most = of.mostKeys(words.count());
    if (most == 0) {
      return true;
    }
    hold(8L * most);
    int[] positions = JavaHeap.ints(most);
    int count = of.onlyChannels() ? of.routes(words, positions) : of.keys(words, positions);
    for (int i = 0; i < count; i++) {
      Slice name = words.at(positions[i]);
      if (!visitor.route(KeySlot.of(name), name)) {
        return false;
      }
    }
    return true;
  }

  /// Whether there is a key of this name whose time isn't over; without a trace. Its slot is
  /// locked.
  public boolean isThere(Slice name) {
    Key key = glimpse(name);
    boolean there = key.exists();
    done(key);
    return there;
  }

  /// Has the gate asked once more, when the call's slots are locked: its answer depends on the
  /// data.
  public void askAgain(Gate gate) {
    asksAgain = gate;
  }

  /// Whether the call may write, as far as a lease goes that other servers have granted until then
  /// (on the scale of [Clock#nanos]). It is looked at once more before the reply leaves: a process
  /// that stood still meanwhile must not say that it has written. See [Dispatcher#mayWrite].
  public boolean mayWrite(LongSupplier untilNanos) {
    return dispatcher.mayWrite(session, untilNanos);
  }

  // ── databases as a whole ──

  /// How many there are.
  public int databases() {
    return engine.keyspace.databases();
  }

  /// How many keys the selected database has. Exact only in a stopped world.
  public long keys() {
    return engine.keyspace.database(database).size(seat, engine.slots);
  }

  /// Empties a database, at once or in the background. Global commands only. Returns how many keys
  /// it had.
  public long flush(int number, boolean later) {
    dispatcher.readyAll(number); // who waits there is in vain once it is empty
    return engine.flush(dispatcher, number, later);
  }

  /// Empties all databases, as [#flush] does one.
  public long flushAll(boolean later) {
    dispatcher.blocking.readyAll();
    return engine.emptyAll(dispatcher, later);
  }

  /// FLUSHALL has emptied all databases, which counts as so many changes.
  public void flushedAll(long count) {
    dirty(count);
    engine.flushedAll(seat, count);
  }

  /// Exchanges two databases. Global commands only.
  public void swap(int a, int b) {
    engine.swap(dispatcher, a, b);
  }

  // ── keys ──

  /// The key at argument `i`, for reading: counts a hit or a miss, remembers the access.
  public Key read(int i) {
    return counted(touched(find(i)));
  }

  /// The same for a name that is not an argument, in a global command or for a key of a slot that
  /// is locked.
  public Key read(Slice name) {
    return counted(touched(find(name)));
  }

  /// Counts a hit or a miss.
  private Key counted(Key key) {
    if (key.exists()) {
      dispatcher.statistics.hits++;
    } else {
      dispatcher.statistics.misses++;
      if (!ranBefore()) {
        event(key, Events.KEY_MISS, "keymiss");
      }
    }
    return key;
  }

  /// Whether the handler has run before, and does all of that anew: what it has said to others is
  /// said.
  private boolean ranBefore() {
    Condition last = handlerWaitedFor();
    return last != null && last.startsOver();
  }

  /// What the key's use was elsewhere is its use here, as far as the policy wants to know it.
  ///
  /// @param idleSeconds for how long it had not been used, or -1
  /// @param frequency how often it was used, 0 to 255, or -1
  public void used(Key key, long idleSeconds, int frequency) {
    long entry = key.place.entry;
    if (engine.limits.lfu) {
      if (frequency >= 0) {
        Entry.access(memory, entry, Frequency.word(frequency, now));
      }
    } else if (idleSeconds >= 0) {
      Entry.access(memory, entry, (int) (now / 1000 - Math.min(idleSeconds, 0xffffff)) & 0xffffff);
    }
  }

  /// The key at argument `i`, for TOUCH: as [#read], but the access is remembered for every client;
  /// not if a script calls it.
  public Key touch(int i) {
    Key key = find(i);
    return counted(session.caller == null ? remembered(key) : touched(key));
  }

  /// Remembers an access, unless the client asks for none to be.
  private Key touched(Key key) {
    return session.noTouch ? key : remembered(key);
  }

  private Key remembered(Key key) {
    long entry = key.place.entry;
    if (entry != 0) {
      int old = Entry.access(memory, entry);
      int stamp = engine.limits.lfu ? engine.frequency.next(old, now) : dispatcher.lruClock;
      if (stamp != old) {
        Entry.access(memory, entry, stamp);
      }
    }
    return key;
  }

  /// Errors: the key holds another type.
  public Key read(int i, int type) {
    return typed(read(i), type);
  }

  /// The key at argument `i`, to be changed or created.
  public Key write(int i) {
    return touched(find(i));
  }

  public Key write(int i, int type) {
    return typed(write(i), type);
  }

  public Key write(Slice name) {
    return touched(find(name));
  }

  /// The key at argument `i`, for a command such as TYPE: counts a hit or a miss, but doesn't
  /// change the access time.
  public Key look(int i) {
    return counted(find(i));
  }

  /// As [#look], but a miss causes no keyspace event.
  public Key lookUnnoticed(int i) {
    Key key = find(i);
    if (key.exists()) {
      dispatcher.statistics.hits++;
    } else {
      dispatcher.statistics.misses++;
    }
    return key;
  }

  /// The key at argument `i` without a trace: no access time, no hit or miss.
  public Key peek(int i) {
    return find(i);
  }

  public Key peek(Slice name) {
    return find(name);
  }

  /// Likewise, but a key whose time is over stays where it is, for a call that asks for it.
  Key glimpse(Slice name) {
    glimpses = true;
    try {
      return find(name);
    } finally {
      glimpses = false;
    }
  }

  /// How often the key is used, 0 to 255, where that is counted ([Limits#lfu]).
  public int frequency(Key key) {
    return engine.frequency.counter(Entry.access(memory, key.place.entry), now);
  }

  /// The key in another database that argument `i` names.
  public Key inDatabase(int i, int other) {
    Slice name = args.at(i);
    return find(named(name), slotOf(i), hash(name), other);
  }

  /// A key of the same name in another database: its slot is the same, hence locked.
  public Key inDatabase(Key key, int other) {
    return find(named(key.name), key.slot, key.place.hash, other);
  }

  /// Visits a slot's table; false ends the sweep.
  @FunctionalInterface
  public interface Sweep {
    boolean slot(int slot, long header);
  }

  /// Visits the tables of the selected database from slot `from` on, one slot locked at a time.
  /// Only for commands without keys ([Command#SWEEPS]); within EXEC the world stands still for
  /// them.
  public void sweep(int from, Sweep sweep) {
    Database keys = engine.keyspace.database(database);
    boolean lock = !seat.stopsWorld();
    for (int slot = from; slot < Slots.COUNT; slot++) {
      if (keys.header(slot) == 0 || engine.slots.isHidden(slot)) {
        continue;
      }
      if (lock) {
        seat.lock(slot);
      }
      boolean on;
      try {
        long header = keys.header(slot);
        on = header == 0 || sweep.slot(slot, header);
      } finally {
        if (lock) { // in EXEC it is a part of the whole
          appendApart(slot);
          seat.unlock(slot);
        }
      }
      usedKeys = 0;
      if (!on) {
        return;
      }
    }
  }

  /// What was deleted in a slot, as its time was over: keys that have nothing to do with each
  /// other.
  private void appendApart(int slot) {
    if (!dispatcher.recorder.effects.isEmpty()) {
      dispatcher.recorder.effects.apart();
      engine.append(dispatcher.recorder, slot);
    }
  }

  private static Key typed(Key key, int type) {
    if (key.exists() && key.type() != type) {
      throw CommandError.WRONGTYPE;
    }
    return key;
  }

  private Key find(int argument) {
    Key found = nextKey();
    args.read(argument, found.name);
    int key = keyAt(argument);
    if (key < 0) {
      return find(found, KeySlot.of(found.name), hash(found.name), database);
    }
    if (key >= fetchedKeys && keyCount - key > 1) {
      fetchedKeys = dispatcher.lookahead.fetch(this, key);
    }
    return find(found, keySlots[key], keyHashes[key], database);
  }

  private Key find(Slice name) {
    return find(named(name), KeySlot.of(name), hash(name), database);
  }

  private Key named(Slice name) {
    Key key = nextKey();
    key.name.set(name.array, name.offset, name.length);
    return key;
  }

  /// Which of the call's keys the argument is. -1 if it is none, or if its key can't be determined.
  private int keyAt(int argument) {
    if (keyHint < keyCount && keyPositions[keyHint] == argument) {
      return keyHint++;
    }
    int key = Arrays.binarySearch(keyPositions, 0, keyCount, argument);
    if (key < 0) {
      return -1;
    }
    keyHint = key + 1;
    return key;
  }

  private int slotOf(int argument) {
    int key = keyAt(argument);
    return key < 0 ? KeySlot.of(args.at(argument)) : keySlots[key];
  }

  private long hash(Slice name) {
    return values.dictionary().hash(name);
  }

  private Key find(Key key, int slot, long hash, int number) {
    assert seat.holds(slot) : "a key of slot " + slot + ", which isn't locked";
    key.database = number;
    key.slot = slot;
    long header = engine.keyspace.database(number).header(slot);
    Place place = key.place;
    place.in(number, slot);
    key.isNew = true;
    if (header == 0) {
      values.dictionary().absent(hash, key.name, place);
      return key;
    }
    if (values.dictionary().find(header, hash, key.name, place)) {
      if (Entry.isOver(memory, place.entry, now)) {
        meet(key);
      }
      key.isNew = place.entry == 0;
    }
    return key;
  }

  /// Handles a key whose time is over.
  private void meet(Key key) {
    switch (expiryMode()) {
      case DELETE -> {
        dispatcher.recorder.effects.database(key.database).audiences(Journal.ALL);
        engine.expire(
            seat,
            dispatcher.recorder,
            key.database,
            key.slot,
            key.name,
            key.place,
            session.client());
        dispatcher.recorder.effects.mark(); // stays even if the call fails
      }
      case HIDE -> key.place.entry = 0;
      case IGNORE -> {}
    }
  }

  /// Deletes fields of the key's hash whose time is over, where expired keys are deleted, and the
  /// key with the last of them. Of very many some may stay.
  public void deleteExpiredFields(Key key) {
    if (values.hashes().isTimed(key.entry()) && expiryMode() == ExpiryMode.DELETE) {
      List<byte[]> fields = values.hashes().expire(key.place, now, MOST_EXPIRED_FIELDS);
      if (!fields.isEmpty()) {
        tellExpired(key, fields);
      }
    }
  }

  /// Fields of the key's hash whose time is over were met. Where expired keys are deleted, so are
  /// they, and the key with the last of them.
  ///
  /// @param fields their names
  public void meetExpired(Key key, List<byte[]> fields) {
    if (expiryMode() != ExpiryMode.DELETE) {
      return;
    }
    for (byte[] field : fields) {
      values.hashes().delete(key.place, new Slice(field));
    }
    tellExpired(key, fields);
  }

  private void tellExpired(Key key, List<byte[]> fields) {
    dispatcher.recorder.effects.database(key.database).audiences(Journal.ALL);
    engine.fieldsExpired(
        seat,
        dispatcher.recorder,
        key.database,
        key.slot,
        key.name,
        key.place,
        fields,
        session.client());
    dispatcher.recorder.effects.mark(); // stays even if the call fails
    key.isNew |= !key.exists();
  }

  /// What happens to expired keys that this call finds. A write never hides them, since it may be
  /// about to create the key: on a writable replica, writes of clients delete expired keys.
  public ExpiryMode expiryMode() {
    if (session.isTrusted()) {
      return ExpiryMode.IGNORE;
    }
    if (glimpses) {
      return ExpiryMode.HIDE;
    }
    return command.is(Command.WRITE) ? ExpiryMode.DELETE : engine.expiryMode();
  }

  /// Whether the entry exists for this call, as far as its expiry goes.
  public boolean sees(long entry) {
    return !Entry.isOver(memory, entry, now) || expiryMode() == ExpiryMode.IGNORE;
  }

  private Key nextKey() {
    if (usedKeys == keys.length) {
      hold(KEY_BYTES * usedKeys);
      keys = JavaHeap.copy(keys, usedKeys * 2);
    }
    Key key = keys[usedKeys];
    if (key == null) {
      keys[usedKeys] = key = new Key(memory, tables);
    }
    usedKeys++;
    return key;
  }

  /// Lets the next key reuse the object of the key that was found last. A handler that visits its
  /// keys one after the other calls this after each; otherwise a call of many keys would hold an
  /// object for each.
  public void done(Key key) {
    if (usedKeys > 0 && keys[usedKeys - 1] == key) {
      usedKeys--;
    }
  }

  // ── changes ──

  /// Declares that the key has changed. Every change of data is declared by this method: it counts
  /// the change, breaks watches, invalidates what clients have cached, wakes calls that wait, and
  /// sends keyspace events.
  public void changed(Key key, int eventClass, String event) {
    changed(key, eventClass, event, 1);
  }

  /// As [#changed], and counts `count` changes for the next save.
  public void changed(Key key, int eventClass, String event, long count) {
    changed(key, eventClass, event, count, true);
  }

  /// As [#changed], for a value that a STORE form has put there. In the place of another value it
  /// wakes nobody, as in Redis.
  public void stored(Key key, int eventClass, String event, long count) {
    changed(key, eventClass, event, count, key.isNew);
  }

  /// As [#changed], for a change that isn't what calls wait for: nothing was added.
  public void reduced(Key key, int eventClass, String event, long count) {
    changed(key, eventClass, event, count, false);
  }

  private void changed(Key key, int eventClass, String event, long count, boolean wakes) {
    changes += count;
    Place place = key.place;
    // with several keys at work this place may be of the time before another's change
    long entry = usedKeys > 1 && place.entry != 0 ? values.dictionary().entry(place) : place.entry;
    if (entry != 0 && Entry.access(memory, entry) == 0) {
      Entry.access(
          memory, entry, engine.limits.lfu ? Frequency.newcomer(now) : dispatcher.lruClock);
    }
    if (entry != 0
        && engine.notesExpiries()
        && !session.isTrusted()
        && Entry.hasExpiry(memory, entry)) {
      engine.localExpiries.note(key.database, key.name, Entry.expiry(memory, entry));
    }
    byte flags = engine.slots.flags(key.slot);
    if (flags != 0) {
      flagged(key, flags, wakes);
    }
    if ((flags & Slots.TRACKED) != 0 || engine.tracking.broadcasts) {
      Session client = session.client();
      engine.tracking.changed(key.slot, key.name, client, dispatcher.recorder.invalidations);
    }
    int notify = engine.limits.notify;
    if ((notify & (eventClass | Events.NEW)) != 0) {
      made(key);
      if ((notify & eventClass) != 0) {
        engine.notifier.event(notify, event, key.database, key.name, dispatcher.recorder);
      }
    }
  }

  /// Has calls that wait for the key look at it again, which nothing was added to.
  public void wake(Key key) {
    if ((engine.slots.flags(key.slot) & Slots.WAITERS) != 0) {
      awaited(key, true);
    }
  }

  /// Sends the event of a new key, if the command has created it. This event comes before all
  /// others of the key.
  public void made(Key key) {
    if (key.isNew && (engine.limits.notify & Events.NEW) != 0 && key.exists()) {
      key.isNew = false;
      engine.notifier.event(
          engine.limits.notify, "new", key.database, key.name, dispatcher.recorder);
    }
  }

  private void flagged(Key key, byte flags, boolean wakes) {
    if ((flags & Slots.WATCHERS) != 0) {
      if (key.exists()) {
        engine.watches.changed(key.database, key.slot, key.name);
      } else {
        engine.watches.removed(key.database, key.slot, key.name);
      }
    }
    if ((flags & Slots.HELD) != 0) {
      engine.held.changed(this, key);
    }
    if ((flags & Slots.WAITERS) != 0) {
      awaited(key, wakes);
    }
  }

  /// Tells calls that wait for the key, if there are any: of the value that it has got, or that
  /// they wait in vain. Where this command doesn't hold their locks, their own threads run them.
  private void awaited(Key key, boolean wakes) {
    boolean maySatisfy = key.exists() && AwaitedKeys.mayBeOf(key.type());
    boolean isMissed =
        !(key.exists() && key.type() == Entry.STREAM)
            && engine.parking.isMissed(key.database, key.name);
    if ((command.flags() & Command.WAKES) == 0) {
      if (isMissed) {
        engine.parking.gone(key.database, key.name);
      }
    } else if (maySatisfy && wakes || isMissed) {
      dispatcher.blocking.ready(key.database, key.slot, key.name);
    }
  }

  /// Sends a further event of a key that was declared as [#changed] (`del` after `lpop`), or of one
  /// that didn't change.
  public void event(Key key, int eventClass, String event) {
    if ((engine.limits.notify & eventClass) != 0) {
      engine.notifier.event(
          engine.limits.notify, event, key.database, key.name, dispatcher.recorder);
    }
  }

  /// Declares that another value has replaced the key's, if it had any, as if the key had been
  /// deleted before.
  public void cameAnew(Key key) {
    key.isNew = true;
    made(key);
  }

  /// Deletes the key, frees its value and sends the event. The effect is the command itself, unless
  /// the handler declares another.
  public void delete(Key key) {
    remove(key);
    changed(key, Events.GENERIC, "del");
  }

  /// Deletes a key whose value has become empty and sends the event. Called after [#changed], which
  /// declares what emptied it.
  public void removeEmpty(Key key) {
    remove(key);
    changed(key, Events.GENERIC, "del", 0);
  }

  /// Deletes the key and frees its value without any event or effect, as the command goes on with
  /// the key.
  public void remove(Key key) {
    key.isNew = true; // if it comes back
    values.dictionary().remove(key.place);
  }

  /// Has the key expire at `at` (milliseconds since 1970), at once if that is past. The effect is
  /// PEXPIREAT with the call's words from `condition` on, or the key's deletion.
  public void expireAt(Key key, long at, int condition) {
    if (at <= now && expiryMode() == ExpiryMode.DELETE) {
      delete(key);
      effect(engine.limits.is(Settings.LAZYFREE_LAZY_EXPIRE) ? "UNLINK" : "DEL", key.name);
      return;
    }
    values.dictionary().setExpiry(key.place, at);
    changed(key, Events.GENERIC, "expire");
    if (!recorded()) {
      return;
    }
    Object[] words = new Object[3 + Math.max(0, argc() - condition)];
    words[0] = "PEXPIREAT";
    words[1] = key.name;
    words[2] = at;
    for (int i = 3; i < words.length; i++) {
      words[i] = arg(condition + i - 3);
    }
    effect(words);
  }

  /// As above, without a condition.
  public void expireAt(Key key, long at) {
    expireAt(key, at, argc());
  }

  /// Removes the key's expiry. Returns whether it had one.
  public boolean persist(Key key) {
    if (!key.exists() || key.expiry() < 0) {
      return false;
    }
    values.dictionary().setExpiry(key.place, -1);
    changed(key, Events.GENERIC, "persist");
    return true;
  }

  /// Declares a change that isn't one key's (FLUSHALL): counts changes and has the command
  /// recorded.
  public void dirty(long count) {
    changes += count;
  }

  /// Whether a value whose checksum is wrong is refused.
  public boolean comparesChecksums() {
    return !engine.ignoresChecksums;
  }

  /// A value that the client sent isn't valid: the log says why.
  public void refusedValue(String why) {
    engine.faults.refusedValue(session, why);
  }

  /// Whether effects are recorded at all. A handler asks this before it computes one.
  public boolean recorded() {
    return audiences != 0 && engine.journal.recording();
  }

  /// Declares an effect, which is recorded instead of the command as received. Several calls record
  /// several commands. Words are String, byte[], Slice, Long. Deterministic only: absolute times,
  /// chosen elements.
  public void effect(Object... words) {
    ownEffect = true;
    if (recorded()) {
      effects(database).add(words);
    }
  }

  /// Declares an effect that a file, and a node that slots move to, get as one command and replicas
  /// as several, since older ones don't know all of these, and are to apply those that they know:
  /// unless a transaction or a script holds them together anyway, nothing does.
  public void effectInParts(Object[] whole, List<Object[]> parts) {
    ownEffect = true;
    if (!recorded()) {
      return;
    }
    Effects effects = effects(database);
    int inOne = audiences & ~Journal.REPLICAS;
    if (inOne != 0) {
      effects.audiences(inOne).add(whole);
    }
    if ((audiences & Journal.REPLICAS) != 0) {
      effects.audiences(Journal.REPLICAS);
      parts.forEach(effects::add);
    }
    effects.audiences(Journal.ALL);
    if (!inMulti && !isInScript()) {
      effects.apart();
    }
  }

  /// There is no memory for the rest of the call: it has done what it would have with its first
  /// `arguments` arguments alone, which becomes its effect. To be said after [#changed], by a
  /// handler that goes on to throw; the client gets an error.
  public void doneInPart(int arguments) {
    doneArguments = arguments;
  }

  /// There is no memory for the rest of the call: what it has changed so far, and declared the
  /// effects of, stays. To be said by a handler that goes on to throw.
  public void doneAsDeclared() {
    dispatcher.recorder.effects.mark();
    effectsStay = true;
  }

  /// The effect of what was [#doneInPart], unless effects stay. Returns false if nothing was done
  /// in part.
  boolean recordPart() {
    if (doneArguments == 0) {
      return effectsStay;
    }
    Effects effects = effects(database).command(doneArguments);
    for (int i = 0; i < doneArguments; i++) {
      effects.add(args.at(i));
    }
    ownEffect = true;
    return true;
  }

  /// Declares that replicas are to run this command, too, although it changes no data.
  public void toReplicas() {
    ownEffect = true;
    if ((audiences & Journal.REPLICAS) != 0 && recorded()) {
      Effects effects = effects(database).audiences(Journal.REPLICAS);
      effects.command(args);
      effects.audiences(Journal.ALL);
    }
  }

  /// Declares that nothing is recorded of this command, whatever it changed.
  public void noEffect() {
    ownEffect = true;
  }

  /// The server ends in the middle of the call: nobody is told of what it did so far.
  public void forgetEffects() {
    dispatcher.recorder.forget();
  }

  private Effects effects(int number) {
    return dispatcher.recorder.effects.database(number).audiences(audiences);
  }

  /// Ends the handler's part: the command itself becomes the effect if it changed something and
  /// named no other.
  void recordSelf() {
    if (changes != 0 && !ownEffect && recorded()) {
      effects(database).command(args);
    }
  }

  // ── flags ──

  /// Of [Command]: the command's or, for one that is [Command#SCRIPTED], those of what it is going
  /// to run.
  int flags() {
    return flags;
  }

  /// Whether the call has the flag: its command or, for one that is [Command#SCRIPTED], what it is
  /// going to run; for EXEC, one of the commands that it runs.
  public boolean does(int flag) {
    Queue queue = command == engine.exec ? session.queue : null;
    int all = queue == null ? flags : flags | queue.flags();
    return (all & flag) != 0;
  }

  /// Whether the call lacks the flag, or, for EXEC, one of the commands that it runs does.
  public boolean lacks(int flag) {
    Queue queue = command == engine.exec ? session.queue : null;
    int all = queue == null ? flags : flags & queue.commonFlags();
    return (all & flag) == 0;
  }

  /// Why the gate of this rank would refuse the call now, null if it wouldn't. Gates have nothing
  /// to say to what a primary or a file says.
  public @Nullable CommandError refusal(Gate.Rank rank) {
    return session.isTrusted() ? null : engine.gates.refusal(rank, this);
  }

  /// The same, if the call lacked this flag of [Command].
  public @Nullable CommandError refusalWithout(int flag, Gate.Rank rank) {
    int own = flags;
    flags &= ~flag;
    try {
      return refusal(rank);
    } finally {
      flags = own;
    }
  }

  /// Memory was short when the gates were asked, and no room could be made; the call runs all the
  /// same, and what it is going to run decides what may be done then.
  public void outOfMemory() {
    isOutOfMemory = true;
  }

  /// See [#outOfMemory]. Within EXEC: when its gates were asked.
  public boolean isOutOfMemory() {
    return isOutOfMemory;
  }

  /// Whether the session's user may read keys that no argument names, as SORT's BY and GET do.
  public boolean mayReadAnyKey() {
    Principal user = session.user;
    return user == null || !session.gated || user.mayReadAnyKey(command, args);
  }

  /// Whether the session's user may do with any key what this command does.
  public boolean mayUseAnyKey() {
    return session.user == null || !session.gated;
  }

  /// The session of the client whose call this is, or whose script runs it.
  public Session client() {
    Session caller = session.caller;
    return caller == null ? session : caller;
  }

  /// Runs what concerns all sessions while no other thread runs commands. For commands that have no
  /// locks ([Command#SWEEPS]).
  public void inStoppedWorld(Runnable action) {
    engine.keyspace.world().stop(seat, action);
  }

  /// Whether the call is queued for EXEC instead of run.
  public boolean isQueued() {
    return session.multi && !command.is(Command.IN_MULTI) && !inMulti;
  }

  /// Begins a new era ([Engine#newEra]), in a stopped world. For commands that have no locks
  /// ([Command#SWEEPS]).
  public void newEra() {
    engine.keyspace.world().stop(seat, engine::newEra);
  }

  // ── waiting ──

  /// For [#await].
  public static final long FOR_EVER = 0;

  /// Has the call wait, and run again later from its gates on. Called by gates, and by handlers
  /// before they change anything; they must not reply then. Returns false if it can't wait, as
  /// inside EXEC.
  ///
  /// @param timeoutMillis counts from the first try; or [#FOR_EVER]
  public boolean await(Condition condition, long timeoutMillis) {
    if (!mayWait) {
      return false;
    }
    awaited = condition;
    this.timeoutMillis = timeoutMillis;
    return true;
  }

  /// Waits until one of the keys at the arguments `firstKey` to `lastKey` holds a value of `type`
  /// (one of Entry's), then the handler runs again. Returns whether it waits (then reply nothing);
  /// if not, as inside EXEC, reply as if the time had run out.
  public boolean park(long timeoutMillis, int type, int firstKey, int lastKey) {
    return await(new AwaitedKeys(engine.parking, type, firstKey, lastKey, false), timeoutMillis);
  }

  /// As [#park], but the handler also runs again when one of the keys is deleted or gets a value of
  /// another type.
  public boolean parkWhileThere(long timeoutMillis, int type, int firstKey, int lastKey) {
    return await(new AwaitedKeys(engine.parking, type, firstKey, lastKey, true), timeoutMillis);
  }

  /// Has the call, which waits, say something else at argument `i` when it runs again: what it says
  /// now is true at this moment only.
  public void restate(int i, byte[] word) {
    Args from = argsOfNextTry();
    byte[][] words = new byte[from.count()][];
    for (int at = 0; at < words.length; at++) {
      words[at] = at == i ? word : from.at(at).copy();
    }
    restated = Args.of(words);
  }

  /// What the call says when it runs again after a wait.
  Args argsOfNextTry() {
    return restated == null ? args : restated;
  }

  /// Whether the call has to wait for memory, as it is about to take so many bytes more than its
  /// arguments have. A handler asks this before it changes anything. If so, the handler returns and
  /// runs again later. Where it can't wait, as inside EXEC, room is made at once, if that can be.
  public boolean lacksMemory(long bytes) {
    if (bytes < MUCH_BYTES || session.isTrusted()) {
      return false;
    }
    if (!mayWait) {
      dispatcher.makeRoomNow(bytes); // if there is none, the call runs even so
      return false;
    }
    Condition room = engine.roomFor(this, bytes);
    return room != null && await(room, FOR_EVER);
  }

  /// The slots of its keys, ascending, each once.
  public int[] slots() {
    int[] slots = Arrays.copyOf(keySlots, keyCount);
    return Arrays.copyOf(slots, LockSet.sorted(slots, keyCount));
  }

  /// About how many bytes of memory the values at some entries take, all of them together; 0 stands
  /// for a key that is absent.
  public long weight(long... entries) {
    long bytes = 0;
    for (long entry : entries) {
      bytes += entry == 0 ? 0 : values.dictionary().memoryUse(entry, WEIGHED);
    }
    return bytes;
  }

  /// The condition that the walk under way has passed the key.
  public Condition walkPast(Key key) {
    return engine.walkProgress.past(key.slot);
  }

  /// What this call has waited for last; null if this is its first try.
  public @Nullable Condition waitedFor() {
    return before == null ? null : before.condition;
  }

  /// What this call's handler has waited for, also if gates have had it wait for something else
  /// since; null if this is the handler's first try.
  public @Nullable Condition handlerWaitedFor() {
    return before == null ? null : before.asked;
  }

  /// A hold of these keys, which the condition begins and ends, as the call waits for it. They are
  /// keys of the call, and it writes: so nobody else holds them; or of slots that it has locked,
  /// and [#isHeld] denies it.
  ///
  /// @param names kept as they are: they must last
  public Hold hold(Condition condition, Slice[] names) {
    int[] slots = Arrays.stream(names).mapToInt(KeySlot::of).toArray();
    return new Hold(engine.held, condition, database, names, slots);
  }

  /// Whether a call that waits holds the key. Its slot's lock.
  public boolean isHeld(Slice name) {
    return engine.held.any() && engine.held.of(database, name) != null;
  }

  boolean waits() {
    return awaited != null;
  }

  /// Whether the handler is going to run once more and to do all anew: what it has counted doesn't
  /// count.
  boolean runsAnew() {
    return isStale || awaited != null && awaited.startsOver();
  }

  /// What it is going to wait for, if it [#waits].
  Condition awaited() {
    return Objects.requireNonNull(awaited);
  }

  /// Until when, in milliseconds since 1970; 0: for ever.
  long deadlineMillis() {
    if (timeoutMillis == FOR_EVER) {
      return 0;
    }
    Waiting last = before;
    if (last != null && last.deadlineMillis != 0) {
      return last.deadlineMillis;
    }
    return now + timeoutMillis;
  }

  /// Watches the key at argument `i` for the session.
  public void watch(int i) {
    int slot = slotOf(i);
    Key key = stored(database, slot, args.at(i).copy());
    boolean expired = key.exists() && key.isOver(now);
    engine.watches.add(session, database, slot, key.name, expired);
    done(key);
  }

  /// Whether a script says the command.
  public boolean isInScript() {
    return session.caller != null;
  }

  /// What is stored under the name at argument `i`, whether or not its time is over; nothing is
  /// done about that.
  public Key stored(int i) {
    return stored(database, slotOf(i), args.at(i).copy());
  }

  /// What is stored under the name, whether or not its time is over.
  Key stored(int number, int slot, byte[] name) {
    Key key = nextKey();
    key.name.set(name, 0, name.length);
    key.database = number;
    key.slot = slot;
    key.place.in(number, slot);
    long header = engine.keyspace.database(number).header(slot);
    if (header == 0) {
      values.dictionary().absent(hash(key.name), key.name, key.place);
    } else {
      values.dictionary().find(header, hash(key.name), key.name, key.place);
    }
    return key;
  }
}
