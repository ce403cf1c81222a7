package dev.spinel.replication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FullSyncTest {
  @TempDir private Path folder;

  private static FullSync toAFile() {
    return new FullSync(
        ReplicationAction.Target.FILE,
        null,
        new FullSync.Owner() {
          @Override
          public void cut(FullSync sync) {}

          @Override
          public void ended(FullSync sync, @Nullable Throwable failure) {}

          @Override
          public void removed() {}
        });
  }

  @Test
  void aFileThatNobodyWantsAnyMoreIsntOpened() throws Exception {
    Path file = Files.writeString(folder.resolve("dump.rdb"), "REDIS");
    FullSync sync = toAFile();
    assertThat(sync.isWanted()).isTrue();
    sync.letGo(); // whatever else giving it up comes to, this is what counts
    assertThat(sync.isWanted()).isFalse();
    sync.ended(null, file);
    assertThatThrownBy(() -> sync.fileTo(null))
        .isInstanceOf(IOException.class)
        .hasMessage("there is no file");
  }
}
