package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.Entry;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;

/// XINFO: what there is to tell of a stream, its groups and their consumers.
final class StreamInfo {
  private static final long FULL_COUNT = 10;

  private StreamInfo() {}

  private static Key stream(Call call) {
    Key key = call.read(2);
    if (!key.exists()) {
      throw CommandError.NO_SUCH_KEY;
    }
    if (key.type() != Entry.STREAM) {
      throw CommandError.WRONGTYPE;
    }
    return key;
  }

  private static void id(Reply reply, String name, StreamId id) {
    reply.bulk(name);
    id.writeTo(reply.writer());
  }

  private static void number(Reply reply, String name, long value) {
    reply.bulk(name);
    reply.integer(value);
  }

  // ── a stream ──

  static void stream(Call call, Reply reply) {
    long entry = stream(call).entry();
    int options = call.argc() - 3;
    boolean isFull = options > 0;
    long count = FULL_COUNT;
    if (isFull) {
      if (options != 1 && options != 3
          || !call.is(3, "FULL")
          || options == 3 && !call.is(4, "COUNT")) {
        throw Streams.wrongSubcommand(call);
      }
      if (options == 3) {
        count = call.integer(5);
        count = count < 0 ? FULL_COUNT : count;
      }
    }
    StreamValue streams = call.values().streams();
    StreamId id = new StreamId();
    reply.map(isFull ? 9 : 10);
    number(reply, "length", streams.length(entry));
    number(reply, "radix-tree-keys", streams.blocks(entry));
    number(reply, "radix-tree-nodes", streams.radixNodes(entry));
    id(reply, "last-generated-id", streams.lastId(entry, id));
    id(reply, "max-deleted-entry-id", streams.greatestDeletedId(entry, id));
    number(reply, "entries-added", streams.added(entry));
    id(reply, "recorded-first-entry-id", streams.firstId(entry, id));
    if (isFull) {
      full(call, reply, entry, count);
    } else {
      brief(call, reply, entry);
    }
  }

  private static void brief(Call call, Reply reply, long entry) {
    StreamValue streams = call.values().streams();
    number(reply, "groups", streams.groups().count(entry));
    reply.bulk("first-entry");
    streams.seek(entry, new StreamId());
    entryOrNil(call, reply, streams.next());
    reply.bulk("last-entry");
    streams.seekBackwards(entry, new StreamId().setMost());
    entryOrNil(call, reply, streams.previous());
  }

  private static void entryOrNil(Call call, Reply reply, boolean there) {
    if (there) {
      Streams.writeEntry(call, reply);
    } else {
      reply.nil();
    }
  }

  /// @param count how many entries, and how many pending ones of each group and consumer; 0: all
  private static void full(Call call, Reply reply, long entry, long count) {
    long most = count == 0 ? Long.MAX_VALUE : count;
    reply.bulk("entries");
    StreamId first = new StreamId();
    StreamId last = new StreamId().setMost();
    Streams.writeRange(call, reply, entry, first, last, most, false);
    ConsumerGroups groups = call.values().streams().groups();
    reply.bulk("groups");
    reply.array(groups.count(entry));
    for (boolean more = groups.firstGroup(entry); more; more = groups.nextGroup()) {
      reply.map(7);
      reply.bulk("name");
      groups.writeName(reply.writer());
      id(reply, "last-delivered-id", groups.lastId(new StreamId()));
      entriesRead(reply, groups);
      lag(call, reply, entry);
      number(reply, "pel-count", groups.pendingCount());
      reply.bulk("pending");
      pending(reply, groups, most);
      reply.bulk("consumers");
      reply.array(groups.consumerCount());
      for (boolean one = groups.firstConsumer(); one; one = groups.nextConsumer()) {
        consumer(reply, groups, most);
      }
    }
  }

  private static void pending(Reply reply, ConsumerGroups groups, long most) {
    StreamId id = new StreamId();
    reply.array(Math.min(most, groups.pendingCount()));
    long written = 0;
    for (boolean more = groups.firstPending(id); more; more = groups.nextPending()) {
      if (written++ == most) {
        break;
      }
      reply.array(4);
      groups.pendingId(id).writeTo(reply.writer());
      groups.writeOwnerName(reply.writer());
      reply.integer(groups.deliveryTime());
      reply.integer(groups.deliveries());
    }
  }

  private static void consumer(Reply reply, ConsumerGroups groups, long most) {
    reply.map(5);
    reply.bulk("name");
    groups.writeConsumerName(reply.writer());
    number(reply, "seen-time", groups.seen());
    number(reply, "active-time", groups.active());
    number(reply, "pel-count", groups.ownCount());
    reply.bulk("pending");
    StreamId id = new StreamId();
    reply.array(Math.min(most, groups.ownCount()));
    long written = 0;
    for (boolean more = groups.firstOwn(id); more; more = groups.nextOwn()) {
      if (written++ == most) {
        break;
      }
      reply.array(3);
      groups.pendingId(id).writeTo(reply.writer());
      reply.integer(groups.deliveryTime());
      reply.integer(groups.deliveries());
    }
  }

  // ── groups ──

  private static void entriesRead(Reply reply, ConsumerGroups groups) {
    reply.bulk("entries-read");
    long read = groups.entriesRead();
    if (read == ConsumerGroups.UNKNOWN_READ) {
      reply.nil();
    } else {
      reply.integer(read);
    }
  }

  /// How many entries the group at hand hasn't been given yet, nil where that can't be told.
  private static void lag(Call call, Reply reply, long entry) {
    StreamValue streams = call.values().streams();
    ConsumerGroups groups = streams.groups();
    StreamId last = groups.lastId(new StreamId());
    long added = streams.added(entry);
    long read = groups.entriesRead();
    reply.bulk("lag");
    if (added == 0) {
      reply.integer(0);
      return;
    }
    if (read == ConsumerGroups.UNKNOWN_READ || streams.mayLackFrom(entry, last)) {
      read = streams.addedUpTo(entry, last);
    }
    if (read == ConsumerGroups.UNKNOWN_READ) {
      reply.nil();
    } else {
      reply.integer(added - read);
    }
  }

  static void groups(Call call, Reply reply) {
    long entry = stream(call).entry();
    ConsumerGroups groups = call.values().streams().groups();
    reply.array(groups.count(entry));
    for (boolean more = groups.firstGroup(entry); more; more = groups.nextGroup()) {
      reply.map(6);
      reply.bulk("name");
      groups.writeName(reply.writer());
      number(reply, "consumers", groups.consumerCount());
      number(reply, "pending", groups.pendingCount());
      id(reply, "last-delivered-id", groups.lastId(new StreamId()));
      entriesRead(reply, groups);
      lag(call, reply, entry);
    }
  }

  static void consumers(Call call, Reply reply) {
    long entry = stream(call).entry();
    ConsumerGroups groups = call.values().streams().groups();
    if (!groups.find(entry, call.arg(3))) {
      throw StreamGroups.noGroupOfKey(call, 3, 2);
    }
    reply.array(groups.consumerCount());
    for (boolean more = groups.firstConsumer(); more; more = groups.nextConsumer()) {
      reply.map(4);
      reply.bulk("name");
      groups.writeConsumerName(reply.writer());
      number(reply, "pending", groups.ownCount());
      number(reply, "idle", Math.max(0, call.now() - groups.seen()));
      long active = groups.active();
      boolean wasActive = active != ConsumerGroups.NEVER;
      number(reply, "inactive", wasActive ? call.now() - active : active);
    }
  }
}
