package dev.spinel.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Standard input, output and error of the program, and what is known of them.
///
/// Output is gathered and leaves when it is flushed, when 8 KB are there, or before an error is
/// written, so that the two stay in order on a terminal. Whether something is a terminal the
/// launcher says (`-Dspinel.tty=01`: standard input and output, a digit each); without that, Linux
/// tells through /proc.
public final class Screen {
  private static final int BUFFER = 8192;

  private final InputStream in;
  private final OutputStream out;
  private final OutputStream err;
  private final Map<String, String> environment;

  private final byte[] buffer = new byte[BUFFER];
  private int filled;

  /// A byte that was read ahead, -2 if there is none, -1 at the end of the input. Guarded by
  /// `this`.
  private int ahead = NOTHING;

  private static final int NOTHING = -2;

  /// Reads one byte ahead, when somebody wants to know whether there is input.
  private @Nullable Thread reader;

  final boolean inputIsTerminal;
  final boolean outputIsTerminal;

  Screen(
      InputStream in,
      OutputStream out,
      OutputStream err,
      Map<String, String> environment,
      boolean inputIsTerminal,
      boolean outputIsTerminal) {
    this.in = in;
    this.out = out;
    this.err = err;
    this.environment = environment;
    this.inputIsTerminal = inputIsTerminal;
    this.outputIsTerminal = outputIsTerminal;
  }

  public static Screen ofProcess() {
    String told = System.getProperty("spinel.tty", "");
    return new Screen(
        new FileInputStream(FileDescriptor.in),
        new FileOutputStream(FileDescriptor.out),
        new FileOutputStream(FileDescriptor.err),
        System.getenv(),
        isTerminal(told, 0),
        isTerminal(told, 1));
  }

  private static boolean isTerminal(String told, int descriptor) {
    if (told.length() > descriptor) return told.charAt(descriptor) == '1';
    try {
      String path = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      return path.startsWith("/dev/pts/") || path.startsWith("/dev/tty");
    } catch (IOException | UnsupportedOperationException e) {
      return System.console() != null && System.console().isTerminal();
    }
  }

  /// A variable of the environment, or null.
  public @Nullable String environment(String name) {
    return environment.get(name);
  }

  /// Whether replies are shown as to a person: on a terminal, or where FAKETTY says so.
  boolean isForPeople() {
    return outputIsTerminal || environment.get("FAKETTY") != null;
  }

  /// Whether the terminal is one of those that are coloured.
  public boolean hasColours() {
    String term = environment.get("TERM");
    return term != null && term.contains("xterm");
  }

  // ── Output ──

  public void out(String text) {
    int n = text.length();
    for (int i = 0; i < n; ) {
      if (filled == BUFFER) flush();
      int some = Math.min(n - i, BUFFER - filled);
      for (int j = 0; j < some; j++) buffer[filled + j] = (byte) text.charAt(i + j);
      filled += some;
      i += some;
    }
  }

  public void outLine(String text) {
    out(text);
    out("\n");
  }

  void outRaw(byte[] bytes, int from, int n) {
    flush();
    write(out, bytes, from, n);
  }

  public void err(String text) {
    flush();
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    write(err, bytes, 0, bytes.length);
  }

  public void errLine(String text) {
    err(text + "\n");
  }

  public void flush() {
    int n = filled;
    filled = 0;
    if (n > 0) write(out, buffer, 0, n);
  }

  /// Nobody reads any more: the program ends in silence, as SIGPIPE would end it.
  private static void write(OutputStream to, byte[] bytes, int from, int n) {
    try {
      to.write(bytes, from, n);
      to.flush();
    } catch (IOException e) {
      throw new Exit(141);
    }
  }

  // ── Input ──

  /// The next byte, or -1 at the end.
  int read() throws IOException {
    synchronized (this) {
      while (reader != null && ahead == NOTHING) waitForReader();
      if (ahead != NOTHING) {
        int b = ahead;
        if (b >= 0) ahead = NOTHING;
        return b;
      }
    }
    return in.read();
  }

  private void waitForReader() throws IOException {
    try {
      wait();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  /// A line without its end, or null at the end of the input.
  public @Nullable String readLine() throws IOException {
    StringBuilder line = new StringBuilder();
    while (true) {
      int b = read();
      if (b == '\n') return line.toString();
      if (b < 0) return line.isEmpty() ? null : line.toString();
      line.append((char) b);
    }
  }

  /// Everything up to the end.
  public String readAll() throws IOException {
    StringBuilder all = new StringBuilder();
    synchronized (this) {
      while (reader != null && ahead == NOTHING) waitForReader();
      if (ahead == -1) return "";
      if (ahead >= 0) all.append((char) ahead);
      ahead = NOTHING;
    }
    return all.append(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1)).toString();
  }

  /// The bytes that are there, at least one; -1 at the end.
  int read(byte[] into) throws IOException {
    return in.read(into);
  }

  /// Whether [#read] would answer at once, be it with the end. Asks for a byte in a thread of its
  /// own, since nothing else tells the end of a pipe from silence.
  synchronized boolean isReadable() {
    if (ahead != NOTHING) return true;
    if (reader == null) {
      Thread t = new Thread(this::readAhead, "standard-input");
      t.setDaemon(true);
      reader = t;
      t.start();
    }
    return false;
  }

  private void readAhead() {
    int b;
    try {
      b = in.read();
    } catch (IOException e) {
      b = -1;
    }
    synchronized (this) {
      ahead = b;
      reader = null;
      notifyAll();
    }
  }
}
