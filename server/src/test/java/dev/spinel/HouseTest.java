package dev.spinel;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Guards the walls of the house: who may know whom, and what a room must never know at all.
///
/// `DIRECTIONS` is the picture of ARCHITECTURE.md in text. A room may use whatever can be reached
/// by following the arrows, and nothing else. A failure prints each edge that offends, with its
/// line, so that it can be mended without this file; if the edge is right, redraw the picture here
/// and there.
class HouseTest {
  /// One arrow for each pair of neighbours. `api` is the package `dev.spinel` itself.
  private static final String DIRECTIONS =
      """
      launcher → api → server
      launcher → wire
      server → cluster → replication → persist → engine
      engine → keyspace → rdb
      engine → journal → rdb
      engine → config → rdb
      rdb → value → memory
      value → wire
      server → commands → engine
      server → client → engine
      server → pubsub → engine
      server → eviction → engine
      server → script → engine
      script → lua
      server → observe → acl → engine
      server → sentinel → engine
      cluster → peer → wire
      replication → peer
      sentinel → peer
      server → net → wire
      """;

  /// Rooms that see less than the arrows say: Sentinel is a client.
  private static final Map<String, Set<String>> EXCEPT =
      Map.of("sentinel", Set.of("keyspace", "journal", "rdb", "value", "memory"));

  /// These see everything, on purpose: they measure the inside.
  private static final Set<String> UNGUARDED = Set.of("bench");

  /// Static fields that only tests set, to make what is scarce fail everywhere.
  private static final Set<String> TEST_SEAMS = Set.of("dev.spinel.wire.JavaHeap.before");

  private static final JavaClasses HOUSE = mainClasses();

