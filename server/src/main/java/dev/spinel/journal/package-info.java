/// The ordered stream of effects: what a copy of the data must do to stay one. AOF files and
/// replicas are readers of it; replies may be bound to positions in it.
///
/// The engine appends while it holds the locks of the slots that an effect touched, so the order of
/// the journal is a legal serial order. Knows nothing of commands, keys or who reads.
@NullMarked
package dev.spinel.journal;

import org.jspecify.annotations.NullMarked;
