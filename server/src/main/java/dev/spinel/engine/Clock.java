package dev.spinel.engine;

/// Time, injected: a test's clock moves when the test says so.
public interface Clock {
  /// Milliseconds since 1970.
  long millis();

  /// Nanoseconds since some moment; never goes back.
  long nanos();

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
      };
}
