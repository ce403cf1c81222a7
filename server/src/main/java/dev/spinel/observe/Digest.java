package dev.spinel.observe;

import dev.spinel.engine.Engine;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.memory.Memory;
import dev.spinel.value.ByteRun;
import dev.spinel.value.Contents;
import dev.spinel.value.Entry;
import dev.spinel.value.Values;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// A fingerprint of data that doesn't depend on the order in which it is visited, nor on encodings:
/// equal data gives the 20 bytes that a real server's DEBUG DIGEST gives.
///
/// Two operations on a digest: *xor* adds the SHA-1 of some bytes to it, by exclusive or, so that
/// order doesn't matter; *mix* does so and then replaces the digest by its own SHA-1, so that it
/// does. A key is mixed from its name, type and value; the elements of a list are mixed, the
/// members of a set are xored, the pairs of a hash are mixed each for itself and xored; the keys
/// are xored into their database.
public final class Digest implements Contents {
  private static final int BYTES = 20;
  private static final byte[] EXPIRES = {'!', '!', 'e', 'x', 'p', 'i', 'r', 'e', '!', '!'};
  private static final byte[] FIELD_EXPIRES = "!!hexpire!!".getBytes(StandardCharsets.US_ASCII);

  private final MessageDigest sha1;
  private final byte[] digest = new byte[BYTES];
  private final byte[] piece; // scratch

  private Digest() {
    this(new byte[4096]);
  }

  private Digest(byte[] piece) {
    this.piece = piece;
    try {
      sha1 = MessageDigest.getInstance("SHA-1");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Of all databases. Stopped world.
  public static byte[] of(Engine engine, Seat seat) {
    assert seat.stopsWorld();
    Digest all = new Digest();
    Keyspace keyspace = engine.keyspace;
    for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
      Database database = keyspace.database(number);
      if (database.size(seat) == 0) {
        continue;
      }
      all.mix(bigEndian(number));
      for (int slot = 0; slot < Slots.COUNT; slot++) {
        long header = database.header(slot);
        if (header != 0) {
          seat.values
              .dictionary()
              .scan(
                  header,
                  0,
                  Integer.MAX_VALUE,
                  entry -> {
                    Digest key = new Digest(all.piece);
                    key.mix(Entry.key(seat.values.memory(), entry));
                    key.value(seat.values, entry);
                    all.xor(key.digest);
                  });
        }
      }
    }
    return all.digest;
  }

  /// Of one key's value and expiry, without its name. Slot lock.
  public static byte[] ofValue(Seat seat, long entry) {
    Digest key = new Digest();
    key.value(seat.values, entry);
    return key.digest;
  }

  /// The digest of a key that doesn't exist: all zeros.
  public static byte[] ofNothing() {
    return new byte[BYTES];
  }

  private void value(Values values, long entry) {
    Memory memory = values.memory();
    mix(bigEndian(Entry.type(memory, entry)));
    values.contents(entry, this);
    if (Entry.expiry(memory, entry) >= 0) {
      xor(EXPIRES);
    }
  }

  @Override
  public void next(ByteRun piece) {
    mixHash(hash(piece));
  }

  @Override
  public void member(ByteRun... parts) {
    if (parts.length == 1) {
      exclusiveOr(hash(parts[0]));
    } else {
      xor(mixed(parts).digest);
    }
  }

  @Override
  public void timed(long millis, ByteRun... parts) {
    Digest all = mixed(parts);
    all.xor(FIELD_EXPIRES);
    xor(all.digest);
  }

  private Digest mixed(ByteRun... parts) {
    Digest all = new Digest(piece);
    for (ByteRun part : parts) {
      all.mixHash(hash(part));
    }
    return all;
  }

  /// The SHA-1 of a run, of which only a small piece is on the Java heap.
  private byte[] hash(ByteRun run) {
    run.rewind();
    for (long left = run.length(); left > 0; ) {
      int n = (int) Math.min(left, piece.length);
      run.read(piece, 0, n);
      sha1.update(piece, 0, n);
      left -= n;
    }
    return sha1.digest();
  }

  private void xor(byte[] bytes) {
    exclusiveOr(sha1.digest(bytes));
  }

  private void exclusiveOr(byte[] hash) {
    for (int i = 0; i < BYTES; i++) {
      digest[i] ^= hash[i];
    }
  }

  private void mix(byte[] bytes) {
    mixHash(sha1.digest(bytes));
  }

  private void mixHash(byte[] ofWhat) {
    exclusiveOr(ofWhat);
    byte[] hash = sha1.digest(digest);
    System.arraycopy(hash, 0, digest, 0, BYTES);
  }

  private static byte[] bigEndian(int value) {
    return new byte[] {
      (byte) (value >>> 24), (byte) (value >>> 16), (byte) (value >>> 8), (byte) value
    };
  }
}
