package dev.spinel.server;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One connection, which reads replies as they are, or as a script's mode has it: see
/// [ComparisonTest].
final class RawPeer implements AutoCloseable {
  private final Socket socket;
  private final InputStream in;
  private @Nullable String id;

  RawPeer(int port, int protocol) throws IOException {
    socket = new Socket("127.0.0.1", port);
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(20_000);
    in = new BufferedInputStream(socket.getInputStream());
    if (protocol == 3) {
      ask("HELLO", "3");
    }
  }

  void send(String... words) throws IOException {
    socket.getOutputStream().write(LocalSession.request(words));
  }

  String ask(String... words) throws IOException {
    send(words);
    return read("");
  }

  String read(String mode) throws IOException {
    try {
      String reply = reply(mode);
      return switch (mode) {
        case "any", "kind" -> reply.substring(0, 1);
        case "masked", "next" -> masked(reply);
        default -> reply;
      };
    } catch (SocketTimeoutException e) {
      return "<nothing>";
    } catch (EOFException | SocketException e) {
      return "<closed>";
    }
  }

  /// The number of this connection as a client, as a script writes it. The first time it must be
  /// able to ask.
  String id() throws IOException {
    if (id == null) {
      id = ask("CLIENT", "ID").substring(1).strip();
    }
    return id;
  }

  /// Without what differs from one run to the next: numbers of clients, addresses, ages, times and
  /// sizes in CLIENT LIST and ACL LOG, and the length of such a text.
  private static String masked(String reply) {
    return reply
        .replaceAll("\\b(laddr|addr)=[^ ]*", "$1=?")
        .replaceAll(
            "\\b(id|fd|age|idle|qbuf|qbuf-free|argv-mem|multi-mem|rbs|rbp|obl|oll|omem|tot-mem)=[0-9]+",
            "$1=?")
        .replaceAll("\\bredir=[0-9]+", "redir=?")
        .replaceAll("[$=][0-9]+\r\n(txt:)?(?=id=)", "?\r\n")
        .replaceAll("(age-seconds\r\n)([$][0-9]+\r\n|,)[^\r]*", "$1?")
        .replaceAll("(timestamp-[a-z-]+\r\n):[0-9]+", "$1?")
        .replaceAll("(redirect\r\n|tracking-redir-broken\r\n):[1-9][0-9]*", "$1?");
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    while (true) {
      int c = in.read();
      if (c < 0) {
        throw new EOFException();
      }
      line.append((char) c);
      if (c == '\n') {
        return line.toString();
      }
    }
  }

  private String reply(String mode) throws IOException {
    String line = line();
    char type = line.charAt(0);
    switch (type) {
      case '$', '=', '!' -> {
        int n = Integer.parseInt(line.substring(1).strip());
        return n < 0 ? line : line + new String(in.readNBytes(n + 2), StandardCharsets.ISO_8859_1);
      }
      case '*', '~', '>', '%', '|' -> {
        int n = Integer.parseInt(line.substring(1).strip());
        n *= type == '%' || type == '|' ? 2 : 1;
        List<String> elements = new ArrayList<>();
        for (int i = 0; i < n; i++) {
          elements.add(reply(mode.equals("deep") ? mode : ""));
        }
        if ((mode.equals("sort") || mode.equals("deep")) && type != '%') {
          elements.sort(null);
        } else if (mode.equals("pairs") || mode.equals("sort")) {
          List<String> pairs = new ArrayList<>();
          for (int i = 0; i + 1 < elements.size(); i += 2) {
            pairs.add(elements.get(i) + elements.get(i + 1));
          }
          pairs.sort(null);
          elements = pairs;
        }
        return line + String.join("", elements);
      }
      default -> {
        return line;
      }
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
