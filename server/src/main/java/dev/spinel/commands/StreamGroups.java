package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Events;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.Entry;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;

/// Commands on the groups of streams: XGROUP, XACK, XPENDING, XCLAIM, XAUTOCLAIM.
///
/// As in Redis they don't break watches, for the entries stay as they are; and what they do to what
/// is pending is recorded as XCLAIM, which says all of it.
final class StreamGroups {
  private StreamGroups() {}

  // ── errors ──

  /// As C shows a text: up to its first byte of 0.
  private static String shown(Slice name) {
    String text = name.text();
    int end = text.indexOf(0);
    return end < 0 ? text : text.substring(0, end);
  }

  static CommandError noGroupOfKey(Call call, int group, int key) {
    return new CommandError(
        "NOGROUP No such consumer group '"
            + shown(call.arg(group))
            + "' for key name '"
            + shown(call.arg(key))
            + "'");
  }

  static CommandError noKeyOrGroup(Slice key, Slice group, String more) {
    return new CommandError(
        "NOGROUP No such key '" + shown(key) + "' or consumer group '" + shown(group) + "'" + more);
  }

  private static final CommandError NO_STREAM =
      new CommandError(
          "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want"
              + " to use the MKSTREAM option to create an empty stream automatically.");

  /// A name must fit into a node: said before anything changes.
  static void checkName(Slice name) {
    if (name.length > ConsumerGroups.MAX_NAME) {
      throw new CommandError(
          "ERR names of groups and consumers of more than "
              + ConsumerGroups.MAX_NAME
              + " bytes can't be stored");
    }
  }

  private static ConsumerGroups groups(Call call) {
    return call.values().streams().groups();
  }

  // ── XGROUP ──

  private static final int KEY = 2;
  private static final int GROUP = 3;
  private static final int OPTIONS = 5;

  /// The number that ENTRIESREAD says.
  private static long entriesRead(Options o) {
    long count = o.integer();
    if (count < 0 && count != ConsumerGroups.UNKNOWN_READ) {
      throw new CommandError("ERR value for ENTRIESREAD must be positive or -1");
    }
    return count;
  }

  static void create(Call call, Reply reply) {
    boolean make = false;
    long read = ConsumerGroups.UNKNOWN_READ;
    Options o = call.options(OPTIONS);
    while (o.next()) {
      if (o.is("MKSTREAM")) {
        make = true;
      } else if (o.is("ENTRIESREAD", 1)) {
        read = entriesRead(o);
      } else {
        throw Streams.wrongSubcommand(call);
      }
    }
    Key key = call.write(KEY, Entry.STREAM);
    boolean isNew = !key.exists();
    if (isNew && !make) {
      throw NO_STREAM;
    }
    if (call.argc() > OPTIONS + 3) {
      throw Streams.wrongSubcommand(call);
    }
    StreamValue streams = call.values().streams();
    StreamId last = new StreamId();
    if (!call.arg(4).equal(DOLLAR)) {
      last = StreamIds.id(call.arg(4));
    } else if (!isNew) {
      streams.lastId(key.entry(), last);
    }
    checkName(call.arg(GROUP));
    try {
      if (isNew) {
        streams.create(key.place, key.name);
      }
      if (!streams.groups().create(key.place, call.arg(GROUP), last.ms, last.seq, read)) {
        throw new CommandError("BUSYGROUP Consumer Group name already exists");
      }
    } catch (OutOfMemoryError e) {
      if (isNew && call.values().dictionary().entry(key.place) != 0) {
        call.remove(key); // it was made for this
      }
      throw e;
    }
    if (isNew) {
      call.changed(key, Events.STREAM, "xgroup-create");
    } else {
      call.dirty(1);
      call.event(key, Events.STREAM, "xgroup-create");
    }
    reply.ok();
  }

  private static final byte[] DOLLAR = {'$'};

  /// The stream at the key of a subcommand that needs one.
  private static Key stream(Call call) {
    Key key = call.write(KEY, Entry.STREAM);
    if (!key.exists()) {
      throw NO_STREAM;
    }
    return key;
  }

  /// The same, with a group that it needs: it is at hand, to be changed.
  private static Key streamWithGroup(Call call) {
    Key key = stream(call);
    if (!groups(call).open(key.place, call.arg(GROUP))) {
      throw noGroupOfKey(call, GROUP, KEY);
    }
    return key;
  }

