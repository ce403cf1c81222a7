package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Random;
import java.util.TimeZone;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LocalOffsetTest {
  private static final Path ZONES = Path.of("/usr/share/zoneinfo");

  @TempDir Path directory;

  @Test
  void zoneFilesSayWhatTheJdkSays() {
    String[] zones = {
      "Europe/Berlin",
      "America/New_York",
      "Asia/Kolkata",
      "Australia/Lord_Howe",
      "Pacific/Apia",
      "Asia/Tokyo",
      "Etc/UTC"
    };
    long seed = Long.getLong("spinel.seed", 9);
    Random random = new Random(seed);
    for (String zone : zones) {
      assumeTrue(Files.exists(ZONES.resolve(zone)), "no zone files on this system");
      for (String name : new String[] {zone, ":" + zone}) {
        LocalOffset offset = new LocalOffset(name, directory.resolve("none"), ZONES);
        LocalOffset byFile = new LocalOffset(null, ZONES.resolve(zone), ZONES);
        for (int i = 0; i < 500; i++) {
          // 2010 to 2036: the years that a file lists, and for which both know the same rules
          long millis = random.nextLong(1_262_304_000_000L, 2_082_758_400_000L);
          long expected =
              ZoneId.of(zone).getRules().getOffset(Instant.ofEpochMilli(millis)).getTotalSeconds()
                  * 1000L;
          assertThat(offset.millisAt(millis))
              .as("%s %d seed %d", name, millis, seed)
              .isEqualTo(expected);
          assertThat(byFile.millisAt(millis))
              .as("%s %d seed %d", name, millis, seed)
              .isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void anOffsetEndsWithItsPeriod() {
    assumeTrue(Files.exists(ZONES.resolve("Europe/Berlin")), "no zone files on this system");
    LocalOffset berlin = new LocalOffset("Europe/Berlin", directory.resolve("none"), ZONES);
    long summer = Instant.parse("2024-03-31T01:00:00Z").toEpochMilli();
    assertThat(berlin.millisAt(summer - 1)).isEqualTo(3_600_000);
    assertThat(berlin.millisAt(summer)).isEqualTo(7_200_000);
    assertThat(berlin.millisAt(summer - 1)).isEqualTo(3_600_000);
  }

  @Test
  void utcNeedsNoFile() {
    for (String name : new String[] {"UTC", "UTC0", "GMT", ""}) {
      assertThat(new LocalOffset(name, directory, directory).millisAt(0)).isZero();
    }
    assertThat(new LocalOffset(null, directory.resolve("none"), ZONES).millisAt(0)).isZero();
  }

  @Test
  void withoutAUsableFileTheJdkIsAsked() throws Exception {
    Path garbage =
        Files.write(directory.resolve("garbage"), new byte[] {'T', 'Z', 'i', 'f', '2', 0, 0});
    Path wrong =
        Files.writeString(
            directory.resolve("wrong"),
            "not a time zone at all, but longer than a header of forty-four bytes");
    long now = 1_722_656_653_749L;
    long expected = TimeZone.getDefault().getOffset(now);
    for (Path file : new Path[] {garbage, wrong, directory}) {
      assertThat(new LocalOffset(null, file, ZONES).millisAt(now)).isEqualTo(expected);
    }
    assertThat(new LocalOffset("No/Where", garbage, ZONES).millisAt(now)).isEqualTo(expected);
  }

  @Test
  void randomFilesDoNotHurt() throws Exception {
    Path file = directory.resolve("zone");
    assumeTrue(Files.exists(ZONES.resolve("Europe/Berlin")), "no zone files on this system");
    byte[] good = Files.readAllBytes(ZONES.resolve("Europe/Berlin"));
    long seed = Long.getLong("spinel.seed", 10);
    Random random = new Random(seed);
    for (int i = 0; i < 500; i++) {
      byte[] bytes = good.clone();
      for (int changes = random.nextInt(10); changes >= 0; changes--)
        bytes[random.nextInt(200)] = (byte) random.nextInt();
      Files.write(
          file,
          random.nextBoolean()
              ? bytes
              : java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length)));
      new LocalOffset(null, file, ZONES).millisAt(1_722_656_653_749L);
    }
  }
}
