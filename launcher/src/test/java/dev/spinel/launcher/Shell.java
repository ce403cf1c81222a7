package dev.spinel.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Runs scripts of the repository, one at a time.
///
/// @param directory where files for their output may be written
/// @param environment what is added to this process's own
record Shell(Path directory, Map<String, String> environment) {

  record Run(int status, String out, String err) {}

  Run run(Path where, String... command) throws Exception {
    Process process = start(where, command);
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly().waitFor();
      throw new AssertionError(String.join(" ", command) + " doesn't end");
    }
    return new Run(process.exitValue(), text("out"), text("err"));
  }

  Process start(Path where, String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(where.toFile());
    builder.environment().putAll(environment);
    builder.redirectOutput(directory.resolve("out").toFile());
    builder.redirectError(directory.resolve("err").toFile());
    return builder.start();
  }

  private String text(String stream) throws IOException {
    return Files.readString(directory.resolve(stream), StandardCharsets.UTF_8);
  }

  static void executable(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  /// A file of the repository, by its path there.
  static Path file(String name) {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("launcher/pom.xml"))) return folder.resolve(name);
    }
    throw new AssertionError("no launcher above " + Path.of("").toAbsolutePath());
  }
}
