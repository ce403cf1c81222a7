/// Channels: who listens to which, and the commands that speak and listen.
///
/// Called by the engine, through [dev.spinel.engine.Family]. Must not know of sockets: a message is
/// posted to its listener's mailbox.
@NullMarked
package dev.spinel.pubsub;

import org.jspecify.annotations.NullMarked;
