package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;

/// The groups of a stream, their consumers, and what was delivered to them and not acknowledged.
///
/// ```
///   stream ──► groups, by name ──► group     [epoch 4][length 4][last id 16][entries read 8]
///                                            [pending 16][consumers 16][numbers 16][next number 8][name]
///
///   pending     id ──► [time 8][deliveries 8][number of the consumer 8]       all that is pending
///   consumers   name ──┐
///   numbers     number ┴──► consumer         [epoch 4][length 4][number 8][seen 8][active 8]
///                                            [own 16][name]
///   own         id                                                            what is pending there
/// ```
///
/// All of these are [OrderedTree]s, whose roots stand in the node above. What is pending has one
/// truth, the cell in its group's tree; a consumer's own tree says which of them are its. It is
/// referred to by number there, for nodes move: when it becomes writable for a walk's sake, and in
/// the evacuation. Names are in the order of their bytes, as in Redis.
///
/// **At hand.** [#find] and [#firstGroup] bring a group to hand, [#findConsumer] and
/// [#firstConsumer] one of its consumers, [#findPending] and [#firstPending] an entry that is
/// pending. To change one, it is *opened*: [#open], [#openConsumer]. What is at hand stays so until
/// the next verb that brings another one, or changes the stream through another object.
///
/// A change takes what memory it needs first: nodes that a walk reads are copied, room is made,
/// then cells are put and taken away. Whichever fails, the groups are as they were.
///
/// One per seat; the slot's lock is held, or the stream is a walk's to read.
public final class ConsumerGroups {
  /// The longest name of a group or a consumer: it is in one node with the rest.
  public static final int MAX_NAME = Allocator.MAX_RUN - 256;

  /// The number of entries read is not known.
  public static final long UNKNOWN_READ = -1;

  /// A consumer that hasn't read or claimed anything.
  public static final long NEVER = -1;

  static final int PENDING_BYTES = 40;

  private static final int EPOCH = 0;
  private static final int NAME_LENGTH = 4;

  // of a group
  private static final int LAST_MS = 8;
  private static final int LAST_SEQ = 16;
  private static final int READ = 24;
  static final int PENDING = 32;
  static final int CONSUMERS = 48;
  static final int NUMBERS = 64;
  private static final int NEXT_NUMBER = 80;
  static final int GROUP_BYTES = 88;

  // of a consumer
  static final int NUMBER = 8;
  private static final int SEEN = 16;
  private static final int ACTIVE = 24;
  static final int OWN = 32;
  static final int CONSUMER_BYTES = 48;

  // of a cell of what is pending
  private static final int TIME = 16;
  private static final int DELIVERIES = 24;
  private static final int OWNER = 32;

  /// Nobody's, while a file is read.
  private static final long NOBODY = -1;

  private final Memory m;
  private final Allocator allocator;
  private final Dictionary dictionary;
  private final Sharing sharing;
  private final OrderedTree groups;
  private final OrderedTree consumers;
  private final OrderedTree numbers;
  private final OrderedTree pending;
  private final OrderedTree own;
  private final OrderedTree theirs; // another consumer's
  private final StreamBlocks.BySeq bySeq = new StreamBlocks.BySeq();
  private final ByName byName;

  /// There are no two words of one number.
  private static final OrderedTree.Ties ONLY = word -> 0;

  private long group; // at hand, 0: none
  private long consumer; // at hand, 0: none

  /// Orders nodes by their names, beside the bytes of one, where the first eight are equal.
  private static final class ByName implements OrderedTree.Ties {
    private final Memory m;
    private byte[] bytes = new byte[0];
    private int from;
    private int length;
    private int offset; // of the name in its node

    ByName(Memory m) {
      this.m = m;
    }

    ByName of(Slice name, int offset) {
      bytes = name.array;
      from = name.offset;
      length = name.length;
      this.offset = offset;
      return this;
    }

    @Override
    public int compare(long node) {
      return m.compare(node + offset, m.getInt(node + NAME_LENGTH), bytes, from, length);
    }
  }

