package dev.spinel.persist;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/// The system's own files. What the system said of a failure: [dev.spinel.config.IoReason].
public final class SystemDisk implements Disk {
  @Override
  public Output append(Path file) throws IOException {
    return new FileOutput(file, false);
  }

  @Override
  public Output create(Path file) throws IOException {
    FileOutput made = new FileOutput(file, true);
    if (TemporaryFiles.isOne(file)) {
      lock(made.file); // as long as it is open: see deleteAbandoned
    }
    return made;
  }

  /// Returns whether nobody else has it; false, too, where that can't be told.
  private static boolean lock(RandomAccessFile file) {
    try {
      return file.getChannel().tryLock() != null;
    } catch (IOException | OverlappingFileLockException e) {
      return false;
    }
  }

  @Override
  public boolean deleteAbandoned(Path path) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      if (!lock(file)) {
        return false;
      }
    }
    return Files.deleteIfExists(path);
  }

  /// A [RandomAccessFile], since a channel is closed by the interrupt of a thread that uses it.
  private static final class FileOutput implements Output {
    private final RandomAccessFile file;

    FileOutput(Path path, boolean empty) throws IOException {
      file = new RandomAccessFile(path.toFile(), "rw");
      try {
        if (empty) {
          file.setLength(0);
        }
        file.seek(file.length());
      } catch (IOException e) {
        file.close();
        throw e;
      }
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      file.write(bytes, from, length);
    }

    @Override
    public void sync() throws IOException {
      file.getFD().sync();
    }

    @Override
    public long size() throws IOException {
      return file.length();
    }

    @Override
    public void truncate(long size) throws IOException {
      file.setLength(size);
      file.seek(size);
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }

  @Override
  public Input read(Path path) throws IOException {
    RandomAccessFile file = new RandomAccessFile(path.toFile(), "r");
    return new Input() {
      @Override
      public int read(byte[] into, int from, int length) throws IOException {
        return file.read(into, from, length);
      }

      @Override
      public long size() throws IOException {
        return file.length();
      }

      @Override
      public void close() throws IOException {
        file.close();
      }
    };
  }

  @Override
  public boolean exists(Path file) {
    return Files.exists(file);
  }

  @Override
  public long size(Path file) throws IOException {
    return Files.size(file);
  }

  @Override
  public void rename(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void delete(Path file) throws IOException {
    Files.deleteIfExists(file);
  }

  @Override
  public void makeFolder(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      return;
    }
    try {
      Files.createDirectory(folder);
    } catch (FileAlreadyExistsException e) {
      throw new IOException("Not a directory", e);
    }
  }

  @Override
  public void syncFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (FileSystemException e) {
      if (File.separatorChar == '/') {
        throw e;
      } // elsewhere a folder can't be opened, and needn't be
    }
  }

  @Override
  public List<String> names(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }
}
