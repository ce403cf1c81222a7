package dev.spinel.wire;

/// Where large arguments go while they are being read, so that 500 MB never stand on the Java heap.
/// The reader doesn't know what a node number means: the server makes it the very node that becomes
/// the value.
///
/// A node belongs to the reader from [#begin] until the command is complete, then to the [Args]
/// until somebody takes it with [Slice#take]; whatever nobody takes is abandoned by [Args#release].
public interface LargeSink {
  /// Declines everything: all arguments stay on the heap.
  LargeSink NONE =
      new LargeSink() {
        @Override
        public long begin(int length) {
          return 0;
        }

        @Override
        public void fill(long node, int at, byte[] src, int from, int n) {
          throw new IllegalStateException("nothing was begun");
        }

        @Override
        public void read(long node, int at, byte[] into, int from, int n) {
          throw new IllegalStateException("nothing was begun");
        }

        @Override
        public void abandon(long node) {
          throw new IllegalStateException("nothing was begun");
        }
      };

  /// Makes room for an argument of `length` bytes. Returns its number, or 0 to decline: then the
  /// argument stays on the heap, in the reader's own buffer.
  long begin(int length);

  /// Bytes `at` to `at + n` of the argument have arrived. Called in order, without gaps.
  void fill(long node, int at, byte[] src, int from, int n);

  /// Copies bytes `at` to `at + n` of a complete argument to `into[from…]`. Any thread may ask, at
  /// any time until the node's end.
  void read(long node, int at, byte[] into, int from, int n);

  /// The argument will never be used (the connection broke off, or the command didn't want it).
  void abandon(long node);
}