  ConsumerGroups(Memory m, Allocator allocator, Dictionary dictionary, Sharing sharing) {
    this.m = m;
    this.allocator = allocator;
    this.dictionary = dictionary;
    this.sharing = sharing;
    byName = new ByName(m);
    groups = tree(OrderedTree.PLAIN_CELL);
    consumers = tree(OrderedTree.PLAIN_CELL);
    numbers = tree(OrderedTree.PLAIN_CELL);
    pending = tree(PENDING_BYTES);
    own = tree(OrderedTree.PLAIN_CELL);
    theirs = tree(OrderedTree.PLAIN_CELL);
  }

  private OrderedTree tree(int leafBytes) {
    return new OrderedTree(m, allocator, leafBytes, sharing);
  }

  /// The first eight bytes of a name, in their order.
  private static long key(Slice name) {
    long key = 0;
    for (int i = 0; i < 8; i++) key = key << 8 | (i < name.length ? name.byteAt(i) : 0);
    return key ^ Long.MIN_VALUE;
  }

  private static long root(Memory m, long entry) {
    return StreamValue.groupsRoot(m, entry);
  }

  private boolean seekGroup(long root, Slice name) {
    return groups.seek(root, key(name), byName.of(name, GROUP_BYTES));
  }

  private boolean seekConsumer(Slice name) {
    return consumers.seek(group + CONSUMERS, key(name), byName.of(name, CONSUMER_BYTES));
  }

  /// Goes to the consumer of that number, or to where it belongs.
  private void seekNumber(long number) {
    numbers.seek(group + NUMBERS, number, ONLY);
  }

  /// A node with this name at `offset`, of the current epoch; not in any tree yet.
  private long node(Slice name, int offset) {
    long node = allocator.allocate(offset + name.length);
    m.putInt(node + EPOCH, sharing.epoch);
    m.putInt(node + NAME_LENGTH, name.length);
    m.copyIn(name.array, name.offset, node + offset, name.length);
    return node;
  }

  /// A copy, of the current epoch, of a node with a name at `offset`.
  private long copyOf(long node, int offset) {
    int bytes = offset + m.getInt(node + NAME_LENGTH);
    long copy = allocator.allocate(bytes);
    m.copy(node, copy, bytes);
    m.putInt(copy + EPOCH, sharing.epoch);
    return copy;
  }

  private void release(long node) {
    sharing.release(node, m.getInt(node + EPOCH));
  }

  // ── groups ──

  /// How many groups a stream has.
  public long count(long entry) {
    return groups.count(root(m, entry));
  }

  /// Another group, or none (0), is at hand; and none of its consumers yet: the one before may be
  /// of another stream, or freed.
  private void atHand(long other) {
    group = other;
    consumer = 0;
  }

  /// Brings a group to hand, to be read; false if there is none of that name.
  public boolean find(long entry, Slice name) {
    boolean there = seekGroup(root(m, entry), name);
    atHand(there ? groups.word() : 0);
    return there;
  }

  /// Brings a group to hand, to be changed; false if there is none of that name.
  public boolean open(Place p, Slice name) {
    if (!find(dictionary.entry(p), name)) return false;
    long entry = dictionary.writable(p);
    sharing.open(p.header);
    seekGroup(root(m, entry), name);
    groups.unshare();
    atHand(groups.word());
    if (sharing.isOld(m.getInt(group + EPOCH))) {
      long copy = copyOf(group, GROUP_BYTES);
      groups.replace(copy);
      sharing.orphan(group);
      atHand(copy);
    }
    return true;
  }

  /// Makes a group, and brings it to hand to be changed; false if there is one of that name.
  public boolean create(Place p, Slice name, long lastMs, long lastSeq, long entriesRead) {
    if (find(dictionary.entry(p), name)) return false;
    long entry = dictionary.writable(p);
    sharing.open(p.header);
    insertGroup(root(m, entry), name, lastMs, lastSeq, entriesRead);
    return true;
  }

