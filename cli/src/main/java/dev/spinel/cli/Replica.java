package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// What speaks with the server as its replica: `--replica`, `--rdb`, `--functions-rdb`, and SYNC or
/// PSYNC typed at a prompt.
final class Replica {
  private static final int MARK = 40;

  /// A dump whose length isn't known ends with the mark that was told in its place.
  private record Payload(boolean full, long bytes, byte[] mark) {
    boolean isMarked() {
      return mark.length > 0;
    }
  }

  private final Shell shell;
  private final Screen screen;
  private final Connection connection;

  Replica(Shell shell) {
    this.shell = shell;
    this.screen = shell.screen;
    this.connection = shell.connection;
  }

  int run() {
    replconf("capa", "eof");
    replconf("rdb-filter-only", "");
    follow(true);
    return 0;
  }

  int download(boolean functionsOnly) {
    replconf("capa", "eof");
    replconf("rdb-only", "1");
    if (functionsOnly && !replconf("rdb-filter-only", "functions")) {
      screen.errLine("Failed requesting functions only RDB from server, aborting");
      return 1;
    }
    download(screen, connection.client(), shell.options.rdbFile);
    return 0;
  }

  private boolean replconf(String name, String value) {
    screen.errLine("sending REPLCONF " + name + " " + value);
    RespValue reply;
    try {
      reply = connection.ask("REPLCONF", name, value);
    } catch (Lost e) {
      screen.err("\nI/O error\n");
      throw new Exit(1);
    }
    if (!(reply instanceof RespValue.Error error)) return true;
    screen.errLine("REPLCONF " + name + " error: " + error.text());
    return false;
  }

  // ── Beginning ──

  /// Sends SYNC, unless the command is sent already, and reads up to where the dump begins.
  private static Payload sync(Screen screen, Client client, boolean sendsSync) {
    try {
      if (sendsSync) client.sendRaw("SYNC\r\n".getBytes(StandardCharsets.ISO_8859_1));
      client.flush();
    } catch (IOException e) {
      screen.errLine("Error writing to master");
      throw new Exit(1);
    }
    String line = line(screen, client, "SYNCing");
    if (line.startsWith("-")) {
      screen.errLine("SYNC with master failed: " + line);
      throw new Exit(1);
    }
    if (line.startsWith("+FULLRESYNC") || line.startsWith("+CONTINUE")) {
      screen.errLine("PSYNC replied " + line);
      if (line.startsWith("+CONTINUE")) return new Payload(false, 0, new byte[0]);
      line = line(screen, client, "PSYNCing");
    }
    if (line.startsWith("EOF:", 1) && line.length() >= 5 + MARK) {
      String mark = line.substring(5, 5 + MARK);
      return new Payload(true, Long.MAX_VALUE, mark.getBytes(StandardCharsets.ISO_8859_1));
    }
    long bytes = line.isEmpty() ? 0 : Figures.strtoll(line.substring(1));
    return new Payload(true, bytes, new byte[0]);
  }

  /// A line with its carriage return. Empty lines, by which the server says that it is alive, are
  /// passed over.
  private static String line(Screen screen, Client client, String while_) {
    StringBuilder line = new StringBuilder();
    byte[] one = new byte[1];
    try {
      while (line.length() < 4096 && client.readRaw(one, 0, 1) == 1) {
        if (one[0] != '\n') line.append((char) (one[0] & 0xff));
        else if (!line.isEmpty()) return line.toString();
      }
    } catch (IOException e) {
      // told below
    }
    screen.errLine("Error reading bulk length while " + while_);
    throw new Exit(1);
  }

  // ── The dump ──

  /// Fetches a dump into a file; `-` is standard output. The client is of no use any more then.
  static void download(Screen screen, Client client, String name) {
    Payload payload = sync(screen, client, true);
    screen.errLine(
        payload.isMarked()
            ? "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '"
                + name
                + "'"
            : "SYNC sent to master, writing " + payload.bytes + " bytes to '" + name + "'");
    if (name.equals("-")) {
      long n =
          copy(
              screen, client, payload, screen::outRaw, "I/O Error reading RDB payload from socket");
      sayFinished(screen, payload, n);
      client.close();
      return;
    }
    try (FileOutputStream file = open(screen, name)) {
      long n =
          copy(
              screen,
              client,
              payload,
              to(screen, file),
              "I/O Error reading RDB payload from socket");
      sayFinished(screen, payload, n);
      client.close();
      file.getFD().sync();
    } catch (IOException e) {
      screen.errLine("Fail to fsync '" + name + "': " + Program.reason(e));
      throw new Exit(1);
    }
  }

