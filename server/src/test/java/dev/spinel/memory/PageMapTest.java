package dev.spinel.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PageMapTest {

  @Test
  void slabsAnywhereInTheAddressSpaceAreToldApart() {
    SplittableRandom random = new SplittableRandom(7);
    PageMap map = new PageMap();
    List<Slab> slabs = new ArrayList<>();
    while (slabs.size() < 300) {
      long near =
          slabs.isEmpty() || random.nextInt(4) == 0
              ? random.nextLong(1L << 48)
              : slabs.get(random.nextInt(slabs.size())).address
                  + (random.nextInt(3) - 1) * (long) Memory.SLAB;
      long address = near & -4096;
      if (address < Memory.SLAB || address + Memory.SLAB >= 1L << 48) continue;
      if (slabs.stream().anyMatch(s -> Math.abs(s.address - address) < Memory.SLAB)) continue;
      Slab slab = new Slab(slabs.size() + 1, address, null);
      map.add(slab);
      slabs.add(slab);
      map.set(address, slab.index & 0x7f);
      map.set(address + Memory.SLAB - 1, slab.index + 1 & 0x7f);
    }
    for (Slab slab : slabs) {
      assertThat(map.get(slab.address)).isEqualTo(slab.index & 0x7f);
      assertThat(map.get(slab.address + 4095)).isEqualTo(slab.index & 0x7f);
      assertThat(map.get(slab.address + Memory.SLAB - 4096)).isEqualTo(slab.index + 1 & 0x7f);
      assertThat(map.slab(slab.address)).isSameAs(slab);
      assertThat(map.slab(slab.address + random.nextInt(Memory.SLAB))).isSameAs(slab);
      assertThat(map.slab(slab.address + Memory.SLAB - 1)).isSameAs(slab);
      assertThat(map.slab(slab.address - 1)).isNotSameAs(slab);
    }
    map.remove(slabs.getFirst());
    assertThat(map.slab(slabs.getFirst().address)).isNull();
  }
}
