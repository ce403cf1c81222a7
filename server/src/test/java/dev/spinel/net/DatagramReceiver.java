package dev.spinel.net;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/// A Unix socket that takes datagrams, which the JDK hasn't: a service manager's.
public final class DatagramReceiver implements AutoCloseable {
  private final Kernel kernel = new Kernel();
  private final long page;
  private final int socket;

  /// At a path, or at `@` and an abstract name.
  public DatagramReceiver(String address) throws IOException {
    byte[] name = address.getBytes(StandardCharsets.UTF_8);
    page = kernel.map(4096);
    socket = (int) kernel.must(Kernel.SOCKET, 1, 2, 0, 0, 0, 0);
    HostProcess.putAddress(page, name);
    kernel.must(Kernel.BIND, socket, page, 2 + name.length, 0, 0, 0);
  }

  /// Waits for the next message.
  public String receive() throws IOException {
    int count = (int) kernel.must(Kernel.RECVFROM, socket, page, 4096, 0, 0, 0);
    byte[] text = new byte[count];
    Kernel.copy(page, text, 0, count);
    return new String(text, StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    kernel.close(socket);
    kernel.unmap(page, 4096);
  }
}
