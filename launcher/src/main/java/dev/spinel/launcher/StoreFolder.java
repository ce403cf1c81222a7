package dev.spinel.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.jspecify.annotations.Nullable;

/// Where one store keeps its data, and what is there before it starts.
///
/// ```
///   D/                       the folder of `--dir`
///   ├─ store/                this store's
///   │  ├─ appendonlydir/     its append-only file
///   │  └─ dump.rdb           only if somebody said SAVE or BGSAVE, or if it was copied from D
///   └─ dump.rdb              of an earlier version, which kept its data in D itself
/// ```
///
/// A dump file of the earlier layout is copied, never moved: another server may be using it.
final class StoreFolder {
  private static final String LOG = "appendonlydir/appendonly.aof.manifest";

  /// The name of a dump file.
  static final String DUMP = "dump.rdb";

  /// The folder itself.
  final Path path;

  /// The dump file that was copied just now; null if none was.
  final @Nullable Path copiedFrom;

  private StoreFolder(Path path, @Nullable Path copiedFrom) {
    this.path = path;
    this.copiedFrom = copiedFrom;
  }

  /// Makes the folder, unless it is there, and copies a dump of the earlier layout to it if there
  /// is no other data.
  ///
  /// @param directory of `--dir`
  static StoreFolder in(Path directory, int port) throws IOException {
    Path path = directory.resolve("store");
    Files.createDirectories(path);
    Path earlier = earlierDump(directory, port);
    if (earlier == null || Files.exists(path.resolve(LOG)) || Files.exists(path.resolve(DUMP))) {
      return new StoreFolder(path, null);
    }
    Path unfinished = path.resolve(DUMP + ".copy");
    Files.copy(earlier, unfinished, StandardCopyOption.REPLACE_EXISTING);
    Files.move(unfinished, path.resolve(DUMP), StandardCopyOption.ATOMIC_MOVE);
    return new StoreFolder(path, earlier);
  }

  /// In the order in which the earlier version looked for it.
  private static @Nullable Path earlierDump(Path directory, int port) {
    Path ofPort = directory.resolve("dump-" + port + ".rdb");
    if (Files.exists(ofPort)) {
      return ofPort;
    }
    Path plain = directory.resolve(DUMP);
    return Files.exists(plain) ? plain : null;
  }

  /// The store doesn't start: the next start is to find what this one found.
  void removeCopy() {
    if (copiedFrom != null) {
      try {
        Files.deleteIfExists(path.resolve(DUMP));
      } catch (IOException e) {
        return; // the next start tries to load it, and says so
      }
    }
  }
}
