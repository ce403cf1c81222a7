package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.IoReason;
import dev.spinel.memory.Heap;
import dev.spinel.rdb.EncodingLimits;
import dev.spinel.rdb.RdbException;
import dev.spinel.rdb.RdbInput;
import dev.spinel.rdb.RdbReader;
import dev.spinel.rdb.RdbType;
import dev.spinel.rdb.ValueReader;
import dev.spinel.value.SetValue;
import dev.spinel.value.Values;
import dev.spinel.value.Walk;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The program `redis-check-rdb`: reads an RDB file from its beginning to its end, makes each of
/// its values and throws it away, and says what it has found, line for line as Redis's does.
///
/// Exit status 0: the file is sound. 1: it isn't, or can't be read; then the last lines tell the
/// offset, what was expected there, and what was being read.
public final class CheckRdb {
  private static final EncodingLimits LIMITS =
      new EncodingLimits(512, 64, new SetValue.Thresholds(512, 128, 64), 128, 64, -2);

  private final PrintStream out;
  private final long nowMillis;

  private long keys;
  private long expiring;
  private long expired;

  /// What it writes goes to `out`, bytes as characters 0 to 255.
  CheckRdb(PrintStream out, long nowMillis) {
    this.out = out;
    this.nowMillis = nowMillis;
  }

  public static void main(String[] arguments) {
    if (arguments.length != 1) {
      print(FileDescriptor.err).println("Usage: redis-check-rdb <rdb-file-name>");
      System.exit(1);
    }
    PrintStream out = print(FileDescriptor.out);
    int status = 0;
    if (arguments[0].equals("-v") || arguments[0].equals("--version")) {
      out.println("redis-check-rdb " + Config.REDIS_VERSION);
    } else {
      status = new CheckRdb(out, System.currentTimeMillis()).run(arguments[0]);
    }
    out.flush();
    System.exit(status);
  }

  private static PrintStream print(FileDescriptor to) {
    BufferedOutputStream buffered = new BufferedOutputStream(new FileOutputStream(to));
    return new PrintStream(buffered, to == FileDescriptor.err, StandardCharsets.ISO_8859_1);
  }

  /// Returns the exit status.
  int run(String name) {
    line(0, "Checking RDB file " + text(name.getBytes(StandardCharsets.UTF_8)));
    Path file = Path.of(name);
    try (InputStream in = Files.newInputStream(file);
        Heap heap = new Heap()) {
      return check(in, Files.size(file), heap);
    } catch (NoSuchFileException e) {
      out.println("There is no such file.");
    } catch (IOException e) {
      out.println("It can't be read: " + IoReason.of(e));
    } catch (UncheckedIOException e) {
      out.println("It can't be read: " + IoReason.of(Objects.requireNonNull(e.getCause())));
    }
    return 1;
  }

  private int check(InputStream from, long bytes, Heap heap) {
    RdbInput in =
        new RdbInput()
            .open(
                (to, at, n) -> {
                  try {
                    return from.read(to, at, n);
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                },
                bytes,
                true);
    RdbReader reader = null;
    boolean inValue = false;
    try {
      reader = new RdbReader(in);
      Values values = new Values(heap.memory(), heap.allocator(), new Walk(heap.memory()), 1, 2);
      ValueReader decoder = new ValueReader(values);
      while (true) {
        RdbReader.Part part = reader.next();
        if (part == RdbReader.Part.END) {
          break;
        }
        inValue = part == RdbReader.Part.KEY;
        if (inValue) {
          key(reader, decoder, values);
          inValue = false;
        } else {
          tell(reader, part);
        }
      }
      return end(reader);
    } catch (RdbException e) {
      boolean ended = e.fault() == RdbException.Fault.TRUNCATED;
      error(reader, inValue, e.offset(), ended ? "Unexpected EOF reading RDB file" : message(e));
      if (ended) {
        out.println("[additional info] " + message(e));
      }
      info();
      return 1;
    }
  }

  private static String message(RdbException e) {
    return e.getMessage();
  }

  private void tell(RdbReader reader, RdbReader.Part part) {
    switch (part) {
      case AUX ->
          line(
              reader.offset(),
              "AUX FIELD " + text(reader.name()) + " = '" + text(reader.text()) + "'");
      case DATABASE -> line(reader.offset(), "Selecting DB ID " + reader.number());
      case MODULE -> line(reader.offset(), "MODULE AUX for: " + text(reader.name()));
      default -> {}
    }
  }

  /// What can't be data here is only passed over: it may be sound all the same.
  private void key(RdbReader reader, ValueReader decoder, Values values) {
    keys++;
    if (reader.type().isHeld()) {
      try {
        values.dictionary().free(reader.value(decoder, reader.key(), LIMITS));
      } catch (RdbException e) {
        if (e.fault() != RdbException.Fault.EMPTY) {
          throw e; // Redis passes empty keys over, too, when it loads
        }
      }
    } else {
      reader.pass();
    }
    if (reader.expiry() != -1) {
      expiring++;
      if (reader.expiry() < nowMillis) {
        expired++;
      }
    }
  }

  private int end(RdbReader reader) {
    switch (reader.checksum()) {
      case DIFFERENT -> {
        error(reader, false, reader.offset(), "RDB CRC error");
        out.println(
            "[additional info] The checksum is %016x, but %016x was expected"
                .formatted(reader.storedChecksum(), reader.computedChecksum()));
        info();
        return 1;
      }
      case NONE ->
          line(reader.offset(), "RDB file was saved with checksum disabled: no check performed.");
      case EQUAL -> line(reader.offset(), "Checksum OK");
      case UNKNOWN -> {}
    }
    line(reader.offset(), "\\o/ RDB looks OK! \\o/");
    info();
    return 0;
  }

  private void error(@Nullable RdbReader reader, boolean inValue, long offset, String what) {
    out.println("--- RDB ERROR DETECTED ---");
    line(offset, what);
    RdbReader.Doing doing = reader == null ? RdbReader.Doing.START : reader.doing();
    out.println("[additional info] While doing: " + doing);
    if (reader != null && inValue) {
      RdbType type = reader.type();
      out.println("[additional info] Reading key '" + reader.key().text() + "'");
      out.println("[additional info] Reading type " + type.number() + " (" + type.title() + ")");
    }
  }

  private void info() {
    out.println("[info] " + keys + " keys read");
    out.println("[info] " + expiring + " expires");
    out.println("[info] " + expired + " already expired");
  }

  private void line(long offset, String what) {
    out.println("[offset " + offset + "] " + what);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
