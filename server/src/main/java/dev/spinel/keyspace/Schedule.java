package dev.spinel.keyspace;

import java.util.function.BooleanSupplier;

/// The points at which threads meet, where a test decides which of them goes on.
///
/// Locks, seats and the stopped world ask it, always within an `assert`, so that a server that runs
/// without assertions has no trace of it. [#FREE] lets every thread go on at once.
public interface Schedule {
  /// The operating system decides.
  Schedule FREE =
      new Schedule() {
        @Override
        public boolean point() {
          return true;
        }

        @Override
        public boolean until(BooleanSupplier free) {
          return true;
        }
      };

  /// Another thread may run here. Always true.
  boolean point();

  /// The caller is about to wait until `free` holds. Always true.
  boolean until(BooleanSupplier free);
}
