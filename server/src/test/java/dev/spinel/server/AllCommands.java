package dev.spinel.server;

import dev.spinel.engine.CommandTable;

/// The table of a server, for tests of what its rows say.
public final class AllCommands {
  private AllCommands() {}

  public static CommandTable table() {
    try (Fixture fixture = new Fixture()) {
      return fixture.server.engine.table;
    }
  }
}
