package dev.spinel.net;

import java.io.IOException;
import java.net.SocketAddress;

/// A connected socket, as its [Transport] holds it: what there is to know and to do before a loop
/// observes it. On the thread of the loop that accepted it (the first) or made it, except where it
/// says so.
interface Link {
  /// Its peer; something without a number for a Unix socket.
  SocketAddress remote() throws IOException;

  SocketAddress local() throws IOException;

  /// The system's number for it, or -1 if that isn't told. Any thread.
  int descriptor();

  /// TCP only: no delay of small packets; after `keepAliveSeconds` of silence (0: never) the peer
  /// is asked whether it is still there. Throws if the system refuses an option, of which it names
  /// the first: the socket is as good as before, and of the options for keeping alive those before
  /// it are set, as in Redis.
  void equip(int keepAliveSeconds) throws IOException;

  /// TCP only: small packets wait until those before them have arrived, so that there are fewer.
  /// Throws if the system refuses that.
  void delaySmall() throws IOException;

  /// Closes a socket that no transport observes. Any thread.
  void abandon();
}
