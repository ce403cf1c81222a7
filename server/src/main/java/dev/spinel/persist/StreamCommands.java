package dev.spinel.persist;

import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;

/// Writes a stream as the commands that make it, those of Redis, a piece at a time: XADD for each
/// entry, XSETID, and for each group XGROUP CREATE and XCLAIM for each entry pending at a consumer;
/// XGROUP CREATECONSUMER for one where nothing is. An empty stream is one whose only entry is
/// trimmed at once.
///
/// XCLAIM makes nothing pending whose entry isn't in the stream, and what was delivered may have
/// been deleted since. Redis loses that here. This writer first puts each such entry into the
/// stream, claims it, and trims it away: before the real entries, for ids only ascend.
///
/// Used by the thread that writes the file, for a walk that holds the stream.
final class StreamCommands {
  private static final byte[] NO_BYTES = {};

  private enum Part {
    /// Is anything pending whose entry was deleted?
    SEARCH,
    /// What is.
    DELETED_GROUPS,
    DELETED,
    ENTRIES,
    WORDS,
    TEXT,
    FACTS,
    GROUPS,
    CONSUMERS,
    OWN,
    DONE
  }

  private final StreamValue streams;
  private final ConsumerGroups groups;
  private final CommandBase to;
  private final StreamId id = new StreamId();
  private final byte[] piece = new byte[8 << 10]; // scratch
  private long entry;
  private byte[] key = NO_BYTES;
  private Part part = Part.DONE;
  private boolean begun; // the groups, the consumers of one, or what is pending
  private boolean inGroup; // of SEARCH
  private boolean madeGroups; // before the entries
  private int textAt; // in the word that is being written
  private byte[] group = NO_BYTES; // the name of the group at hand
  private byte[] consumer = NO_BYTES;

  StreamCommands(StreamValue streams, CommandBase to) {
    this.streams = streams;
    groups = streams.groups();
    this.to = to;
  }

  /// Turns to a stream, whose key is `key`.
  void open(long entry, byte[] key) {
    this.entry = entry;
    this.key = key;
    part = Part.SEARCH;
    begun = false;
    inGroup = false;
    madeGroups = false;
  }

  /// Writes the next piece; false if there is none.
  boolean next() {
    switch (part) {
      case SEARCH -> search();
      case DELETED_GROUPS -> nextGroupOfDeleted();
      case DELETED -> nextDeleted();
      case ENTRIES -> nextEntry();
      case WORDS -> nextWord();
      case TEXT -> someText();
      case FACTS -> facts();
      case GROUPS -> nextGroup();
      case CONSUMERS -> nextConsumer();
      case OWN -> nextOwn();
      case DONE -> {
        return false;
      }
    }
    return true;
  }

  // ── what is pending of deleted entries ──

  private boolean toNextGroup() {
    boolean there = begun ? groups.nextGroup() : groups.firstGroup(entry);
    begun = true;
    return there;
  }

  private boolean toNextPending() {
    boolean there = begun ? groups.nextPending() : groups.firstPending(id.set(0, 0));
    begun = true;
    return there;
  }

  private boolean isDeleted() {
    return !streams.find(entry, groups.pendingId(id));
  }

  private void search() {
    if (!inGroup) {
      inGroup = toNextGroup();
      if (!inGroup) {
        beginEntries();
      } else if (!groups.firstPending(id.set(0, 0))) {
        inGroup = false;
      } else {
        foundDeleted();
      }
    } else if (!groups.nextPending()) {
      inGroup = false;
    } else {
      foundDeleted();
    }
  }

  private void foundDeleted() {
    if (isDeleted()) {
      part = Part.DELETED_GROUPS;
      begun = false;
      madeGroups = true;
    }
  }

  private void beginEntries() {
    part = Part.ENTRIES;
    streams.seek(entry, id.set(0, 0));
  }

  private void nextGroupOfDeleted() {
    if (!toNextGroup()) {
      beginEntries();
      return;
    }
    createGroup(true);
    part = Part.DELETED;
    begun = false;
  }

