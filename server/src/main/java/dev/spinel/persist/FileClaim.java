package dev.spinel.persist;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A server's claim to a file, which no other server has at the same time, in this process or
/// another.
///
/// The file itself can't be locked, since another one takes its name with each save. So a file
/// beside it, `NAME.lock`, is locked, which says who holds it. The system lets go of the lock when
/// the process ends, however that happens; the file that is left then means nothing to anybody, and
/// is used again or removed by whoever claims next.
///
/// **Within a process** the system's locks are of no use: closing any handle of a file lets go of
/// all of the process's locks on it. So claims are also kept in a table, which is asked first.
public final class FileClaim implements AutoCloseable {
  /// Somebody else has the file.
  public static final class Held extends Exception {
    private static final long serialVersionUID = 1;

    Held(String holder) {
      super(holder);
    }

    /// Who it is: `process 4711 (port 7000)`.
    public String holder() {
      return String.valueOf(getMessage());
    }
  }

  private static final int TRIES = 100;
  private static final int LONGEST_HOLDER = 100;

  /// All claims of this process; its monitor.
  private static final Map<Path, FileClaim> HELD = new HashMap<>();

  private final Path lockFile;
  private final String holder;
  private final @Nullable RandomAccessFile locked; // null: the folder can't be written to

  private FileClaim(Path lockFile, String holder, @Nullable RandomAccessFile locked) {
    this.lockFile = lockFile;
    this.holder = holder;
    this.locked = locked;
  }

  /// Who a server of this process is, for others to read.
  ///
  /// @param port that it listens at; 0: at none
  public static String thisProcess(int port) {
    long pid = ProcessHandle.current().pid();
    return "process " + pid + (port > 0 ? " (port " + port + ")" : "");
  }

  /// Claims a file, which need not be there. Its folder must be.
  ///
  /// @param holder who it is for, for others to read
  public static FileClaim of(Path file, String holder) throws IOException, Held {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IOException("not a file: " + file);
    }
    Path lockFile = folder.toRealPath().resolve(file.getFileName() + ".lock");
    synchronized (HELD) {
      FileClaim other = HELD.get(lockFile);
      if (other != null) {
        throw new Held(other.holder);
      }
      FileClaim made = new FileClaim(lockFile, holder, lock(folder, lockFile, holder));
      HELD.put(lockFile, made);
      return made;
    }
  }

  private static @Nullable RandomAccessFile lock(Path folder, Path lockFile, String holder)
      throws IOException, Held {
    if (!Files.exists(lockFile) && !Files.isWritable(folder)) {
      return null; // nobody can write there
    }
    for (int tries = 0; tries < TRIES; tries++) {
      RandomAccessFile file = tryLock(lockFile, holder);
      if (file != null) {
        return file;
      }
    }
    throw new IOException(lockFile + " is made and removed again and again");
  }

  /// Null: the file was removed meanwhile, by whom held it; the lock would be one that nobody sees.
  private static @Nullable RandomAccessFile tryLock(Path lockFile, String holder)
      throws IOException, Held {
    try {
      Files.createFile(lockFile);
    } catch (FileAlreadyExistsException e) {
      // in use, or left by a process that was killed
    }
    Object before = key(lockFile);
    if (before == null) {
      return null;
    }
    RandomAccessFile file = new RandomAccessFile(lockFile.toFile(), "rw");
    try {
      FileLock lock = file.getChannel().tryLock();
      if (lock == null) {
        throw new Held(read(file));
      }
      if (before.equals(key(lockFile))) {
        file.setLength(0);
        file.write((holder + "\n").getBytes(StandardCharsets.UTF_8));
        return file;
      }
      file.close();
      return null;
    } catch (IOException | Held e) {
      file.close();
      throw e;
    }
  }

  /// What tells a file from others that had or will have its name; null if there is none.
  private static @Nullable Object key(Path file) throws IOException {
    if (!Files.exists(file)) {
      return null;
    }
    Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    return key != null
        ? key
        : "none"; // where files have no such thing they can't be removed, either
  }

  private static String read(RandomAccessFile file) throws IOException {
    byte[] text = new byte[LONGEST_HOLDER];
    int n = Math.max(0, file.read(text));
    String holder = new String(text, 0, n, StandardCharsets.UTF_8).strip();
    return holder.isEmpty() ? "another process" : holder;
  }

  /// Gives the file up, and leaves nothing behind.
  @Override
  public void close() {
    synchronized (HELD) {
      if (!HELD.remove(lockFile, this) || locked == null) {
        return;
      }
      try (RandomAccessFile unlocked = locked) {
        Files.deleteIfExists(lockFile);
      } catch (IOException e) {
        return; // it stays, and is nobody's
      }
    }
  }
}
