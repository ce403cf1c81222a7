package dev.spinel.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What a run of redis-cli, ours or the stock one, said, and how it ended.
record Ours(int status, String out, String err) {

  /// Runs ours in this JVM. FAKETTY in the environment shows replies as to a person.
  static Ours run(String input, Map<String, String> environment, List<String> words) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Map<String, String> all = new HashMap<>(environment);
    Screen screen =
        new Screen(
            new ByteArrayInputStream(input.getBytes(StandardCharsets.ISO_8859_1)),
            out,
            err,
            all,
            false,
            false);
    int status = Main.run(screen, words);
    return new Ours(
        status,
        out.toString(StandardCharsets.ISO_8859_1),
        err.toString(StandardCharsets.ISO_8859_1));
  }
}
