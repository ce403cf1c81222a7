package dev.spinel.lua;

import java.util.HashSet;
import java.util.Set;

/// What a script may give the functions of a [LuaWatch] as their first argument.
///
/// @param words that stand in its text
/// @param takesInput it may be an element of one of the inputs, too
/// @param isOpen it may be any string
public record LuaWords(Set<LuaString> words, boolean takesInput, boolean isOpen) {
  static final LuaWords NONE = new LuaWords(Set.of(), false, false);
  static final LuaWords ANY = new LuaWords(Set.of(), true, true);

  LuaWords and(LuaWords other) {
    if (other.equals(NONE)) return this;
    if (equals(NONE)) return other;
    Set<LuaString> all = new HashSet<>(words);
    all.addAll(other.words);
    return new LuaWords(Set.copyOf(all), takesInput || other.takesInput, isOpen || other.isOpen);
  }
}
