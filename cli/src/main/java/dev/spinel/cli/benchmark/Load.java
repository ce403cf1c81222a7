package dev.spinel.cli.benchmark;

import dev.spinel.cli.Exit;
import dev.spinel.cli.Screen;
import dev.spinel.cli.Unreachable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// One test: opens the connections, sends requests until so many have been answered, and tells how
/// it goes, four times a second.
final class Load {
  private static final int TELL_MILLIS = 250;
  private static final int READ_BYTES = 64 << 10;

  /// What is sent on each connection before anything else.
  record Greeting(byte[] bytes, int replies) {}

  private final BenchmarkOptions options;
  private final Screen screen;
  private final Targets targets;
  private final Greeting greeting;
  private final String title;
  private final byte[] request;
  private final AtomicInteger issued = new AtomicInteger();
  private final AtomicInteger finished = new AtomicInteger();
  private final AtomicInteger live = new AtomicInteger();
  private final AtomicReference<@Nullable String> failure = new AtomicReference<>();
  private final List<Worker> workers = new ArrayList<>();
  private final CountDownLatch running;
  private int printed; // characters of the line that is there

  Load(
      BenchmarkOptions options,
      Screen screen,
      Targets targets,
      Greeting greeting,
      String title,
      byte[] request) {
    this.options = options;
    this.screen = screen;
    this.targets = targets;
    this.greeting = greeting;
    this.title = title;
    this.request = request;
    running = new CountDownLatch(Math.max(1, options.threads));
  }

  /// What came of it.
  record Result(int finished, long millis, LatencyHistogram latencies, int printed) {}

  /// Runs it. Ends the program if something fails.
  Result run(SplittableRandom random) {
    try {
      open(random);
      long begin = System.nanoTime();
      for (Worker worker : workers) worker.start();
      watch(begin);
      long millis = (System.nanoTime() - begin) / 1_000_000;
      LatencyHistogram all = new LatencyHistogram(options.precision);
      for (Worker worker : workers) worker.collect(all);
      return new Result(Math.min(finished.get(), options.requests), millis, all, printed);
    } finally {
      for (Worker worker : workers) worker.close();
    }
  }

  private void open(SplittableRandom random) {
    int count = Math.max(1, options.threads);
    try {
      for (int i = 0; i < count; i++) workers.add(new Worker(i, random.split()));
      for (int i = 0; i < options.clients; i++) workers.get(i % count).add(i);
    } catch (IOException e) {
      throw fails(String.valueOf(e.getMessage()));
    }
  }

  /// Opens the connections of a load that sends nothing, and waits until one fails.
  void idle(SplittableRandom random) {
    open(random);
    for (Worker worker : workers) worker.start();
    watch(System.nanoTime());
  }

  // ── telling how it goes ──

