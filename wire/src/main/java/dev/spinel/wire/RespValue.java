package dev.spinel.wire;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A reply as a client sees it. Records compare by content; texts are bytes as characters 0 to 255.
@SuppressWarnings({
  "AvoidCommonTypeNames",
  "ArrayRecordComponent"
}) // the protocol's names; never changed after it is read
public sealed interface RespValue {
  /// `+OK`
  record Simple(String text) implements RespValue {}

  /// `-ERR …`, without the minus.
  record Error(String text) implements RespValue {}

  /// `:1`
  record Int(long value) implements RespValue {}

  /// `$5 hello`
  record Bulk(byte[] bytes) implements RespValue {
    @Override
    public boolean equals(Object o) {
      return o instanceof Bulk b && Arrays.equals(bytes, b.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
      return '"' + text() + '"';
    }
  }

  /// `$-1`, `*-1` or `_`.
  record Nil() implements RespValue {}

  record Array(List<RespValue> elements) implements RespValue {}

  /// Keys and values in turn, in the order in which they came.
  record Map(List<RespValue> keysAndValues) implements RespValue {}

  record Set(List<RespValue> elements) implements RespValue {}

  /// Out of band: a message, an invalidation.
  record Push(List<RespValue> elements) implements RespValue {}

  /// `,1.5`, as it was written.
  record Double(String written) implements RespValue {
    public double value() {
      byte[] b = written.getBytes(StandardCharsets.ISO_8859_1);
      return Numbers.parseDouble(b, 0, b.length);
    }
  }

  record Bool(boolean value) implements RespValue {}

  /// `(123…`, its digits.
  record Big(String digits) implements RespValue {}

  /// `=15 txt:…`
  record Verbatim(String format, String body) implements RespValue {}

  /// The text of a string of any kind; the digits of a number; null for nil. Aggregates have none.
  default @Nullable String text() {
    return switch (this) {
      case Simple s -> s.text;
      case Error e -> e.text;
      case Int i -> Long.toString(i.value);
      case Bulk b -> new String(b.bytes, StandardCharsets.ISO_8859_1);
      case Nil _ -> null;
      case Double d -> d.written;
      case Bool b -> Boolean.toString(b.value);
      case Big b -> b.digits;
      case Verbatim v -> v.body;
      case Array _, Map _, Set _, Push _ ->
          throw new IllegalStateException("an aggregate has no text: " + this);
    };
  }

  /// The integer. Fails for anything else.
  default long integer() {
    if (this instanceof Int i) return i.value;
    throw new IllegalStateException("not an integer: " + this);
  }

  /// The elements of an aggregate (of a map: keys and values in turn). Fails for anything else.
  default List<RespValue> elements() {
    return switch (this) {
      case Array a -> a.elements;
      case Map m -> m.keysAndValues;
      case Set s -> s.elements;
      case Push p -> p.elements;
      default -> throw new IllegalStateException("not an aggregate: " + this);
    };
  }

  default boolean isError() {
    return this instanceof Error;
  }

  default boolean isNil() {
    return this instanceof Nil;
  }
}
