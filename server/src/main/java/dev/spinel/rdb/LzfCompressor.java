package dev.spinel.rdb;

import dev.spinel.value.ByteRun;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Compresses a string as liblzf does, byte for byte as Redis has it (a table of 2^16 places, "very
/// fast"): so files and payloads are equal to its own.
///
/// ```
///   000LLLLL  <L + 1 bytes>          the bytes themselves
///   LLLooooo  oooooooo               L + 2 bytes (L < 7) as o + 1 bytes before
///   111ooooo  LLLLLLLL  oooooooo     L + 9 bytes as o + 1 bytes before
/// ```
///
/// The table remembers, for three bytes, where they stood last. Three bytes that stand there again
/// are followed as far as both places agree; everything else is copied. Which matches are found is
/// observable, since the bytes must be equal: a table of another size, or one more place noted,
/// gives other bytes.
///
/// The length stands before the bytes, so whatever doesn't fit the buffer is compressed twice:
/// [#measure] counts, then [#write] does the same again. Both go in steps, so that the seat can be
/// left in between. What isn't at least four bytes shorter then isn't compressed at all.
final class LzfCompressor {
  private static final int TABLE_BITS = 16;
  private static final int TABLE_MASK = (1 << TABLE_BITS) - 1;
  private static final int MAX_LITERALS = 32;
  private static final int MAX_DISTANCE = 1 << 13;
  private static final int MAX_MATCH = 264;

  /// What is behind the place at hand may still be referred to, what is ahead of it be compared.
  private static final int BEHIND = MAX_DISTANCE + MAX_LITERALS;

  private static final int AHEAD = MAX_MATCH + 8;

  /// Strings of up to so many bytes are in the window as a whole.
  static final int WINDOW = 128 << 10;

  /// What is written at a time of larger ones.
  private static final int OUTPUT = 16 << 10;

  private final int[] table = new int[1 << TABLE_BITS];
  private int stamp; // places in the table up to this are of earlier strings
  private int lastLength; // of the string that the table's newest places are of

  private byte[] window = new byte[1 << 10];
  private int base; // index in the string of the window's first byte
  private int filled; // bytes in the window

  private byte[] result = new byte[1 << 10];
  private int resultBytes;
  private @Nullable RdbOutput to; // null: only counted

  private ByteRun run = NOTHING;
  private int length;
  private long most; // bytes that the result may have
  private int at; // index in the string
  private int literals; // bytes before it that aren't written yet
  private long written; // bytes of the result, with that of the literals at hand
  private int hash;

  private static final ByteRun NOTHING =
      new ByteRun() {
        @Override
        public long length() {
          return 0;
        }

        @Override
        public void rewind() {}

        @Override
        public void read(byte[] into, int from, int n) {}
      };

  /// Begins with a string of at least five bytes.
  void begin(ByteRun run) {
    this.run = run;
    length = (int) run.length();
    most = length - 4;
    int bytes = isSmall() ? length : OUTPUT;
    if (result.length < bytes) result = new byte[Math.max(bytes, 2 * result.length)];
    restart();
  }

  private void restart() {
    long next = (long) stamp + lastLength + 1;
    if (next > Integer.MAX_VALUE - length - 2) {
      Arrays.fill(table, 0);
      next = 0;
    }
    stamp = (int) next;
    lastLength = length;
    run.rewind();
    int size = Math.min(length, WINDOW);
    if (window.length < size) window = new byte[Math.max(size, Math.min(WINDOW, 2 * size))];
    base = 0;
    filled = 0;
    fill();
    resultBytes = 0;
    at = 0;
    literals = 0;
    written = 1;
    hash = (window[0] & 0xff) << 8 | (window[1] & 0xff);
  }

  private void fill() {
    int n = Math.min(window.length - filled, length - base - filled);
    run.read(window, filled, n);
    filled += n;
  }

  private void slide() {
    int from = at - BEHIND - base;
    System.arraycopy(window, from, window, 0, filled - from);
    base += from;
    filled -= from;
    fill();
  }

  /// Whether all of the result is in [#result] once it is measured.
  boolean isSmall() {
    return length <= WINDOW;
  }

  /// What a step came to.
  enum Step {
    MORE,
    DONE,
    /// It would not become shorter.
    VAIN
  }

  /// Goes on to find out how long the result is, for about `budget` bytes more.
  Step measure(int budget) {
    to = null;
    return advance(budget);
  }

  /// How long the result is. After [#measure].
  long resultLength() {
    return written;
  }

  /// Before [#write].
  void beginToWrite() {
    if (!isSmall()) restart();
  }

  /// Goes on to write the result, for about `budget` bytes more.
  Step write(RdbOutput out, int budget) {
    if (isSmall()) {
      out.bytes(result, 0, (int) written);
      return Step.DONE;
    }
    to = out;
    Step step = advance(budget);
    if (step != Step.MORE) {
      out.bytes(result, 0, resultBytes);
    }
    return step;
  }

  private Step advance(int budget) {
    int end = length;
    long stop = (long) at + budget;
    while (at < end - 2) {
      if (at >= stop) return Step.MORE;
      if (written >= most) return Step.VAIN;
      if (at - base + AHEAD > filled && base + filled < end) slide();
      int before = findMatch((int) Math.min(stop, end - 2));
      if (before < 0) {
        if (literals == MAX_LITERALS) {
          flush();
          written++;
        }
        continue;
      }
      if (written + 4 >= most && written - (literals == 0 ? 1 : 0) + 4 >= most) return Step.VAIN;
      endLiterals();
      int i = at - base;
      int matched = match(window, before, i, end - at - 2);
      refer(matched, i - before - 1);
      at += matched;
      written++;
      if (at < end - 2) noteTwo();
    }
    if (written + 3 > most) return Step.VAIN;
    while (at < end) literal();
    endLiterals();
    return Step.DONE;
  }

  /// Goes on to the next match, and returns where in the window it is; -1 if there is none before
  /// `limit`, or before the run of literals, the window or the room for the result is full.
  private int findMatch(int limit) {
    int[] places = table;
    byte[] w = window;
    int bias = stamp + base + 1;
    int first = at - base;
    long room = Math.min(MAX_LITERALS - literals, most - written);
    int last = (int) Math.min(limit - base, first + room);
    if (base + filled < length) last = Math.min(last, filled - AHEAD + 1);
    int h = hash;
    int found = -1;
    int i = first;
    for (; i < last; i++) {
      h = h << 8 | (w[i + 2] & 0xff);
      int place = place(h);
      int j = places[place] - bias;
      places[place] = i + bias;
      if (i - j <= MAX_DISTANCE
          && j > -base // those of earlier strings aren't, nor is the first byte
          && w[j + 2] == w[i + 2]
          && w[j + 1] == w[i + 1]
          && w[j] == w[i]) {
        found = j;
        break;
      }
    }
    hash = h;
    at = base + i;
    literals += i - first;
    written += i - first;
    return found;
  }

  private static int place(int hash) {
    return (hash >>> (24 - TABLE_BITS)) - hash * 5 & TABLE_MASK;
  }

  /// How many bytes are equal, three at least. The first sixteen behind those are compared without
  /// asking for the end: so it is with whoever wrote the format, and it can be seen in the result.
  private static int match(byte[] w, int j, int i, int left) {
    int most = Math.min(left, MAX_MATCH);
    int n = 2;
    if (most > 16) {
      for (int k = 0; k < 16; k++) {
        n++;
        if (w[j + n] != w[i + n]) return n;
      }
    }
    do {
      n++;
    } while (n < most && w[j + n] == w[i + n]);
    return n;
  }

  /// The last two places of a match are noted, the others aren't.
  private void noteTwo() {
    int[] places = table;
    int i = at - 2 - base;
    int h = (window[i] & 0xff) << 8 | (window[i + 1] & 0xff);
    h = h << 8 | (window[i + 2] & 0xff);
    places[place(h)] = stamp + at - 1;
    h = h << 8 | (window[i + 3] & 0xff);
    places[place(h)] = stamp + at;
    hash = h;
  }

  private void literal() {
    at++;
    written++;
    if (++literals == MAX_LITERALS) {
      flush();
      written++;
    }
  }

  /// The bytes before the one at hand are written; without any, the byte for their number goes.
  private void endLiterals() {
    if (literals > 0) {
      flush();
    } else {
      written--;
    }
  }

  private void flush() {
    room(literals + 1);
    result[resultBytes++] = (byte) (literals - 1);
    System.arraycopy(window, at - literals - base, result, resultBytes, literals);
    resultBytes += literals;
    literals = 0;
  }

  private void refer(int matched, int distance) {
    room(3);
    int more = matched - 2;
    if (more < 7) {
      result[resultBytes++] = (byte) ((distance >>> 8) + (more << 5));
      written += 2;
    } else {
      result[resultBytes++] = (byte) ((distance >>> 8) + (7 << 5));
      result[resultBytes++] = (byte) (more - 7);
      written += 3;
    }
    result[resultBytes++] = (byte) distance;
  }

  private void room(int n) {
    if (resultBytes + n > result.length) {
      assert !isSmall();
      if (to != null) to.bytes(result, 0, resultBytes);
      resultBytes = 0;
    }
  }
}
