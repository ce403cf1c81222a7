import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/// Runs google-java-format over every source of the project, `check` (the default) or `replace`.
///
/// A program and not a line of shell, so that the build is the same on every system. Run by the
/// root's pom.xml with JDK 25; Maven itself may run on a Java that can't parse these sources.
void main(String[] arguments) throws IOException {
  boolean replace = arguments.length > 0 && arguments[0].equals("replace");
  List<String> files = new ArrayList<>();
  try (var modules = Files.newDirectoryStream(Path.of(""))) {
    for (Path module : modules) {
      Path sources = module.resolve("src");
      if (!Files.isDirectory(sources)) continue;
      try (var tree = Files.walk(sources)) {
        for (Path file : (Iterable<Path>) tree::iterator) {
          if (file.toString().endsWith(".java")) files.add(file.toString());
        }
      }
    }
  }
  if (files.isEmpty()) return;
  files.addAll(0, replace ? List.of("--replace") : List.of("--dry-run", "--set-exit-if-changed"));
  ToolProvider formatter = ToolProvider.findFirst("google-java-format").orElseThrow();
  int status = formatter.run(System.out, System.err, files.toArray(String[]::new));
  if (status != 0 && !replace) {
    System.err.println(
        "The files above aren't formatted. To format them: mvn -N verify -Dformat=replace");
  }
  System.exit(status);
}
