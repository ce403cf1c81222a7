/// Spinel, the server. Its one exported package is the embedded API; everything else is free to
/// change.
module dev.spinel {
  requires static org.jspecify;
  requires jdk.unsupported; // sun.misc.Signal: SIGTERM and SIGINT are answered as Redis answers
  // them
  requires jdk.net; // TCP_KEEPIDLE and its kin
  requires dev.spinel.lua;
  requires transitive dev.spinel.wire;

  exports dev.spinel;
}
