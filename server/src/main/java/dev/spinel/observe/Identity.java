package dev.spinel.observe;

/// What identifies a server, from its start to its end.
///
/// @param version of this program, not of the Redis that it speaks for
/// @param runId 40 hexadecimal digits, new at each start
/// @param startedMillis since 1970
/// @param supervisor who is told how the process is: `systemd`, or `no`
public record Identity(String version, String runId, long startedMillis, String supervisor) {}
