package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.journal.Journal;
import dev.spinel.wire.JavaHeap;
import dev.spinel.wire.Threads;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The append-only file that is being written: the journal's reader of [Journal#AOF].
///
/// ```
///   journal ──append──► gathered ──passed──► pending ──write──► file ──sync──► disk
///           (whoever merges)       (lock)    ├ everysec, no: whoever merges, before replies leave
///                                            └ always, and whatever couldn't be written: this thread
/// ```
///
/// **When a reply may leave** ([Journal.Binding]):
///
/// - `always`: once its record is synced. The thread takes all that is pending, writes, syncs,
///   releases: whoever comes meanwhile shares the next sync. The cohort that was just released
///   comes back at once; so the thread waits for it, a quarter of the time that a sync takes at
///   most. Else two cohorts would take turns, each alone in half of the syncs.
/// - `everysec`, `no`: once its record is written, so it survives the process. While a sync is
///   under way a write may have to wait for it, so nothing is written then; replies leave without
///   that for two seconds, as in Redis, and then wait.
///
/// **A failed write** is cut off the file and tried again every second. Meanwhile replies leave,
/// and new writes are refused ([#failure]). With `always` it ends the server: what was promised
/// can't be kept.
///
/// **A failed sync** may have lost what was written for good, and a later one says nothing of that.
/// So nothing heals it but new files, made of the data itself: [#needsRewrite].
final class AppendLog implements Journal.Reader {
  enum Policy {
    ALWAYS,
    EVERYSEC,
    NO
  }

  /// Hears what the log can't decide. Any thread; the log's lock may be held.
  interface Owner {
    /// The data can't be kept as promised: the server must end.
    void fatal(String why);

    /// Why `log` can keep nothing just now; null: it can again.
    void failing(AppendLog log, @Nullable String reason);

    void notice(String text);

    void warning(String text);

    /// Something that others may have waited for took so long ([dev.spinel.engine.LatencyMonitor]).
    default void took(String event, long nanos) {}
  }

  private static final int BUFFER_BYTES = 64 * 1024;
  private static final long SECOND_NANOS = 1_000_000_000;
  private static final long POSTPONED_NANOS = 2 * SECOND_NANOS;

  /// So often the log is told of a disk that goes on failing.
  private static final long TOLD_NANOS = 30 * SECOND_NANOS;

  /// A piece of the stream, or the end of a file.
  private record Chunk(byte[] bytes, int length, Disk.@Nullable Output next, Runnable switched) {
    /// Whether it is a buffer with room for so many bytes.
    boolean hasRoom(int more) {
      return next == null && bytes.length == BUFFER_BYTES && length + more <= BUFFER_BYTES;
    }
  }

  private static final Runnable NOTHING = () -> {};

  private final Owner owner;
  private final LongSupplier nowMillis;
  private final LongConsumer synced; // told the position, when more is; no lock is held

  // Of whoever merges.
  private byte[] gathered = new byte[BUFFER_BYTES];
  private int gatheredLength;
  private boolean betweenRecords = true;
  private long stampedSeconds;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();

  // All below: the lock.
  private final ArrayDeque<Chunk> pending = new ArrayDeque<>();
  private byte @Nullable [] spare;
  private volatile long pendingBytes;
  private Policy policy;
  private Disk.Output file; // and its size: the thread's while `committing`
  private volatile long fileBytes;
  private Journal.@Nullable Binding binding;
  private long passedPosition;
  private long writtenPosition;
  private volatile long syncedPosition;
  private boolean unsynced; // something was written since the last sync began
  private boolean syncing;
  private boolean committing; // the thread holds what it took, in `always`
  private long syncBeganNanos;
  private long postponedSinceNanos; // 0: nothing is
  private long delayedSyncs;
  private boolean delayedNotTold = true; // of this sync
  private @Nullable IOException writeFailure;
  private boolean isFailing; // since some write, retries included
  private long toldNanos; // of that, last
  private @Nullable IOException syncFailure;
  private long retryNanos;
  private boolean syncsSuspended;
  private volatile boolean stamps;
  private boolean isBroken; // for good: what `always` promises couldn't be kept
  private boolean closing;
  private @Nullable Thread thread;

