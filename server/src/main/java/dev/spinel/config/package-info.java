/// The settings of one server: one table of typed rows, the file and command line that fill it, and
/// CONFIG GET, SET and REWRITE.
///
/// **What it is.** [Settings] is the table: every directive of Redis 7.2 and our own `event-loops`
/// and `io-transport`, one constant each, with type, default, range, aliases and what we do about
/// it. [Config] holds the values of one server; many may live in one JVM. [CommandLine] and
/// [ConfigFile] read what the user wrote, in `redis.conf` syntax; [ConfigRewrite] writes it back
/// without losing a comment.
///
/// **Who calls it.** The server's `main` and the embedded API (start), the CONFIG command (run
/// time), and everyone who needs a setting: `config.get(Settings.PORT)`. Hot code copies a setting
/// into a plain field of its own and follows it with [Config#onChange].
///
/// **What it must not know.** Sockets, threads, the keyspace, the log: the code that owns the
/// effect of a setting listens for its change and may refuse it. What a start-up has to tell the
/// operator is handed to a [ConfigLog].
///
/// **Text is bytes.** Redis's configuration is bytes without an encoding. Here a `String` of this
/// package is *octets*: each char is one byte (see [Octets]), so that a password with any bytes in
/// it survives GET, SET and REWRITE. Paths and messages for people are decoded as UTF-8 where they
/// leave: [Config#path], [Config#text], [ConfigError#getMessage].
@NullMarked
package dev.spinel.config;

import org.jspecify.annotations.NullMarked;
