package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.config.Settings;
import dev.spinel.engine.Applier;
import dev.spinel.engine.Command;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Loads an append-only file: its base, then each increment, in the order of the manifest.
///
/// What ends in the middle of a command or of a transaction, the last file may, is cut off there if
/// `aof-load-truncated` says so. What is no command, or fails, ends the loading: nothing is
/// touched.
final class AofLoader {
  /// The log can't be loaded. What there is to say is in the message.
  static final class Unloadable extends Exception {
    private static final long serialVersionUID = 1;

    Unloadable(String message) {
      super(message);
    }
  }

  /// Reads an RDB stream from the beginning of a file.
  interface RdbReading {
    /// Loads it, and returns where it ends. Errors: as of any RDB file.
    long load(Disk.Input in, String name) throws IOException, Unloadable;
  }

  /// Hears how far the loading has come.
  interface Progress {
    void loaded(long bytes);
  }

  private enum Ending {
    WHOLE,
    EMPTY,
    TRUNCATED
  }

  private static final int BUFFER_BYTES = 256 * 1024;
  private static final int SLOW_BYTES = 1024; // at a time, where key-load-delay is set
  private static final byte[] RDB = {'R', 'E', 'D', 'I', 'S'};

  private final Persistence persistence;
  private final Aof aof;
  private final Disk disk;
  private final RdbReading rdb;
  private final Progress progress;
  private final KeyDelay delay;
  private @Nullable String failure; // of a command

  AofLoader(Persistence persistence, Aof aof, RdbReading rdb, Progress progress) {
    this.persistence = persistence;
    this.aof = aof;
    this.disk = persistence.disk;
    this.delay = new KeyDelay(persistence.config, Settings.KEY_LOAD_DELAY);
    this.rdb = rdb;
    this.progress = progress;
  }

