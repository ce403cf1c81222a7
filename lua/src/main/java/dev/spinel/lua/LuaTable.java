package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// A table. All access here is raw: no metamethod is called ([Lua#index] and [Lua#setIndex] do
/// that). Made by [Lua#table]; its size counts against the state's limit.
public final class LuaTable {
  @Nullable LuaTable metatable;
  private boolean readOnly;

  LuaTable() {}

  /// The value of `key`; null if there is none.
  public @Nullable Object get(@Nullable Object key) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The value of the number `key`.
  public @Nullable Object get(long key) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The value of the string `key`; for the host's own names.
  public @Nullable Object get(String key) {
    return get(LuaString.of(key));
  }

  /// Sets `key` to `value`; null removes it.
  ///
  /// @throws LuaError if the table is read-only, the key is nil or NaN, or memory runs out
  public void set(@Nullable Object key, @Nullable Object value) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The same for the number `key`.
  public void set(long key, @Nullable Object value) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// The same for the string `key`.
  public void set(String key, @Nullable Object value) {
    set(LuaString.of(key), value);
  }

  /// What `#` answers: a border, n ≥ 0 whose value isn't nil (or n is 0) while the next one's is.
  public long length() {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Walks over the table in the order of Lua's `next`. The visitor may set existing keys, to null
  /// too, but not add any. Stops when it returns false.
  public void forEach(Visitor visitor) {
    throw new UnsupportedOperationException("not built yet");
  }

  /// Sees one pair; returns whether to go on.
  @FunctionalInterface
  public interface Visitor {
    boolean visit(Object key, Object value);
  }

  /// The metatable, or null.
  public @Nullable LuaTable metatable() {
    return metatable;
  }

  /// Sets or removes the metatable, also of a read-only table.
  public void setMetatable(@Nullable LuaTable metatable) {
    this.metatable = metatable;
  }

  /// Whether scripts and hosts are kept from changing it.
  public boolean isReadOnly() {
    return readOnly;
  }

  /// From now on (or no longer) every change is an error: "Attempt to modify a readonly table". It
  /// says nothing of the tables in it.
  public void setReadOnly(boolean readOnly) {
    this.readOnly = readOnly;
  }
}
