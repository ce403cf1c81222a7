package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Elements that are moved between lists: large ones change hands without a copy, and none is lost
/// or freed twice, whether somebody reads the journal or not ([Fixture]).
class ListMoveTest {
  private static final int[] SIZES = {
    0, 5, 200, 8_100, 32_768, 40_000, 65_400, 65_503, 65_504, 65_512, 65_520, 65_521, 65_536,
    70_000, 300_000, 1_500_000
  };

  @ParameterizedTest
  @CsvSource({
    "true, -2, 0",
    "false, -2, 0",
    "true, -5, 0",
    "false, -5, 0",
    "true, 3, 0",
    "false, 3, 0",
    "true, -2, 100b",
    "false, -2, 100b",
    "true, -5, 65510b",
    "false, -5, 65510b"
  })
  void everyElementHasOneOwner(boolean read, String fill, String plainFrom) {
    String[] settings = {"list-max-listpack-size", fill};
    try (Fixture fixture = read ? new Fixture(settings) : Fixture.unread(settings)) {
      LocalSession session = fixture.session();
      if (!plainFrom.equals("0")) {
        say(session, "DEBUG", "QUICKLIST-PACKED-THRESHOLD", plainFrom);
      }
      var lists = List.of(new ArrayDeque<String>(), new ArrayDeque<String>());
      Random random = new Random(7);
      for (int step = 0; step < 400; step++) {
        int one = random.nextInt(2);
        int other = random.nextInt(2);
        var from = lists.get(one);
        var to = lists.get(other);
        String source = "list" + one;
        String target = "list" + other;
        if (random.nextInt(4) == 0 && from.size() < 12) {
          String element =
              String.valueOf((char) ('a' + step % 26)).repeat(SIZES[random.nextInt(SIZES.length)]);
          say(session, "RPUSH", source, element);
          from.addLast(element);
          continue;
        }
        boolean left = random.nextBoolean();
        boolean right = random.nextBoolean();
        String[] call =
            switch (random.nextInt(3)) {
              case 0 -> new String[] {"LMOVE", source, target, end(left), end(right)};
              case 1 -> new String[] {"BLMOVE", source, target, end(left), end(right), "0.001"};
              default -> {
                left = false;
                right = true;
                yield new String[] {"RPOPLPUSH", source, target};
              }
            };
        if (from.isEmpty()) {
          continue;
        }
        String element = left ? from.pollFirst() : from.pollLast();
        assertThat(say(session, call)).isEqualTo(("$" + element.length() + " " + element).strip());
        if (right) {
          to.addFirst(element);
        } else {
          to.addLast(element);
        }
        String last = String.valueOf(to.peekLast());
        assertThat(say(session, "LINDEX", target, "-1"))
            .isEqualTo(("$" + last.length() + " " + last).strip());
      }
    }
  }

  private static String end(boolean left) {
    return left ? "LEFT" : "RIGHT";
  }
}
