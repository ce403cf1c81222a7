package dev.spinel.launcher;

import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/// Follows what happens to servers: on a terminal a picture of them is painted anew whenever it
/// changes; elsewhere each change is a line.
final class LivePicture {
  private static final int REPAINT_MILLIS = 500;

  private final Supplier<List<String>> picture;
  private final Supplier<Map<String, String>> words;
  private final Semaphore changed = new Semaphore(0);

  /// @param picture as it is now
  /// @param words for each server what it is now, without what changes with every write
  LivePicture(Supplier<List<String>> picture, Supplier<Map<String, String>> words) {
    this.picture = picture;
    this.words = words;
  }

  /// Something may have changed. Any thread.
  void look() {
    changed.release();
  }

  /// Runs `wait`, and meanwhile tells what happens. The picture stands on the screen already.
  void tellWhile(Up.Screen screen, Waiting wait) throws InterruptedException {
    List<String> painted = picture.get();
    Map<String, String> before = words.get();
    Thread teller =
        Thread.ofVirtual().start(() -> tell(screen.out(), screen.isTerminal(), painted, before));
    try {
      wait.await();
    } finally {
      teller.interrupt();
      teller.join();
    }
  }

  /// What is waited for.
  interface Waiting {
    void await() throws InterruptedException;
  }

  private void tell(
      PrintStream out, boolean paints, List<String> painted, Map<String, String> before) {
    List<String> lastPainted = painted;
    Map<String, String> last = before;
    try {
      while (true) {
        changed.tryAcquire(REPAINT_MILLIS, TimeUnit.MILLISECONDS);
        changed.drainPermits();
        if (paints) {
          List<String> lines = picture.get();
          if (!lines.equals(lastPainted)) {
            repaint(out, lines, lastPainted.size());
            lastPainted = lines;
          }
          continue;
        }
        Map<String, String> now = words.get();
        for (Map.Entry<String, String> server : now.entrySet()) {
          if (!server.getValue().equals(last.get(server.getKey()))) {
            out.println(server.getKey() + ": " + server.getValue());
          }
        }
        for (String server : last.keySet()) {
          if (!now.containsKey(server)) {
            out.println(server + ": isn't known any more");
          }
        }
        out.flush();
        last = now;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // it is over
    }
  }

  /// Over what was painted last.
  private static void repaint(PrintStream out, List<String> lines, int linesBefore) {
    StringBuilder text = new StringBuilder("\033[" + linesBefore + "A");
    for (String line : lines) {
      text.append("\r\033[2K").append(line).append('\n');
    }
    out.print(text.append("\033[J"));
    out.flush();
  }
}
