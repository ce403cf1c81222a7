package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.keyspace.Interleaving;
import dev.spinel.keyspace.Schedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// Three sessions, each with a thread and a seat as a loop has them, under a schedule that a seed
/// decides at every lock, seat and stop of the world: through blocking and its ends (served, timed
/// out, unblocked, closed), transactions with WATCH, scripts, and global operations. One order must
/// explain what they heard, nobody may be left waiting, and the [Fixture]'s account and journal
/// close.
///
/// `-Dspinel.seeds=N` runs more of them, `-Dspinel.seed=S` one.
class InterleavingTest {
  private static final int SEEDS = Integer.getInteger("spinel.seeds", 400);
  private static final long ONE = Long.getLong("spinel.seed", -1);
  private static final int PER_FIXTURE = 40;
  private static final int SESSIONS = 3;
  private static final int OPERATIONS = 9;

  /// Lets one [Interleaving] after the other decide for the same server.
  private static final class Succession implements Schedule {
    private volatile Schedule now = FREE;

    @Override
    public boolean point() {
      return now.point();
    }

    @Override
    public boolean until(BooleanSupplier free) {
      return now.until(free);
    }
  }

  @Test
  void oneOrderExplainsEveryInterleaving() throws Exception {
    long last = ONE < 0 ? SEEDS : ONE + 1;
    for (long seed = Math.max(0, ONE); seed < last; ) {
      var schedule = new Succession();
      try (Fixture fixture = new Fixture(null, schedule)) {
        for (int i = 0; i < PER_FIXTURE && seed < last; i++, seed++) {
          run(fixture, schedule, seed);
        }
      }
    }
  }

  private static void run(Fixture fixture, Succession schedule, long seed) throws Exception {
    var order = new Interleaving(seed);
    var history = new History();
    var clients = new Client[SESSIONS];
    var works = new Interleaving.Work[SESSIONS];
    long[] time = new long[1]; // whoever runs
    for (int i = 0; i < SESSIONS; i++) {
      clients[i] = new Client(fixture, order, history, i, seed, time, clients);
      works[i] = clients[i]::live;
    }
    schedule.now = order;
    order.run(works);
    schedule.now = Schedule.FREE;
    for (Client client : clients) {
      client.session.close();
    }
    assertThat(history.contradiction()).as("seed %d", seed).isNull();
    fixture.verify("seed " + seed);
    try (LocalSession last = new LocalSession(fixture.server)) {
      assertThat(Fixture.say(last, "INFO", "clients")).contains("blocked_clients:0");
      Fixture.say(last, "FLUSHALL");
    }
  }

  private static final class Client {
    private final Fixture fixture;
    private final Interleaving order;
    private final History history;
    private final int number;
    private final Random random;
    private final Operations operations;
    private final long[] time;
    private final Client[] all;
    private int incarnation;
    private int scripts; // that it has made
    LocalSession session;

    Client(
        Fixture fixture,
        Interleaving order,
        History history,
        int number,
        long seed,
        long[] time,
        Client[] all) {
      this.fixture = fixture;
      this.order = order;
      this.history = history;
      this.number = number;
      this.random = new Random(seed * SESSIONS + number);
      this.operations = new Operations(random, "abc");
      this.time = time;
      this.all = all;
      this.session = new LocalSession(fixture.server);
    }

    void live() {
      for (int i = 0; i < OPERATIONS; i++) {
        order.point();
        switch (random.nextInt(12)) {
          case 0, 1 -> unblock(all[random.nextInt(SESSIONS)]);
          case 2 -> discard();
          default -> run(operations.next());
        }
      }
    }

    /// What the history calls this session: another one after each close.
    private int name() {
      return number + SESSIONS * incarnation;
    }

    private void unblock(Client other) {
      String how = random.nextBoolean() ? "TIMEOUT" : "ERROR";
      String id = Long.toString(other.session.session().id);
      List<String> modelled = List.of("CLIENT", "UNBLOCK", Integer.toString(other.name()), how);
      record(List.of(modelled), List.of("CLIENT", "UNBLOCK", id, how));
    }

    private void discard() {
      say(List.of("MULTI"));
      order.point();
      say(operations.next().get(0));
      order.point();
      record(List.of(List.of("DISCARD")), List.of("DISCARD"));
    }

