package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/// Random calls of every command in the table, most of them nearly right ([CallGenerator]): none
/// meets an error of our own, none hangs, each gets one well-formed reply, and whatever they did,
/// the journal replays and the account of memory closes ([Fixture]).
///
/// `-Dspinel.fuzz.calls=N` runs more of them, `-Dspinel.fuzz.seed=S` others.
class ArgumentFuzzTest {
  private static final int CALLS_PER_FIXTURE = 4_000;

  /// So are these, beside [CallGenerator#TALKATIVE].
  private static final Set<String> UNCERTAIN =
      Set.of("monitor", "client|reply", "client|kill", "exec", "publish", "spublish");

  @Test
  void noCallMeetsAnErrorOfOurs() throws Exception {
    long seed = CallGenerator.SEED;
    for (int done = 0; done < CallGenerator.CALLS; done += CALLS_PER_FIXTURE) {
      var random = new Random(seed);
      try (Fixture fixture = fixture(seed)) {
        var failure = new AtomicReference<Throwable>();
        var call = new AtomicReference<List<String>>(List.of());
        var worker =
            new Thread(
                () -> {
                  try {
                    run(fixture, random, call);
                  } catch (Throwable t) {
                    failure.set(t);
                  }
                });
        worker.start();
        List<String> last = call.get();
        for (int calm = 0; worker.isAlive() && calm < 20; ) {
          worker.join(1_000);
          List<String> now = call.get();
          calm = now == last ? calm + 1 : 0;
          last = now;
        }
        assertThat(worker.isAlive()).as("seed %d hangs in %s", seed, last).isFalse();
        if (failure.get() != null) {
          throw new AssertionError("seed " + seed + ": " + shown(last), failure.get());
        }
      }
      seed++;
    }
  }

  /// Every second one has values in their large forms from three elements on.
  private static Fixture fixture(long seed) {
    List<String> settings =
        new ArrayList<>(List.of(CallGenerator.BOUND, CallGenerator.BOUND_VALUE));
    if ((seed & 1) != 0) {
      for (String name :
          List.of(
              "hash-max-listpack-entries",
              "list-max-listpack-size",
              "set-max-listpack-entries",
              "set-max-intset-entries",
              "zset-max-listpack-entries",
              "stream-node-max-entries")) {
        settings.addAll(List.of(name, "3"));
      }
    }
    return new Fixture(settings.toArray(String[]::new));
  }

  private static void run(Fixture fixture, Random random, AtomicReference<List<String>> current) {
    var calls = new CallGenerator(fixture.server.engine.table, random);
    LocalSession[] sessions = new LocalSession[3];
    for (int i = 0; i < CALLS_PER_FIXTURE; i++) {
      int who = random.nextInt(sessions.length);
      LocalSession session = sessions[who];
      if (session == null || session.ended() || random.nextInt(400) == 0) {
        if (session != null) {
          session.close();
        }
        session = new LocalSession(fixture.server);
        sessions[who] = session;
      }
      if (session.session().isParked()) {
        fixture.clock.forward(random.nextInt(3_000));
        wellFormed(session.run(new byte[0]));
        if (session.session().isParked() && random.nextInt(4) == 0) {
          session.close();
          sessions[who] = null;
        }
        continue;
      }
      wellFormed(session.run(new byte[0]));
      var call = calls.next();
      current.set(call.words());
      boolean quiet = session.session().replies != dev.spinel.engine.Session.Replies.ON;
      boolean listens = session.session().protocol == 3;
      int replies = wellFormed(session.run(call.words().toArray(String[]::new)));
      boolean certain =
          !quiet
              && !listens
              && !CallGenerator.TALKATIVE.contains(call.name())
              && !UNCERTAIN.contains(call.name())
              && !session.session().isParked();
      if (certain && !session.ended()) {
        assertThat(replies).as("replies to %s", shown(call.words())).isEqualTo(1);
      }
      fixture.clock.forward(random.nextInt(3));
    }
    for (LocalSession session : sessions) {
      if (session != null) {
        session.close();
      }
    }
  }

  private static String shown(List<String> words) {
    List<String> cut = new ArrayList<>();
    for (String word : words) {
      cut.add(word.length() > 60 ? word.substring(0, 60) + "..." + word.length() : word);
    }
    return cut.toString();
  }

  /// How many replies there are, all whole. Errors: one that isn't, or that tells of our own.
  private static int wellFormed(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    assertThat(text).doesNotContain("internal error").doesNotContain("Exception");
    int count = 0;
    for (int at = 0; at < bytes.length; count++) {
      at = behind(text, at);
    }
    return count;
  }

  private static int behind(String text, int at) {
    int end = text.indexOf("\r\n", at);
    assertThat(end).as("a line that doesn't end in %s", text).isPositive();
    String line = text.substring(at + 1, end);
    assertThat(line).doesNotContain("\n").doesNotContain("\r");
    int next = end + 2;
    switch (text.charAt(at)) {
      case '+', '-', ',', '(' -> {
        return next;
      }
      case ':' -> {
        Long.parseLong(line);
        return next;
      }
      case '#' -> {
        assertThat(line).isIn("t", "f");
        return next;
      }
      case '_' -> {
        assertThat(line).isEmpty();
        return next;
      }
      case '$', '=' -> {
        int length = Integer.parseInt(line);
        if (length < 0) {
          return next;
        }
        assertThat(text.startsWith("\r\n", next + length)).as("an end where it is due").isTrue();
        return next + length + 2;
      }
      case '*', '~', '>', '%' -> {
        int elements = Integer.parseInt(line) * (text.charAt(at) == '%' ? 2 : 1);
        for (int i = 0; i < elements; i++) {
          next = behind(text, next);
        }
        return next;
      }
      default -> throw new AssertionError("an unknown type at " + at + " of " + text);
    }
  }
}
