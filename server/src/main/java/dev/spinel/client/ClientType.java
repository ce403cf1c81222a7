package dev.spinel.client;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Session;

/// What a client is to the server, as CLIENT LIST TYPE and CLIENT KILL TYPE name it.
enum ClientType {
  NORMAL,
  REPLICA,
  PUBSUB,
  MASTER;

  static ClientType of(Session session) {
    if (session.isPrimary) {
      return MASTER;
    }
    if (session.isReplica) {
      return REPLICA;
    }
    return session.subscribed() ? PUBSUB : NORMAL;
  }

  /// The type that argument `i` names. Errors: there is none of that name.
  static ClientType named(Call call, int i) {
    for (ClientType each : values()) {
      if (call.is(i, each.name())) {
        return each;
      }
    }
    if (call.is(i, "SLAVE")) {
      return REPLICA;
    }
    throw new CommandError("ERR Unknown client type '" + call.text(i) + "'");
  }
}
