/// The values: the dictionary that keys and fields lie in, and strings, lists, sets and hashes, all
/// in nodes outside the Java heap.
///
/// [dev.spinel.value.Values] is what a seat has: one of each structure, over one allocator.
/// [dev.spinel.value.Dictionary] finds keys ([dev.spinel.value.Place]) and owns entries
/// ([dev.spinel.value.Entry]); a [dev.spinel.value.Walk] makes a snapshot of it possible while it
/// is being written. [dev.spinel.value.Listpack] and [dev.spinel.value.Sequence] are what short and
/// long aggregates are made of. [dev.spinel.value.Values] also has the tables of what is asked of
/// any value ([dev.spinel.value.Structure], by type) and of its nodes ([dev.spinel.value.Owner], by
/// encoding).
///
/// Called by the keyspace, and by commands, with the lock of the slot held. It must not know
/// clocks, files, sockets, configuration or the keyspace: limits and moments are parameters.
@NullMarked
package dev.spinel.value;

import org.jspecify.annotations.NullMarked;
