package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ArgsTest {
  private final LargeSinkModel sink = new LargeSinkModel();
  private final RequestReader reader = new RequestReader(new RequestReader.RequestLimits(), sink);
  private final Args args = new Args();

  private void read(int... lengths) {
    StringBuilder s = new StringBuilder("*" + lengths.length + "\r\n");
    for (int n : lengths) s.append("$" + n + "\r\n" + "x".repeat(n) + "\r\n");
    byte[] b = Requests.bytes(s.toString());
    assertThat(reader.next(b, 0, b.length, args)).isEqualTo(RequestReader.COMPLETE);
  }

  @Test
  void slicesOfDifferentArgumentsAreDifferentObjects() {
    Args a = Args.of("SET", "key", "value");
    assertThat(a.count()).isEqualTo(3);
    assertThat(a.at(0)).isSameAs(a.at(0)).isNotSameAs(a.at(1));
    assertThat(a.at(1).text()).isEqualTo("key");
    assertThat(a.at(2).equal(Requests.bytes("value"))).isTrue();
    assertThat(a.at(0).is("SET")).isTrue();
    assertThat(a.bytes()).isEqualTo(11);
  }

  @Test
  void whatNobodyTakesIsAbandoned() {
    read(3, 40_000, 5, 50_000);
    assertThat(args.hasNodes()).isTrue();
    assertThat(args.bytes()).isEqualTo(90_008);
    Slice large = args.at(1);
    assertThat(large.length).isEqualTo(40_000);
    assertThat(large.array).isNull();
    long node = large.take();
    assertThat(args.at(1).node).as("still readable by whoever encodes the command").isEqualTo(node);
    args.release(sink);
    assertThat(sink.live).containsOnlyKeys(node);
    args.release(sink);
    assertThat(sink.live).containsOnlyKeys(node);
  }

  @Test
  void aCopyOutlivesTheBufferAndTakesLargeArgumentsWithIt() {
    read(3, 40_000, 5);
    Args copy = args.copy();
    args.release(sink);
    assertThat(sink.live).hasSize(1);
    read(7, 7, 7, 7);
    assertThat(copy.count()).isEqualTo(3);
    assertThat(copy.at(0).text()).isEqualTo("xxx");
    assertThat(copy.at(1).length).isEqualTo(40_000);
    assertThat(copy.at(2).text()).isEqualTo("xxxxx");
    Args again = copy.copy();
    copy.release(sink);
    assertThat(sink.live).hasSize(1);
    again.release(sink);
    assertThat(sink.live).isEmpty();
  }

  @Test
  void manyArgumentsAreNotHeldOnTo() {
    int[] lengths = new int[30_000];
    java.util.Arrays.fill(lengths, 1);
    read(lengths);
    assertThat(args.count()).isEqualTo(30_000);
    assertThat(args.at(29_999)).isNotSameAs(args.at(29_999)).isEqualTo(args.at(29_998));
    assertThat(args.at(1023)).isSameAs(args.at(1023));
    read(1, 2);
    assertThat(args.count()).isEqualTo(2);
    assertThat(args.at(1).text()).isEqualTo("xx");
  }

  @Test
  void slicesCompareByContent() {
    Slice a = Slice.of("hello");
    Slice b = new Slice(Requests.bytes("--hello--"), 2, 5);
    assertThat(a).isEqualTo(b).hasSameHashCodeAs(b);
    assertThat(a.equal(b)).isTrue();
    assertThat(a.compare(b)).isZero();
    assertThat(a.compare(Slice.of("hellp"))).isNegative();
    assertThat(a.compare(Slice.of("hell"))).isPositive();
    assertThat(Slice.of("\u00ff").compare(Slice.of("a"))).isPositive();
    assertThat(a).isNotEqualTo(Slice.of("hellO"));
    assertThat(b.copy()).isEqualTo(Requests.bytes("hello"));
  }

  @Test
  void tokensAreComparedWhateverTheirCase() {
    for (String s : List.of("EX", "ex", "eX", "Ex")) assertThat(Slice.of(s).is("EX")).isTrue();
    for (String s : List.of("", "E", "EXX", "EY", "\u0005X", "e\u0018", "%X"))
      assertThat(Slice.of(s).is("EX")).isFalse();
    assertThat(Slice.of("max-len_1").is("MAX-LEN_1")).isTrue();
    assertThat(Slice.of("{").is("[")).isFalse();
  }

  @Test
  void numbersAreParsedInPlace() {
    Slice s = new Slice(Requests.bytes("x-42x"), 1, 3);
    assertThat(s.isLong()).isTrue();
    assertThat(s.toLong(0)).isEqualTo(-42);
    assertThat(s.toDouble()).isEqualTo(-42.0);
    assertThat(s.toLongDouble()).hasToString("-42");
    assertThat(Slice.of("4x").toLong(7)).isEqualTo(7);
    assertThat(Slice.of("4x").toDouble()).isNaN();
    assertThat(Slice.of("4x").toLongDouble()).isNull();
  }
}
