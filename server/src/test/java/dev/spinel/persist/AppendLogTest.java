package dev.spinel.persist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.journal.Effects;
import dev.spinel.journal.Journal;
import dev.spinel.journal.Lane;
import dev.spinel.wire.LargeSink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AppendLogTest implements AppendLog.Owner {
  private static final Path FILE = Path.of("folder/one.aof");
  private static final Path NEXT = Path.of("folder/two.aof");

  private final TestDisk disk = new TestDisk();
  private final Journal journal = new Journal();
  private final Lane lane = journal.lane();
  private final Effects effects = new Effects(LargeSink.NONE);
  private final List<String> said = new ArrayList<>();
  private final List<String> fatal = new ArrayList<>();
  private final AtomicLong synced = new AtomicLong();
  private AppendLog log;
  private String failing;

  @Override
  public synchronized void fatal(String why) {
    fatal.add(why);
  }

  @Override
  public synchronized void failing(AppendLog of, String reason) {
    failing = reason;
  }

  @Override
  public synchronized void notice(String text) {
    said.add(text);
  }

  @Override
  public synchronized void warning(String text) {
    said.add(text);
  }

  private synchronized List<String> said() {
    return List.copyOf(said);
  }

  private synchronized List<String> fatal() {
    return List.copyOf(fatal);
  }

  private void start(AppendLog.Policy policy) throws IOException {
    log = new AppendLog(this, () -> 1_700_000_000_000L, synced::set, disk.append(FILE), 0, policy);
    journal.attach(Journal.AOF, log);
    log.start(journal.bind(), journal.position());
  }

  @AfterEach
  void stop() {
    disk.holdSyncs(null);
    journal.detach(Journal.AOF);
    log.close(true);
  }

  private long append(String... words) {
    effects.clear();
    effects.database(Effects.NO_DATABASE).add((Object[]) words);
    long position = lane.append(effects, Journal.ALL);
    journal.merge();
    return position;
  }

  private static String encoded(String... words) {
    StringBuilder text = new StringBuilder("*" + words.length + "\r\n");
    for (String word : words) {
      text.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return text.toString();
  }

  private void awaitReleased(long position) {
    await().until(() -> journal.released() >= position);
  }

  @Test
  void withEverysecARecordIsWrittenBeforeItsReplyMayLeave() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    for (int i = 0; i < 100; i++) {
      long position = append("SET", "k", "" + i);
      assertThat(journal.released()).isEqualTo(position);
      assertThat(disk.text(FILE)).endsWith(encoded("SET", "k", "" + i));
    }
    await().until(() -> synced.get() == 100);
  }

  @Test
  void withAlwaysAReplyWaitsForTheSync() throws IOException {
    start(AppendLog.Policy.ALWAYS);
    Semaphore permits = new Semaphore(0);
    disk.holdSyncs(permits);
    long first = append("SET", "k", "1");
    long second = append("SET", "k", "2");
    assertThat(journal.released()).isLessThan(first);
    permits.release(2);
    awaitReleased(second);
    assertThat(disk.powerLoss(new Random(1)).text(FILE))
        .isEqualTo(encoded("SET", "k", "1") + encoded("SET", "k", "2"));
  }

  @Test
  void manyWhoWaitShareOneSync() throws IOException {
    start(AppendLog.Policy.ALWAYS);
    Semaphore permits = new Semaphore(0);
    disk.holdSyncs(permits);
    long last = 0;
    for (int i = 0; i < 1_000; i++) {
      last = append("SET", "k", "" + i);
    }
    permits.release(2);
    awaitReleased(last);
    assertThat(disk.syncCount).isLessThanOrEqualTo(2);
  }

  @Test
  void nothingIsWrittenBesideASyncAndRepliesLeaveForTwoSeconds() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    append("SET", "k", "1");
    Semaphore permits = new Semaphore(0);
    disk.holdSyncs(permits);
    await().until(permits::hasQueuedThreads);
    long beside = append("SET", "k", "2");
    assertThat(journal.released()).as("for a while").isEqualTo(beside);
    assertThat(disk.text(FILE)).isEqualTo(encoded("SET", "k", "1"));
    await()
        .until(
            () -> {
              long position = append("SET", "k", "3");
              return journal.released() < position;
            });
    assertThat(log.delayedSyncs()).isEqualTo(1);
    assertThat(said).anyMatch(line -> line.contains("fsync is taking too long (disk is busy?)"));
    permits.release(100);
    awaitReleased(journal.position());
    assertThat(disk.text(FILE)).endsWith(encoded("SET", "k", "3"));
  }

  @Test
  void aShortWriteIsCutOffAndWrittenAgain() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    append("SET", "k", "1");
    disk.failNextWriteAfter(7);
    disk.failWrites("No space left on device");
    long refused = append("SET", "k", "2");
    assertThat(disk.text(FILE)).isEqualTo(encoded("SET", "k", "1"));
    assertThat(failing).isEqualTo("Input/output error");
    assertThat(journal.released()).as("the command ran").isEqualTo(refused);
    disk.failWrites(null);
    await().until(() -> log.failure() == null);
    assertThat(failing).isNull();
    assertThat(disk.text(FILE)).isEqualTo(encoded("SET", "k", "1") + encoded("SET", "k", "2"));
    assertThat(said)
        .contains("Error writing to the AOF file: Input/output error")
        .endsWith("AOF write error looks solved, Redis can write again.");
  }

  @Test
  void aDiskThatGoesOnFailingIsToldOnce() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    disk.failWrites("No space left on device");
    append("SET", "k", "1");
    await().until(() -> disk.refusedWrites >= 3);
    String line = "Error writing to the AOF file: No space left on device";
    assertThat(said()).containsOnlyOnce(line);
    disk.failWrites(null);
    await().until(() -> log.failure() == null);
    disk.failWrites("No space left on device");
    append("SET", "k", "2");
    await()
        .untilAsserted(
            () -> assertThat(said().stream().filter(line::equals)).as("again").hasSize(2));
  }

  @Test
  void aFailedSyncIsHealedByNewFilesOnly() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    disk.failSyncs("Input/output error");
    append("SET", "k", "1");
    await().until(() -> log.needsRewrite());
    disk.failSyncs(null);
    append("SET", "k", "2");
    int before = disk.syncCount;
    await().until(() -> disk.syncCount > before);
    assertThat(log.failure()).isNotNull();
    assertThat(synced.get()).isZero();
    log.rewritten();
    assertThat(log.failure()).isNull();
  }

  @Test
  void withAlwaysAFailureEndsTheServerAndReleasesNothing() throws IOException {
    start(AppendLog.Policy.ALWAYS);
    disk.failSyncs("Input/output error");
    long position = append("SET", "k", "1");
    await().until(() -> !fatal().isEmpty());
    assertThat(fatal().getFirst())
        .isEqualTo(
            "Can't persist AOF for fsync error when the AOF fsync policy is 'always':"
                + " Input/output error. Exiting...");
    assertThat(journal.released()).isLessThan(position);
  }

  @Test
  void whatCouldNotBeWrittenIsWrittenByTheNextPolicyWithoutAnotherWrite() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    disk.failWrites("No space left on device");
    append("SET", "k", "1");
    assertThat(failing).isEqualTo("No space left on device");
    log.policy(AppendLog.Policy.ALWAYS);
    disk.failWrites(null);
    await().until(() -> log.failure() == null);
    assertThat(disk.text(FILE)).isEqualTo(encoded("SET", "k", "1"));
    assertThat(synced.get()).isEqualTo(journal.position());
    assertThat(fatal()).isEmpty();
  }

  @Test
  void whatTheNextPolicyCannotWriteEitherEndsTheServer() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    disk.failWrites("No space left on device");
    append("SET", "k", "1");
    log.policy(AppendLog.Policy.ALWAYS);
    await().until(() -> !fatal().isEmpty());
    assertThat(fatal().getFirst()).startsWith("Can't recover from AOF write error");
  }

  @Test
  void aFailedCommitEndsTheServerEvenIfThePolicyHasChangedMeanwhile() throws IOException {
    start(AppendLog.Policy.ALWAYS);
    Semaphore permits = new Semaphore(0);
    disk.holdWrites(permits);
    append("SET", "k", "1");
    await().until(permits::hasQueuedThreads);
    log.policy(AppendLog.Policy.EVERYSEC);
    disk.failNextWriteAfter(7);
    permits.release(100);
    await().until(() -> !fatal().isEmpty());
    long behind = append("SET", "k", "2");
    journal.detach(Journal.AOF);
    log.close(true);
    assertThat(disk.text(FILE)).as("no gap").isEmpty();
    assertThat(journal.released()).isLessThan(behind);
  }

  @Test
  void nothingIsWrittenBehindWhatWasLost() throws IOException {
    start(AppendLog.Policy.ALWAYS);
    append("SET", "k", "1");
    awaitReleased(journal.position());
    disk.failNextWriteAfter(7);
    append("SET", "k", "2");
    await().until(() -> !fatal().isEmpty());
    long behind = append("SET", "k", "3");
    journal.detach(Journal.AOF);
    log.close(true);
    assertThat(disk.text(FILE)).isEqualTo(encoded("SET", "k", "1"));
    assertThat(journal.released()).isLessThan(behind);
    assertThat(fatal()).hasSize(1);
  }

  @Test
  void aNewFileBeginsAtTheCut() throws IOException {
    for (AppendLog.Policy policy : AppendLog.Policy.values()) {
      TestDisk one = disk;
      one.delete(FILE);
      one.delete(NEXT);
      start(policy);
      append("SET", "k", "1");
      journal.cut();
      boolean[] switched = new boolean[1];
      log.switchTo(disk.create(NEXT), () -> switched[0] = true);
      long position = append("SET", "k", "2");
      awaitReleased(position);
      assertThat(switched[0]).isTrue();
      assertThat(disk.text(FILE)).isEqualTo(encoded("SET", "k", "1"));
      assertThat(disk.text(NEXT)).isEqualTo(encoded("SET", "k", "2"));
      journal.detach(Journal.AOF);
      log.close(true);
      assertThat(journal.bound()).isFalse();
    }
    start(AppendLog.Policy.NO);
  }

  @Test
  void aLongRecordComesWholeAndTimesAreNotedBetweenRecords() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    log.stamps(true);
    String large = "x".repeat(3_000_000);
    append("SET", "k", large);
    append("SET", "k", "small");
    assertThat(disk.text(FILE))
        .isEqualTo(
            "#TS:1700000000\r\n" + encoded("SET", "k", large) + encoded("SET", "k", "small"));
  }

  @Test
  void thePolicyMayChangeAtAnyTime() throws IOException {
    start(AppendLog.Policy.EVERYSEC);
    StringBuilder all = new StringBuilder();
    Random random = new Random(3);
    for (int i = 0; i < 3_000; i++) {
      append("SET", "k", "" + i);
      all.append(encoded("SET", "k", "" + i));
      if (random.nextInt(20) == 0) {
        AppendLog.Policy[] policies = AppendLog.Policy.values();
        log.policy(policies[random.nextInt(policies.length)]);
      }
    }
    awaitReleased(journal.position());
    assertThat(disk.text(FILE)).isEqualTo(all.toString());
  }
}
