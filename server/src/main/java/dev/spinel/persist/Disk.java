package dev.spinel.persist;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// The files below: all that this room asks of a file system, so that a test can put one below it
/// that fails, tears and forgets.
///
/// Every method may be slow: none is called by a thread that serves clients, but [Output#write] of
/// an append-only file.
public interface Disk {
  /// A file that is written from its end on. Used by one thread at a time; an interrupt doesn't
  /// close it.
  interface Output extends Closeable {
    /// Errors: not all of it is there; perhaps some is.
    void write(byte[] bytes, int from, int length) throws IOException;

    /// Returns when all that was written would survive a loss of power.
    void sync() throws IOException;

    /// Bytes in the file.
    long size() throws IOException;

    /// Cuts the file off.
    void truncate(long size) throws IOException;

    @Override
    void close() throws IOException;
  }

  /// A file that is read from its beginning.
  interface Input extends Closeable {
    /// Up to `length` bytes, at least one; -1 at the end.
    int read(byte[] into, int from, int length) throws IOException;

    long size() throws IOException;

    @Override
    void close() throws IOException;
  }

  /// A file to be written from its end on; made if there is none.
  Output append(Path file) throws IOException;

  /// A file to be written, empty at first.
  Output create(Path file) throws IOException;

  Input read(Path file) throws IOException;

  boolean exists(Path file);

  /// Bytes in a file.
  long size(Path file) throws IOException;

  /// Has `from` take the place of `to`, so that a crash leaves the one or the other.
  void rename(Path from, Path to) throws IOException;

  /// Removes a file, if there is one.
  void delete(Path file) throws IOException;

  /// Removes a file that was made by [#create], if whoever wrote it is gone and didn't finish.
  /// Returns whether it did.
  default boolean deleteAbandoned(Path file) throws IOException {
    return false;
  }

  /// Makes a folder, unless there is one.
  void makeFolder(Path folder) throws IOException;

  /// Returns when the names in the folder would survive a loss of power.
  void syncFolder(Path folder) throws IOException;

  /// The names in a folder.
  List<String> names(Path folder) throws IOException;
}
