package dev.spinel.server;

import java.util.Set;

/// The commands of Redis 7.2 that no family declares yet. A configuration may rename them as any
/// others.
final class Later {
  static final Set<String> COMMANDS =
      Set.of(
          """
          bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos bzmpop
          bzpopmax bzpopmin dump eval eval_ro evalsha evalsha_ro failover fcall fcall_ro
          function geoadd geodist geohash geopos georadius georadius_ro georadiusbymember
          georadiusbymember_ro geosearch geosearchstore getbit lastsave migrate
          pfadd pfcount pfdebug pfmerge pfselftest psync replconf replicaof
          restore restore-asking save script setbit slaveof sync wait waitaof
          xack xadd xautoclaim xclaim
          xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim zadd
          zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop
          zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank
          zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex
          zrevrangebyscore zrevrank zscan zscore zunion zunionstore\
          """
              .split("\\s+"));

  private Later() {}
}