  static void setId(Call call, Reply reply) {
    long read = ConsumerGroups.UNKNOWN_READ;
    Options o = call.options(OPTIONS);
    while (o.next()) {
      if (!o.is("ENTRIESREAD", 1)) {
        throw Streams.wrongSubcommand(call);
      }
      read = entriesRead(o);
    }
    Key key = streamWithGroup(call);
    if (call.argc() > OPTIONS + 2) {
      throw Streams.wrongSubcommand(call);
    }
    StreamId last =
        call.arg(4).equal(DOLLAR)
            ? call.values().streams().lastId(key.entry(), new StreamId())
            : StreamIds.idOrEnd(call.arg(4));
    groups(call).setLastId(last);
    groups(call).setEntriesRead(read);
    call.dirty(1);
    call.event(key, Events.STREAM, "xgroup-setid");
    reply.ok();
  }

  static void destroy(Call call, Reply reply) {
    Key key = stream(call);
    boolean there = groups(call).destroy(key.place, call.arg(GROUP));
    if (there) {
      call.dirty(1);
      call.event(key, Events.STREAM, "xgroup-destroy");
      call.wake(key);
    }
    reply.flag(there);
  }

  static void createConsumer(Call call, Reply reply) {
    Key key = streamWithGroup(call);
    boolean there = groups(call).findConsumer(call.arg(4));
    if (!there) {
      checkName(call.arg(4));
      groups(call).createConsumer(call.arg(4), call.now(), ConsumerGroups.NEVER);
      call.dirty(1);
      createdConsumer(call, key);
    }
    reply.flag(!there);
  }

  static void createdConsumer(Call call, Key key) {
    call.event(key, Events.STREAM, "xgroup-createconsumer");
  }

  static void deleteConsumer(Call call, Reply reply) {
    Key key = streamWithGroup(call);
    long pending = 0;
    if (groups(call).openConsumer(call.arg(4))) {
      pending = groups(call).deleteConsumer();
      call.dirty(1);
      call.event(key, Events.STREAM, "xgroup-delconsumer");
    }
    reply.integer(pending);
  }

  // ── XACK ──

  static void xack(Call call, Reply reply) {
    Key key = call.read(1, Entry.STREAM);
    if (!key.exists() || !groups(call).find(key.entry(), call.arg(2))) {
      reply.integer(0);
      return;
    }
    StreamId[] ids = StreamIds.all(call, 3);
    ConsumerGroups groups = groups(call);
    groups.open(key.place, call.arg(2));
    int acknowledged = 0;
    int i = 0;
    try {
      for (; i < ids.length; i++) {
        acknowledged += groups.acknowledge(ids[i]) ? 1 : 0;
      }
    } catch (OutOfMemoryError e) {
      if (acknowledged > 0) {
        call.dirty(acknowledged);
        call.doneInPart(3 + i);
      }
      throw e;
    }
    call.dirty(acknowledged);
    reply.integer(acknowledged);
  }

  // ── XPENDING ──

  static void xpending(Call call, Reply reply) {
    int count = call.argc();
    if (count != 3 && (count < 6 || count > 9)) {
      throw CommandError.SYNTAX;
    }
    if (count == 3) {
      pendingGroup(call);
      summary(call, reply);
      return;
    }
    int at = 3;
    long leastIdle = 0;
    if (call.is(3, "IDLE")) {
      leastIdle = call.integer(4);
      if (count < 8) {
        throw CommandError.SYNTAX;
      }
      at += 2;
    }
    long most = Math.max(0, call.integer(at + 2));
    StreamId start = StreamIds.start(call, at);
    StreamId end = StreamIds.end(call, at + 1);
    pendingGroup(call);
    boolean ofOne = at + 3 < count;
    if (ofOne && !groups(call).findConsumer(call.arg(at + 3))) {
      reply.array(0);
      return;
    }
    list(call, reply, start, end, most, leastIdle, ofOne);
  }

  /// Brings the group of XPENDING to hand.
  private static void pendingGroup(Call call) {
    Key key = call.read(1, Entry.STREAM);
    if (!key.exists() || !groups(call).find(key.entry(), call.arg(2))) {
      throw noKeyOrGroup(call.arg(1), call.arg(2), "");
    }
  }