  @Test
  void everyImportPointsRightward() {
    Map<String, Set<String>> reach = reach();
    Set<String> offences = new TreeSet<>();
    for (JavaClass from : HOUSE) {
      String room = room(from);
      if (UNGUARDED.contains(room)) continue;
      Set<String> allowed = reach.getOrDefault(room, Set.of());
      for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
        JavaClass to = dependency.getTargetClass().getBaseComponentType();
        if (!isOurs(to) || room(to).equals(room) || allowed.contains(room(to))) continue;
        offences.add(room + " → " + room(to) + ": " + dependency.getDescription());
      }
    }
    assertNone("imports that point leftward, or at a room apart", offences);
  }

  @Test
  void everyRoomHasAPlaceInThePicture() {
    Map<String, Set<String>> reach = reach();
    Set<String> unknown = new TreeSet<>();
    for (JavaClass type : HOUSE) {
      if (!reach.containsKey(room(type)) && !UNGUARDED.contains(room(type)))
        unknown.add(type.getPackageName());
    }
    assertNone("packages that no arrow of this test mentions", unknown);
  }

  @Test
  void everyPackageSaysWhatItIs() {
    Set<String> silent = new TreeSet<>();
    for (JavaClass type : HOUSE) {
      if (type.getPackage().tryGetPackageInfo().isEmpty()) silent.add(type.getPackageName());
    }
    assertNone("packages without a @NullMarked package-info.java", silent);
  }

  @Test
  void noTwoClassesHaveOneName() {
    Map<String, Set<String>> named = new TreeMap<>();
    for (JavaClass type : HOUSE) {
      boolean topLevel = type.getEnclosingClass().isEmpty();
      if (topLevel && !type.getSimpleName().equals("package-info") && !isProgram(type)) {
        named.computeIfAbsent(type.getSimpleName(), name -> new TreeSet<>()).add(type.getName());
      }
    }
    Set<String> offences = new TreeSet<>();
    named.values().stream().filter(types -> types.size() > 1).forEach(offences::addAll);
    assertNone("classes that share their simple name with another", offences);
  }

  private static boolean isProgram(JavaClass type) {
    return type.getSimpleName().equals("Main");
  }

  @Test
  void valuesKnowNoClockNoChanceAndNoFiles() {
    // A Random handed in by the caller is welcome.
    assertNone(
        "uses of time, randomness or I/O in value and rdb",
        accesses(
            Set.of("value", "rdb"),
            access ->
                isCall(access, "java.lang.System", "currentTimeMillis")
                    || isCall(access, "java.lang.System", "nanoTime")
                    || owner(access).startsWith("java.time.")
                    || owner(access).startsWith("java.io.")
                    || owner(access).startsWith("java.net.")
                    || owner(access).startsWith("java.nio.channels.")
                    || owner(access).startsWith("java.nio.file.")
                    || isCall(access, "java.util.Random", "<init>")
                    || owner(access).equals("java.util.concurrent.ThreadLocalRandom")));
  }

  @Test
  void commandsKnowNoLockThreadOrSocket() {
    assertNone(
        "locks, threads or sockets in commands",
        accesses(
            Set.of("commands"),
            access ->
                owner(access).equals("java.lang.Thread")
                    || owner(access).startsWith("java.util.concurrent.locks.")
                    || owner(access).startsWith("java.util.concurrent.Exec")
                    || owner(access).startsWith("java.net.")
                    || owner(access).startsWith("java.nio.channels.")
                    || owner(access).startsWith("dev.spinel.keyspace.")
                    || owner(access).equals("dev.spinel.engine.Engine")
                    || owner(access).equals("dev.spinel.engine.Dispatcher")));
  }

  /// Classes that decide and do nothing else, so that a simulation or a script may drive them.
  private static final Set<String> MACHINES =
      Set.of(
          "dev.spinel.replication.ReplicationMachine",
          "dev.spinel.replication.ReplicaSide",
          "dev.spinel.replication.PrimarySide",
          "dev.spinel.replication.PlannedFailover",
          "dev.spinel.replication.PayloadReader",
          "dev.spinel.replication.History",
          "dev.spinel.cluster.ClusterMachine",
          "dev.spinel.cluster.Nodes",
          "dev.spinel.cluster.SlotMap",
          "dev.spinel.cluster.BusLinks",
          "dev.spinel.cluster.Heartbeats",
          "dev.spinel.cluster.Failures",
          "dev.spinel.cluster.Elections",
          "dev.spinel.cluster.Votes",
          "dev.spinel.cluster.Lease",
          "dev.spinel.cluster.ManualFailover",
          "dev.spinel.cluster.ReplicaMigration",
          "dev.spinel.cluster.Health",
          "dev.spinel.cluster.Rejoining",
          "dev.spinel.cluster.ClusterCommands",
          "dev.spinel.cluster.NodesFile");

  @Test
  void machinesKnowNoClockNoChanceNoThreadAndNoSocket() {
    assertThat(HOUSE.stream().map(JavaClass::getName)).containsAll(MACHINES);
    assertNone(
        "uses of time, chance, threads or I/O in machines and in the room peer",
        accesses(
            Set.of("peer", "replication", "cluster"),
            access ->
                (MACHINES.contains(topLevel(access.getOriginOwner()))
                        || room(access.getOriginOwner()).equals("peer"))
                    && (isCall(access, "java.lang.System", "currentTimeMillis")
                        || isCall(access, "java.lang.System", "nanoTime")
                        || owner(access).equals("java.lang.Thread")
                        || owner(access).equals("dev.spinel.peer.Peers")
                            && MACHINES.contains(topLevel(access.getOriginOwner()))
                        || owner(access).startsWith("java.time.")
                        || owner(access).startsWith("java.net.")
                        || owner(access).startsWith("java.nio.channels.")
                        || owner(access).startsWith("java.nio.file.")
                        || owner(access).startsWith("java.util.concurrent.")
                        || owner(access).equals("java.security.SecureRandom")
                        || owner(access).equals("java.util.Random"))));
  }

  @Test
  void nothingInsidePrints() {
    // The programs talk to the person who started them; what they start only logs.
    Set<String> programs =
        Set.of("dev.spinel.server.Main", "dev.spinel.launcher.Up", "dev.spinel.launcher.Steer");
    assertNone(
        "uses of System.out and System.err",
        accesses(
            room -> !UNGUARDED.contains(room),
            access ->
                owner(access).equals("java.lang.System")
                    && Set.of("out", "err").contains(access.getTarget().getName())
                    && !programs.contains(topLevel(access.getOriginOwner()))));
  }

  @Test
  void nothingReflects() {
    assertNone(
        "uses of reflection",
        accesses(
            room -> !UNGUARDED.contains(room),
            access ->
                isCall(access, "java.lang.Class", "forName")
                    || owner(access).startsWith("java.lang.reflect.")
                    || owner(access).equals("sun.misc.Unsafe")));
  }

  @Test
  void manyServersFitInOneJvm() {
    Set<String> offences = new TreeSet<>();
    for (JavaClass type : HOUSE) {
      if (UNGUARDED.contains(room(type))) continue;
      for (JavaField field : type.getFields()) {
        Set<JavaModifier> modifiers = field.getModifiers();
        if (modifiers.contains(JavaModifier.STATIC)
            && !modifiers.contains(JavaModifier.FINAL)
            && !modifiers.contains(JavaModifier.SYNTHETIC)
            && !TEST_SEAMS.contains(field.getFullName())) {
          offences.add(field.getFullName());
        }
      }
    }
    assertNone("static fields that can change", offences);
  }

  @Test
  void namesSayWhatThingsAre() {
    Set<String> offences = new TreeSet<>();
    for (JavaClass type : HOUSE) {
      String name = type.getSimpleName();
      if (Stream.of("Manager", "Helper", "Util", "Utils", "Impl").anyMatch(name::endsWith)
          || name.startsWith("Abstract")) {
        offences.add(type.getName());
      }
    }
    assertNone("names that say nothing", offences);
  }

  /// Our classes without the tests beside them, wherever the build in use puts either. Without
  /// `cli`, should it be compiled with the house: it is a module of its own, whose build shows it
  /// `wire` only.
  private static JavaClasses mainClasses() {
    String tests = HouseTest.class.getProtectionDomain().getCodeSource().getLocation().toString();
    return new ClassFileImporter()
        .withImportOption(location -> !location.asURI().toString().startsWith(tests))
        .withImportOption(location -> !location.contains("/dev/spinel/cli/"))
        .importPackages("dev.spinel");
  }

  /// Room → all rooms that can be reached from it.
  private static Map<String, Set<String>> reach() {
    Map<String, Set<String>> next = new LinkedHashMap<>();
    for (String line : DIRECTIONS.lines().toList()) {
      String[] rooms = line.strip().split(" → ");
      for (int i = 0; i < rooms.length; i++) {
        Set<String> to = next.computeIfAbsent(rooms[i], room -> new TreeSet<>());
        if (i + 1 < rooms.length) to.add(rooms[i + 1]);
      }
    }
    Map<String, Set<String>> reach = new LinkedHashMap<>();
    for (String room : next.keySet()) {
      Set<String> seen = new TreeSet<>();
      List<String> open = new ArrayList<>(next.get(room));
      while (!open.isEmpty()) {
        String other = open.removeLast();
        if (seen.add(other)) open.addAll(next.get(other));
      }
      seen.removeAll(EXCEPT.getOrDefault(room, Set.of()));
      // The launcher and the applications see the API, not what it is made of.
      if (room.equals("launcher")) seen.retainAll(next.get(room));
      reach.put(room, seen);
    }
    return reach;
  }

  private static Set<String> accesses(Set<String> rooms, Predicate<JavaAccess<?>> forbidden) {
    return accesses(rooms::contains, forbidden);
  }

  private static Set<String> accesses(Predicate<String> rooms, Predicate<JavaAccess<?>> forbidden) {
    Set<String> found = new TreeSet<>();
    for (JavaClass type : HOUSE) {
      if (!rooms.test(room(type))) continue;
      for (JavaAccess<?> access : type.getAccessesFromSelf()) {
        if (forbidden.test(access)) found.add(access.getDescription());
      }
    }
    return found;
  }

  private static boolean isCall(JavaAccess<?> access, String owner, String name) {
    return owner(access).equals(owner) && access.getTarget().getName().equals(name);
  }

  private static String owner(JavaAccess<?> access) {
    return access.getTargetOwner().getName();
  }

  private static String topLevel(JavaClass type) {
    String name = type.getName();
    int nested = name.indexOf('$');
    return nested < 0 ? name : name.substring(0, nested);
  }

  private static boolean isOurs(JavaClass type) {
    return type.getPackageName().equals("dev.spinel")
        || type.getPackageName().startsWith("dev.spinel.");
  }

  /// `dev.spinel.engine` → `engine`; a package inside a room belongs to the room.
  private static String room(JavaClass type) {
    String name = type.getPackageName();
    return name.equals("dev.spinel") ? "api" : name.split("\\.")[2];
  }

  private static void assertNone(String what, Collection<String> offences) {
    assertThat(offences)
        .withFailMessage(
            () -> what + ":\n" + offences.stream().map(line -> "  " + line).collect(joining("\n")))
        .isEmpty();
  }
}
