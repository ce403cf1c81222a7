package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// Something of the host's that scripts can hold, compare and hand back, but not look into.
public final class LuaUserdata {
  /// C's NULL as light userdata: what `cjson.null` is. Its metatable is always nil.
  public static final LuaUserdata NULL = new LuaUserdata(null);

  private final @Nullable Object content;
  @Nullable LuaTable metatable;
  long id; // what tostring shows; 0 until asked for

  /// Userdata that carries `content`, compared by identity.
  public LuaUserdata(@Nullable Object content) {
    this.content = content;
  }

  /// What the host put in.
  public @Nullable Object content() {
    return content;
  }

  /// The metatable, or null.
  public @Nullable LuaTable metatable() {
    return metatable;
  }

  /// Gives this userdata a metatable, or takes it away.
  public void setMetatable(@Nullable LuaTable metatable) {
    this.metatable = metatable;
  }
}
