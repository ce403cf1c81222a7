package dev.spinel.peer;

/// Bytes to and from another server, in order, until the link ends. Made by [Peers#dial], or by
/// whoever accepts the other server's connection.
public interface PeerLink {
  /// Sends bytes, behind those sent before. They are copied. Nothing happens on a link that ends.
  void send(byte[] bytes, int from, int length);

  default void send(byte[] bytes) {
    send(bytes, 0, bytes.length);
  }

  /// Bytes sent that the network hasn't taken yet: they occupy memory here. Whoever sends much
  /// waits for [Listener#drained].
  long unsentBytes();

  /// Nothing more is received until [#resume]. What the other side sends waits there.
  void pause();

  void resume();

  /// Ends the link; what is unsent is lost. The listener is told, later, with this reason. Nothing
  /// happens if it has ended.
  void close(String reason);

  /// False from the moment of its end.
  boolean isOpen();

  /// `ip:port` of the other end, or what was dialled if there is no connection yet.
  String remoteAddress();

  /// The address of the other end without its port.
  String remoteHost();

  /// `ip:port` of this end, or empty if there is no connection yet.
  String localAddress();

  /// Whoever owns a link.
  interface Listener {
    /// The link stands. An accepted one isn't told.
    default void connected(PeerLink link) {}

    /// Bytes `from` to `to` (exclusive) have arrived. The array is somebody else's: what is needed
    /// later is copied.
    void received(PeerLink link, byte[] bytes, int from, int to);

    /// The network has taken bytes. `unsentBytes` are left.
    default void drained(PeerLink link, long unsentBytes) {}

    /// The link has ended, or never stood. The last call, and it comes exactly once, whoever ended
    /// it.
    void closed(PeerLink link, String reason);
  }
}
