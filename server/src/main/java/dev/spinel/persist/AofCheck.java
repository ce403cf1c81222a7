package dev.spinel.persist;

import dev.spinel.config.IoReason;
import dev.spinel.rdb.RdbInput;
import dev.spinel.rdb.RdbReader;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/// Looks through an append-only file, of one piece or of the many that a manifest names, and says
/// what it has found, line for line as `redis-check-aof` does. Where it is asked to, it cuts off
/// what stands behind the last whole command or transaction, or behind a moment, but of the last
/// file only: empty ones may stand behind it (for the real one, none).
public final class AofCheck {
  private static final int LONGEST_LINE = 1024;

  /// What ends the program.
  private static final class Stop extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private enum Verdict {
    SOUND,
    EMPTY,
    CUT,
    CUT_AT_TIME
  }

  private final PrintStream out;
  private final ToIntFunction<String> rdbCheck;
  private final Predicate<String> answersYes;
  private final boolean mends;
  private final long untilSeconds; // 0: no moment is given

  private String error = "";
  private long line = 1; // goes on from one file to the next, as in Redis

  /// @param out characters 0 to 255
  /// @param rdbCheck checks the RDB stream at the beginning of a file, and returns 0 if it is sound
  /// @param answersYes asks the user, and tells whether the answer begins with a y
  public AofCheck(
      PrintStream out,
      ToIntFunction<String> rdbCheck,
      Predicate<String> answersYes,
      boolean mends,
      long untilSeconds) {
    this.out = out;
    this.rdbCheck = rdbCheck;
    this.answersYes = answersYes;
    this.mends = mends;
    this.untilSeconds = untilSeconds;
  }

  /// Returns the exit status.
  public int run(String name) {
    try {
      Path file = Path.of(name);
      byte[] beginning = beginning(file, name);
      if (isManifest(beginning)) {
        checkAll(file);
      } else {
        out.println("Start checking Old-Style AOF");
        tell(check(name, file, true, isRdb(beginning)), name, "AOF");
      }
      return 0;
    } catch (Stop e) {
      return 1;
    }
  }

  private Stop stop(String text) {
    out.println(text);
    return new Stop();
  }

