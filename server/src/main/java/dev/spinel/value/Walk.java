package dev.spinel.value;

import dev.spinel.memory.Memory;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// The state of *the* snapshot, shared by all seats: an epoch, and a cursor in the order of the
/// hash.
///
/// The **cut** ([#begin], in a stopped world) increments the epoch. Entries made later carry the
/// new epoch and do not belong to the snapshot. A [Walker] then goes through every dictionary from
/// hash 0 to the last, a page at a time. A page whose words it has copied is *in flight*: the
/// walker reads its entries without the lock. Until then a writer *keeps* what it replaces. The
/// whole rule, for an entry with hash `h` that leaves its dictionary (or is about to be changed in
/// place: then a copy takes its place first), is [#fate]:
///
/// ```
///   no walk, or the dictionary is passed             FREE       the writer frees it
///   h before the range in flight                     FREE       already written
///   h in the range in flight, whatever its age       PINNED     the walker may be reading it: freed when it moves on
///   h beyond it, born after the cut                  FREE       not part of the snapshot
///   h beyond it, older                               PRESERVED  written at the end of this dictionary, then freed
/// ```
///
/// There is one walk at a time, and it is in at most two dictionaries: a slot's table and one
/// nested dictionary in it. Each has a [Flight]. A dictionary's header says which epoch's walk has
/// *passed* it; a header made after the cut counts as passed from the start. Splits, merges and
/// growth of pages need no rule, for ranges are of hashes, not of pages.
///
/// **If there is no memory to keep something**, the write isn't refused, since it has happened
/// already, and no wrong snapshot is written: the snapshot is *spoilt* ([#spoilt]), and its walk
/// goes on without a sink. An entry that can't be chained is a *stray*, freed when the walk has
/// ended.
///
/// **Threads.** `epoch` and `active` change in a stopped world. A flight changes under the lock of
/// the slot that it is in. `preserved` is atomic, strays have their own monitor.
public final class Walk {
  static final int FREE = 0;
  static final int PINNED = 1;
  static final int PRESERVED = 2;

  final Flight table = new Flight();
  final Flight nested = new Flight();
  final BeforeImages before;
  private static final long SLACK_BYTES = 64 << 10; // what one plain entry may be beyond the budget

  private final AtomicLong preservedBytes = new AtomicLong();
  private final Memory memory;
  private volatile long peakBytes; // of preservedBytes; racy, for statistics
  private int epoch = 1; // stopped world
  private boolean active; // stopped world
  private long budgetBytes = Long.MAX_VALUE; // stopped world
  private volatile boolean abandoned;
  private volatile @Nullable Throwable spoilt;
  private long[] strays = new long[16]; // this object's monitor
  private int strayCount; // this object's monitor

  /// Checksums by entry; only with assertions.
  private final ConcurrentHashMap<Long, Long> seals = new ConcurrentHashMap<>();

  public Walk(Memory memory) {
    this.memory = memory;
    this.before = new BeforeImages(memory, this);
  }

  /// The cut. Stopped world; no walk may be active.
  public void begin() {
    assert !active : "one walk at a time";
    assert preservedBytes.get() == 0;
    epoch++;
    abandoned = false;
    spoilt = null;
    active = true;
  }

  /// The walk has been through every dictionary, and what was kept for it is freed. Stopped world.
  void finish() {
    assert active;
    assert table.header == 0 && nested.header == 0;
    active = false;
    preservedBytes.set(0); // as it is, unless something was lost for lack of memory
    seals.clear();
  }

  /// The snapshot isn't wanted any more. The walk goes on, for the sake of what was kept and of the
  /// epochs of what is old, but writes nothing; it is a matter of milliseconds per million keys.
  /// Any thread.
  public void abandon() {
    abandoned = true;
  }

  public boolean abandoned() {
    return abandoned;
  }

  /// Something that the walk needs could not be kept: as [#abandon]. Any thread.
  private void spoil(Throwable why) {
    if (spoilt == null) spoilt = why;
    abandon();
  }

  /// Why the snapshot can't be right, null if it can. Good until the next one begins.
  public @Nullable Throwable spoilt() {
    return spoilt;
  }

  /// Takes over a kept address that finds no memory elsewhere. Slot lock.
  synchronized void stray(long tagged, OutOfMemoryError why) {
    spoil(why);
    try {
      if (strayCount == strays.length) strays = Arrays.copyOf(strays, 2 * strayCount);
      strays[strayCount++] = tagged;
    } catch (OutOfMemoryError e) {
      // neither memory has room: the node is lost, the data is not
    }
  }

  /// One of the strays, 0 if there is none left. When nobody reads what was kept any more.
  synchronized long takeStray() {
    return strayCount == 0 ? 0 : strays[--strayCount];
  }

  public boolean active() {
    return active;
  }

  /// Number of the current epoch: how many cuts there were, plus 1.
  public int epoch() {
    return epoch;
  }

