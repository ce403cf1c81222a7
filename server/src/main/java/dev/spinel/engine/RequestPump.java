package dev.spinel.engine;

import dev.spinel.wire.Args;
import dev.spinel.wire.Batch;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.Output;
import dev.spinel.wire.RequestReader;
import org.jspecify.annotations.Nullable;

/// Reads a session's requests out of bytes as they come, and runs them one after the other until
/// none is left or something stops it. A client's connection, an embedded session, a file being
/// loaded share this loop; where they differ, their [Source] decides.
///
/// A thread has one pump for all its sessions, which run one at a time. Belongs to that thread.
public final class RequestPump {
  /// Where the requests of one session come from, and who decides what happens between them.
  public interface Source {
    Session session();

    RequestReader reader();

    /// The reader found this status for a request that wasn't read ahead. Called before the pump
    /// acts on it, for each status but SHORT.
    void found(int status);

    /// The Java heap has no room for the request that is being read. Returns whether it waits: then
    /// the source has kept the bytes from `at` on, and runs them later. If not, the request is
    /// refused.
    boolean waitsForHeap(byte[] buffer, int at, int to);

    /// A request is going to run whose last byte stands before `at` in the buffer.
    default void runs(int at) {}

    /// A request has run, with this outcome of [Dispatcher#execute]. Returns whether the next one
    /// may run. If not, the source has kept the bytes from `at` on, unless nothing more is to run.
    boolean ran(int outcome, byte[] buffer, int at, int to);

    /// No further request can be read: the status is ERROR, TOO_MUCH or SHORT.
    void broken(int status);

    /// Keeps bytes for a later run.
    default void keep(byte[] buffer, int at, int to) {
      int status = reader().keep(buffer, at, to);
      if (status != RequestReader.INCOMPLETE) {
        broken(status);
      }
    }
  }

  private static final int NOT_AHEAD = -1; // said of a request that wasn't read ahead
  private static final long UNKNOWN = -1;

  public final Dispatcher dispatcher;

  /// Takes the large arguments of all requests.
  public final LargeSink large;

  private final Args args = new Args(); // of a request that wasn't read ahead
  private final Batch batch = new Batch();

  /// Bytes of output when the last request began.
  private long answeredBytes = UNKNOWN;

  private final boolean isMeanwhile;

  public RequestPump(Dispatcher dispatcher) {
    this(dispatcher, false);
  }

  private RequestPump(Dispatcher dispatcher, boolean isMeanwhile) {
    this.dispatcher = dispatcher;
    this.large = dispatcher.seat().values.large();
    this.isMeanwhile = isMeanwhile;
  }

  /// A pump of the same thread, for what comes while that is held up by a script
  /// ([Dispatcher#executeMeanwhile]).
  public RequestPump meanwhile() {
    return new RequestPump(dispatcher, true);
  }

  /// Runs the source's requests: first what it has kept, then those in these bytes.
  ///
  /// If this throws, half a request may have been read: the source must not be run again.
  public void run(Source source, byte[] buffer, int from, int to) {
    answeredBytes = UNKNOWN;
    try {
      runAll(source, buffer, from, to);
    } finally {
      batch.clear();
      args.release(large);
    }
  }

  private void runAll(Source source, byte[] buffer, int from, int to) {
    Session session = source.session();
    RequestReader reader = source.reader();
    Output output = session.outlet.output();
    int at = from;
    while (true) {
      answeredBytes = output.pendingBytes();
      reader.authenticated(session.authenticated);
      Args request = ahead(session, reader, buffer, at, to);
      int index = NOT_AHEAD;
      if (request != null) {
        at = batch.position();
        index = batch.index();
      } else {
        request = args;
        int status = reader.next(buffer, at, to, request);
        at = reader.position();
        if (reader.tookEmpty()) {
          session.tookEmpty();
        }
        if (status == RequestReader.SHORT) {
          if (source.waitsForHeap(buffer, at, to)) {
            return;
          }
          if (!reader.refuse()) { // it can't be told where the request ends
            source.broken(status);
            return;
          }
          continue; // the reader says INCOMPLETE until the request's end, then REFUSED
        }
        source.found(status);
        if (status == RequestReader.REFUSED) {
          refused(session);
          continue;
        }
        if (status != RequestReader.COMPLETE) {
          if (status != RequestReader.INCOMPLETE) {
            source.broken(status);
          }
          return;
        }
      }
      source.runs(at);
      int outcome =
          isMeanwhile
              ? dispatcher.executeMeanwhile(session, request)
              : dispatcher.execute(session, request, index);
      request.release(large);
      if (output.isTorn() // then the session closes as soon as the output is to be sent
          || !source.ran(outcome, buffer, at, to)) {
        return;
      }
    }
  }

  /// The next of the requests that were read ahead. If there is none, reads more ahead. Null if the
  /// next request can't be read ahead.
  private @Nullable Args ahead(
      Session session, RequestReader reader, byte[] buffer, int at, int to) {
    if (batch.isEmpty() || !session.authenticated) { // before AUTH, requests have other limits
      batch.clear();
      reader.readAhead(buffer, at, to, batch);
      if (!isMeanwhile) {
        dispatcher.lookAhead(session, batch);
      }
    }
    return batch.poll();
  }

  /// See [Dispatcher#refused].
  public void refused(Session session) {
    if (isMeanwhile) {
      dispatcher.refusedMeanwhile(session);
    } else {
      dispatcher.refused(session);
    }
  }

  /// Whether the last request can still be answered by an error: its output isn't torn, and no part
  /// of a reply to it has been written.
  public boolean mayRefuse(Output output) {
    return !output.isTorn() && output.pendingBytes() == answeredBytes;
  }
}
