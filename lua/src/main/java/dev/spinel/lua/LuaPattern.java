package dev.spinel.lua;

import java.util.Arrays;

/// One pattern on its way over one subject: Lua's pattern matching, by backtracking.
///
/// A pattern ends at its first zero byte, as in C. Matching takes steps of the state's fuel, so a
/// pattern that backtracks for ever can be ended by the hook; and it nests [#MOST_NESTED] deep at
/// most (one for each item that can match in more than one way), less if the stack is in use.
final class LuaPattern {
  /// No match.
  static final int NONE = -1;

  private static final int MOST_CAPTURES = 32;
  private static final int MOST_NESTED = 1000;
  private static final int OPEN = -1; // the length of a capture that hasn't ended
  private static final int POSITION = -2; // the length of a capture that is a position

  private static final int STEPS_AT_ONCE = 256;
  private static final int LOOKED_AT_ONCE = 4096;

  private final LuaCall call;
  private final byte[] subject;
  private final byte[] pattern;
  private final int patternEnd;
  private final int mostNested;
  private int nested;
  private int steps;
  private int captures;
  private final int[] starts = new int[MOST_CAPTURES];
  private final int[] lengths = new int[MOST_CAPTURES];

  LuaPattern(LuaCall call, LuaString subject, LuaString pattern) {
    this.call = call;
    this.subject = subject.bytes;
    this.pattern = pattern.bytes;
    int end = 0;
    while (end < this.pattern.length && this.pattern[end] != 0) end++;
    patternEnd = end;
    call.lua().stepOver(end);
    mostNested = Math.min(MOST_NESTED, (Lua.HARD_WEIGHT + MOST_NESTED - call.weight) / 3);
  }

  /// Whether the pattern holds only at the start of the search.
  boolean isAnchored() {
    return patternEnd > 0 && pattern[0] == '^';
  }

  /// Whether `pattern` has none of the characters that make it more than text.
  static boolean isText(LuaString pattern) {
    for (byte b : pattern.bytes) {
      if (b == 0) return true;
      if ("^$*+?.([%-".indexOf(b) >= 0) return false;
    }
    return true;
  }

  /// Where the match ends that starts at `start`, or [#NONE].
  int matchAt(int start) {
    captures = 0;
    nested = 0;
    return match(start, isAnchored() ? 1 : 0);
  }

  // ── captures ──

  /// Adds the captures to `results`; the whole match if there are none and it is wanted.
  void addCaptures(LuaValues results, int start, int end, boolean whole) {
    int count = captures == 0 && whole ? 1 : captures;
    for (int i = 0; i < count; i++) results.add(capture(i, start, end));
  }

  /// Capture `i`; the whole match if there are none and i is 0.
  Object capture(int i, int start, int end) {
    if (i >= captures) {
      if (i != 0) throw call.error("invalid capture index");
      return part(start, end - start);
    }
    int length = lengths[i];
    if (length == OPEN) throw call.error("unfinished capture");
    return length == POSITION ? (Double) (starts[i] + 1.0) : part(starts[i], length);
  }

  private LuaString part(int start, int length) {
    call.lua().charge(24L + length);
    return LuaString.of(subject, start, length);
  }

  // ── matching ──

  private int at(int p) {
    return p < patternEnd ? pattern[p] & 0xff : 0;
  }

  /// Takes steps, [#STEPS_AT_ONCE] of them together.
  private void work(int more) {
    steps += more;
    if (steps >= STEPS_AT_ONCE) {
      int taken = steps;
      steps = 0;
      call.lua().step(taken);
    }
  }

  private int match(int start, int item) {
    if (++nested > mostNested) throw call.error("pattern too complex");
    int end = matchHere(start, item);
    nested--;
    return end;
  }

  private int matchHere(int start, int item) {
    int s = start;
    int p = item;
    while (true) {
      work(1);
      switch (at(p)) {
        case 0 -> {
          return s;
        }
        case '(' -> {
          return at(p + 1) == ')' ? open(s, p + 2, POSITION) : open(s, p + 1, OPEN);
        }
        case ')' -> {
          return close(s, p + 1);
        }
        case '$' -> {
          if (at(p + 1) == 0) return s == subject.length ? s : NONE;
        }
        case '%' -> {
          int kind = at(p + 1);
          if (kind == 'b') {
            s = balanced(s, p + 2);
            if (s == NONE) return NONE;
            p += 4;
            continue;
          }
          if (kind == 'f') {
            p += 2;
            if (at(p) != '[') throw call.error("missing '[' after '%f' in pattern");
            int end = classEnd(p);
            work((end - p) / 16);
            int before = s == 0 ? 0 : subject[s - 1] & 0xff;
            int here = s < subject.length ? subject[s] & 0xff : 0;
            if (inSet(before, p, end - 1) || !inSet(here, p, end - 1)) return NONE;
            p = end;
            continue;
          }
          if (CType.isDigit(kind)) {
            s = again(s, kind);
            if (s == NONE) return NONE;
            p += 2;
            continue;
          }
        }
        default -> {}
      }
      int end = classEnd(p);
      work((end - p) / 16);
      boolean one = isOne(s, p, end);
      switch (at(end)) {
        case '?' -> {
          if (one) {
            int matched = match(s + 1, end + 1);
            if (matched != NONE) return matched;
          }
          p = end + 1;
        }
        case '*' -> {
          return most(s, p, end);
        }
        case '+' -> {
          return one ? most(s + 1, p, end) : NONE;
        }
        case '-' -> {
          return fewest(s, p, end);
        }
        default -> {
          if (!one) return NONE;
          s++;
          p = end;
        }
      }
    }
  }

