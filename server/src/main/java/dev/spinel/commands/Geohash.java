package dev.spinel.commands;

import java.nio.charset.StandardCharsets;

/// Places on the earth as numbers: a geohash interleaves the bits of longitude and latitude, so
/// that numbers with a common beginning are cells of a grid, and near places are mostly near
/// numbers.
///
/// ```
///   steps 1        steps 2                    a hash of 2 steps: x1 y1 x0 y0
///   ┌────┬────┐    ┌────┬────┬────┬────┐
///   │ 01 │ 11 │    │0101│0111│1101│1111│      longitude from -180 to 180,
///   ├────┼────┤    ├────┼────┼────┼────┤      latitude from -85.05… to 85.05… (Web Mercator):
///   │ 00 │ 10 │    │0100│0110│1100│1110│      the poles are in no cell
///   └────┴────┘    └ …                 ┘
/// ```
///
/// A sorted set keeps a place as the hash of 26 steps, 52 bits, which a score holds exactly. All
/// arithmetic is in doubles and in the order in which Redis does it, so that scores, positions and
/// the choice of cells are the same bit for bit. Pure.
final class Geohash {
  static final double MAX_LONGITUDE = 180;
  static final double MAX_LATITUDE = 85.05112878;

  /// Bits of each coordinate in a score.
  static final int STEPS = 26;

  /// As many cells cover an area at most: one and its neighbours.
  static final int CELLS = 9;

  private static final double EARTH_RADIUS_METERS = 6372797.560856;
  private static final double RADIANS_PER_DEGREE = Math.PI / 180;

  /// Half of the equator in Web Mercator.
  private static final double MERCATOR_MAX_METERS = 20037726.37;

  private static final byte[] BASE32 =
      "0123456789bcdefghjkmnpqrstuvwxyz".getBytes(StandardCharsets.ISO_8859_1);

  private Geohash() {}

  // ── one place ──

  static boolean isPlace(double longitude, double latitude) {
    return longitude >= -MAX_LONGITUDE
        && longitude <= MAX_LONGITUDE
        && latitude >= -MAX_LATITUDE
        && latitude <= MAX_LATITUDE;
  }

  /// The hash of the cell where a place is.
  static long encode(double longitude, double latitude, int steps) {
    return encode(longitude, latitude, MAX_LATITUDE, steps);
  }

  private static long encode(double longitude, double latitude, double maxLatitude, int steps) {
    double y = (latitude + maxLatitude) / (maxLatitude + maxLatitude) * (1L << steps);
    double x = (longitude + MAX_LONGITUDE) / (MAX_LONGITUDE + MAX_LONGITUDE) * (1L << steps);
    return spread((long) y) | spread((long) x) << 1;
  }

  /// The hash that a score holds. Scores that no place has are cut as a cast on x86-64 does.
  static long hash(double score) {
    if (score < 0x1p63) {
      return score >= -0x1p63 ? (long) score : Long.MIN_VALUE;
    }
    return score < 0x1p64 ? (long) (score - 0x1p63) ^ Long.MIN_VALUE : 0;
  }

  /// The middle of the cell that a hash of 26 steps is.
  static double longitude(long hash) {
    long x = gather(hash >>> 1);
    return Math.clamp((edge(x, MAX_LONGITUDE) + edge(next(x), MAX_LONGITUDE)) / 2, -180, 180);
  }

  static double latitude(long hash) {
    long y = gather(hash);
    double middle = (edge(y, MAX_LATITUDE) + edge(next(y), MAX_LATITUDE)) / 2;
    return Math.clamp(middle, -MAX_LATITUDE, MAX_LATITUDE);
  }

  /// Where a column (or a row) of the grid of 26 steps begins.
  private static double edge(long index, double max) {
    return edge(index, max, STEPS);
  }

  private static double edge(long index, double max, int steps) {
    return -max + (index * 1.0 / (1L << steps)) * (max + max);
  }

  /// The next column or row; of 32 bits, as Redis has it.
  private static long next(long index) {
    return index + 1 & 0xffffffffL;
  }

  /// The text of 11 letters by which others know the place: its own bounds are the poles, so the
  /// place is encoded again. 52 bits are 10 letters and a half; the last one is always 0.
  static byte[] text(long hash) {
    long standard = encode(longitude(hash), latitude(hash), 90, STEPS);
    byte[] text = new byte[11];
    for (int i = 0; i < 10; i++) {
      text[i] = BASE32[(int) (standard >>> 52 - 5 * (i + 1)) & 31];
    }
    text[10] = BASE32[0];
    return text;
  }

