package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.engine.Clock;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Users: what they may do, when a change takes effect, whose connections end, and where users come
/// from at the start. The language of rules is tested by RulesTest, replies beside a real server by
/// ComparisonTest.
class AclTest {
  private static final String NO_KEY = "-NOPERM No permissions to access a key";
  private static final String WRONG =
      "-WRONGPASS invalid username-password pair or user is disabled.";

  @TempDir private Path folder;
  private Fixture fixture;
  private LocalSession admin;
  private LocalSession client;

  @BeforeEach
  void start() {
    fixture = new Fixture();
    admin = fixture.session();
    client = fixture.session();
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  private void user(String name, String... rules) {
    String[] call = new String[rules.length + 3];
    call[0] = "ACL";
    call[1] = "SETUSER";
    call[2] = name;
    System.arraycopy(rules, 0, call, 3, rules.length);
    assertThat(say(admin, call)).isEqualTo("+OK");
  }

  private void logIn(String name, String... rules) {
    user(name, rules);
    assertThat(say(client, "AUTH", name, "x")).isEqualTo("+OK");
  }

  private static String notToRun(String user, String command) {
    return "-NOPERM User " + user + " has no permissions to run the '" + command + "' command";
  }

  // ── what is refused ──

  @Test
  void aUserMayRunWhatItsRulesSayAndNothingElse() {
    logIn("bob", "on", "nopass", "+get", "+set", "+config|get", "~a*");
    assertThat(say(client, "SET", "a1", "x")).isEqualTo("+OK");
    assertThat(say(client, "GET", "a1")).isEqualTo("$1 x");
    assertThat(say(client, "GET", "b")).isEqualTo(NO_KEY);
    assertThat(say(client, "DEL", "a1")).isEqualTo(notToRun("bob", "del"));
    assertThat(say(client, "CONFIG", "SET", "hz", "10")).isEqualTo(notToRun("bob", "config|set"));
    assertThat(say(client, "CONFIG", "GET", "hz")).startsWith("*2");
    assertThat(say(client, "ACL", "WHOAMI")).isEqualTo(notToRun("bob", "acl|whoami"));
    assertThat(say(client, "QUIT")).isEqualTo("+OK");
  }

  @Test
  void aChangeHoldsForSessionsThatAreThere() {
    logIn("bob", "on", "nopass", "+@all", "~*");
    assertThat(say(client, "GET", "a")).isEqualTo("$-1");
    user("bob", "-get");
    assertThat(say(client, "GET", "a")).isEqualTo(notToRun("bob", "get"));
    user("bob", "+get", "resetkeys", "~b");
    assertThat(say(client, "GET", "a")).isEqualTo(NO_KEY);
    user("bob", "off");
    assertThat(say(client, "GET", "b")).isEqualTo("$-1"); // who is in stays in
    assertThat(say(fixture.session(), "AUTH", "bob", "x")).isEqualTo(WRONG);
  }

  @Test
  void theDefaultUserCanBeRestrictedForSessionsThatAreThereAndNewOnes() {
    user("default", "-ping");
    assertThat(say(client, "PING")).isEqualTo(notToRun("default", "ping"));
    assertThat(say(fixture.session(), "PING")).isEqualTo(notToRun("default", "ping"));
    user("default", "+@all");
    assertThat(say(client, "PING")).isEqualTo("+PONG");
  }

  @Test
  void newSessionsMustLogInOnceTheDefaultUserIsOff() {
    user("default", "off");
    LocalSession late = fixture.session();
    assertThat(say(late, "PING")).isEqualTo("-NOAUTH Authentication required.");
    assertThat(say(client, "PING")).isEqualTo("+PONG");
    user("default", "on");
    assertThat(say(late, "PING")).isEqualTo("+PONG"); // nobody needs a password any more
  }

  @Test
  void requirepassIsThePasswordOfTheDefaultUser() {
    say(admin, "CONFIG", "SET", "requirepass", "secret");
    String hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assertThat(say(admin, "ACL", "LIST"))
        .contains("user default on sanitize-payload #" + hash + " ~* &* +@all");
    LocalSession late = fixture.session();
    assertThat(say(late, "AUTH", "wrong")).isEqualTo(WRONG);
    assertThat(say(late, "AUTH", "default", "secret")).isEqualTo("+OK");
    user("default", ">more");
    assertThat(say(late, "AUTH", "more")).isEqualTo("+OK");
    say(admin, "CONFIG", "SET", "requirepass", "other");
    assertThat(say(late, "AUTH", "more")).isEqualTo(WRONG);
    assertThat(say(late, "AUTH", "secret")).isEqualTo(WRONG);
    assertThat(say(late, "AUTH", "other")).isEqualTo("+OK");
    user("default", "resetpass", "nopass");
    assertThat(say(admin, "CONFIG", "GET", "requirepass")).contains("other");
    assertThat(say(late, "AUTH", "x")).startsWith("-ERR AUTH <password> called without any");
  }

  @Test
  void execAsksAgainForEachCommand() {
    logIn("bob", "on", "nopass", "+@all", "~*", "&*");
    say(client, "MULTI");
    say(client, "SET", "a", "1");
    say(client, "GET", "a");
    say(client, "PUBLISH", "c", "m");
    say(client, "DEL", "b");
    user("bob", "-get", "resetkeys", "~a", "resetchannels");
    String changed =
        "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC"
            + " call. This command is no longer allowed for the following reason: no permission to"
            + " ";
    assertThat(say(client, "EXEC"))
        .isEqualTo(
            "*4 +OK "
                + changed
                + "execute the command or subcommand "
                + changed
                + "access one of the channels used as arguments "
                + changed
                + "touch the specified keys");
    assertThat(say(admin, "INFO", "errorstats")).contains("errorstat_NOPERM:count=3");
  }

  @Test
  void whatIsRefusedWhileQueueingAbortsTheTransaction() {
    logIn("bob", "on", "nopass", "+@all", "-get", "~*");
    say(client, "MULTI");
    assertThat(say(client, "GET", "a")).isEqualTo(notToRun("bob", "get"));
    assertThat(say(client, "EXEC"))
        .isEqualTo("-EXECABORT Transaction discarded because of previous errors.");
    user("bob", "-exec");
    say(client, "MULTI");
    say(client, "PING");
    assertThat(say(client, "EXEC"))
        .isEqualTo(
            "-EXECABORT Transaction discarded because of: " + notToRun("bob", "exec").substring(1));
  }

  @Test
  void whoLogsInWithinATransactionIsSomebodyElseFromThereOn() {
    user("carol", "on", "nopass", "+ping", "+exec");
    logIn("bob", "on", "nopass", "+@all", "~*");
    say(client, "MULTI");
    say(client, "SET", "a", "1");
    say(client, "AUTH", "carol", "x");
    say(client, "SET", "a", "2");
    say(client, "PING");
    assertThat(say(client, "EXEC")).startsWith("*4 +OK +OK -NOPERM ACLs").endsWith("+PONG");
    assertThat(say(admin, "GET", "a")).isEqualTo("$1 1");
  }

  @Test
  void aScriptMayDoWhatItsUserMay() {
    logIn("bob", "on", "nopass", "+@all", "-incr", "~a*");
    assertThat(say(client, "EVAL", "return redis.call('set','a','1')", "0")).isEqualTo("+OK");
    assertThat(say(client, "EVAL", "return redis.pcall('get','b')", "0"))
        .isEqualTo("-ERR ACL failure in script: No permissions to access a key");
    assertThat(say(client, "EVAL", "return redis.pcall('incr','a')", "0"))
        .isEqualTo(
            "-ERR ACL failure in script: User bob has no permissions to run the 'incr' command");
    assertThat(say(client, "EVAL", "return redis.acl_check_cmd('incr','a')", "0")).isEqualTo("$-1");
    assertThat(say(client, "EVAL", "return redis.acl_check_cmd('get','a')", "0")).isEqualTo(":1");
    assertThat(say(client, "EVAL", "return redis.call('get', KEYS[1])", "1", "b"))
        .isEqualTo(NO_KEY);
    assertThat(say(admin, "ACL", "LOG", "2")).contains("$3 lua");
  }

  @Test
  void aWaitingCallIsRefusedOnceItsUserMayNotRunItAnyMore() {
    logIn("bob", "on", "nopass", "+@all", "~l*");
    assertThat(say(client, "BLPOP", "l", "0")).isEmpty();
    user("bob", "resetkeys");
    assertThat(say(admin, "RPUSH", "l", "x")).isEqualTo(":1");
    assertThat(say(client)).isEqualTo(NO_KEY);
    assertThat(say(admin, "LLEN", "l")).isEqualTo(":1");
    assertThat(say(admin, "INFO", "commandstats"))
        .contains("cmdstat_blpop:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1");
  }

  @Test
  void sortReadsOtherKeysOnlyForWhoMayReadAll() {
    say(admin, "RPUSH", "l", "1", "2");
    logIn("bob", "on", "nopass", "(+sort ~l ~w*)");
    String refusal = " option of SORT denied due to insufficient ACL permissions.";
    assertThat(say(client, "SORT", "l", "BY", "w*")).isEqualTo("-ERR BY" + refusal);
    assertThat(say(client, "SORT", "l", "BY", "w")).startsWith("*2");
    assertThat(say(client, "SORT", "l", "GET", "w*")).isEqualTo("-ERR GET" + refusal);
    user("bob", "(+sort ~l %R~*)");
    assertThat(say(client, "SORT", "l", "BY", "w*")).startsWith("*2");
  }

  // ── whose connections end ──

  @Test
  void connectionsOfARemovedUserEndAfterTheirReply() {
    logIn("bob", "on", "nopass", "+@all", "~*");
    LocalSession other = fixture.session();
    say(other, "AUTH", "bob", "x");
    LocalSession waiting = fixture.session();
    say(waiting, "AUTH", "bob", "x");
    say(waiting, "BLPOP", "l", "0");
    assertThat(say(client, "ACL", "DELUSER", "bob", "nobody")).isEqualTo(":1");
    assertThat(client.ended()).isTrue();
    say(other);
    say(waiting);
    assertThat(other.ended()).isTrue();
    assertThat(waiting.ended()).isTrue();
    assertThat(say(admin, "PING")).isEqualTo("+PONG");
    assertThat(say(admin, "ACL", "USERS")).isEqualTo("*1 $7 default");
    assertThat(say(admin, "CLIENT", "KILL", "USER", "bob")).isEqualTo("-ERR No such user 'bob'");
  }

  @Test
  void clientKillClosesTheConnectionsOfAUser() {
    logIn("bob", "on", "nopass", "+@all");
    assertThat(say(admin, "CLIENT", "LIST")).contains(" user=bob ", " user=default ");
    assertThat(say(admin, "CLIENT", "KILL", "USER", "bob")).isEqualTo(":1");
    say(client);
    assertThat(client.ended()).isTrue();
    assertThat(say(admin, "CLIENT", "KILL", "USER", "default", "SKIPME", "yes")).isEqualTo(":0");
  }

  @Test
  void subscribersWhoMayNotListenAnyMoreEnd() {
    user("bob", "on", "nopass", "+@all", "resetchannels", "&news:*", "&talk");
    LocalSession[] all = new LocalSession[4];
    String[][] subscriptions = {
      {"SUBSCRIBE", "news:1"}, {"PSUBSCRIBE", "news:*"}, {"SSUBSCRIBE", "talk"}, {"PING"}
    };
    for (int i = 0; i < all.length; i++) {
      all[i] = fixture.session();
      say(all[i], "AUTH", "bob", "x");
      assertThat(say(all[i], subscriptions[i])).doesNotStartWith("-");
    }
    user("bob", "&more"); // nobody loses anything
    for (LocalSession each : all) {
      say(each);
      assertThat(each.ended()).isFalse();
    }
    user("bob", "resetchannels", "&news:1", "&talk");
    for (int i = 0; i < all.length; i++) {
      say(all[i]);
      assertThat(all[i].ended()).as("%d", i).isEqualTo(i == 1); // a pattern as it stands, only
    }
    user("bob", "allchannels");
    user("bob", "resetchannels");
    for (int i = 0; i < 3; i++) {
      say(all[i]);
      assertThat(all[i].ended()).as("%d", i).isTrue();
    }
    assertThat(all[3].ended()).isFalse();
  }

  // ── the log ──

  @Test
  void theLogCountsWhatIsAlikeAndKeepsNoMoreThanItMay() {
    logIn("bob", "on", "nopass", "+get", "~a");
    say(client, "GET", "b");
    say(client, "GET", "b");
    fixture.clock.forward(1500);
    say(client, "GET", "b");
    String entry = say(admin, "ACL", "LOG");
    assertThat(entry)
        .startsWith(
            "*1 *20 $5 count :3 $6 reason $3 key $7 context $8 toplevel $6 object $1 b $8 username"
                + " $3 bob $11 age-seconds $1 0 $11 client-info ")
        .contains(" cmd=get user=bob ")
        .endsWith(
            " $8 entry-id :0 $17 timestamp-created :1700000000000 $22 timestamp-last-updated"
                + " :1700000001500");
    fixture.clock.forward(60_001);
    say(client, "GET", "b");
    assertThat(say(admin, "ACL", "LOG")).startsWith("*2 *20 $5 count :1").contains("entry-id :1");
    say(admin, "CONFIG", "SET", "acllog-max-len", "3");
    for (int i = 0; i < 10; i++) {
      say(client, "GET", "k" + i);
    }
    assertThat(say(admin, "ACL", "LOG", "100")).startsWith("*3 ").contains("$2 k9", "$2 k7");
    assertThat(say(admin, "ACL", "LOG", "1")).startsWith("*1 ");
    assertThat(say(admin, "ACL", "LOG", "RESET")).isEqualTo("+OK");
    assertThat(say(admin, "ACL", "LOG")).isEqualTo("*0");
    assertThat(say(admin, "INFO", "stats"))
        .contains(
            "acl_access_denied_key:14", "acl_access_denied_cmd:0", "acl_access_denied_auth:0");
  }

  @Test
  void theLogSaysWhereSomethingWasRefused() {
    logIn("bob", "on", "nopass", "+@all", "-incr", "~*", "&a");
    say(client, "AUTH", "bob2", "x");
    say(client, "MULTI");
    say(client, "INCR", "k");
    say(client, "EXEC");
    say(client, "PUBLISH", "b", "m");
    assertThat(say(admin, "ACL", "LOG"))
        .contains("reason $7 channel $7 context $8 toplevel $6 object $1 b")
        .contains("reason $7 command $7 context $5 multi $6 object $4 incr")
        .contains("reason $4 auth $7 context $8 toplevel $6 object $4 AUTH $8 username $4 bob2");
  }

  @Test
  void aLongKeyIsCutInTheLog() {
    logIn("bob", "on", "nopass", "+get", "~a");
    say(client, "GET", "k".repeat(100_000));
    assertThat(say(admin, "ACL", "LOG")).contains("object $4096 kkk");
  }

  @Test
  void rulesAreNoBusinessOfTheSlowLog() {
    say(admin, "CONFIG", "SET", "slowlog-log-slower-than", "0");
    user("bob", ">secret");
    assertThat(say(admin, "SLOWLOG", "GET")).contains("SETUSER $10 (redacted) $10 (redacted)");
  }

  @Test
  void passwordsThatAreMadeHaveTheBitsAskedFor() {
    assertThat(say(admin, "ACL", "GENPASS")).matches("\\$64 [0-9a-f]{64}");
    assertThat(say(admin, "ACL", "GENPASS", "5")).matches("\\$2 [0-9a-f]{2}");
    assertThat(say(admin, "ACL", "GENPASS", "4096")).matches("\\$1024 [0-9a-f]{1024}");
    assertThat(say(admin, "ACL", "GENPASS")).isNotEqualTo(say(admin, "ACL", "GENPASS"));
  }

  // ── beside other threads ──

  /// Two threads change rules of one user, and each change is there in the end.
  @Test
  void changesOfOneUserByTwoThreadsAreAllMade() throws Exception {
    user("bob", "on", "nopass");
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread[] threads = new Thread[2];
    CountDownLatch go = new CountDownLatch(1);
    for (int t = 0; t < threads.length; t++) {
      LocalSession session = fixture.session();
      String mine = t == 0 ? "a" : "b";
      threads[t] =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      go.await();
                      for (int i = 0; i < 100; i++) {
                        say(session, "ACL", "SETUSER", "bob", "~" + mine + i);
                      }
                    } catch (Throwable e) {
                      failure.set(e);
                    }
                  });
    }
    go.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    String line = say(admin, "ACL", "LIST");
    for (int i = 0; i < 100; i++) {
      assertThat(line).contains("~a" + i + " ", "~b" + i + " ");
    }
  }

  /// A user is made and removed over and over while somebody logs in as it: no session of a removed
  /// user goes on.
  @Test
  void nobodyStaysLoggedInAsARemovedUser() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    AtomicReference<String> failure = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!over.get()) {
                    LocalSession session = fixture.session();
                    say(session, "AUTH", "bob", "x");
                    String user = say(session, "ACL", "WHOAMI");
                    if (!user.isEmpty() && !user.endsWith("bob") && !user.endsWith("default")) {
                      failure.set(user);
                    }
                    session.close();
                  }
                });
    for (int i = 0; i < 300; i++) {
      user("bob", "on", "nopass", "+@all");
      say(admin, "ACL", "DELUSER", "bob");
    }
    over.set(true);
    thread.join();
    assertThat(failure.get()).isNull();
    assertThat(say(admin, "CLIENT", "LIST")).doesNotContain("user=bob");
  }

  // ── where users come from ──

  private String startWith(String... settings) throws Exception {
    String[] all = new String[settings.length + 4];
    all[0] = "dir";
    all[1] = folder.toString();
    all[2] = "save";
    all[3] = "";
    System.arraycopy(settings, 0, all, 4, settings.length);
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    Config config = Config.of(all);
    try (Server server = new Server(config, new Log(config, log), Clock.SYSTEM)) {
      server.startWithoutListening();
      try (LocalSession session = new LocalSession(server)) {
        return say(session, "ACL", "LIST") + "\n" + log.toString(StandardCharsets.UTF_8);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  @Test
  void usersOfTheConfigurationAreThereFromTheStart() throws Exception {
    assertThat(
            startWith(
                "user", "alice on nopass ~* (+get ~a) ( +set )", "user", "default on nopass +@all"))
        .contains(
            "user alice on nopass sanitize-payload ~* resetchannels -@all (~a resetchannels -@all"
                + " +get) (resetchannels -@all +set)")
        .contains("user default on nopass sanitize-payload resetchannels +@all");
    assertThat(startWith("user", "bob +get"))
        .contains(
            "The user 'bob' is disabled (there is no 'on' modifier in the user description).");
    assertThat(startWith("acl-pubsub-default", "allchannels", "user", "bob on"))
        .contains("user bob on sanitize-payload &* -@all");
    assertThat(startWith("requirepass", "x", "user", "default on nopass ~* &* +@all"))
        .contains("user default on nopass sanitize-payload ~* &* +@all"); // which comes later
  }

  @Test
  void aWrongUserOfTheConfigurationStopsTheStart() {
    assertRefused("Error in user declaration 'alice': Syntax error", "alice on what");
    assertRefused("Error in user declaration 'alice': Duplicate user found.", "alice on", "alice");
    assertRefused("Error in user declaration 'default': Duplicate user", "default", "default");
    assertThatThrownBy(() -> startWith("user", "alice on +nosuch"))
        .hasMessage("Critical error while loading ACLs. Exiting.");
    file("");
    assertThatThrownBy(() -> startWith("user", "alice on", "aclfile", "users.acl"))
        .hasMessageStartingWith(
            "Configuring Redis with users defined in redis.conf and at the same");
  }

  private void assertRefused(String message, String... users) {
    String[] settings = new String[2 * users.length];
    for (int i = 0; i < users.length; i++) {
      settings[2 * i] = "user";
      settings[2 * i + 1] = users[i];
    }
    assertThatThrownBy(() -> startWith(settings))
        .isInstanceOf(ConfigError.class)
        .hasMessageContaining(message);
  }

  private void file(String text) {
    try {
      Files.write(folder.resolve("users.acl"), text.getBytes(ISO_8859_1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void assertFileRefused(String text, String... errors) {
    file(text);
    StringBuilder all = new StringBuilder("Aborting Redis startup because of ACL errors: ");
    for (String error : errors) {
      all.append(error);
    }
    all.append("WARNING: ACL errors detected, no change to the previously active ACL rules was");
    assertThatThrownBy(() -> startWith("aclfile", "users.acl")).hasMessage(all + " performed");
  }

  @Test
  void whatIsWrongWithAFileOfUsersIsToldWhole() {
    assertThatThrownBy(() -> startWith("aclfile", "none.acl"))
        .hasMessageContaining(
            "Error loading ACLs, opening file 'none.acl': No such file or directory");
    assertFileRefused(
        "users alice\nuser\n# no comments",
        "users.acl:1 should start with user keyword followed by the username. ",
        "users.acl:2 should start with user keyword followed by the username. ",
        "users.acl:3 should start with user keyword followed by the username. ");
    assertFileRefused(
        "user alice on\nuser bob on\n\nuser alice off\nuser default on\nuser default on",
        "WARNING: Duplicate user 'alice' found on line 4. ",
        "WARNING: Duplicate user 'default' found on line 6. ");
    assertFileRefused(
        "user alice on +nosuch +@nothing what else ~x",
        "users.acl:1: Error in applying operation '+nosuch': Unknown command or category name in"
            + " ACL. ",
        "users.acl:1: Error in applying operation '+@nothing': Unknown command or category name in"
            + " ACL. ",
        "users.acl:1: Syntax error. ");
    assertFileRefused(
        "user alice on (+get", "users.acl:1: Unmatched parenthesis in selector definition.");
    assertFileRefused(
        "user a\tb on", "'users.acl:1: username 'a\tb' contains invalid characters. ");
    assertFileRefused( // torn in the middle of a hash
        "user alice on #2bb80d537b1da3e38bd30361aa8556",
        "users.acl:1: The password hash must be exactly 64 characters and contain only lowercase"
            + " hexadecimal characters. ");
  }

  @Test
  void aFileOfUsersIsReadWrittenAndReadAgain() throws Exception {
    file("\r\nuser alice on  nopass ~* ( +get ~a )\t\r\n  \nuser bob on >x +@all -@admin\n");
    String first = startWith("aclfile", "users.acl", "requirepass", "gone");
    assertThat(first)
        .contains("user default on nopass sanitize-payload ~* &* +@all"); // as in Redis
    assertThat(first).contains("user bob on sanitize-payload #", "(~a resetchannels -@all +get)");
  }

  @Test
  void aclSaveWritesWhatAclLoadReads() throws Exception {
    file("user alice on nopass +@all ~*\nuser default on nopass +@all ~* &*\n");
    try (Fixture other = new Fixture("dir", folder.toString(), "aclfile", "users.acl")) {
      LocalSession one = other.session();
      LocalSession alice = other.session();
      say(alice, "AUTH", "alice", "x");
      assertThat(say(one, "ACL", "SETUSER", "carol", "on", ">x", "(+get ~c)")).isEqualTo("+OK");
      String before = say(one, "ACL", "LIST");
      assertThat(say(one, "ACL", "SAVE")).isEqualTo("+OK");
      assertThat(say(one, "ACL", "DELUSER", "carol")).isEqualTo(":1");
      assertThat(say(alice, "ACL", "LOAD")).isEqualTo("+OK"); // ends all but the default user's
      assertThat(alice.ended()).isTrue();
      assertThat(say(one, "ACL", "LIST")).isEqualTo(before);
      file("user alice on\nuser alice off\nuser");
      assertThat(say(one, "ACL", "LOAD"))
          .isEqualTo(
              "-ERR WARNING: Duplicate user 'alice' found on line 2. users.acl:3 should start with"
                  + " user keyword followed by the username. WARNING: ACL errors detected, no"
                  + " change to the previously active ACL rules was performed");
      assertThat(say(one, "ACL", "LIST")).isEqualTo(before);
      Files.delete(folder.resolve("users.acl"));
      assertThat(say(one, "ACL", "LOAD"))
          .isEqualTo(
              "-ERR Error loading ACLs, opening file 'users.acl': No such file or directory");
      Files.createDirectory(folder.resolve("users.acl"));
      assertThat(say(one, "ACL", "SAVE"))
          .startsWith("-ERR There was an error trying to save the ACLs.");
      assertThat(other.log()).contains("for ACL SAVE: ");
    }
  }

  @Test
  void aServerWithoutAFileOfUsersSaysSo() {
    assertThat(say(admin, "ACL", "LOAD"))
        .startsWith("-ERR This Redis instance is not configured to use an ACL file.");
    assertThat(say(admin, "ACL", "SAVE"))
        .startsWith("-ERR This Redis instance is not configured to use an ACL file.");
  }
}
