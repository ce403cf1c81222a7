package dev.spinel.script;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Scripted;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// EVAL and its kin, and SCRIPT.
final class EvalCommands implements Family {
  private static final int EVAL = 0,
      EVALSHA = 1,
      EVALSHA_RO = 2,
      EVAL_RO = 3,
      SCRIPT_DEBUG = 4,
      SCRIPT_EXISTS = 5,
      SCRIPT_FLUSH = 6,
      SCRIPT_HELP = 7,
      SCRIPT_KILL = 8,
      SCRIPT_LOAD = 9;

  private static final int SHA_LENGTH = 40;
  private static final CommandError NOSCRIPT =
      new CommandError("NOSCRIPT No matching script. Please use EVAL.");

  private final Scripts scripts;

  EvalCommands(Scripts scripts) {
    this.scripts = scripts;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        EVAL,
        "EVAL script numkeys:integer [@key:RW+access+update...] [arg...]",
        "scripting 2.6.0 noscript stale skip_monitor no_mandatory_keys may_replicate scripted"
            + " arity=-3",
        """
        Runs a script of Lua.
        Depends on the script
        note 0: what a script does with its keys can't be told, so the worst is assumed: RW and UPDATE
        """);
    t.command(
        EVALSHA,
        "EVALSHA sha1 numkeys:integer [@key:RW+access+update...] [arg...]",
        "scripting 2.6.0 noscript stale skip_monitor no_mandatory_keys may_replicate scripted"
            + " arity=-3",
        """
        Runs a script of Lua that the server knows, by the SHA-1 of its text.
        Depends on the script
        """);
    t.command(
        EVALSHA_RO,
        "EVALSHA_RO sha1 numkeys:integer [@key:RO+access...] [arg...]",
        "scripting 7.0.0 noscript stale skip_monitor no_mandatory_keys readonly scripted arity=-3",
        """
        Runs a script of Lua that the server knows, and that changes nothing.
        Depends on the script
        """);
    t.command(
        EVAL_RO,
        "EVAL_RO script numkeys:integer [@key:RO+access...] [arg...]",
        "scripting 7.0.0 noscript stale skip_monitor no_mandatory_keys readonly scripted arity=-3",
        """
        Runs a script of Lua that changes nothing.
        Depends on the script
        note 0: what a script does with its keys can't be told, so the worst is assumed: RO and ACCESS
        """);
    t.container(
        "SCRIPT",
        "scripting 2.6.0",
        """
        What concerns scripts.
        Depends on the subcommand
        """);
    t.command(
        SCRIPT_DEBUG,
        "SCRIPT|DEBUG (mode: YES | SYNC | NO)",
        "scripting 3.2.0 noscript @scripting",
        """
        Switches the debugger of scripts on or off.
        O(1)
        """);
    t.command(
        SCRIPT_EXISTS,
        "SCRIPT|EXISTS sha1...",
        "scripting 2.6.0 noscript @scripting request_policy:all_shards"
            + " response_policy:agg_logical_and",
        """
        Tells which scripts the server knows.
        O(N), N scripts asked for
        """);
    t.command(
        SCRIPT_FLUSH,
        "SCRIPT|FLUSH [flush-type: ASYNC | SYNC]^6.2.0",
        "scripting 2.6.0 noscript @scripting request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Has the server forget all scripts.
        O(N), N scripts
        6.2.0 Added the `ASYNC` and `SYNC` flushing mode modifiers.
        """);
    t.command(
        SCRIPT_HELP,
        "SCRIPT|HELP",
        "scripting 5.0.0 loading stale @scripting",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        SCRIPT_KILL,
        "SCRIPT|KILL",
        "scripting 2.6.0 noscript allow_busy @scripting request_policy:all_shards"
            + " response_policy:one_succeeded",
        """
        Ends a script that takes long, if it has written nothing.
        O(1)
        """);
    t.command(
        SCRIPT_LOAD,
        "SCRIPT|LOAD script",
        "scripting 2.6.0 noscript stale @scripting request_policy:all_nodes"
            + " response_policy:all_succeeded",
        """
        Has the server know a script without running it.
        O(N), N bytes of the script
        """);
  }

  @Override
  public @Nullable Scripted scripted(int row, Call call) {
    if (scripts.debugging.isWanted(call.session())) {
      return null; // it runs elsewhere
    }
    EvalScript script = script(row, call);
    return script != null && scripts.debugging.runOf(call.session()) != null
        ? script.anew() // of which nothing is known, so it runs alone
        : script;
  }

  private @Nullable EvalScript script(int row, Call call) {
    if (row == EVAL || row == EVAL_RO) {
      byte[] body = call.bytes(1);
      try {
        return find(body);
      } catch (CommandError e) {
        return null; // the handler says so
      }
    }
    return bySha(call.text(1));
  }

  private EvalScript find(byte[] body) {
    String sha = RedisLibrary.sha1hex(body);
    EvalScript known = scripts.known(sha);
    return known != null ? known : EvalScript.compile(scripts, body, sha);
  }

  private @Nullable EvalScript bySha(String sha) {
    return sha.length() == SHA_LENGTH ? scripts.known(sha.toLowerCase(Locale.ROOT)) : null;
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    if ((row == EVAL || row == EVAL_RO) && scripts.debugging.isWanted(call.session())) {
      scripts.debugging.begin(call);
      return;
    }
    switch (row) {
      case EVAL, EVAL_RO -> eval(call, reply, row == EVAL_RO);
      case EVALSHA, EVALSHA_RO -> evalSha(call, reply, row == EVALSHA_RO);
      case SCRIPT_DEBUG -> debug(call, reply);
      case SCRIPT_EXISTS -> exists(call, reply);
      case SCRIPT_FLUSH -> flush(call, reply);
      case SCRIPT_HELP -> Help.reply(call, reply);
      case SCRIPT_KILL -> {
        scripts.running.kill(RunningScripts.Kind.EVAL);
        reply.ok();
      }
      case SCRIPT_LOAD -> reply.bulk(scripts.add(find(call.bytes(2))).sha);
      default -> throw new AssertionError(row);
    }
  }

  private void eval(Call call, Reply reply, boolean readOnly) {
    call.showFirst();
    int keys = keys(call);
    EvalScript script = (EvalScript) call.scripted();
    EvalScript found = script != null ? script : find(call.bytes(1));
    EvalScript known = scripts.add(found);
    boolean isDebugged = scripts.debugging.runOf(call.session()) != null;
    run(call, reply, isDebugged ? found : known, keys, readOnly);
  }

  private void evalSha(Call call, Reply reply, boolean readOnly) {
    call.showFirst();
    if (call.arg(1).length != SHA_LENGTH) {
      throw NOSCRIPT;
    }
    if (scripts.debugging.isWanted(call.session())) {
      throw new CommandError("ERR Please use EVAL instead of EVALSHA for debugging");
    }
    int keys = keys(call);
    EvalScript script = (EvalScript) call.scripted();
    if (script == null) {
      script = bySha(call.text(1));
    }
    if (script == null) {
      throw NOSCRIPT;
    }
    run(call, reply, script, keys, readOnly);
  }

  /// How many keys the call names.
  private static int keys(Call call) {
    long keys = call.integer(2);
    checkKeys(call, keys);
    return (int) keys;
  }

  static void checkKeys(Call call, long keys) {
    if (keys > call.argc() - 3) {
      throw new CommandError("ERR Number of keys can't be greater than number of args");
    }
    if (keys < 0) {
      throw new CommandError("ERR Number of keys can't be negative");
    }
  }

  private void run(Call call, Reply reply, EvalScript script, int keys, boolean readOnly) {
    ScriptChecks.check(call, script.flags, readOnly);
    Interpreter interpreter = scripts.interpreter(call.dispatcher());
    boolean isDebugged = scripts.debugging.runOf(call.session()) != null;
    interpreter.arguments(call, 3, keys);
    boolean kept =
        interpreter.run(
            call,
            reply,
            script.sha,
            RunningScripts.Kind.EVAL,
            script.flags,
            readOnly,
            interpreter.lua.load(isDebugged ? script.chunkWithLines() : script.chunk));
    script.reach().ran(kept);
  }

  private void debug(Call call, Reply reply) {
    if (call.is(2, "NO")) {
      scripts.debugging.set(call, null);
    } else if (call.is(2, "YES")) {
      scripts.debugging.set(call, Debugging.Mode.ASIDE);
    } else if (call.is(2, "SYNC")) {
      scripts.debugging.set(call, Debugging.Mode.SYNC);
    } else {
      throw new CommandError("ERR Use SCRIPT DEBUG YES/SYNC/NO");
    }
    reply.ok();
  }

  private void exists(Call call, Reply reply) {
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      reply.flag(bySha(call.text(i)) != null);
    }
  }

  private void flush(Call call, Reply reply) {
    if (call.argc() > 3 || call.argc() == 3 && !call.is(2, "SYNC") && !call.is(2, "ASYNC")) {
      throw new CommandError("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    }
    scripts.flush();
    reply.ok();
  }
}
