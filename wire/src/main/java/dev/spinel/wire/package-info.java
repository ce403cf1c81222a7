/// The bytes between a client and a store: requests in, replies out, and the small arithmetic that
/// is defined on those bytes (key → slot, numbers as text, glob patterns, hashes).
///
/// Who calls it: `net` reads requests ([RequestReader]) and drains replies ([Output]); handlers see
/// their arguments as [Slice]s of [Args] and answer through [RespWriter]; the tools and the tests
/// talk to any server, ours or a stock one, through [Client].
///
/// What it must not know: sockets other than the client's own, selectors, configuration, commands,
/// keys' values, clocks. It allocates nothing per command and holds no thread: every object here
/// belongs to one thread at a time, as said in each class. It depends on the JDK alone.
@NullMarked
package dev.spinel.wire;

import org.jspecify.annotations.NullMarked;
