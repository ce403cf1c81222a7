/// Lua 5.1 in Java, for code that the host doesn't trust: the language, its libraries, its limits.
///
/// Who calls it: the host makes a [Lua] (a state: globals, libraries, limits), compiles a
/// [LuaChunk], and calls the [LuaFunction] that [Lua#load] makes of it. Scripts call the host
/// through [HostFunction]s, which see one [LuaCall] each.
///
/// **Values** are plain objects: nil is `null`; booleans are [Boolean], numbers are [Double] (5.1
/// has no other), strings are [LuaString] (bytes, never characters), then [LuaTable],
/// [LuaFunction], [LuaThread] (a coroutine) and [LuaUserdata] (what a host keeps behind a name).
/// Nothing else may get into a script.
///
/// **Errors** are [LuaError]s, whose value is any Lua value. Every other exception that a host
/// function or a [LuaHook] throws passes through all of the script's `pcall`s, so a host ends a
/// script by throwing what is its own.
///
/// What it must not know: the store around it. It depends on the JDK alone, reads no file, starts
/// no thread, has no clock. A state belongs to one thread at a time; compiled chunks may be shared.
@NullMarked
package dev.spinel.lua;

import org.jspecify.annotations.NullMarked;
