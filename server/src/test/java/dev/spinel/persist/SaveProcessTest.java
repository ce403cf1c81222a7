package dev.spinel.persist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class SaveProcessTest {
  @Test
  void theServersOwnProcessStandsForASnapshotWhereNoneCanBeStarted() throws IOException {
    SaveProcess none = SaveProcess.of("/no/such/program");
    assertThat(none.pid()).isEqualTo(ProcessHandle.current().pid());
    none.check();
    assertThat(none.signal()).isZero();
    none.end();
    assertThat(ProcessHandle.current().isAlive()).isTrue();
  }

  @Test
  void itTellsTheSignalThatHasEndedIt() throws Exception {
    SaveProcess process = SaveProcess.of(SaveProcess.COMMAND);
    process.check();
    new ProcessBuilder("/bin/kill", "-USR1", "" + process.pid()).start().waitFor();
    await().until(() -> process.signal() == SaveProcess.UNWANTED);
    assertThatThrownBy(process::check).hasMessageContaining("by signal " + SaveProcess.UNWANTED);
    process.end();
  }

  @Test
  void theSignalThatEndsOneUnnoticedIsNotTheSameEverywhere() {
    assertThat(SaveProcess.signalUser1("Linux")).isEqualTo(10);
    assertThat(SaveProcess.signalUser1("Mac OS X")).isEqualTo(30);
  }
}
