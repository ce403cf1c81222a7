package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RequestReaderTest {
  private final RequestReader reader = new RequestReader();
  private final Args args = new Args();

  private int next(String s) {
    byte[] b = Requests.bytes(s);
    return reader.next(b, 0, b.length, args);
  }

  @Test
  void answersAreThoseRecordedFromARealServer() throws IOException {
    List<String> lines = NumbersTest.recording("requests.txt");
    assertThat(lines).hasSizeGreaterThan(1000);
    for (String line : lines) {
      String[] f = line.split("\t", -1);
      byte[] input = Requests.unescaped(f[0]);
      String expected = Requests.text(Requests.unescaped(f[1]));
      assertThat(Requests.answers(input, new RequestReader(), null, null))
          .as(f[0])
          .isEqualTo(expected);
      Random cuts = new Random(f[0].hashCode());
      for (int i = 0; i < 5; i++)
        assertThat(Requests.answers(input, new RequestReader(), null, cuts))
            .as(f[0])
            .isEqualTo(expected);
    }
  }

  @Test
  void withoutAPasswordLittleIsRead() throws IOException {
    for (String line : NumbersTest.recording("unauthenticated.txt")) {
      String[] f = line.split("\t", -1);
      RequestReader r = new RequestReader();
      r.authenticated(false);
      String expected = Requests.text(Requests.unescaped(f[1]));
      assertThat(Requests.answers(Requests.unescaped(f[0]), r, null, null))
          .as(f[0])
          .isEqualTo(expected);
    }
  }

  @Test
  void answersAreThoseOfARealServerBesideIt() throws Exception {
    Optional<String> program = Peer.program();
    assumeTrue(program.isPresent(), "no redis-server here");
    List<byte[]> inputs = new ArrayList<>();
    for (String s : Requests.named()) inputs.add(Requests.bytes(s));
    long seed = Long.getLong("spinel.seed", 1);
    Random r = new Random(seed);
    for (int i = 0; i < 400; i++) inputs.add(Requests.random(r));
    try (Peer peer = Peer.start(program.get())) {
      for (byte[] input : inputs) {
        String expected = Requests.normalized(Recorder.converse(peer.port, input));
        String ours = Requests.answers(input, new RequestReader(), null, null);
        assertThat(ours).as("seed " + seed + ": " + shortened(input)).isEqualTo(expected);
      }
    }
  }

  private static String shortened(byte[] input) {
    String s = Requests.escaped(input);
    return s.length() < 300 ? s : s.substring(0, 300) + "… " + input.length + " bytes";
  }

  @Test
  void howBytesAreCutChangesNothing() {
    long seed = Long.getLong("spinel.seed", 1);
    Random r = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      byte[] input = Requests.random(r);
      String whole = Requests.answers(input.clone(), new RequestReader(), null, null);
      RequestReader cut = new RequestReader();
      assertThat(Requests.answers(input.clone(), cut, null, r))
          .as("seed " + seed + ": " + Requests.escaped(input))
          .isEqualTo(whole);
      assertThat(cut.heapBytes()).isLessThan(4L * input.length + 1600);
    }
  }

  @Test
  void largeArgumentsGoToTheSinkHoweverTheyAreCut() {
    Random r = new Random(11);
    for (int i = 0; i < 60; i++) {
      StringBuilder s = new StringBuilder();
      for (int n = 1 + r.nextInt(4); n > 0; n--) {
        int length =
            r.nextInt(3) == 0 ? r.nextInt(30) : RequestReader.LARGE_BYTES - 2 + r.nextInt(40_000);
        s.append("*2\r\n$4\r\nECHO\r\n$").append(length).append("\r\n");
        for (int k = 0; k < length; k++) s.append((char) r.nextInt(256));
        s.append("\r\n");
      }
      byte[] input = Requests.bytes(s.toString());
      String plain = Requests.answers(input, new RequestReader(), null, null);
      LargeSinkModel sink = new LargeSinkModel();
      assertThat(
              Requests.answers(
                  input, new RequestReader(new RequestReader.RequestLimits(), sink), sink, null))
          .isEqualTo(plain);
      assertThat(sink.live).isEmpty();
      RequestReader cut = new RequestReader(new RequestReader.RequestLimits(), sink);
      // pieces as a socket gives them, not the tiny ones
      assertThat(piecewise(input, cut, sink, r)).isEqualTo(plain);
      assertThat(sink.live).isEmpty();
      sink.declines = true;
      assertThat(
              piecewise(input, new RequestReader(new RequestReader.RequestLimits(), sink), sink, r))
          .isEqualTo(plain);
    }
  }

  private static String piecewise(
      byte[] input, RequestReader reader, LargeSinkModel sink, Random r) {
    StringBuilder out = new StringBuilder();
    Args args = new Args();
    byte[] turn = new byte[16 * 1024];
    for (int sent = 0; sent < input.length; ) {
      int n = Math.min(input.length - sent, 1 + r.nextInt(turn.length));
      System.arraycopy(input, sent, turn, 0, n);
      sent += n;
      int at = 0;
      while (reader.next(turn, at, n, args) == RequestReader.COMPLETE) {
        at = reader.position();
        out.append('$')
            .append(args.at(1).length)
            .append("\r\n")
            .append(sink.text(args.at(1)))
            .append("\r\n");
        args.release(sink);
      }
      assertThat(reader.heapBytes()).isLessThan(sink.declines ? 250_000 : 50_000);
    }
    assertThat(reader.hasPending()).isFalse();
    return out.toString();
  }

  @Test
  void aConnectionThatEndsGivesItsLargeArgumentsUp() {
    LargeSinkModel sink = new LargeSinkModel();
    RequestReader r = new RequestReader(new RequestReader.RequestLimits(), sink);
    byte[] b = Requests.bytes("*3\r\n$40000\r\n" + "a".repeat(40_000) + "\r\n$50000\r\nbbb");
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
    assertThat(sink.live).hasSize(2);
    assertThat(r.unparsedBytes()).isEqualTo(3);
    r.close();
    assertThat(sink.live).isEmpty();
    r = new RequestReader(new RequestReader.RequestLimits(), sink);
    b = Requests.bytes("*3\r\n$40000\r\n" + "a".repeat(40_000) + "\r\n$x\r\n");
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.ERROR);
    r.close();
    assertThat(sink.live).isEmpty();
  }

  @Test
  void aMillionArgumentsInPiecesAreParsedOnce() {
    int n = 1_000_000;
    byte[] command = new byte[20 * n];
    int end = 0;
    for (byte c : Requests.bytes("*" + n + "\r\n")) command[end++] = c;
    for (int i = 0; i < n; i++) {
      command[end++] = '$';
      end = Numbers.format(Numbers.digits(i), command, end);
      command[end++] = '\r';
      command[end++] = '\n';
      end = Numbers.format(i, command, end);
      command[end++] = '\r';
      command[end++] = '\n';
    }
    long start = System.nanoTime();
    int status = RequestReader.INCOMPLETE;
    for (int at = 0; at < end; at += 16_000) {
      assertThat(status).isEqualTo(RequestReader.INCOMPLETE);
      status = reader.next(command, at, Math.min(end, at + 16_000), args);
    }
    assertThat(status).isEqualTo(RequestReader.COMPLETE);
    assertThat(System.nanoTime() - start).as("nanoseconds").isLessThan(5_000_000_000L);
    assertThat(args.count()).isEqualTo(n);
    for (int i = 0; i < n; i += 997) assertThat(args.at(i).toLong(-1)).isEqualTo(i);
    assertThat(reader.hasPending()).isFalse();
    assertThat(reader.heapBytes()).isZero();
  }

  @Test
  void ofManyArgumentsOnlyThePlacesStayOnTheHeap() {
    LargeSinkModel sink = new LargeSinkModel();
    RequestReader.RequestLimits limits =
        new RequestReader.RequestLimits(new HeapBudget(10_000_000));
    RequestReader r = new RequestReader(limits, sink);
    Random random = new Random(12);
    int n = 300_000;
    String[] expected = new String[n];
    StringBuilder s = new StringBuilder("*" + n + "\r\n");
    for (int i = 0; i < n; i++) {
      int length =
          random.nextInt(60_000) == 0 ? 33_000 + random.nextInt(100_000) : random.nextInt(90);
      expected[i] = Integer.toString(i, 36).repeat(length / 3 + 1);
      s.append('$').append(expected[i].length()).append("\r\n").append(expected[i]).append("\r\n");
    }
    s.append("*1\r\n$4\r\nPING\r\n");
    byte[] input = Requests.bytes(s.toString());
    int status = RequestReader.INCOMPLETE;
    int at = 0;
    int end = 0;
    while (status == RequestReader.INCOMPLETE) {
      at = end;
      end =
          Math.min(input.length, at + 1 + random.nextInt(random.nextInt(4) == 0 ? 200_000 : 3000));
      status = r.next(input, at, end, args);
      assertThat(r.heapBytes()).isLessThan(5_000_000);
      assertThat(limits.heap.heldBytes()).isLessThan(40L * n);
    }
    assertThat(status).isEqualTo(RequestReader.COMPLETE);
    assertThat(args.count()).isEqualTo(n);
    long bytes = 0;
    for (int i = 0; i < n; i++) {
      assertThat(args.lengthAt(i)).isEqualTo(expected[i].length());
      assertThat(sink.text(args.at(i))).isEqualTo(expected[i]);
      bytes += expected[i].length();
    }
    assertThat(args.bytes()).isEqualTo(bytes);
    Args copy = args.copy();
    args.release(sink);
    assertThat(r.next(input, r.position(), input.length, args)).isEqualTo(RequestReader.COMPLETE);
    assertThat(args.at(0).text()).isEqualTo("PING");
    args.release(sink);
    for (int i = n - 1; i >= 0; i--) assertThat(sink.text(copy.at(i))).isEqualTo(expected[i]);
    assertThat(sink.live).isNotEmpty();
    Args again = copy.copy();
    copy.release(sink);
    assertThat(again.at(5).text()).isEqualTo(expected[5]);
    again.release(sink);
    assertThat(sink.live).isEmpty();
    assertThat(limits.heap.heldBytes()).isZero();
  }

  @Test
  void aConnectionThatEndsGivesItsBlocksUp() {
    LargeSinkModel sink = new LargeSinkModel();
    RequestReader r = new RequestReader(new RequestReader.RequestLimits(), sink);
    byte[] b = Requests.bytes("*1000000\r\n" + "$9\r\n123456789\r\n".repeat(1000));
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
    for (int i = 0; i < 50; i++)
      assertThat(r.next(b, 10, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
    assertThat(sink.live).isNotEmpty();
    r.close();
    assertThat(sink.live).isEmpty();
  }

  @Test
  void endlessTinyArgumentsAreRefusedBeforeTheirPlacesFillTheHeap() {
    LargeSinkModel sink = new LargeSinkModel();
    RequestReader.RequestLimits limits = new RequestReader.RequestLimits(new HeapBudget(3_000_000));
    RequestReader r = new RequestReader(limits, sink);
    byte[] b = Requests.bytes("*2000000000\r\n" + "$0\r\n\r\n".repeat(1000));
    int status = r.next(b, 0, b.length, args);
    int reads = 0;
    while (reads++ < 1000 && status == RequestReader.INCOMPLETE) {
      status = r.next(b, 13, b.length, args);
      assertThat(limits.heap.heldBytes()).isLessThanOrEqualTo(3_000_000);
    }
    assertThat(status).isEqualTo(RequestReader.SHORT);
    assertThat(r.refuse()).isTrue();
    assertThat(sink.live).isEmpty();
    while (reads++ < 2000) {
      assertThat(r.next(b, 13, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
      assertThat(limits.heap.heldBytes()).isLessThan(500_000);
    }
    r.close();
    assertThat(limits.heap.heldBytes()).isZero();
  }

  /// Commands of which some find no room, in any pieces: what is refused is skipped to the byte.
  @Test
  void behindARefusedCommandTheNextOneIsRead() {
    long seed = Long.getLong("spinel.seed", 1);
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      LargeSinkModel sink = new LargeSinkModel();
      HeapBudget heap = new HeapBudget(40_000 + random.nextInt(100_000));
      RequestReader r = new RequestReader(new RequestReader.RequestLimits(heap), sink);
      List<String> all = new ArrayList<>();
      StringBuilder input = new StringBuilder();
      for (int i = 0; i < 12; i++) {
        int count = random.nextInt(3) == 0 ? 2_000 + random.nextInt(20_000) : 1 + random.nextInt(4);
        int length = random.nextInt(4) == 0 ? 30_000 + random.nextInt(20_000) : random.nextInt(20);
        input.append('*').append(count).append("\r\n");
        String first = "command" + i;
        input.append('$').append(first.length()).append("\r\n").append(first).append("\r\n");
        for (int arg = 1; arg < count; arg++) {
          int n = arg == 1 ? length : random.nextInt(6);
          input.append('$').append(n).append("\r\n").append("y".repeat(n)).append("\r\n");
        }
        all.add(first);
      }
      byte[] bytes = Requests.bytes(input.toString());
      List<String> seen = new ArrayList<>();
      int refused = 0;
      int at = 0;
      for (int sent = 0; sent < bytes.length; ) {
        sent = Math.min(bytes.length, sent + 1 + random.nextInt(70_000));
        int status;
        while ((status = r.next(bytes, at, sent, args)) != RequestReader.INCOMPLETE) {
          at = r.position();
          if (status == RequestReader.SHORT) {
            assertThat(r.refuse()).isTrue();
          } else if (status == RequestReader.REFUSED) {
            seen.add("");
            refused++;
          } else {
            assertThat(status).as("seed " + seed).isEqualTo(RequestReader.COMPLETE);
            seen.add(args.at(0).text());
            args.release(sink);
          }
          assertThat(heap.heldBytes()).isLessThan(heap.limitBytes() * 2);
        }
        at = sent;
      }
      assertThat(seen).as("seed " + seed).hasSameSizeAs(all);
      for (int i = 0; i < all.size(); i++) {
        assertThat(seen.get(i)).as("seed " + seed).isIn("", all.get(i));
      }
      assertThat(refused).isLessThan(12);
      assertThat(r.hasPending()).isFalse();
      assertThat(sink.live).isEmpty();
      assertThat(heap.heldBytes()).isZero();
    }
  }

  @Test
  void ofSeveralLongCommandsAtOnceAllGetThroughOneAfterTheOther() {
    HeapBudget heap = new HeapBudget(6_000_000);
    RequestReader.RequestLimits limits = new RequestReader.RequestLimits(heap);
    int count = 5;
    LargeSinkModel sink = new LargeSinkModel();
    RequestReader[] readers = new RequestReader[count];
    for (int i = 0; i < count; i++) readers[i] = new RequestReader(limits, sink);
    byte[] b = Requests.bytes("*100000\r\n" + "$4\r\nabcd\r\n".repeat(100_000));
    int[] at = new int[count];
    int done = 0;
    for (int turn = 0; turn < 10_000 && done < count; turn++) {
      int i = turn % count;
      if (at[i] == b.length) continue;
      int status = readers[i].next(b, at[i], Math.min(b.length, at[i] + 5_000), args);
      at[i] = readers[i].position();
      assertThat(status)
          .isIn(RequestReader.INCOMPLETE, RequestReader.SHORT, RequestReader.COMPLETE);
      if (status == RequestReader.COMPLETE) {
        assertThat(args.count()).isEqualTo(100_000);
        args.release(sink);
        done++;
      }
    }
    assertThat(done).isEqualTo(count);
    assertThat(heap.heldBytes()).isZero();
  }

  @Test
  void aLineInSingleBytesIsNotSearchedAgainAndAgain() {
    byte[] x = {'x'};
    int status = RequestReader.INCOMPLETE;
    int fed = 0;
    while (status == RequestReader.INCOMPLETE && fed < 100_000) {
      status = reader.next(x, 0, 1, args);
      fed++;
    }
    assertThat(status).isEqualTo(RequestReader.ERROR);
    assertThat(fed).isEqualTo(65_537);
    assertThat(reader.error()).isEqualTo("Protocol error: too big inline request");
    assertThat(next("PING\r\n")).isEqualTo(RequestReader.ERROR);
  }

  @Test
  void aRequestCutOffAnywhereIsCompletedByTheNextRead() {
    String s = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$11\r\nhello world\r\n";
    String behind = "*1\r\n$4\r\nPING\r\n";
    for (int cut = 1; cut < s.length(); cut++) {
      RequestReader r = new RequestReader();
      byte[] b = Requests.bytes(s.substring(0, cut));
      assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
      assertThat(r.hasPending()).isTrue();
      b = Requests.bytes(s.substring(cut) + behind);
      assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.COMPLETE);
      assertThat(args.toString()).isEqualTo("SET key hello world");
      assertThat(r.position())
          .as("not a byte of the next command is copied")
          .isEqualTo(s.length() - cut);
      assertThat(r.hasPending()).isFalse();
      args.release(LargeSink.NONE);
      assertThat(r.next(b, r.position(), b.length, args)).isEqualTo(RequestReader.COMPLETE);
      assertThat(args.toString()).isEqualTo("PING");
    }
  }

  @Test
  void keptCommandsComeBeforeNewOnes() {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < 100; i++)
      s.append("*2\r\n$4\r\nECHO\r\n$")
          .append(Numbers.digits(i))
          .append("\r\n")
          .append(i)
          .append("\r\n");
    byte[] b = Requests.bytes(s.toString());
    int at = 0;
    byte[] none = {};
    for (int i = 0; i < 100; i++) {
      if (i % 10 == 3) {
        assertThat(reader.keep(b, at, b.length)).isEqualTo(RequestReader.INCOMPLETE);
        at = b.length;
      }
      assertThat(
              reader.next(
                  at == b.length ? none : b,
                  at == b.length ? 0 : at,
                  at == b.length ? 0 : b.length,
                  args))
          .isEqualTo(RequestReader.COMPLETE);
      assertThat(args.at(1).toLong(-1)).isEqualTo(i);
      args.release(LargeSink.NONE);
      if (at != b.length) at = reader.position();
    }
    assertThat(reader.next(none, 0, 0, args)).isEqualTo(RequestReader.INCOMPLETE);
    assertThat(reader.hasPending()).isFalse();
  }

  @Test
  void theQueryBufferLimitCountsWhatIsNotParsed() {
    RequestReader.RequestLimits limits = new RequestReader.RequestLimits();
    limits.queryBytes = 1000;
    RequestReader r = new RequestReader(limits, LargeSink.NONE);
    byte[] b =
        Requests.bytes(
            "*3\r\n$3\r\nSET\r\n$900\r\n" + "k".repeat(900) + "\r\n$2000\r\n" + "v".repeat(900));
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
    assertThat(r.next(b, b.length - 200, b.length, args)).isEqualTo(RequestReader.TOO_MUCH);

    LargeSinkModel sink = new LargeSinkModel();
    r = new RequestReader(limits, sink);
    b = Requests.bytes("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40000\r\n" + "v".repeat(900));
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
    assertThat(r.next(b, b.length - 200, b.length, args)).isEqualTo(RequestReader.TOO_MUCH);
    r.close();
    assertThat(sink.live).isEmpty();

    r = new RequestReader(limits, LargeSink.NONE);
    assertThat(r.keep(b, 0, 900)).isEqualTo(RequestReader.INCOMPLETE);
    assertThat(r.keep(b, 0, 900)).isEqualTo(RequestReader.TOO_MUCH);
  }

  @Test
  void theHeapLimitCountsWhatAllConnectionsHold() {
    RequestReader.RequestLimits limits = new RequestReader.RequestLimits(new HeapBudget(100_000));
    RequestReader r = new RequestReader(limits, LargeSink.NONE);
    byte[] b = Requests.bytes("*1000000\r\n" + "$9\r\n123456789\r\n".repeat(50));
    int status = r.next(b, 0, b.length, args);
    int reads = 1;
    while (status == RequestReader.INCOMPLETE && reads++ < 1000) {
      assertThat(limits.heap.heldBytes()).isEqualTo(r.heapBytes()).isBetween(1L, 100_000L);
      status = r.next(b, 10, b.length, args);
    }
    assertThat(status).isEqualTo(RequestReader.SHORT);
    assertThat(r.heapBytes()).isLessThan(200_000);
    byte[] little = Requests.bytes("*2\r\n$4\r\nECHO\r\n$4\r\nab");
    RequestReader other = new RequestReader(limits, LargeSink.NONE);
    assertThat(other.next(little, 0, little.length, args))
        .as("others go on")
        .isEqualTo(RequestReader.INCOMPLETE);
    r.close();
    assertThat(limits.heap.heldBytes()).isEqualTo(other.heapBytes()).isPositive();
    assertThat(other.next(Requests.bytes("cd\r\n"), 0, 4, args)).isEqualTo(RequestReader.COMPLETE);
    args.release(LargeSink.NONE);
    assertThat(limits.heap.heldBytes()).isZero();
  }

  @Test
  void theBulkLimitCanBeChangedWhileRunning() {
    RequestReader.RequestLimits limits = new RequestReader.RequestLimits();
    RequestReader r = new RequestReader(limits, LargeSink.NONE);
    limits.bulkBytes = 1 << 20;
    byte[] b = Requests.bytes("*2\r\n$4\r\nECHO\r\n$1048576\r\n");
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.INCOMPLETE);
    r = new RequestReader(limits, LargeSink.NONE);
    b = Requests.bytes("*2\r\n$4\r\nECHO\r\n$1048577\r\n");
    assertThat(r.next(b, 0, b.length, args)).isEqualTo(RequestReader.ERROR);
    assertThat(r.error()).isEqualTo("Protocol error: invalid bulk length");
  }

  @Test
  void aCommandThatEndsWithTheArrayIsReadToo() {
    for (String tail :
        List.of("$1\r\nk\r\n", "$0\r\n\r\n", "$7\r\n1234567\r\n", "$13\r\n1234567890123\r\n")) {
      String s = "*2\r\n$4\r\nECHO\r\n" + tail;
      byte[] b = s.getBytes(StandardCharsets.ISO_8859_1);
      assertThat(new RequestReader().next(b, 0, b.length, args)).isEqualTo(RequestReader.COMPLETE);
      assertThat(args.count()).isEqualTo(2);
      for (int i = 0; i < b.length; i++) {
        assertThat(new RequestReader().next(b, 0, i, args))
            .as("cut at " + i)
            .isEqualTo(RequestReader.INCOMPLETE);
      }
    }
  }

  @Test
  void countsAndLengthsOfAllDigitsAreRead() {
    for (int n : new int[] {1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 5000}) {
      String s = "*" + n + "\r\n" + "$1\r\nx\r\n".repeat(n);
      assertThat(next(s)).isEqualTo(RequestReader.COMPLETE);
      assertThat(args.count()).isEqualTo(n);
      assertThat(args.bytes()).isEqualTo(n);
    }
    for (int n :
        new int[] {0, 1, 9, 10, 11, 99, 100, 999, 1000, 9999, 10_000, 32_767, 32_768, 100_000}) {
      assertThat(next("*1\r\n$" + n + "\r\n" + "x".repeat(n) + "\r\n"))
          .isEqualTo(RequestReader.COMPLETE);
      assertThat(args.at(0).length).isEqualTo(n);
      assertThat(args.at(0).text()).isEqualTo("x".repeat(n));
    }
  }
}