  private static void summary(Call call, Reply reply) {
    ConsumerGroups groups = groups(call);
    reply.array(4);
    reply.integer(groups.pendingCount());
    StreamId id = new StreamId();
    if (!groups.firstPending(id)) {
      reply.nil();
      reply.nil();
      reply.nilArray();
      return;
    }
    groups.pendingId(id).writeTo(reply.writer());
    groups.lastPending();
    groups.pendingId(id).writeTo(reply.writer());
    long consumers = 0;
    reply.deferArray();
    for (boolean more = groups.firstConsumer(); more; more = groups.nextConsumer()) {
      if (groups.ownCount() > 0) {
        reply.array(2);
        groups.writeConsumerName(reply.writer());
        reply.bulk(groups.ownCount());
        consumers++;
      }
    }
    reply.close(consumers);
  }

  private static void list(
      Call call,
      Reply reply,
      StreamId start,
      StreamId end,
      long most,
      long leastIdle,
      boolean ofOne) {
    ConsumerGroups groups = groups(call);
    StreamId id = new StreamId();
    long written = 0;
    reply.deferArray();
    boolean more = most > 0 && (ofOne ? groups.firstOwn(start) : groups.firstPending(start));
    while (more && groups.pendingId(id).compareTo(end) <= 0) {
      long idle = call.now() - groups.deliveryTime();
      if (leastIdle == 0 || idle >= leastIdle) {
        reply.array(4);
        id.writeTo(reply.writer());
        groups.writeOwnerName(reply.writer());
        reply.integer(Math.max(0, idle));
        reply.integer(groups.deliveries());
        written++;
      }
      more = written < most && (ofOne ? groups.nextOwn() : groups.nextPending());
    }
    reply.close(written);
  }

  // ── effects ──

  /// Records that an entry is pending at a consumer, and up to which one the group has been given
  /// entries.
  static void recordClaim(
      Call call,
      Object key,
      Object group,
      Object consumer,
      StreamId id,
      long time,
      long deliveries) {
    if (!call.recorded()) {
      call.noEffect();
      return;
    }
    StreamId last = groups(call).lastId(new StreamId());
    call.effect(
        "XCLAIM",
        key,
        group,
        consumer,
        "0",
        id.text(),
        "TIME",
        time,
        "RETRYCOUNT",
        deliveries,
        "FORCE",
        "JUSTID",
        "LASTID",
        last.text());
  }

  /// Records up to which entry the group has been given them.
  static void recordLastId(Call call, Object key, Object group) {
    if (!call.recorded()) {
      call.noEffect();
      return;
    }
    byte[] last = groups(call).lastId(new StreamId()).text();
    call.effect("XGROUP", "SETID", key, group, last, "ENTRIESREAD", groups(call).entriesRead());
  }

  // ── XCLAIM ──

  /// What is said of the entries that XCLAIM gives to a consumer.
  ///
  /// @param time of their last delivery
  /// @param deliveries how many there were; negative: one more, unless it is for ids alone
  private record Claim(
      long leastIdle, long time, long deliveries, boolean force, boolean onlyIds, StreamId last) {
    static Claim read(Call call, int first, long leastIdle) {
      long time = call.now();
      long deliveries = -1;
      boolean force = false;
      boolean onlyIds = false;
      StreamId last = new StreamId();
      Options o = call.options(first);
      while (o.next()) {
        if (o.is("FORCE")) {
          force = true;
        } else if (o.is("JUSTID")) {
          onlyIds = true;
        } else if (o.is("IDLE", 1)) {
          time = call.now() - Call.integer(o.word(), invalid("IDLE option"));
        } else if (o.is("TIME", 1)) {
          time = Call.integer(o.word(), invalid("TIME option"));
        } else if (o.is("RETRYCOUNT", 1)) {
          deliveries = Call.integer(o.word(), invalid("RETRYCOUNT option"));
        } else if (o.is("LASTID", 1)) {
          last = StreamIds.id(o.word());
        } else {
          String word = shown(call.arg(o.position()));
          throw new CommandError("ERR Unrecognized XCLAIM option '" + word + "'");
        }
      }
      if (time < 0 || time > call.now()) {
        time = call.now();
      }
      return new Claim(leastIdle, time, deliveries, force, onlyIds, last);
    }

    private static CommandError invalid(String what) {
      return new CommandError("ERR Invalid " + what + " argument for XCLAIM");
    }
  }

