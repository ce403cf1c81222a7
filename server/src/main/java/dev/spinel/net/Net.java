package dev.spinel.net;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.channels.NetworkChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// All loops of one server, with their threads, and the listeners that feed them.
///
/// ```java
/// try (var net = Net.start(2, "spinel-loop-", loop -> LoopHooks.NONE, incidents, AUTO)) {
///   net.listen(List.of("127.0.0.1"), 6379, 511, connection -> new MyHandler(connection));
///   …
/// }   // nothing is left: no socket, no thread, no file
/// ```
///
/// The methods may be called from any thread that is not one of the loops; [#loops], [#keepAlive]
/// and [#move] from those as well.
public final class Net implements AutoCloseable {
  /// How long [#move] waits for old listeners to close. They do so later if their loop has to wait
  /// for the caller.
  private static final long CLOSING_MILLIS = 200;

  /// A Unix socket's path must be shorter.
  private static final int UNIX_PATH_BYTES = 108;

  private static final String NO_SUCH_ADDRESS = "Cannot assign requested address";

  /// Linux has this file unless it was started without IPv6. It is empty if IPv6 is off.
  private static final Path IPV6_ADDRESSES = Path.of("/proc/net/if_inet6");

  /// How a listener comes by its address.
  private enum Taking {
    /// Nobody else may have it.
    FREE,
    /// One of our own listeners has it, and is about to close or leaves room for this one.
    SHARED
  }

  private final List<Loop> loops;
  private final List<Thread> threads;
  private final Incidents incidents;

  /// Guarded by this.
  private final List<Listener> listeners = new ArrayList<>();

  /// Listeners that are being closed, perhaps by a loop that doesn't come to it just now. Guarded
  /// by this.
  private final List<Listener> leaving = new ArrayList<>();

  /// Guarded by this.
  private boolean closed;

  /// Which loop to prefer among equally loaded ones. First loop's thread.
  private int turnOf;

  /// What the loops use: never AUTO.
  private final TransportChoice transport;

  /// Why the system refused io_uring, or null.
  private final @Nullable String refusal;

  private Net(
      List<Loop> loops,
      List<Thread> threads,
      Incidents incidents,
      TransportChoice transport,
      @Nullable String refusal) {
    this.loops = loops;
    this.threads = threads;
    this.incidents = incidents;
    this.transport = transport;
    this.refusal = refusal;
  }