  private void nextDeleted() {
    if (!toNextPending()) {
      to.command(3);
      to.word("XSETID");
      to.word(key);
      to.word("0-0");
      part = Part.DELETED_GROUPS;
      begun = true;
    } else if (isDeleted()) {
      to.command(5);
      to.word("XADD");
      to.word(key);
      to.word(id.text());
      words("x", "y");
      claim(groups.ownerName());
      to.command(4);
      to.word("XTRIM");
      to.word(key);
      words("MAXLEN", "0");
    }
  }

  // ── entries ──

  private void nextEntry() {
    if (!streams.next()) {
      part = Part.FACTS;
      return;
    }
    to.command(3 + 2 * streams.fields());
    to.word("XADD");
    to.word(key);
    to.word(streams.id().text());
    streams.beginWords();
    part = Part.WORDS;
  }

  private void nextWord() {
    if (!streams.nextWord()) {
      part = Part.ENTRIES;
      return;
    }
    to.beginWord(streams.wordLength());
    textAt = 0;
    part = Part.TEXT;
  }

  private void someText() {
    int n = Math.min(piece.length, streams.wordLength() - textAt);
    streams.copyWord(textAt, piece, 0, n);
    to.write(piece, 0, n);
    textAt += n;
    if (textAt == streams.wordLength()) {
      to.endWord();
      part = Part.WORDS;
    }
  }

  private void words(String... words) {
    for (String word : words) {
      to.word(word);
    }
  }

  private void facts() {
    if (streams.length(entry) == 0) {
      to.command(7);
      to.word("XADD");
      to.word(key);
      words("MAXLEN", "0", "0-1", "x", "y");
    }
    to.command(7);
    to.word("XSETID");
    to.word(key);
    to.word(streams.lastId(entry, id).text());
    words("ENTRIESADDED", Long.toString(streams.added(entry)), "MAXDELETEDID");
    to.word(streams.greatestDeletedId(entry, id).text());
    part = Part.GROUPS;
    begun = false;
  }

  // ── groups ──

  private void nextGroup() {
    if (!toNextGroup()) {
      part = Part.DONE;
      return;
    }
    group = groups.name();
    if (!madeGroups) {
      createGroup(false);
    }
    part = Part.CONSUMERS;
    begun = false;
  }

  private void createGroup(boolean makesStream) {
    group = groups.name();
    to.command(makesStream ? 8 : 7);
    words("XGROUP", "CREATE");
    to.word(key);
    to.word(group);
    to.word(groups.lastId(id).text());
    words("ENTRIESREAD", Long.toString(groups.entriesRead()));
    if (makesStream) {
      to.word("MKSTREAM");
    }
  }

  private void nextConsumer() {
    boolean there = begun ? groups.nextConsumer() : groups.firstConsumer();
    begun = true;
    if (!there) {
      part = Part.GROUPS;
      return;
    }
    consumer = groups.consumerName();
    if (groups.ownCount() == 0) {
      to.command(5);
      words("XGROUP", "CREATECONSUMER");
      to.word(key);
      to.word(group);
      to.word(consumer);
      return;
    }
    part = Part.OWN;
    begun = false;
  }

  private void nextOwn() {
    boolean there = begun ? groups.nextOwn() : groups.firstOwn(id.set(0, 0));
    begun = true;
    if (!there) {
      part = Part.CONSUMERS;
      return;
    }
    if (!madeGroups || !isDeleted()) {
      claim(consumer);
    }
  }

  /// Makes what is at hand pending at a consumer.
  private void claim(byte[] at) {
    to.command(12);
    to.word("XCLAIM");
    to.word(key);
    to.word(group);
    to.word(at);
    to.word("0");
    to.word(groups.pendingId(id).text());
    words("TIME", Long.toString(groups.deliveryTime()));
    words("RETRYCOUNT", Long.toString(groups.deliveries()), "JUSTID", "FORCE");
  }
}
