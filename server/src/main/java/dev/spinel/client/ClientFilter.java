package dev.spinel.client;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Login;
import dev.spinel.engine.Options;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which clients CLIENT KILL and CLIENT LIST are about: pairs of a word and what it says, all of
/// which must hold. 7.2 knows them for CLIENT KILL, but for MAXAGE (Redis 7.4) and several numbers
/// behind ID; Valkey 8.1 has them for CLIENT LIST, too.
final class ClientFilter {
  private static final List<String> WORDS =
      List.of("ID", "TYPE", "ADDR", "LADDR", "USER", "SKIPME", "MAXAGE");

  private @Nullable String address;
  private @Nullable String localAddress;
  private @Nullable Principal user;
  private @Nullable ClientType type;
  private final Set<Long> ids = new HashSet<>(); // empty: any
  private long leastAgeSeconds;
  private boolean skipsMe;

  /// @param skipsMe whether the client that asks is left out, unless SKIPME says otherwise
  ClientFilter(boolean skipsMe) {
    this.skipsMe = skipsMe;
  }

  /// Only the client at this address.
  ClientFilter at(String clientAddress) {
    address = clientAddress;
    return this;
  }

  /// Whether one of the words stands at argument `first`, or behind it.
  static boolean names(Call call, int first) {
    for (int i = first; i < call.argc(); i++) {
      int at = i;
      if (WORDS.stream().anyMatch(word -> call.is(at, word))) {
        return true;
      }
    }
    return false;
  }

  /// Reads all pairs from argument `first` on.
  ///
  /// @param users whom USER may name
  ClientFilter read(Call call, int first, Login users) {
    Options o = call.options(first);
    while (o.next()) {
      if (o.is("ID", 1)) {
        readIds(call, o);
      } else if (o.is("TYPE", 1)) {
        type = ClientType.named(call, o.take());
      } else if (o.is("ADDR", 1)) {
        address = o.word().text();
      } else if (o.is("LADDR", 1)) {
        localAddress = o.word().text();
      } else if (o.is("USER", 1)) {
        Slice name = o.word();
        user = users.find(name);
        if (user == null) {
          throw new CommandError("ERR No such user '" + name.text() + "'");
        }
      } else if (o.is("SKIPME", 1)) {
        Slice answer = o.word();
        skipsMe = answer.is("YES");
        if (!skipsMe && !answer.is("NO")) {
          throw CommandError.SYNTAX;
        }
      } else if (o.is("MAXAGE", 1)) {
        readAge(call, o);
      } else {
        throw CommandError.SYNTAX;
      }
    }
    return this;
  }

  private void readIds(Call call, Options o) {
    CommandError wrong = new CommandError("ERR client-id should be greater than 0");
    do {
      ids.add(o.integer(1, Long.MAX_VALUE, wrong));
    } while (o.left() > 0 && call.arg(o.position() + 1).isLong());
  }

  private void readAge(Call call, Options o) {
    leastAgeSeconds =
        Call.integer(
            call.arg(o.take()), new CommandError("ERR maxage is not an integer or out of range"));
    if (leastAgeSeconds <= 0) {
      throw new CommandError("ERR maxage should be greater than 0");
    }
  }

  boolean matches(Session session, Call call) {
    return (address == null || address.equals(session.outlet.address()))
        && (localAddress == null || localAddress.equals(session.outlet.localAddress()))
        && (type == null || type == ClientType.of(session))
        && (ids.isEmpty() || ids.contains(session.id))
        && (user == null || session.user == user)
        && (call.now() - session.createdMillis) / 1000 >= leastAgeSeconds
        && !(skipsMe && session == call.session());
  }
}