  /// What the manifest on the disk says, once an old log of one file has become the base.
  Manifest manifest() throws IOException, Unloadable {
    Manifest manifest;
    try {
      manifest = aof.readManifest();
    } catch (Manifest.BadManifest e) {
      persistence.warning("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
      if (e.line > 0) {
        persistence.warning("Reading the manifest file, at line " + e.line + "\n");
        persistence.warning(">>> '" + e.text + "'\n");
      }
      throw new Unloadable(String.valueOf(e.getMessage()));
    }
    Manifest.Part base = manifest.base();
    boolean isEmpty = base == null && manifest.increments().isEmpty();
    boolean wasCutShort =
        base != null
            && manifest.increments().isEmpty()
            && base.name().equals(aof.oldFile().getFileName().toString())
            && !disk.exists(aof.file(base.name()));
    if (disk.exists(aof.oldFile()) && (isEmpty || wasCutShort)) {
      return aof.adoptOldFile();
    }
    return manifest;
  }

  /// Bytes of all files.
  long bytes(Manifest manifest) throws Unloadable {
    return bytes(manifest.parts());
  }

  private long bytes(List<Manifest.Part> parts) throws Unloadable {
    long sum = 0;
    for (Manifest.Part part : parts) {
      sum += bytes(part);
    }
    return sum;
  }

  private long bytes(Manifest.Part part) throws Unloadable {
    try {
      return disk.size(aof.file(part.name()));
    } catch (IOException e) {
      throw new Unloadable(
          "Unable to obtain the AOF file " + part.name() + " length. stat: " + IoReason.of(e));
    }
  }

  /// Loads all that the manifest names. A torn file is the last one if nothing was appended to
  /// those behind it.
  void load(Manifest manifest) throws IOException, Unloadable {
    List<Manifest.Part> parts = manifest.parts();
    for (int i = 0; i < parts.size(); i++) {
      Manifest.Part part = parts.get(i);
      String kind = part.kind() == Manifest.Kind.BASE ? "base" : "incr";
      load(part, kind, bytes(parts.subList(i + 1, parts.size())) == 0);
    }
  }

  private void load(Manifest.Part part, String kind, boolean isLast)
      throws IOException, Unloadable {
    long began = System.nanoTime();
    Ending ending = load(part.name(), isLast);
    if (ending != Ending.EMPTY || kind.equals("base")) {
      persistence.notice(
          String.format(
              Locale.ROOT,
              "DB loaded from %s file %s: %.3f seconds",
              kind,
              part.name(),
              (System.nanoTime() - began) / 1e9));
    }
  }

  /// Redis cuts a torn file off also where others stand behind it, and refuses to start; at the
  /// next start nothing would tell that something is missing in the middle. So it stays as it is.
  private Ending load(String name, boolean isLast) throws IOException, Unloadable {
    Path path = aof.file(name);
    long truncateAt = -1;
    Ending ending = Ending.WHOLE;
    try (Disk.Input in = disk.read(path)) {
      if (in.size() == 0) {
        return Ending.EMPTY;
      }
      try (Counted counted = new Counted(in)) {
        byte[] buffer = new byte[BUFFER_BYTES];
        int first = counted.peek(buffer);
        if (startsAsRdb(buffer, first)) {
          boolean isOld = name.equals(aof.oldFile().getFileName().toString());
          persistence.notice(
              isOld
                  ? "Reading RDB preamble from AOF file..."
                  : "Reading RDB base file on AOF loading...");
          counted.backTo(rdb.load(counted, name));
          if (isOld) {
            persistence.notice("Reading the remaining AOF tail...");
          }
        }
        long tail = counted.offset();
        long applied = apply(counted, name, buffer);
        if (applied >= 0) {
          ending = Ending.TRUNCATED;
          truncateAt = tail + applied;
        }
      }
    }
    if (ending == Ending.TRUNCATED) {
      if (!isLast) {
        throw new Unloadable("Fatal error: the truncated file is not the last file");
      }
      truncate(path, name, truncateAt);
    }
    return ending;
  }

  private static boolean startsAsRdb(byte[] buffer, int length) {
    for (int i = 0; i < RDB.length; i++) {
      if (i >= length || buffer[i] != RDB[i]) {
        return false;
      }
    }
    return true;
  }

  /// Applies the commands of the rest of a file. Returns -1, or, if they end in the middle, after
  /// how many bytes the last whole one does.
  private long apply(Disk.Input in, String name, byte[] buffer) throws IOException, Unloadable {
    failure = null;
    try (Applier applier = new Applier(persistence.engine, this::failed)) {
      applier.begin();
      try {
        long zeros = 0; // that may be the end
        for (int n; (n = in.read(buffer, 0, mostBytes())) > 0; ) {
          check();
          int end = n;
          while (end > 0 && buffer[end - 1] == 0) {
            end--;
          }
          if (end == 0) {
            zeros += n;
            continue;
          }
          for (byte[] gap = new byte[4096]; zeros > 0; zeros -= Math.min(zeros, gap.length)) {
            applier.apply(gap, 0, (int) Math.min(zeros, gap.length));
          }
          long before = applier.commands();
          boolean more = applier.apply(buffer, 0, end);
          zeros = n - end;
          if (failure != null) {
            throw new Unloadable(failure + " reading the append only file " + name);
          }
          if (!more) {
            throw new Unloadable(
                "Bad file format reading the append only file "
                    + name
                    + ": make a backup of your AOF file, then use ./redis-check-aof --fix"
                    + " <filename.manifest> (behind offset "
                    + applier.appliedBytes()
                    + " of its commands: "
                    + applier.error()
                    + ")");
          }
          delay(applier, applier.commands() - before);
        }
        boolean isOpen = applier.isInTransaction();
        if (!isOpen && !applier.isInCommand() && zeros == 0) {
          return -1;
        }
        if (isOpen) {
          persistence.warning("Revert incomplete MULTI/EXEC transaction in AOF file " + name);
        }
        applier.forget();
        return applier.appliedBytes();
      } finally {
        applier.end();
      }
    }
  }

  private int mostBytes() {
    return delay.isSet() ? SLOW_BYTES : BUFFER_BYTES;
  }

  private void check() throws Unloadable {
    if (persistence.loading.isCancelled()) {
      throw new Unloadable("the loading was ended before its end");
    }
  }

  /// `key-load-delay`, for so many commands. Nobody has to wait for the applier meanwhile.
  private void delay(Applier applier, long commands) throws Unloadable {
    delay.owe(commands);
    if (!delay.isOwed()) {
      return;
    }
    applier.end();
    try {
      delay.pay(this::check);
    } finally {
      applier.begin();
    }
  }

  private void failed(@Nullable Command command, String error) {
    if (failure == null) {
      failure =
          command == null
              ? "Unknown command " + quoted(error)
              : "The command " + command.name + " failed (" + error + ")";
    }
  }

  /// The name in `ERR unknown command 'name', …`, in its quotes.
  private static String quoted(String error) {
    int from = error.indexOf('\'');
    int to = error.indexOf("', with args");
    return from < 0 || to < from ? "(" + error + ")" : error.substring(from, to + 1);
  }

  private void truncate(Path path, String name, long at) throws IOException, Unloadable {
    if (!persistence.config.get(Settings.AOF_LOAD_TRUNCATED)) {
      throw new Unloadable(
          "Unexpected end of file reading the append only file "
              + name
              + ". You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix"
              + " <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated'"
              + " configuration option to yes and restart the server.");
    }
    persistence.warning("!!! Warning: short read while loading the AOF file " + name + "!!!");
    persistence.warning("!!! Truncating the AOF " + name + " at offset " + at + " !!!");
    try (Disk.Output out = disk.append(path)) {
      out.truncate(at);
      out.sync();
    }
    persistence.warning("AOF " + name + " loaded anyway because aof-load-truncated is enabled");
  }

  /// A file that knows how far it was read, and whose beginning can be looked at.
  private final class Counted implements Disk.Input {
    private final Disk.Input of;
    private byte[] first = {};
    private int firstAt;
    private long offset;
    private byte[] last = {}; // where the end of what was read last still is
    private int lastEnd;

    Counted(Disk.Input of) {
      this.of = of;
    }

    int peek(byte[] buffer) throws IOException {
      int have = 0;
      for (int n; have < RDB.length && (n = of.read(buffer, have, RDB.length - have)) > 0; ) {
        have += n;
      }
      first = Arrays.copyOf(buffer, have);
      return have;
    }

    long offset() {
      return offset;
    }

    /// Goes back to where whoever has read last needed no more: within what that last read gave,
    /// which is still in the array that it gave it to.
    void backTo(long to) {
      int excess = Math.toIntExact(offset - to);
      first = Arrays.copyOfRange(last, lastEnd - excess, lastEnd);
      firstAt = 0;
      offset = to;
      progress.loaded(-excess);
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      int n;
      if (firstAt < first.length) {
        n = Math.min(length, first.length - firstAt);
        System.arraycopy(first, firstAt, into, from, n);
        firstAt += n;
      } else {
        n = of.read(into, from, length);
      }
      if (n > 0) {
        last = into;
        lastEnd = from + n;
        offset += n;
        progress.loaded(n);
      }
      return n;
    }

    @Override
    public long size() throws IOException {
      return of.size();
    }

    @Override
    public void close() {}
  }
}