  private void insertGroup(long root, Slice name, long lastMs, long lastSeq, long entriesRead) {
    seekGroup(root, name);
    groups.reserve();
    atHand(node(name, GROUP_BYTES));
    m.putLong(group + LAST_MS, lastMs);
    m.putLong(group + LAST_SEQ, lastSeq);
    m.putLong(group + READ, entriesRead);
    m.putLong(group + NEXT_NUMBER, 0);
    pending.init(group + PENDING);
    consumers.init(group + CONSUMERS);
    numbers.init(group + NUMBERS);
    groups.insert(key(name), group);
  }

  /// Deletes a group with all that is in it; false if there is none of that name.
  public boolean destroy(Place p, Slice name) {
    if (!find(dictionary.entry(p), name)) return false;
    long entry = dictionary.writable(p);
    sharing.open(p.header);
    seekGroup(root(m, entry), name);
    groups.unshare();
    long gone = groups.word();
    groups.remove(1);
    atHand(0);
    releaseGroup(gone, Dictionary.AT_ONCE);
    return true;
  }

  private void releaseGroup(long gone, Runnable between) {
    pending.release(gone + PENDING, cell -> {}, between);
    numbers.release(gone + NUMBERS, cell -> {}, between);
    consumers.release(
        gone + CONSUMERS,
        cell -> {
          long node = m.getLong(cell + 8);
          own.release(node + OWN, c -> {}, between);
          release(node);
        },
        between);
    release(gone);
  }

  /// Brings the first group to hand, to be read; false if there is none.
  public boolean firstGroup(long entry) {
    boolean there = groups.seekFirst(root(m, entry));
    atHand(there ? groups.word() : 0);
    return there;
  }

  /// Goes on to the next group, in the order of their names; false if there is none.
  public boolean nextGroup() {
    boolean there = groups.next();
    atHand(there ? groups.word() : 0);
    return there;
  }

  public byte[] name() {
    return name(group, GROUP_BYTES);
  }

  /// The bytes of the name.
  public ByteRun nameRun() {
    return nameRun(group, GROUP_BYTES);
  }

  private ByteRun nameRun(long node, int offset) {
    long address = node + offset;
    return ByteRun.of(
        m.getInt(node + NAME_LENGTH), (at, to, from, n) -> m.copyOut(address + at, to, from, n));
  }

  public void writeName(RespWriter out) {
    writeName(group, GROUP_BYTES, out);
  }

  private byte[] name(long node, int offset) {
    byte[] name = new byte[m.getInt(node + NAME_LENGTH)];
    m.copyOut(node + offset, name, 0, name.length);
    return name;
  }

  private void writeName(long node, int offset, RespWriter out) {
    Bulk.write(m, out, node + offset, m.getInt(node + NAME_LENGTH));
  }

  /// Sets `into` to the id of the last entry that the group was given.
  public StreamId lastId(StreamId into) {
    return into.set(m.getLong(group + LAST_MS), m.getLong(group + LAST_SEQ));
  }

  public void setLastId(StreamId id) {
    m.putLong(group + LAST_MS, id.ms);
    m.putLong(group + LAST_SEQ, id.seq);
  }

  /// How many entries of the stream, as it would be if none had been deleted, come up to the last
  /// id; or [#UNKNOWN_READ].
  public long entriesRead() {
    return m.getLong(group + READ);
  }

  public void setEntriesRead(long count) {
    m.putLong(group + READ, count);
  }

  // ── consumers ──

  /// How many consumers the group has.
  public long consumerCount() {
    return consumers.count(group + CONSUMERS);
  }

  /// Brings a consumer of the group to hand, to be read; false if there is none of that name.
  public boolean findConsumer(Slice name) {
    boolean there = seekConsumer(name);
    consumer = there ? consumers.word() : 0;
    return there;
  }

  /// Brings a consumer to hand, to be changed, as its group is; false if there is none.
  public boolean openConsumer(Slice name) {
    boolean there = seekConsumer(name);
    consumer = there ? own(consumers.word()) : 0;
    return there;
  }

