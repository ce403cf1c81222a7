/// Scripts and functions: what EVAL and FCALL run, and what `redis` is to it.
///
/// The families `EvalCommands` and `FunctionCommands` are its commands; `Scripts` is what both
/// share. The language is the module `lua`'s, which knows nothing of a store; running commands from
/// within a command is the engine's ([dev.spinel.engine.InnerCalls]). This room joins the two: it
/// makes Lua values of replies and replies of Lua values, and decides which commands a script may
/// say.
///
/// Called by dispatchers, and by the loaders of files (libraries are data). Must not know where
/// files are, who replicates, or what a socket is.
@NullMarked
package dev.spinel.script;

import org.jspecify.annotations.NullMarked;
