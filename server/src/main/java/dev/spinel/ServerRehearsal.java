package dev.spinel;

import static java.lang.System.Logger.Level.WARNING;

import dev.spinel.server.Main;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;

/// Runs what servers do first, so that the JVM can keep the classes, and what it has learnt of
/// them, for later starts. Started by the script `spinel`, once after each build: a cluster forms
/// and slots move in it, since clients wait while a slot changes hands; then comes the server that
/// the script talks to.
final class ServerRehearsal {
  private static final int SLOTS = 500;
  private static final int KEYS = 4000; // of all slots
  private static final int MOVES = 4;
  private static final int LOOKS = 200; // at one move
  private static final long LOOK_MILLIS = 10;

  private ServerRehearsal() {}

  public static void main(String[] arguments) throws Exception {
    try (SpinelCluster cluster = Spinel.cluster(3, 0).start()) {
      moveSlots(cluster.nodes().get(0).port(), cluster.nodes().get(1).port());
    } catch (IOException | RuntimeException e) { // it is only slower then
      System.getLogger("spinel").log(WARNING, "the rehearsal of a cluster has failed", e);
    }
    Main.main(arguments);
  }

  private static void moveSlots(int here, int there) throws IOException, InterruptedException {
    try (Client one = Client.connect("127.0.0.1", here);
        Client other = Client.connect("127.0.0.1", there)) {
      for (int i = 0; i < KEYS; i++) {
        one.send("SET", "key:" + i, "value");
      }
      for (int i = 0; i < KEYS; i++) {
        one.receive(); // two thirds of them are sent elsewhere
      }
      for (int i = 0; i < MOVES; i++) {
        moveWhole(i % 2 == 0 ? other : one);
      }
      moveKeyByKey(one, other, there);
    }
  }

  /// Has the first slots move whole to a server that has none of them.
  private static void moveWhole(Client to) throws IOException, InterruptedException {
    String last = Integer.toString(SLOTS - 1);
    RespValue move = to.command("CLUSTER", "MIGRATION", "IMPORT", "0", last);
    for (int looks = 0; looks < LOOKS; looks++) {
      Thread.sleep(LOOK_MILLIS);
      if (move.isError()) { // what was here before is still being deleted
        move = to.command("CLUSTER", "MIGRATION", "IMPORT", "0", last);
        continue;
      }
      to.command("SET", "key:" + looks, "another value");
      String state =
          to.command("CLUSTER", "MIGRATION", "STATUS", "ID", "" + move.text()).toString();
      if (state.contains("completed") || state.contains("failed")) {
        return;
      }
    }
  }

  private static void moveKeyByKey(Client from, Client to, int port) throws IOException {
    String slot = Integer.toString(SLOTS);
    String source = "" + from.command("CLUSTER", "MYID").text();
    String target = "" + to.command("CLUSTER", "MYID").text();
    to.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source);
    from.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target);
    for (RespValue key : from.command("CLUSTER", "GETKEYSINSLOT", slot, "100").elements()) {
      from.command("MIGRATE", "127.0.0.1", "" + port, "" + key.text(), "0", "5000");
    }
    to.command("CLUSTER", "SETSLOT", slot, "NODE", target);
    from.command("CLUSTER", "SETSLOT", slot, "NODE", target);
  }
}
