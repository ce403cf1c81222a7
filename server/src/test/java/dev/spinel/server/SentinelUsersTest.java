package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The users of a Sentinel: its ACL, what it refuses, and that its file keeps them.
class SentinelUsersTest {
  @TempDir private Path folder;

  private static String ask(Client client, String... words) throws IOException {
    RespValue reply = client.command(words);
    return reply instanceof RespValue.Array array
        ? String.join("\n", array.elements().stream().map(RespValue::text).toList())
        : String.valueOf(reply.text());
  }

  private SentinelServer start(Path file) throws Exception {
    Config config = CommandLine.of(file.toString(), "--sentinel").load(System.in);
    return SentinelServer.start(config, new Log(config, new ByteArrayOutputStream()), () -> {});
  }

  @Test
  void usersOfASentinelMayDoWhatTheirRulesSayAndAreKept() throws Exception {
    int port = RealRedis.freePort();
    Path file =
        Files.writeString(
            folder.resolve("sentinel.conf"),
            "port " + port + "\nsentinel monitor m 127.0.0.1 1 2\nuser eve on nopass +ping\n");
    try (SentinelServer server = start(file);
        Client admin = Client.connect("127.0.0.1", port).timeoutMillis(20_000);
        Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      assertThat(ask(admin, "ACL", "WHOAMI")).isEqualTo("default");
      assertThat(ask(admin, "ACL", "SETUSER", "bob", "on", ">pw", "+@all", "-sentinel|masters"))
          .isEqualTo("OK");
      assertThat(ask(admin, "ACL", "SETUSER", "bob", "+get"))
          .isEqualTo(
              "ERR Error in ACL SETUSER modifier '+get': Unknown command or category name in ACL");
      assertThat(ask(client, "AUTH", "bob", "no"))
          .isEqualTo("WRONGPASS invalid username-password pair or user is disabled.");
      assertThat(ask(client, "AUTH", "bob", "pw")).isEqualTo("OK");
      assertThat(ask(client, "SENTINEL", "masters"))
          .isEqualTo("NOPERM User bob has no permissions to run the 'sentinel|masters' command");
      assertThat(ask(client, "SUBSCRIBE", "x"))
          .isEqualTo("NOPERM No permissions to access a channel");
      assertThat(ask(admin, "ACL", "DRYRUN", "bob", "PING")).isEqualTo("OK");
      assertThat(ask(admin, "ACL", "SETUSER", "default", "off")).isEqualTo("OK");
      try (Client killer = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
        assertThat(ask(killer, "AUTH", "bob", "pw")).isEqualTo("OK");
        assertThat(ask(killer, "CLIENT", "KILL", "ID", ask(killer, "CLIENT", "ID"), "SKIPME", "no"))
            .isEqualTo("1"); // its last reply
      }
      try (Client late = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
        assertThat(ask(late, "PING")).isEqualTo("NOAUTH Authentication required.");
        late.send("PING", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11");
        late.flush();
        assertThat(late.receive().text())
            .isEqualTo("ERR Protocol error: unauthenticated multibulk length");
      }
      assertThat(ask(client, "PING", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"))
          .isEqualTo("ERR wrong number of arguments for 'ping' command");
      assertThat(ask(admin, "SENTINEL", "FLUSHCONFIG")).isEqualTo("OK");
      assertThat(ask(client, "ACL", "DELUSER", "bob")).isEqualTo("1");
      assertThat(server.hasEnded()).isFalse();
    }
    assertThat(Files.readString(file))
        .contains("user bob on sanitize-payload #", " resetchannels +@all -sentinel|masters\n")
        .contains("user default off nopass sanitize-payload ~* &* +@all\n")
        .contains("user eve on nopass sanitize-payload resetchannels -@all +ping\n");
    try (SentinelServer server = start(file);
        Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      assertThat(ask(client, "PING")).isEqualTo("NOAUTH Authentication required.");
      assertThat(ask(client, "AUTH", "bob", "pw")).isEqualTo("OK");
      assertThat(ask(client, "ACL", "USERS")).isEqualTo("bob\ndefault\neve");
      assertThat(server.hasEnded()).isFalse();
    }
  }
}
