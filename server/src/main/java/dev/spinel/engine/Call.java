package dev.spinel.engine;

/// One call of a command.
public final class Call {}
