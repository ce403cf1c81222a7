package dev.spinel.sentinel;

import dev.spinel.engine.Principal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Who the clients of a Sentinel are, and what they may do. Implemented by the assembly, for a
/// Sentinel doesn't know the room of users. Called on the shell's thread.
public interface SentinelAccess {
  /// What a client asks for.
  ///
  /// @param words the whole command
  /// @param user who asks; null: one who may do everything
  /// @param client its number
  /// @param line the client's, in CLIENT LIST
  record Asked(
      List<String> words, @Nullable Principal user, long client, String line, long nowMillis) {}

  /// Everybody may do everything: what holds as long as the assembly has said nothing.
  SentinelAccess OPEN =
      new SentinelAccess() {
        @Override
        public @Nullable Principal defaultUser() {
          return null;
        }

        @Override
        public boolean isPasswordRequired() {
          return false;
        }

        @Override
        public @Nullable String logIn(Asked asked, @Nullable String user, String password) {
          return null;
        }

        @Override
        public @Nullable Principal find(String name) {
          return null;
        }

        @Override
        public @Nullable String refusal(Asked asked) {
          return null;
        }

        @Override
        public List<String> commands() {
          return List.of();
        }

        @Override
        public byte[] users(Asked asked, int protocol) {
          throw new IllegalStateException("there are no users");
        }
      };

  /// Who a new client is; null: there are no users.
  @Nullable Principal defaultUser();

  /// Whether a new client must log in before anything else.
  boolean isPasswordRequired();

  /// Whether a name and a password are right; `user` null: the default one's. Returns the error, or
  /// null: then the client is that user.
  @Nullable String logIn(Asked asked, @Nullable String user, String password);

  /// The user of that name, or null.
  @Nullable Principal find(String name);

  /// The error that refuses the command, or null.
  @Nullable String refusal(Asked asked);

  /// The names of all commands and their subcommands, those behind a bar: `client|id`.
  List<String> commands();

  /// The reply to ACL with some subcommand.
  byte[] users(Asked asked, int protocol);
}
