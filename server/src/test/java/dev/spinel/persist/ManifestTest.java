package dev.spinel.persist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ManifestTest {
  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String text(Manifest manifest) {
    return new String(manifest.bytes(), StandardCharsets.ISO_8859_1);
  }

  @Test
  void aManifestIsReadAndWrittenAsItIs() throws Exception {
    String text =
        """
        file appendonly.aof.3.base.rdb seq 3 type b
        file appendonly.aof.6.incr.aof seq 6 type h
        file appendonly.aof.7.incr.aof seq 7 type i
        file "a name\\x01\\".aof" seq 8 type i
        """;
    Manifest manifest = Manifest.parse(bytes(text));
    assertThat(manifest.base())
        .isEqualTo(new Manifest.Part("appendonly.aof.3.base.rdb", 3, Manifest.Kind.BASE));
    assertThat(manifest.increments()).hasSize(2);
    assertThat(manifest.increments().get(1).name()).isEqualTo("a name\1\".aof");
    assertThat(text(manifest)).isEqualTo(text);
  }

  @Test
  void commentsAndWhatALaterVersionSaysArePassedOver() throws Exception {
    Manifest manifest =
        Manifest.parse(bytes("# a comment\n file a.aof seq 1 type i newfield 7 \n"));
    assertThat(manifest.increments())
        .isEqualTo(List.of(new Manifest.Part("a.aof", 1, Manifest.Kind.INCREMENT)));
  }

  @Test
  void whatIsNoManifestIsToldWithItsLine() {
    wrong("", 0, "Found an empty AOF manifest");
    wrong("file a seq 1 type b\nfile b seq 2 type b\n", 2, "Found duplicate base file information");
    wrong("file a seq 2 type i\nfile b seq 2 type i\n", 2, "Found a non-monotonic sequence number");
    wrong("file a/b seq 2 type i\n", 1, "File can't be a path, just a filename");
    wrong("file a\0b seq 2 type i\n", 1, "Invalid AOF manifest file format");
    wrong("file a seq 2 type x\n", 1, "Unknown AOF file type");
    wrong("file a seq 2\n", 1, "Invalid AOF manifest file format");
    wrong("file a seq zwei type i\n", 1, "Invalid AOF manifest file format");
    wrong("file \"a seq 2 type i\n", 1, "Invalid AOF manifest file format");
    wrong("\n", 1, "Invalid AOF manifest file format");
    wrong("file a seq 1 type i", 1, "The AOF manifest file contains too long line");
    wrong(
        "file " + "a".repeat(1100) + " seq 1 type i\n",
        1,
        "The AOF manifest file contains too long line");
  }

  private static void wrong(String text, int line, String message) {
    assertThatThrownBy(() -> Manifest.parse(bytes(text)))
        .isInstanceOfSatisfying(
            Manifest.BadManifest.class,
            e -> {
              assertThat(e.line).isEqualTo(line);
              assertThat(e).hasMessage(message);
            });
  }

  @Test
  void aRewriteMakesHistoryOfWhatItReplaces() throws Exception {
    Manifest manifest = Manifest.EMPTY.withIncrement("x.aof").withBase("x.aof", true, 1);
    assertThat(text(manifest))
        .isEqualTo("file x.aof.1.base.rdb seq 1 type b\nfile x.aof.1.incr.aof seq 1 type i\n");
    Manifest next = manifest.withIncrement("x.aof").withIncrement("x.aof");
    next = next.withBase("x.aof", false, 1);
    assertThat(text(next))
        .isEqualTo(
            """
            file x.aof.2.base.aof seq 2 type b
            file x.aof.1.incr.aof seq 1 type h
            file x.aof.2.incr.aof seq 2 type h
            file x.aof.1.base.rdb seq 1 type h
            file x.aof.3.incr.aof seq 3 type i
            """);
    assertThat(Manifest.parse(next.bytes())).isEqualTo(next);
    assertThat(text(next.withIncrement("x.aof").withBase("x.aof", true, 1)))
        .as("the newest first")
        .startsWith(
            """
            file x.aof.3.base.rdb seq 3 type b
            file x.aof.3.incr.aof seq 3 type h
            file x.aof.2.base.aof seq 2 type h
            file x.aof.1.incr.aof seq 1 type h
            """);
    assertThat(text(next.withoutHistory())).doesNotContain("type h");
  }
}
