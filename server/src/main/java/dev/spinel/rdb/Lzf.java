package dev.spinel.rdb;

import java.util.Arrays;

/// What [LzfCompressor] writes, read: of bytes that are in one piece.
final class Lzf {
  /// A reference of three bytes stands for at most so many.
  static final int MAX_MATCH = 264;

  private Lzf() {}

  /// Whether so many bytes can be what `compressed` bytes stand for.
  static boolean isPossible(long compressed, long length) {
    return length <= MAX_MATCH * (compressed / 3 + 1);
  }

  /// Puts what the `n` bytes of `in` stand for into `out`, and returns whether that is exactly
  /// `length` bytes.
  static boolean decompress(byte[] in, int from, int n, byte[] out, int at, int length) {
    int i = from;
    int end = from + n;
    int o = at;
    int most = at + length;
    while (i < end) {
      int control = in[i++] & 0xff;
      if (control < 32) {
        int literals = control + 1;
        if (literals > end - i || literals > most - o) return false;
        System.arraycopy(in, i, out, o, literals);
        i += literals;
        o += literals;
        continue;
      }
      int matched = control >>> 5;
      if (matched == 7) {
        if (i == end) return false;
        matched += in[i++] & 0xff;
      }
      matched += 2;
      if (i == end) return false;
      int before = o - ((control & 0x1f) << 8 | (in[i++] & 0xff)) - 1;
      if (before < at || matched > most - o) return false;
      if (before == o - 1) {
        Arrays.fill(out, o, o + matched, out[before]);
      } else if (matched <= o - before) {
        System.arraycopy(out, before, out, o, matched);
      } else { // they overlap
        for (int k = 0; k < matched; k++) out[o + k] = out[before + k];
      }
      o += matched;
    }
    return o == most;
  }
}
