package dev.spinel.value;

import dev.spinel.memory.Memory;

/// Reads one dictionary after the other as they were at the cut: the reading half of a [Walk]. It
/// steps, and knows no thread and no lock; the thread that drives it holds the slot's lock where it
/// says so:
///
/// ```
///   walker.enter(header);
///   while (true) {
///     lock the slot;   boolean more = walker.advance();   unlock;
///     while (walker.emit(visitor)) …   the seat may be left here
///     if (!more) break;
///   }
/// ```
///
/// [#advance] copies the words of one page and publishes its range as in flight; [#emit] reads the
/// entries, which nobody changes or frees meanwhile. When the pages are through, the preserved
/// chain is taken and written; then the header is marked as passed.
///
/// **A value may be read in pieces** ([Visitor#more]): what is in flight stays in flight, and what
/// is in the chain stays in it, until the visitor has all of it. A writer that changes the value in
/// between changes a copy, as always.
///
/// **A nested dictionary** is walked in the same way inside, after the table's range in flight has
/// been narrowed to the key's own bits, for it may take a second. Other keys of the page that were
/// removed while they were pinned become preserved; the page is copied again afterwards, from the
/// next hash on.
///
/// **Failures.** A step allocates nothing, so it can't fail for lack of memory. Whatever else may
/// happen in one: [#giveUp] frees what is at hand, the walk is abandoned, and the walker may
/// [#enter] the same dictionary again, silently, so that everything that was kept is freed by the
/// one code that can.
///
/// **Epochs are 8 bits wide.** An entry older than 100 epochs is restamped while it is in flight,
/// so that none is ever older than 128.
///
/// One per walk; used by one thread, with a [Dictionary] of that thread's seat.
public final class Walker {

  /// Takes the contents of the snapshot. Entries may be read until the call returns, and not be
  /// changed; that of [#entry] or [#field] also in the calls of [#more] that follow.
  public interface Visitor {
    /// A key with a value of any encoding that isn't nested.
    ///
    /// @param expiry milliseconds since 1970, or -1
    void entry(long entry, long expiry);

    /// A key whose value is a nested dictionary: `count` fields follow, then [#close].
    ///
    /// @param isTimed whether some of them expire
    void open(long entry, long expiry, long count, boolean isTimed);

    void field(long field);

    void close();

    /// Called after [#entry] and [#field], and again as long as it returns true: there is more to
    /// be done with that entry, or before the next one. The driver may leave its seat in between.
    default boolean more() {
      return false;
    }
  }

  private static final int RESTAMP_AGE = 100;

  private final Dictionary dictionary;
  private final Memory memory;
  private final Walk walk;
  private final Level table;
  private final Level nested;
  private boolean inside; // the nested level is at work
  private long
      opening; // entry of a nested dictionary that is to be opened under the lock, 0 = none
  private boolean opened; // it was, and the visitor doesn't know yet
  private long openedEntry;
  private long openedExpiry;
  private long openedCount;
  private boolean openedTimed;

  public Walker(Dictionary dictionary) {
    this.dictionary = dictionary;
    this.memory = dictionary.memory;
    this.walk = dictionary.walk;
    this.table = new Level(walk.table, false);
    this.nested = new Level(walk.nested, true);
  }

  /// Begins with a dictionary.
  public void enter(long header) {
    assert walk.active() && !inside && opening == 0 && !opened;
    table.enter(header);
  }

  /// Half a step, under the lock of the dictionary's slot. False: this was the last, one [#emit]
  /// remains.
  public boolean advance() {
    if (opening != 0) {
      open();
    } else if (inside) {
      nested.advance();
    } else {
      table.advance();
    }
    return table.state != Level.PASSED;
  }

  /// The other half, without the lock. True: the visitor isn't done with the entry at hand, and
  /// this is to be called again before [#advance].
  public boolean emit(Visitor visitor) {
    nested.freeUnpinned();
    table.freeUnpinned();
    Visitor to = walk.abandoned() ? SILENCE : visitor;
    if (opened) {
      opened = false;
      to.open(openedEntry, openedExpiry, openedCount, openedTimed);
    }
    if (inside) {
      if (nested.emit(to)) return true;
      if (nested.state != Level.PASSED) return false;
      inside = false;
      to.close();
      table.finished();
    }
    return table.emit(to);
  }

  /// A step has failed: frees what it had at hand, and leaves the dictionary, which isn't passed.
  /// Stopped world; the walk is abandoned. If this fails in turn it may be called again: nothing is
  /// freed twice.
  public void giveUp() {
    assert walk.abandoned();
    walk.forgetSeals();
    opening = 0;
    opened = false;
    inside = false;
    nested.giveUp();
    table.giveUp();
  }

