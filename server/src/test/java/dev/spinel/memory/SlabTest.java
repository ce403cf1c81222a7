package dev.spinel.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// The granules of a slab against a plain set of bits.
class SlabTest {

  @Test
  void granulesAgreeWithANaiveModel() {
    for (long seed = 1; seed <= 40; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      Slab slab = new Slab(1, 1L << 22, null);
      BitSet used = new BitSet(Slab.GRANULES);
      List<int[]> claims = new ArrayList<>();
      for (int step = 0; step < 3000; step++) {
        if (claims.isEmpty() || random.nextInt(100) < 55) {
          int n =
              switch (random.nextInt(4)) {
                case 0 -> 1;
                case 1 -> 16;
                case 2 -> 1 + random.nextInt(15);
                default -> 5 + random.nextInt(120);
              };
          int at = slab.find(n);
          String what = "seed " + seed + " step " + step + " n " + n;
          if (at < 0) {
            assertThat(room(used, n)).as(what).isFalse();
            if (n != 16) assertThat(slab.longest).as(what).isLessThan(n);
            continue;
          }
          int free = used.nextSetBit(at);
          assertThat(free < 0 || free >= at + n).as(what).isTrue();
          assertThat(at + n).as(what).isLessThanOrEqualTo(Slab.GRANULES);
          if (n == 16) assertThat(at % 16).isZero();
          slab.claim(at, n);
          used.set(at, at + n);
          claims.add(new int[] {at, n});
        } else {
          int[] claim = claims.remove(random.nextInt(claims.size()));
          slab.release(claim[0], claim[1]);
          used.clear(claim[0], claim[0] + claim[1]);
        }
        assertThat(slab.freeGranules).isEqualTo(Slab.GRANULES - used.cardinality());
        assertThat(slab.freePages()).isEqualTo(freePages(used));
      }
      for (int[] claim : claims) slab.release(claim[0], claim[1]);
      assertThat(slab.empty()).isTrue();
      assertThat(slab.freePages()).isEqualTo(64);
    }
  }

  private static boolean room(BitSet used, int n) {
    if (n == 16) return freePages(used) > 0;
    for (int at = used.nextClearBit(0);
        at + n <= Slab.GRANULES;
        at = used.nextClearBit(used.nextSetBit(at))) {
      int end = used.nextSetBit(at);
      if (end < 0) return Slab.GRANULES - at >= n;
      if (end - at >= n) return true;
    }
    return false;
  }

  private static int freePages(BitSet used) {
    int free = 0;
    for (int p = 0; p < Slab.PAGES; p++) if (used.get(p * 16, p * 16 + 16).isEmpty()) free++;
    return free;
  }
}
