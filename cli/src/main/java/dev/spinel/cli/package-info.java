/// The client for a person and for scripts: `redis-cli` and `spinel cli`, with the flags, the
/// output and the exit statuses of Redis 7.2.
///
/// Called by the script `spinel` ([dev.spinel.cli.Main]). It knows the wire and nothing else of
/// ours: whatever it can do with a Spinel, it can do with any server that speaks RESP.
///
/// Texts (arguments, keys, replies) are strings of characters 0 to 255, a byte each, from the
/// command line to the output, so that no byte is lost on the way.
@NullMarked
package dev.spinel.cli;

import org.jspecify.annotations.NullMarked;
