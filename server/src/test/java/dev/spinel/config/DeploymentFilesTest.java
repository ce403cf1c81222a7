package dev.spinel.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the files for containers, Kubernetes, systemd and packages give our programs, read as those
/// read it: who uses them learns of a mistake there only where they run.
class DeploymentFilesTest {
  private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");

  @TempDir Path directory;

  /// Options of servers: `command: --…`, `exec entrypoint --… \` over lines.
  @Test
  void optionsInComposeFilesAreOurs() throws Exception {
    int found = 0;
    for (Path file : files("docker/compose")) {
      String text = Files.readString(file).replaceAll("\\\\\n\\s*", " ");
      Matcher line = Pattern.compile("(?m)(?:command:|exec entrypoint) (--.*)$").matcher(text);
      while (line.find()) {
        Config config =
            CommandLine.of(words(line.group(1).replace("$$HOSTNAME", "redis-1"))).load(null);
        assertThat(config.get(Settings.APPENDONLY)).as(line.group()).isTrue();
        found++;
      }
    }
    assertThat(found).isEqualTo(4); // three of replication, one of cluster
  }

  /// Lines that a container writes into a file of its own: `echo …` within braces.
  @Test
  void filesThatComposeFilesWriteAreOurs() throws Exception {
    String text =
        Files.readString(file("docker/compose/sentinel.yml"))
            .replace("$$HOSTNAME", "redis-2")
            .replace(
                "printf 'sentinel auth-pass primary \"%s\"\\n' \"$$password\"",
                "echo sentinel auth-pass primary \"pass word\"");
    Matcher block =
        Pattern.compile("\\{ (echo .*?)\\n\\s*} >/data/(\\w+).conf", Pattern.DOTALL).matcher(text);
    List<String> read = new ArrayList<>();
    while (block.find()) {
      StringBuilder lines = new StringBuilder();
      for (String line : block.group(1).split("\n")) {
        lines.append(line.replaceFirst(".*?echo ", ""));
        lines.append('\n');
      }
      String of = block.group(2);
      Path conf =
          Files.writeString(
              directory.resolve(of + ".conf"), lines.toString().replace("dir /data", "dir ."));
      CommandLine line =
          of.equals("sentinel")
              ? CommandLine.of(conf.toString(), "--sentinel")
              : CommandLine.of(conf.toString());
      Config config = line.load(null);
      if (of.equals("redis")) {
        assertThat(config.get(Settings.REPLICAOF).host()).isEqualTo("redis-1");
      } else {
        assertThat(config.directives()).hasSize(6);
      }
      read.add(of);
    }
    assertThat(read).containsExactlyInAnyOrder("redis", "sentinel");
  }

  @Test
  void argumentsInKubernetesAreOurs() throws Exception {
    String text = Files.readString(file("docker/kubernetes/cluster.yml"));
    Matcher args = Pattern.compile("args:\\n((?: +- .*\\n)+)").matcher(text);
    assertThat(args.find()).isTrue();
    List<String> words = new ArrayList<>();
    for (String line : args.group(1).strip().split("\n")) {
      words.add(line.strip().substring(2).replace("\"", "").replace("$(POD)", "spinel-0"));
    }
    Config config = CommandLine.of(words.toArray(new String[0])).load(null);
    assertThat(config.get(Settings.CLUSTER_ENABLED)).isTrue();
    assertThat(config.text(Settings.CLUSTER_ANNOUNCE_HOSTNAME)).isEqualTo("spinel-0.spinel");
  }

  @Test
  void theFilesOfThePackageAndOfTheImageAreRead() throws Exception {
    String packaged = Files.readString(file("dist/redis.conf")).replace("/var/lib/spinel", ".");
    Path conf = Files.writeString(directory.resolve("redis.conf"), packaged);
    assertThat(CommandLine.of(conf.toString(), "--supervised", "systemd").load(null)).isNotNull();
    Config inImage = CommandLine.of("--port", "1").load(null, file("docker/defaults.conf"));
    assertThat(inImage.get(Settings.PROTECTED_MODE)).isFalse();
    assertThat(inImage.get(Settings.SHUTDOWN_TIMEOUT)).isEqualTo(5);
  }

  private static String[] words(String line) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(line);
    while (word.find()) words.add(word.group(1) == null ? word.group(2) : word.group(1));
    return words.toArray(new String[0]);
  }

  private static List<Path> files(String folder) throws IOException {
    try (Stream<Path> files = Files.list(file(folder))) {
      return files.filter(name -> name.toString().endsWith(".yml")).sorted().toList();
    }
  }

  private static Path file(String name) {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("COMPATIBILITY.md"))) return folder.resolve(name);
    }
    throw new AssertionError("no COMPATIBILITY.md above " + Path.of("").toAbsolutePath());
  }
}
