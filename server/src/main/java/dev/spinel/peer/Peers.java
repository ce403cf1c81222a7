package dev.spinel.peer;

/// The world of a shell that talks to other servers: links, time and timers. Belongs to one thread,
/// and everything that it calls runs on that thread, one call after the other, never from within a
/// call of the shell's own.
public interface Peers {
  /// Milliseconds since 1970, as of the beginning of what runs now.
  long now();

  /// Connects to a server. The listener is told [PeerLink.Listener#connected], or at once
  /// [PeerLink.Listener#closed] with the reason why there is no link. A host name is looked up
  /// without holding up this thread.
  PeerLink dial(Address to, Dialling how, PeerLink.Listener listener);

  /// Runs `action` once, in `millis` or later.
  Alarm after(long millis, Runnable action);

  /// How to connect.
  ///
  /// @param timeoutMillis after which the attempt is given up, looking the name up included; 0:
  ///   when the system gives up
  /// @param source the address to come from, or empty
  /// @param encrypted with TLS
  record Dialling(long timeoutMillis, String source, boolean encrypted) {
    public Dialling(long timeoutMillis) {
      this(timeoutMillis, "", false);
    }
  }

  /// Something that will run, unless it is taken back before.
  interface Alarm {
    /// Takes it back. Nothing happens if it has run.
    void cancel();
  }
}
