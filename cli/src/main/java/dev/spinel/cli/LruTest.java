package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.RespValue;
import java.util.SplittableRandom;

/// `--lru-test`: writes and reads keys of which a fifth is used four times out of five, and says
/// how many reads find what was written.
final class LruTest extends Sampler {
  private static final int BATCH = 250;
  private static final double ALPHA = 6.2; // gives 80 to 20

  private final SplittableRandom random = new SplittableRandom();

  LruTest(Shell shell) {
    super(shell);
  }

  int run() {
    while (true) {
      long start = System.nanoTime();
      long hits = 0;
      long misses = 0;
      try {
        while (System.nanoTime() - start < 1_000_000_000L) {
          for (int i = 0; i < BATCH; i++) connection.send("SET", key(), value());
          for (int i = 0; i < BATCH; i++) connection.read();
          for (int i = 0; i < BATCH; i++) connection.send("GET", key());
          for (int i = 0; i < BATCH; i++) {
            RespValue reply = connection.read();
            if (reply instanceof RespValue.Error e) screen.errLine(e.text());
            else if (reply instanceof RespValue.Nil) misses++;
            else hits++;
          }
        }
      } catch (Lost e) {
        throw fail("I/O error during LRU test");
      }
      long all = hits + misses;
      screen.outLine(
          all
              + " Gets/sec | Hits: "
              + hits
              + " ("
              + Figures.fixed(100.0 * hits / all, 2)
              + "%) | Misses: "
              + misses
              + " ("
              + Figures.fixed(100.0 * misses / all, 2)
              + "%)");
      screen.flush();
    }
  }

  /// One of the keys, by a power law: the last are the likeliest.
  private String key() {
    double most = Math.pow(options.lruTestKeys + 1.0, ALPHA + 1);
    double drawn = Math.pow((most - 1) * random.nextDouble() + 1, 1 / (ALPHA + 1));
    return "lru:" + (options.lruTestKeys - (long) drawn + 1);
  }

  private String value() {
    char[] letters = new char[5];
    for (int i = 0; i < letters.length; i++) letters[i] = (char) random.nextInt('A', 'z');
    return new String(letters);
  }
}
