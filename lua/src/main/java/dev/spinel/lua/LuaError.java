package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// An error of Lua's: its value is any Lua value, mostly a string, and `pcall` catches it.
///
/// It has no Java stack. Which line of the script was running when it was thrown is known once it
/// reaches whoever called [Lua#call].
public final class LuaError extends RuntimeException {
  private final transient @Nullable Object value;
  private transient @Nullable Activation origin;
  private boolean raised;
  private boolean last;
  private transient Lua.@Nullable Place place;

  /// An error with this Lua value.
  public LuaError(@Nullable Object value) {
    super(null, null, false, false);
    this.value = value;
  }

  /// An error whose value is this text, as it is: without a position.
  public LuaError(String text) {
    this((Object) LuaString.of(text));
  }

  /// What a handler of errors gets if it runs out of stack itself.
  static LuaError inHandler() {
    return new LuaError("error in error handling").asFinal();
  }

  /// Marks an error that no handler is asked about.
  LuaError asFinal() {
    last = true;
    return this;
  }

  boolean isFinal() {
    return last;
  }

  /// The Lua value.
  public @Nullable Object value() {
    return value;
  }

  /// The value if it is a string or a number, as text; otherwise null.
  public @Nullable LuaString text() {
    return Lua.toText(value);
  }

  /// Which line was running in the function that threw it; if that was the host's, in the function
  /// that had called that. Null if that was no function of a script's.
  public Lua.@Nullable Place place() {
    return place;
  }

  /// Whoever catches it first says who was running.
  void raisedIn(@Nullable Activation current) {
    if (raised) return;
    raised = true;
    origin = current;
    Activation at = current instanceof LuaCall call ? call.caller : current;
    place = at instanceof Frame ? Lua.place(at) : null;
  }

  @Nullable Activation origin() {
    return origin;
  }

  @Override
  public String getMessage() {
    LuaString text = text();
    return text != null
        ? text.toString()
        : "(an error value that is a " + Lua.typeName(value) + ")";
  }
}
