package dev.spinel.replication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.wire.Chunks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpoolTest {
  private static final int MB = 1 << 20;
  private static final int MEMORY_MB = 16;

  @TempDir private Path folder;
  private final List<String> told = new ArrayList<>();
  private final byte[] piece = new byte[64 << 10];
  private Spool spool;
  private long written;

  private void make(long limitBytes) {
    spool =
        new Spool(
            Chunks.heap(),
            folder,
            limitBytes,
            new Spool.Owner() {
              @Override
              public void spills(long mostBytes) {
                told.add("spills, " + mostBytes / MB + " MB at most");
              }

              @Override
              public void fellBehind(Spool.Reader reader, long bytes) {
                told.add(reader.name + " fell behind");
              }
            });
  }

  @AfterEach
  void itIsReleased() throws IOException {
    spool.release();
    assertThat(spool.heldBytes()).isZero();
    assertThat(names()).isEmpty();
  }

  private List<String> names() throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.map(each -> each.getFileName().toString()).toList();
    }
  }

  /// The byte at a place of the stream.
  private static byte at(long place) {
    return (byte) (place * 31 + (place >> 16) * 7);
  }

  private void write(long bytes) throws IOException {
    for (long left = bytes; left > 0; ) {
      int n = (int) Math.min(left, 60_001);
      for (int i = 0; i < n; i++) {
        piece[i] = at(written + i);
      }
      spool.write(piece, 0, n);
      written += n;
      left -= n;
    }
  }

  /// Reads so many bytes, from `from` on.
  private void read(Spool.Reader reader, long from, long bytes)
      throws IOException, InterruptedException {
    byte[] into = new byte[50_003];
    long place = from;
    while (place < from + bytes) {
      int n = reader.read(into);
      for (int i = 0; i < n; i++) {
        if (into[i] != at(place + i)) {
          throw new AssertionError("byte " + (place + i) + " is another one");
        }
      }
      place += n;
    }
  }

  @Test
  void whoReadsFastAndWhoReadsSlowlyGetTheSame() throws Exception {
    make(0);
    Spool.Reader fast = spool.reader("fast");
    Spool.Reader slow = spool.reader("slow");
    spool.closeToReaders();
    byte[] into = new byte[MB];
    for (long read = 0; written < 40L * MB; ) {
      write(MB);
      for (int n; read < written; read += n) {
        n = fast.read(into);
        assertThat(into[n - 1]).isEqualTo(at(read + n - 1));
      }
    }
    spool.complete();
    assertThat(spool.diskBytes()).isPositive();
    read(slow, 0, written);
    assertThat(slow.read(new byte[10])).isEqualTo(-1);
    assertThat(told).hasSize(1);
    assertThat(told.getFirst()).startsWith("spills");
    slow.close();
    fast.close();
  }

  @Test
  void whoIsTooFarBehindIsGivenUpAndTheOthersGoOn() throws Exception {
    make(3L * MB);
    Spool.Reader fast = spool.reader("fast");
    Spool.Reader slow = spool.reader("slow");
    spool.closeToReaders();
    long readSoFar = 0;
    for (int i = 0; i < MEMORY_MB + 10; i++) {
      write(MB);
      byte[] into = new byte[MB];
      while (readSoFar < written) {
        readSoFar += fast.read(into);
      }
    }
    assertThat(told).containsExactly("spills, 3 MB at most", "slow fell behind");
    assertThatThrownBy(() -> slow.read(new byte[10])).isInstanceOf(IOException.class);
    assertThat(spool.readers()).isEqualTo(1);
    assertThat(spool.diskBytes()).isEqualTo(3L * MB);
    spool.complete();
    assertThat(fast.read(new byte[10])).isEqualTo(-1);
    fast.close();
  }

  @Test
  void whoeverWritesIsNeverHeldUpThoughNobodyIsLeft() throws Exception {
    make(MB);
    spool.reader("slow");
    spool.closeToReaders();
    write(60L * MB);
    assertThat(told).hasSize(2);
    assertThat(spool.heldBytes()).isLessThanOrEqualTo(MEMORY_MB * MB);
  }

  @Test
  void theFileIsAsLongAsTheSlowestWasEverBehind() throws Exception {
    make(0);
    Spool.Reader reader = spool.reader("slow");
    spool.closeToReaders();
    write((MEMORY_MB + 4L) * MB);
    long longest = spool.diskBytes();
    byte[] into = new byte[MB / 4];
    for (int i = 0; i < 30; i++) {
      for (int n = 0; n < MB; ) {
        n += reader.read(into);
      }
      write(MB);
    }
    assertThat(spool.diskBytes()).isLessThanOrEqualTo(longest + 2L * MB);
    reader.close();
  }

  @Test
  void theFileHasNoNameWhereTheSystemAllowsThat() throws Exception {
    make(0);
    spool.reader("slow");
    spool.closeToReaders();
    write((MEMORY_MB + 4L) * MB);
    assertThat(spool.diskBytes()).isPositive();
    if (!System.getProperty("os.name").startsWith("Windows")) {
      assertThat(names()).isEmpty();
    }
  }
}