  /// As many as there are, then fewer.
  private int most(int s, int p, int end) {
    int count = 0;
    int length = end - p;
    for (int untold = 0; isOne(s + count, p, end); count++) {
      untold += length;
      if (untold >= 16) {
        work(untold / 16);
        untold = 0;
      }
    }
    for (; count >= 0; count--) {
      int matched = match(s + count, end + 1);
      if (matched != NONE) return matched;
    }
    return NONE;
  }

  /// None, then more.
  private int fewest(int start, int p, int end) {
    int s = start;
    while (true) {
      int matched = match(s, end + 1);
      if (matched != NONE) return matched;
      if (!isOne(s, p, end)) return NONE;
      s++;
    }
  }

  private int open(int s, int p, int length) {
    if (captures == MOST_CAPTURES) throw call.error("too many captures");
    starts[captures] = s;
    lengths[captures] = length;
    captures++;
    int matched = match(s, p);
    if (matched == NONE) captures--;
    return matched;
  }

  private int close(int s, int p) {
    int i = captures - 1;
    while (i >= 0 && lengths[i] != OPEN) i--;
    if (i < 0) throw call.error("invalid pattern capture");
    lengths[i] = s - starts[i];
    int matched = match(s, p);
    if (matched == NONE) lengths[i] = OPEN;
    return matched;
  }

  /// What capture `digit` has matched, once more.
  private int again(int s, int digit) {
    int i = digit - '1';
    if (i < 0 || i >= captures || lengths[i] == OPEN) throw call.error("invalid capture index");
    int length = lengths[i];
    // C compares the length of a position, -2, as the huge number that it is without a sign.
    if (length == POSITION || length > subject.length - s) return NONE;
    int differs = Arrays.mismatch(subject, starts[i], starts[i] + length, subject, s, s + length);
    work((differs < 0 ? length : differs) / 64);
    return differs < 0 ? s + length : NONE;
  }

  private int balanced(int start, int p) {
    if (at(p) == 0 || at(p + 1) == 0) throw call.error("unbalanced pattern");
    if (start >= subject.length || subject[start] != pattern[p]) return NONE;
    byte opener = pattern[p];
    byte closer = pattern[p + 1];
    int open = 1;
    for (int s = start + 1; s < subject.length; s++) {
      if ((s & 15) == 0) work(1);
      if (subject[s] == closer) {
        if (--open == 0) return s + 1;
      } else if (subject[s] == opener) {
        open++;
      }
    }
    return NONE;
  }

  // ── classes ──

  /// Behind the single character class at `p`.
  private int classEnd(int p) {
    int end = p + 1;
    switch (at(p)) {
      case '%' -> {
        if (at(end) == 0) throw call.error("malformed pattern (ends with '%')");
        return end + 1;
      }
      case '[' -> {
        if (at(end) == '^') end++;
        do { // the first one may be a ] that is meant
          if (at(end) == 0) throw call.error("malformed pattern (missing ']')");
          if (at(end++) == '%' && at(end) != 0) end++;
        } while (at(end) != ']');
        return end + 1;
      }
      default -> {
        return end;
      }
    }
  }

  private boolean isOne(int s, int p, int end) {
    if (s >= subject.length) return false;
    int c = subject[s] & 0xff;
    return switch (at(p)) {
      case '.' -> true;
      case '%' -> isClass(c, at(p + 1));
      case '[' -> inSet(c, p, end - 1);
      default -> at(p) == c;
    };
  }

  /// Whether `c` is in the set between `[` at `p` and `]` at `end`.
  private boolean inSet(int c, int p, int end) {
    int i = p + 1;
    boolean in = true;
    if (at(i) == '^') {
      in = false;
      i++;
    }
    for (; i < end; i++) {
      if (at(i) == '%') {
        i++;
        if (isClass(c, at(i))) return in;
      } else if (at(i + 1) == '-' && i + 2 < end) {
        if (at(i) <= c && c <= at(i + 2)) return in;
        i += 2;
      } else if (at(i) == c) {
        return in;
      }
    }
    return !in;
  }

  private static boolean isClass(int c, int letter) {
    boolean in;
    switch (CType.toLower(letter)) {
      case 'a' -> in = CType.isAlpha(c);
      case 'c' -> in = CType.isControl(c);
      case 'd' -> in = CType.isDigit(c);
      case 'l' -> in = CType.isLower(c);
      case 'p' -> in = CType.isPunctuation(c);
      case 's' -> in = CType.isSpace(c);
      case 'u' -> in = CType.isUpper(c);
      case 'w' -> in = CType.isAlnum(c);
      case 'x' -> in = CType.isHex(c);
      case 'z' -> in = c == 0;
      default -> {
        return letter == c;
      }
    }
    return CType.isLower(letter) == in;
  }

  // ── plain text ──

  /// Where `text` stands in `subject` first, from `from` on; [#NONE] if it doesn't.
  static int find(Lua lua, LuaString subject, LuaString text, int from) {
    byte[] in = subject.bytes;
    byte[] of = text.bytes;
    if (of.length == 0) return from;
    int last = in.length - of.length;
    int looked = 0; // at so many bytes since steps were taken for that
    for (int i = from; i <= last; i++) {
      if (looked++ >= LOOKED_AT_ONCE) {
        lua.stepOver(looked);
        looked = 0;
      }
      if (in[i] != of[0]) continue;
      int k = 1;
      while (k < of.length && in[i + k] == of[k]) k++;
      if (k == of.length) return i;
      looked = (int) Math.min((long) looked + k, Integer.MAX_VALUE - 1);
    }
    lua.stepOver(looked);
    return NONE;
  }
}
