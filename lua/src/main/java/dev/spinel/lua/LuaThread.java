package dev.spinel.lua;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A coroutine as a value. Only scripts make and resume them; a host can pass them on.
///
/// A coroutine runs on the thread of whoever resumes it. When it yields, every node up to the
/// boundary answers [Node#SUSPEND]; the calls among them *park* their frames here, innermost first,
/// and whoever drives the frames ([Lua#drive]) turns them round. Going on means to run the
/// innermost one, then the one under it with its results, and so on.
///
/// The same serves deep recursion: beyond [Lua#SOFT_WEIGHT] nested nodes a call parks everything
/// and the driver goes on with the called frame alone, on an empty stack. Owned by the thread that
/// has the state.
public final class LuaThread {
  /// Where a coroutine stands.
  enum Status {
    SUSPENDED,
    RUNNING,
    NORMAL, // it resumed another one
    DEAD
  }

  Status status = Status.SUSPENDED;
  @Nullable LuaFunction start; // what it will run; null once it does
  @Nullable LuaThread resumer;
  @Nullable LuaCall resumedBy;
  final LuaValues given = new LuaValues(); // what it yields
  LuaTable globals;
  int boundaries; // of its frames; who has more was called by the host's code
  private Frame[] parked = new Frame[4];
  private int count;
  long id; // what tostring shows; 0 until asked for
  int mark; // which measurement saw it

  LuaThread(@Nullable LuaFunction start, LuaTable globals) {
    this.start = start;
    this.globals = globals;
  }

  int parkedCount() {
    return count;
  }

  Frame parked(int i) {
    return parked[i];
  }

  void park(Frame frame) {
    if (count == parked.length) parked = Arrays.copyOf(parked, count * 2);
    parked[count++] = frame;
  }

  /// Turns the frames parked since there were `from` of them round: the innermost one comes last.
  void reverse(int from) {
    for (int i = from, j = count - 1; i < j; i++, j--) {
      Frame frame = parked[i];
      parked[i] = parked[j];
      parked[j] = frame;
    }
  }

  /// Takes the innermost one.
  Frame unpark() {
    Frame frame = parked[--count];
    forget(count, count + 1);
    return frame;
  }

  /// Drops frames until there are `size`.
  void dropTo(int size) {
    if (count <= size) return;
    forget(size, count);
    count = size;
  }

  @SuppressWarnings("NullAway") // beyond `count` nothing is read
  private void forget(int from, int to) {
    Arrays.fill(parked, from, to, null);
  }
}
