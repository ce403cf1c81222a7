package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.cli.CommandDocs.Argument;
import dev.spinel.cli.CommandDocs.Entry;
import dev.spinel.cli.CommandDocs.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Hints while typing: what is left of a synopsis.
class HintTest {
  private static Argument value(String text) {
    return new Argument(text, null, Kind.VALUE, false, false, false, List.of());
  }

  private static Argument token(String token, boolean optional) {
    return new Argument(token, token, Kind.TOKEN, optional, false, false, List.of());
  }

  private static Argument optional(String token, Kind kind, String text) {
    return new Argument(text, token, kind, true, false, false, List.of());
  }

  private static Argument oneOf(Argument... parts) {
    return new Argument("", null, Kind.ONE_OF, true, false, false, List.of(parts));
  }

  private static Argument several(String text) {
    return new Argument(text, null, Kind.VALUE, false, true, false, List.of());
  }

  private static Entry entry(String name, Argument... arguments) {
    return new Entry(name, List.of(name.split(" ", -1)), "", "", "", List.of(arguments));
  }

  private static final List<Entry> DOCS =
      List.of(
          entry(
              "SET",
              value("key"),
              value("value"),
              oneOf(token("NX", false), token("XX", false)),
              token("GET", true),
              optional("EX", Kind.INTEGER, "seconds")),
          entry("DEL", several("key")),
          entry("CONFIG"),
          entry("CONFIG GET", several("parameter")));

  @Test
  void whatWasTypedIsLeftOut() {
    assertThat(Hint.forLine("set", DOCS)).isNull();
    assertThat(Hint.forLine("set ", DOCS)).isEqualTo("key value [NX|XX] [GET] [EX seconds]");
    assertThat(Hint.forLine("set k", DOCS)).isEqualTo("key value [NX|XX] [GET] [EX seconds]");
    assertThat(Hint.forLine("set k ", DOCS)).isEqualTo("value [NX|XX] [GET] [EX seconds]");
    assertThat(Hint.forLine("SET k v nx ", DOCS)).isEqualTo("[GET] [EX seconds]");
    assertThat(Hint.forLine("set k v get ", DOCS)).isEqualTo("[NX|XX] [EX seconds]");
  }

  @Test
  void whatWasBegunComesFirst() {
    assertThat(Hint.forLine("set k v ex ", DOCS)).isEqualTo("seconds [NX|XX] [GET] ");
  }

  @Test
  void wordsThatDoNotFitEndTheHints() {
    assertThat(Hint.forLine("set k v ex soon ", DOCS)).isEmpty();
    assertThat(Hint.forLine("set k v what ", DOCS)).isEmpty();
    assertThat(Hint.forLine("nosuch ", DOCS)).isNull();
    assertThat(Hint.forLine("set \"k ", DOCS)).isNull();
  }

  @Test
  void whatMayBeRepeatedStaysOpen() {
    assertThat(Hint.forLine("del ", DOCS)).isEqualTo("key [key ...]");
    assertThat(Hint.forLine("del a b ", DOCS)).isEqualTo("[key ...]");
  }

  @Test
  void theLongestNameOfACommandCounts() {
    assertThat(Hint.forLine("config get ", DOCS)).isEqualTo("parameter [parameter ...]");
  }

  @Test
  void withoutAServerCommandsOf72AreKnown() {
    List<Entry> all = CommandDocs.builtIn(null);
    assertThat(all).hasSizeGreaterThan(300);
    assertThat(Hint.forLine("zadd key ", all))
        .isEqualTo("[NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]");
    List<Entry> old = CommandDocs.builtIn("6.0.16");
    assertThat(Hint.forLine("zadd key ", old))
        .isEqualTo("[NX|XX] [CH] [INCR] score member [score member ...]");
    assertThat(Hint.forLine("lmpop ", old)).isNull();
  }

  @Test
  void optionsThatMayComeNextComplete() {
    List<Entry> docs = CommandDocs.builtIn(null);
    assertThat(Hint.options("set k v ", docs))
        .contains("NX", "XX", "GET", "EX", "PX", "KEEPTTL")
        .doesNotContain("SET");
    assertThat(Hint.options("set k v e", docs)).containsExactly("EX", "EXAT");
    assertThat(Hint.options("set k ", docs)).isEmpty(); // a value
    assertThat(Hint.options("set k v EX ", docs)).isEmpty(); // a number
    assertThat(Hint.options("SET k v EX 10 ", docs))
        .contains("NX", "GET")
        .doesNotContain("EX", "PX");
    assertThat(Hint.options("set k v nx ", docs)).contains("GET", "EX").doesNotContain("NX", "XX");
    assertThat(Hint.options("zadd z ", docs)).contains("NX", "GT", "CH", "INCR");
    assertThat(Hint.options("zadd z 1 ", docs)).isEmpty();
    assertThat(Hint.options("xread count 5 ", docs)).contains("BLOCK", "STREAMS");
    assertThat(Hint.options("config get ", docs)).isEmpty();
    assertThat(Hint.options("nosuch x ", docs)).isEmpty();
    assertThat(Hint.options("set \"a ", docs)).isEmpty(); // an open quote
  }
}
