package dev.spinel;

import dev.spinel.lua.Lua;
import dev.spinel.server.Main;
import dev.spinel.wire.Client;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/// What a test needs to start a server in a JVM of its own.
public final class ServerProcess {
  private ServerProcess() {}

  /// Where the server's classes are, and no more: a JVM opens every archive that it is told of.
  public static String classPath() {
    return List.of(Main.class, Client.class, Lua.class).stream()
        .map(of -> of.getProtectionDomain().getCodeSource().getLocation().getPath())
        .distinct()
        .collect(Collectors.joining(File.pathSeparator));
  }

  /// The command of a server with these words of redis-server's command line.
  public static ProcessBuilder of(String... words) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-Xmx96m", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-cp", classPath(), Main.class.getName()));
    command.addAll(List.of(words));
    return new ProcessBuilder(command);
  }
}
