package dev.spinel.script;

import dev.spinel.engine.Call;
import dev.spinel.engine.Scripted;
import dev.spinel.lua.LuaFunction;
import dev.spinel.lua.LuaString;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A function of a library, as it was registered.
final class LibraryFunction implements Scripted {
  final Library library;
  final String name;
  final @Nullable LuaString description;
  final ScriptFlags flags;
  final LuaFunction body;
  private @Nullable Reach reach; // immutable once the library is loaded

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
  }

  /// The library is loaded: what the function can call is known now.
  ///
  /// @param mayNeedWorld whether that may be a command that needs more than the locks of keys
  void loaded(boolean mayNeedWorld) {
    reach = new Reach(mayNeedWorld);
  }

  Reach reach() {
    return Objects.requireNonNull(reach);
  }

  @Override
  public int flags(int commandFlags) {
    return flags.ofCall(commandFlags);
  }

  @Override
  public boolean roams(Call call) {
    return reach().isGlobal();
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
