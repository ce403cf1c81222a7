package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.persist.AofCheck;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/// The program `redis-check-aof`: see [AofCheck]. Exit status 0: the files are sound, or were
/// mended. 1: they aren't, or can't be read.
public final class CheckAof {
  private static final String USAGE =
      "Usage: redis-check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>";

  private CheckAof() {}

  public static void main(String[] arguments) {
    PrintStream out =
        new PrintStream(
            new FileOutputStream(FileDescriptor.out), true, StandardCharsets.ISO_8859_1);
    System.exit(run(arguments, out));
  }

  /// Returns the exit status.
  static int run(String[] arguments, PrintStream out) {
    int count = arguments.length;
    boolean mends = count == 2 && arguments[0].equals("--fix");
    boolean cuts = count == 3 && arguments[0].equals("--truncate-to-timestamp");
    if (count == 1 && (arguments[0].equals("-v") || arguments[0].equals("--version"))) {
      out.println("redis-check-aof " + Config.REDIS_VERSION);
      return 0;
    }
    if (count != 1 && !mends && !cuts) {
      out.println(USAGE);
      return 1;
    }
    long until = 0;
    if (cuts) {
      try {
        until = Long.parseLong(arguments[1]);
      } catch (NumberFormatException e) {
        out.println("Invalid timestamp, aborting...");
        return 1;
      }
    }
    CheckRdb rdb = new CheckRdb(out, System.currentTimeMillis());
    return new AofCheck(out, rdb::run, question -> ask(question, out), mends, until)
        .run(arguments[count - 1]);
  }

  private static boolean ask(String question, PrintStream out) {
    out.print(question);
    out.flush();
    try {
      int first = System.in.read();
      return first == 'y' || first == 'Y';
    } catch (IOException e) {
      return false;
    }
  }
}
