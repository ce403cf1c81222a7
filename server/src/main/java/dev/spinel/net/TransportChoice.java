package dev.spinel.net;

/// How the loops of a [Net] talk to the operating system.
public enum TransportChoice {
  /// The best that this machine allows.
  AUTO,
  /// NIO's selector, which there is everywhere.
  NIO,
  /// Linux's `io_uring`, or nothing.
  IO_URING
}
