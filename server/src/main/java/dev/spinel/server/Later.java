package dev.spinel.server;

import java.util.Set;

/// The commands of Redis 7.2 that no family declares yet. A configuration may rename them as any
/// others.
final class Later {
  static final Set<String> COMMANDS =
      Set.of(
          """
          xack xadd
          xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup
          xrevrange xsetid xtrim\
          """
              .split("\\s+"));

  private Later() {}
}
