/// The RDB format: the codec of one value (DUMP, RESTORE, files, full syncs, migration), and the
/// form of whole files as a stream.
///
/// [dev.spinel.rdb.RdbOutput] and [dev.spinel.rdb.RdbInput] are the primitives: lengths, strings,
/// numbers, checksums. [dev.spinel.rdb.ValueWriter] and [dev.spinel.rdb.ValueReader] know the
/// values, [dev.spinel.rdb.RdbType] has a row for each form of one. [dev.spinel.rdb.Payloads] is
/// what DUMP and RESTORE say, [dev.spinel.rdb.RdbWriter] and [dev.spinel.rdb.RdbReader] are files.
///
/// Called by commands and by whoever saves, loads, sends or receives. It must not know files,
/// sockets, clocks, configuration or the keyspace: bytes go to a [dev.spinel.rdb.Sink] and come
/// from a [dev.spinel.rdb.Source], limits are parameters, and what is read is an entry that is in
/// no dictionary yet.
@NullMarked
package dev.spinel.rdb;

import org.jspecify.annotations.NullMarked;
