package dev.spinel.wire;

/// Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET know them: `*`, `?`, `[a-z]`, `[^x]`, `\`
/// before a literal.
///
/// Matching is on bytes, whatever they encode. Oddities that clients can see are kept: a class
/// without its `]` ends with the pattern; a range may be written backwards; in a class `\` escapes;
/// a trailing `\` is a literal. Stars nest at most 1,000 deep, beyond which nothing matches, and
/// once the rest of a pattern behind a star matched nowhere, no earlier star tries again with a
/// longer match: so `a*a*a*…b` is quadratic at worst, not exponential. Stateless.
public final class Glob {
  private static final int NESTING_MAX = 1000;

  /// Answers of one attempt; the last also stops the attempts of all stars before.
  private static final int MATCH = 1;

  private static final int NO = 0;
  private static final int NOWHERE = -1;

  private Glob() {}

  public static boolean matches(byte[] pattern, byte[] string) {
    return matches(pattern, 0, pattern.length, string, 0, string.length, false);
  }

  public static boolean matches(Slice pattern, Slice string) {
    return matches(pattern, string, false);
  }

  /// As [#matches(byte[], byte[])], but the case of ASCII letters doesn't count.
  public static boolean matchesAnyCase(byte[] pattern, byte[] string) {
    return matches(pattern, 0, pattern.length, string, 0, string.length, true);
  }

  /// As [#matches(Slice, Slice)], but the case of ASCII letters doesn't count.
  public static boolean matchesAnyCase(Slice pattern, Slice string) {
    return matches(pattern, string, true);
  }

  private static boolean matches(Slice pattern, Slice string, boolean nocase) {
    return matches(
        pattern.array,
        pattern.offset,
        pattern.length,
        string.array,
        string.offset,
        string.length,
        nocase);
  }

  static boolean matches(
      byte[] pattern, int pAt, int pLength, byte[] string, int sAt, int sLength, boolean nocase) {
    return match(pattern, pAt, pAt + pLength, string, sAt, sAt + sLength, nocase, 0) == MATCH;
  }

  /// Whether every string matches.
  public static boolean matchesAll(byte[] pattern) {
    return pattern.length == 1 && pattern[0] == '*';
  }

  private static int match(
      byte[] p, int pi, int pEnd, byte[] s, int si, int sEnd, boolean nocase, int nesting) {
    if (nesting > NESTING_MAX) return NO;
    while (pi < pEnd && si < sEnd) {
      int c = p[pi];
      if (c == '*') {
        while (pi + 1 < pEnd && p[pi + 1] == '*') pi++;
        if (pi + 1 == pEnd) return MATCH;
        for (; si < sEnd; si++) {
          int rest = match(p, pi + 1, pEnd, s, si, sEnd, nocase, nesting + 1);
          if (rest != NO) return rest;
        }
        return NOWHERE;
      }
      if (c == '[') {
        long set = bracket(p, pi, pEnd, s[si], nocase);
        if (set < 0) return NO;
        pi = (int) set;
      } else if (c != '?') {
        if (c == '\\' && pi + 1 < pEnd) pi++;
        if (fold(p[pi], nocase) != fold(s[si], nocase)) return NO;
      }
      pi++;
      si++;
      if (si == sEnd) {
        while (pi < pEnd && p[pi] == '*') pi++;
        break;
      }
    }
    return pi >= pEnd && si == sEnd ? MATCH : NO;
  }

  /// Whether the class that opens at `pi` has the byte `c`: the place of its last byte, or -1 if
  /// not.
  private static int bracket(byte[] p, int pi, int pEnd, byte c, boolean nocase) {
    pi++;
    boolean not = pi < pEnd && p[pi] == '^';
    if (not) pi++;
    boolean found = false;
    while (true) {
      if (pi >= pEnd) {
        pi = pEnd - 1;
        break;
      }
      if (p[pi] == '\\' && pi + 1 < pEnd) {
        pi++;
        if (p[pi] == c) found = true;
      } else if (p[pi] == ']') {
        break;
      } else if (pi + 2 < pEnd && p[pi + 1] == '-') {
        int start = p[pi];
        int end = p[pi + 2];
        if (start > end) {
          int swap = start;
          start = end;
          end = swap;
        }
        int folded = fold(c, nocase);
        if (folded >= fold(start, nocase) && folded <= fold(end, nocase)) found = true;
        pi += 2;
      } else if (fold(p[pi], nocase) == fold(c, nocase)) {
        found = true;
      }
      pi++;
    }
    return found != not ? pi : -1;
  }

  private static int fold(int c, boolean nocase) {
    return nocase && c >= 'A' && c <= 'Z' ? c + 32 : c;
  }
}
