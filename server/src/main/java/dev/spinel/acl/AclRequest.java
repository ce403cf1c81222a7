package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Principal;
import dev.spinel.wire.Args;
import org.jspecify.annotations.Nullable;

/// What a client asks, as the room of users sees it: a call of a server, or a request to a
/// Sentinel.
public interface AclRequest {
  Args args();

  /// Milliseconds since 1970.
  long now();

  /// The commands that there are.
  CommandTable table();

  /// Who asks; null: one who may do everything.
  @Nullable Principal user();

  /// Where the command is said, in a word of ACL LOG: `toplevel`, `multi`, `lua`.
  String context();

  /// The client's line in CLIENT LIST, as [Octets].
  String client();

  /// All that users are logged in with.
  UserSessions sessions();

  default int argc() {
    return args().count();
  }

  /// An argument, as [Octets].
  default String text(int i) {
    return Octets.of(args().at(i).copy());
  }
}
