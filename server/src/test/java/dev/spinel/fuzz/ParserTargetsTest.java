package dev.spinel.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.spinel.wire.Quoting;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What fuzzing has found stays found, and a few changes of each known input. To look for more:
/// `fuzz/run`; `-Dspinel.fuzz=N` and `-Dspinel.seed=S` do it here, without coverage.
class ParserTargetsTest {
  private static final int CHANGES = 100 * Integer.getInteger("spinel.fuzz", 1);
  private static final long SEED = Long.getLong("spinel.seed", 16);

  @ParameterizedTest
  @EnumSource
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void whateverComesIsTakenOrRefused(ParserTargets target) throws Exception {
    List<byte[]> known = ParserCorpus.of(target);
    for (byte[] input : known) {
      target.take(input.clone());
    }
    Random random = new Random(SEED);
    for (int i = 0; i < CHANGES; i++) {
      byte[] input = known.get(random.nextInt(known.size())).clone();
      byte[] changed = changed(input, random);
      try {
        target.take(changed.clone());
      } catch (Throwable t) {
        throw new AssertionError(Quoting.quote(text(changed)), t);
      }
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, ISO_8859_1);
  }

  private static byte[] changed(byte[] input, Random random) {
    byte[] out = input;
    for (int n = 1 + random.nextInt(3); n > 0 && out.length > 0; n--) {
      int at = random.nextInt(out.length);
      switch (random.nextInt(4)) {
        case 0 -> out[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> out[at] = (byte) random.nextInt(256);
        case 2 -> out = Arrays.copyOf(out, at);
        default -> {
          byte[] longer = Arrays.copyOf(out, out.length + 1 + random.nextInt(4));
          System.arraycopy(out, at, longer, longer.length - (out.length - at), out.length - at);
          out = longer;
        }
      }
    }
    return out;
  }
}
