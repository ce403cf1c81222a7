/// Who may do what: for now one user, `default`, with the password of `requirepass`, if there is
/// one.
///
/// Owns the gate that asks for a password, and the check behind AUTH and HELLO. Knows the engine
/// and the configuration; must not know of connections.
@NullMarked
package dev.spinel.acl;

import org.jspecify.annotations.NullMarked;