  private static long idleTime(Call call, String command) {
    CommandError invalid = new CommandError("ERR Invalid min-idle-time argument for " + command);
    return Math.max(0, Call.integer(call.arg(4), invalid));
  }

  static void xclaim(Call call, Reply reply) {
    Key key = call.read(1, Entry.STREAM);
    if (!key.exists() || !groups(call).find(key.entry(), call.arg(2))) {
      throw noKeyOrGroup(call.arg(1), call.arg(2), "");
    }
    long leastIdle = idleTime(call, "XCLAIM");
    StreamId[] ids = StreamIds.array(call, call.argc() - 5);
    int count = 0;
    for (; count < ids.length; count++) {
      StreamId id = new StreamId();
      if (!id.parse(call.arg(5 + count)) || id.sequence() == StreamId.SequencePart.ANY) {
        break;
      }
      ids[count] = id;
    }
    Claim claim = Claim.read(call, 5 + count, leastIdle);
    checkName(call.arg(3));
    groups(call).open(key.place, call.arg(2));
    StreamId before = groups(call).lastId(new StreamId());
    boolean isLater = claim.last.compareTo(before) > 0;
    if (isLater) {
      groups(call).setLastId(claim.last);
    }
    Claimant claimant = new Claimant(call, key);
    long claimed = 0;
    reply.deferArray();
    try {
      claimant.come();
      for (int i = 0; i < count; i++) {
        if (claim(claimant, ids[i], claim)) {
          if (claim.onlyIds) {
            ids[i].writeTo(reply.writer());
          } else {
            Streams.writeEntry(call, reply);
          }
          claimed++;
        }
      }
    } catch (OutOfMemoryError e) {
      if (claimant.changes == 0) {
        if (isLater) {
          groups(call).setLastId(before);
        }
        claimant.goAgain();
        throw e;
      }
    }
    if (isLater && claimant.changes == 0) {
      recordLastId(call, call.arg(1), call.arg(2));
      claimant.changes++;
    }
    claimant.end();
    reply.close(claimed);
  }

  /// Gives an entry to a consumer. Returns whether it has it then; it is at hand.
  private static boolean claim(Claimant to, StreamId id, Claim claim) {
    Call call = to.call;
    ConsumerGroups groups = groups(call);
    boolean isPending = groups.findPending(id);
    if (!call.values().streams().find(to.key.entry(), id)) {
      if (isPending) {
        to.drop(id);
      }
      return false;
    }
    if (!isPending && !claim.force) {
      return false;
    }
    long deliveries = 1;
    if (isPending) {
      if (claim.leastIdle > 0 && call.now() - groups.deliveryTime() < claim.leastIdle) {
        return false;
      }
      deliveries = groups.deliveries();
    }
    if (claim.deliveries >= 0) {
      deliveries = claim.deliveries;
    } else if (!claim.onlyIds) {
      deliveries++;
    }
    to.take(id, claim.time, deliveries);
    return true;
  }

  /// The consumer that claims entries of a group, which is open.
  private static final class Claimant {
    final Call call;
    final Key key;
    private final ConsumerGroups groups;
    private final Slice name;
    private boolean isNew;
    long changes; // to what is pending

    Claimant(Call call, Key key) {
      this.call = call;
      this.key = key;
      groups = groups(call);
      name = call.arg(3);
    }

    /// It is at hand, and made if need be.
    void come() {
      isNew = !groups.openConsumer(name);
      if (isNew) {
        groups.createConsumer(name, call.now(), ConsumerGroups.NEVER);
      }
      groups.setSeen(call.now());
    }

    /// Undoes that, if nothing came of it.
    void goAgain() {
      if (isNew && groups.findConsumer(name)) {
        groups.deleteConsumer();
      }
    }

    void take(StreamId id, long time, long deliveries) {
      groups.assign(id, time, deliveries);
      groups.setActive(call.now());
      changes++;
      recordClaim(call, call.arg(1), call.arg(2), name, id, time, deliveries);
    }

