package dev.spinel.rdb;

/// Where the bytes of an RDB stream go, in pieces.
@FunctionalInterface
public interface Sink {
  /// Takes `n` bytes of `a` from `from` on; the array is the writer's again when this returns.
  void write(byte[] a, int from, int n);
}
