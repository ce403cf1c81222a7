package dev.spinel.engine;

import dev.spinel.wire.Slice;
import org.jspecify.annotations.Nullable;

/// The optional words of a call, read from left to right.
///
/// ```
///   SET k v  NX  EX 100  GET              Options o = call.options(3);
///            ▲   ▲  ▲    ▲                while (o.next()) {
///            │   │  │    next()             if (o.is("NX")) { … }
///            │   │  integer()               else if (o.is("EX", 1)) seconds = o.integer();
///            │   next()                     else if (o.is("GET")) { … }
///            next()                         else throw CommandError.SYNTAX;
///                                         }
/// ```
///
/// Redis reads options in this way, and its errors depend on it: the first word that is wrong
/// decides what the error says. Two habits of Redis are worth knowing before a loop is written.
/// Where a word that belongs to an option is missing, the option isn't recognized, and the answer
/// is `syntax error`: so [#is(String,int)] asks for both. And some commands read all options before
/// they look at a number among them, so that a later syntax error wins over an earlier number that
/// is out of range: they remember [#take], the number's position.
///
/// A call has one such object and uses it again and again, so that reading options allocates
/// nothing.
public final class Options {
  private final Call call;
  private int at; // the word read last
  private int end;

  private int time; // the position of the time that EX, PX, EXAT or PXAT gave
  private @Nullable TimeForm form; // null: none of them was there

  Options(Call call) {
    this.call = call;
  }

  Options from(int first) {
    at = first - 1;
    end = call.argc();
    form = null;
    return this;
  }

  /// Goes on to the next word. Returns false if there is none.
  public boolean next() {
    return ++at < end;
  }

  /// Whether the word read last is this one, in any case. `upper` in upper case.
  public boolean is(String upper) {
    return call.is(at, upper);
  }

  /// The same, and at least `words` words follow that can belong to it.
  public boolean is(String upper, int words) {
    return words <= left() && call.is(at, upper);
  }

  /// How many words follow the one read last.
  public int left() {
    return end - 1 - at;
  }

  /// The position of the word read last among the call's arguments.
  public int position() {
    return at;
  }

  /// Reads one word more, which belongs to the option. Returns its position.
  public int take() {
    assert at + 1 < end : "ask whether there is a word, as is(…, 1) does";
    return ++at;
  }

  /// Reads one word more.
  public Slice word() {
    return call.arg(take());
  }

  /// Reads one word more. Errors: not an integer, or beyond 64 bits.
  public long integer() {
    return call.integer(take());
  }

  /// Reads one word more. Errors: as [Call#integer(int,long,long,CommandError)].
  public long integer(long min, long max, CommandError otherwise) {
    return call.integer(take(), min, max, otherwise);
  }

  /// Reads one word more. Errors: as [Call#integer(int,long,long)].
  public long integer(long min, long max) {
    return call.integer(take(), min, max);
  }

  // ── EX, PX, EXAT, PXAT ──

  /// Whether the word is EX, PX, EXAT or PXAT and a time follows, which is read and remembered, but
  /// looked at only by [#expiry]. The same word may come twice, and the last one counts. Errors:
  /// syntax, after another one of the four.
  public boolean isTime() {
    TimeForm named = left() == 0 ? null : timeForm();
    if (named == null) {
      return false;
    }
    if (form != null && form != named) {
      throw CommandError.SYNTAX;
    }
    form = named;
    time = take();
    return true;
  }

  private @Nullable TimeForm timeForm() {
    if (is("EX")) {
      return TimeForm.SECONDS;
    } else if (is("PX")) {
      return TimeForm.MILLIS;
    } else if (is("EXAT")) {
      return TimeForm.UNIX_SECONDS;
    }
    return is("PXAT") ? TimeForm.UNIX_MILLIS : null;
  }

  /// Which of the four was read, as the form of its time, or null.
  public @Nullable TimeForm form() {
    return form;
  }

  /// The time that was read as milliseconds since 1970, or -1 if none was. Errors: not an integer;
  /// not positive, or too large.
  public long expiry() {
    return form == null ? -1 : call.positiveTime(time, form);
  }
}
