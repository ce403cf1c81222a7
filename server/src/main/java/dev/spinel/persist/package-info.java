/// Data that survives: RDB files (saving, loading), the append-only file and its manifest.
///
/// [dev.spinel.persist.Persistence] is what the assembly knows of it. Saving reads a snapshot of
/// the keyspace; the append-only file reads the journal; loading fills the keyspace before clients
/// may. All that it asks of a file system is [dev.spinel.persist.Disk]. Knows nothing of sockets,
/// and nothing of replicas but that the data may be a copy.
@NullMarked
package dev.spinel.persist;

import org.jspecify.annotations.NullMarked;
