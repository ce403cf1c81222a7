package dev.spinel.cli.benchmark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// One connection of a load: sends a batch of requests, waits for all of its replies, and begins
/// again. Its thread's.
final class LoadClient {
  private static final byte[] RANDOM = "__rand_int__".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] TAG = "{tag}".getBytes(StandardCharsets.US_ASCII);

  /// What its thread does with it.
  interface Owner {
    /// Whether another batch may be sent; if so it counts.
    boolean takeBatch();

    /// A reply has come; its batch was sent so many microseconds before its first reply came.
    void replied(long micros);

    /// A reply is an error.
    void failed(LoadClient client, String error);

    /// A random number for a key.
    long random();

    /// Where replies are read to, until this returns.
    ByteBuffer buffer();
  }

  final @Nullable TargetNode node; // of a cluster
  private final ByteChannel channel;
  private final @Nullable TlsChannel encrypted; // the same
  private final SelectionKey key;
  private final Owner owner;
  private final ByteBuffer greeting; // AUTH and so on: sent once, before the first batch
  private int greetings; // replies to it that are still to come
  private final byte[] batch;
  private final int[] randomAt;
  private final int[] tagAt;
  private final int requests; // of a batch
  private final ByteBuffer outgoing;
  private final ReplyCounter replies = new ReplyCounter();
  private int pending;
  private long sentNanos;
  private long micros;

  /// @param channel connected, not blocking, and registered with this `key`
  LoadClient(
      ByteChannel channel,
      SelectionKey key,
      Owner owner,
      @Nullable TargetNode node,
      byte[] greeting,
      int greetings,
      byte[] request,
      int pipeline) {
    this.channel = channel;
    encrypted = channel instanceof TlsChannel tls ? tls : null;
    this.key = key;
    this.owner = owner;
    this.node = node;
    this.greeting = ByteBuffer.wrap(greeting);
    this.greetings = greetings;
    this.requests = pipeline;
    batch = new byte[request.length * pipeline];
    for (int i = 0; i < pipeline; i++) {
      System.arraycopy(request, 0, batch, i * request.length, request.length);
    }
    randomAt = places(RANDOM);
    tagAt = node == null ? new int[0] : places(TAG);
    outgoing = ByteBuffer.allocateDirect(batch.length);
    outgoing.limit(0);
  }

  private int[] places(byte[] word) {
    int[] found = new int[4];
    int count = 0;
    for (int at = 0; at + word.length <= batch.length; at++) {
      int n = 0;
      while (n < word.length && batch[at + n] == word[n]) n++;
      if (n < word.length) continue;
      if (count == found.length) found = java.util.Arrays.copyOf(found, 2 * count);
      found[count++] = at;
    }
    return java.util.Arrays.copyOf(found, count);
  }

  boolean hasTags() {
    return tagAt.length > 0;
  }

  /// Sends the first batch. Returns false if there is nothing more to send.
  boolean begin(boolean random) throws IOException {
    if (!owner.takeBatch()) return false;
    if (random) writeRandoms();
    if (node != null && tagAt.length > 0) writeTags(node.nextTag());
    outgoing.clear();
    outgoing.put(batch).flip();
    pending = requests;
    micros = -1;
    sentNanos = System.nanoTime();
    write();
    return true;
  }

  /// Sends only what each connection begins with.
  void greet() throws IOException {
    write();
  }

  private void writeRandoms() {
    for (int place : randomAt) {
      long number = owner.random();
      for (int i = RANDOM.length - 1; i >= 0; i--) {
        batch[place + i] = (byte) ('0' + number % 10);
        number /= 10;
      }
    }
  }

  private void writeTags(byte[] tag) {
    for (int place : tagAt) System.arraycopy(tag, 0, batch, place + 1, tag.length);
  }

  /// Writes as much as the socket takes.
  void write() throws IOException {
    if (greeting.hasRemaining()) channel.write(greeting);
    if (!greeting.hasRemaining() && outgoing.hasRemaining()) channel.write(outgoing);
    boolean more = encrypted != null && !encrypted.flush();
    more |= greeting.hasRemaining() || outgoing.hasRemaining();
    int wanted = more ? SelectionKey.OP_READ | SelectionKey.OP_WRITE : SelectionKey.OP_READ;
    if (key.interestOps() != wanted) key.interestOps(wanted);
  }

  /// Reads what has come. Returns whether the batch is complete.
  boolean read() throws IOException {
    ByteBuffer buffer = owner.buffer();
    while (true) {
      buffer.clear();
      int n = channel.read(buffer);
      if (n < 0) throw new IOException("Server closed the connection");
      if (n == 0) return false;
      if (micros < 0) micros = (System.nanoTime() - sentNanos) / 1000;
      buffer.flip();
      while (replies.next(buffer)) {
        String error = replies.error();
        if (error != null) owner.failed(this, error);
        if (greetings > 0) {
          greetings--;
        } else if (pending > 0) {
          owner.replied(micros);
          if (--pending == 0) return true;
        }
      }
      if (n < buffer.capacity() && encrypted == null) return false;
    }
  }

  void close() {
    try {
      channel.close();
    } catch (IOException e) {
      return; // nothing is lost that anybody waits for
    }
  }
}
