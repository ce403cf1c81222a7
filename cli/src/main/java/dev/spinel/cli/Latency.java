package dev.spinel.cli;

/// `--latency`, `--latency-history`, `--latency-dist`, `--intrinsic-latency`: how long a PING
/// takes, and how long the machine itself keeps a running program waiting.
final class Latency extends Sampler {
  private static final long PAUSE_MICROS = 10_000;
  private static final long HISTORY_MILLIS = 15_000;
  private static final long SPECTRUM_MILLIS = 1000;

  Latency(Shell shell) {
    super(shell);
  }

  private static long millis() {
    return System.nanoTime() / 1_000_000;
  }

  private long min;
  private long max;
  private long total;
  private long count;

  int measure() {
    long historyMillis =
        options.intervalMicros > 0 ? options.intervalMicros / 1000 : HISTORY_MILLIS;
    long intervalMillis = options.intervalMicros == 0 ? 1000 : options.intervalMicros / 1000;
    long begun = millis();
    while (true) {
      long start = millis();
      askPersistently("PING");
      take(millis() - start);
      if (options.form == Form.STANDARD) {
        screen.out("\033[0G\033[2K");
        show();
      } else if (options.latencyHistory) {
        show();
      } else if (millis() - begun > intervalMillis) {
        show();
        return 0;
      }
      if (options.latencyHistory && millis() - begun > historyMillis) {
        float seconds = (millis() - begun) / 1000f;
        screen.outLine(" -- " + Figures.fixed(seconds, 2) + " seconds range");
        begun = millis();
        min = max = total = count = 0;
      }
      screen.flush();
      Shell.pause(PAUSE_MICROS);
    }
  }

  private void take(long millis) {
    min = count == 0 ? millis : Math.min(min, millis);
    max = count == 0 ? millis : Math.max(max, millis);
    total += millis;
    count++;
  }

  private void show() {
    String average = Figures.fixed((double) total / count, 2);
    switch (options.form) {
      case STANDARD ->
          screen.out(
              "min: " + min + ", max: " + max + ", avg: " + average + " (" + count + " samples)");
      case CSV -> screen.outLine(min + "," + max + "," + average + "," + count);
      case RAW -> screen.outLine(min + " " + max + " " + average + " " + count);
      case JSON ->
          screen.outLine(
              "{\"min\": "
                  + min
                  + ", \"max\": "
                  + max
                  + ", \"avg\": "
                  + average
                  + ", \"count\": "
                  + count
                  + "}");
      case QUOTED_JSON -> {} // Redis shows nothing
    }
  }

  // ── The spectrum ──

  /// A class of times: up to so many microseconds (0: whatever is longer), and its sign.
  private record Band(long maxMicros, char sign) {}

  private static final Band[] BANDS = bands();

  private static Band[] bands() {
    long[] limits = {
      10, 125, 250, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 20000, 30000,
      40000, 50000, 100000, 200000, 300000, 400000, 500000, 1000000, 2000000, 4000000, 8000000,
      16000000, 30000000, 60000000, 0
    };
    String signs = ".-*#123456789ABCDEFGHIJKLMNOPQ?";
    Band[] bands = new Band[limits.length];
    for (int i = 0; i < bands.length; i++) bands[i] = new Band(limits[i], signs.charAt(i));
    return bands;
  }

  private static final int[] COLOURS = {
    0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196
  };
  private static final int[] GREYS = {
    0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 249, 251, 253
  };

  int spectrum() {
    int[] palette = options.mono ? GREYS : COLOURS;
    long interval = options.intervalMicros > 0 ? options.intervalMicros / 1000 : SPECTRUM_MILLIS;
    long[] counts = new long[BANDS.length];
    long begun = micros();
    long samples = 0;
    for (int lines = 0; ; ) {
      long start = micros();
      askPersistently("PING");
      counts[band(micros() - start)]++;
      samples++;
      if ((micros() - begun) / 1000 > interval) {
        if (lines++ % 20 == 0) legend(palette);
        line(counts, samples, palette);
        java.util.Arrays.fill(counts, 0);
        begun = micros();
        samples = 0;
      }
      Shell.pause(PAUSE_MICROS);
    }
  }

  private static int band(long micros) {
    int i = 0;
    while (BANDS[i].maxMicros != 0 && micros > BANDS[i].maxMicros) i++;
    return i;
  }

  private void line(long[] counts, long samples, int[] palette) {
    screen.out("\033[38;5;0m");
    for (int i = 0; i < BANDS.length; i++) {
      int shade = (int) Math.ceil((double) counts[i] / samples * (palette.length - 1));
      screen.out("\033[48;5;" + palette[shade] + "m" + BANDS[i].sign);
    }
    screen.outLine("\033[0m");
    screen.flush();
  }

  private void legend(int[] palette) {
    String rule = "-".repeat(45);
    screen.outLine(rule);
    screen.out(
        """
        . - * #          .01 .125 .25 .5 milliseconds
        1,2,3,...,9      from 1 to 9     milliseconds
        A,B,C,D,E        10,20,30,40,50  milliseconds
        F,G,H,I,J        .1,.2,.3,.4,.5       seconds
        K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds
        """);
    screen.out("From 0 to 100%: ");
    for (int shade : palette) screen.out("\033[48;5;" + shade + "m ");
    screen.outLine("\033[0m");
    screen.outLine(rule);
  }

  // ── The machine ──

  private long work;

  int intrinsic() {
    stopOnInterrupt();
    long duration = options.intrinsicSeconds * SECOND_MICROS;
    long end = micros() + duration;
    long longest = 0;
    for (long runs = 1; ; runs++) {
      long start = micros();
      work = compute(work);
      long now = micros();
      long took = now - start;
      if (took <= 0) continue;
      if (took > longest) {
        longest = took;
        screen.outLine("Max latency so far: " + longest + " microseconds.");
        screen.flush();
      }
      if (stopped || now > end) {
        double average = (double) duration / runs;
        screen.outLine(
            "\n"
                + runs
                + " total runs (avg latency: "
                + Figures.fixed(average, 4)
                + " microseconds / "
                + Figures.fixed(average * 1e3, 2)
                + " nanoseconds per run).");
        screen.outLine(
            "Worst run took "
                + Figures.fixed(longest / average, 0)
                + "x longer than the average latency.");
        return 0;
      }
    }
  }

  /// Some microseconds of arithmetic that can't be left out.
  private static long compute(long seed) {
    long x = seed | 1;
    for (int i = 0; i < 2000; i++) {
      x ^= x << 13;
      x ^= x >>> 7;
      x ^= x << 17;
    }
    return x;
  }
}