  /// A consumer's node, to be changed: a copy, which both trees refer to then, if a walk reads it.
  private long own(long node) {
    if (!sharing.isOld(m.getInt(node + EPOCH))) return node;
    Slice name = new Slice(name(node, CONSUMER_BYTES));
    seekConsumer(name);
    consumers.unshare();
    seekNumber(m.getLong(node + NUMBER));
    numbers.unshare();
    long copy = copyOf(node, CONSUMER_BYTES);
    consumers.replace(copy);
    numbers.replace(copy);
    sharing.orphan(node);
    return copy;
  }

  /// Makes a consumer, which there isn't, of the group that is open, and brings it to hand to be
  /// changed.
  public void createConsumer(Slice name, long seen, long active) {
    long number = m.getLong(group + NEXT_NUMBER);
    boolean there = seekConsumer(name);
    assert !there;
    consumers.reserve();
    seekNumber(number);
    numbers.reserve();
    consumer = node(name, CONSUMER_BYTES);
    m.putLong(consumer + NUMBER, number);
    m.putLong(consumer + SEEN, seen);
    m.putLong(consumer + ACTIVE, active);
    own.init(consumer + OWN);
    consumers.insert(key(name), consumer);
    numbers.insert(number, consumer);
    m.putLong(group + NEXT_NUMBER, number + 1);
  }

  /// Deletes the consumer at hand, which is open, and all that is pending there; returns how much
  /// that was.
  public long deleteConsumer() {
    Slice name = new Slice(name(consumer, CONSUMER_BYTES));
    if (sharing.on) { // from there on nothing may fail
      for (boolean more = own.seekFirst(consumer + OWN); more; more = own.next()) {
        pending.seek(group + PENDING, own.key(), bySeq.of(own.word()));
        pending.unshare();
      }
    }
    seekConsumer(name);
    consumers.unshare();
    seekNumber(m.getLong(consumer + NUMBER));
    numbers.unshare();
    for (boolean more = own.seekFirst(consumer + OWN); more; more = own.next()) {
      boolean there = pending.seek(group + PENDING, own.key(), bySeq.of(own.word()));
      assert there;
      pending.remove(1);
    }
    consumers.remove(1);
    numbers.remove(1);
    long count = own.count(consumer + OWN);
    own.release(consumer + OWN, cell -> {}, Dictionary.AT_ONCE);
    release(consumer);
    consumer = 0;
    return count;
  }

  /// Brings the first consumer of the group to hand, to be read; false if there is none.
  public boolean firstConsumer() {
    boolean there = consumers.seekFirst(group + CONSUMERS);
    consumer = there ? consumers.word() : 0;
    return there;
  }

  /// Goes on to the next consumer, in the order of their names; false if there is none.
  public boolean nextConsumer() {
    boolean there = consumers.next();
    consumer = there ? consumers.word() : 0;
    return there;
  }

  public byte[] consumerName() {
    return name(consumer, CONSUMER_BYTES);
  }

  /// The bytes of the consumer's name.
  public ByteRun consumerNameRun() {
    return nameRun(consumer, CONSUMER_BYTES);
  }

  public void writeConsumerName(RespWriter out) {
    writeName(consumer, CONSUMER_BYTES, out);
  }

  /// When the consumer was heard of last, in milliseconds since 1970.
  public long seen() {
    return m.getLong(consumer + SEEN);
  }

  public void setSeen(long millis) {
    m.putLong(consumer + SEEN, millis);
  }

  /// When the consumer last got an entry, or [#NEVER].
  public long active() {
    return m.getLong(consumer + ACTIVE);
  }

  public void setActive(long millis) {
    m.putLong(consumer + ACTIVE, millis);
  }

  /// How many entries are pending at the consumer.
  public long ownCount() {
    return own.count(consumer + OWN);
  }

  // ── what is pending ──

  /// How many entries are pending in the group.
  public long pendingCount() {
    return pending.count(group + PENDING);
  }

