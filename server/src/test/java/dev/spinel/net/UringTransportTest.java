package dev.spinel.net;

final class UringTransportTest {
  static boolean isPossible() {
    try (var net = Net.start(1, "probe-", loop -> LoopHooks.NONE, null, TransportChoice.AUTO)) {
      return net.transport() == TransportChoice.IO_URING;
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