    private void run(List<List<String>> commands) {
      boolean multi = commands.size() > 1;
      if (multi && random.nextBoolean() && commands.stream().allMatch(Operations::fitsAScript)) {
        runAsScript(commands);
        return;
      }
      if (multi) {
        say(List.of("MULTI"));
        for (List<String> command : commands) {
          order.point();
          assertThat(say(command)).isEqualTo("+QUEUED");
        }
        order.point();
      }
      if (record(commands, multi ? List.of("EXEC") : commands.get(0)).isEmpty()) {
        await();
      }
    }

    /// What a transaction does, by a script. Its first run, which is alone in the server, is one of
    /// other keys, so it takes locks in the next one: of all its keys, or of one or two. The others
    /// it then takes out of order, or is refused.
    private void runAsScript(List<List<String>> commands) {
      boolean isGlobal = commands.stream().anyMatch(each -> each.size() == 1 || isSwap(each));
      List<String> keys = new ArrayList<>(List.of("a", "b", "c"));
      Collections.shuffle(keys, random);
      int declared = random.nextInt(3) + 1;
      List<String> elsewhere = new ArrayList<>();
      var text = new StringBuilder("-- %d %d\n".formatted(number, scripts++));
      for (int i = 0; i < keys.size(); i++) {
        boolean isDeclared = i < declared;
        text.append("local %s = ".formatted(keys.get(i)))
            .append(isDeclared ? "KEYS[" + (i + 1) : "ARGV[" + (i + 1 - declared))
            .append("]\n");
        elsewhere.add("{z}" + keys.get(isDeclared ? i : 0));
      }
      text.append(COLLECTING);
      for (int i = 0; i < commands.size(); i++) {
        text.append("note(").append(i).append(", redis.pcall(");
        for (String word : commands.get(i)) {
          text.append(keys.contains(word) ? word : quoted(word)).append(", ");
        }
        text.setLength(text.length() - 2);
        text.append("))\n");
      }
      text.append("return {table.concat(refused, ','), results}");
      List<String> call = List.of("EVAL", text.toString(), Integer.toString(declared));
      if (!isGlobal) {
        assertThat(say(with(call, elsewhere))).startsWith("*2 $0 ");
        order.point();
      }
      long from = ++time[0];
      String reply = say(with(call, keys));
      Matcher parts = Pattern.compile("\\*2 \\$\\d+ ([0-9,]*) (\\*.*)").matcher(reply);
      assertThat(parts.matches()).as(reply).isTrue();
      List<List<String>> done = new ArrayList<>(List.of(Model.SCRIPT));
      for (int i = 0; i < commands.size(); i++) {
        if (!("," + parts.group(1) + ",").contains("," + i + ",")) {
          done.add(commands.get(i));
        }
      }
      history.add(operation(done, from, parts.group(2)));
    }

    private static boolean isSwap(List<String> command) {
      return command.get(0).equals("SWAPDB");
    }

    /// Some names are put together.
    private String quoted(String word) {
      int half = word.length() / 2;
      return random.nextInt(8) > 0
          ? "'" + word + "'"
          : "'" + word.substring(0, half) + "' .. '" + word.substring(half) + "'";
    }

    private static final String COLLECTING =
        """
        local results, refused = {}, {}
        local function note(i, result)
          if type(result) == 'table' and result.err and result.err:find('has changed data') then
            refused[#refused + 1] = i
          else
            results[#results + 1] = result
          end
        end
        """;

    private static List<String> with(List<String> call, List<String> words) {
      List<String> all = new ArrayList<>(call);
      all.addAll(words);
      return all;
    }

    /// The rest of a call that blocks: looks now and then, and at last goes away or lets its time
    /// run out.
    private void await() {
      for (int looks = random.nextInt(8); looks > 0; looks--) {
        order.point();
        if (!look().isEmpty()) {
          return;
        }
      }
      order.point();
      if (random.nextInt(3) == 0) {
        long from = ++time[0];
        session.close();
        history.add(operation(List.of(List.of("CLOSE")), from, "+OK"));
        incarnation++;
        session = new LocalSession(fixture.server);
      } else {
        fixture.clock.forward(20);
        order.point();
        assertThat(look()).as("a call whose time is over").isNotEmpty();
      }
    }

    private String look() {
      return record(List.of(List.of("AWAIT")), List.of());
    }

    private String record(List<List<String>> modelled, List<String> said) {
      long from = ++time[0];
      String reply = say(said);
      history.add(operation(modelled, from, reply));
      return reply;
    }

    private History.Operation operation(List<List<String>> modelled, long from, String reply) {
      return new History.Operation(name(), modelled, from, ++time[0], reply);
    }

    private String say(List<String> command) {
      return Fixture.say(session, command.toArray(String[]::new));
    }
  }
}
