package dev.spinel.script;

import dev.spinel.engine.Scripted;
import dev.spinel.lua.LuaFunction;
import dev.spinel.lua.LuaString;
import org.jspecify.annotations.Nullable;

/// A function of a library, as it was registered.
final class LibraryFunction implements Scripted {
  final Library library;
  final String name;
  final @Nullable LuaString description;
  final ScriptFlags flags;
  final LuaFunction body;
  private final Reach reach;

  LibraryFunction(
      Library library,
      String name,
      @Nullable LuaString description,
      ScriptFlags flags,
      LuaFunction body) {
    this.library = library;
    this.name = name;
    this.description = description;
    this.flags = flags;
    this.body = body;
    this.reach = new Reach(library.mayNeedWorld());
  }

  Reach reach() {
    return reach;
  }

  @Override
  public int flags(int commandFlags) {
    return flags.ofCall(commandFlags);
  }

  @Override
  public boolean roams() {
    return reach.isGlobal();
  }

  @Override
  public boolean enter() {
    return library.enter();
  }

  @Override
  public void leave() {
    library.leave();
  }
}
