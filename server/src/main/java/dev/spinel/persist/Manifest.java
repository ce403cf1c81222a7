package dev.spinel.persist;

import dev.spinel.wire.Quoting;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Which files an append-only log consists of: Redis's manifest. Pure.
///
/// ```
///   file appendonly.aof.3.base.rdb seq 3 type b      at most one: the data as of a moment
///   file appendonly.aof.7.incr.aof seq 7 type i      what was done since, in the order of `seq`
///   file appendonly.aof.8.incr.aof seq 8 type i
///   file appendonly.aof.6.incr.aof seq 6 type h      of no use any more, not deleted yet
/// ```
///
/// Immutable; each change is another manifest.
record Manifest(
    @Nullable Part base,
    List<Part> history,
    List<Part> increments,
    long baseSequence,
    long incrementSequence) {
  static final Manifest EMPTY = new Manifest(null, List.of(), List.of(), 0, 0);

  private static final int LONGEST_LINE = 1024;

  enum Kind {
    BASE('b'),
    HISTORY('h'),
    INCREMENT('i');

    private final char letter;

    Kind(char letter) {
      this.letter = letter;
    }
  }

  record Part(String name, long sequence, Kind kind) {}

  /// A text that is no manifest. Its message is what Redis says of it.
  static final class BadManifest extends Exception {
    private static final long serialVersionUID = 1;

    final int line; // from 1 on; 0: none in particular
    final String text;

    BadManifest(int line, String text, String message) {
      super(message);
      this.line = line;
      this.text = text;
    }
  }

  /// Reads the bytes of a manifest.
  static Manifest parse(byte[] bytes) throws BadManifest {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    if (text.isEmpty()) {
      throw new BadManifest(0, "", "Found an empty AOF manifest");
    }
    Part base = null;
    List<Part> history = new ArrayList<>();
    List<Part> increments = new ArrayList<>();
    long baseSequence = 0;
    long incrementSequence = 0;
    int number = 0;
    for (int at = 0; at < text.length(); ) {
      number++;
      int end = text.indexOf('\n', at);
      if (end < 0 || end - at + 1 >= LONGEST_LINE) {
        String line = text.substring(at, end < 0 ? text.length() : end);
        throw new BadManifest(number, line, "The AOF manifest file contains too long line");
      }
      String line = text.substring(at, end).strip();
      at = end + 1;
      if (line.startsWith("#")) {
        continue;
      }
      Part part = part(line, number);
      switch (part.kind) {
        case BASE -> {
          if (base != null) {
            throw new BadManifest(number, line, "Found duplicate base file information");
          }
          base = part;
          baseSequence = part.sequence;
        }
        case HISTORY -> history.add(part);
        case INCREMENT -> {
          if (part.sequence <= incrementSequence) {
            throw new BadManifest(number, line, "Found a non-monotonic sequence number");
          }
          increments.add(part);
          incrementSequence = part.sequence;
        }
      }
    }
    return new Manifest(
        base, List.copyOf(history), List.copyOf(increments), baseSequence, incrementSequence);
  }

  private static Part part(String line, int number) throws BadManifest {
    List<String> words = words(line);
    if (words == null || words.size() < 6 || words.size() % 2 != 0) {
      throw new BadManifest(number, line, "Invalid AOF manifest file format");
    }
    String name = "";
    long sequence = 0;
    Kind kind = null;
    for (int i = 0; i < words.size(); i += 2) {
      String value = words.get(i + 1);
      switch (words.get(i).toLowerCase(java.util.Locale.ROOT)) {
        case "file" -> {
          name = value;
          if (name.contains("/")) {
            throw new BadManifest(number, line, "File can't be a path, just a filename");
          }
          if (!isFileName(name)) {
            throw new BadManifest(number, line, "Invalid AOF manifest file format");
          }
        }
        case "seq" -> sequence = sequence(value);
        case "type" -> {
          for (Kind each : Kind.values()) {
            if (value.charAt(0) == each.letter) {
              kind = each;
            }
          }
          if (kind == null) {
            throw new BadManifest(number, line, "Unknown AOF file type");
          }
        }
        default -> {} // a later version's
      }
    }
    if (name.isEmpty() || sequence == 0 || kind == null) {
      throw new BadManifest(number, line, "Invalid AOF manifest file format");
    }
    return new Part(name, sequence, kind);
  }

  /// Whether the system can have a file of this name: none has a byte 0.
  private static boolean isFileName(String name) {
    try {
      return !Path.of(name).toString().isEmpty();
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static long sequence(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      return 0; // is none
    }
  }

  /// Words as in redis.conf: quoted ones have escapes. Null if quotes don't match.
  private static @Nullable List<String> words(String line) {
    List<String> words = new ArrayList<>();
    int at = 0;
    while (true) {
      while (at < line.length() && Character.isWhitespace(line.charAt(at))) {
        at++;
      }
      if (at == line.length()) {
        return words;
      }
      StringBuilder word = new StringBuilder();
      if (line.charAt(at) != '"') {
        while (at < line.length() && !Character.isWhitespace(line.charAt(at))) {
          word.append(line.charAt(at++));
        }
      } else {
        at++;
        while (true) {
          if (at == line.length()) {
            return null;
          }
          char c = line.charAt(at++);
          if (c == '"') {
            break;
          }
          if (c != '\\' || at == line.length()) {
            word.append(c);
            continue;
          }
          c = line.charAt(at++);
          if (c == 'x' && at + 2 <= line.length() && isHex(line, at) && isHex(line, at + 1)) {
            word.append((char) Integer.parseInt(line.substring(at, at + 2), 16));
            at += 2;
          } else {
            word.append(
                switch (c) {
                  case 'n' -> '\n';
                  case 'r' -> '\r';
                  case 't' -> '\t';
                  case 'b' -> '\b';
                  case 'a' -> '\007';
                  default -> c;
                });
          }
        }
        if (at < line.length() && !Character.isWhitespace(line.charAt(at))) {
          return null;
        }
      }
      if (word.isEmpty()) {
        return null;
      }
      words.add(word.toString());
    }
  }

  private static boolean isHex(String line, int at) {
    return Character.digit(line.charAt(at), 16) >= 0;
  }

  /// The files that make the data, in order.
  List<Part> parts() {
    List<Part> all = new ArrayList<>();
    if (base != null) {
      all.add(base);
    }
    all.addAll(increments);
    return all;
  }

  /// What stands in the file.
  byte[] bytes() {
    StringBuilder text = new StringBuilder();
    if (base != null) {
      append(text, base);
    }
    history.forEach(part -> append(text, part));
    increments.forEach(part -> append(text, part));
    return text.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  private static void append(StringBuilder text, Part part) {
    text.append("file ")
        .append(Quoting.quoteIfNeeded(part.name))
        .append(" seq ")
        .append(part.sequence);
    text.append(" type ").append(part.kind.letter).append('\n');
  }

  // ── changes ──

  /// With one increment more.
  Manifest withIncrement(String fileName) {
    long sequence = incrementSequence + 1;
    List<Part> all = new ArrayList<>(increments);
    all.add(new Part(incrementName(fileName, sequence), sequence, Kind.INCREMENT));
    return new Manifest(base, history, List.copyOf(all), baseSequence, sequence);
  }

  /// With a new base that stands for all up to the last `kept` increments: what it replaces is
  /// history, in front of what has been that before.
  Manifest withBase(String fileName, boolean rdb, int kept) {
    long sequence = baseSequence + 1;
    List<Part> old = new ArrayList<>();
    int gone = increments.size() - kept;
    for (Part part : increments.subList(0, gone)) {
      old.add(new Part(part.name, part.sequence, Kind.HISTORY));
    }
    if (base != null) {
      old.add(new Part(base.name, base.sequence, Kind.HISTORY));
    }
    old.addAll(history);
    Part made = new Part(baseName(fileName, sequence, rdb), sequence, Kind.BASE);
    return new Manifest(
        made,
        List.copyOf(old),
        List.copyOf(increments.subList(gone, increments.size())),
        sequence,
        incrementSequence);
  }

  /// An old append-only file, of one piece, as the base.
  static Manifest ofOldFile(String fileName) {
    return new Manifest(new Part(fileName, 1, Kind.BASE), List.of(), List.of(), 1, 0);
  }

  Manifest withoutHistory() {
    return new Manifest(base, List.of(), increments, baseSequence, incrementSequence);
  }

  /// The file in which this is kept.
  static String fileName(String fileName) {
    return fileName + ".manifest";
  }

  static String baseName(String fileName, long sequence, boolean rdb) {
    return fileName + "." + sequence + ".base." + (rdb ? "rdb" : "aof");
  }

  static String incrementName(String fileName, long sequence) {
    return fileName + "." + sequence + ".incr.aof";
  }
}
