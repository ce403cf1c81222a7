package dev.spinel.persist;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/// A disk in memory that can fail, and lose its power.
///
/// What is written is in the cache; [Disk.Output#sync] and [#syncFolder] bring it to the disk. A
/// failed sync loses what it should have brought there, for good, as Linux does: the next one
/// succeeds. [#powerLoss] is the disk as it is after the cache is gone: of what wasn't synced,
/// files have any part from the beginning on, perhaps with torn bytes behind it, and names are the
/// old or the new ones.
public final class TestDisk implements Disk {
  /// What is done to a file, or (SYNC_FOLDER) to a folder.
  public enum Act {
    CREATE,
    WRITE,
    SYNC,
    RENAME,
    SYNC_FOLDER
  }

  private static final class Content {
    byte[] cached = {};
    int length;
    byte[] durable = {};

    void write(byte[] bytes, int from, int n) {
      if (length + n > cached.length) {
        cached = Arrays.copyOf(cached, Math.max(2 * cached.length, length + n));
      }
      System.arraycopy(bytes, from, cached, length, n);
      length += n;
    }
  }

  private static final int PAGE = 4096;

  private final Map<Path, Content> cached = new TreeMap<>();
  private Map<Path, Content> durable = new TreeMap<>();
  private final List<Path> folders = new ArrayList<>();
  private @Nullable String writesFail;
  private int shortBytes = -1; // the next write takes so many of its bytes, then fails
  private @Nullable String syncsFail;
  private @Nullable BiPredicate<Act, Path> fails;
  private @Nullable Semaphore syncs; // one permit each
  private @Nullable Semaphore writes; // one permit each
  int syncCount;
  volatile int refusedWrites;

  /// From now on writes fail for this reason, until null.
  public synchronized void failWrites(@Nullable String why) {
    writesFail = why;
  }

  /// From now on whatever this says fails; null: no more. Of RENAME it is asked with the new name.
  public synchronized void failWhen(@Nullable BiPredicate<Act, Path> when) {
    fails = when;
  }

  private void may(Act act, Path file) throws IOException {
    BiPredicate<Act, Path> when = fails;
    if (when != null && when.test(act, file)) {
      throw new IOException("Input/output error");
    }
  }

  /// The next write fails after so many bytes.
  synchronized void failNextWriteAfter(int bytes) {
    shortBytes = bytes;
  }

  public synchronized void failSyncs(@Nullable String why) {
    syncsFail = why;
  }

  /// From now on each sync needs a permit; null: no more.
  public synchronized void holdSyncs(@Nullable Semaphore permits) {
    syncs = permits;
  }

  /// From now on each write needs a permit; null: no more.
  synchronized void holdWrites(@Nullable Semaphore permits) {
    writes = permits;
  }

  synchronized byte[] bytes(Path file) {
    Content content = cached.get(file);
    return content == null ? new byte[0] : Arrays.copyOf(content.cached, content.length);
  }

  String text(Path file) {
    return new String(bytes(file), StandardCharsets.ISO_8859_1);
  }

  synchronized void put(Path file, byte[] bytes) {
    Content content = new Content();
    content.write(bytes, 0, bytes.length);
    content.durable = bytes;
    cached.put(file, content);
    durable.put(file, content);
  }

  /// What is found after the power came back.
  public TestDisk powerLoss(Random random) {
    return powerLoss(random, false);
  }

  /// The same on a disk that doesn't write pages in their order: of what wasn't synced some are
  /// zeros, with others behind them.
  public TestDisk powerLossWithHoles(Random random) {
    return powerLoss(random, true);
  }

  private synchronized TestDisk powerLoss(Random random, boolean holes) {
    TestDisk after = new TestDisk();
    after.folders.addAll(folders);
    Map<Path, Content> names = new TreeMap<>(durable);
    for (Path name : cached.keySet()) { // of names not synced some are there
      if (random.nextBoolean()) {
        names.put(name, cached.get(name));
      }
    }
    names.forEach(
        (name, content) -> {
          ByteArrayOutputStream found = new ByteArrayOutputStream();
          found.writeBytes(content.durable);
          int more = Math.max(0, content.length - content.durable.length);
          if (more > 0) {
            int kept = random.nextInt(more + 1);
            byte[] tail = Arrays.copyOfRange(content.cached, found.size(), found.size() + kept);
            for (int at = 0; holes && at < kept; at += PAGE) {
              if (random.nextInt(4) == 0) {
                Arrays.fill(tail, at, Math.min(kept, at + PAGE), (byte) 0);
              }
            }
            found.writeBytes(tail);
            int torn = random.nextInt(Math.min(64, more - kept + 1));
            for (int i = 0; i < torn; i++) {
              found.write(0);
            }
          }
          after.put(name, found.toByteArray());
        });
    return after;
  }

