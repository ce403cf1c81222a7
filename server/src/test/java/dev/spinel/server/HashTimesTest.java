package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.engine.ExpiryMode;
import dev.spinel.journal.Journal;
import dev.spinel.value.HashValue;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// Fields of hashes that expire: what goes by itself, what replicas see, and the effects. What
/// clients are answered is compared with a real server's recordings ([LaterComparisonTest]).
class HashTimesTest {
  private static String storedLength(LocalSession session, String key) {
    return say(session, "HLEN", key); // fields whose time is over included
  }

  @Test
  void fieldsGoByThemselvesAndTheKeyWithTheLast() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "HSET", "small", "a", "1", "b", "2", "c", "3");
      say(a, "HPEXPIRE", "small", "100", "FIELDS", "2", "a", "c");
      for (int i = 0; i < 600; i++) {
        say(a, "HSET", "large", "f" + i, "v");
        say(a, "HPEXPIRE", "large", "" + (100 + i % 2), "FIELDS", "1", "f" + i);
      }
      say(a, "HSET", "other", "a", "1");
      fixture.clock.forward(101);
      await().until(() -> storedLength(a, "small").equals(":1"));
      await().until(() -> storedLength(a, "large").equals(":300"));
      assertThat(fixture.effects()).contains("*4 $4 HDEL $5 small $1 c $1 a");
      fixture.clock.forward(1);
      await().until(() -> say(a, "EXISTS", "large").equals(":0"));
      assertThat(fixture.server.engine.expiredFields()).isEqualTo(602);
      assertThat(fixture.server.engine.expiredKeys()).isZero();
      assertThat(say(a, "INFO", "stats")).contains("expired_subkeys:602");
    }
  }

  @Test
  void theLatestTimeComesBackFromADump() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "HSET", "h", "a", "1");
      assertThat(say(a, "HPEXPIREAT", "h", "" + HashValue.LAST_TIME, "FIELDS", "1", "a"))
          .isEqualTo("*1 :1");
      assertThat(say(a, "HPEXPIREAT", "h", "" + (HashValue.LAST_TIME + 1), "FIELDS", "1", "a"))
          .isEqualTo("-ERR invalid expire time in 'hpexpireat' command");
      String reply = new String(a.run("DUMP", "h"), StandardCharsets.ISO_8859_1);
      String payload = reply.substring(reply.indexOf('\n') + 1, reply.length() - 2);
      assertThat(say(a, "RESTORE", "again", "0", payload)).isEqualTo("+OK");
      assertThat(say(a, "HPEXPIRETIME", "again", "FIELDS", "1", "a"))
          .isEqualTo("*1 :" + HashValue.LAST_TIME);
    }
  }

  @Test
  void effectsAreAbsoluteAndOfCommandsThatTellTheDataToOlderReplicas() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "HSETEX", "h", "EX", "100", "FIELDS", "2", "a", "1", "b", "2");
      assertThat(fixture.effects())
          .endsWith(
              "*10 $6 HSETEX $1 h $4 PXAT $13 1700000100000 $6 FIELDS $1 2 $1 a $1 1 $1 b $1 2");
      say(a, "HGETEX", "h", "PX", "5", "FIELDS", "2", "a", "none");
      assertThat(fixture.effects())
          .endsWith("*6 $10 HPEXPIREAT $1 h $13 1700000000005 $6 FIELDS $1 1 $1 a");
      say(a, "HGETEX", "h", "PERSIST", "FIELDS", "1", "a");
      assertThat(fixture.effects()).endsWith("*5 $8 HPERSIST $1 h $6 FIELDS $1 1 $1 a");
      say(a, "HEXPIRE", "h", "10", "GT", "FIELDS", "2", "a", "b");
      assertThat(fixture.effects())
          .as("nothing came of it")
          .endsWith("HPERSIST $1 h $6 FIELDS $1 1 $1 a");
      say(a, "HSETEX", "h", "KEEPTTL", "FIELDS", "2", "a", "7", "b", "8");
      assertThat(fixture.effects())
          .endsWith("*9 $6 HSETEX $1 h $7 KEEPTTL $6 FIELDS $1 2 $1 a $1 7 $1 b $1 8");
      say(a, "HINCRBYFLOAT", "h", "b", "0.5");
      assertThat(fixture.effects())
          .endsWith("*7 $6 HSETEX $1 h $7 KEEPTTL $6 FIELDS $1 1 $1 b $3 8.5");
      say(a, "HEXPIREAT", "h", "1", "FIELDS", "1", "b");
      assertThat(fixture.effects()).endsWith("*3 $4 HDEL $1 h $1 b");
      say(a, "HGETDEL", "h", "FIELDS", "1", "a");
      assertThat(fixture.effects()).endsWith("*3 $4 HDEL $1 h $1 a");
      fixture.verify("so far");
      say(a, "SET", "s", "old");
      say(a, "SET", "s", "new", "IFEQ", "old", "EX", "100");
      assertThat(fixture.effects()).endsWith("*5 $3 SET $1 s $3 new $4 PXAT $13 1700000100000");
      say(a, "SET", "s", "newer", "IFEQ", "new", "KEEPTTL");
      assertThat(fixture.effects()).endsWith("*5 $3 SET $1 s $5 newer $4 PXAT $13 1700000100000");
      assertThat(say(a, "DELIFEQ", "s", "new")).isEqualTo(":0");
      assertThat(say(a, "DELIFEQ", "s", "newer")).isEqualTo(":1");
      assertThat(fixture.effects()).endsWith("*2 $3 DEL $1 s");
      assertThat(say(a, "DELIFEQ", "s", "newer")).isEqualTo(":0");
      say(a, "RPUSH", "l", "1");
      assertThat(say(a, "DELIFEQ", "l", "1")).startsWith("-WRONGTYPE");
    }
  }

  /// Those of 7.x know HSET and HDEL, and discard a transaction with a command they don't know.
  @Test
  void replicasAreToldInCommandsThatOlderOnesMayLeaveOut() {
    try (Fixture fixture = new Fixture()) {
      var stream = new ByteArrayOutputStream();
      LocalSession a = fixture.session();
      var journal = fixture.server.engine.journal;
      Fixture.inStoppedWorld(
          a, () -> journal.attach(Journal.REPLICAS, (b, from, n) -> stream.write(b, from, n)));
      say(a, "HSETEX", "h", "EX", "100", "FIELDS", "1", "a", "1");
      say(a, "HSETEX", "h", "KEEPTTL", "FIELDS", "1", "a", "2");
      say(a, "HINCRBYFLOAT", "h", "a", "1");
      say(a, "MULTI");
      say(a, "HSETEX", "h", "KEEPTTL", "FIELDS", "1", "a", "3");
      say(a, "EXEC");
      Fixture.inStoppedWorld(a, () -> journal.detach(Journal.REPLICAS));
      String at = " *6 $10 HPEXPIREAT $1 h $13 1700000100000 $6 FIELDS $1 1 $1 a";
      assertThat(Fixture.text(stream.toByteArray()))
          .isEqualTo(
              "*2 $6 SELECT $1 0 *4 $4 HSET $1 h $1 a $1 1"
                  + at
                  + " *4 $4 HSET $1 h $1 a $1 2"
                  + at
                  + " *4 $4 HSET $1 h $1 a $1 3"
                  + at
                  + " *1 $5 MULTI *4 $4 HSET $1 h $1 a $1 3"
                  + at
                  + " *1 $4 EXEC");
    }
  }

  @Test
  void aReplicaHidesFieldsAndLeavesThemToItsPrimary() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "HSET", "h", "a", "1", "b", "2", "c", "3");
      say(a, "HPEXPIRE", "h", "100", "FIELDS", "2", "a", "b");
      Fixture.inStoppedWorld(a, () -> fixture.server.engine.expiryMode(ExpiryMode.HIDE));
      fixture.clock.forward(101);
      int effects = fixture.effects().length();
      assertThat(say(a, "HGET", "h", "a")).isEqualTo("$-1");
      assertThat(say(a, "HMGET", "h", "a", "c")).isEqualTo("*2 $-1 $1 3");
      assertThat(say(a, "HGETALL", "h")).isEqualTo("*2 $1 c $1 3");
      assertThat(say(a, "HEXISTS", "h", "b")).isEqualTo(":0");
      for (int i = 0; i < 50; i++) {
        assertThat(say(a, "HRANDFIELD", "h")).isEqualTo("$1 c");
        assertThat(say(a, "HRANDFIELD", "h", "-2")).isEqualTo("*2 $1 c $1 c");
        assertThat(say(a, "HRANDFIELD", "h", "2")).isEqualTo("*1 $1 c");
      }
      assertThat(say(a, "HTTL", "h", "FIELDS", "1", "a")).isEqualTo("*1 :-2");
      assertThat(storedLength(a, "h")).as("they are counted").isEqualTo(":3");
      assertThat(fixture.effects()).hasSize(effects);
      Fixture.inStoppedWorld(a, () -> fixture.server.engine.expiryMode(ExpiryMode.DELETE));
      await().until(() -> storedLength(a, "h").equals(":1"));
    }
  }

  @Test
  void aWatchedKeyWhoseFieldExpiresHasChanged() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "DEBUG", "SET-ACTIVE-EXPIRE", "0");
      say(a, "HSET", "h", "a", "1", "b", "2");
      say(a, "HPEXPIRE", "h", "100", "FIELDS", "1", "a");
      say(a, "WATCH", "h");
      fixture.clock.forward(101);
      assertThat(say(b, "HGET", "h", "a")).isEqualTo("$-1");
      say(a, "MULTI");
      say(a, "PING");
      assertThat(say(a, "EXEC")).isEqualTo("*-1");
    }
  }

  @Test
  void payloadsAndFilesAreOfVersion12OnlyWhereFieldsExpire() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "HSET", "h", "a", "1");
      assertThat(fileVersion(fixture, a)).isEqualTo("REDIS0010");
      say(a, "HPEXPIRE", "h", "100000", "FIELDS", "1", "a");
      assertThat(fileVersion(fixture, a)).isEqualTo("REDIS0012");
      assertThat(fileVersion(fixture, a)).isEqualTo("REDIS0012");
      assertThat(fixture.log().split("RDB version 12", -1)).as("it is said once").hasSize(2);
      say(a, "COPY", "h", "g");
      say(a, "DEL", "h");
      assertThat(fileVersion(fixture, a)).isEqualTo("REDIS0012");
      say(a, "HPERSIST", "g", "FIELDS", "1", "a");
      assertThat(fileVersion(fixture, a)).isEqualTo("REDIS0010");
      say(a, "HPEXPIRE", "g", "100000", "FIELDS", "1", "a");
      say(a, "FLUSHALL");
      assertThat(fileVersion(fixture, a)).isEqualTo("REDIS0010");
    }
  }

  private static String fileVersion(Fixture fixture, LocalSession a) throws Exception {
    assertThat(say(a, "SAVE")).isEqualTo("+OK");
    String reply = say(a, "CONFIG", "GET", "dir");
    String folder = reply.substring(reply.lastIndexOf(' ') + 1);
    byte[] file = Files.readAllBytes(Path.of(folder).resolve("dump.rdb"));
    return new String(file, 0, 9, StandardCharsets.US_ASCII);
  }
}
