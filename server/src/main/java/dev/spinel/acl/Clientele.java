package dev.spinel.acl;

import dev.spinel.engine.Call;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.util.function.BiPredicate;

/// What the assembly knows of a server's sessions that this room doesn't.
public interface Clientele {
  /// The line in CLIENT LIST of the client whose call it is, as [dev.spinel.config.Octets].
  String describe(Call call);

  /// Whether `test` is true of each channel and (second argument true) each pattern that the
  /// session is subscribed to. Stopped world.
  boolean allMatch(Session session, BiPredicate<Slice, Boolean> test);
}
