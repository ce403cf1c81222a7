/// Channels: their subscribers, and the commands that publish and subscribe.
///
/// Called by the engine, through [dev.spinel.engine.Family]. Must not know of sockets: a message is
/// posted to the mailbox of the subscriber's thread.
@NullMarked
package dev.spinel.pubsub;

import org.jspecify.annotations.NullMarked;
