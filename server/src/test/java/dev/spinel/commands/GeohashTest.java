package dev.spinel.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GeohashTest {
  private static final long PALERMO = 3479099956230698L;

  private final long seed = Long.getLong("spinel.seed", System.nanoTime());
  private final Random random = new Random(seed);

  private double longitude() {
    return random.nextDouble(-180, 180);
  }

  private double latitude(double max) {
    return random.nextDouble(-max, max);
  }

  @Test
  void aKnownPlaceHasItsHashAndItsText() {
    assertThat(Geohash.encode(13.361389, 38.115556, Geohash.STEPS)).isEqualTo(PALERMO);
    assertThat(Geohash.longitude(PALERMO)).isEqualTo(13.36138933897018433);
    assertThat(Geohash.latitude(PALERMO)).isEqualTo(38.11555639549629859);
    assertThat(new String(Geohash.text(PALERMO), StandardCharsets.US_ASCII))
        .isEqualTo("sqc8b49rny0");
  }

  @Test
  void aPlaceIsFoundWhereItWasPutToHalfAMeter() {
    for (int i = 0; i < 100_000; i++) {
      double x = longitude();
      double y = latitude(Geohash.MAX_LATITUDE);
      long hash = Geohash.encode(x, y, Geohash.STEPS);
      assertThat(hash).isBetween(0L, 1L << 52);
      double off = Geohash.distance(x, y, Geohash.longitude(hash), Geohash.latitude(hash));
      assertThat(off).as("seed %d: %f %f", seed, x, y).isLessThan(0.5);
      assertThat(Geohash.encode(Geohash.longitude(hash), Geohash.latitude(hash), Geohash.STEPS))
          .isEqualTo(hash);
    }
  }

  @Test
  void fewerStepsAreTheBeginningOfMore() {
    for (int i = 0; i < 10_000; i++) {
      double x = longitude();
      double y = latitude(85);
      int steps = 1 + random.nextInt(Geohash.STEPS);
      assertThat(Geohash.encode(x, y, steps))
          .isEqualTo(Geohash.encode(x, y, Geohash.STEPS) >>> 2 * (Geohash.STEPS - steps));
    }
  }

  @Test
  void theEdgesOfTheWorldAreInIt() {
    for (double x : new double[] {-180, 180}) {
      for (double y : new double[] {-Geohash.MAX_LATITUDE, Geohash.MAX_LATITUDE}) {
        assertThat(Geohash.isPlace(x, y)).isTrue();
        assertThat(Geohash.isPlace(x * 1.0001, y)).isFalse();
        assertThat(Geohash.isPlace(x, y * 1.0001)).isFalse();
        long hash = Geohash.encode(x, y, Geohash.STEPS);
        assertThat(Geohash.longitude(hash)).isEqualTo(x, within(1e-5));
        assertThat(Geohash.latitude(hash)).isEqualTo(y, within(1e-5));
      }
    }
  }

  @Test
  void scoresThatNoPlaceHasAreCutAsACastDoes() {
    assertThat(Geohash.hash(-1)).isEqualTo(-1);
    assertThat(Geohash.hash(1.9)).isEqualTo(1);
    assertThat(Geohash.hash(0x1p63)).isEqualTo(Long.MIN_VALUE);
    assertThat(Geohash.hash(0x1.8p63)).isEqualTo(0xC000000000000000L);
    assertThat(Geohash.hash(0x1p64)).isZero();
    assertThat(Geohash.hash(Double.POSITIVE_INFINITY)).isZero();
    assertThat(Geohash.hash(Double.NEGATIVE_INFINITY)).isEqualTo(Long.MIN_VALUE);
  }

  /// Every place of an area is in exactly one of its cells, and the area says so.
  @Test
  void cellsCoverAnArea() {
    double[] from = new double[Geohash.CELLS];
    double[] to = new double[Geohash.CELLS];
    int inside = 0;
    for (int i = 0; i < 4_000; i++) {
      double x = longitude();
      double y = latitude(65);
      double meters = Math.pow(10, random.nextDouble(1, 6));
      double high = meters * random.nextDouble(0.1, 1);
      boolean circle = random.nextBoolean();
      Geohash.Area area =
          circle
              ? Geohash.Area.circle(x, y, meters, 1)
              : Geohash.Area.box(x, y, 2 * meters, 2 * high, 1);
      int cells = area.cells(from, to);
      for (int j = 0; j < 60; j++) {
        double py = Math.clamp(y + random.nextGaussian() * meters / 150_000, -84, 84);
        double px = x + random.nextGaussian() * meters / 111_000 / Math.cos(Math.toRadians(y));
        px = px > 180 ? px - 360 : px < -180 ? px + 360 : px;
        boolean isIn =
            circle
                ? Geohash.distance(x, y, px, py) <= meters
                : Geohash.distance(x, y, x, py) <= high
                    && Geohash.distance(x, py, px, py) <= meters;
        assertThat(area.distance(px, py) >= 0).as("seed %d, area %d", seed, i).isEqualTo(isIn);
        if (!isIn) {
          continue;
        }
        inside++;
        long hash = Geohash.encode(px, py, Geohash.STEPS);
        int found = 0;
        for (int c = 0; c < cells; c++) {
          found += hash >= from[c] && hash < to[c] ? 1 : 0;
        }
        assertThat(found)
            .as("seed %d: %f %f in %s of %f m around %f %f", seed, px, py, circle, meters, x, y)
            .isEqualTo(1);
      }
    }
    assertThat(inside).isGreaterThan(10_000);
  }
}