  /// Brings a pending entry of the group to hand; false if that id isn't pending.
  public boolean findPending(StreamId id) {
    return findPending(id.ms, id.seq);
  }

  private boolean findPending(long ms, long seq) {
    return pending.seek(group + PENDING, StreamBlocks.key(ms), bySeq.of(seq));
  }

  /// Brings the first pending entry of the group whose id is at least this one to hand; false if
  /// there is none.
  public boolean firstPending(StreamId from) {
    return findPending(from) || pending.settle();
  }

  public boolean nextPending() {
    return pending.next();
  }

  /// Brings the last pending entry of the group to hand; false if there is none.
  public boolean lastPending() {
    return pending.seekLast(group + PENDING);
  }

  /// Sets `into` to the id of the pending entry at hand.
  public StreamId pendingId(StreamId into) {
    return into.set(StreamBlocks.key(pending.key()), pending.word());
  }

  /// When it was delivered last, in milliseconds since 1970.
  public long deliveryTime() {
    return m.getLong(pending.cell() + TIME);
  }

  /// How often it was delivered.
  public long deliveries() {
    return m.getLong(pending.cell() + DELIVERIES);
  }

  private long owner() {
    return m.getLong(pending.cell() + OWNER);
  }

  /// Whether the pending entry at hand is the consumer's at hand.
  public boolean isOwn() {
    return owner() == m.getLong(consumer + NUMBER);
  }

  private long ownerNode(long number) {
    seekNumber(number);
    return numbers.word();
  }

  /// The name of the consumer that has the pending entry at hand.
  public byte[] ownerName() {
    return name(ownerNode(owner()), CONSUMER_BYTES);
  }

  public void writeOwnerName(RespWriter out) {
    writeName(ownerNode(owner()), CONSUMER_BYTES, out);
  }

  /// Brings the first entry pending at the consumer at hand whose id is at least this one to hand,
  /// also as a pending one of the group; false if there is none.
  public boolean firstOwn(StreamId from) {
    return (own.seek(consumer + OWN, StreamBlocks.key(from.ms), bySeq.of(from.seq)) || own.settle())
        && toOwn();
  }

  /// Goes on to the next one.
  public boolean nextOwn() {
    return own.next() && toOwn();
  }

  private boolean toOwn() {
    boolean there = pending.seek(group + PENDING, own.key(), bySeq.of(own.word()));
    assert there : "what is pending at a consumer isn't in its group";
    return there;
  }

  /// Says of the pending entry at hand, of an open group, when and how often it was delivered. It
  /// stays at hand.
  public void setDelivery(long time, long deliveries) {
    pending.unshare();
    putDelivery(pending.cell(), time, deliveries);
  }

  private void putDelivery(long cell, long time, long deliveries) {
    m.putLong(cell + TIME, time);
    m.putLong(cell + DELIVERIES, deliveries);
  }

  /// An entry is pending at the consumer at hand, which is open: it may be pending at another one
  /// until now, or nowhere. No pending entry is at hand then.
  public void assign(StreamId id, long time, long deliveries) {
    long key = StreamBlocks.key(id.ms);
    long number = m.getLong(consumer + NUMBER);
    boolean there = findPending(id);
    long before = there ? owner() : NOBODY;
    if (before == number) {
      setDelivery(time, deliveries);
      return;
    }
    long other = before == NOBODY ? 0 : own(ownerNode(before));
    own.seek(consumer + OWN, key, bySeq.of(id.seq));
    own.reserve();
    if (other != 0) {
      theirs.seek(other + OWN, key, bySeq.of(id.seq));
      theirs.unshare();
    }
    if (there) pending.unshare();
    else pending.reserve();
    if (other != 0) theirs.remove(1);
    own.insert(key, id.seq);
    long cell = there ? pending.cell() : pending.insert(key, id.seq);
    putDelivery(cell, time, deliveries);
    m.putLong(cell + OWNER, number);
  }

