package dev.spinel.cluster;

/// Slots that move or have moved, as CLUSTER MIGRATION STATUS shows them. Times in milliseconds
/// since 1970; 0: not yet.
///
/// @param job of all moves that were begun by one command; empty: it isn't known
/// @param slots as `nodes.conf` lists them
/// @param isImport whether they come to this node
/// @param state a word
/// @param error why it failed or what it waits for, or empty
/// @param pauseMillis for which the clients of these slots waited
public record MoveView(
    String id,
    String job,
    String slots,
    String source,
    String target,
    boolean isImport,
    String state,
    String error,
    long created,
    long ended,
    long pauseMillis) {}
