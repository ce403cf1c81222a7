package dev.spinel.persist;

/// Of which history the data of an RDB file is: what its facts `repl-id`, `repl-offset` and
/// `repl-stream-db` say.
///
/// @param id of the history, 40 hexadecimal digits
/// @param offset of the stream, all of which is in the data
/// @param database that the stream means next
public record StreamFacts(String id, long offset, int database) {}
