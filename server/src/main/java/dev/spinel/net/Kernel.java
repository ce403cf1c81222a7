package dev.spinel.net;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Linux, asked directly: system calls and raw memory, for what the JDK has no words for.
///
/// One downcall handle serves all calls: C's `syscall(number, …)` with six `long`s, because each
/// handle that the JDK links costs milliseconds of start-up (the first one some 20, with an AOT
/// cache). [#warmUp] has them spent on another thread. The handle isn't a `critical` one: a call
/// that blocks mustn't hold up the collector, and the switch costs 10 ns.
///
/// The class is initialized only where native access was granted and the machine is one whose
/// numbers are known ([IoRing#isPossible]); everywhere else it is never touched, so nothing is
/// printed.
///
/// An instance holds the place for `errno` and so belongs to one thread at a time. The static
/// methods read and write memory of this process at its own addresses, native byte order, without
/// any check.
@SuppressWarnings(
    "restricted") // only where the module was granted native access: see IoRing.isPossible
final class Kernel {
  // The numbers that differ between machines.
  private static final boolean X86 = "amd64".equals(System.getProperty("os.arch"));
  static final int CLOSE = X86 ? 3 : 57;
  static final int WRITE = X86 ? 1 : 64;
  static final int MMAP = X86 ? 9 : 222;
  static final int MUNMAP = X86 ? 11 : 215;
  static final int SOCKET = X86 ? 41 : 198;
  static final int CONNECT = X86 ? 42 : 203;
  static final int SENDTO = X86 ? 44 : 206;
  static final int RECVFROM = X86 ? 45 : 207;
  static final int BIND = X86 ? 49 : 200;
  static final int GETSOCKNAME = X86 ? 51 : 204;
  static final int SETSOCKOPT = X86 ? 54 : 208;
  static final int GETSOCKOPT = X86 ? 55 : 209;
  static final int FCNTL = X86 ? 72 : 25;
  static final int ACCEPT4 = X86 ? 288 : 242;
  static final int EVENTFD2 = X86 ? 290 : 19;
  static final int SETSID = X86 ? 112 : 157;
  static final int WAIT4 = X86 ? 61 : 260;
  static final int OPENAT = X86 ? 257 : 56;
  static final int DUP3 = X86 ? 292 : 24;
  // Those that are the same everywhere.
  static final int IO_URING_SETUP = 425;
  static final int IO_URING_ENTER = 426;
  static final int IO_URING_REGISTER = 427;

  // What a call may fail with, as far as anybody cares.
  static final int EINTR = 4;
  static final int EBADF = 9;
  static final int EAGAIN = 11;
  static final int ENOMEM = 12;
  static final int EBUSY = 16;
  static final int EPIPE = 32;
  static final int ETIME = 62;
  static final int EPROTO = 71;
  static final int ECONNABORTED = 103;
  static final int ECONNRESET = 104;
  static final int ENOBUFS = 105;
  static final int ETIMEDOUT = 110;
  static final int EINPROGRESS = 115;
  static final int ECANCELED = 125;

  private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  private static final MethodHandle SYSCALL = link();

  private final MemorySegment errno = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);

  /// Links the one handle and uses everything once, on the caller's thread. Whoever needs the class
  /// meanwhile waits for the first half of that.
  static void warmUp() {
    var kernel = new Kernel();
    long at;
    try {
      at = kernel.map(4096);
    } catch (IOException e) {
      return; // whoever needs memory next will say so
    }
    putByte(at, getByte(at));
    putShort(at, getShort(at));
    putInt(at, getInt(at));
    putLong(at, getLong(at));
    fill(at, 8);
    copy(at, new byte[8], 0, 8);
    copy(new int[2], at);
    kernel.unmap(at, 4096);
  }

  private static MethodHandle link() {
    var linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("syscall"),
        FunctionDescriptor.of(
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
        Linker.Option.captureCallState("errno"));
  }

  /// The call's result, or its negative `errno`.
  long call(int number, long a, long b, long c, long d, long e, long f) {
    long result;
    try {
      result = (long) SYSCALL.invokeExact(errno, (long) number, a, b, c, d, e, f);
    } catch (Throwable t) {
      throw new AssertionError(t); // a downcall throws nothing
    }
    return result == -1 ? -errno.get(ValueLayout.JAVA_INT, 0) : result;
  }

  long call(int number, long a, long b, long c) {
    return call(number, a, b, c, 0, 0, 0);
  }

  /// As [#call], but a failure is an exception.
  long must(int number, long a, long b, long c, long d, long e, long f) throws IOException {
    long result = call(number, a, b, c, d, e, f);
    if (result < 0) {
      throw new IOException(text((int) -result));
    }
    return result;
  }

  /// Zeroed memory of the process, in whole pages of its own.
  long map(long bytes) throws IOException {
    return must(MMAP, 0, bytes, 1 | 2, 2 | 0x20, -1, 0); // readable, writable; private, anonymous
  }

  void unmap(long address, long bytes) {
    call(MUNMAP, address, bytes, 0);
  }

  void close(int descriptor) {
    call(CLOSE, descriptor, 0, 0);
  }

  /// What C's `strerror` says of the few that one meets.
  static String text(int errno) {
    return switch (errno) {
      case 1 -> "Operation not permitted";
      case 2 -> "No such file or directory";
      case 13 -> "Permission denied";
      case 22 -> "Invalid argument";
      case 23, 24 -> "Too many open files";
      case ENOMEM -> "Cannot allocate memory";
      case EPIPE -> "Broken pipe";
      case 38 -> "Function not implemented";
      case 97 -> "Address family not supported by protocol";
      case 98 -> "Address already in use";
      case 99 -> "Cannot assign requested address";
      case 101 -> "Network is unreachable";
      case ECONNABORTED -> "Software caused connection abort";
      case ECONNRESET -> "Connection reset by peer";
      case ENOBUFS -> "No buffer space available";
      case ETIMEDOUT -> "Connection timed out";
      case 111 -> "Connection refused";
      case 112 -> "Host is down";
      case 113 -> "No route to host";
      default -> "errno " + errno;
    };
  }

  // ── memory ──

  static byte getByte(long address) {
    return ALL.get(ValueLayout.JAVA_BYTE, address);
  }

  static short getShort(long address) {
    return ALL.get(ValueLayout.JAVA_SHORT, address);
  }

  static int getInt(long address) {
    return ALL.get(ValueLayout.JAVA_INT, address);
  }

  static long getLong(long address) {
    return ALL.get(JAVA_LONG, address);
  }

  static void putByte(long address, int value) {
    ALL.set(ValueLayout.JAVA_BYTE, address, (byte) value);
  }

  static void putShort(long address, int value) {
    ALL.set(ValueLayout.JAVA_SHORT, address, (short) value);
  }

  static void putInt(long address, int value) {
    ALL.set(ValueLayout.JAVA_INT, address, value);
  }

  static void putLong(long address, long value) {
    ALL.set(JAVA_LONG, address, value);
  }

  static void fill(long address, long bytes) {
    ALL.asSlice(address, bytes).fill((byte) 0);
  }

  static void copy(long from, byte[] into, int at, int bytes) {
    MemorySegment.copy(ALL, ValueLayout.JAVA_BYTE, from, into, at, bytes);
  }

  static void copy(int[] from, long into) {
    MemorySegment.copy(from, 0, ALL, ValueLayout.JAVA_INT, into, from.length);
  }

  static MemorySegment segment(long address, long bytes) {
    return ALL.asSlice(address, bytes);
  }
}
