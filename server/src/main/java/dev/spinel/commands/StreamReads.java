package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.Entry;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// XREAD and XREADGROUP: entries behind given ids, of several streams; a call that finds none may
/// wait for one.
///
/// XREADGROUP changes what it reads of: the group's last id, what is pending, when the consumer was
/// heard of. That is recorded as XCLAIM for each entry, and XGROUP where nothing is pending then
/// (NOACK); a consumer without entries isn't recorded, as in Redis.
///
/// @param streams the position of the first key
/// @param count how many keys, and ids behind them
/// @param timeoutMillis [Call#FOR_EVER] or more; -1: it doesn't wait
/// @param most the most entries of each stream, 0: all
/// @param group null: XREAD
record StreamReads(
    int streams,
    int count,
    long timeoutMillis,
    long most,
    @Nullable Slice group,
    @Nullable Slice consumer,
    boolean noAck) {

  /// The keys of a call: the word STREAMS that counts is the one that isn't a name. Whoever asks
  /// how keys are used (COMMAND GETKEYS) hears, as from Redis, what is behind the first such word
  /// that may be it.
  ///
  /// @param first where that can be
  record Keys(int first) implements Command.KeyFinder {
    @Override
    public int find(Args args, int from, int[] out, int @Nullable [] flags) {
      int at = flags == null ? option(args, from) : word(args, from);
      int behind = args.count() - from - at - 1;
      if (at == 0 || behind < 2 || flags == null && behind % 2 != 0) {
        return -1;
      }
      for (int i = 0; i < behind / 2; i++) {
        out[i] = at + 1 + i;
        if (flags != null) {
          flags[i] = Synopsis.RO | Synopsis.ACCESS;
        }
      }
      return behind / 2;
    }

    /// The position of the option STREAMS, 0 if there is none.
    private static int option(Args args, int from) {
      int words = args.count() - from;
      for (int at = 1; at < words; ) {
        Slice word = args.at(from + at);
        if (word.is("STREAMS")) {
          return at;
        } else if (word.is("GROUP")) {
          at += 3;
        } else if (word.is("COUNT") || word.is("BLOCK")) {
          at += 2;
        } else if (word.is("NOACK")) {
          at++;
        } else {
          return 0;
        }
      }
      return 0;
    }

    private int word(Args args, int from) {
      for (int at = first; at < args.count() - from; at++) {
        if (args.at(from + at).is("STREAMS")) {
          return at;
        }
      }
      return 0;
    }
  }

  // ── reading the call ──

  private static StreamReads of(Call call, boolean ofGroup) {
    int streams = 0;
    int count = 0;
    long timeoutMillis = -1;
    long most = 0;
    Slice group = null;
    Slice consumer = null;
    boolean noAck = false;
    Options o = call.options(1);
    while (streams == 0 && o.next()) {
      if (o.is("BLOCK", 1)) {
        if (call.isInScript()) {
          throw new CommandError(
              "ERR " + call.text(0) + " command is not allowed with BLOCK option from scripts");
        }
        timeoutMillis = timeout(call, o.word());
      } else if (o.is("COUNT", 1)) {
        most = Math.max(0, o.integer());
      } else if (o.is("STREAMS", 1)) {
        streams = o.position() + 1;
        count = call.argc() - streams;
        if (count % 2 != 0) {
          throw unbalanced(call, ofGroup);
        }
        count /= 2;
      } else if (o.is("GROUP", 2)) {
        if (!ofGroup) {
          throw onlyOfGroup("GROUP");
        }
        group = o.word();
        consumer = o.word();
      } else if (o.is("NOACK")) {
        if (!ofGroup) {
          throw onlyOfGroup("NOACK");
        }
        noAck = true;
      } else {
        throw CommandError.SYNTAX;
      }
    }
    if (streams == 0) {
      throw CommandError.SYNTAX;
    }
    if (ofGroup && group == null) {
      throw new CommandError("ERR Missing GROUP option for XREADGROUP");
    }
    return new StreamReads(streams, count, timeoutMillis, most, group, consumer, noAck);
  }

  private static long timeout(Call call, Slice word) {
    long millis =
        Call.integer(word, new CommandError("ERR timeout is not an integer or out of range"));
    if (millis < 0) {
      throw new CommandError("ERR timeout is negative");
    }
    if (millis > Long.MAX_VALUE - call.now()) {
      throw new CommandError("ERR timeout is out of range");
    }
    return millis;
  }

  private static CommandError unbalanced(Call call, boolean ofGroup) {
    return new CommandError(
        "ERR Unbalanced '"
            + call.command().name
            + "' list of streams: for each stream key an ID or '"
            + (ofGroup ? '>' : '$')
            + "' must be specified.");
  }

  private static CommandError onlyOfGroup(String option) {
    return new CommandError(
        "ERR The " + option + " option is only supported by XREADGROUP. You called XREAD instead.");
  }

  private static final CommandError DOLLAR_IN_GROUP =
      new CommandError(
          "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history"
              + " of this consumer by specifying a proper ID, or use the > ID to get new messages."
              + " The $ ID would just return an empty result set.");
  private static final CommandError NEW_WITHOUT_GROUP =
      new CommandError(
          "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group>"
              + " <consumer> option.");

  /// The position of the id that belongs to the key at `i`.
  private int idAt(int i) {
    return streams + count + i;
  }

  private Slice key(Call call, int i) {
    return call.arg(streams + i);
  }

  /// Replies with nothing, or waits. `ids` are those behind which something is awaited.
  private void none(Call call, Reply reply, StreamId[] ids) {
    boolean waits =
        timeoutMillis >= 0
            && (group == null
                ? call.park(timeoutMillis, Entry.STREAM, streams, streams + count - 1)
                : call.parkWhileThere(timeoutMillis, Entry.STREAM, streams, streams + count - 1));
    if (!waits) {
      reply.nilArray();
      return;
    }
    for (int i = 0; i < count; i++) {
      if (StreamIds.isSign(call.arg(idAt(i)), '$')) {
        call.restate(idAt(i), ids[i].text()); // what it means now
      }
    }
  }

  private static void begin(Reply reply) {
    if (reply.protocol() == 2) {
      reply.deferArray();
    } else {
      reply.deferMap();
    }
  }

  private static void beginStream(Reply reply, Slice key) {
    if (reply.protocol() == 2) {
      reply.array(2);
    }
    reply.bulk(key);
  }

  // ── XREAD ──

  static void xread(Call call, Reply reply) {
    of(call, false).read(call, reply);
  }

  private void read(Call call, Reply reply) {
    StreamValue values = call.values().streams();
    StreamId[] ids = StreamIds.array(call, count);
    for (int i = 0; i < count; i++) {
      Key key = call.read(streams + i, Entry.STREAM);
      Slice word = call.arg(idAt(i));
      if (StreamIds.isSign(word, '$')) {
        ids[i] = new StreamId();
        if (key.exists()) {
          values.lastId(key.entry(), ids[i]);
        }
      } else if (StreamIds.isSign(word, '>')) {
        throw NEW_WITHOUT_GROUP;
      } else {
        ids[i] = StreamIds.id(word);
      }
      call.done(key);
    }
    long served = 0;
    StreamId last = new StreamId();
    for (int i = 0; i < count; i++) {
      Key key = call.read(streams + i);
      if (key.exists()
          && values.length(key.entry()) > 0
          && values.lastEntryId(key.entry(), last)
          && last.compareTo(ids[i]) > 0) {
        if (served++ == 0) {
          begin(reply);
        }
        beginStream(reply, key.name);
        ids[i].increment();
        long wanted = most == 0 ? -1 : most;
        Streams.writeRange(call, reply, key.entry(), ids[i], last, wanted, false);
      }
      call.done(key);
    }
    if (served > 0) {
      reply.close(served);
    } else {
      none(call, reply, ids);
    }
  }

  // ── XREADGROUP ──

  static void xreadgroup(Call call, Reply reply) {
    StreamReads what = of(call, true);
    if (what.group != null && what.consumer != null) {
      what.read(call, reply, what.group, what.consumer);
    }
  }

  private void read(Call call, Reply reply, Slice group, Slice consumer) {
    StreamId[] ids = StreamIds.array(call, count);
    for (int i = 0; i < count; i++) {
      Key key = call.read(streams + i, Entry.STREAM);
      if (!key.exists() || !call.values().streams().groups().find(key.entry(), group)) {
        throw StreamGroups.noKeyOrGroup(key.name, group, " in XREADGROUP with GROUP option");
      }
      Slice word = call.arg(idAt(i));
      if (StreamIds.isSign(word, '$')) {
        throw DOLLAR_IN_GROUP;
      }
      ids[i] = StreamIds.isSign(word, '>') ? new StreamId().setMost() : StreamIds.id(word);
      call.done(key);
    }
    StreamGroups.checkName(consumer);
    call.noEffect();
    Delivery delivery = new Delivery(call, reply, group, consumer);
    for (int i = 0; i < count && !delivery.lacksMemory; i++) {
      Key key = call.read(streams + i);
      delivery.deliver(key, ids[i]);
      call.done(key);
    }
    if (delivery.served > 0) {
      reply.close(delivery.served);
    } else {
      none(call, reply, ids);
    }
  }

  /// Gives entries to a consumer, of one stream after the other.
  ///
  /// Without memory for more the call ends early, as if it had asked for less; if that is all it
  /// has come to, it fails, and nothing has changed.
  private final class Delivery {
    private final Call call;
    private final Reply reply;
    private final Slice group;
    private final Slice consumer;
    private final StreamValue values;
    private final ConsumerGroups groups;
    private final StreamId last = new StreamId(); // that the group has been given
    private final StreamId id = new StreamId(); // of the entry that is delivered
    private boolean made; // the consumer, in the stream at hand
    private boolean changed; // something that stays
    long served; // streams
    boolean lacksMemory;

    Delivery(Call call, Reply reply, Slice group, Slice consumer) {
      this.call = call;
      this.reply = reply;
      this.group = group;
      this.consumer = consumer;
      values = call.values().streams();
      groups = values.groups();
    }

    /// Delivers what is behind `from` in the stream at `key`; the greatest id asks for what is new.
    void deliver(Key key, StreamId from) {
      made = false;
      boolean isNew = from.isMost();
      try {
        groups.open(key.place, group);
        groups.lastId(last);
        boolean isServed = !isNew || hasNew(key);
        come(key);
        if (isServed) {
          if (served++ == 0) {
            begin(reply);
          }
          beginStream(reply, key.name);
          reply.deferArray();
          reply.close(isNew ? deliverNew(key) : deliverOwn(key, from));
          call.dirty(1);
        }
      } catch (OutOfMemoryError e) {
        endEarly(e);
      }
      if (made) {
        call.dirty(1);
        StreamGroups.createdConsumer(call, key);
        changed = true;
      }
    }

    private boolean hasNew(Key key) {
      return values.length(key.entry()) > 0
          && values.lastEntryId(key.entry(), id)
          && id.compareTo(last) > 0;
    }

    /// The consumer is at hand, and made if need be.
    private void come(Key key) {
      if (!groups.openConsumer(consumer)) {
        groups.createConsumer(consumer, call.now(), ConsumerGroups.NEVER);
        made = true;
        if (noAck) {
          call.effect("XGROUP", "CREATECONSUMER", key.name, group, consumer);
        }
      }
      groups.setSeen(call.now());
    }

    private void endEarly(OutOfMemoryError e) {
      lacksMemory = true;
      if (!changed) {
        if (made && groups.findConsumer(consumer)) {
          groups.deleteConsumer();
        }
        throw e;
      }
    }

    private long deliverNew(Key key) {
      long delivered = 0;
      id.set(last).increment();
      values.seek(key.entry(), id);
      try {
        while (delivered < most || most == 0) {
          if (!values.next()) {
            break;
          }
          id.set(values.id());
          if (!noAck) {
            groups.assign(id, call.now(), 1);
            groups.setActive(call.now());
          }
          changed = true;
          goOn(key);
          Streams.writeEntry(call, reply);
          delivered++;
          if (!noAck) {
            StreamGroups.recordClaim(call, key.name, group, consumer, id, call.now(), 1);
          }
        }
      } catch (OutOfMemoryError e) {
        endEarly(e);
      }
      if (noAck && delivered > 0) {
        StreamGroups.recordLastId(call, key.name, group);
      }
      return delivered;
    }

    /// The group has been given the entry, and those before it.
    private void goOn(Key key) {
      long entry = key.entry();
      long read = groups.entriesRead();
      if (read != ConsumerGroups.UNKNOWN_READ && !values.mayLackFrom(entry, id)) {
        groups.setEntriesRead(read + 1);
      } else if (values.added(entry) > 0) {
        groups.setEntriesRead(values.addedUpTo(entry, id));
      }
      groups.setLastId(id);
    }

    /// Delivers again what is pending at the consumer.
    private long deliverOwn(Key key, StreamId from) {
      long delivered = 0;
      from.increment();
      try {
        boolean more = groups.firstOwn(from);
        while (more && (delivered < most || most == 0)) {
          groups.pendingId(id);
          if (values.find(key.entry(), id)) {
            groups.setDelivery(call.now(), groups.deliveries() + 1);
            changed = true;
            Streams.writeEntry(call, reply);
          } else {
            reply.array(2);
            id.writeTo(reply.writer());
            reply.nilArray();
          }
          delivered++;
          more = groups.nextOwn();
        }
      } catch (OutOfMemoryError e) {
        endEarly(e);
      }
      return delivered;
    }
  }
}
