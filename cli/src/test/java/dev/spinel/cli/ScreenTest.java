package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class ScreenTest {
  private final PipedOutputStream typed = new PipedOutputStream();
  private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
  private final Screen screen;

  ScreenTest() throws IOException {
    screen = new Screen(new PipedInputStream(typed), shown, shown, Map.of(), false, false);
  }

  private void type(String text) throws IOException {
    typed.write(text.getBytes(StandardCharsets.ISO_8859_1));
    typed.flush();
  }

  @Test
  void whatWasReadAheadIsNotLost() throws IOException {
    assertThat(screen.isReadable()).isFalse();
    type("ab\ncd");
    await().until(screen::isReadable);
    assertThat(screen.readLine()).isEqualTo("ab");
    typed.close();
    assertThat(screen.readLine()).isEqualTo("cd");
    assertThat(screen.readLine()).isNull();
    await().until(screen::isReadable); // the end is something to read
  }

  @Test
  void outputAndErrorsStayInOrder() {
    screen.out("a\u00ff");
    screen.errLine("b");
    screen.out("c");
    screen.flush();
    assertThat(shown.toString(StandardCharsets.ISO_8859_1)).isEqualTo("a\u00ffb\nc");
  }

  @Test
  void aReaderThatIsGoneEndsTheProgramInSilence() {
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    Screen broken =
        new Screen(java.io.InputStream.nullInputStream(), closed, closed, Map.of(), false, false);
    assertThat(Main.run(broken, java.util.List.of("--version"))).isEqualTo(141);
  }
}
