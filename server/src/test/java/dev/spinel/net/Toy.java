package dev.spinel.net;

import dev.spinel.wire.Args;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;

/// A little server to try the loops with: PING, ECHO, SET, GET, and a few verbs that provoke a
/// connection into all its states. What the engine will do, in miniature: it shows how a [Handler]
/// is meant to be written.
final class Toy implements Acceptor {
  final Map<String, byte[]> data = new ConcurrentHashMap<>();

  /// By number, in the order of accepting.
  final Map<Long, Session> sessions = new ConcurrentHashMap<>();

  volatile int mostSessions = Integer.MAX_VALUE;
  volatile boolean goesOn;
  final Semaphore work = new Semaphore(0); // how often WORK may go on
  final Queue<Long> workers = new ConcurrentLinkedQueue<>(); // sessions that have begun WORK
  volatile long mostPendingBytes = Long.MAX_VALUE;
  private final java.util.concurrent.atomic.AtomicLong ids =
      new java.util.concurrent.atomic.AtomicLong();

  @Override
  public Handler accept(Connection connection) {
    if (sessions.size() >= mostSessions) {
      connection.output().write("-ERR max number of clients reached\r\n");
      return null;
    }
    long id = ids.incrementAndGet();
    var session = new Session(id, connection);
    sessions.put(id, session);
    return session;
  }

  final class Session implements Handler {
    final long id;
    final Connection connection;
    final RequestReader reader = new RequestReader();
    final Args args = new Args();
    final RespWriter reply;
    volatile long runs;
    volatile long mostRepliesInARun;
    volatile int closedCalls;
    volatile int writtenCalls;
    volatile boolean awaitsWritten;
    private boolean heavy;

    Session(long id, Connection connection) {
      this.id = id;
      this.connection = connection;
      reply = new RespWriter(connection.output(), 2);
    }

    @Override
    public void run(byte[] buffer, int from, int to) {
      runs++;
      long before = connection.output().pendingBytes();
      long enough = before + Loop.REPLY_BYTES_PER_TURN;
      int status;
      int at = from;
      while ((status = reader.next(buffer, at, to, args)) == RequestReader.COMPLETE) {
        at = reader.position();
        command();
        args.release(LargeSink.NONE);
        if (connection.isEnding()) {
          break;
        }
        boolean yields = connection.output().pendingBytes() >= enough;
        if (yields || connection.isPaused()) {
          reader.keep(buffer, at, to);
          if (yields) {
            connection.runAgain();
          }
          break;
        }
      }
      if (status == RequestReader.ERROR) {
        reply.error("ERR " + reader.error());
        connection.closeAfterReply();
      }
      mostRepliesInARun = Math.max(mostRepliesInARun, connection.output().pendingBytes() - before);
    }

    @Override
    public boolean awaitsWritten() {
      return awaitsWritten;
    }

    @Override
    public void written(long pendingBytes) {
      writtenCalls++;
    }

    @Override
    public boolean isHeavy() {
      return heavy;
    }

    /// Holds the loop up until it may go on, for 10 ms at least.
    private void work() {
      workers.add(id);
      work.acquireUninterruptibly();
      LockSupport.parkNanos(10_000_000);
    }

    private void command() {
      var name = args.at(0);
      if (name.is("PING")) {
        reply.simple("PONG");
      } else if (name.is("HEAVY")) { // whether it is, from now on
        heavy = args.at(1).toLong(0) == 1;
        reply.ok();
      } else if (name.is("WORK")) {
        work();
        reply.ok();
      } else if (name.is("ECHO")) {
        reply.bulk(args.at(1));
      } else if (name.is("SET")) {
        data.put(args.at(1).text(), args.at(2).copy());
        reply.ok();
      } else if (name.is("GET")) {
        var value = data.get(args.at(1).text());
        if (value == null) {
          reply.nil();
        } else {
          reply.bulk(value);
        }
      } else if (name.is("QUIT")) {
        reply.ok();
        connection.closeAfterReply();
      } else if (name.is("ID")) {
        reply.integer(id);
      } else if (name.is("ADDR")) {
        reply.bulk(connection.remoteAddress());
      } else if (name.is("LADDR")) {
        reply.bulk(connection.localAddress());
      } else if (name.is("ZEROS")) { // a bulk of that many bytes
        reply.bulk(new byte[(int) args.at(1).toLong(0)]);
      } else if (name.is(
          "SLEEP")) { // replies so many milliseconds later, and lets the rest of the pipeline wait
        connection.pauseReading();
        connection.loop().schedule(connection.loop().now() + args.at(1).toLong(0), this::wake);
      } else if (name.is("PAUSE")) { // until somebody says RESUME
        reply.ok();
        connection.pauseReading();
      } else if (name.is("RESUME")) {
        var other = session(args.at(1));
        other.connection.loop().post(other.connection::resume);
        reply.ok();
      } else if (name.is("TELL")) { // another's connection gets a line, perhaps on another loop
        var other = session(args.at(1));
        var text = args.at(2).text();
        other.connection.loop().post(() -> other.hear(text));
        reply.ok();
      } else if (name.is("KILL")) {
        session(args.at(1)).connection.kill();
        reply.ok();
      } else if (name.is("CLOSE")) {
        connection.close();
      } else if (name.is("CLOSEASAP")) {
        reply.ok();
        connection.closeAsap("asked to");
      } else if (name.is("THROW")) {
        throw new IllegalStateException("thrown on demand");
      } else if (name.is("OVERFLOW")) {
        overflow(1);
      } else if (name.is("BOUND")) { // replies with its argument when that position is released
        reply.integer(args.at(1).toLong(0));
        connection.output().mark(args.at(1).toLong(0));
      } else if (name.is("RELEASE")) {
        connection.loop().setReleased(args.at(1).toLong(0));
        reply.ok();
      } else {
        reply.error("ERR unknown command");
      }
    }

    @SuppressWarnings(
        "InfiniteRecursion") // a handler that overflows its stack must not end its loop
    private int overflow(int depth) {
      return overflow(depth + 1) + 1;
    }

    private Session session(Slice id) {
      return sessions.get(id.toLong(0));
    }

    private void wake() {
      if (connection.isOpen()) {
        reply.simple("AWAKE");
        connection.flush();
        connection.resume();
      }
    }

    void hear(String text) {
      if (connection.isOpen()) {
        reply.bulk(text);
        connection.flush();
      }
    }

    @Override
    public void aboutToWrite(long pendingBytes) {
      if (pendingBytes > mostPendingBytes) {
        connection.closeAsap("output");
      }
    }

    @Override
    public boolean goesOn() {
      return goesOn;
    }

    @Override
    public void closed() {
      closedCalls++;
      sessions.remove(id);
      reader.close();
    }
  }
}
