package dev.spinel.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/// Runs what most runs of the program need, against a server of a few lines in this JVM, so that
/// the JVM can keep the classes for later starts. Started by the script `spinel`, once after each
/// build.
final class Rehearsal {
  private static final byte[] REPLIES =
      "*5\r\n$1\r\na\r\n:1\r\n+OK\r\n$-1\r\n-ERR no\r\n".getBytes(StandardCharsets.ISO_8859_1);

  private Rehearsal() {}

  public static void main(String[] arguments) throws IOException {
    Screen.ofProcess();
    Main.bytesOf(new String[] {"PING"});
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread thread = new Thread(() -> serve(server), "server");
      thread.setDaemon(true);
      thread.start();
      String port = Integer.toString(server.getLocalPort());
      run(port, true, "", "PING");
      run(port, false, "", "GET", "key");
      run(port, true, "set k \"v\"\nget k\nhelp get\nselect 1\nquit\n");
      run(port, false, "value", "-x", "SET", "key");
      run(port, true, "", "-n", "1", "-r", "2", "INCR", "n");
      run("1", true, "", "PING");
    }
  }

  private static void run(String port, boolean people, String input, String... words) {
    Map<String, String> environment = people ? Map.of("FAKETTY", "1") : Map.of();
    InputStream in = new ByteArrayInputStream(input.getBytes(StandardCharsets.ISO_8859_1));
    OutputStream nowhere = OutputStream.nullOutputStream();
    Screen screen = new Screen(in, nowhere, nowhere, environment, false, false);
    List<String> all = new java.util.ArrayList<>(List.of("-p", port));
    all.addAll(List.of(words));
    Main.run(screen, List.copyOf(all));
  }

  private static void serve(ServerSocket server) {
    try {
      while (true) {
        Socket socket = server.accept();
        Thread thread = new Thread(() -> answer(socket), "connection");
        thread.setDaemon(true);
        thread.start();
      }
    } catch (IOException e) {
      // the rehearsal is over
    }
  }

  /// Answers whatever comes with the same replies.
  private static void answer(Socket socket) {
    byte[] request = new byte[4096];
    try (socket) {
      while (socket.getInputStream().read(request) > 0) socket.getOutputStream().write(REPLIES);
    } catch (IOException e) {
      // the client is done
    }
  }
}
