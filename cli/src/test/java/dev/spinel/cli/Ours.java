package dev.spinel.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;

/// What a run of one of the programs, ours or the stock one, said, and how it ended.
record Ours(int status, String out, String err) {
  /// Runs redis-cli in this JVM. FAKETTY in the environment shows replies as to a person.
  static Ours run(String input, Map<String, String> environment, List<String> words) {
    return of(input, environment, screen -> Main.run(screen, words));
  }

  /// Runs `spinel cluster` in this JVM, with nothing to read.
  static Ours cluster(List<String> words) {
    return of("", Map.of(), screen -> ClusterTool.run(screen, words));
  }

  /// Runs any of the programs in this JVM.
  ///
  /// @param program given its input and outputs, none of which is a terminal, answers its status
  static Ours of(String input, Map<String, String> environment, ToIntFunction<Screen> program) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    byte[] typed = input.getBytes(StandardCharsets.ISO_8859_1);
    Screen screen =
        new Screen(
            new ByteArrayInputStream(typed), out, err, new HashMap<>(environment), false, false);
    int status = program.applyAsInt(screen);
    return new Ours(
        status,
        out.toString(StandardCharsets.ISO_8859_1),
        err.toString(StandardCharsets.ISO_8859_1));
  }
}
