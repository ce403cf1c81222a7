package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.config.WholeFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// `nodes.conf` on the disk, and beside it `nodes.conf.synced`: what it was when it was surely on
/// the disk last.
///
/// What this node has promised (a vote, an epoch, slots that it took) is saved durably, before
/// anybody hears of it. What others tell again if it is forgotten is only written: a loss of power
/// may undo that, and some file systems leave an empty file then, or one with holes, or without its
/// end.
///
/// ```
///                         nodes.conf          .synced
///   durable save          on the disk         the same
///   save                  written             has all promises
///   sync                  as it is            the same, on the disk
/// ```
///
/// So whenever a loss of power tears `nodes.conf`, `.synced` has every promise, and the node goes
/// on from it. It votes in no epoch twice, and what it lacks others tell it, as after any loss of
/// power: a slot that it gave away meanwhile it claims with an older epoch than the new owner's,
/// and voters extend no lease of such a primary.
///
/// Only a file that is torn is passed over, not one that somebody has edited, or put there by
/// mistake.
final class NodesDisk {
  private final Config config;
  private final ConfigLog log;
  private final Object replacing = new Object(); // held while `.synced` is replaced
  private boolean isOver; // monitor
  private boolean isKept; // `.synced` has all promises; by the start, then by who saves

  NodesDisk(Config config, ConfigLog log) {
    this.config = config;
    this.log = log;
  }

  private Path file() {
    return config.path(Settings.CLUSTER_CONFIG_FILE);
  }

  private static Path beside(Path file, String ending) {
    return file.resolveSibling(file.getFileName() + ending);
  }

  private static Path synced(Path file) {
    return beside(file, ".synced");
  }

  // ── reading ──

  /// What the file says; null: there is none, or an empty one that no node has written. Errors: the
  /// message says what is wrong and what can be done.
  NodesFile.@Nullable Contents read() throws IOException {
    Path file = file();
    if (!Files.exists(file)) {
      return null;
    }
    try {
      byte[] bytes = Files.readAllBytes(file);
      return bytes.length == 0 && !Files.exists(synced(file)) ? null : contents(file, bytes);
    } catch (NodesFile.Corrupt e) {
      throw new IOException("Unrecoverable error: " + e.explain(file.toString()), e);
    } catch (IOException e) {
      throw new IOException("Loading the cluster node config " + file + ": " + IoReason.of(e), e);
    }
  }

  private NodesFile.Contents contents(Path file, byte[] bytes)
      throws IOException, NodesFile.Corrupt {
    try {
      return NodesFile.read(bytes);
    } catch (NodesFile.Corrupt e) {
      NodesFile.Contents kept = e.isTorn() ? kept(file, bytes) : null;
      if (kept == null) {
        throw e;
      }
      Path torn = beside(file, ".torn");
      Files.copy(file, torn, StandardCopyOption.REPLACE_EXISTING);
      log.log(
          '#',
          "The cluster configuration file is torn, as a loss of power may leave it ("
              + file
              + ":"
              + e.line()
              + ": "
              + e.getMessage()
              + "): this node goes on from "
              + synced(file)
              + ", the last one that was surely on the disk. The torn one is kept as "
              + torn
              + ".");
      isKept = true;
      return kept;
    }
  }

  /// What `.synced` says, if it is there, can be read and is of the node whose file is torn.
  private static NodesFile.@Nullable Contents kept(Path file, byte[] torn) throws IOException {
    if (!Files.exists(synced(file))) {
      return null;
    }
    try {
      NodesFile.Contents kept = NodesFile.read(Files.readAllBytes(synced(file)));
      String own = idOfMyself(torn);
      boolean isSame =
          own == null
              || kept.nodes().stream().anyMatch(node -> node.isMyself() && node.id().equals(own));
      return isSame ? kept : null;
    } catch (NodesFile.Corrupt e) {
      return null;
    }
  }

  private static @Nullable String idOfMyself(byte[] torn) {
    for (String line : new String(torn, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      String[] words = line.split(" ", 4);
      if (words.length == 4
          && NodesFile.isId(words[0])
          && Arrays.asList(words[2].split(",")).contains("myself")) {
        return words[0];
      }
    }
    return null;
  }

  // ── writing ──

  /// Whether a save that isn't durable is no more than a write: it waits for no disk.
  boolean onlyWrites() {
    return isKept;
  }

  /// Nothing is written any more: the file may soon be another process's.
  synchronized void end() {
    isOver = true;
  }

  /// Writes the file. One thread at a time.
  ///
  /// @param durably whether it is on the disk when this returns
  synchronized void save(NodesFile.Contents contents, boolean durably) throws IOException {
    if (isOver) {
      return;
    }
    byte[] bytes = NodesFile.write(contents, config.get(Settings.TLS_CLUSTER));
    Path file = file();
    if (durably) {
      synchronized (replacing) { // else an older one might replace `.synced` afterwards
        WholeFile.replace(file, bytes, synced(file));
      }
      isKept = true;
      return;
    }
    if (!isKept && Files.exists(file)) {
      sync();
      isKept = true;
    }
    WholeFile.replaceSoon(file, bytes);
  }

  /// Brings the file to the disk as it is now, whatever is written meanwhile. Any thread.
  void sync() throws IOException {
    Path file = file();
    if (Files.exists(file)) {
      synchronized (replacing) {
        WholeFile.keep(file, synced(file));
      }
    }
  }
}
