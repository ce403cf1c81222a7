package dev.spinel.lua;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Snippets of Lua, each with what redis-server 7.2.6 answers to `EVAL recording.lua 0 snippet`:
/// all results, or the error, as one line. Here recording.lua runs in our Lua and has to say the
/// same.
///
/// In `recordings.txt` and `libraries.txt` (cjson, cmsgpack, bit, struct) a snippet is followed by
/// its answer behind `-->`; `==>` begins a section.
class RecordingsTest {
  private record Recording(String section, String snippet, String answer) {}

  @ParameterizedTest
  @CsvSource({"recordings.txt, 6000", "libraries.txt, 3000"})
  void everySnippetDoesWhatItDoesInTheRealOne(String file, int least) throws IOException {
    LuaChunk runner = LuaChunk.compile(LuaString.of(read("recording.lua")), "@user_script");
    List<Recording> recordings = recordings(file);
    assertThat(recordings).hasSizeGreaterThan(least);
    List<String> differences = new ArrayList<>();
    Lua lua = SandboxedLua.make(LuaLimits.DEFAULT);
    for (Recording recording : recordings) {
      String answer = run(lua, runner, recording.snippet);
      if (!answer.equals(recording.answer)) {
        differences.add(
            "["
                + recording.section
                + "]\n"
                + recording.snippet
                + "\n  ours "
                + answer
                + "\n  real "
                + recording.answer);
      }
    }
    if (!differences.isEmpty()) {
      fail(
          differences.size()
              + " snippets differ; the first ones:\n"
              + String.join("\n", differences.subList(0, Math.min(20, differences.size()))));
    }
  }

  private static String run(Lua lua, LuaChunk runner, String snippet) {
    LuaTable arguments = lua.table(1, 0);
    arguments.set(1, LuaString.of(snippet.getBytes(StandardCharsets.ISO_8859_1)));
    SandboxedLua.setGlobal(lua, "ARGV", arguments);
    try {
      LuaString answer = (LuaString) lua.call(lua.load(runner))[0];
      return new String(answer.bytes(), StandardCharsets.ISO_8859_1);
    } catch (RuntimeException | Error escaped) {
      return "escaped: " + escaped;
    }
  }

  private static List<Recording> recordings(String file) throws IOException {
    List<Recording> recordings = new ArrayList<>();
    StringBuilder snippet = new StringBuilder();
    String section = "";
    for (String line : read(file).split("\n")) {
      if (line.startsWith("==> ") && snippet.isEmpty()) {
        section = line.substring(4);
      } else if (line.startsWith("--> ")) {
        if (!snippet.isEmpty()) snippet.setLength(snippet.length() - 1);
        recordings.add(new Recording(section, snippet.toString(), line.substring(4)));
        snippet.setLength(0);
      } else {
        snippet.append(line).append('\n');
      }
    }
    return recordings;
  }

  private static String read(String name) throws IOException {
    try (InputStream in = RecordingsTest.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }
}