  /// The walk has been everywhere: it ends. Stopped world.
  public void finish() {
    for (long stray = walk.takeStray(); stray != 0; stray = walk.takeStray())
      dictionary.freeKept(stray);
    walk.before.dropAll(dictionary.allocator);
    walk.finish();
  }

  /// Goes into the nested dictionary of the entry at hand.
  private void open() {
    long entry = opening;
    opening = 0;
    long header = Entry.valueAddress(memory, entry);
    while (memory.getLong(header) == Dictionary.MOVED)
      header = memory.getLong(header + Dictionary.COUNT);
    if (Dictionary.passed(memory, header) == walk.epoch()) { // before this table was given up
      table.finished();
      return;
    }
    if (table.state == Level.PAGES) table.narrow();
    boolean kept = memory.getInt(header + Dictionary.CUT_EXPIRY_EPOCH) == walk.epoch();
    openedEntry = entry;
    openedExpiry =
        kept ? memory.getLong(header + Dictionary.CUT_EXPIRY) : Entry.expiry(memory, entry);
    openedCount = dictionary.countAtCut(header);
    openedTimed = dictionary.timedAtCut(header);
    opened = true;
    inside = true;
    nested.enter(header);
    nested.advance();
  }

  private boolean isCurrent(long entry) {
    return Entry.epoch(memory, entry) == (walk.epoch() & 0xff);
  }

  private void restamp(long entry) {
    if (((walk.epoch() - Entry.epoch(memory, entry)) & 0xff) > RESTAMP_AGE)
      Entry.epoch(memory, entry, walk.epoch() - 1);
  }

  /// The walker in one dictionary.
  private final class Level {
    static final int PAGES = 0;
    static final int CHAIN = 1;
    static final int PASSED = 2;

    final Walk.Flight flight;
    final boolean isNested;
    final Traversal.Page page = new Traversal.Page();
    long entered; // a header that the flight has not begun with, 0 = it has
    int state;
    int at; // next word of the page
    boolean showing; // the entry at hand, which the visitor isn't done with
    long cursor; // where the next page begins
    boolean exhausted; // there is none
    long chain; // first block of the preserved chain, taken over; 0 = none
    long block; // that is being written, 0 = none
    int blockAt; // next element of it
    long ending; // the element of the chain that is being walked, freed when that is done
    long[] unpinned = new long[16]; // as Flight's pinned: freed outside the lock
    int unpinnedWords;

    Level(Walk.Flight flight, boolean isNested) {
      this.flight = flight;
      this.isNested = isNested;
    }

    void enter(long header) {
      state = PAGES;
      page.count = 0;
      at = 0;
      showing = false;
      cursor = 0;
      exhausted = false;
      assert chain == 0;
      block = 0;
      ending = 0;
      entered = header;
    }

    /// Lock.
    void advance() {
      assert state != PASSED && !showing;
      if (entered != 0) {
        flight.begin(entered);
        entered = 0;
      }
      if (state == PAGES) {
        unpin();
        if (!exhausted) {
          dictionary.copyPage(flight.header, cursor, page);
          at = 0;
          flight.first = page.first;
          flight.last = page.last;
          after(page.last);
          return;
        }
        state = CHAIN;
        flight.done = true;
        chain = dictionary.takeChain(flight.header);
        block = chain;
        blockAt = 0;
        if (chain != 0) return;
      }
      // what was buried since the chain was taken waited for the chain to be written
      long header = flight.header;
      memory.putInt(header + Dictionary.PASSED, walk.epoch());
      walk.before.drop(dictionary.allocator, header);
      chain = dictionary.takeChain(header);
      flight.end();
      state = PASSED;
    }

    private void after(long last) {
      exhausted = last == -1;
      cursor = last + 1;
    }

    private void unpin() {
      assert unpinnedWords == 0;
      long[] empty = unpinned;
      unpinned = flight.pinned;
      unpinnedWords = flight.pinnedWords;
      flight.pinned = empty;
      flight.pinnedWords = 0;
    }

    /// No lock.
    void freeUnpinned() {
      while (unpinnedWords > 0) {
        unpinnedWords -= 2;
        dictionary.freeKept(unpinned[unpinnedWords + 1]);
      }
    }

    void giveUp() {
      freeUnpinned();
      unpin();
      freeUnpinned();
      freeChain();
      showing = false;
      flight.header = 0;
      entered = 0;
      state = PASSED;
    }

