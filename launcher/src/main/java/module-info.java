/// What a person starts at a terminal. It knows the embedded API and the wire.
module dev.spinel.launcher {
  requires static org.jspecify;
  requires dev.spinel;
}
