package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.Command;
import dev.spinel.engine.Principal;
import dev.spinel.wire.Args;

/// One user, from its making to its removal: sessions refer to it. Its rights are replaced as a
/// whole.
final class User implements Principal {
  /// As [Octets].
  final String name;

  private final byte[] nameBytes;

  /// Written under the monitor of [Users]; while sessions may be the user's, in a stopped world.
  volatile Rights rights;

  User(String name, Rights rights) {
    this.name = name;
    this.nameBytes = Octets.bytes(name);
    this.rights = rights;
  }

  @Override
  public byte[] name() {
    return nameBytes;
  }

  @Override
  public boolean may(Command command, Args args) {
    return rights.check(command, args, 0) == null;
  }

  @Override
  public boolean mayReadAnyKey(Command command, Args args) {
    return rights.allowReadingAll(command, args);
  }

  /// The user's line as it is shown.
  String line() {
    return "user " + name + " " + rights.describe(KeyPattern::rule);
  }

  /// The user's line in a file of users or a configuration: read again, it gives the same rights.
  String exactLine() {
    return "user " + name + " " + rights.describe(KeyPattern::exactRule);
  }
}