    /// Lock. Only what has the same stored bits as the word at hand stays in flight; the page is
    /// cut off behind that.
    void narrow() {
      int bits = Leaf.bits(page.words[at]);
      int end = at + 1;
      while (end < page.count && (page.words[end] == 0 || Leaf.bits(page.words[end]) == bits))
        end++;
      page.count = end;
      int known = page.shift + Leaf.HASH_BITS;
      long base = page.first & HashTree.prefixMask(page.shift);
      long first = base | (((long) bits << Leaf.ADDRESS_BITS) >>> page.shift);
      long last = known >= 64 ? page.last : first | (-1L >>> known);
      if (page.shift >= HashTree.BUCKET_SHIFT) last = page.last;
      if (Long.compareUnsigned(first, flight.first) > 0) flight.first = first;
      flight.last = last;
      after(last);
      int kept = 0;
      for (int i = 0; i < flight.pinnedWords; i += 2) {
        long hash = flight.pinned[i];
        long tagged = flight.pinned[i + 1];
        if (Long.compareUnsigned(hash, last) <= 0
            || (tagged & Walk.SHELL) != 0
            || isCurrent(tagged)) {
          flight.pinned[kept++] = hash;
          flight.pinned[kept++] = tagged;
        } else {
          dictionary.chain(flight.header, tagged);
        }
      }
      flight.pinnedWords = kept;
    }

    /// No lock. Up to the next nested dictionary, or the end of what is at hand; true if the
    /// visitor isn't done with an entry before.
    boolean emit(Visitor to) {
      if (state == PAGES) {
        for (; at < page.count; at++) {
          long entry = Leaf.entry(page.words[at]);
          if (!showing) {
            if (entry == 0 || isCurrent(entry)) continue;
            restamp(entry);
            if (Entry.isNested(Entry.encoding(memory, entry))) {
              opening = entry;
              return false;
            }
          }
          if (show(to, entry)) return true;
        }
        return false;
      }
      for (long tagged = showing ? kept() : nextKept(); tagged != 0; tagged = nextKept()) {
        if (Entry.isNested(Entry.encoding(memory, tagged))) {
          opening = tagged;
          ending = tagged;
          return false;
        }
        if (show(to, tagged)) return true;
        written(tagged);
      }
      freeChain();
      return false;
    }

    /// Shows the visitor an entry, or lets it go on with it. Returns whether it isn't done yet.
    private boolean show(Visitor to, long entry) {
      assert walk.intact(entry) : "changed without writable";
      if (!showing) {
        if (isNested) to.field(entry);
        else to.entry(entry, Entry.expiry(memory, entry));
      }
      showing = to.more();
      return showing;
    }

    /// The nested dictionary at hand is done.
    void finished() {
      if (state == PAGES) {
        at++;
      } else {
        written(ending);
        ending = 0;
      }
    }

    /// The next entry of the chain that is to be written, 0 at the end.
    private long nextKept() {
      for (; block != 0; block = memory.getLong(block), blockAt = 0) {
        int count = memory.getInt(block + 8);
        while (blockAt < count) {
          long tagged = memory.getLong(block + 16 + 8L * blockAt++);
          if ((tagged & (Walk.SHELL | Walk.DEAD)) == 0) return tagged;
        }
      }
      return 0;
    }

    /// What [#nextKept] gave.
    private long kept() {
      return memory.getLong(block + 16 + 8L * (blockAt - 1));
    }

    /// Frees the entry that [#nextKept] gave, and strikes it out.
    private void written(long tagged) {
      memory.putLong(block + 16 + 8L * (blockAt - 1), 0);
      end(tagged);
    }

    /// Frees the chain, with all that isn't struck out: what a frozen sequence may share waits
    /// until everything is written. Whatever is freed is forgotten first.
    private void freeChain() {
      while (chain != 0) {
        for (int left = memory.getInt(chain + 8); left > 0; ) {
          memory.putInt(chain + 8, --left);
          long tagged = memory.getLong(chain + 16 + 8L * left);
          if (tagged != 0) end(tagged);
        }
        long freed = chain;
        chain = memory.getLong(freed);
        dictionary.allocator.free(freed);
      }
    }

    private void end(long tagged) {
      walk.account(-dictionary.weight(tagged));
      dictionary.freeKept(tagged);
    }
  }

  private static final Visitor SILENCE =
      new Visitor() {
        @Override
        public void entry(long entry, long expiry) {}

        @Override
        public void open(long entry, long expiry, long count, boolean isTimed) {}

        @Override
        public void field(long field) {}

        @Override
        public void close() {}
      };
}