  /// What is found after the process was killed: all that it has written.
  public synchronized TestDisk kill() {
    TestDisk after = new TestDisk();
    after.folders.addAll(folders);
    cached.forEach(
        (name, content) -> after.put(name, Arrays.copyOf(content.cached, content.length)));
    return after;
  }

  /// Writes all files to where they would be on a real disk.
  public synchronized void copyOut() throws IOException {
    for (Path file : cached.keySet()) {
      Files.createDirectories(file.getParent());
      Files.write(file, bytes(file));
    }
  }

  private final class MemoryOutput implements Output {
    private final Path name; // that it was opened by
    private final Content content;

    MemoryOutput(Path name, Content content) {
      this.name = name;
      this.content = content;
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      Semaphore held = writePermits();
      if (held != null) {
        held.acquireUninterruptibly();
      }
      synchronized (TestDisk.this) {
        if (shortBytes >= 0) {
          content.write(bytes, from, Math.min(shortBytes, length));
          shortBytes = -1;
          throw new IOException("Input/output error");
        }
        if (writesFail != null) {
          refusedWrites++;
          throw new IOException(writesFail);
        }
        may(Act.WRITE, name);
        content.write(bytes, from, length);
      }
    }

    @Override
    public void sync() throws IOException {
      Semaphore held = permits();
      if (held != null) {
        held.acquireUninterruptibly();
      }
      synchronized (TestDisk.this) {
        syncCount++;
        if (syncsFail != null) {
          throw new IOException(syncsFail);
        }
        may(Act.SYNC, name);
        content.durable = Arrays.copyOf(content.cached, content.length);
      }
    }

    @Override
    public long size() {
      synchronized (TestDisk.this) {
        return content.length;
      }
    }

    @Override
    public void truncate(long size) {
      synchronized (TestDisk.this) {
        content.length = (int) size;
      }
    }

    @Override
    public void close() {}
  }

  private synchronized @Nullable Semaphore permits() {
    return syncs;
  }

  private synchronized @Nullable Semaphore writePermits() {
    return writes;
  }

  @Override
  public synchronized Output append(Path file) {
    return new MemoryOutput(file, cached.computeIfAbsent(file, made -> new Content()));
  }

  @Override
  public synchronized Output create(Path file) throws IOException {
    if (writesFail != null) {
      throw new IOException(writesFail);
    }
    may(Act.CREATE, file);
    Content content = new Content();
    cached.put(file, content);
    return new MemoryOutput(file, content);
  }

  @Override
  public synchronized Input read(Path file) throws IOException {
    Content content = cached.get(file);
    if (content == null) {
      throw new FileNotFoundException(file + " (No such file or directory)");
    }
    byte[] bytes = bytes(file);
    return new Input() {
      private int at;

      @Override
      public int read(byte[] into, int from, int length) {
        if (at == bytes.length) {
          return -1;
        }
        int n = Math.min(length, bytes.length - at);
        System.arraycopy(bytes, at, into, from, n);
        at += n;
        return n;
      }

      @Override
      public long size() {
        return bytes.length;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public synchronized boolean exists(Path file) {
    return cached.containsKey(file) || folders.contains(file);
  }

  @Override
  public synchronized long size(Path file) throws IOException {
    Content content = cached.get(file);
    if (content == null) {
      throw new FileNotFoundException(file + " (No such file or directory)");
    }
    return content.length;
  }

  @Override
  public synchronized void rename(Path from, Path to) throws IOException {
    may(Act.RENAME, to);
    Content moved = cached.remove(from);
    if (moved == null) {
      throw new FileNotFoundException(from + " (No such file or directory)");
    }
    cached.put(to, moved);
  }

  @Override
  public synchronized void delete(Path file) {
    cached.remove(file);
  }

  @Override
  public synchronized void makeFolder(Path folder) {
    if (!folders.contains(folder)) {
      folders.add(folder);
    }
  }

  @Override
  public synchronized void syncFolder(Path folder) throws IOException {
    if (syncsFail != null) {
      throw new IOException(syncsFail);
    }
    may(Act.SYNC_FOLDER, folder);
    Map<Path, Content> now = new TreeMap<>(durable);
    now.keySet().removeIf(name -> folder.equals(name.getParent()));
    cached.forEach(
        (name, content) -> {
          if (folder.equals(name.getParent())) {
            now.put(name, content);
          }
        });
    durable = now;
  }

  @Override
  public synchronized List<String> names(Path folder) {
    return cached.keySet().stream()
        .filter(name -> folder.equals(name.getParent()))
        .map(name -> name.getFileName().toString())
        .toList();
  }
}