  /// An entry isn't pending any more, in the group that is open; false if it wasn't.
  public boolean acknowledge(StreamId id) {
    if (!findPending(id)) return false;
    long number = owner();
    boolean isAtHand = consumer != 0 && m.getLong(consumer + NUMBER) == number;
    long node = own(ownerNode(number));
    if (isAtHand) consumer = node;
    boolean there = theirs.seek(node + OWN, pending.key(), bySeq.of(id.seq));
    assert there;
    theirs.unshare();
    pending.unshare();
    theirs.remove(1);
    pending.remove(1);
    return true;
  }

  // ── groups that are read from a file ──

  /// Adds a pending entry to the group at hand that is nobody's yet; false if there is one of that
  /// id.
  public boolean addPending(long ms, long seq, long time, long deliveries) {
    if (findPending(ms, seq)) return false;
    pending.reserve();
    long cell = pending.insert(StreamBlocks.key(ms), seq);
    putDelivery(cell, time, deliveries);
    m.putLong(cell + OWNER, NOBODY);
    return true;
  }

  /// Gives a pending entry that is nobody's to the consumer at hand; false if there is none.
  public boolean give(long ms, long seq) {
    if (!findPending(ms, seq) || owner() != NOBODY) return false;
    boolean there = own.seek(consumer + OWN, StreamBlocks.key(ms), bySeq.of(seq));
    assert !there;
    own.reserve();
    own.insert(StreamBlocks.key(ms), seq);
    m.putLong(pending.cell() + OWNER, m.getLong(consumer + NUMBER));
    return true;
  }

  // ── the whole ──

  /// Makes the empty tree at `to` one of copies of the groups at `from`. Without memory for that,
  /// what was made is there.
  void copy(long from, long to) {
    OrderedTree source = new OrderedTree(m, allocator);
    for (boolean more = source.seekFirst(from); more; more = source.next()) {
      long old = source.word();
      Slice name = new Slice(name(old, GROUP_BYTES));
      insertGroup(
          to, name, m.getLong(old + LAST_MS), m.getLong(old + LAST_SEQ), m.getLong(old + READ));
      m.putLong(group + NEXT_NUMBER, m.getLong(old + NEXT_NUMBER));
      copyConsumers(old);
      copyPending(old);
    }
  }

  private void copyConsumers(long old) {
    OrderedTree source = new OrderedTree(m, allocator);
    OrderedTree ids = new OrderedTree(m, allocator);
    for (boolean more = source.seekFirst(old + CONSUMERS); more; more = source.next()) {
      long node = source.word();
      Slice name = new Slice(name(node, CONSUMER_BYTES));
      long number = m.getLong(node + NUMBER);
      seekConsumer(name);
      consumers.reserve();
      seekNumber(number);
      numbers.reserve();
      consumer = copyOf(node, CONSUMER_BYTES);
      own.init(consumer + OWN);
      consumers.insert(key(name), consumer);
      numbers.insert(number, consumer);
      for (boolean id = ids.seekFirst(node + OWN); id; id = ids.next()) {
        own.seek(consumer + OWN, ids.key(), bySeq.of(ids.word()));
        own.reserve();
        own.insert(ids.key(), ids.word());
      }
    }
  }

  private void copyPending(long old) {
    OrderedTree source = new OrderedTree(m, allocator, PENDING_BYTES, Sharing.NOTHING);
    for (boolean more = source.seekFirst(old + PENDING); more; more = source.next()) {
      pending.seek(group + PENDING, source.key(), bySeq.of(source.word()));
      pending.reserve();
      long cell = pending.insert(source.key(), source.word());
      m.copy(source.cell() + TIME, cell + TIME, PENDING_BYTES - TIME);
    }
  }

  /// Frees all groups and their tree; the root stays as it is.
  void release(long root, Runnable between) {
    groups.release(root, cell -> releaseGroup(m.getLong(cell + 8), between), between);
  }

  /// About how many nodes, up to `most`.
  long nodes(long root, long most) {
    long nodes = 0;
    for (boolean more = groups.seekFirst(root); more && nodes < most; more = groups.next()) {
      long node = groups.word();
      long pendingNodes = pending.count(node + PENDING) / (OrderedTree.MAX / 2);
      nodes += 4 + 2 * pendingNodes + 2 * consumers.count(node + CONSUMERS);
    }
    return nodes;
  }

