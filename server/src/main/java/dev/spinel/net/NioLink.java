package dev.spinel.net;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.SocketOption;
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
    try {
      set(StandardSocketOptions.TCP_NODELAY, true);
    } finally {
      if (keepAliveSeconds > 0) {
        set(StandardSocketOptions.SO_KEEPALIVE, true);
        set(ExtendedSocketOptions.TCP_KEEPIDLE, keepAliveSeconds);
        set(ExtendedSocketOptions.TCP_KEEPINTERVAL, Math.max(1, keepAliveSeconds / 3));
        set(ExtendedSocketOptions.TCP_KEEPCOUNT, 3);
      }
    }
  }

  @Override
  public void delaySmall() throws IOException {
    set(StandardSocketOptions.TCP_NODELAY, false);
  }

  /// An option that this system doesn't have is passed by.
  private <T> void set(SocketOption<T> option, T value) throws IOException {
    if (!channel.supportedOptions().contains(option)) {
      return;
    }
    try {
      channel.setOption(option, value);
    } catch (IOException | IllegalArgumentException e) {
      throw new IOException("setsockopt " + option.name() + ": " + e.getMessage(), e);
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
