package dev.spinel.script;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Scripted;
import dev.spinel.lua.LuaChunk;
import dev.spinel.lua.LuaError;
import dev.spinel.lua.LuaString;
import java.util.Arrays;

/// A script of EVAL: its text, compiled, and what is known of it. May run on several threads at
/// once, each with an [Interpreter] of its own.
final class EvalScript implements Scripted {
  /// About what it takes of the Java heap for each byte of its text.
  private static final int HEAP_PER_BYTE = 8;

  private static final int HEAP_BYTES = 512;
  private static final int FIRST_KEY = 3; // argument of EVAL

  final String sha;
  final byte[] body;
  final LuaChunk chunk;
  final ScriptFlags flags;
  private final Scripts scripts;
  private final Reach reach;

  private EvalScript(
      Scripts scripts, String sha, byte[] body, LuaChunk chunk, ScriptFlags flags, Reach reach) {
    this.scripts = scripts;
    this.sha = sha;
    this.body = body;
    this.chunk = chunk;
    this.flags = flags;
    this.reach = reach;
  }

  /// Errors: it is no script.
  static EvalScript compile(Scripts scripts, byte[] body, String sha) {
    ScriptFlags.Shebang shebang = ScriptFlags.Shebang.of(body);
    try {
      // the first line's end stays, so that lines have their numbers
      LuaString source = LuaString.of(Arrays.copyOfRange(body, shebang.length(), body.length));
      LuaChunk chunk = Scripts.compile(source, Debugger.SOURCE);
      Reach reach = new Reach(scripts.mayNeedWorld(chunk.words()));
      return new EvalScript(scripts, sha, body, chunk, shebang.flags(), reach);
    } catch (LuaError e) {
      LuaString text = e.text();
      throw new CommandError(
          "ERR Error compiling script (new function): "
              + (text == null ? "" : ScriptReply.cString(text.bytes())));
    }
  }

  /// The same, of which nothing is known yet.
  EvalScript anew() {
    return new EvalScript(scripts, sha, body, chunk, flags, new Reach(false));
  }

  /// It, telling a debugger of its lines.
  LuaChunk chunkWithLines() {
    int first = ScriptFlags.Shebang.of(body).length();
    return LuaChunk.compileWithLines(
        LuaString.of(Arrays.copyOfRange(body, first, body.length)), Debugger.SOURCE);
  }

  long heapBytes() {
    return HEAP_BYTES + (long) HEAP_PER_BYTE * body.length;
  }

  Reach reach() {
    return reach;
  }

  @Override
  public int flags(int commandFlags) {
    return flags.ofCall(commandFlags);
  }

  @Override
  public boolean roams(Call call) {
    return reach.isGlobal() || chunk.words().takesInput() && scripts.mayNeedWorld(call, FIRST_KEY);
  }

  @Override
  public boolean enter() {
    return true;
  }

  @Override
  public void leave() {}
}
