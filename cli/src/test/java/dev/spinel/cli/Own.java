package dev.spinel.cli;

import dev.spinel.Spinel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Servers of ours, in this JVM.
final class Own implements Servers {
  private final Path directory;
  private final Map<Integer, Spinel> servers = new ConcurrentHashMap<>();

  Own(Path directory) {
    this.directory = directory;
  }

  @Override
  public int server(String... options) throws IOException {
    int port = Stock.freePort();
    start(port, folder(port), options);
    return port;
  }

  private Path folder(int port) throws IOException {
    return Files.createDirectories(directory.resolve("spinel-" + port));
  }

  private void start(int port, Path folder, String... options) {
    List<String> settings = new ArrayList<>(List.of("port", "" + port, "dir", folder.toString()));
    settings.addAll(List.of("save", "", "enable-debug-command", "yes"));
    settings.addAll(List.of("repl-diskless-sync-delay", "0"));
    for (String option : options) settings.add(option.replaceFirst("^--", ""));
    servers.put(port, Spinel.start(settings.toArray(new String[0])));
  }

  @Override
  public void stop(int port) {
    servers.remove(port).close();
  }

  @Override
  public void node(int port, int folderOf) throws IOException {
    start(port, folder(folderOf), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000");
  }

  @Override
  public void close() {
    servers.values().parallelStream().forEach(Spinel::close);
    servers.clear();
  }
}
