package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Reply;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// CONFIG: the settings, seen by clients. What a setting accepts, and how many change or none, is
/// [Config]'s business.
final class Configuration {
  private final Config config;

  Configuration(Config config) {
    this.config = config;
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
    try {
      config.rewrite(List.of(defaultUser()));
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

  private String defaultUser() {
    byte[] password = config.bytes(Settings.REQUIREPASS);
    String login =
        password.length == 0
            ? "nopass sanitize-payload"
            : "sanitize-payload #" + HexFormat.of().formatHex(sha256(password));
    return "user default on " + login + " ~* &* +@all";
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> words(Call call, int from) {
    List<String> words = new ArrayList<>(call.argc() - from);
    for (int i = from; i < call.argc(); i++) {
      words.add(Octets.of(call.bytes(i)));
    }
    return words;
  }
}