  private byte[] beginning(Path file, String name) {
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(64 * LONGEST_LINE);
    } catch (IOException e) {
      throw stop("Cannot open file " + name + ": " + IoReason.of(e));
    }
  }

  private static boolean isManifest(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    for (String each : text.split("\n")) {
      if (!each.startsWith("#")) {
        return each.startsWith("file");
      }
    }
    return false;
  }

  private static boolean isRdb(byte[] bytes) {
    return bytes.length >= 8
        && new String(bytes, 0, 5, StandardCharsets.ISO_8859_1).equals("REDIS");
  }

  private void checkAll(Path file) {
    out.println("Start checking Multi Part AOF");
    Manifest manifest = manifest(file);
    Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent());
    Manifest.Part base = manifest.base();
    List<Manifest.Part> increments = manifest.increments();
    if (base != null) {
      Path path = folder.resolve(base.name());
      boolean rdb = isRdb(beginning(path, path.toString()));
      out.println("Start to check BASE AOF (" + (rdb ? "RDB" : "RESP") + " format).");
      tell(check(base.name(), path, areEmpty(folder, increments), rdb), base.name(), "BASE AOF");
    }
    if (!increments.isEmpty()) {
      out.println("Start to check INCR files.");
      for (int i = 0; i < increments.size(); i++) {
        String name = increments.get(i).name();
        boolean isLast = areEmpty(folder, increments.subList(i + 1, increments.size()));
        tell(check(name, folder.resolve(name), isLast, false), name, "INCR AOF");
      }
    }
    out.println("All AOF files and manifest are valid");
  }

  /// Whether nothing was appended to any of them, so that the file before them is the last one for
  /// whoever loads it, too.
  private static boolean areEmpty(Path folder, List<Manifest.Part> parts) {
    for (Manifest.Part part : parts) {
      try {
        if (Files.size(folder.resolve(part.name())) > 0) {
          return false;
        }
      } catch (IOException e) {
        return false; // it is told in its turn
      }
    }
    return true;
  }

  private Manifest manifest(Path file) {
    try {
      return Manifest.parse(Files.readAllBytes(file));
    } catch (IOException e) {
      throw stop("Cannot open file " + file + ": " + IoReason.of(e));
    } catch (Manifest.BadManifest e) {
      out.println("*** FATAL AOF MANIFEST FILE ERROR ***");
      if (e.line > 0) {
        out.println("Reading the manifest file, at line " + e.line);
        out.println(">>> '" + e.text + "'");
      }
      throw stop(String.valueOf(e.getMessage()));
    }
  }

  private void tell(Verdict verdict, String name, String kind) {
    switch (verdict) {
      case SOUND -> out.println(kind + " " + name + " is valid");
      case EMPTY -> out.println(kind + " " + name + " is empty");
      case CUT -> out.println("Successfully truncated AOF " + name);
      case CUT_AT_TIME ->
          out.println("Successfully truncated AOF " + name + " to timestamp " + untilSeconds);
    }
  }

  // ── one file ──

  private Verdict check(String name, Path path, boolean isLast, boolean rdb) {
    error = "";
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), mends() ? "rw" : "r")) {
      long size = file.length();
      if (size == 0) {
        return Verdict.EMPTY;
      }
      long begin = 0;
      if (rdb) {
        if (rdbCheck.applyAsInt(path.toString()) != 0) {
          throw stop("RDB preamble of AOF file is not sane, aborting.");
        }
        out.println("RDB preamble is OK, proceeding with AOF tail...");
        begin = rdbEnd(path, size);
      }
      Scan scan = new Scan(path, begin);
      try (scan.in) {
        if (!scan.all(name)) {
          return cutAtTime(file, scan.soundTo, name, isLast);
        }
      }
      if (!error.isEmpty()) {
        out.println(error);
      }
      return judge(file, name, isLast, size, scan.soundTo);
    } catch (IOException e) {
      throw stop("Cannot open file " + path + ": " + IoReason.of(e) + ", aborting...");
    }
  }

  private boolean mends() {
    return mends || untilSeconds != 0;
  }

  private static long rdbEnd(Path path, long size) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path))) {
      RdbInput input =
          new RdbInput()
              .open(
                  (to, at, n) -> {
                    try {
                      return in.read(to, at, n);
                    } catch (IOException e) {
                      throw new UncheckedIOException(e);
                    }
                  },
                  size,
                  false);
      RdbReader reader = new RdbReader(input);
      while (true) {
        RdbReader.Part part = reader.next();
        if (part == RdbReader.Part.END) {
          return reader.offset();
        }
        if (part == RdbReader.Part.KEY) {
          reader.pass();
        }
      }
    }
  }

  private Verdict judge(RandomAccessFile file, String name, boolean isLast, long size, long soundTo)
      throws IOException {
    long rest = size - soundTo;
    if (rest == 0 && untilSeconds != 0) {
      out.println("Truncate nothing in AOF " + name + " to timestamp " + untilSeconds);
      return Verdict.SOUND;
    }
    out.println(
        "AOF analyzed: filename="
            + name
            + ", size="
            + size
            + ", ok_up_to="
            + soundTo
            + ", ok_up_to_line="
            + line
            + ", diff="
            + rest);
    if (rest == 0) {
      return Verdict.SOUND;
    }
    if (!mends) {
      throw stop("AOF " + name + " is not valid. Use the --fix option to try fixing it.");
    }
    if (!isLast) {
      throw stop("Failed to truncate AOF " + name + " because it is not the last file");
    }
    out.println(
        "This will shrink the AOF "
            + name
            + " from "
            + size
            + " bytes, with "
            + rest
            + " bytes, to "
            + soundTo
            + " bytes");
    if (!answersYes.test("Continue? [y/N]: ")) {
      throw stop("Aborting...");
    }
    file.setLength(soundTo);
    return Verdict.CUT;
  }

  private Verdict cutAtTime(RandomAccessFile file, long at, String name, boolean isLast)
      throws IOException {
    if (at == 0) {
      throw stop("AOF " + name + " has nothing before timestamp " + untilSeconds + ", aborting...");
    }
    if (!isLast) {
      out.println(
          "Failed to truncate AOF "
              + name
              + " to timestamp "
              + untilSeconds
              + " to offset "
              + at
              + " because it is not the last file.");
      throw stop(
          "To do so, delete the files that come after it, and their lines in the manifest, and run"
              + " this again.");
    }
    file.setLength(at);
    return Verdict.CUT_AT_TIME;
  }

  /// Reads the commands of one file.
  private final class Scan {
    final InputStream in;
    private long offset;
    private long lastRead; // where the last number, string or line began
    private int multi;

    /// The end of the last whole command or transaction.
    long soundTo;

    Scan(Path path, long from) throws IOException {
      InputStream opened = Files.newInputStream(path);
      opened.skipNBytes(from);
      in = new BufferedInputStream(opened, 1 << 16);
      offset = from;
    }

    /// Returns false if a line said a time behind the one that is asked for; [#soundTo] is before
    /// it then.
    boolean all(String name) throws IOException {
      while (true) {
        if (multi == 0) {
          soundTo = offset;
        }
        int first = read();
        if (first < 0) {
          break;
        }
        if (first == '#') {
          long at = offset - 1;
          lastRead = at;
          if (isTooLate(restOfLine())) {
            soundTo = at;
            return false;
          }
        } else if (first == '*') {
          if (!command(name)) {
            break;
          }
        } else {
          out.println("AOF " + name + " format error");
          return true;
        }
      }
      if (multi != 0 && error.isEmpty()) {
        fail(lastRead, "Reached EOF before reading EXEC for MULTI");
      }
      return true;
    }

    private boolean isTooLate(String text) {
      if (untilSeconds == 0 || !text.startsWith("TS:")) {
        return false;
      }
      try {
        return Long.parseLong(text.substring(3).strip()) > untilSeconds;
      } catch (NumberFormatException e) {
        throw stop("Invalid timestamp annotation");
      }
    }

    private boolean command(String name) throws IOException {
      Long count = number(offset - 1);
      if (count == null) {
        return false;
      }
      for (long i = 0; i < count; i++) {
        byte[] word = word();
        if (word == null) {
          return false;
        }
        if (i == 0) {
          String verb = new String(word, StandardCharsets.ISO_8859_1).toLowerCase(Locale.ROOT);
          if (verb.equals("multi") && multi++ != 0) {
            return fail(lastRead, "Unexpected MULTI in AOF " + name);
          }
          if (verb.equals("exec") && --multi != 0) {
            return fail(lastRead, "Unexpected EXEC in AOF " + name);
          }
        }
      }
      return true;
    }

    /// Null if there is none, or it isn't whole. Of a long one only the beginning.
    private byte @Nullable [] word() throws IOException {
      long at = offset;
      lastRead = at;
      int prefix = read();
      if (prefix < 0) {
        return null;
      }
      if (prefix != '$') {
        fail(at, "Expected prefix '$', got: '" + (char) prefix + "'");
        return null;
      }
      Long length = number(at);
      if (length == null) {
        return null;
      }
      if (length < 0) {
        fail(
            at,
            "Expected to read string of " + length + " bytes, which is not in the suitable range");
        return null;
      }
      long begin = offset;
      lastRead = begin;
      byte[] word = in.readNBytes((int) Math.min(length, 16));
      long skipped = word.length + skip(length - word.length);
      int cr = skipped == length ? in.read() : -1;
      int lf = cr < 0 ? -1 : in.read();
      offset = begin + skipped + (cr < 0 ? 0 : 1) + (lf < 0 ? 0 : 1);
      if (lf < 0) {
        fail(
            begin,
            "Expected to read " + (length + 2) + " bytes, got " + (offset - begin) + " bytes");
        return null;
      }
      if (cr != '\r' || lf != '\n') {
        fail(begin, String.format(Locale.ROOT, "Expected \\r\\n, got: %02x%02x", cr, lf));
        return null;
      }
      line++;
      return word;
    }

    private long skip(long count) throws IOException {
      long left = count;
      while (left > 0) {
        long n = in.skip(left);
        if (n <= 0) {
          if (in.read() < 0) {
            return count - left;
          }
          n = 1;
        }
        left -= n;
      }
      return count;
    }

    /// The number up to the end of the line; null if there is none.
    private @Nullable Long number(long at) throws IOException {
      lastRead = at;
      StringBuilder digits = new StringBuilder();
      int c;
      while ((c = read()) >= '0' && c <= '9' || c == '-' && digits.isEmpty()) {
        digits.append((char) c);
        if (digits.length() > 19) {
          fail(at, "Expected \\r\\n, got: more digits than a number has");
          return null;
        }
      }
      int lf = c < 0 ? -1 : read();
      if (c < 0) {
        fail(at, "Expected \\r\\n, got the end of the file");
        return null;
      }
      if (c != '\r' || lf != '\n') {
        fail(at, String.format(Locale.ROOT, "Expected \\r\\n, got: %02x%02x", c, Math.max(0, lf)));
        return null;
      }
      line++;
      return digits.isEmpty() || digits.toString().equals("-")
          ? 0
          : Long.parseLong(digits.toString());
    }

    private String restOfLine() throws IOException {
      StringBuilder text = new StringBuilder();
      for (int c; (c = read()) >= 0 && c != '\n' && text.length() < LONGEST_LINE; ) {
        text.append((char) c);
      }
      return text.toString();
    }

    private int read() throws IOException {
      int c = in.read();
      offset += c < 0 ? 0 : 1;
      return c;
    }

    private boolean fail(long at, String text) {
      error = String.format(Locale.ROOT, "0x%16x: %s", at, text);
      return false;
    }
  }
}
