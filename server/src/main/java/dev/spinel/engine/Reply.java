package dev.spinel.engine;

/// Where a command writes its answer.
public final class Reply {}