  /// @param file to be appended to
  AppendLog(
      Owner owner,
      LongSupplier nowMillis,
      LongConsumer synced,
      Disk.Output file,
      long fileBytes,
      Policy policy) {
    this.owner = owner;
    this.nowMillis = nowMillis;
    this.synced = synced;
    this.file = file;
    this.fileBytes = fileBytes;
    this.policy = policy;
    this.syncBeganNanos = System.nanoTime();
  }

  /// From now on replies wait for this, and what is appended goes to the file. The reader must have
  /// been attached in the same stopped world, or nobody writes yet.
  void start(Journal.Binding to, long position) {
    lock.lock();
    try {
      binding = to;
      passedPosition = Math.max(passedPosition, position);
      writtenPosition = passedPosition;
      syncedPosition = passedPosition;
      Thread starting = new Thread(this::run, "spinel-aof");
      starting.setDaemon(true);
      starting.start();
      thread = starting;
    } finally {
      lock.unlock();
    }
  }

  // ── the journal's reader ──

  @Override
  public void append(byte[] bytes, int from, int length) {
    if (betweenRecords) {
      betweenRecords = false;
      if (stamps) {
        stamp();
      }
    }
    gather(bytes, from, length);
  }

  private void gather(byte[] bytes, int from, int length) {
    if (gatheredLength + length > gathered.length) {
      if (length >= BUFFER_BYTES) {
        handOver();
        byte[] copy = JavaHeap.bytes(length);
        System.arraycopy(bytes, from, copy, 0, length);
        add(new Chunk(copy, length, null, NOTHING));
        return;
      }
      handOver();
    }
    System.arraycopy(bytes, from, gathered, gatheredLength, length);
    gatheredLength += length;
  }

  private void stamp() {
    long seconds = nowMillis.getAsLong() / 1000;
    if (seconds > stampedSeconds) {
      stampedSeconds = seconds;
      byte[] line = ("#TS:" + seconds + "\r\n").getBytes(StandardCharsets.US_ASCII);
      gather(line, 0, line.length);
    }
  }

  /// What is gathered joins what already waits, as long as both fit into one buffer: what comes
  /// while a sync is under way is one write.
  private void handOver() {
    if (gatheredLength == 0) {
      return;
    }
    lock.lock();
    try {
      Chunk last = pending.peekLast();
      if (last != null && last.hasRoom(gatheredLength)) {
        System.arraycopy(gathered, 0, last.bytes, last.length, gatheredLength);
        pending.removeLast();
        pending.add(new Chunk(last.bytes, last.length + gatheredLength, null, NOTHING));
        pendingBytes += gatheredLength;
      } else {
        byte[] full = gathered;
        byte[] next = spare;
        spare = null;
        gathered = next != null ? next : JavaHeap.bytes(BUFFER_BYTES);
        add(new Chunk(full, gatheredLength, null, NOTHING));
      }
      gatheredLength = 0;
    } finally {
      lock.unlock();
    }
  }

