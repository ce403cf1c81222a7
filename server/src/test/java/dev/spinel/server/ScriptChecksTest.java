package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What scripts and functions may do, by their flags, where the server can't take all commands: the
/// same as in a real server that is in the same situation, also within EXEC.
class ScriptChecksTest {
  private enum Situation {
    FINE,
    FEW_REPLICAS("CONFIG SET min-replicas-to-write 1"),
    FULL("CONFIG SET maxmemory 1"),
    REPLICA("REPLICAOF 127.0.0.1 1"),
    STALE("REPLICAOF 127.0.0.1 1", "CONFIG SET replica-serve-stale-data no");

    final List<String> commands;

    Situation(String... commands) {
      this.commands = List.of(commands);
    }
  }

  private static final List<String> FLAGS =
      List.of(
          "none",
          "no-writes",
          "allow-oom",
          "allow-stale",
          "no-cluster",
          "allow-cross-slot-keys",
          "no-writes,allow-stale",
          "allow-oom,allow-stale");

  /// By their names in the library.
  private static final String[][] BODIES = {
    {"nothing", "return 1"},
    {"reads", "return redis.call('get', 'k')"},
    {"writes", "return redis.call('set', 'k', 'v')"},
    {"tries", "local r = redis.pcall('set', 'k', 'v') return r.err or r"},
    {"writesTwice", "redis.call('del', 'k') redis.call('set', 'k', 'v') return 'done'"},
    {"shrinks", "return redis.call('del', 'k')"},
    {"publishes", "return redis.call('publish', 'channel', 'x')"},
    {"asks", "return redis.call('ping')"},
  };

  @TempDir private Path folder;

  private static String shebang(String flags) {
    return "#!lua" + (flags.equals("none") ? "" : " flags=" + flags) + "\n";
  }

  private static String library() {
    StringBuilder text = new StringBuilder("#!lua name=all\n");
    for (String flags : FLAGS) {
      for (String[] body : BODIES) {
        String list = flags.equals("none") ? "" : "'" + flags.replace(",", "', '") + "'";
        text.append(
            "redis.register_function{function_name='%s', flags={%s}, callback=function() %s end}\n"
                .formatted(name(body[0], flags), list, body[1]));
      }
    }
    return text.toString();
  }

  private static String name(String body, String flags) {
    return body + "_" + flags.replaceAll("[-,]", "_");
  }

  private static List<String[]> calls() {
    List<String[]> calls = new ArrayList<>();
    for (String[] body : BODIES) {
      for (String command : new String[] {"EVAL", "EVAL_RO"}) {
        calls.add(new String[] {command, body[1], "0"});
        for (String flags : FLAGS) {
          calls.add(new String[] {command, shebang(flags) + body[1], "0"});
        }
      }
      for (String command : new String[] {"FCALL", "FCALL_RO"}) {
        for (String flags : FLAGS) {
          calls.add(new String[] {command, name(body[0], flags), "0"});
        }
      }
    }
    return calls;
  }

  @ParameterizedTest
  @EnumSource
  void theSameIsRefused(Situation situation) throws Exception {
    try (RealRedis redis = RealRedis.ready(folder);
        Spinel spinel = Spinel.start();
        RawPeer real = new RawPeer(redis.port(), 2);
        RawPeer ours = new RawPeer(spinel.port(), 2)) {
      List<String> differences = new ArrayList<>();
      compare(real, ours, differences, "FUNCTION", "LOAD", library());
      for (String command : situation.commands) {
        compare(real, ours, differences, command.split(" "));
      }
      for (String[] call : calls()) {
        compare(real, ours, differences, call);
        compare(real, ours, differences, "MULTI");
        compare(real, ours, differences, call);
        compare(real, ours, differences, "PING");
        compare(real, ours, differences, "EXEC");
      }
      compare(real, ours, differences, "SCRIPT", "LOAD", "return 1");
      compare(real, ours, differences, "EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0");
      compare(real, ours, differences, "FUNCTION", "LOAD", "REPLACE", library());
      compare(real, ours, differences, "FUNCTION", "DELETE", "all");
      compare(real, ours, differences, "FUNCTION", "FLUSH");
      assertThat(differences).isEmpty();
    }
  }

  private static void compare(RawPeer real, RawPeer ours, List<String> differences, String... words)
      throws IOException {
    String expected = real.ask(words);
    String got = ours.ask(words);
    if (!got.equals(expected)) {
      differences.add(String.join(" ", words) + "\n  real " + expected + "\n  ours " + got);
    }
  }
}