  // by shifts and masks: the processor's own instruction for this is slow on many

  /// The 32 low bits, each with a zero to its left.
  private static long spread(long bits) {
    long x = bits & 0xffffffffL;
    x = (x | x << 16) & 0x0000ffff0000ffffL;
    x = (x | x << 8) & 0x00ff00ff00ff00ffL;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fL;
    x = (x | x << 2) & 0x3333333333333333L;
    return (x | x << 1) & 0x5555555555555555L;
  }

  /// Every second bit, from the lowest.
  private static long gather(long bits) {
    long x = bits & 0x5555555555555555L;
    x = (x | x >>> 1) & 0x3333333333333333L;
    x = (x | x >>> 2) & 0x0f0f0f0f0f0f0f0fL;
    x = (x | x >>> 4) & 0x00ff00ff00ff00ffL;
    x = (x | x >>> 8) & 0x0000ffff0000ffffL;
    return (x | x >>> 16) & 0xffffffffL;
  }

  // ── distances ──

  private static double radians(double degrees) {
    return degrees * RADIANS_PER_DEGREE;
  }

  /// Meters along a great circle (the haversine formula), the earth being a ball.
  static double distance(double longitude1, double latitude1, double longitude2, double latitude2) {
    double v = Math.sin((radians(longitude2) - radians(longitude1)) / 2);
    if (v == 0) {
      return latitudeDistance(latitude1, latitude2);
    }
    double y1 = radians(latitude1);
    double y2 = radians(latitude2);
    double u = Math.sin((y2 - y1) / 2);
    double a = u * u + Math.cos(y1) * Math.cos(y2) * v * v;
    return 2.0 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(a));
  }

  private static double latitudeDistance(double latitude1, double latitude2) {
    return EARTH_RADIUS_METERS * Math.abs(radians(latitude2) - radians(latitude1));
  }

  // ── areas ──

  /// What a search looks for: places around a centre, within a circle or within a box whose sides
  /// are as many meters wide and high. Lengths are as given, in a unit of `unit` meters.
  static final class Area {
    private final double longitude;
    private final double latitude;
    private final boolean circle;
    private final double unit;
    private final double width; // of a circle: its radius
    private final double height;

    /// Of a circle: places that differ more from the centre, in degrees, aren't in it. Only to save
    /// the work of a distance, so with a margin for what rounding does.
    private final double latitudeReach;

    private final double longitudeReach;

    private Area(
        double longitude,
        double latitude,
        boolean circle,
        double unit,
        double width,
        double height) {
      this.longitude = longitude;
      this.latitude = latitude;
      this.circle = circle;
      this.unit = unit;
      this.width = width;
      this.height = height;
      double angle = width * unit / EARTH_RADIUS_METERS;
      latitudeReach = withMargin(angle);
      // the circle's easternmost place, unless it contains a pole
      longitudeReach =
          angle + Math.abs(radians(latitude)) < Math.PI / 2
              ? withMargin(Math.asin(Math.sin(angle) / Math.cos(radians(latitude))))
              : Double.POSITIVE_INFINITY;
    }

    private static double withMargin(double radians) {
      return radians / RADIANS_PER_DEGREE * (1 + 1e-9) + 1e-9;
    }

    static Area circle(double longitude, double latitude, double radius, double unit) {
      return new Area(longitude, latitude, true, unit, radius, radius);
    }

    static Area box(double longitude, double latitude, double width, double height, double unit) {
      return new Area(longitude, latitude, false, unit, width, height);
    }

    /// Meters from the centre to a place, or -1 if it isn't in the area.
    double distance(double toLongitude, double toLatitude) {
      if (!circle) {
        if (latitudeDistance(toLatitude, latitude) > height * unit / 2
            || Geohash.distance(toLongitude, toLatitude, longitude, toLatitude)
                > width * unit / 2) {
          return -1;
        }
        return Geohash.distance(longitude, latitude, toLongitude, toLatitude);
      }
      double east = Math.abs(toLongitude - longitude);
      if (Math.abs(toLatitude - latitude) > latitudeReach
          || Math.min(east, 360 - east) > longitudeReach) {
        return -1;
      }
      double distance = Geohash.distance(longitude, latitude, toLongitude, toLatitude);
      return distance > width * unit ? -1 : distance;
    }

    /// The cells that cover the area, nine at most, as ranges of scores: from `from[i]` on, below
    /// `to[i]`. Returns how many. The cell of the centre comes first; the order is that in which
    /// Redis searches them, which unsorted replies show.
    int cells(double[] from, double[] to) {
      double radius =
          (circle ? width : Math.sqrt(width / 2 * (width / 2) + height / 2 * (height / 2)));
      int steps = steps(radius * unit);
      double[] bounds = bounds();
      Grid grid = new Grid(steps, encode(longitude, latitude, steps));
      if (steps > 1 && !grid.reaches(bounds)) {
        steps--;
        grid = new Grid(steps, encode(longitude, latitude, steps));
      }
      return grid.cells(bounds, from, to);
    }

    /// As many steps that a cell and its neighbours cover a circle in most cases.
    private int steps(double radiusMeters) {
      if (radiusMeters == 0) {
        return STEPS;
      }
      int steps = -1;
      for (double r = radiusMeters; r < MERCATOR_MAX_METERS; r *= 2) {
        steps++;
      }
      // towards the poles cells are narrower
      double fromEquator = Math.abs(latitude);
      steps -= fromEquator > 80 ? 2 : fromEquator > 66 ? 1 : 0;
      return Math.clamp(steps, 1, STEPS);
    }

    /// West, south, east and north of the area. The side that is nearer to a pole counts.
    private double[] bounds() {
      double high = unit * (circle ? height : height / 2);
      double wide = unit * (circle ? width : width / 2);
      double dy = high / EARTH_RADIUS_METERS / RADIANS_PER_DEGREE;
      double widest = latitude < 0 ? latitude - dy : latitude + dy;
      double dx = wide / EARTH_RADIUS_METERS / Math.cos(radians(widest)) / RADIANS_PER_DEGREE;
      return new double[] {longitude - dx, latitude - dy, longitude + dx, latitude + dy};
    }
  }

  /// A cell and its eight neighbours. Beyond its edge the world goes on at the opposite one.
  private record Grid(int steps, long hash) {
    private long x() {
      return gather(hash >>> 1);
    }

    private long y() {
      return gather(hash);
    }

    /// The row or column so many further. That of a place at the very edge of the world is itself
    /// one beyond the grid.
    private long beside(long index, int by) {
      return by == 0 ? index : index + by & (1L << steps) - 1;
    }

    private double longitude(long x) {
      return edge(x, MAX_LONGITUDE, steps);
    }

    private double latitude(long y) {
      return edge(y, MAX_LATITUDE, steps);
    }

    /// Whether the nine cells cover the area with these bounds: west, south, east, north.
    boolean reaches(double[] bounds) {
      long east = beside(x(), 1);
      long north = beside(y(), 1);
      // written so that bounds that aren't numbers are reached
      return !(latitude(next(north)) < bounds[3]
          || latitude(beside(y(), -1)) > bounds[1]
          || longitude(next(east)) < bounds[2]
          || longitude(beside(x(), -1)) > bounds[0]);
    }

    int cells(double[] bounds, double[] from, double[] to) {
      boolean all = steps < 2;
      boolean south = all || !(latitude(y()) < bounds[1]);
      boolean north = all || !(latitude(next(y())) > bounds[3]);
      boolean west = all || !(longitude(x()) < bounds[0]);
      boolean east = all || !(longitude(next(x())) > bounds[2]);
      int n = 0;
      n = add(n, true, 0, 0, from, to);
      n = add(n, north, 0, 1, from, to);
      n = add(n, south, 0, -1, from, to);
      n = add(n, east, 1, 0, from, to);
      n = add(n, west, -1, 0, from, to);
      n = add(n, north && east, 1, 1, from, to);
      n = add(n, north && west, -1, 1, from, to);
      n = add(n, south && east, 1, -1, from, to);
      return add(n, south && west, -1, -1, from, to);
    }

    /// A cell that is the one before (the world is as small as that) isn't searched again.
    private int add(int n, boolean wanted, int dx, int dy, double[] from, double[] to) {
      if (!wanted) {
        return n;
      }
      long cell = spread(beside(y(), dy)) | spread(beside(x(), dx)) << 1;
      int shift = 52 - 2 * steps;
      from[n] = cell << shift;
      to[n] = cell + 1 << shift;
      return n > 1 && from[n] == from[n - 1] ? n : n + 1;
    }
  }
}
