package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.engine.Clock;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// Poppers wait while pushers push in every way that can wake them: each token is popped once, or
/// is still there; nobody hangs; and the journal, in which all this is one order, replays to the
/// same data ([Fixture]).
class BlockingStressTest {
  private static final int KEYS = 4;
  private static final int TOKENS = 1_200;

  @Test
  void eachTokenIsPoppedOnce() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      AtomicInteger next = new AtomicInteger();
      AtomicBoolean done = new AtomicBoolean();
      ConcurrentLinkedQueue<String> popped = new ConcurrentLinkedQueue<>();
      Crowd pushers = new Crowd();
      Crowd poppers = new Crowd();
      for (int i = 0; i < 2; i++) {
        LocalSession session = fixture.session();
        Random random = new Random(100 + i);
        pushers.start(() -> push(session, random, next));
      }
      for (int i = 0; i < 4; i++) {
        LocalSession session = fixture.session();
        Random random = new Random(200 + i);
        poppers.start(() -> pop(session, random, done, popped));
      }
      pushers.join();
      Thread.sleep(100); // poppers take what they can; what they leave is counted below
      done.set(true);
      poppers.join();
      LocalSession last = fixture.session();
      for (int key = 0; key < KEYS; key++) {
        for (String reply = say(last, "LPOP", "q" + key);
            !reply.equals("$-1");
            reply = say(last, "LPOP", "q" + key)) {
          popped.add(reply.substring(reply.indexOf(' ') + 1));
        }
      }
      assertThat(popped).hasSize(TOKENS);
      assertThat(new TreeSet<>(popped)).hasSize(TOKENS);
      assertThat(fixture.server.engine.blockedCalls()).isZero();
    }
  }

  private static void push(LocalSession session, Random random, AtomicInteger next) {
    while (true) {
      int token = next.getAndIncrement();
      if (token >= TOKENS) {
        return;
      }
      String key = "q" + random.nextInt(KEYS);
      String name = "token" + token;
      switch (random.nextInt(5)) {
        case 0 -> {
          say(session, "MULTI");
          say(session, "RPUSH", key, name);
          say(session, "SET", "side", name);
          say(session, "EXEC");
        }
        case 1 -> {
          // RENAMENX wakes whoever waits for the new name; if it is taken, the token is moved there
          String own = "own" + token;
          say(session, "RPUSH", own, name);
          if (say(session, "RENAMENX", own, key).equals(":0")) {
            say(session, "LMOVE", own, key, "LEFT", "RIGHT");
          }
        }
        case 2 -> say(session, "LPUSH", key, name);
        default -> say(session, "RPUSH", key, name);
      }
    }
  }

  private static void pop(
      LocalSession session, Random random, AtomicBoolean done, ConcurrentLinkedQueue<String> out) {
    while (!done.get()) {
      String a = "q" + random.nextInt(KEYS);
      String b = "q" + random.nextInt(KEYS);
      String reply;
      if (random.nextInt(3) == 0) {
        reply = waited(session, "BLMOVE", a, b, "LEFT", "RIGHT", "0.02");
        assertThat(reply).matches("\\$-1|\\*-1|\\$\\d+ token\\d+");
        continue; // it only moved
      }
      reply =
          random.nextBoolean()
              ? waited(session, "BLPOP", a, b, "0.02")
              : waited(session, "BLMPOP", "0.02", "2", a, b, "RIGHT");
      if (!reply.equals("*-1")) {
        out.add(reply.substring(reply.lastIndexOf(' ') + 1));
      }
    }
  }

  private static String waited(LocalSession session, String... words) {
    byte[] reply = session.run(words);
    return text(reply.length > 0 ? reply : session.await(10_000));
  }
}
