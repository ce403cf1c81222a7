package dev.spinel.cli;

import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A tutorial of the server's tests, with our `redis-cli` in the stock one's place: no program of
/// Redis is left in it. The server's test classes are no dependency of this module, as a build that
/// skips tests doesn't have them: Maven puts them on the class path, and they are found by name.
@Timeout(300)
class TutorialTest {
  @TempDir Path folder;

  @Test
  void sixNodesAtLoopback() throws Exception {
    System.setProperty("spinel.tutorials.programs", programs().toString());
    Class<?> type = Class.forName("dev.spinel.tutorials.ByHandTutorialTest");
    Constructor<?> constructor = type.getDeclaredConstructor();
    Field machines = type.getDeclaredField("folder");
    Method[] methods = {
      type.getDeclaredMethod("setUp"),
      type.getDeclaredMethod("sixNodesAtLoopback"),
      type.getDeclaredMethod("tearDown")
    };
    AccessibleObject.setAccessible(new AccessibleObject[] {constructor, machines}, true);
    AccessibleObject.setAccessible(methods, true);
    Object tutorial = constructor.newInstance();
    machines.set(tutorial, Files.createDirectory(folder.resolve("machines")));
    try {
      methods[0].invoke(tutorial);
      methods[1].invoke(tutorial);
    } catch (java.lang.reflect.InvocationTargetException e) {
      throw new AssertionError(e.getCause());
    } finally {
      methods[2].invoke(tutorial);
      System.clearProperty("spinel.tutorials.programs");
    }
  }

  /// A folder with our `redis-cli`.
  private Path programs() throws Exception {
    Path programs = Files.createDirectory(folder.resolve("programs"));
    String script =
        """
        #!/bin/sh
        exec '%s/bin/java' -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '%s' dev.spinel.cli.Main "$@"
        """
            .formatted(System.getProperty("java.home"), System.getProperty("java.class.path"));
    Path program = Files.writeString(programs.resolve("redis-cli"), script);
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    return programs;
  }
}
