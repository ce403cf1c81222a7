package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Reply;

/// MODULE: modules are native code for Redis itself, so there are none here and none can be loaded.
public final class Modules implements Family {
  private static final int HELP = 0, LIST = 1, LOAD = 2, LOADEX = 3, UNLOAD = 4;

  private static final CommandError NOT_ALLOWED =
      new CommandError(
          "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\","
              + " you can run it from a local connection, otherwise you need to set this option in"
              + " the configuration file, and then restart the server.");
  private static final CommandError NOT_LOADED =
      new CommandError(
          "ERR Error loading the extension. Modules are native code for Redis itself, which this"
              + " server can't run.");
  private static final CommandError NOT_THERE =
      new CommandError("ERR Error unloading module: no such module with that name");

  private final Config config;

  public Modules(Config config) {
    this.config = config;
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.container("MODULE", "server 4.0.0", "Asks about modules.\nDepends on subcommand.");
    t.command(HELP, "MODULE|HELP", "server 5.0.0 loading stale", "Lists the subcommands.\nO(1)");
    t.command(
        LIST,
        "MODULE|LIST",
        "server 4.0.0 admin noscript nondeterministic_output_order",
        "Lists the modules that are loaded.\nO(N), N modules");
    t.command(
        LOAD,
        "MODULE|LOAD path [arg]...",
        "server 4.0.0 admin noscript no_async_loading protected",
        "Would load a module; there are none for this server.\nO(1)");
    t.command(
        LOADEX,
        "MODULE|LOADEX path [CONFIG... (configs: name value)] [ARGS args...]",
        "server 7.0.0 admin noscript no_async_loading protected",
        "Would load a module with settings; there are none for this server.\nO(1)");
    t.command(
        UNLOAD,
        "MODULE|UNLOAD name",
        "server 4.0.0 admin noscript no_async_loading protected",
        "Would unload a module; none is loaded.\nO(1)");
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case HELP -> Help.reply(call, reply);
      case LIST -> reply.array(0);
      case LOAD, LOADEX, UNLOAD -> {
        String allowed = config.get(Settings.ENABLE_MODULE_COMMAND);
        if (!allowed.equals("yes") && !(allowed.equals("local") && Configuration.isLocal(call))) {
          throw NOT_ALLOWED;
        }
        throw row == UNLOAD ? NOT_THERE : NOT_LOADED;
      }
      default -> throw new AssertionError(row);
    }
  }
}
