package dev.spinel.bench;

import dev.spinel.net.Connection;
import dev.spinel.net.Handler;
import dev.spinel.net.Incidents;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.wire.Args;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The ceiling of `net`: its loops with the smallest store behind them that `redis-benchmark` can
/// talk to (PING, GET, SET, LRANGE on a hash map per loop). What the real engine costs is the
/// distance to this. Server side only:
///
/// ```
/// java … dev.spinel.bench.NetBench PORT [LOOPS [nio|io_uring]]     then: redis-benchmark -p PORT -t get,set -P 16 …
/// ```
public final class NetBench {
  private NetBench() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 0;
    int loops = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
    var transport =
        arguments.length > 2
            ? TransportChoice.valueOf(arguments[2].toUpperCase(Locale.ROOT))
            : TransportChoice.AUTO;
    try (var net = Net.start(loops, "loop-", loop -> LoopHooks.NONE, new Printed(), transport)) {
      var stores = new Store[loops];
      Arrays.setAll(stores, i -> new Store());
      var listeners =
          net.listen(
              List.of("127.0.0.1"), port, 511, c -> new Session(c, stores[c.loop().index()]));
      System.out.println(net.transport() + ", listening at " + listeners.getFirst().address());
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  /// What the sessions of one loop share.
  private static final class Store {
    final HashMap<Key, byte[]> data = new HashMap<>();
    final Key wanted = new Key();
    final Args args = new Args();
    final RespWriter reply = new RespWriter();
  }

  /// Bytes with the equality of a key; one of them is pointed at arguments to look them up without
  /// a copy.
  private static final class Key {
    byte[] array = {};
    int offset;
    int length;
    int hash;

    Key on(Slice slice) {
      array = slice.array;
      offset = slice.offset;
      length = slice.length;
      int h = 0;
      for (int i = offset; i < offset + length; i++) {
        h = 31 * h + array[i];
      }
      hash = h;
      return this;
    }

    Key copy() {
      var copy = new Key();
      copy.array = Arrays.copyOfRange(array, offset, offset + length);
      copy.length = length;
      copy.hash = hash;
      return copy;
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object o) {
      return o instanceof Key k
          && Arrays.equals(array, offset, offset + length, k.array, k.offset, k.offset + k.length);
    }
  }

  private static final class Session implements Handler {
    private final Connection connection;
    private final Store store;
    private final RequestReader reader = new RequestReader();

    Session(Connection connection, Store store) {
      this.connection = connection;
      this.store = store;
    }

    @Override
    public void run(byte[] buffer, int from, int to) {
      var args = store.args;
      var reply = store.reply.on(connection.output(), 2);
      int at = from;
      int status;
      while ((status = reader.next(buffer, at, to, args)) == RequestReader.COMPLETE) {
        at = reader.position();
        command(args, reply);
        args.release(LargeSink.NONE);
        if (connection.output().pendingBytes() > Loop.REPLY_BYTES_PER_TURN) {
          reader.keep(buffer, at, to);
          connection.runAgain();
          return;
        }
      }
      if (status != RequestReader.INCOMPLETE) {
        connection.close();
      }
    }

    private void command(Args args, RespWriter reply) {
      var name = args.at(0);
      if (name.is("GET")) {
        var value = store.data.get(store.wanted.on(args.at(1)));
        if (value == null) {
          reply.nil();
        } else {
          reply.bulk(value);
        }
      } else if (name.is("SET")) {
        var key = store.wanted.on(args.at(1));
        var value = args.at(2).copy();
        if (store.data.replace(key, value) == null) {
          store.data.put(key.copy(), value);
        }
        reply.ok();
      } else if (name.is("PING")) {
        reply.simple("PONG");
      } else {
        reply.error("ERR unknown command");
      }
    }

    @Override
    public void closed() {
      reader.close();
    }
  }

  private static final class Printed implements Incidents {
    @Override
    public void loopEnded(Loop loop) {
      System.err.println("loop " + loop.index() + " has ended");
    }

    @Override
    public void uncaught(Throwable cause, @Nullable Connection connection) {
      cause.printStackTrace();
    }

    @Override
    public void acceptFailed(Listener listener, IOException cause) {
      cause.printStackTrace();
    }

    @Override
    public void addressSkipped(String message) {
      System.err.println(message);
    }
  }
}
