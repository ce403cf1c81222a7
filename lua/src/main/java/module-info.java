/// Lua 5.1 on bytes, for a host that runs code of strangers: compiler, library, sandbox.
module dev.spinel.lua {
  requires static org.jspecify;

  exports dev.spinel.lua;
}
