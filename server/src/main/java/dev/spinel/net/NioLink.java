package dev.spinel.net;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/// A [Link] of NIO: its channel, and its key once a selector watches it.
final class NioLink implements Link {
  final SocketChannel channel;

  /// Loop thread, from attaching on.
  private @Nullable SelectionKey key;

  /// Loop thread: whether the selector watches for room to write.
  boolean watchedForWriting;

  NioLink(SocketChannel channel) {
    this.channel = channel;
  }

  void watchedBy(SelectionKey key) {
    this.key = key;
  }

  SelectionKey key() {
    return Objects.requireNonNull(key);
  }

  @Override
  public SocketAddress remote() throws IOException {
    return channel.getRemoteAddress();
  }

  @Override
  public SocketAddress local() throws IOException {
    return channel.getLocalAddress();
  }

  @Override
  public int descriptor() {
    return -1;
  }

  @Override
  public void equip(int keepAliveSeconds) throws IOException {
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    if (keepAliveSeconds > 0) {
      channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      var options = channel.supportedOptions();
      if (options.contains(ExtendedSocketOptions.TCP_KEEPIDLE)) {
        channel.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, keepAliveSeconds);
      }
      if (options.contains(ExtendedSocketOptions.TCP_KEEPINTERVAL)) {
        channel.setOption(
            ExtendedSocketOptions.TCP_KEEPINTERVAL, Math.max(1, keepAliveSeconds / 3));
      }
      if (options.contains(ExtendedSocketOptions.TCP_KEEPCOUNT)) {
        channel.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, 3);
      }
    }
  }

  @Override
  public void abandon() {
    try {
      channel.close();
    } catch (IOException e) {
      // There is no connection to speak of: nobody has heard of it, and its descriptor is released
      // even so.
      return;
    }
  }
}
