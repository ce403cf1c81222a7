package dev.spinel.launcher;

import dev.spinel.Topology;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/// Where a running `spinel up` listens to `spinel status`, `kill`, `restart` and `down`: a port of
/// the loopback interface, that a file in its folder tells ([ControlFile]).
///
/// A request is one line, `TOKEN VERB [NODE]`. A reply is `ok` or `error`, then lines of text to
/// the end of the connection.
final class ControlPort implements AutoCloseable {
  static final String OK = "ok";
  private static final String ERROR = "error";
  private static final int REQUEST_MILLIS = 5000;
  private static final int BACKLOG = 16;
  private static final int MAX_LINE = 1000;
  private static final int MAX_TALKS = 16; // more wait

  private final Running running;
  private final ServerSocket socket;
  private final ControlFile file;
  private final Thread acceptor;
  private final Set<Thread> talks = ConcurrentHashMap.newKeySet();
  private final Semaphore places = new Semaphore(MAX_TALKS);

  private ControlPort(Running running, ServerSocket socket, Path folder) {
    this.running = running;
    this.socket = socket;
    byte[] token = new byte[16];
    new SecureRandom().nextBytes(token);
    file =
        new ControlFile(
            ControlFile.in(folder),
            ProcessHandle.current().pid(),
            socket.getLocalPort(),
            HexFormat.of().formatHex(token));
    acceptor = Thread.ofVirtual().name("spinel-up-control").unstarted(this::accept);
  }

  /// Listens, and writes the file.
  static ControlPort open(Running running, Path folder) throws IOException {
    ServerSocket socket = new ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress());
    ControlPort port = new ControlPort(running, socket, folder);
    try {
      port.file.write();
    } catch (IOException e) {
      socket.close();
      throw e;
    }
    port.acceptor.start();
    return port;
  }

  private void accept() {
    while (true) {
      places.acquireUninterruptibly();
      try {
        Socket accepted = socket.accept();
        Thread talk = Thread.ofVirtual().unstarted(() -> talk(accepted));
        talks.add(talk);
        talk.start();
      } catch (IOException e) {
        return; // it is closed
      }
    }
  }

  private void talk(Socket accepted) {
    try (accepted) {
      String[] words = line(accepted, REQUEST_MILLIS).split(" ", -1);
      String reply = ERROR + "\n";
      if (isToken(words[0]) && words.length > 1) {
        reply = reply(words[1], words.length > 2 ? words[2] : "");
      }
      Writer out = new OutputStreamWriter(accepted.getOutputStream(), StandardCharsets.UTF_8);
      out.write(reply);
      out.flush();
    } catch (IOException e) {
      // whoever asked is gone
    } finally {
      talks.remove(Thread.currentThread());
      places.release();
    }
  }

  /// One line, without its end; so many milliseconds are for all of it.
  ///
  /// Errors: [IOException], also if it doesn't end in time, or is too long.
  static String line(Socket socket, int millis) throws IOException {
    InputStream in = socket.getInputStream();
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    long end = System.nanoTime() + millis * 1_000_000L;
    while (line.size() < MAX_LINE) {
      long left = (end - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new SocketTimeoutException("no whole line in time");
      }
      socket.setSoTimeout((int) left);
      int octet = in.read();
      if (octet < 0) {
        throw new EOFException("no whole line");
      }
      if (octet == '\n') {
        return line.toString(StandardCharsets.UTF_8);
      }
      line.write(octet);
    }
    throw new IOException("a line of more than " + MAX_LINE + " octets");
  }

  private boolean isToken(String word) {
    return MessageDigest.isEqual(
        word.getBytes(StandardCharsets.UTF_8), file.token().getBytes(StandardCharsets.UTF_8));
  }

  private String reply(String verb, String node) {
    try {
      return OK + "\n" + answer(verb, node);
    } catch (IllegalArgumentException | IllegalStateException | UncheckedIOException e) {
      return ERROR + "\n" + e.getMessage();
    }
  }

  private String answer(String verb, String word) {
    Topology topology = running.topology;
    return switch (verb) {
      case "ping" -> "";
      case "describe" -> running.description(true);
      case "status" -> running.title() + "\n" + String.join("\n", running.picture());
      case "find" -> node(word).name();
      case "kill" -> {
        Topology.Node node = node(word);
        if (!node.isRunning()) {
          throw new IllegalArgumentException(
              node.name() + " doesn't run; start it: spinel restart");
        }
        node.kill();
        yield node.name() + " (port " + node.port() + ") is killed";
      }
      case "restart" -> {
        Topology.Node node = node(word);
        boolean ran = node.isRunning();
        node.restart();
        yield node.name() + " (port " + node.port() + ") is started " + (ran ? "anew" : "again");
      }
      case "down" -> {
        topology.close();
        yield running.title() + " has ended";
      }
      default -> throw new IllegalArgumentException("this version knows no '" + verb + "'");
    };
  }

  /// The node that a word means; no word is enough if there is only one.
  private Topology.Node node(String word) {
    List<Topology.Node> all = running.topology.nodes();
    return word.isEmpty() && all.size() == 1 ? all.getFirst() : running.topology.find(word);
  }

  /// Removes the file; replies that are under way are given before.
  @Override
  public void close() {
    try {
      Files.deleteIfExists(file.path());
      socket.close();
    } catch (IOException e) {
      // then it is seen that nobody answers there
    }
    try {
      for (Thread talk : talks) talk.join(REQUEST_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
