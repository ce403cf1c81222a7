/// `redis-cli` in Java. It knows the wire alone.
module dev.spinel.cli {
  requires static org.jspecify;
  requires jdk.unsupported; // sun.misc.Signal: Ctrl-C ends what is watched, not the program
  requires dev.spinel.wire;
  requires org.jline;
}