  /// Bytes that exist only for the walk.
  public long preservedBytes() {
    return preservedBytes.get();
  }

  /// How much of that is too much. Stopped world.
  public void budget(long bytes) {
    budgetBytes = bytes;
  }

  /// Whether writers are to be slowed: they ask before they lock.
  public boolean overBudget() {
    return active && preservedBytes.get() > budgetBytes;
  }

  /// Whether so many bytes more are within the budget, or nearly so.
  public boolean mayKeep(long bytes) {
    return bytes == 0 || preservedBytes.get() + bytes - SLACK_BYTES <= budgetBytes;
  }

  /// The most that existed for the walk under way, or for the last one.
  public long peakBytes() {
    return peakBytes;
  }

  /// The next walk is that of another snapshot, which may fail before it begins.
  public void forgetPeak() {
    peakBytes = 0;
  }

  void account(long bytes) {
    long now = preservedBytes.addAndGet(bytes);
    if (now > peakBytes) peakBytes = now;
  }

  /// What happens to an entry of the dictionary at `header` that leaves it or is to be changed.
  /// Slot lock.
  int fate(long header, long hash, long entry) {
    if (!active || Dictionary.passed(memory, header) == epoch) return FREE;
    Flight flight = flight(header);
    if (flight != null) {
      if (flight.done || Long.compareUnsigned(hash, flight.first) < 0) return FREE;
      if (Long.compareUnsigned(hash, flight.last) <= 0) return PINNED;
    }
    return Entry.epoch(memory, entry) == (epoch & 0xff) ? FREE : PRESERVED;
  }

  /// With assertions on: notes what an entry that the walk still needs looks like, since somebody
  /// is about to use it. Slot lock.
  boolean seal(long header, long hash, long entry) {
    if (active && isPlain(entry) && fate(header, hash, entry) != FREE) {
      seals.putIfAbsent(entry, checksum(entry));
    }
    return true;
  }

  /// With assertions on: whether an entry looks as it did when it was first used after the cut. If
  /// not, somebody wrote to it without [Dictionary#writable].
  boolean intact(long entry) {
    Long seal = seals.remove(entry);
    return seal == null || seal == checksum(entry);
  }

  /// What was noted in a dictionary that is walked again from its beginning may be of entries that
  /// the walker had left behind, which anybody could change since. Stopped world.
  void forgetSeals() {
    seals.clear();
  }

  private boolean isPlain(long entry) {
    int encoding = Entry.encoding(memory, entry);
    return !Entry.isNested(encoding) && !Entry.isForked(encoding);
  }

  /// Of all bytes but those of epoch and access.
  private long checksum(long entry) {
    long end = Entry.valueAddress(memory, entry) + Entry.valueLength(memory, entry);
    long sum = memory.getLong(entry) & 0x000000ffffff00ffL;
    long at = entry + 8;
    for (; at <= end - 8; at += 8) sum = sum * 0x9e3779b97f4a7c15L + memory.getLong(at);
    for (; at < end; at++) sum = sum * 31 + memory.getByte(at);
    return sum;
  }

  /// The flight that is in the dictionary at `header`, or null. A flight in another slot may change
  /// while this reads it, but never from or to this header, whose slot is locked.
  @Nullable Flight flight(long header) {
    if (table.header == header) return table;
    if (nested.header == header) return nested;
    return null;
  }

  /// Keeps an entry whose fate is [#PINNED]. Returns false if there is no memory for that. Slot
  /// lock.
  boolean pin(long header, long hash, long tagged) {
    Flight flight = flight(header);
    try {
      Objects.requireNonNull(flight).pin(hash, tagged);
      return true;
    } catch (OutOfMemoryError e) {
      spoil(e);
      return false;
    }
  }

  /// Where the walker is in one dictionary: the hashes in flight, and what writers have pinned
  /// there. Belongs to the lock of the slot.
  static final class Flight {
    /// The dictionary, 0 = none.
    long header;

    /// First and last hash in flight, unsigned. Before the first: written.
    long first;

    long last;

    /// All of the index is written; what is left is the preserved chain.
    boolean done;

    /// Pairs of hash and entry; [#SHELL] in the entry: to be freed alone.
    long[] pinned = new long[16];

    int pinnedWords;

    void begin(long header) {
      assert this.header == 0 && pinnedWords == 0;
      this.header = header;
      done = false;
    }

    void end() {
      assert pinnedWords == 0;
      header = 0;
    }

    void pin(long hash, long entry) {
      if (pinnedWords == pinned.length) pinned = Arrays.copyOf(pinned, 2 * pinned.length);
      pinned[pinnedWords++] = hash;
      pinned[pinnedWords++] = entry;
    }
  }

  /// Marks a kept address whose node is to be freed without what it owns, or, in a preserved chain,
  /// without being written: nodes are aligned to 8.
  static final long SHELL = 1;

  /// Marks an entry in a preserved chain that is released, but not written.
  static final long DEAD = 2;

  static final long ADDRESS = -8;
}
