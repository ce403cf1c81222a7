package dev.spinel.value;

import dev.spinel.memory.Memory;
import java.util.Arrays;

/// Reads one dictionary after the other as they were at the cut: the reading half of a [Walk]. It
/// steps, and knows no thread and no lock; whoever drives it holds the slot's lock where it says
/// so:
///
/// ```
///   walker.enter(header);
///   while (true) {
///     lock the slot;   boolean more = walker.advance();   unlock;
///     walker.emit(visitor);
///     if (!more) break;
///   }
/// ```
///
/// [#advance] copies the words of one page and publishes its range as in flight; [#emit] reads the
/// entries, which nobody changes or frees meanwhile. When the pages are through, the preserved
/// chain is taken and written; then the header is marked as passed.
///
/// **A nested dictionary** is walked in the same way inside, after the table's range in flight has
/// been narrowed to the key's own bits, for it may take a second. Other keys of the page that were
/// removed while they were pinned become preserved; the page is copied again afterwards, from the
/// next hash on.
///
/// **Epochs are 8 bits wide.** An entry older than 100 epochs is restamped while it is in flight,
/// so that none is ever older than 128.
///
/// One per walk; used by one thread, with a [Dictionary] of that thread's seat.
public final class Walker {

  /// Takes the contents of the snapshot. Entries may be read until the call returns, and not be
  /// changed.
  public interface Visitor {
    /// A key with a value of any encoding that isn't nested.
    ///
    /// @param expiry milliseconds since 1970, or -1
    void entry(long entry, long expiry);

    /// A key whose value is a nested dictionary: `count` fields follow, then [#close].
    void open(long entry, long expiry, long count);

    void field(long field);

    void close();
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
  private long[] dropped =
      new long[64]; // kept addresses that nobody needs now: freed outside the lock
  private int drops;

  public Walker(Dictionary dictionary) {
    this.dictionary = dictionary;
    this.memory = dictionary.memory;
    this.walk = dictionary.walk;
    this.table = new Level(walk.table);
    this.nested = new Level(walk.nested);
  }

