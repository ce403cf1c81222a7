package dev.spinel.net;

/// Reads a connection's input and writes its replies: the owner's side of a [Connection]. All calls
/// come from the connection's loop, within a turn.
///
/// Whatever is thrown here closes this connection and is reported to [Incidents#uncaught]; other
/// connections aren't affected.
public interface Handler {
  /// Bytes `from` to `to` (exclusive) of `buffer` arrived. The buffer belongs to the loop and is
  /// overwritten in the next turn: what isn't consumed must be kept by the handler (its
  /// `RequestReader` does).
  ///
  /// Replies go to [Connection#output]; they leave at the end of the turn. A handler that has
  /// produced [Loop#REPLY_BYTES_PER_TURN] of them calls [Connection#runAgain] and returns, keeping
  /// the rest of its input; one whose client has to wait calls [Connection#pauseReading] and
  /// returns. In both cases the next call comes later, with an empty range if nothing new has
  /// arrived (`from == to`), and not before the socket was left alone meanwhile: it is a signal to
  /// go on with what was kept.
  void run(byte[] buffer, int from, int to);

  /// Whether the next [#run] may take long, as far as can be told before its input is read: it is
  /// to come after those of others.
  default boolean isHeavy() {
    return false;
  }

  /// As [#run], but the owner's code holds the loop up ([Loop#serveMeanwhile]), perhaps outside of
  /// a turn: only called if [#mayRunMeanwhile] said so, and for whole reads, none of which is kept
  /// by the connection.
  default void runMeanwhile(byte[] buffer, int from, int to) {
    throw new IllegalStateException("it said that it can't");
  }

  default boolean mayRunMeanwhile() {
    return false;
  }

  /// The peer has ended its side while the loop is held up. What follows from that waits for the
  /// next turn.
  default void endsMeanwhile() {}

  /// Output was added in this turn and is about to be written; `pendingBytes` have not left yet,
  /// those from earlier turns included. The place to enforce limits on output:
  /// [Connection#closeAsap] prevents the writing. If some was lost (`Output.isTorn`) the connection
  /// closes after this call in any case.
  default void aboutToWrite(long pendingBytes) {}

  /// The socket has taken bytes; `pendingBytes` are left. May come in the midst of a turn's
  /// writing: the place to note it, and to [Loop#post] what follows from it.
  default void written(long pendingBytes) {}

  /// Whether it waits for [#written]: then that comes as soon as the socket has taken what is being
  /// written; else perhaps not before something else happens on the loop.
  default boolean awaitsWritten() {
    return false;
  }

  /// Called when the peer ends its side while the connection is paused. Returns whether the
  /// connection will resume even so, to reply and to run what came before. If not, no more of its
  /// input is run.
  default boolean goesOn() {
    return false;
  }

  /// The connection has closed, for whatever reason. This is the last call.
  void closed();

  /// Whether so much input of a paused connection may be kept. If not, its socket isn't read until
  /// it resumes; until then nothing notices that the peer has gone.
  default boolean mayKeep(int bytes) {
    return bytes < Connection.KEPT_BYTES_AT_MOST;
  }
}
