package dev.spinel.cluster;

import dev.spinel.peer.IpAddress;
import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The CLUSTER commands that change something, with Redis's words. Those that only look are
/// answered from [ClusterView].
///
/// The shell has checked the number of arguments as far as COMMAND declares it. Whatever changes
/// `nodes.conf` is answered once that is written.
///
/// Belongs to the machine's thread.
final class ClusterCommands {
  private static final String OK = "+OK\r\n";
  private static final String SYNTAX = "syntax error";
  private static final long NO_NUMBER = Long.MIN_VALUE;
  private static final long MEETING_MILLIS = 1000;

  /// A user's mistake. Nothing has been changed.
  private static final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    Refused(String message) {
      super(message, null, false, false);
    }
  }

  private final ClusterMachine machine;
  private final List<Meeting> meetings = new ArrayList<>();

  ClusterCommands(ClusterMachine machine) {
    this.machine = machine;
  }

  void asked(long client, List<String> arguments) {
    try {
      run(client, arguments);
    } catch (Refused e) {
      machine.reply(client, "-ERR " + e.getMessage() + "\r\n");
    }
  }

  private void run(long client, List<String> arguments) throws Refused {
    String verb = arguments.getFirst().toLowerCase(Locale.ROOT);
    switch (verb) {
      case "meet" -> meet(client, arguments);
      case "addslots", "delslots" -> slots(client, arguments, verb.equals("delslots"));
      case "addslotsrange", "delslotsrange" ->
          ranges(client, arguments, verb.equals("delslotsrange"));
      case "flushslots" -> flushSlots(client);
      case "setslot" -> setSlot(client, arguments);
      case "bumpepoch" -> {
        boolean bumped = machine.bumpEpoch();
        String epoch = Long.toUnsignedString(machine.myself().configEpoch);
        machine.reply(client, (bumped ? "+BUMPED " : "+STILL ") + epoch + "\r\n");
      }
      case "saveconfig" -> machine.whenSaved(() -> machine.reply(client, OK));
      case "forget" -> forget(client, arguments.get(1));
      case "replicate" -> replicate(client, arguments.get(1));
      case "count-failure-reports" -> {
        ClusterNode node = known(arguments.get(1), "Unknown node ");
        machine.reply(client, ":" + machine.failures().reports(node) + "\r\n");
      }
      case "failover" -> failover(client, arguments);
      case "migration" -> migration(client, arguments);
      case "syncslots" -> syncSlots(client, arguments);
      case "set-config-epoch" -> setConfigEpoch(client, arguments.get(1));
      case "reset" -> reset(client, arguments);
      default ->
          throw new Refused("unknown subcommand '" + arguments.getFirst() + "'. Try CLUSTER HELP.");
    }
  }

  /// What is acknowledged survives a power cut.
  private void done(long client) {
    machine.health().lookAgain();
    machine.whenSaved(() -> machine.reply(client, OK));
  }

  // ── nodes ──

  private void meet(long client, List<String> arguments) throws Refused {
    long port = number(arguments.get(2));
    if (port == NO_NUMBER) {
      throw new Refused("Invalid base port specified: " + arguments.get(2));
    }
    long busPort = port + 10000;
    if (arguments.size() > 3) {
      busPort = number(arguments.get(3));
      if (busPort == NO_NUMBER) {
        throw new Refused("Invalid bus port specified: " + arguments.get(3));
      }
    }
    String ip = IpAddress.normal(arguments.get(1));
    if (ip == null || port <= 0 || port > 65535 || busPort <= 0 || busPort > 65535) {
      throw new Refused(
          "Invalid node address specified: " + arguments.get(1) + ":" + arguments.get(2));
    }
    int bus = (int) busPort;
    boolean under =
        machine
            .nodes()
            .exists(
                node ->
                    node.isHandshake()
                        && node.ip.equals(ip)
                        && node.port == port
                        && node.busPort == bus);
    if (!under) {
      ClusterNode node =
          machine.nodes().create(machine.world().newId(), NodeFlags.HANDSHAKE | NodeFlags.MEET);
      node.ip = ip;
      node.port = (int) port;
      node.busPort = bus;
      machine.links().dial(node);
      machine.changed();
      meetings.add(new Meeting(client, node, machine.now() + MEETING_MILLIS));
    } else {
      machine.reply(client, OK);
    }
  }

  /// A MEET that isn't answered yet.
  private record Meeting(long client, ClusterNode node, long until) {}

  /// MEET is answered once the other node has called, as both know each other then, and all nodes
  /// that this one knows have said which slots they have: whoever takes the next step at once finds
  /// the cluster ready for it. Redis answers before it has dialled. If nobody is there, the answer
  /// comes after a second, and is the same.
  void endOfStep() {
    if (meetings.isEmpty()) {
      return;
    }
    boolean all = !machine.nodes().exists(ClusterCommands::isExpected);
    meetings.removeIf(
        meeting -> {
          ClusterNode node = meeting.node;
          boolean isOver =
              machine.nodes().get(node.id) != node
                  || all && node.inbound != 0 && !node.isHandshake()
                  || machine.now() >= meeting.until;
          if (isOver) {
            machine.reply(meeting.client, OK);
          }
          return isOver;
        });
  }

  /// Whether it hasn't been heard yet, though it is there as far as is known.
  private static boolean isExpected(ClusterNode node) {
    int elsewhere = NodeFlags.MYSELF | NodeFlags.HANDSHAKE | NodeFlags.NOADDR;
    return node.answeredAt == 0 && !node.is(elsewhere | NodeFlags.PFAIL | NodeFlags.FAIL);
  }

  private void forget(long client, String id) throws Refused {
    ClusterNode node = machine.nodes().get(id);
    ClusterNode myself = machine.myself();
    if (node == null) {
      if (!machine.nodes().isForgotten(id)) {
        throw new Refused("Unknown node " + id);
      }
      machine.reply(client, OK);
      return;
    }
    if (node == myself) {
      throw new Refused("I tried hard but I can't forget myself...");
    }
    if (myself.isReplica() && myself.primary == node) {
      throw new Refused("Can't forget my master!");
    }
    machine.nodes().forget(id, Nodes.FORGET_SECONDS);
    machine.nodes().remove(node);
    done(client);
  }

  private void replicate(long client, String id) throws Refused {
    ClusterNode node = known(id, "Unknown node ");
    ClusterNode myself = machine.myself();
    if (node == myself) {
      throw new Refused("Can't replicate myself");
    }
    if (node.isReplica()) {
      throw new Refused("I can only replicate a master, not a replica.");
    }
    if (myself.isPrimary() && (!myself.slots.isEmpty() || !machine.world().isEmpty())) {
      throw new Refused("To set a master the node must be empty and without assigned slots.");
    }
    machine.follow(node);
    done(client);
  }

  private void failover(long client, List<String> arguments) throws Refused {
    ManualFailover.Mode mode = ManualFailover.Mode.PLAIN;
    if (arguments.size() > 1) {
      mode =
          switch (arguments.get(1).toLowerCase(Locale.ROOT)) {
            case "force" -> ManualFailover.Mode.FORCE;
            case "takeover" -> ManualFailover.Mode.TAKEOVER;
            default -> throw new Refused(SYNTAX);
          };
    }
    ClusterNode myself = machine.myself();
    ClusterNode primary = myself.primary;
    if (myself.isPrimary()) {
      throw new Refused("You should send CLUSTER FAILOVER to a replica");
    }
    if (primary == null) {
      throw new Refused("I'm a replica but my master is unknown to me");
    }
    if (mode == ManualFailover.Mode.PLAIN && (primary.hasFailed() || !primary.linkStands)) {
      throw new Refused("Master is down or failed, please use CLUSTER FAILOVER FORCE");
    }
    machine.manual().start(primary, mode);
    machine.reply(client, OK);
  }

  private void reset(long client, List<String> arguments) throws Refused {
    boolean hard = false;
    if (arguments.size() > 1) {
      hard =
          switch (arguments.get(1).toLowerCase(Locale.ROOT)) {
            case "hard" -> true;
            case "soft" -> false;
            default -> throw new Refused(SYNTAX);
          };
    }
    ClusterNode myself = machine.myself();
    if (myself.isPrimary() && !machine.world().isEmpty()) {
      throw new Refused("CLUSTER RESET can't be called with master nodes containing keys");
    }
    if (myself.isReplica()) {
      machine.becomePrimary();
      machine.act(new ClusterAction.Flush());
    }
    machine.slots().closeAll();
    machine.moves().reset();
    machine.manual().reset();
    machine.elections().reset();
    for (int slot = 0; slot < SlotSet.SLOTS; slot++) {
      machine.slots().take(slot);
    }
    for (ClusterNode node : machine.nodes().snapshot()) {
      if (node != myself) {
        machine.nodes().remove(node);
      }
    }
    machine.nodes().forgetNobody();
    if (hard) {
      machine.setCurrentEpoch(0);
      machine.setLastVoteEpoch(0);
      myself.configEpoch = 0;
      machine.elections().tookEpoch();
      machine.notice("configEpoch set to 0 via CLUSTER RESET HARD");
      machine.setMyself(machine.world().newId(), machine.world().newId());
      machine.notice("Node hard reset, now I'm " + myself.id);
    }
    machine.saveDurably();
    done(client);
  }

  // ── epochs ──

  private void setConfigEpoch(long client, String text) throws Refused {
    long epoch = number(text);
    ClusterNode myself = machine.myself();
    if (epoch == NO_NUMBER) {
      throw new Refused("value is not an integer or out of range");
    }
    if (epoch < 0) {
      throw new Refused("Invalid config epoch specified: " + epoch);
    }
    if (machine.nodes().size() > 1) {
      throw new Refused(
          "The user can assign a config epoch only when the node does not know any other node.");
    }
    if (myself.configEpoch != 0) {
      throw new Refused("Node config epoch is already non-zero");
    }
    myself.configEpoch = epoch;
    machine.notice("configEpoch set to " + epoch + " via CLUSTER SET-CONFIG-EPOCH");
    machine.sawEpoch(epoch);
    done(client);
  }

  // ── slots ──

  private static int slot(String text) throws Refused {
    long slot = number(text);
    if (slot < 0 || slot >= SlotSet.SLOTS) {
      throw new Refused("Invalid or out of range slot");
    }
    return (int) slot;
  }

  private void slots(long client, List<String> arguments, boolean remove) throws Refused {
    for (String text : arguments.subList(1, arguments.size())) {
      slot(text);
    }
    SlotSet named = new SlotSet();
    for (String text : arguments.subList(1, arguments.size())) {
      name(named, slot(text), remove);
    }
    change(client, named, remove);
  }

  private void ranges(long client, List<String> arguments, boolean remove) throws Refused {
    if (arguments.size() % 2 == 0) {
      throw new Refused(
          "wrong number of arguments for 'cluster|"
              + arguments.getFirst().toLowerCase(Locale.ROOT)
              + "' command");
    }
    SlotSet named = new SlotSet();
    for (int i = 1; i < arguments.size(); i += 2) {
      int first = slot(arguments.get(i));
      int last = slot(arguments.get(i + 1));
      if (first > last) {
        throw new Refused(
            "start slot number " + first + " is greater than end slot number " + last);
      }
      for (int slot = first; slot <= last; slot++) {
        name(named, slot, remove);
      }
    }
    change(client, named, remove);
  }

  private void name(SlotSet named, int slot, boolean remove) throws Refused {
    ClusterNode owner = machine.slots().owner(slot);
    if (remove && owner == null) {
      throw new Refused("Slot " + slot + " is already unassigned");
    }
    if (!remove && owner != null) {
      throw new Refused("Slot " + slot + " is already busy");
    }
    if (named.contains(slot)) {
      throw new Refused("Slot " + slot + " specified multiple times");
    }
    checkStill(slot);
    named.add(slot);
  }

  /// A slot that moves whole isn't given elsewhere by hand.
  private void checkStill(int slot) throws Refused {
    if (machine.moves().isBusy(slot)) {
      throw new Refused("Slot " + slot + " is moving whole: see CLUSTER MIGRATION STATUS");
    }
  }

  private void change(long client, SlotSet named, boolean remove) {
    for (int slot = named.next(0); slot >= 0; slot = named.next(slot + 1)) {
      machine.slots().importing().remove(slot);
      if (remove) {
        machine.slots().take(slot);
      } else {
        machine.slots().give(machine.myself(), slot);
      }
    }
    machine.news().aboutMyself();
    done(client);
  }

  private void flushSlots(long client) throws Refused {
    if (!machine.world().isEmpty()) {
      throw new Refused("DB must be empty to perform CLUSTER FLUSHSLOTS.");
    }
    machine.slots().takeAll(machine.myself());
    done(client);
  }

  private void setSlot(long client, List<String> arguments) throws Refused {
    SlotMap slots = machine.slots();
    ClusterNode myself = machine.myself();
    if (myself.isReplica()) {
      throw new Refused("Please use SETSLOT only with masters.");
    }
    int slot = slot(arguments.get(1));
    checkStill(slot);
    String action = arguments.get(2).toLowerCase(Locale.ROOT);
    boolean named = arguments.size() == 4;
    if (action.equals("migrating") && named) {
      if (slots.owner(slot) != myself) {
        throw new Refused("I'm not the owner of hash slot " + slot);
      }
      slots.migrating().put(slot, primary(arguments.get(3), "I don't know about node "));
      machine.saveAndSyncSoon(); // its keys are going to be elsewhere
    } else if (action.equals("importing") && named) {
      if (slots.owner(slot) == myself) {
        throw new Refused("I'm already the owner of hash slot " + slot);
      }
      slots.importing().put(slot, primary(arguments.get(3), "I don't know about node "));
      machine.saveAndSyncSoon();
    } else if (action.equals("stable") && arguments.size() == 3) {
      slots.importing().remove(slot);
      slots.migrating().remove(slot);
    } else if (action.equals("node") && named) {
      ClusterNode owner = primary(arguments.get(3), "Unknown node ");
      assign(slot, owner);
      if (owner == myself) {
        machine
            .saveAndSyncSoon(); // others are told again if they forget it; nobody tells the owner
      }
    } else {
      throw new Refused("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP");
    }
    machine.health().lookAgain();
    machine.replyWhenSaved(client, OK);
  }

  /// SETSLOT NODE.
  private void assign(int slot, ClusterNode node) throws Refused {
    SlotMap slots = machine.slots();
    ClusterNode myself = machine.myself();
    boolean wasMine = slots.owner(slot) == myself;
    boolean hasKeys = machine.world().keysIn(slot) > 0;
    if (wasMine && node != myself && hasKeys) {
      throw new Refused(
          "Can't assign hashslot "
              + slot
              + " to a different node while I still hold keys for this hash slot.");
    }
    if (!hasKeys) {
      slots.migrating().remove(slot);
    }
    if (slots.owner(slot) != node || slots.isUnclaimed(slot)) { // else it was heard of before
      slots.take(slot);
      slots.give(node, slot);
    }
    if (wasMine
        && node != myself
        && myself.slots.isEmpty()
        && machine.policy().allowMigration()
        && !machine.moves().awaitsSlots()) {
      machine.followNewOwner(node);
      machine.saveDurably();
    }
    if (node == myself && slots.importing().remove(slot) != null) {
      if (machine.bumpEpoch()) {
        machine.notice("configEpoch updated after importing slot " + slot);
      } else {
        machine
            .holdUntilWritten(); // who gave it away forgets it: the owner must not forget it, too
      }
      machine.heartbeats().broadcastPong(false);
    }
  }

  // ── slots that move whole ──

  private void migration(long client, List<String> arguments) throws Refused {
    switch (arguments.get(1).toLowerCase(Locale.ROOT)) {
      case "import" -> {
        String id = moved(() -> machine.moves().begin(rangesOf(arguments, 2)));
        String reply = "$" + id.length() + "\r\n" + id + "\r\n";
        machine.whenSaved(() -> machine.reply(client, reply));
      }
      case "cancel" -> {
        boolean all = arguments.size() == 3 && arguments.get(2).equalsIgnoreCase("all");
        if (!all && (arguments.size() != 4 || !arguments.get(2).equalsIgnoreCase("id"))) {
          throw new Refused(SYNTAX);
        }
        int cancelled = machine.moves().cancel(all ? null : arguments.get(3));
        machine.whenSaved(() -> machine.reply(client, ":" + cancelled + "\r\n"));
      }
      default -> throw new Refused(SYNTAX);
    }
  }

  /// SYNCSLOTS id target first last …
  private void syncSlots(long client, List<String> arguments) throws Refused {
    moved(
        () -> {
          machine.moves().send(arguments.get(1), arguments.get(2), rangesOf(arguments, 3));
          return "";
        });
    machine.reply(client, OK);
  }

  private SlotSet rangesOf(List<String> arguments, int from) throws Refused {
    if (arguments.size() == from || (arguments.size() - from) % 2 != 0) {
      throw new Refused(SYNTAX);
    }
    SlotSet slots = new SlotSet();
    for (int i = from; i < arguments.size(); i += 2) {
      int first = slot(arguments.get(i));
      int last = slot(arguments.get(i + 1));
      if (first > last) {
        throw new Refused(
            "start slot number " + first + " is greater than end slot number " + last);
      }
      for (int slot = first; slot <= last; slot++) {
        slots.add(slot);
      }
    }
    return slots;
  }

  private interface Move {
    String begin() throws Refused, SlotMoves.NotMovable;
  }

  private static String moved(Move move) throws Refused {
    try {
      return move.begin();
    } catch (SlotMoves.NotMovable e) {
      throw new Refused(e.why());
    }
  }

  // ── arguments ──

  private ClusterNode known(String id, String otherwise) throws Refused {
    ClusterNode node = machine.nodes().get(id);
    if (node == null) {
      throw new Refused(otherwise + id);
    }
    return node;
  }

  private ClusterNode primary(String id, String otherwise) throws Refused {
    ClusterNode node = known(id, otherwise);
    if (node.isReplica()) {
      throw new Refused("Target node is not a master");
    }
    return node;
  }

  private static long number(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    return Numbers.isLong(bytes, 0, bytes.length)
        ? Numbers.parseLong(bytes, 0, bytes.length, NO_NUMBER)
        : NO_NUMBER;
  }
}
