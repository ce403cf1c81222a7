package dev.spinel.replication;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The link to the primary, as its thread has it. Whoever calls does so from any thread; what is
/// asked for happens in order.
final class PrimaryLink {
  /// Hears of the link. The links' thread.
  interface Owner {
    void connected(int attempt);

    /// @param bytes the owner's from now on
    void received(int attempt, byte[] bytes);

    void ended(int attempt, String reason);
  }

  private final PeerThread thread;
  private final Owner owner;
  private volatile String remote = "";
  private volatile String local = "";

  // The links' thread.
  private @Nullable PeerLink link;
  private boolean isHeld; // by the machine
  private boolean isFull; // there is too much that came and isn't worked off
  private boolean isBehind; // the machine is
  private boolean isPaused;

  PrimaryLink(PeerThread thread, Owner owner) {
    this.thread = thread;
    this.owner = owner;
  }

  /// Connects. The link before is of no interest any more.
  ///
  /// @param how to connect
  void dial(int attempt, Address to, Peers.Dialling how) {
    thread.post(() -> dialNow(attempt, to, how));
  }

  private void dialNow(int attempt, Address to, Peers.Dialling how) {
    isHeld = false;
    isPaused = false;
    link =
        thread
            .peers()
            .dial(
                to,
                how,
                new PeerLink.Listener() {
                  @Override
                  public void connected(PeerLink stands) {
                    remote = stands.remoteAddress();
                    local = stands.localAddress();
                    follow();
                    owner.connected(attempt);
                  }

                  @Override
                  public void received(PeerLink from, byte[] bytes, int begin, int end) {
                    owner.received(attempt, Arrays.copyOfRange(bytes, begin, end));
                  }

                  @Override
                  public void closed(PeerLink ended, String reason) {
                    owner.ended(attempt, reason);
                  }
                });
  }

  void send(byte[] bytes) {
    thread.post(
        () -> {
          if (link != null) {
            link.send(bytes);
          }
        });
  }

  void hangUp(String reason) {
    thread.post(
        () -> {
          if (link != null) {
            link.close(reason);
            link = null;
          }
        });
  }

  /// Receives nothing more, as the machine wants it, or goes on.
  void hold(boolean on) {
    thread.post(
        () -> {
          isHeld = on;
          follow();
        });
  }

  /// Receives nothing more until there is room for it.
  void full(boolean on) {
    thread.post(
        () -> {
          isFull = on;
          follow();
        });
  }

  /// Receives nothing more until the machine has come to what there is.
  void behind(boolean on) {
    thread.post(
        () -> {
          isBehind = on;
          follow();
        });
  }

  private void follow() {
    boolean wanted = isHeld || isFull || isBehind;
    if (link != null && wanted != isPaused) {
      isPaused = wanted;
      if (wanted) {
        link.pause();
      } else {
        link.resume();
      }
    }
  }

  /// Whether it receives nothing for lack of room. The links' thread.
  boolean isFull() {
    return isFull || isBehind;
  }

  /// `ip:port` of the primary, as of the last link.
  String remote() {
    return remote;
  }

  String local() {
    return local;
  }
}
