package dev.spinel.net;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/// What a process of Linux does that the JDK has no words for: it leaves its terminal, tells a
/// service manager how it is, and forgets children that it didn't start. Elsewhere nothing of it
/// can be done.
public final class HostProcess {
  private static final int UNIX = 1; // AF_UNIX
  private static final int DATAGRAM = 2 | 0x80000; // SOCK_DGRAM, SOCK_CLOEXEC
  private static final int HERE = -100; // AT_FDCWD
  private static final int READ_AND_WRITE = 2; // O_RDWR
  private static final int AT_ONCE = 1; // WNOHANG

  // of mmap
  private static final int READABLE = 1;
  private static final int WRITABLE = 2;
  private static final int PRIVATE = 2;
  private static final int ANONYMOUS = 0x20;
  private static final int AT_HAND = 0x8000; // MAP_POPULATE

  /// A Unix socket's address is its family in 2 bytes, and a name of fewer bytes than this.
  private static final int NAME_BYTES = 108;

  private HostProcess() {}

  /// Whether this machine is one, and the JVM may ask it.
  public static boolean isPossible() {
    return IoRing.isPossible();
  }

  /// Takes zeroed memory in whole pages that are all there already: that costs a fraction of what
  /// it costs to have each faulted in by its first use.
  ///
  /// @param arena that gives it back when it is closed
  /// @throws OutOfMemoryError if the system has no more
  @SuppressWarnings("restricted") // only where the module was granted native access
  public static MemorySegment take(Arena arena, long bytes) {
    long address =
        new Kernel()
            .call(Kernel.MMAP, 0, bytes, READABLE | WRITABLE, PRIVATE | ANONYMOUS | AT_HAND, -1, 0);
    if (address < 0) {
      throw new OutOfMemoryError(
          "the system refuses " + bytes + " bytes: " + Kernel.text((int) -address));
    }
    return MemorySegment.ofAddress(address)
        .reinterpret(bytes, arena, segment -> new Kernel().unmap(segment.address(), bytes));
  }

  /// Has the system forget a child of this process, if it has ended: nobody else waits for it.
  public static void forget(long pid) {
    new Kernel().call(Kernel.WAIT4, pid, 0, AT_ONCE);
  }

  /// Leaves the session of the terminal that the process was started from: it isn't told when that
  /// ends, and gets none of its signals.
  public static void leaveTerminal() {
    if (isPossible()) {
      new Kernel().call(Kernel.SETSID, 0, 0, 0);
    }
  }

  /// From now on standard input is empty, and what is written to standard output and error is
  /// dropped.
  public static void leaveStreams() throws IOException {
    var kernel = new Kernel();
    long page = kernel.map(4096);
    try {
      putText(page, "/dev/null".getBytes(StandardCharsets.US_ASCII));
      long nothing = kernel.must(Kernel.OPENAT, HERE, page, READ_AND_WRITE, 0, 0, 0);
      for (int stream = 0; stream <= 2; stream++) {
        kernel.must(Kernel.DUP3, nothing, stream, 0, 0, 0, 0);
      }
      kernel.close((int) nothing);
    } finally {
      kernel.unmap(page, 4096);
    }
  }

  /// Sends one message to a Unix socket that takes datagrams, such as systemd's `NOTIFY_SOCKET`.
  ///
  /// @param address a path, or `@` and an abstract name
  public static void send(String address, String message) throws IOException {
    byte[] name = address.getBytes(StandardCharsets.UTF_8);
    byte[] text = message.getBytes(StandardCharsets.UTF_8);
    if (name.length == 0 || name.length >= NAME_BYTES || text.length > 2048) {
      throw new IOException("no address of a socket, or too long a message");
    }
    var kernel = new Kernel();
    long page = kernel.map(4096);
    int socket = -1;
    try {
      socket = (int) kernel.must(Kernel.SOCKET, UNIX, DATAGRAM, 0, 0, 0, 0);
      putAddress(page, name);
      long words = page + 1024;
      putText(words, text);
      kernel.must(Kernel.SENDTO, socket, words, text.length, 0, page, 2 + name.length);
    } finally {
      if (socket >= 0) {
        kernel.close(socket);
      }
      kernel.unmap(page, 4096);
    }
  }

  /// An abstract name begins with a zero byte in place of the `@`.
  static void putAddress(long at, byte[] name) {
    Kernel.putShort(at, UNIX);
    putText(at + 2, name);
    if (name[0] == '@') {
      Kernel.putByte(at + 2, 0);
    }
  }

  private static void putText(long at, byte[] text) {
    for (int i = 0; i < text.length; i++) {
      Kernel.putByte(at + i, text[i]);
    }
  }
}
