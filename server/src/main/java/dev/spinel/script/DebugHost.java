package dev.spinel.script;

import dev.spinel.engine.Session;
import java.util.List;
import java.util.function.Consumer;

/// Where a script that is debugged can run: the server itself, or one beside it.
public interface DebugHost {
  /// The server whose client debugs. The script stops its world.
  Place live();

  /// A server of its own, in which nothing is yet but what is lent to it ([Place#lender]). It is
  /// gone once the place is closed, and so is whatever the script has done.
  Place copy();

  /// A session in one of them. It belongs to the thread that debugs, but for [#stop].
  interface Place extends AutoCloseable {
    Scripts scripts();

    Session session();

    /// Runs a command, which may wait for others. Returns its whole reply, perhaps nothing if the
    /// server ends.
    byte[] run(byte[]... words);

    Lender lender();

    /// Ends a script that runs here, if that changes nobody's data. Any thread.
    void stop();

    @Override
    void close();
  }

  /// Has keys of the server whose client debugs, for a copy that begins empty.
  interface Lender {
    /// A key as it is now.
    ///
    /// @param expiryMillis since 1970; 0: it doesn't expire
    /// @param payload as of DUMP
    record Loan(int database, byte[] key, long expiryMillis, byte[] payload) {}

    /// Those of these keys that exist and haven't been lent, as of one moment. From now on they
    /// count as lent, whether they exist or not.
    List<Loan> lend(int database, List<byte[]> keys);

    /// Lends all keys that haven't been lent, one after the other.
    void lendAll(Consumer<Loan> to);

    /// How many databases there are.
    int databases();
  }
}
