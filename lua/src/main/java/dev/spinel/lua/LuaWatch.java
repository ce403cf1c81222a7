package dev.spinel.lua;

import java.util.Set;

/// Functions of the host whose first argument it wants to know before a script runs
/// ([LuaChunk#compile]).
///
/// @param table a global's name
/// @param functions those of its fields that are watched
/// @param inputs globals whose elements the host knows before it runs the script
public record LuaWatch(String table, Set<String> functions, Set<String> inputs) {}
