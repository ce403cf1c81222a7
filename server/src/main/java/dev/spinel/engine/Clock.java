package dev.spinel.engine;

/// The time. Tests have a clock of their own, which moves when the test moves it.
public interface Clock {
  /// Milliseconds since 1970.
  long millis();

  /// Nanoseconds since some moment; never goes back.
  long nanos();

  /// Microseconds since 1970.
  default long micros() {
    return millis() * 1000;
  }

  Clock SYSTEM =
      new Clock() {
        @Override
        public long millis() {
          return System.currentTimeMillis();
        }

        @Override
        public long nanos() {
          return System.nanoTime();
        }

        @Override
        public long micros() {
          java.time.Instant now = java.time.Instant.now();
          return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
        }
      };
}
