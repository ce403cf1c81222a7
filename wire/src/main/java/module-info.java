/// The Redis protocol without a server: reader and writer, byte strings, key to slot, TLS, a small
/// client.
module dev.spinel.wire {
  requires static org.jspecify;

  exports dev.spinel.wire;
  exports dev.spinel.wire.tls;
}
