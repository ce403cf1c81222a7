package dev.spinel.observe;

import dev.spinel.acl.Users;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Reply;
import java.util.ArrayList;
import java.util.List;

/// CONFIG: the settings, seen by clients. What a setting accepts, and how many change or none, is
/// [Config]'s business.
final class Configuration {
  private final Config config;
  private final Users users;

  Configuration(Config config, Users users) {
    this.config = config;
    this.users = users;
  }

  void get(Call call, Reply reply) {
    List<String> found = config.matching(words(call, 2));
    reply.map(found.size() / 2);
    for (String word : found) {
      reply.bulk(Octets.bytes(word));
    }
  }

  void set(Call call, Reply reply) {
    if (call.argc() % 2 != 0) {
      throw CommandError.SYNTAX;
    }
    try {
      config.set(words(call, 2), isLocal(call), call.engine().loading);
    } catch (ConfigError refused) {
      throw new CommandError(Octets.of(refused.bytes()));
    }
    call.newEra(); // gates go by the configuration
    reply.ok();
  }

  void rewrite(Reply reply) {
    rewrite(() -> config.rewrite(users.lines()), reply);
  }

  /// DEBUG CONFIG-REWRITE-FORCE-ALL.
  void rewriteAll(Reply reply) {
    rewrite(() -> config.rewriteAll(users.lines()), reply);
  }

  private static void rewrite(Runnable rewriting, Reply reply) {
    try {
      rewriting.run();
    } catch (ConfigError refused) {
      throw new CommandError(Octets.of(refused.bytes()));
    }
    reply.ok();
  }

  /// Whether the client is on this machine.
  static boolean isLocal(Call call) {
    String address = call.session().outlet.address();
    return address.startsWith("127.0.0.1:")
        || address.startsWith("[::1]:")
        || address.startsWith("::1:")
        || address.startsWith("/");
  }

  private static List<String> words(Call call, int from) {
    List<String> words = new ArrayList<>(call.argc() - from);
    for (int i = from; i < call.argc(); i++) {
      words.add(Octets.of(call.bytes(i)));
    }
    return words;
  }
}
