package dev.spinel.script;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Limits;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Scripted;
import dev.spinel.rdb.RdbException;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// FCALL and FUNCTION: libraries of functions.
///
/// What changes libraries runs in a stopped world, and its effect is the command itself.
final class FunctionCommands implements Family {
  private static final int FCALL = 0,
      FCALL_RO = 1,
      DELETE = 2,
      DUMP = 3,
      FLUSH = 4,
      HELP = 5,
      KILL = 6,
      LIST = 7,
      LOAD = 8,
      RESTORE = 9,
      STATS = 10;

  private final Scripts scripts;
  private final Libraries libraries;

  FunctionCommands(Scripts scripts) {
    this.scripts = scripts;
    this.libraries = scripts.libraries;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        FCALL,
        "FCALL function numkeys:integer [@key:RW+access+update...] [arg...]",
        "scripting 7.0.0 noscript stale skip_monitor no_mandatory_keys may_replicate scripted"
            + " arity=-3",
        """
        Runs a function.
        Depends on the function
        note 0: what a function does with its keys can't be told, so the worst is assumed: RW and UPDATE
        """);
    t.command(
        FCALL_RO,
        "FCALL_RO function numkeys:integer [@key:RO+access...] [arg...]",
        "scripting 7.0.0 noscript stale skip_monitor no_mandatory_keys readonly scripted arity=-3",
        """
        Runs a function that changes nothing.
        Depends on the function
        note 0: what a function does with its keys can't be told, so the worst is assumed: RO and ACCESS
        """);
    t.container(
        "FUNCTION",
        "scripting 7.0.0",
        """
        What concerns functions.
        Depends on the subcommand
        """);
    t.command(
        DELETE,
        "FUNCTION|DELETE library-name",
        "scripting 7.0.0 write noscript @scripting global request_policy:all_shards"
            + " response_policy:all_succeeded",
        """
        Removes a library and its functions.
        O(1)
        """);
    t.command(
        DUMP,
        "FUNCTION|DUMP",
        "scripting 7.0.0 noscript @scripting",
        """
        Returns all libraries as one payload.
        O(N), N functions
        """);
    t.command(
        FLUSH,
        "FUNCTION|FLUSH [flush-type: ASYNC | SYNC]",
        "scripting 7.0.0 write noscript @scripting global request_policy:all_shards"
            + " response_policy:all_succeeded",
        """
        Removes all libraries.
        O(N), N functions
        """);
    t.command(
        HELP,
        "FUNCTION|HELP",
        "scripting 7.0.0 loading stale @scripting",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        KILL,
        "FUNCTION|KILL",
        "scripting 7.0.0 noscript allow_busy @scripting request_policy:all_shards"
            + " response_policy:one_succeeded",
        """
        Ends a function that takes long, if it has written nothing.
        O(1)
        """);
    t.command(
        LIST,
        "FUNCTION|LIST [LIBRARYNAME library-name-pattern] [WITHCODE]",
        "scripting 7.0.0 noscript @scripting nondeterministic_output_order",
        """
        Lists libraries and their functions.
        O(N), N functions
        """);
    t.command(
        LOAD,
        "FUNCTION|LOAD [REPLACE] function-code",
        "scripting 7.0.0 write noscript denyoom @scripting global request_policy:all_shards"
            + " response_policy:all_succeeded",
        """
        Makes a library of a text.
        O(1), if that is all the text does
        """);
    t.command(
        RESTORE,
        "FUNCTION|RESTORE serialized-value [policy: FLUSH | APPEND | REPLACE]",
        "scripting 7.0.0 write noscript denyoom @scripting global request_policy:all_shards"
            + " response_policy:all_succeeded",
        """
        Makes the libraries of a payload.
        O(N), N functions in the payload
        """);
    t.command(
        STATS,
        "FUNCTION|STATS",
        "scripting 7.0.0 noscript allow_busy @scripting nondeterministic_output"
            + " request_policy:all_shards response_policy:special",
        """
        Tells which function runs, and how many there are.
        O(1)
        """);
  }

  @Override
  public @Nullable Scripted scripted(int row, Call call) {
    return libraries.function(call.text(1));
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case FCALL, FCALL_RO -> fcall(call, reply, row == FCALL_RO);
      case DELETE -> {
        libraries.delete(call.text(2));
        call.dirty(1);
        reply.ok();
      }
      case DUMP -> dump(call, reply);
      case FLUSH -> flush(call, reply);
      case HELP -> Help.reply(call, reply);
      case KILL -> {
        scripts.running.kill(RunningScripts.Kind.FUNCTION);
        reply.ok();
      }
      case LIST -> list(call, reply);
      case LOAD -> load(call, reply);
      case RESTORE -> restore(call, reply);
      case STATS -> stats(reply);
      default -> throw new AssertionError(row);
    }
  }

  private static void fcall(Call call, Reply reply, boolean readOnly) {
    call.showFirst();
    if (!(call.scripted() instanceof LibraryFunction function)) {
      throw new CommandError("ERR Function not found");
    }
    Slice number = call.arg(2);
    if (!number.isLong()) {
      throw new CommandError("ERR Bad number of keys provided");
    }
    long keys = number.toLong(0);
    EvalCommands.checkKeys(call, keys);
    ScriptChecks.check(call, function.flags, readOnly);
    Interpreter interpreter = function.library.interpreter();
    int firstArgument = 3 + (int) keys;
    boolean kept =
        interpreter.run(
            call,
            reply,
            function.name,
            RunningScripts.Kind.FUNCTION,
            function.flags,
            readOnly,
            function.body,
            interpreter.words(call, 3, firstArgument),
            interpreter.words(call, firstArgument, call.argc()));
    function.reach().ran(kept);
  }

  private void load(Call call, Reply reply) {
    boolean replacing = false;
    int last = call.argc() - 1;
    for (int i = 2; i < last; i++) {
      if (!call.is(i, "REPLACE")) {
        throw new CommandError("ERR Unknown option given: " + call.text(i));
      }
      replacing = true;
    }
    String name = libraries.load(call.bytes(last), replacing, call.session().isTrusted());
    call.dirty(1);
    reply.bulk(name);
  }

  private static final CommandError FLUSH_OPTION =
      new CommandError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");

  private void flush(Call call, Reply reply) {
    if (call.argc() > 3) {
      throw wrongUse(call);
    }
    if (call.argc() == 3 && !call.is(2, "SYNC") && !call.is(2, "ASYNC")) {
      throw FLUSH_OPTION;
    }
    libraries.flush();
    call.dirty(1);
    reply.ok();
  }

  private static CommandError wrongUse(Call call) {
    return new CommandError(
        "ERR unknown subcommand or wrong number of arguments for '"
            + call.text(1)
            + "'. Try FUNCTION HELP.");
  }

  private void dump(Call call, Reply reply) {
    Limits limits = call.limits();
    call.payloads()
        .dumpLibraries(
            libraries.codes(),
            limits.intOf(Settings.RDB_VERSION),
            limits.is(Settings.RDBCOMPRESSION),
            reply.writer());
  }

  private void restore(Call call, Reply reply) {
    if (call.argc() > 4) {
      throw wrongUse(call);
    }
    Libraries.Policy policy = call.argc() == 4 ? policy(call) : Libraries.Policy.APPEND;
    Slice payload = call.arg(2);
    if (!call.payloads().isIntact(payload, call.comparesChecksums())) {
      throw new CommandError("ERR DUMP payload version or checksum are wrong");
    }
    List<byte[]> codes;
    try {
      codes = call.payloads().libraries(payload);
    } catch (RdbException e) {
      String why = String.valueOf(e.getMessage());
      throw new CommandError(
          "ERR " + (why.endsWith("function") || why.startsWith("Pre-GA") ? why : DAMAGED));
    }
    libraries.restore(codes, policy);
    call.dirty(1);
    reply.ok();
  }

  private static final String DAMAGED = "Failed loading library payload";

  private static Libraries.Policy policy(Call call) {
    for (Libraries.Policy policy : Libraries.Policy.values()) {
      if (call.is(3, policy.name())) {
        return policy;
      }
    }
    throw new CommandError(
        "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  }

  // ── what there is ──

  private void list(Call call, Reply reply) {
    boolean withCode = false;
    Slice pattern = null;
    for (int i = 2; i < call.argc(); i++) {
      if (!withCode && call.is(i, "WITHCODE")) {
        withCode = true;
      } else if (pattern == null && call.is(i, "LIBRARYNAME")) {
        if (i == call.argc() - 1) {
          throw new CommandError("ERR library name argument was not given");
        }
        pattern = call.arg(++i);
      } else {
        throw new CommandError("ERR Unknown argument " + call.text(i));
      }
    }
    List<Library> found = new ArrayList<>();
    for (Library library : libraries.all()) {
      if (pattern == null || matches(pattern, library.name)) {
        found.add(library);
      }
    }
    reply.array(found.size());
    for (Library library : found) {
      tell(library, withCode, reply);
    }
  }

  private static boolean matches(Slice pattern, String name) {
    return Glob.matchesAnyCase(pattern, Slice.of(name));
  }

  private static void tell(Library library, boolean withCode, Reply reply) {
    reply.map(withCode ? 4 : 3);
    reply.bulk("library_name");
    reply.bulk(library.name);
    reply.bulk("engine");
    reply.bulk(Library.ENGINE);
    reply.bulk("functions");
    reply.array(library.functions().size());
    for (LibraryFunction function : library.functions()) {
      reply.map(3);
      reply.bulk("name");
      reply.bulk(function.name);
      reply.bulk("description");
      if (function.description == null) {
        reply.nil();
      } else {
        reply.bulk(function.description.bytes());
      }
      reply.bulk("flags");
      List<String> flags = function.flags.names();
      reply.set(flags.size());
      for (String flag : flags) {
        reply.simple(flag);
      }
    }
    if (withCode) {
      reply.bulk("library_code");
      reply.bulk(library.code);
    }
  }

  private void stats(Reply reply) {
    RunningScripts.Run run = scripts.running.slowFunction();
    reply.map(2);
    reply.bulk("running_script");
    if (run == null) {
      reply.nil();
    } else {
      reply.map(3);
      reply.bulk("name");
      reply.bulk(run.name);
      reply.bulk("command");
      reply.array(run.words.length);
      for (byte[] word : run.words) {
        reply.bulk(word);
      }
      reply.bulk("duration_ms");
      reply.integer(scripts.running.millisOf(run));
    }
    reply.bulk("engines");
    reply.map(1);
    reply.bulk(Library.ENGINE);
    reply.map(2);
    reply.bulk("libraries_count");
    reply.integer(libraries.all().size());
    reply.bulk("functions_count");
    reply.integer(libraries.functions());
  }
}
