package dev.spinel.rdb;

/// Where the bytes of an RDB stream come from, in pieces.
@FunctionalInterface
public interface Source {
  /// Puts up to `n` bytes, at least one, into `to` from `from` on, and returns how many; -1 at the
  /// end.
  int read(byte[] to, int from, int n);
}
