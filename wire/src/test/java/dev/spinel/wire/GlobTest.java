package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GlobTest {
  private static boolean matches(String pattern, String string) {
    return Glob.matches(Requests.bytes(pattern), Requests.bytes(string));
  }

  @Test
  void patternsMatchAsOnARealServer() throws IOException {
    int matched = 0;
    for (String line : NumbersTest.recording("globs.txt")) {
      String[] f = line.split("\t", -1);
      boolean m = Glob.matches(Requests.unescaped(f[0]), Requests.unescaped(f[1]));
      assertThat(m).as(line).isEqualTo(f[2].equals("1"));
      if (m) matched++;
    }
    assertThat(matched).isGreaterThan(300);
  }

  @Test
  void caseIsIgnoredAsOnARealServer() throws IOException {
    List<String> lines = NumbersTest.recording("command-patterns.txt");
    String[] names = lines.get(0).split(" ");
    for (String line : lines.subList(1, lines.size())) {
      String[] f = line.split("\t", -1);
      int n = 0;
      for (String name : names)
        if (Glob.matchesAnyCase(Requests.bytes(f[0]), Requests.bytes(name))) n++;
      assertThat(n).as(f[0]).isEqualTo(Integer.parseInt(f[1]));
    }
  }

  @Test
  void anEmptyStringMatchesOnlyAnEmptyPattern() {
    assertThat(matches("", "")).isTrue();
    assertThat(matches("*", "")).isFalse();
    assertThat(matches("", "a")).isFalse();
    assertThat(matches("*", "a")).isTrue();
  }

  @Test
  void abusivePatternsAreAnsweredSoon() {
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> {
          assertThat(matches("a*".repeat(50_000) + "b", "a".repeat(50_000))).isFalse();
          assertThat(matches("*a".repeat(1200), "a".repeat(1300))).isFalse(); // nests too deep
          assertThat(matches("*a".repeat(900), "a".repeat(900))).isTrue();
          assertThat(matches("*?".repeat(900) + "b", "a".repeat(3000))).isFalse();
        });
  }

  @Test
  void anyBytesGetAnAnswer() {
    Random r = new Random(6);
    for (int i = 0; i < 200_000; i++) {
      byte[] p = new byte[r.nextInt(12)];
      byte[] s = new byte[r.nextInt(12)];
      r.nextBytes(p);
      r.nextBytes(s);
      for (int k = 0; k < p.length; k++)
        if (r.nextBoolean()) p[k] = (byte) "*?[]^-\\".charAt(r.nextInt(7));
      // what is before and behind the pattern and the string doesn't matter
      byte[] around = new byte[p.length + 2];
      around[p.length + 1] = ']';
      System.arraycopy(p, 0, around, 1, p.length);
      assertThat(Glob.matches(around, 1, p.length, s, 0, s.length, (i & 1) == 0))
          .isEqualTo(Glob.matches(p, 0, p.length, s, 0, s.length, (i & 1) == 0));
    }
  }
}