    /// An entry that is pending, and at hand as such, isn't in the stream any more.
    void drop(StreamId id) {
      byte[] owner = groups.ownerName();
      long time = groups.deliveryTime();
      long deliveries = groups.deliveries();
      groups.acknowledge(id);
      changes++;
      recordClaim(call, call.arg(1), call.arg(2), owner, id, time, deliveries);
    }

    void end() {
      if (isNew) {
        createdConsumer(call, key);
      }
      call.dirty(changes + (isNew ? 1 : 0));
      if (changes == 0) {
        call.noEffect();
      }
    }
  }

  // ── XAUTOCLAIM ──

  private static final CommandError COUNT = new CommandError("ERR COUNT must be > 0");
  private static final long MOST = Long.MAX_VALUE / 16;
  private static final int ATTEMPTS = 10; // for each entry that may be claimed
  private static final int ID_BYTES = 64; // of the Java heap

  static void xautoclaim(Call call, Reply reply) {
    Key key = call.read(1); // also if the call is refused for its words: it may have expired
    final long leastIdle = idleTime(call, "XAUTOCLAIM");
    final StreamId start = StreamIds.start(call, 5);
    long most = 100;
    boolean onlyIds = false;
    Options o = call.options(6);
    while (o.next()) {
      if (o.is("COUNT", 1)) {
        most = o.integer(1, MOST, COUNT);
      } else if (o.is("JUSTID")) {
        onlyIds = true;
      } else {
        throw CommandError.SYNTAX;
      }
    }
    if (key.exists() && key.type() != Entry.STREAM) {
      throw CommandError.WRONGTYPE;
    }
    ConsumerGroups groups = groups(call);
    if (!key.exists() || !groups.find(key.entry(), call.arg(2))) {
      throw noKeyOrGroup(call.arg(1), call.arg(2), "");
    }
    checkName(call.arg(3));
    call.hold(ID_BYTES * Math.min(most, groups.pendingCount()));
    groups.open(key.place, call.arg(2));
    Claimant claimant = new Claimant(call, key);
    List<StreamId> claimed = new ArrayList<>();
    List<StreamId> deleted = new ArrayList<>();
    StreamId cursor = new StreamId().set(start);
    try {
      claimant.come();
      claimFrom(claimant, cursor, most, leastIdle, onlyIds, claimed, deleted);
    } catch (OutOfMemoryError e) {
      if (claimant.changes == 0) {
        claimant.goAgain();
        throw e;
      }
    }
    claimant.end();
    reply.array(3);
    cursor.writeTo(reply.writer());
    reply.array(claimed.size());
    for (StreamId id : claimed) {
      if (onlyIds) {
        id.writeTo(reply.writer());
      } else {
        call.values().streams().find(key.entry(), id);
        Streams.writeEntry(call, reply);
      }
    }
    reply.array(deleted.size());
    for (StreamId id : deleted) {
      id.writeTo(reply.writer());
    }
  }

  /// Gives what is pending from `cursor` on to a consumer; in the end that is where to go on, 0-0
  /// if nothing is left.
  private static void claimFrom(
      Claimant to,
      StreamId cursor,
      long most,
      long leastIdle,
      boolean onlyIds,
      List<StreamId> claimed,
      List<StreamId> deleted) {
    Call call = to.call;
    ConsumerGroups groups = groups(call);
    long attempts = most * ATTEMPTS;
    boolean more = groups.firstPending(cursor);
    while (more && attempts-- > 0 && claimed.size() + deleted.size() < most) {
      StreamId id = new StreamId().set(groups.pendingId(cursor));
      if (!call.values().streams().find(to.key.entry(), id)) {
        to.drop(id);
        deleted.add(id);
      } else if (leastIdle == 0 || call.now() - groups.deliveryTime() >= leastIdle) {
        to.take(id, call.now(), groups.deliveries() + (onlyIds ? 0 : 1));
        claimed.add(id);
      } else {
        more = groups.nextPending();
        continue;
      }
      more = cursor.increment() && groups.firstPending(cursor);
    }
    if (more) {
      groups.pendingId(cursor);
    } else {
      cursor.set(0, 0);
    }
  }
}
