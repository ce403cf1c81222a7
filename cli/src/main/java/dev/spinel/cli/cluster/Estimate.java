package dev.spinel.cli.cluster;

import java.util.Locale;

/// About how long slots will be on their way, key by key, before the first one moves.
///
/// A slot costs some commands one after the other, each of which waits for the network and, as it
/// changes the table of slots, for a disk; keys go in batches, and cost by number and by size. The
/// figures are those of nodes on one ordinary machine each: what really comes of it the progress
/// shows.
public final class Estimate {
  private static final double SLOT_COMMAND_SECONDS = 0.001;
  private static final double KEY_SECONDS = 15e-6;
  private static final double BYTES_PER_SECOND = 50e6;
  private static final int COMMANDS_BESIDE_PRIMARIES = 3; // importing, migrating, the keys' names

  private final int primaries;
  private final int batch;
  private final double throttle;
  private double seconds;
  private int slots;

  /// @param primaries each of which is told of each slot
  /// @param batch keys that go at a time
  /// @param throttle slots per second at most; 0: no limit
  public Estimate(int primaries, int batch, double throttle) {
    this.primaries = primaries;
    this.batch = batch;
    this.throttle = throttle;
  }

  /// Some slots go from one node to another.
  ///
  /// @param roundTrip seconds that a command to the source takes at least
  public void add(int slots, long keys, long bytes, double roundTrip) {
    this.slots += slots;
    double batches = slots + (double) keys / batch;
    seconds += slots * (primaries + COMMANDS_BESIDE_PRIMARIES) * (SLOT_COMMAND_SECONDS + roundTrip);
    seconds += batches * 2 * roundTrip + keys * KEY_SECONDS + bytes / BYTES_PER_SECOND;
  }

  /// Of all that was added.
  public double seconds() {
    return throttle == 0 ? seconds : Math.max(seconds, slots / throttle);
  }

  /// `about 40 s`, `about 5 min`, `about 3.5 h`
  public static String text(double seconds) {
    if (seconds < 1) return "about a second";
    if (seconds < 100) return String.format(Locale.ROOT, "about %.0f s", seconds);
    if (seconds < 6000) return String.format(Locale.ROOT, "about %.0f min", seconds / 60);
    return String.format(Locale.ROOT, "about %.1f h", seconds / 3600);
  }
}
