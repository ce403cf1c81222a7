package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class HostProcessTest {
  @TempDir Path directory;

  @BeforeEach
  void aLinux() {
    assumeTrue(HostProcess.isPossible());
  }

  @Test
  void oneMessageGoesToASocketThatTakesDatagrams() throws Exception {
    String abstractName = "@spinel-test-" + ProcessHandle.current().pid();
    for (String address : new String[] {directory.resolve("s").toString(), abstractName}) {
      try (DatagramReceiver receiver = new DatagramReceiver(address)) {
        HostProcess.send(address, "STATUS=é\nREADY=1\n");
        assertThat(receiver.receive()).isEqualTo("STATUS=é\nREADY=1\n");
      }
    }
  }

  @Test
  void aSocketThatIsNotThereIsAnError() {
    String nowhere = directory.resolve("nowhere").toString();
    assertThatThrownBy(() -> HostProcess.send(nowhere, "READY=1"))
        .isInstanceOf(IOException.class)
        .hasMessage("No such file or directory");
    assertThatThrownBy(() -> HostProcess.send("/" + "x".repeat(200), "READY=1"))
        .isInstanceOf(IOException.class);
  }

  @Test
  void memoryIsZeroedAndGoesBackWithItsArena() {
    MemorySegment taken;
    try (Arena arena = Arena.ofShared()) {
      taken = HostProcess.take(arena, 4 << 20);
      assertThat(taken.address() % 4096).isZero();
      assertThat(taken.mismatch(arena.allocate(4 << 20))).as("all zero").isEqualTo(-1);
      taken.fill((byte) 1);
    }
    assertThatThrownBy(() -> taken.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    try (Arena arena = Arena.ofShared()) {
      assertThatThrownBy(() -> HostProcess.take(arena, 1L << 60))
          .isInstanceOf(OutOfMemoryError.class)
          .hasMessageContaining("Cannot allocate memory");
    }
  }
}
