/// The data heap: every byte of every key and value lives here, outside the Java heap.
///
/// [dev.spinel.memory.Memory] reads and writes at addresses; [dev.spinel.memory.Heap] owns the
/// slabs that those addresses lie in; an [dev.spinel.memory.Allocator], one per thread that touches
/// data, hands out nodes and takes them back.
///
/// Called by `value` (dictionary, listpack, ordered tree), by the keyspace for evacuation, and by
/// INFO for its figures. It must not know what a node contains, who refers to it, or which lock
/// guards it: *a node has one referrer, and its address never outlives the slot lock* is the
/// callers' promise, and the assertions of the bounded mode are how it is kept.
@NullMarked
package dev.spinel.memory;

import org.jspecify.annotations.NullMarked;
