package dev.spinel.engine;

import java.util.Locale;
import java.util.Objects;

/// The reply to `CLIENT HELP` and its like, made from the rows: every subcommand's form and
/// summary.
public final class Help {
  private Help() {}

  /// Writes the help of the container that the running command belongs to.
  public static void reply(Call call, Reply reply) {
    Command container = Objects.requireNonNull(call.command().parent);
    reply.array(1 + 2L * (container.subcommands().size() + (container.runs() ? 1 : 0)));
    String name = container.name.toUpperCase(Locale.ROOT);
    reply.simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    if (container.runs()) {
      reply.simple("(no subcommand)");
      reply.simple("    " + container.synopsis().summary);
    }
    Command help = call.command();
    for (Command sub : container.subcommands()) if (sub != help) lines(sub, container, reply);
    lines(help, container, reply);
  }

  private static void lines(Command sub, Command container, Reply reply) {
    String form = sub.name.substring(container.name.length() + 1).toUpperCase(Locale.ROOT);
    String hint = sub.synopsis().hint();
    reply.simple(hint.isEmpty() ? form : form + " " + hint);
    reply.simple("    " + sub.synopsis().summary);
  }
}