  private void watch(long begin) {
    long before = begin;
    int finishedBefore = 0;
    try {
      boolean done = running.await(1, TimeUnit.MILLISECONDS);
      while (!done && failure.get() == null) {
        if (!options.csv) {
          long now = System.nanoTime();
          int count = finished.get();
          tell(count / seconds(now - begin), (count - finishedBefore) / seconds(now - before));
          before = now;
          finishedBefore = count;
        }
        done = running.await(TELL_MILLIS, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    String failed = failure.get();
    if (failed != null) throw fails(failed);
  }

  private static double seconds(long nanos) {
    return Math.max(nanos, 1) / 1e9;
  }

  private void tell(double overall, double lately) {
    if (options.idle) {
      screen.out("clients: " + live.get() + "\r");
      screen.flush();
      return;
    }
    LatencyHistogram all = new LatencyHistogram(options.precision);
    LatencyHistogram recent = new LatencyHistogram(options.precision);
    for (Worker worker : workers) worker.peek(all, recent);
    screen.out(" ".repeat(Math.max(1, printed)) + "\r");
    String line =
        String.format(
            Locale.ROOT,
            "%s: rps=%.1f (overall: %.1f) avg_msec=%.3f (overall: %.3f)\r",
            title,
            lately,
            overall,
            millis(recent),
            millis(all));
    printed = line.length();
    screen.out(line);
    screen.flush();
  }

  private static double millis(LatencyHistogram histogram) {
    return histogram.total() == 0 ? 0 : histogram.mean() / 1000;
  }

  private Exit fails(String message) {
    screen.errLine(message);
    return new Exit(1);
  }

  // ── one thread ──

  private final class Worker extends Thread implements LoadClient.Owner {
    private final Selector selector;
    private final SplittableRandom random;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(READ_BYTES);
    private final List<LoadClient> clients = new ArrayList<>();
    private final LatencyHistogram all = new LatencyHistogram(options.precision); // guarded by this
    private final LatencyHistogram recent = new LatencyHistogram(options.precision); // likewise
    private final int index;
    private int active;

    Worker(int index, SplittableRandom random) throws IOException {
      super("load-" + index);
      setDaemon(true);
      this.index = index;
      this.random = random;
      selector = Selector.open();
    }

    void add(int number) throws IOException {
      TargetNode node = null;
      if (options.cluster) {
        int count = targets.nodes.size();
        node = targets.nodes.get((options.threads < count ? number : index) % count);
      }
      clients.add(connect(node));
    }

    private LoadClient connect(@Nullable TargetNode node) throws IOException {
      SocketChannel socket = channel(node);
      ByteChannel channel = options.tls.isOn() ? encrypted(socket, node) : socket;
      socket.configureBlocking(false);
      SelectionKey key = socket.register(selector, SelectionKey.OP_READ);
      LoadClient client =
          new LoadClient(
              channel,
              key,
              this,
              node,
              options.idle ? new byte[0] : greeting.bytes(),
              options.idle ? 0 : greeting.replies(),
              request,
              options.pipeline);
      key.attach(client);
      live.incrementAndGet();
      return client;
    }

    private SocketChannel channel(@Nullable TargetNode node) throws IOException {
      try {
        if (node == null && options.socket != null) {
          return SocketChannel.open(UnixDomainSocketAddress.of(options.socket));
        }
        String host = node == null ? options.host : node.host;
        int port = node == null ? options.port : node.port;
        InetSocketAddress address = new InetSocketAddress(host, port);
        if (address.isUnresolved()) throw new UnknownHostException(host);
        SocketChannel channel = SocketChannel.open(address);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        return channel;
      } catch (IOException | RuntimeException e) {
        throw new IOException(
            "Could not connect to Redis at " + place(node) + ": " + Unreachable.reason(e), e);
      }
    }

    private ByteChannel encrypted(SocketChannel socket, @Nullable TargetNode node)
        throws IOException {
      try {
        String host = node == null ? options.host : node.host;
        int port = node == null ? options.port : node.port;
        return new TlsChannel(socket, options.tls.engine(host, port));
      } catch (IOException e) {
        socket.close();
        throw new IOException(
            "Could not connect to Redis at "
                + place(node)
                + ": SSL_connect failed: "
                + e.getMessage(),
            e);
      }
    }

    private String place(@Nullable TargetNode node) {
      if (node != null) return node.address();
      return options.socket != null ? options.socket : options.host + ":" + options.port;
    }

    @Override
    public void run() {
      try {
        if (!options.idle) {
          for (LoadClient client : clients) begin(client);
        }
        while ((options.idle || active > 0) && failure.get() == null) {
          selector.select(this::serve, TELL_MILLIS);
        }
      } catch (IOException | RuntimeException e) {
        failure.compareAndSet(null, "Error: " + e.getMessage());
      } finally {
        running.countDown();
      }
    }

    private void begin(LoadClient client) throws IOException {
      if (client.begin(options.random)) active++;
    }

    private void serve(SelectionKey key) {
      LoadClient client = (LoadClient) key.attachment();
      try {
        if (key.isWritable()) client.write();
        if (key.isReadable() && client.read()) {
          active--;
          if (!options.keepAlive && issued.get() < options.requests) {
            client.close();
            live.decrementAndGet();
            client = connect(client.node);
          }
          begin(client);
        }
      } catch (IOException e) {
        failure.compareAndSet(null, "Error: " + e.getMessage());
      }
    }

    void close() {
      clients.forEach(LoadClient::close);
      try {
        selector.close();
      } catch (IOException e) {
        return; // nothing is lost that anybody waits for
      }
    }

    // ── of its clients ──

    @Override
    public boolean takeBatch() {
      return issued.getAndAdd(options.pipeline) < options.requests;
    }

    @Override
    public synchronized void replied(long micros) {
      if (finished.getAndIncrement() < options.requests) {
        all.record(micros);
        recent.record(micros);
      }
    }

    synchronized void collect(LatencyHistogram into) {
      into.add(all);
    }

    synchronized void peek(LatencyHistogram intoAll, LatencyHistogram intoRecent) {
      intoAll.add(all);
      intoRecent.add(recent);
      recent.clear();
    }

    @Override
    public void failed(LoadClient client, String error) {
      TargetNode node = client.node;
      if (node == null) {
        failure.compareAndSet(null, "Error from server: " + error);
        return;
      }
      boolean down = error.startsWith("CLUSTERDOWN");
      if (client.hasTags() && (down || error.startsWith("MOVED") || error.startsWith("ASK"))) {
        if (down) {
          screen.errLine("Error from server " + node.address() + ": " + error + ".");
          pause();
        }
        targets.refresh();
      } else {
        failure.compareAndSet(null, "Error from server " + node.address() + ": " + error);
      }
    }

    /// A cluster is up again soon, usually.
    private static void pause() {
      try {
        Thread.sleep(1000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public long random() {
      return options.keys == 0 ? 0 : random.nextInt(options.keys);
    }

    @Override
    public ByteBuffer buffer() {
      return buffer;
    }
  }
}
