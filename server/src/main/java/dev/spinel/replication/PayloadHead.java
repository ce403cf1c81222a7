package dev.spinel.replication;

import dev.spinel.rdb.RdbException;
import dev.spinel.rdb.RdbInput;
import dev.spinel.rdb.RdbReader;
import java.util.Arrays;

/// The first bytes of the data that a primary sends: they say which database comes first, and how
/// many keys are in it.
final class PayloadHead {
  /// Facts come before that, some hundred bytes.
  private static final int BYTES = 4096;

  private byte[] bytes = new byte[BYTES];
  private int length;

  /// What they say.
  ///
  /// @param database that comes first; -1: there are no keys at all
  /// @param keys in it
  record Keys(int database, long keys) {
    static final Keys NONE = new Keys(-1, 0);
    static final Keys UNKNOWN = new Keys(-1, Long.MAX_VALUE);
  }

  void add(byte[] from, int begin, int end) {
    int n = Math.min(end - begin, BYTES - length);
    System.arraycopy(from, begin, bytes, length, n);
    length += n;
  }

  /// [Keys#UNKNOWN] if they don't say, or are no RDB stream: whoever loads them will see.
  Keys keys() {
    byte[] all = Arrays.copyOf(bytes, length);
    int[] at = {0};
    RdbInput in =
        new RdbInput()
            .open(
                (to, from, n) -> {
                  int some = Math.min(n, all.length - at[0]);
                  System.arraycopy(all, at[0], to, from, some);
                  at[0] += some;
                  return some == 0 ? -1 : some;
                },
                RdbInput.UNKNOWN,
                false);
    try {
      RdbReader reader = new RdbReader(in);
      int database = 0;
      while (true) {
        switch (reader.next()) {
          case AUX -> {}
          case DATABASE -> database = (int) reader.number();
          case SIZE -> {
            return new Keys(database, reader.count());
          }
          case END -> {
            return Keys.NONE;
          }
          case SLOT, FUNCTION, MODULE, KEY -> {
            return Keys.UNKNOWN;
          }
        }
      }
    } catch (RdbException e) {
      return Keys.UNKNOWN;
    }
  }
}
