/// The Redis protocol without a server: reader and writer, byte strings, key to slot, a small
/// client.
module dev.spinel.wire {
  requires static org.jspecify;

  exports dev.spinel.wire;
}
