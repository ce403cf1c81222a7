package dev.spinel.config;

/// Save when this many changes have gathered and this many seconds have passed.
public record SavePoint(long seconds, int changes) {}
