/// Who may do what: the users, the language of their rules, the two gates that ask a call for a
/// password and for permission, the log of what was refused, the file of users, and the command
/// ACL.
///
/// Knows the engine and the configuration. Must not know of connections, channels or scripts: what
/// it wants of them (to describe a client, to look through its subscriptions) the assembly hands to
/// it. See ADR 049.
@NullMarked
package dev.spinel.acl;

import org.jspecify.annotations.NullMarked;