  /// Bytes of all nodes; of groups, and of consumers of one, the mean of up to `samples`, 0: all of
  /// them.
  long memoryUse(long root, long samples) {
    long bytes = 0;
    long seen = 0;
    for (boolean more = groups.seekFirst(root);
        more && (samples == 0 || seen < samples);
        more = groups.next()) {
      bytes += memoryOfGroup(groups.word(), samples);
      seen++;
    }
    return projected(bytes, seen, groups.count(root)) + groups.bytes(root);
  }

  private long memoryOfGroup(long node, long samples) {
    long bytes = 0;
    long seen = 0;
    for (boolean more = consumers.seekFirst(node + CONSUMERS);
        more && (samples == 0 || seen < samples);
        more = consumers.next()) {
      bytes += allocator.capacity(consumers.word()) + own.bytes(consumers.word() + OWN);
      seen++;
    }
    return projected(bytes, seen, consumers.count(node + CONSUMERS))
        + allocator.capacity(node)
        + pending.bytes(node + PENDING)
        + consumers.bytes(node + CONSUMERS)
        + numbers.bytes(node + NUMBERS);
  }

  private static long projected(long bytes, long seen, long count) {
    return seen == count ? bytes : Math.round((double) bytes / seen * count);
  }

  // ── evacuation ──

  // Where the evacuation is: a group, a consumer of it, and how far in its tree. What lies behind
  // the last number that fits stays where it is.
  private static final int GROUP_BITS = 14;
  private static final int CONSUMER_BITS = 18;
  private static final int RANK_BITS = 28;

  /// Moves what stands in sparse slabs of a few nodes; `from` is 0, or what the last call returned.
  /// Returns where to go on, 0 at the end; it needs 60 bits.
  long evacuate(long root, long from) {
    long rank = from & (1L << RANK_BITS) - 1;
    long at = from >>> RANK_BITS & (1L << CONSUMER_BITS) - 1;
    long number = from >>> RANK_BITS + CONSUMER_BITS;
    if (number >= groups.count(root)) return 0;
    if (at == 0 && rank == 0) {
      groups.evacuate(root, number);
      groups.seekRank(root, number);
      atHand(allocator.evacuated(groups.word()));
      groups.replace(group);
    } else {
      groups.seekRank(root, number);
      atHand(groups.word());
    }
    long next;
    if (at == 0) {
      next = pending.evacuate(group + PENDING, Math.min(rank, pending.count(group + PENDING)));
    } else {
      if (at - 1 >= consumers.count(group + CONSUMERS)) return cursor(number + 1, 0, 0);
      next = evacuateConsumer(at - 1, rank);
    }
    return next == 0 ? cursor(number, at + 1, 0) : cursor(number, at, next);
  }

  private long evacuateConsumer(long at, long rank) {
    if (rank == 0) {
      consumers.evacuate(group + CONSUMERS, at);
      numbers.evacuate(group + NUMBERS, at);
      consumers.seekRank(group + CONSUMERS, at);
      long node = consumers.word();
      long moved = allocator.evacuated(node);
      if (moved != node) {
        consumers.replace(moved);
        seekNumber(m.getLong(moved + NUMBER));
        numbers.replace(moved);
      }
    }
    consumers.seekRank(group + CONSUMERS, at);
    consumer = consumers.word();
    return own.evacuate(consumer + OWN, Math.min(rank, own.count(consumer + OWN)));
  }

  private static long cursor(long group, long consumer, long rank) {
    if (rank >= 1L << RANK_BITS) return cursor(group, consumer + 1, 0);
    if (consumer >= 1L << CONSUMER_BITS) return cursor(group + 1, 0, 0);
    if (group >= 1L << GROUP_BITS) return 0;
    return (group << CONSUMER_BITS | consumer) << RANK_BITS | rank;
  }
}