  /// Has what `io_uring` needs made ready on a thread of its own, some 20 ms, for who is about to
  /// [#start] with it and has other things to do before.
  public static void warmUp() {
    if (IoRing.isPossible()) {
      var thread = new Thread(Kernel::warmUp, "spinel-warm-up");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /// Starts `count` loops, each on a platform thread named `threadPrefix` + its number from 0.
  ///
  /// @param hooks asked once per loop, before its thread starts
  /// @param choice which transport to use; AUTO falls back to NIO ([#transport], [#refusal])
  public static Net start(
      int count,
      String threadPrefix,
      Function<Loop, LoopHooks> hooks,
      Incidents incidents,
      TransportChoice choice)
      throws IOException {
    var loops = new ArrayList<Loop>(count);
    var threads = new ArrayList<Thread>(count);
    // All loops of one kind, because the first accepts for all.
    var rings = List.<IoRing>of();
    String refusal = null;
    if (choice == TransportChoice.IO_URING
        || (choice == TransportChoice.AUTO && IoRing.isPossible())) {
      try {
        rings = rings(count);
      } catch (IOException e) {
        if (choice == TransportChoice.IO_URING) {
          throw new IOException("io_uring can't be used here: " + e.getMessage(), e);
        }
        refusal = e.getMessage();
      }
    }
    try {
      for (int i = 0; i < count; i++) {
        loops.add(new Loop(i, rings.isEmpty() ? null : rings.get(i), hooks, incidents));
      }
      for (var loop : loops) {
        var thread = new Thread(loop, threadPrefix + loop.index());
        thread.setDaemon(true);
        thread.start();
        threads.add(thread);
      }
    } catch (Throwable t) { // there may be no memory, or no threads, for so many
      for (int i = 0; i < threads.size(); i++) {
        loops.get(i).stop();
        join(threads.get(i), 0);
      }
      for (int i = threads.size(); i < loops.size(); i++) {
        loops.get(i).transport().shutDown();
      }
      for (var ring : rings.subList(Math.min(loops.size(), rings.size()), rings.size())) {
        ring.close();
      }
      throw t;
    }
    return new Net(
        List.copyOf(loops),
        threads,
        incidents,
        rings.isEmpty() ? TransportChoice.NIO : TransportChoice.IO_URING,
        refusal);
  }

  /// One ring for each loop, or none at all if this machine has none to give.
  private static List<IoRing> rings(int count) throws IOException {
    var rings = new ArrayList<IoRing>(count);
    try {
      if (!IoRing.isPossible()) {
        throw new IOException("needs Linux on x86_64 or aarch64, and --enable-native-access");
      }
      while (rings.size() < count) {
        rings.add(IoRing.open());
      }
    } catch (Throwable t) {
      closeAll(rings);
      throw t;
    }
    return rings;
  }

  private static void closeAll(List<IoRing> rings) {
    for (var ring : rings) {
      ring.close();
    }
    rings.clear();
  }

  /// What the loops use: NIO or IO_URING.
  public TransportChoice transport() {
    return transport;
  }

  /// Why NIO is used although the machine knows io_uring: what the system said, as a container's
  /// does that forbids it. Null if it wasn't refused.
  public @Nullable String refusal() {
    return refusal;
  }

  public List<Loop> loops() {
    return loops;
  }

  /// `tcp-keepalive`, for connections that are accepted or made from now on.
  public void keepAlive(int seconds) {
    for (var loop : loops) {
      loop.keepAlive(seconds);
    }
  }

  /// Listens with TCP at all of `addresses`, which are written as in `bind` ([Binding]). With port
  /// 0 a free one is found, the same for all.
  ///
  /// Either all (but the optional) open, or none. What an address lacks is reported
  /// ([Incidents#addressSkipped]) or thrown.
  public List<Listener> listen(List<String> addresses, int port, int backlog, Acceptor acceptor)
      throws BindException {
    var opened = open(Binding.of(addresses), port, backlog, acceptor, List.of(), Taking.FREE);
    admit(opened);
    return opened;
  }

  /// As [#listen], in place of the listeners `old`. Those whose address is wanted further stay as
  /// they are; the others close when the new ones are open, so that there is no moment without a
  /// listener, and nothing happens at all if an address can't be had. Waits but a moment for the
  /// first loop, which closes them: the caller may be one that holds up the others.
  ///
  /// Addresses overlap: `*` has all of them. A system lets two sockets listen at the same one if
  /// both say `SO_REUSEPORT`. So those that leave do, and a new one while it is bound, if it can't
  /// be without that; nobody else's socket gets in by that. A system without that option refuses
  /// what overlaps.
  ///
  /// @param port not 0, or there are no addresses
  public List<Listener> move(
      List<Listener> old, List<String> addresses, int port, int backlog, Acceptor acceptor)
      throws BindException {
    var kept = new ArrayList<Listener>();
    var wanted = Binding.of(addresses);
    for (var listener : old) {
      if (isWanted(listener, wanted, port)) {
        kept.add(listener);
      }
    }
    var going = new ArrayList<Listener>(old);
    going.removeAll(kept);
    var sharing = new ArrayList<Listener>(going);
    synchronized (this) {
      for (var listener : leaving) { // at the very same address there can be only one
        if (!isWanted(listener, wanted, port)) {
          sharing.add(listener);
        }
      }
    }
    List<Listener> opened;
    for (var listener : sharing) {
      share(listener.channel(), true);
    }
    try {
      boolean overlaps = sharing.stream().anyMatch(leaver -> leaver.port() == port);
      Taking how = overlaps ? Taking.SHARED : Taking.FREE;
      opened = open(wanted, port, backlog, acceptor, kept, how);
    } finally {
      for (var listener : sharing) {
        share(listener.channel(), false);
      }
    }
    var fresh = new ArrayList<Listener>(opened);
    fresh.removeAll(kept);
    admit(fresh);
    if (loops.getFirst().isCurrent()) {
      going.forEach(Listener::close);
    } else if (!going.isEmpty()) {
      join(Thread.startVirtualThread(() -> going.forEach(Listener::close)), CLOSING_MILLIS);
    }
    return opened;
  }

  private static boolean isWanted(Listener listener, List<Binding> wanted, int port) {
    for (var binding : wanted) {
      if (binding.isServedBy(listener, port)) {
        return true;
      }
    }
    return false;
  }

  /// Whether other sockets may listen at this one's address, if they say the same.
  private static void share(ServerSocketChannel channel, boolean on) {
    try {
      if (channel.supportedOptions().contains(StandardSocketOptions.SO_REUSEPORT)) {
        channel.setOption(StandardSocketOptions.SO_REUSEPORT, on);
      }
    } catch (IOException e) {
      return; // closed meanwhile: it is in nobody's way
    }
  }

  /// Opens each listener, or takes the one of `kept` that is there.
  private List<Listener> open(
      List<Binding> bindings,
      int port,
      int backlog,
      Acceptor acceptor,
      List<Listener> kept,
      Taking how)
      throws BindException {
    var opened = new ArrayList<Listener>(bindings.size());
    // Where IPv4 can't be kept out of a socket, it shares its port with those that are for IPv4.
    boolean overlapping =
        !Descriptors.canKeepIpv4Out()
            && bindings.stream().anyMatch(binding -> binding.reach() == Binding.Reach.ALL_IPV6);
    int actualPort = port;
    try {
      for (var binding : bindings) {
        var listener = at(kept, binding, actualPort);
        if (listener == null || opened.contains(listener)) {
          if (overlapping) {
            opened.forEach(other -> share(other.channel(), true));
          }
          listener =
              open(
                  binding,
                  actualPort,
                  backlog,
                  acceptor,
                  overlapping && !opened.isEmpty() ? Taking.SHARED : how);
        }
        if (listener != null) {
          opened.add(listener);
          actualPort = listener.port();
        }
      }
    } catch (BindException e) {
      opened.removeAll(kept);
      for (var listener : opened) {
        listener.shut();
      }
      throw e;
    } finally {
      if (overlapping) {
        opened.forEach(listener -> share(listener.channel(), false));
      }
    }
    return opened;
  }

  private static @Nullable Listener at(List<Listener> listeners, Binding binding, int port) {
    for (var listener : listeners) {
      if (binding.isServedBy(listener, port)) {
        return listener;
      }
    }
    return null;
  }

  /// Opens a Unix socket at `path`, replacing whatever file is there (but no directory), with
  /// `permissions` as in `unixsocketperm` (0: as the umask says).
  public Listener listen(Path path, int permissions, int backlog, Acceptor acceptor)
      throws BindException {
    ServerSocketChannel channel = null;
    try {
      if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
        Files.deleteIfExists(path);
      }
      channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      channel.bind(UnixDomainSocketAddress.of(path), backlog);
      if (permissions != 0) {
        Files.setPosixFilePermissions(path, permissions(permissions));
      }
      channel.configureBlocking(false);
      var listener = new Listener(this, channel, acceptor, path, Binding.Reach.PLAIN);
      admit(List.of(listener));
      return listener;
    } catch (IOException e) {
      abandon(channel, e);
      int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
      String reason =
          bytes >= UNIX_PATH_BYTES
              ? "unix socket path too long (" + bytes + "), must be under " + UNIX_PATH_BYTES
              : "bind: " + reason(e);
      throw new BindException("Failed opening Unix socket: " + reason, e, true);
    }
  }

  /// Ends all loops: the listeners close, every connection is closed (its handler hears of it), all
  /// threads have ended when this returns. Replies that a socket takes at once still leave.
  @Override
  public void close() {
    for (var loop : loops) {
      if (loop.isCurrent()) {
        throw new IllegalStateException("a loop can't wait for its own end");
      }
    }
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    List<Listener> open;
    synchronized (this) {
      open = List.copyOf(listeners);
    }
    open.forEach(this::close); // whoever sees its connection end can't come again
    // The first loop accepts: when it has ended, nothing new reaches the others.
    for (int i = 0; i < threads.size(); i++) {
      loops.get(i).stop();
      join(threads.get(i), 0);
      if (i == 0) {
        for (var loop : loops) {
          loop.stop();
        }
      }
    }
    synchronized (this) {
      for (var listener : listeners) {
        listener.shut();
      }
      listeners.clear();
    }
  }

  /// In C's words, which an exception of a file doesn't have.
  private static String reason(IOException e) {
    return e instanceof AccessDeniedException
        ? "Permission denied"
        : String.valueOf(e.getMessage());
  }

  // ── listeners ──

  void close(Listener listener) {
    synchronized (this) {
      if (!listeners.remove(listener)) {
        return;
      }
      leaving.add(listener);
    }
    try {
      unwatch(listener);
    } finally {
      synchronized (this) {
        leaving.remove(listener);
      }
    }
  }

  private void unwatch(Listener listener) {
    var first = loops.getFirst();
    if (first.isCurrent()) {
      first.unwatch(listener);
      return;
    }
    var done = new CountDownLatch(1);
    first.post(
        () -> {
          first.unwatch(listener);
          done.countDown();
        });
    try {
      while (!done.await(50, TimeUnit.MILLISECONDS)) {
        if (!threads.getFirst().isAlive()) {
          listener.shut();
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void admit(List<Listener> opened) throws BindException {
    if (closed) {
      for (var listener : opened) {
        listener.shut();
      }
      throw new BindException("The server has been stopped", null);
    }
    listeners.addAll(opened);
    var first = loops.getFirst();
    for (var listener : opened) {
      first.post(() -> first.watch(listener));
    }
  }

  /// Returns null if the address was optional, or is of a family that this machine doesn't know.
  private @Nullable Listener open(
      Binding binding, int port, int backlog, Acceptor acceptor, Taking how) throws BindException {
    ServerSocketChannel channel = null;
    String reason;
    try {
      channel = bind(binding, how == Taking.FREE ? freePort(binding, port) : port, backlog);
      channel.configureBlocking(false);
      return new Listener(this, channel, acceptor, null, binding.reach());
    } catch (UnsupportedOperationException e) { // no IPv6
      if (binding.reach() == Binding.Reach.ALL) {
        return open(binding.onlyIpv4(), port, backlog, acceptor, how);
      }
      if (binding.optional()) {
        return null; // as everybody's configuration has it: nothing is amiss
      }
      boolean unknown = binding.reach() == Binding.Reach.ALL_IPV6 || !Files.exists(IPV6_ADDRESSES);
      if (!unknown) {
        throw new BindException(binding.refusal(port, "bind: " + NO_SUCH_ADDRESS), null);
      }
      reason = "unable to bind socket, errno: 97";
    } catch (IOException e) {
      abandon(channel, e);
      var message = String.valueOf(e.getMessage());
      boolean missing = message.startsWith(NO_SUCH_ADDRESS);
      reason = e instanceof UnknownHostException ? message : "bind: " + message;
      if (!missing || !binding.optional()) {
        throw new BindException(binding.refusal(port, reason), e);
      }
      if (binding.reach() == Binding.Reach.ALL) {
        return open(binding.onlyIpv4(), port, backlog, acceptor, how);
      }
    }
    incidents.addressSkipped(binding.refusal(port, reason));
    return null;
  }

  /// The port, if nobody listens there (another server of the same user's would share it); a free
  /// one for 0. The socket that finds this out never listens itself: else the system would take
  /// connections for it, and end them.
  private static int freePort(Binding binding, int port) throws IOException {
    try (var probe = SocketChannel.open(family(binding))) {
      if (!probe.supportedOptions().contains(StandardSocketOptions.SO_REUSEPORT)) {
        return port; // nobody can share it
      }
      probe.setOption(StandardSocketOptions.SO_REUSEADDR, true); // beside old connections
      keepIpv4Out(probe, binding);
      probe.bind(binding.at(port));
      return ((InetSocketAddress) probe.getLocalAddress()).getPort();
    }
  }

  private static StandardProtocolFamily family(Binding binding) {
    return binding.isIpv6() ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
  }

  private static void keepIpv4Out(NetworkChannel channel, Binding binding) throws IOException {
    if (binding.reach() == Binding.Reach.ALL_IPV6 && Descriptors.canKeepIpv4Out()) {
      Descriptors.keepIpv4Out(channel);
    }
  }

  /// Every listener sets `SO_REUSEPORT` while it is bound, so that it can be replaced later.
  private static ServerSocketChannel bind(Binding binding, int port, int backlog)
      throws IOException {
    var address = binding.at(port);
    var channel = ServerSocketChannel.open(family(binding));
    try {
      keepIpv4Out(channel, binding);
      share(channel, true);
      channel.bind(address, backlog);
      share(channel, false);
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static EnumSet<PosixFilePermission> permissions(int mode) {
    var permissions = EnumSet.noneOf(PosixFilePermission.class);
    var all = PosixFilePermission.values(); // OWNER_READ first, OTHERS_EXECUTE last
    for (int i = 0; i < all.length; i++) {
      if ((mode >> (all.length - 1 - i) & 1) != 0) {
        permissions.add(all[i]);
      }
    }
    return permissions;
  }

  private static void abandon(@Nullable ServerSocketChannel channel, IOException because) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        because.addSuppressed(e);
      }
    }
  }

  // ── what accepting needs, on the first loop ──

  Loop leastLoaded() {
    int count = loops.size();
    var best = loops.get(turnOf);
    for (int i = 1; i < count; i++) {
      var other = loops.get((turnOf + i) % count);
      if (best.isOver() || !other.isOver() && other.connections() < best.connections()) {
        best = other;
      }
    }
    turnOf = (best.index() + 1) % count;
    return best;
  }

  private static void join(Thread thread, long mostMillis) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join(mostMillis);
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
