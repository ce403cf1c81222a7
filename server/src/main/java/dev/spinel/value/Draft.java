package dev.spinel.value;

import dev.spinel.wire.Slice;

/// A value that is being built, and that no key shows before it is complete: the result of a STORE
/// form of a command. It hangs in a dictionary of its own that nobody else knows, so all verbs of
/// its structure work on it at [#place]; then [#store] puts it where it belongs, in the place of
/// whatever is there.
///
/// ```java
/// try (Draft draft = values.draft(key.name)) {
///   …                                  // values.sets().create(draft.place, …), add(…)
///   draft.store(key.place);
/// }
/// ```
///
/// A value that isn't stored is freed when the draft is closed. So a command that finds no memory
/// half-way has changed nothing. A draft lives within one command: its name is the slice that it
/// was made with.
public final class Draft implements AutoCloseable {
  /// Where the value is, or would be.
  public final Place place = new Place();

  private final Dictionary dictionary;
  private final Slice name;
  private final long header;

  Draft(Dictionary dictionary, Slice name) {
    this.dictionary = dictionary;
    this.name = name;
    header = dictionary.allocator.allocate(Dictionary.HEADER_BYTES);
    begin();
  }

  private void begin() {
    dictionary.init(header);
    dictionary.find(header, dictionary.hash(name), name, place);
  }

  /// Frees the value: another one can be built.
  void discard() {
    dictionary.clear(header);
    begin();
  }

  /// Address of the value's entry, 0 if none was made.
  public long entry() {
    return dictionary.entry(place);
  }

  /// Puts the value at `to`, in the place of what is there. The key there is the draft's. Without
  /// memory for that nothing happens.
  public void store(Place to) {
    dictionary.adopt(place, to);
  }

  /// Takes the value's entry out, with this expiry (milliseconds since 1970, or -1): the caller
  /// puts it into a dictionary, or frees it. Without memory for that it is still the draft's.
  public long take(long expiry) {
    if (expiry >= 0) dictionary.setExpiry(place, expiry);
    return dictionary.takeOut(place);
  }

  @Override
  public void close() {
    dictionary.clear(header);
    dictionary.allocator.free(header);
  }
}
