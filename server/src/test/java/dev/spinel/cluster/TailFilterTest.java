package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Command;
import dev.spinel.engine.CommandTable;
import dev.spinel.server.Fixture;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Which effects go along with slots that move: those whose first key is in one of them.
class TailFilterTest {
  private static final Set<String> NOT_PASSED_ON = Set.of("flushall", "flushdb", "swapdb");

  private static String resp(List<String> words) {
    StringBuilder text = new StringBuilder("*" + words.size() + "\r\n");
    for (String word : words) {
      text.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return text.toString();
  }

  /// What passes of an effect, if only the slot of `in` moves. It comes byte by byte, too.
  private static String passed(CommandTable table, String effect) throws IOException {
    SlotSet slots = new SlotSet();
    slots.add(KeySlot.of(Slice.of("in")));
    byte[] bytes = effect.getBytes(StandardCharsets.ISO_8859_1);
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    TailFilter filter = new TailFilter(table, slots, whole::write);
    filter.feed(bytes, 0, bytes.length);
    assertThat(filter.isBetweenCommands()).isTrue();
    ByteArrayOutputStream pieces = new ByteArrayOutputStream();
    TailFilter slow = new TailFilter(table, slots, pieces::write);
    for (int i = 0; i < bytes.length; i++) {
      slow.feed(bytes, i, i + 1);
    }
    assertThat(pieces.toByteArray()).isEqualTo(whole.toByteArray());
    return whole.toString(StandardCharsets.ISO_8859_1);
  }

  private static void check(CommandTable table, Command command, String... name)
      throws IOException {
    List<String> words = new ArrayList<>(List.of(name));
    int key = command.firstKey();
    if (key == 0) {
      words.addAll(List.of("in", "in", "in"));
      assertThat(passed(table, resp(words))).as(command.name).isEmpty();
      return;
    }
    while (words.size() < key) {
      words.add("in");
    }
    words.addAll(List.of("out", "in", "in"));
    assertThat(passed(table, resp(words))).as(command.name).isEmpty();
    words.set(key, "in");
    words.set(key + 1, "out");
    assertThat(passed(table, resp(words))).as(command.name).isEqualTo(resp(words));
  }

  @Test
  void eachCommandPassesByItsFirstKey() throws Exception {
    try (Fixture fixture = new Fixture()) {
      CommandTable table = fixture.server.engine.table;
      int containers = 0;
      for (Command command : table.declared()) {
        if (!command.subcommands().isEmpty()) {
          for (Command sub : command.subcommands()) {
            String word = sub.name.substring(sub.name.indexOf('|') + 1);
            check(table, sub, command.name, word);
            containers++;
          }
        } else if (!NOT_PASSED_ON.contains(command.name)
            && !Set.of("multi", "exec", "select").contains(command.name)) {
          check(table, command, command.name);
        }
      }
      assertThat(containers).isGreaterThan(20);
    }
  }

  @Test
  void aLibraryWhoseCodeHashesToASlotThatMovesStaysHere() throws Exception {
    try (Fixture fixture = new Fixture()) {
      CommandTable table = fixture.server.engine.table;
      assertThat(passed(table, resp(List.of("FUNCTION", "LOAD", "in")))).isEmpty();
      String group = resp(List.of("XGROUP", "CREATE", "in", "g", "$"));
      assertThat(passed(table, group)).isEqualTo(group);
    }
  }
}