  /// Begins with a dictionary.
  public void enter(long header) {
    assert walk.active() && !inside && opening == 0;
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

  /// The other half, without the lock.
  public void emit(Visitor visitor) {
    for (int i = 0; i < drops; i++) dictionary.freeKept(dropped[i]);
    drops = 0;
    Visitor to = walk.abandoned() ? SILENCE : visitor;
    if (opened) {
      opened = false;
      to.open(openedEntry, openedExpiry, openedCount);
    }
    if (inside) {
      nested.emitFields(to);
      if (nested.state != Level.PASSED) return;
      inside = false;
      to.close();
      table.finished();
    }
    table.emitEntries(to);
  }

  /// Goes into the nested dictionary of the entry at hand.
  private void open() {
    long entry = opening;
    opening = 0;
    long header = Entry.valueAddress(memory, entry);
    while (memory.getLong(header) == Dictionary.MOVED)
      header = memory.getLong(header + Dictionary.COUNT);
    if (table.state == Level.PAGES) table.narrow();
    boolean kept = memory.getInt(header + Dictionary.CUT_EXPIRY_EPOCH) == walk.epoch();
    openedEntry = entry;
    openedExpiry =
        kept ? memory.getLong(header + Dictionary.CUT_EXPIRY) : Entry.expiry(memory, entry);
    openedCount = dictionary.countAtCut(header);
    opened = true;
    inside = true;
    nested.enter(header);
    nested.advance();
  }

  private void drop(long tagged) {
    if (drops == dropped.length) dropped = Arrays.copyOf(dropped, 2 * drops);
    dropped[drops++] = tagged;
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
    final Traversal.Page page = new Traversal.Page();
    long entered; // a header that the flight has not begun with, 0 = it has
    int state;
    int at; // next word of the page
    long cursor; // where the next page begins
    boolean exhausted; // there is none
    long block; // of the preserved chain, taken over; 0 = at the end
    int blockAt; // next element of it
    long ending; // the element of the chain that is being walked, freed when that is done
    private long[] later = new long[64]; // kept addresses that are freed when the chain is written
    private int laters;

    Level(Walk.Flight flight) {
      this.flight = flight;
    }

    void enter(long header) {
      state = PAGES;
      page.count = 0;
      at = 0;
      cursor = 0;
      exhausted = false;
      block = 0;
      blockAt = 0;
      ending = 0;
      entered = header;
    }

    /// Lock.
    void advance() {
      assert state != PASSED;
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
        block = dictionary.takeChain(flight.header);
        blockAt = 0;
        if (block != 0) return;
      }
      // what was buried since the chain was taken waited for the chain to be written
      long header = flight.header;
      memory.putInt(header + Dictionary.PASSED, walk.epoch());
      for (long b = dictionary.takeChain(header); b != 0; b = freeBlock(b)) {
        int count = memory.getInt(b + 8);
        for (int i = 0; i < count; i++) {
          long tagged = memory.getLong(b + 16 + 8L * i);
          walk.account(-dictionary.weight(tagged));
          drop(tagged);
        }
      }
      flight.end();
      state = PASSED;
    }

    private void after(long last) {
      exhausted = last == -1;
      cursor = last + 1;
    }

    private void unpin() {
      for (int i = 0; i < flight.pinnedWords; i += 2) drop(flight.pinned[i + 1]);
      flight.pinnedWords = 0;
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
      long base = page.first & Tree.prefixMask(page.shift);
      long first = base | (((long) bits << Leaf.ADDRESS_BITS) >>> page.shift);
      long last = known >= 64 ? page.last : first | (-1L >>> known);
      if (page.shift >= Tree.BUCKET_SHIFT) last = page.last;
      if (Long.compareUnsigned(first, flight.first) > 0) flight.first = first;
      flight.last = last;
      after(last);
      int kept = 0;
      for (int i = 0; i < flight.pinnedWords; i += 2) {
        long hash = flight.pinned[i];
        long tagged = flight.pinned[i + 1];
        if (Long.compareUnsigned(hash, last) <= 0) {
          flight.pinned[kept++] = hash;
          flight.pinned[kept++] = tagged;
        } else if ((tagged & Walk.SHELL) != 0 || isCurrent(tagged)) {
          drop(tagged);
        } else {
          dictionary.chain(flight.header, tagged);
        }
      }
      flight.pinnedWords = kept;
    }

    /// No lock. Up to the next nested dictionary, or the end of what is at hand.
    void emitEntries(Visitor to) {
      if (state == PAGES) {
        for (; at < page.count; at++) {
          long entry = Leaf.entry(page.words[at]);
          if (entry == 0 || isCurrent(entry)) continue;
          restamp(entry);
          if (Entry.isNested(Entry.encoding(memory, entry))) {
            opening = entry;
            return;
          }
          assert walk.intact(entry) : "changed without writable";
          to.entry(entry, Entry.expiry(memory, entry));
        }
        return;
      }
      while (block != 0) {
        long tagged = nextKept();
        if (tagged == 0) break;
        if ((tagged & (Walk.SHELL | Walk.DEAD)) != 0) {
          later(tagged);
          continue;
        }
        if (Entry.isNested(Entry.encoding(memory, tagged))) {
          opening = tagged;
          ending = tagged;
          return;
        }
        assert walk.intact(tagged) : "changed without writable";
        to.entry(tagged, Entry.expiry(memory, tagged));
        end(tagged);
      }
      endLater();
    }

    /// Keeps what a frozen sequence may share, until everything in the chain is written.
    private void later(long tagged) {
      if (laters == later.length) later = Arrays.copyOf(later, 2 * laters);
      later[laters++] = tagged;
    }

    private void endLater() {
      for (int i = 0; i < laters; i++) end(later[i]);
      laters = 0;
    }

    /// No lock.
    void emitFields(Visitor to) {
      if (state == PAGES) {
        for (; at < page.count; at++) {
          long entry = Leaf.entry(page.words[at]);
          if (entry == 0 || isCurrent(entry)) continue;
          restamp(entry);
          assert walk.intact(entry) : "changed without writable";
          to.field(entry);
        }
        return;
      }
      while (block != 0) {
        long tagged = nextKept();
        if (tagged == 0) break;
        if ((tagged & (Walk.SHELL | Walk.DEAD)) != 0) {
          later(tagged);
          continue;
        }
        assert walk.intact(tagged) : "changed without writable";
        to.field(tagged);
        end(tagged);
      }
      endLater();
    }

    /// The nested dictionary at hand is done.
    void finished() {
      if (state == PAGES) {
        at++;
      } else {
        end(ending);
        ending = 0;
      }
    }

    private long nextKept() {
      while (block != 0) {
        if (blockAt < memory.getInt(block + 8)) return memory.getLong(block + 16 + 8L * blockAt++);
        block = freeBlock(block);
        blockAt = 0;
      }
      return 0;
    }

    private void end(long tagged) {
      walk.account(-dictionary.weight(tagged));
      dictionary.freeKept(tagged);
    }

    private long freeBlock(long b) {
      long next = memory.getLong(b);
      dictionary.allocator.free(b);
      return next;
    }
  }

  private static final Visitor SILENCE =
      new Visitor() {
        @Override
        public void entry(long entry, long expiry) {}

        @Override
        public void open(long entry, long expiry, long count) {}

        @Override
        public void field(long field) {}

        @Override
        public void close() {}
      };
}
