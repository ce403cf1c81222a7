package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;

/// `--pipe`: sends standard input, which is RESP already, and counts the replies and the errors.
///
/// The main thread sends, another one reads, so that neither side waits for the other. An ECHO of
/// random bytes behind everything tells when all replies have come.
final class Pipe extends Sampler {
  private static final int MAGIC = 20;

  private final byte[] magic = new byte[MAGIC];
  private final Client client;

  // The reading thread's, read by the main thread; guarded by `this`.
  private long errors;
  private long replies;
  private long lastReplyAt = System.nanoTime();
  private boolean everythingSent;
  private boolean done;
  private boolean failed;

  /// The main thread has its result, and doesn't care any more.
  private boolean over;

  Pipe(Shell shell) {
    super(shell);
    client = connection.client();
    new SecureRandom().nextBytes(magic);
  }

  int run() throws IOException {
    Thread reader = new Thread(this::readReplies, "replies");
    reader.setDaemon(true);
    reader.start();
    send();
    boolean late = false;
    synchronized (this) {
      while (!done && !late && !failed) {
        try {
          wait(1000);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return 1;
        }
        long silent = (System.nanoTime() - lastReplyAt) / 1_000_000_000;
        late = !done && options.pipeTimeoutSeconds > 0 && silent > options.pipeTimeoutSeconds;
      }
      over = true;
      client.close();
      if (failed) return 1;
      if (late) {
        screen.errLine("No replies for " + options.pipeTimeoutSeconds + " seconds: exiting.");
        errors++;
      }
      screen.outLine("errors: " + errors + ", replies: " + replies);
      return errors > 0 ? 1 : 0;
    }
  }

  private void send() throws IOException {
    byte[] buffer = new byte[16 * 1024];
    try {
      for (int n = screen.read(buffer); n > 0; n = screen.read(buffer)) {
        client.sendRaw(Arrays.copyOf(buffer, n));
        client.flush();
      }
    } catch (IOException e) {
      throw fail("Error writing to the server: " + Connection.explain(e).text());
    }
    synchronized (this) {
      everythingSent = true;
      lastReplyAt = System.nanoTime();
    }
    screen.outLine("All data transferred. Waiting for the last reply...");
    screen.flush();
    try {
      client.sendRaw("\r\n*2\r\n$4\r\nECHO\r\n$20\r\n".getBytes(StandardCharsets.ISO_8859_1));
      client.sendRaw(magic);
      client.sendRaw("\r\n".getBytes(StandardCharsets.ISO_8859_1));
      client.flush();
    } catch (IOException e) {
      throw fail("Error writing to the server: " + Connection.explain(e).text());
    }
  }

  private void readReplies() {
    try {
      while (true) {
        RespValue reply = client.next();
        synchronized (this) {
          lastReplyAt = System.nanoTime();
          if (reply instanceof RespValue.Error e) {
            screen.errLine(e.text());
            errors++;
          } else if (everythingSent
              && reply instanceof RespValue.Bulk echo
              && Arrays.equals(echo.bytes(), magic)) {
            screen.outLine("Last reply received from server.");
            done = true;
            notifyAll();
            return;
          }
          replies++;
        }
      }
    } catch (IOException e) {
      fail(Connection.explain(e));
    }
  }

  /// The main thread may wait for input that never comes: then the program ends here.
  private synchronized void fail(Lost lost) {
    if (over) return;
    if (!lost.mayReconnect) screen.errLine("Error reading replies from server");
    screen.flush();
    if (!everythingSent) Runtime.getRuntime().halt(1);
    failed = true;
    notifyAll();
  }
}
