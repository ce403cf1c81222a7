package dev.spinel.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// A slab from the system itself, in huge pages where it has them: 64-bit Linux, under native
/// access. Everywhere else [Arena] allocates.
///
/// A look-up in a large keyspace reads some four lines, each in another page of memory. With pages
/// of 4 KB the processor's table of pages (1,500 to 3,000 of them) covers a few MB, and beyond that
/// most of those reads wait for the page's address first, twice as long in a virtual machine. Pages
/// of 2 MB cover some gigabytes. Redis has to forbid them to itself, since it forks for a snapshot
/// and each first write to a page then copies it whole; we never fork (`docs/adr/004`).
///
/// The system decides (`/sys/kernel/mm/transparent_hugepage/enabled`; `madvise`, the usual setting,
/// and `always` give them). What it refuses are small pages as before, without a word.
///
/// C's `syscall` with six `long`s, linked as `net` links it, so that the JVM makes one stub for
/// both.
final class Mapping {
  private static final boolean X86 = "amd64".equals(System.getProperty("os.arch"));
  private static final long MMAP = X86 ? 9 : 222;
  private static final long MUNMAP = X86 ? 11 : 215;
  private static final long MADVISE = X86 ? 28 : 233;
  private static final long READ_WRITE = 1 | 2;
  private static final long PRIVATE_ANONYMOUS = 2 | 0x20;
  private static final long HUGE_PAGES = 14;

  private static final long HUGE = 2 << 20;
  private static final int SMALL = 4 << 10;

  private static final MethodHandle SYSCALL = link();

  private Mapping() {}

  /// Where this says no, nothing else of the class may be touched.
  static boolean isPossible() {
    String machine = System.getProperty("os.arch");
    return Memory.RAW
        && "Linux".equals(System.getProperty("os.name"))
        && ("amd64".equals(machine) || "aarch64".equals(machine));
  }

  @SuppressWarnings("restricted") // only where the module was granted native access
  private static MethodHandle link() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("syscall"),
        FunctionDescriptor.of(
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
        Linker.Option.captureCallState("errno"));
  }

  /// Zeroed memory, all of it there already; `bytes` a multiple of 2 MB. Goes back when `arena` is
  /// closed.
  ///
  /// @throws OutOfMemoryError if the system refuses
  @SuppressWarnings("restricted") // only where the module was granted native access
  static MemorySegment take(Arena arena, long bytes) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment errno = scratch.allocate(ValueLayout.JAVA_INT);
      long all = bytes + HUGE;
      long at = call(errno, MMAP, 0, all, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
      if (at == -1) {
        throw new OutOfMemoryError("the system refuses to map " + bytes + " bytes");
      }
      long address = at + HUGE - 1 & -HUGE;
      unmap(errno, at, address - at);
      unmap(errno, address + bytes, at + all - address - bytes);
      call(errno, MADVISE, address, bytes, HUGE_PAGES, 0, 0, 0); // a wish: its failure is no matter
      MemorySegment segment =
          MemorySegment.ofAddress(address).reinterpret(bytes, arena, Mapping::giveBack);
      for (long i = 0; i < bytes; i += SMALL) segment.set(Memory.BYTE, i, (byte) 0);
      return segment;
    }
  }

  private static void giveBack(MemorySegment segment) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment errno = scratch.allocate(ValueLayout.JAVA_INT);
      unmap(errno, segment.address(), segment.byteSize());
    }
  }

  private static void unmap(MemorySegment errno, long address, long bytes) {
    if (bytes > 0) call(errno, MUNMAP, address, bytes, 0, 0, 0, 0);
  }

  private static long call(
      MemorySegment errno, long number, long a, long b, long c, long d, long e, long f) {
    try {
      return (long) SYSCALL.invokeExact(errno, number, a, b, c, d, e, f);
    } catch (Throwable t) {
      throw new AssertionError(t); // a downcall throws nothing
    }
  }
}