  private void add(Chunk chunk) {
    lock.lock();
    try {
      pending.add(chunk);
      pendingBytes += chunk.length;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void passed(long position, long offset) {
    betweenRecords = true;
    handOver();
    lock.lock();
    try {
      passedPosition = position;
      if (policy == Policy.ALWAYS) {
        if (pending.isEmpty() && !committing && writeFailure == null && syncFailure == null) {
          writtenPosition = position;
          syncedPosition = position;
          release(position);
        } else {
          work.signal();
        }
      } else {
        writeIfPossible();
      }
    } finally {
      lock.unlock();
    }
  }

  /// `everysec` and `no`. The lock.
  private void writeIfPossible() {
    if (committing || isBroken) {
      return; // the policy has just changed: the thread goes on, or nobody does
    }
    if (writeFailure != null) {
      release(passedPosition);
      return;
    }
    if (!syncing) {
      writePending();
    }
    if (pending.isEmpty()) {
      release(passedPosition);
      return;
    }
    work.signal();
    long now = System.nanoTime();
    if (postponedSinceNanos == 0) {
      postponedSinceNanos = now;
    }
    if (now - postponedSinceNanos < POSTPONED_NANOS || writeFailure != null) {
      release(passedPosition);
    } else if (delayedNotTold) {
      delayedNotTold = false;
      delayedSyncs++;
      owner.notice(
          "Asynchronous AOF fsync is taking too long (disk is busy?). Replies to what was written"
              + " wait for it.");
    }
  }

  /// Writes what is pending, in order, up to the end of the file; what can't be written stays. The
  /// lock.
  private void writePending() {
    while (!pending.isEmpty()) {
      Chunk chunk = pending.getFirst();
      if (chunk.next != null || !write(chunk)) {
        return;
      }
      unsynced = true;
      pending.removeFirst();
      pendingBytes -= chunk.length;
      recycle(chunk);
    }
    postponedSinceNanos = 0;
    writtenPosition = passedPosition;
    if (!unsynced && !syncing) {
      syncedPosition = writtenPosition; // nothing of it is for this file
    }
  }

  private boolean write(Chunk chunk) {
    try {
      long began = System.nanoTime();
      file.write(chunk.bytes, 0, chunk.length);
      fileBytes += chunk.length;
      owner.took("aof-write", System.nanoTime() - began);
      return true;
    } catch (IOException e) {
      failed(e);
      if (policy == Policy.ALWAYS) {
        unrecoverable();
      }
      return false;
    }
  }

  /// A write failed: what is there of it is cut off. The lock.
  private void failed(IOException e) {
    long now = System.nanoTime();
    if (!isFailing || now - toldNanos >= TOLD_NANOS) {
      owner.warning("Error writing to the AOF file: " + IoReason.of(e));
      toldNanos = now;
    }
    isFailing = true;
    writeFailure = e;
    owner.failing(this, IoReason.of(e));
    retryNanos = now + SECOND_NANOS;
    try {
      if (file.size() != fileBytes) {
        file.truncate(fileBytes);
      }
    } catch (IOException uncut) {
      owner.warning(
          "Could not remove short write from the append-only file.  Redis may refuse to load the"
              + " AOF the next time it starts.  ftruncate: "
              + IoReason.of(uncut));
    }
  }

  /// `always` can't keep what it has promised. The lock.
  private void unrecoverable() {
    isBroken = true;
    owner.fatal(
        "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
  }

  private void release(long position) {
    Journal.Binding to = binding;
    if (to != null) {
      to.release(position);
    }
  }

  // ── the thread ──

  private void run() {
    lock.lock();
    try {
      while (!closing) {
        step();
        if (!closing) {
          rest();
        }
      }
      finish();
    } catch (Throwable bug) {
      owner.fatal("The append-only file can't be written any more: " + bug);
    } finally {
      lock.unlock();
    }
  }

  /// The lock, which is left while it waits for the disk.
  private void step() {
    if (isBroken) {
      return;
    }
    if (writeFailure != null) {
      if (System.nanoTime() - retryNanos >= 0) {
        retry();
      }
    } else if (policy == Policy.ALWAYS) {
      commitAll();
    } else {
      writeOut();
      if (policy == Policy.EVERYSEC
          && unsynced
          && !syncsSuspended
          && System.nanoTime() - syncBeganNanos >= SECOND_NANOS) {
        sync();
      }
    }
  }

  private void rest() {
    try {
      if (isBroken || policy == Policy.ALWAYS && writeFailure == null) {
        if (isBroken || pending.isEmpty() || syncFailure != null) {
          work.awaitNanos(SECOND_NANOS);
        }
      } else if (pending.isEmpty() || writeFailure != null) {
        long left = syncBeganNanos + SECOND_NANOS - System.nanoTime();
        work.awaitNanos(unsynced && left > 0 ? left : SECOND_NANOS / 10);
      }
    } catch (InterruptedException e) {
      closing = true;
    }
  }

  /// A write has failed: what is pending is written again, by the policy as it is now.
  private void retry() {
    writeFailure = null;
    if (policy == Policy.ALWAYS) {
      commitAll();
    } else {
      writeOut();
    }
    if (writeFailure == null && !isBroken) {
      isFailing = false;
      owner.notice("AOF write error looks solved, Redis can write again.");
      tellFailing();
    }
  }

  private void tellFailing() {
    IOException why = writeFailure != null ? writeFailure : syncFailure;
    owner.failing(this, why == null ? null : IoReason.of(why));
  }

  private void commitAll() {
    while (!pending.isEmpty()
        && writeFailure == null
        && syncFailure == null
        && !isBroken
        && !closing) {
      commit();
    }
  }

  /// `always`: writes and syncs all that is there, and releases it.
  private void commit() {
    List<Chunk> chunks = new ArrayList<>(pending);
    pending.clear();
    long before = syncedPosition;
    long upTo = passedPosition;
    long began = System.nanoTime();
    committing = true;
    @Nullable IOException unwritten =
        unlocked(
            () -> {
              for (Chunk chunk : chunks) {
                writeAndSwitch(chunk);
              }
            });
    @Nullable IOException unsyncable = unwritten == null ? unlocked(() -> file.sync()) : null;
    committing = false;
    long took = System.nanoTime() - began;
    owner.took("aof-fsync-always", took);
    for (Chunk chunk : chunks) {
      pendingBytes -= chunk.length;
      recycle(chunk);
    }
    if (unwritten != null) { // whatever the policy is by now: the chunks are gone
      failed(unwritten);
      unrecoverable();
      return;
    }
    if (unsyncable != null) {
      syncFailure = unsyncable;
      isBroken = true;
      owner.fatal(
          "Can't persist AOF for fsync error when the AOF fsync policy is 'always': "
              + IoReason.of(unsyncable)
              + ". Exiting...");
      return;
    }
    long done = pending.isEmpty() ? passedPosition : upTo; // what came since is for others
    writtenPosition = done;
    syncedPosition = done;
    syncBeganNanos = began;
    unsynced = false;
    release(done);
    tellSynced(done);
    awaitCohort(done, upTo - before, took / 4);
  }

  /// While [#committing], so that nobody else touches the file.
  private void writeAndSwitch(Chunk chunk) throws IOException {
    if (chunk.next == null) {
      file.write(chunk.bytes, 0, chunk.length);
      fileBytes += chunk.length;
    } else {
      file.sync();
      file.close();
      file = chunk.next;
      fileBytes = 0;
      chunk.switched.run();
    }
  }

  private void recycle(Chunk chunk) {
    if (chunk.bytes.length == BUFFER_BYTES) {
      spare = chunk.bytes;
    }
  }

  /// Those who were released come back: waits for so many.
  private void awaitCohort(long since, long many, long nanos) {
    long left = nanos;
    try {
      while (left > 0 && passedPosition - since < many && !closing) {
        left = work.awaitNanos(left);
      }
    } catch (InterruptedException e) {
      closing = true;
    }
  }

  private void sync() {
    long upTo = writtenPosition;
    Disk.Output of = file;
    unsynced = false;
    syncing = true;
    delayedNotTold = true;
    syncBeganNanos = System.nanoTime();
    @Nullable IOException failure = unlocked(of::sync);
    syncing = false;
    if (failure != null) {
      syncFailed(failure);
      return;
    }
    if (syncFailure == null) {
      long done = unsynced || !pending.isEmpty() ? upTo : writtenPosition; // the rest is for others
      syncedPosition = done;
      tellSynced(done);
    }
    writeOut();
  }

  private void syncFailed(IOException e) {
    if (syncFailure == null) {
      owner.warning("Fail to fsync the AOF file: " + IoReason.of(e));
    }
    syncFailure = e;
    tellFailing();
  }

  /// Writes all that is pending, going from file to file: nothing is written to the next one before
  /// the last is on the disk, so that no loss of power leaves a gap between them.
  private void writeOut() {
    if (pending.isEmpty()) {
      return;
    }
    writePending();
    while (writeFailure == null && !pending.isEmpty()) {
      Chunk end = pending.getFirst();
      Disk.Output next = Objects.requireNonNull(end.next);
      syncing = true;
      @Nullable IOException failure =
          unlocked(
              () -> {
                file.sync();
                file.close();
              });
      syncing = false;
      if (failure != null) {
        syncFailed(failure);
      }
      file = next;
      fileBytes = 0;
      end.switched.run();
      pending.removeFirst();
      writePending();
    }
    release(passedPosition);
  }

  private void tellSynced(long position) {
    unlocked(() -> synced.accept(position));
  }

  private interface Step {
    void run() throws IOException;
  }

  /// Does what may take long, the lock left meanwhile. Returns why it failed, or null.
  private @Nullable IOException unlocked(Step step) {
    lock.unlock();
    try {
      step.run();
      return null;
    } catch (IOException e) {
      return e;
    } finally {
      lock.lock();
    }
  }

  /// Everything goes to the disk, and the file is closed. Once a write was lost, nothing more is
  /// written behind it, and no reply may leave any more. The lock.
  private void finish() {
    if (isBroken) {
      closeFile();
      return;
    }
    writeFailure = null;
    isFailing = false; // what is lost now is told
    writeOut();
    if (isBroken) {
      closeFile();
      return;
    }
    try {
      file.sync();
      if (writeFailure == null) {
        syncedPosition = writtenPosition;
      }
      file.close();
    } catch (IOException e) {
      syncFailed(e);
    }
    Journal.Binding to = binding;
    if (to != null && (policy != Policy.ALWAYS || syncFailure == null)) {
      to.release(passedPosition);
      to.end();
    }
  }

  private void closeFile() {
    try {
      file.close();
    } catch (IOException e) {
      return; // the server has been told that it can't be written
    }
  }

  // ── the owner ──

  /// What is appended from here on goes to another file, which is empty. Stopped world, after
  /// [Journal#cut].
  ///
  /// @param switched is run when all before it is written; it may be within the lock
  void switchTo(Disk.Output next, Runnable switched) {
    handOver();
    betweenRecords = true;
    lock.lock();
    try {
      pending.add(new Chunk(new byte[0], 0, next, switched));
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  /// After new files were made of the data: whatever a sync lost isn't needed.
  void rewritten() {
    lock.lock();
    try {
      if (syncFailure != null) {
        syncFailure = null;
        owner.notice("AOF write error looks solved, Redis can write again.");
        tellFailing();
        work.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  void policy(Policy now) {
    lock.lock();
    try {
      policy = now;
      work.signal();
    } finally {
      lock.unlock();
    }
  }

  /// Whether a line says the time before the first record of each second.
  void stamps(boolean on) {
    stamps = on;
  }

  /// `no-appendfsync-on-rewrite`: no syncs while somebody else writes much.
  void suspendSyncs(boolean on) {
    syncsSuspended = on && policy != Policy.ALWAYS;
  }

  /// Why writes must be refused, or null.
  @Nullable IOException failure() {
    return locked(() -> writeFailure != null ? writeFailure : syncFailure);
  }

  /// Whether only new files help.
  boolean needsRewrite() {
    return locked(() -> syncFailure != null);
  }

  /// The last position that would survive a loss of power.
  long syncedPosition() {
    return syncedPosition;
  }

  /// The last position that would survive the end of the process.
  long writtenPosition() {
    return locked(() -> writtenPosition);
  }

  /// Bytes of the file that is being appended to.
  long fileBytes() {
    return fileBytes;
  }

  /// Bytes that were appended and aren't written yet.
  long pendingBytes() {
    return pendingBytes;
  }

  boolean isSyncing() {
    return locked(() -> syncing);
  }

  long delayedSyncs() {
    return locked(() -> delayedSyncs);
  }

  private <T extends @Nullable Object> T locked(Supplier<T> of) {
    lock.lock();
    try {
      return of.get();
    } finally {
      lock.unlock();
    }
  }

  /// Writes and syncs all that was appended, closes the file, and lets all replies go. The reader
  /// is detached. Waits for that, or not.
  void close(boolean wait) {
    Thread running;
    lock.lock();
    try {
      closing = true;
      work.signal();
      running = thread;
    } finally {
      lock.unlock();
    }
    if (wait && running != null) {
      Threads.awaitEnd(running);
    }
  }
}