  private static FileOutputStream open(Screen screen, String name) {
    try {
      return new FileOutputStream(Program.name(name));
    } catch (IOException e) {
      String message = String.valueOf(e.getMessage());
      int open = message.lastIndexOf('(');
      String reason = open < 0 ? message : message.substring(open + 1, message.length() - 1);
      screen.errLine("Error opening '" + name + "': " + reason);
      throw new Exit(1);
    }
  }

  private interface Sink {
    void write(byte[] bytes, int from, int n);
  }

  private static Sink to(Screen screen, OutputStream file) {
    return (bytes, from, n) -> {
      try {
        file.write(bytes, from, n);
      } catch (IOException e) {
        screen.errLine("Error writing data to file: " + Program.reason(e));
        throw new Exit(1);
      }
    };
  }

  private static void sayFinished(Screen screen, Payload payload, long bytes) {
    screen.errLine(
        payload.isMarked()
            ? "Transfer finished with success after " + bytes + " bytes"
            : "Transfer finished with success.");
  }

  /// Hands the dump to the sink, without its mark; answers its length.
  private static long copy(
      Screen screen, Client client, Payload payload, Sink sink, String trouble) {
    byte[] buffer = new byte[64 * 1024];
    int held = 0; // at the start of the buffer: bytes that may be the mark's
    long left = payload.bytes;
    long written = 0;
    try {
      while (left > 0) {
        int n = client.readRaw(buffer, held, (int) Math.min(left, buffer.length - held));
        if (n <= 0) throw new IOException("the end");
        left -= n;
        int filled = held + n;
        if (!payload.isMarked()) {
          sink.write(buffer, 0, filled);
          written += filled;
          continue;
        }
        int sure = Math.max(0, filled - MARK);
        sink.write(buffer, 0, sure);
        written += sure;
        held = filled - sure;
        if (held == MARK && Arrays.equals(buffer, sure, filled, payload.mark, 0, MARK)) break;
        System.arraycopy(buffer, sure, buffer, 0, held);
      }
      return written;
    } catch (IOException e) {
      screen.errLine(trouble);
      throw new Exit(1);
    }
  }

  // ── The stream ──

  /// Shows the commands that a replica is sent, for ever, as CSV.
  void follow(boolean sendsSync) {
    Client client = connection.client();
    Payload payload = sync(screen, client, sendsSync);
    String what = payload.full ? "Full resync" : "Partial resync";
    if (payload.isMarked()) {
      screen.errLine(what + " with master, discarding bytes of bulk transfer until EOF marker...");
    } else if (payload.full) {
      screen.errLine(
          what + " with master, discarding " + payload.bytes + " bytes of bulk transfer...");
    } else {
      screen.errLine(what + " with master...");
    }
    long n =
        copy(
            screen,
            client,
            payload,
            (bytes, from, some) -> {},
            "Error reading RDB payload while " + what + "ing");
    if (payload.isMarked()) {
      screen.errLine(what + " done after " + (n + MARK) + " bytes. Logging commands from master.");
      Shell.pause(Sampler.SECOND_MICROS);
      acknowledge();
    } else {
      screen.errLine(what + " done. Logging commands from master.");
    }
    Form before = shell.form;
    shell.form = Form.CSV;
    while (shell.readReply(false)) {}
    shell.form = before;
  }

  /// Tells the server that its replica is there; it sends no reply, but the stream.
  private void acknowledge() {
    screen.errLine("sending REPLCONF ACK 0");
    try {
      connection.send("REPLCONF", "ACK", "0");
    } catch (Lost e) {
      screen.err("\nI/O error\n");
      throw new Exit(1);
    }
  }
}
