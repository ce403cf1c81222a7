package dev.spinel.config;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Replaces a small file as a whole: the new text is written to a file beside the old one and
/// forced to the disk; then that file gets the old one's name. Whoever opens the file, also after a
/// loss of power, finds the old text or the new one.
public final class WholeFile {
  private static final FileAttribute<?>[] MODE = {
    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--"))
  };
  private static final Set<OpenOption> NEW =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);

  private WholeFile() {}

  private static boolean isPosix(Path file) {
    return file.getFileSystem().supportedFileAttributeViews().contains("posix");
  }

  /// Replaces the file, or makes it. Errors: it can't be written; then the old one is still there.
  public static void replace(Path file, byte[] bytes) throws IOException {
    replace(file, bytes, true, null);
  }

  /// The same, and `beside` says the same from then on, whatever takes the file's place later.
  public static void replace(Path file, byte[] bytes, Path beside) throws IOException {
    replace(file, bytes, true, beside);
  }

  /// The same, but it isn't waited until the new text is on the disk: after a loss of power either
  /// may be there; on some file systems (XFS) also an empty file, or one of zeros. See [#keep].
  public static void replaceSoon(Path file, byte[] bytes) throws IOException {
    replace(file, bytes, false, null);
  }

  private static void replace(Path file, byte[] bytes, boolean sync, @Nullable Path beside)
      throws IOException {
    Path draft = null;
    try {
      draft = write(file, bytes, sync);
      if (beside != null) name(draft, beside, false);
      Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException failure) {
      if (draft != null) Files.deleteIfExists(draft);
      throw failure;
    }
    if (sync) syncDirectory(file);
  }

  /// Has `beside` be what the file is now, and on the disk, whatever takes the file's place later.
  public static void keep(Path file, Path beside) throws IOException {
    name(file, beside, true);
    syncDirectory(beside);
  }

  /// Has `beside` be a second name of the file, or of a copy where there are no links.
  private static void name(Path file, Path beside, boolean sync) throws IOException {
    Path draft = draft(beside); // whoever replaces the file meanwhile doesn't replace this
    boolean isLink = true;
    try {
      Files.createLink(draft, file);
    } catch (UnsupportedOperationException | FileSystemException e) { // it has no links
      draft = write(beside, Files.readAllBytes(file), true);
      isLink = false;
    }
    try {
      if (sync && isLink) {
        try (FileChannel channel = FileChannel.open(draft, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
      }
      Files.move(draft, beside, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(draft); // two names of one file aren't moved over each other
    }
  }

  private static Path draft(Path file) {
    return file.resolveSibling(
        file.getFileName() + "." + Long.toString(System.nanoTime() & 0x7fffffff, 36));
  }

  private static Path write(Path file, byte[] bytes, boolean sync) throws IOException {
    FileAttribute<?>[] mode = isPosix(file) ? MODE : new FileAttribute<?>[0];
    for (int attempt = 0; ; attempt++) {
      Path draft = draft(file);
      try (FileChannel channel = FileChannel.open(draft, NEW, mode)) {
        try {
          for (ByteBuffer buffer = ByteBuffer.wrap(bytes); buffer.hasRemaining(); )
            channel.write(buffer);
          if (sync) channel.force(true);
          return draft;
        } catch (IOException failure) {
          Files.deleteIfExists(draft);
          throw failure;
        }
      } catch (FileAlreadyExistsException taken) {
        if (attempt == 100) throw taken;
      }
    }
  }

  /// Makes the new name last; systems that can't open a directory don't need it.
  private static void syncDirectory(Path of) throws IOException {
    Path directory = Objects.requireNonNull(of.toAbsolutePath().getParent());
    if (!isPosix(directory)) return;
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
