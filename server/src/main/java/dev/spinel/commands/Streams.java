package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Commands on streams: the rows of all, and those on entries. Reading with XREAD and XREADGROUP is
/// [StreamReads], groups are [StreamGroups], XINFO is [StreamInfo].
public final class Streams implements Family {
  private static final int XACK = 0,
      XADD = 1,
      XAUTOCLAIM = 2,
      XCLAIM = 3,
      XDEL = 4,
      XGROUP_CREATE = 5,
      XGROUP_CREATECONSUMER = 6,
      XGROUP_DELCONSUMER = 7,
      XGROUP_DESTROY = 8,
      XGROUP_HELP = 9,
      XGROUP_SETID = 10,
      XINFO_CONSUMERS = 11,
      XINFO_GROUPS = 12,
      XINFO_HELP = 13,
      XINFO_STREAM = 14,
      XLEN = 15,
      XPENDING = 16,
      XRANGE = 17,
      XREAD = 18,
      XREADGROUP = 19,
      XREVRANGE = 20,
      XSETID = 21,
      XTRIM = 22;

  private static final String TRIM =
      "trim: (strategy: MAXLEN | MINID^6.2.0) [operator: equal='=' | approximately='~'] threshold"
          + " [LIMIT count:integer]^6.2.0";

  public Streams() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        XACK,
        "XACK @key:RW+update group id...",
        "stream 5.0.0 write fast",
        """
        Says that entries are done with: they are pending in their group no more.
        O(1) for each id
        """);
    t.command(
        XADD,
        "XADD @key:RW+update [NOMKSTREAM]^6.2.0 ["
            + TRIM
            + "] (id-selector: auto-id='*' | id) (data: field value)...",
        "stream 5.0.0 write denyoom fast nondeterministic_output large=3+1",
        """
        Appends an entry to a stream, making the stream if it is absent.
        O(1), and O(N) for N entries that are trimmed
        6.2.0 `NOMKSTREAM`, `MINID` and `LIMIT`
        7.0.0 The id `<ms>-*`
        """);
    t.command(
        XAUTOCLAIM,
        "XAUTOCLAIM @key:RW+delete group consumer min-idle-time start [COUNT count:integer]"
            + " [JUSTID]",
        "stream 6.2.0 write fast nondeterministic_output",
        """
        Gives a consumer what has been pending at others for long.
        O(1) if the count is small
        7.0.0 Tells which entries were deleted, and takes them off the list of pending ones
        """);
    t.command(
        XCLAIM,
        "XCLAIM @key:RW+update group consumer min-idle-time id... [IDLE ms:integer]"
            + " [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE]"
            + " [JUSTID] [LASTID lastid]",
        "stream 5.0.0 write fast nondeterministic_output",
        """
        Gives a consumer entries that are pending at another one.
        O(log(N)) for each id, N entries pending in the group
        """);
    t.command(
        XDEL,
        "XDEL @key:RW+delete id...",
        "stream 5.0.0 write fast",
        """
        Deletes entries of a stream.
        O(1) for each id
        """);
    t.container(
        "XGROUP",
        "stream 5.0.0",
        """
        Makes, changes and deletes groups of consumers.
        Depends on subcommand.
        """);
    t.command(
        XGROUP_CREATE,
        "XGROUP|CREATE @key:RW+insert group (id-selector: id | new-id='$') [MKSTREAM]"
            + " [ENTRIESREAD entries-read:integer]",
        "stream 5.0.0 write denyoom",
        """
        Makes a group of consumers.
        O(1)
        7.0.0 `ENTRIESREAD`
        """);
    t.command(
        XGROUP_CREATECONSUMER,
        "XGROUP|CREATECONSUMER @key:RW+insert group consumer",
        "stream 6.2.0 write denyoom",
        """
        Makes a consumer in a group.
        O(1)
        """);
    t.command(
        XGROUP_DELCONSUMER,
        "XGROUP|DELCONSUMER @key:RW+delete group consumer",
        "stream 5.0.0 write",
        """
        Deletes a consumer, and what is pending there.
        O(1)
        """);
    t.command(
        XGROUP_DESTROY,
        "XGROUP|DESTROY @key:RW+delete group",
        "stream 5.0.0 write wakes",
        """
        Deletes a group with its consumers.
        O(N), N entries pending in the group
        """);
    t.command(
        XGROUP_HELP,
        "XGROUP|HELP",
        "stream 5.0.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        XGROUP_SETID,
        "XGROUP|SETID @key:RW+update group (id-selector: id | new-id='$')"
            + " [ENTRIESREAD entriesread:integer<entries-read>]",
        "stream 5.0.0 write",
        """
        Says which entry a group was given last.
        O(1)
        7.0.0 `ENTRIESREAD`
        """);
    t.container(
        "XINFO",
        "stream 5.0.0",
        """
        Tells about streams, their groups and consumers.
        Depends on subcommand.
        """);
    t.command(
        XINFO_CONSUMERS,
        "XINFO|CONSUMERS @key:RO+access group",
        "stream 5.0.0 readonly nondeterministic_output",
        """
        Tells about the consumers of a group.
        O(1)
        7.2.0 `inactive`, and `idle` is since the last attempt
        """);
    t.command(
        XINFO_GROUPS,
        "XINFO|GROUPS @key:RO+access",
        "stream 5.0.0 readonly",
        """
        Tells about the groups of a stream.
        O(1)
        7.0.0 `entries-read` and `lag`
        """);
    t.command(
        XINFO_HELP,
        "XINFO|HELP",
        "stream 5.0.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        XINFO_STREAM,
        "XINFO|STREAM @key:RO+access [full-block: FULL [COUNT count:integer]]",
        "stream 5.0.0 readonly",
        """
        Tells about a stream.
        O(1)
        6.0.0 `FULL`
        7.0.0 `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`
        7.2.0 `active-time`, and `seen-time` is that of the last attempt
        """);
    t.command(
        XLEN,
        "XLEN @key:RO",
        "stream 5.0.0 readonly fast",
        """
        Tells how many entries a stream has.
        O(1)
        """);
    t.command(
        XPENDING,
        "XPENDING @key:RO+access group [filters: [IDLE min-idle-time:integer]^6.2.0 start end"
            + " count:integer [consumer]]",
        "stream 5.0.0 readonly nondeterministic_output",
        """
        Tells what is pending in a group.
        O(N), N entries returned
        6.2.0 `IDLE` and intervals without their ends
        """);
    t.command(
        XRANGE,
        "XRANGE @key:RO+access start end [COUNT count:integer]",
        "stream 5.0.0 readonly",
        """
        Reads the entries between two ids.
        O(N), N entries returned
        6.2.0 Intervals without their ends
        """);
    t.command(
        XREAD,
        "XREAD [COUNT count:integer] [BLOCK milliseconds:integer] STREAMS"
            + " (@key:RO+access+from=1... id...)",
        "stream 5.0.0 readonly blocking",
        """
        Reads entries behind given ids from several streams; waits for one if told to.
        O(N), N entries returned
        """,
        new StreamReads.Keys(1));
    t.command(
        XREADGROUP,
        "XREADGROUP GROUP (group-block: group consumer) [COUNT count:integer]"
            + " [BLOCK milliseconds:integer] [NOACK] STREAMS (@key:RO+access+from=4... id...)",
        "stream 5.0.0 write blocking",
        """
        Reads entries as a consumer of a group, new ones or what is pending; may wait for them.
        O(N), N entries returned
        """,
        new StreamReads.Keys(4));
    t.command(
        XREVRANGE,
        "XREVRANGE @key:RO+access end start [COUNT count:integer]",
        "stream 5.0.0 readonly",
        """
        Reads the entries between two ids, the last one first.
        O(N), N entries returned
        6.2.0 Intervals without their ends
        """);
    t.command(
        XSETID,
        "XSETID @key:RW+update last-id [ENTRIESADDED entries-added:integer]^7.0.0"
            + " [MAXDELETEDID max-deleted-id]^7.0.0",
        "stream 5.0.0 write denyoom fast",
        """
        Says which id a stream gave last; for replicas and files.
        O(1)
        7.0.0 `ENTRIESADDED` and `MAXDELETEDID`
        """);
    t.command(
        XTRIM,
        "XTRIM @key:RW+delete (" + TRIM + ")",
        "stream 5.0.0 write nondeterministic_output",
        """
        Deletes entries from the beginning of a stream.
        O(N), N entries deleted
        6.2.0 `MINID` and `LIMIT`
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case XACK -> StreamGroups.xack(call, reply);
      case XADD -> xadd(call, reply);
      case XAUTOCLAIM -> StreamGroups.xautoclaim(call, reply);
      case XCLAIM -> StreamGroups.xclaim(call, reply);
      case XDEL -> xdel(call, reply);
      case XGROUP_CREATE -> StreamGroups.create(call, reply);
      case XGROUP_CREATECONSUMER -> StreamGroups.createConsumer(call, reply);
      case XGROUP_DELCONSUMER -> StreamGroups.deleteConsumer(call, reply);
      case XGROUP_DESTROY -> StreamGroups.destroy(call, reply);
      case XGROUP_HELP, XINFO_HELP -> Help.reply(call, reply);
      case XGROUP_SETID -> StreamGroups.setId(call, reply);
      case XINFO_CONSUMERS -> StreamInfo.consumers(call, reply);
      case XINFO_GROUPS -> StreamInfo.groups(call, reply);
      case XINFO_STREAM -> StreamInfo.stream(call, reply);
      case XLEN -> xlen(call, reply);
      case XPENDING -> StreamGroups.xpending(call, reply);
      case XRANGE -> xrange(call, reply, false);
      case XREAD -> StreamReads.xread(call, reply);
      case XREADGROUP -> StreamReads.xreadgroup(call, reply);
      case XREVRANGE -> xrange(call, reply, true);
      case XSETID -> xsetid(call, reply);
      case XTRIM -> xtrim(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  /// What Redis says of the options of XGROUP and XINFO that it doesn't know.
  static CommandError wrongSubcommand(Call call) {
    String container = call.command().name;
    return new CommandError(
        "ERR unknown subcommand or wrong number of arguments for '"
            + call.text(1)
            + "'. Try "
            + container.substring(0, container.indexOf('|')).toUpperCase(Locale.ROOT)
            + " HELP.");
  }

  // ── adding ──

  private static final CommandError ZERO_ID =
      new CommandError("ERR The ID specified in XADD must be greater than 0-0");
  private static final CommandError EXHAUSTED =
      new CommandError(
          "ERR The stream has exhausted the last possible ID, unable to add more items");
  private static final CommandError NOT_GREATER =
      new CommandError(
          "ERR The ID specified in XADD is equal or smaller than the target stream top item");
  private static final CommandError TOO_LARGE =
      new CommandError("ERR Elements are too large to be stored");

  /// The words of a call from one on.
  private record Words(Args args, int first) implements StreamValue.Words {
    @Override
    public int count() {
      return args.count() - first;
    }

    @Override
    public Slice at(int i) {
      return args.at(first + i);
    }

    @Override
    public int lengthAt(int i) {
      return args.lengthAt(first + i);
    }

    long bytes() {
      long bytes = 0;
      for (int i = count() - 1; i >= 0; i--) {
        bytes += lengthAt(i);
      }
      return bytes;
    }
  }

  private static void xadd(Call call, Reply reply) {
    StreamTrim options = StreamTrim.ofAdd(call);
    Words words = new Words(call.args(), options.idAt() + 1);
    if (words.count() < 2 || words.count() % 2 == 1) {
      throw CommandError.wrongArguments(call.command().name);
    }
    StreamId given = options.id();
    boolean isExact = given != null && given.sequence() != StreamId.SequencePart.ANY;
    if (isExact && given != null && given.isZero()) {
      throw ZERO_ID;
    }
    Key key = call.write(1, Entry.STREAM);
    boolean isNew = !key.exists();
    if (isNew && options.noMake()) {
      reply.nil();
      return;
    }
    StreamValue streams = call.values().streams();
    StreamId id = new StreamId();
    if (!isNew) {
      streams.lastId(key.entry(), id);
    }
    next(call, id, given);
    if (words.bytes() > StreamValue.MOST_BYTES) {
      throw TOO_LARGE;
    }
    try {
      if (isNew) {
        streams.create(key.place, key.name);
      }
      streams.append(
          key.place,
          id,
          words,
          call.limits().get(Settings.STREAM_NODE_MAX_BYTES),
          call.limits().get(Settings.STREAM_NODE_MAX_ENTRIES));
    } catch (OutOfMemoryError e) {
      if (isNew && call.values().dictionary().entry(key.place) != 0) {
        call.remove(key); // it was made for this
      }
      throw e;
    }
    call.changed(key, Events.STREAM, "xadd");
    id.writeTo(reply.writer());
    if (trim(call, key, options) > 0) {
      call.event(key, Events.STREAM, "xtrim");
    }
    if (call.recorded() && (!isExact || options.isInexact(call))) {
      Object[] effect = options.effect(call, key);
      effect[options.idAt()] = id.text();
      call.effect(effect);
    }
  }

  /// Trims a stream to which an entry has been added: for lack of memory it stays longer.
  private static long trim(Call call, Key key, StreamTrim options) {
    try {
      return options.trim(call, key);
    } catch (OutOfMemoryError e) {
      return 0; // which the effect says
    }
  }

  /// Turns the last id of a stream into that of its next entry, as the command asks for it.
  private static void next(Call call, StreamId last, @Nullable StreamId given) {
    if (last.isMost()) {
      throw EXHAUSTED;
    }
    if (given == null) {
      long now = call.now();
      if (Long.compareUnsigned(now, last.ms) > 0) {
        last.set(now, 0);
      } else {
        last.increment();
      }
      return;
    }
    boolean anySequence = given.sequence() == StreamId.SequencePart.ANY;
    if (anySequence && given.ms == last.ms && last.seq != -1) {
      last.increment();
      return;
    }
    if (given.compareTo(last) <= 0) {
      throw NOT_GREATER;
    }
    last.set(given);
  }

  // ── reading ──

  private static void xlen(Call call, Reply reply) {
    Key key = call.read(1, Entry.STREAM);
    reply.integer(key.exists() ? call.values().streams().length(key.entry()) : 0);
  }

  private static void xrange(Call call, Reply reply, boolean backwards) {
    StreamId start = StreamIds.start(call, backwards ? 3 : 2);
    StreamId end = StreamIds.end(call, backwards ? 2 : 3);
    long count = -1;
    Options o = call.options(4);
    while (o.next()) {
      if (!o.is("COUNT", 1)) {
        throw CommandError.SYNTAX;
      }
      count = Math.max(0, o.integer());
    }
    Key key = call.read(1, Entry.STREAM);
    if (!key.exists()) {
      reply.array(0);
    } else if (count == 0) {
      reply.nilArray();
    } else {
      writeRange(call, reply, key.entry(), start, end, count, backwards);
    }
  }

  /// Replies with up to `count` entries (-1: all) from one id to another.
  static void writeRange(
      Call call,
      Reply reply,
      long entry,
      StreamId start,
      StreamId end,
      long count,
      boolean backwards) {
    StreamValue streams = call.values().streams();
    long written = 0;
    reply.deferArray();
    if (backwards) {
      streams.seekBackwards(entry, end);
      while (written != count && streams.previous() && streams.id().compareTo(start) >= 0) {
        writeEntry(call, reply);
        written++;
      }
    } else {
      streams.seek(entry, start);
      while (written != count && streams.next() && streams.id().compareTo(end) <= 0) {
        writeEntry(call, reply);
        written++;
      }
    }
    reply.close(written);
  }

  /// Replies with the entry at hand.
  static void writeEntry(Call call, Reply reply) {
    StreamValue streams = call.values().streams();
    reply.array(2);
    streams.id().writeTo(reply.writer());
    streams.writeFields(reply.writer());
  }

  // ── taking away ──

  private static void xdel(Call call, Reply reply) {
    Key key = call.write(1, Entry.STREAM);
    if (!key.exists()) {
      reply.integer(0);
      return;
    }
    StreamId[] ids = StreamIds.all(call, 2);
    StreamValue streams = call.values().streams();
    int deleted = 0;
    int i = 0;
    try {
      for (; i < ids.length; i++) {
        deleted += streams.delete(key.place, ids[i]) ? 1 : 0;
      }
    } catch (OutOfMemoryError e) {
      if (deleted > 0) {
        deletedSome(call, key, deleted);
        call.doneInPart(2 + i);
      }
      throw e;
    }
    if (deleted > 0) {
      deletedSome(call, key, deleted);
    }
    reply.integer(deleted);
  }

  private static void deletedSome(Call call, Key key, int count) {
    call.values().streams().deletedSome(key.place);
    call.reduced(key, Events.STREAM, "xdel", count);
  }

  private static void xtrim(Call call, Reply reply) {
    StreamTrim options = StreamTrim.ofTrim(call);
    Key key = call.write(1, Entry.STREAM);
    long deleted = key.exists() ? options.trim(call, key) : 0;
    if (deleted > 0) {
      call.reduced(key, Events.STREAM, "xtrim", deleted);
      if (call.recorded() && options.isInexact(call)) {
        call.effect(options.effect(call, key));
      }
    }
    reply.integer(deleted);
  }

  private static void xsetid(Call call, Reply reply) {
    StreamId last = StreamIds.id(call.arg(2));
    StreamId greatestDeleted = new StreamId();
    long added = -1;
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("ENTRIESADDED", 1)) {
        added = o.integer();
        if (added < 0) {
          throw new CommandError("ERR entries_added must be positive");
        }
      } else if (o.is("MAXDELETEDID", 1)) {
        greatestDeleted = StreamIds.id(o.word());
        if (last.compareTo(greatestDeleted) < 0) {
          throw new CommandError(
              "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        }
      } else {
        throw CommandError.SYNTAX;
      }
    }
    Key key = call.write(1);
    if (!key.exists()) {
      throw CommandError.NO_SUCH_KEY;
    }
    if (key.type() != Entry.STREAM) {
      throw CommandError.WRONGTYPE;
    }
    StreamValue streams = call.values().streams();
    long entry = key.entry();
    if (last.compareTo(streams.greatestDeletedId(entry, new StreamId())) < 0) {
      throw new CommandError(
          "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
    }
    StreamId top = new StreamId();
    if (streams.length(entry) > 0) {
      streams.lastEntryId(entry, top);
      if (last.compareTo(top) < 0) {
        throw new CommandError(
            "ERR The ID specified in XSETID is smaller than the target stream top item");
      }
      if (added != -1 && streams.length(entry) > added) {
        throw new CommandError(
            "ERR The entries_added specified in XSETID is smaller than the target stream length");
      }
    }
    streams.setFacts(key.place, last, added, greatestDeleted);
    call.dirty(1);
    call.event(key, Events.STREAM, "xsetid");
    reply.ok();
  }
}
