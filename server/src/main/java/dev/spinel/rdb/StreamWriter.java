package dev.spinel.rdb;

import dev.spinel.value.ByteRun;
import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import org.jspecify.annotations.Nullable;

/// Writes streams piece by piece, for [ValueWriter], which writes the strings among these:
///
/// ```
///   blocks   (id, listpack)…   length   last id   first id   greatest deleted id   added
///   groups   (name   last id   read   pending   (id time deliveries)…
///             consumers   (name   seen   active   own   id…)…)…
/// ```
///
/// Ids of blocks and of what is pending are 16 bytes, big-endian. *Active* is what version 11
/// added.
///
/// Used by one thread, under the lock or for a walk that holds the stream.
final class StreamWriter {
  /// Ids that are written in one piece.
  private static final int AT_A_TIME = 64;

  private static final int ID_BYTES = 16;

  private enum Part {
    BLOCKS,
    FACTS,
    GROUPS,
    PENDING,
    CONSUMERS,
    OWN,
    DONE
  }

  private final StreamValue streams;
  private final ConsumerGroups groups;
  private final StreamId id = new StreamId();
  private final byte[] idBytes = new byte[ID_BYTES];
  private long entry;
  private boolean withActive;
  private Part part = Part.DONE;
  private boolean begun; // the part: its number is written
  private boolean more; // there is one more of its elements

  StreamWriter(StreamValue streams) {
    this.streams = streams;
    groups = streams.groups();
  }

  /// Turns to a stream.
  ///
  /// @param withActive whether it is written when consumers were active
  void open(long entry, boolean withActive) {
    this.entry = entry;
    this.withActive = withActive;
    begin(Part.BLOCKS);
  }

  private void begin(Part next) {
    part = next;
    begun = false;
  }

  boolean isDone() {
    return part == Part.DONE;
  }

  /// Writes the next piece. Returns a string that is to be written behind it, or null.
  @Nullable ByteRun next(RdbOutput out) {
    return switch (part) {
      case BLOCKS -> nextBlock(out);
      case FACTS -> facts(out);
      case GROUPS -> nextGroup(out);
      case PENDING -> somePending(out);
      case CONSUMERS -> nextConsumer(out);
      case OWN -> someOwn(out);
      case DONE -> throw new AssertionError("all of it is written");
    };
  }

  private @Nullable ByteRun nextBlock(RdbOutput out) {
    if (begun) {
      more = streams.nextBlock();
    } else {
      out.length(streams.blocks(entry));
      more = streams.firstBlock(entry);
      begun = true;
    }
    if (!more) {
      begin(Part.FACTS);
      return null;
    }
    out.length(ID_BYTES);
    raw(out, streams.id());
    return streams.block();
  }

  private void raw(RdbOutput out, StreamId of) {
    RdbOutput.BIG_LONG.set(idBytes, 0, of.ms);
    RdbOutput.BIG_LONG.set(idBytes, 8, of.seq);
    out.bytes(idBytes, 0, ID_BYTES);
  }

  private static void lengths(RdbOutput out, StreamId of) {
    out.length(of.ms);
    out.length(of.seq);
  }

  private @Nullable ByteRun facts(RdbOutput out) {
    out.length(streams.length(entry));
    lengths(out, streams.lastId(entry, id));
    lengths(out, streams.firstId(entry, id));
    lengths(out, streams.greatestDeletedId(entry, id));
    out.length(streams.added(entry));
    begin(Part.GROUPS);
    return null;
  }

  private @Nullable ByteRun nextGroup(RdbOutput out) {
    if (begun) {
      more = groups.nextGroup();
    } else {
      out.length(groups.count(entry));
      more = groups.firstGroup(entry);
      begun = true;
    }
    if (!more) {
      begin(Part.DONE);
      return null;
    }
    begin(Part.PENDING);
    return groups.nameRun();
  }

  private @Nullable ByteRun somePending(RdbOutput out) {
    if (!begun) {
      lengths(out, groups.lastId(id));
      out.length(groups.entriesRead());
      out.length(groups.pendingCount());
      more = groups.firstPending(id.set(0, 0));
      begun = true;
    }
    for (int i = 0; more && i < AT_A_TIME; i++) {
      raw(out, groups.pendingId(id));
      out.int64(groups.deliveryTime());
      out.length(groups.deliveries());
      more = groups.nextPending();
    }
    if (!more) begin(Part.CONSUMERS);
    return null;
  }

  private @Nullable ByteRun nextConsumer(RdbOutput out) {
    if (begun) {
      more = groups.nextConsumer();
    } else {
      out.length(groups.consumerCount());
      more = groups.firstConsumer();
    }
    if (!more) {
      part = Part.GROUPS;
      begun = true;
      return null;
    }
    begin(Part.OWN);
    return groups.consumerNameRun();
  }

  private @Nullable ByteRun someOwn(RdbOutput out) {
    if (!begun) {
      out.int64(groups.seen());
      if (withActive) out.int64(groups.active());
      out.length(groups.ownCount());
      more = groups.firstOwn(id.set(0, 0));
      begun = true;
    }
    for (int i = 0; more && i < AT_A_TIME; i++) {
      raw(out, groups.pendingId(id));
      more = groups.nextOwn();
    }
    if (!more) {
      part = Part.CONSUMERS;
      begun = true;
    }
    return null;
  }
}
