package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.value.Entry;
import dev.spinel.value.SortedSetValue;
import dev.spinel.value.SortedSetValue.NewSortedSet;
import dev.spinel.value.SortedSetValue.Ranks;
import dev.spinel.wire.Args;
import dev.spinel.wire.LongDouble;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Slice;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Commands on places: sorted sets whose scores are geohashes ([Geohash]).
public final class Geo implements Family {
  private static final int GEOADD = 0,
      GEODIST = 1,
      GEOHASH = 2,
      GEOPOS = 3,
      GEORADIUS = 4,
      GEORADIUSBYMEMBER = 5,
      GEORADIUSBYMEMBER_RO = 6,
      GEORADIUS_RO = 7,
      GEOSEARCH = 8,
      GEOSEARCHSTORE = 9;

  public Geo() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        GEOADD,
        "GEOADD @key:RW+update [condition: NX | XX]^6.2.0 [change=CH]^6.2.0 (data:"
            + " longitude:double latitude:double member)...",
        "geo 3.2.0 write denyoom",
        """
        Adds places to a sorted set, with geohashes as scores, or moves them.
        O(log(N)) for each place, N the size of the set
        6.2.0 `CH`, `NX` and `XX`
        """);
    t.command(
        GEODIST,
        "GEODIST @key:RO+access member1 member2 [unit: M | KM | FT | MI]",
        "geo 3.2.0 readonly",
        """
        Tells the distance between two places.
        O(1)
        """);
    t.command(
        GEOHASH,
        "GEOHASH @key:RO+access [member...]",
        "geo 3.2.0 readonly",
        """
        Reads places as geohash texts, as others know them.
        O(N), N places given
        """);
    t.command(
        GEOPOS,
        "GEOPOS @key:RO+access [member...]",
        "geo 3.2.0 readonly",
        """
        Reads longitude and latitude of places.
        O(N), N places given
        """);
    t.command(
        GEORADIUS,
        "GEORADIUS @key:RO+access longitude:double latitude:double radius:double (unit: M |"
            + " KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] [count-block: COUNT count:integer"
            + " [ANY]^6.2.0] [order: ASC | DESC] [store: STORE @storekey:OW+update+from=6<key> |"
            + " STOREDIST @storedistkey:OW+update+from=6<key>]",
        "geo 3.2.0 write denyoom",
        """
        Finds or stores the places in a circle around a point.
        O(N+log(M)), N places near the circle, M in it
        6.2.0 `ANY` for `COUNT`
        7.0.0 Tokens of units in capitals
        deprecated 6.2.0: `GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument
        """,
        new StoreKeys(6));
    t.command(
        GEORADIUSBYMEMBER,
        "GEORADIUSBYMEMBER @key:RO+access member radius:double (unit: M | KM | FT | MI)"
            + " [WITHCOORD] [WITHDIST] [WITHHASH] [count-block: COUNT count:integer [ANY]] [order:"
            + " ASC | DESC] [store: STORE @storekey:OW+update+from=5<key> | STOREDIST"
            + " @storedistkey:OW+update+from=5<key>]",
        "geo 3.2.0 write denyoom",
        """
        Finds or stores the places in a circle around one of them.
        O(N+log(M)), N places near the circle, M in it
        7.0.0 Tokens of units in capitals
        deprecated 6.2.0: `GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments
        """,
        new StoreKeys(5));
    t.command(
        GEORADIUSBYMEMBER_RO,
        "GEORADIUSBYMEMBER_RO @key:RO+access member radius:double (unit: M | KM | FT | MI)"
            + " [WITHCOORD] [WITHDIST] [WITHHASH] [count-block: COUNT count:integer [ANY]] [order:"
            + " ASC | DESC]",
        "geo 3.2.10 readonly",
        """
        Finds the places in a circle around one of them.
        O(N+log(M)), N places near the circle, M in it
        deprecated 6.2.0: `GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments
        """);
    t.command(
        GEORADIUS_RO,
        "GEORADIUS_RO @key:RO+access longitude:double latitude:double radius:double (unit: M"
            + " | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] [count-block: COUNT count:integer"
            + " [ANY]^6.2.0] [order: ASC | DESC]",
        "geo 3.2.10 readonly",
        """
        Finds the places in a circle around a point.
        O(N+log(M)), N places near the circle, M in it
        6.2.0 `ANY` for `COUNT`
        deprecated 6.2.0: `GEOSEARCH` with the `BYRADIUS` argument
        """);
    t.command(
        GEOSEARCH,
        "GEOSEARCH @key:RO+access (from: FROMMEMBER member | FROMLONLAT (longitude:double"
            + " latitude:double)) (by: (circle: BYRADIUS radius:double (unit: M | KM | FT | MI)) |"
            + " (box: BYBOX width:double height:double (unit: M | KM | FT | MI))) [order: ASC |"
            + " DESC] [count-block: COUNT count:integer [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
        "geo 6.2.0 readonly",
        """
        Finds the places in a circle or a box.
        O(N+log(M)), N places near the area, M in it
        7.0.0 Tokens of units in capitals
        """);
    t.command(
        GEOSEARCHSTORE,
        "GEOSEARCHSTORE @destination:OW+update @source:RO+access (from: FROMMEMBER member |"
            + " FROMLONLAT (longitude:double latitude:double)) (by: (circle: BYRADIUS radius:double"
            + " (unit: M | KM | FT | MI)) | (box: BYBOX width:double height:double (unit: M | KM |"
            + " FT | MI))) [order: ASC | DESC] [count-block: COUNT count:integer [ANY]]"
            + " [STOREDIST]",
        "geo 6.2.0 write denyoom",
        """
        Stores the places in a circle or a box.
        O(N+log(M)), N places near the area, M in it
        7.0.0 Tokens of units in capitals
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case GEOADD -> geoadd(call, reply);
      case GEODIST -> geodist(call, reply);
      case GEOHASH -> geohash(call, reply);
      case GEOPOS -> geopos(call, reply);
      case GEORADIUS -> search(call, reply, Form.RADIUS);
      case GEORADIUSBYMEMBER -> search(call, reply, Form.RADIUS_BY_MEMBER);
      case GEORADIUSBYMEMBER_RO -> search(call, reply, Form.RADIUS_BY_MEMBER_RO);
      case GEORADIUS_RO -> search(call, reply, Form.RADIUS_RO);
      case GEOSEARCH -> search(call, reply, Form.SEARCH);
      case GEOSEARCHSTORE -> search(call, reply, Form.SEARCH_STORE);
      default -> throw new AssertionError(row);
    }
  }

  /// GEORADIUS and GEORADIUSBYMEMBER store at the last key that they name: that one is locked. The
  /// specifications, by which clients are told, find the first of each token.
  private static final class StoreKeys implements Command.KeyFinder {
    private final int firstOption;

    StoreKeys(int firstOption) {
      this.firstOption = firstOption;
    }

    @Override
    public int find(Args args, int from, int[] out, int @Nullable [] flags) {
      int words = args.count() - from;
      if (words < 2) {
        return -1;
      }
      out[0] = 1;
      int store = 0;
      int storeDist = 0;
      int last = 0;
      for (int i = firstOption; i + 1 < words; i++) {
        Slice word = args.at(from + i);
        boolean isStore = word.is("STORE");
        if (isStore || word.is("STOREDIST")) {
          store = isStore && store == 0 ? i + 1 : store;
          storeDist = !isStore && storeDist == 0 ? i + 1 : storeDist;
          last = ++i;
        }
      }
      if (flags == null) {
        out[1] = last;
        return last == 0 ? 1 : 2;
      }
      int n = 0;
      flags[n++] = Synopsis.RO | Synopsis.ACCESS;
      for (int key : new int[] {store, storeDist}) {
        if (key != 0) {
          flags[n] = Synopsis.OW | Synopsis.UPDATE;
          out[n++] = key;
        }
      }
      return n;
    }
  }

  // ── places ──

  private static final CommandError NO_PLACE =
      new CommandError("ERR could not decode requested zset member");

  /// Longitude and latitude at two arguments. Errors: no numbers; out of the world.
  private static void checkPlace(Call call, int argument) {
    double longitude = SortedSetAddition.score(call, argument);
    double latitude = SortedSetAddition.score(call, argument + 1);
    if (!Geohash.isPlace(longitude, latitude)) {
      throw new CommandError(
          "ERR invalid longitude,latitude pair "
              + sixPlaces(longitude)
              + ","
              + sixPlaces(latitude));
    }
  }

  /// As `%f` prints it.
  private static String sixPlaces(double value) {
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    boolean negative = Double.doubleToRawLongBits(value) < 0;
    BigDecimal rounded = new BigDecimal(Math.abs(value)).setScale(6, RoundingMode.HALF_EVEN);
    return (negative ? "-" : "") + rounded.toPlainString();
  }

  /// The geohash of the place at two arguments, as a score.
  private static double hashAt(Call call, int argument) {
    checkPlace(call, argument);
    return Geohash.encode(
        call.arg(argument).toDouble(), call.arg(argument + 1).toDouble(), Geohash.STEPS);
  }

  /// ZADD with geohashes as scores, and recorded as such.
  private static void geoadd(Call call, Reply reply) {
    int first = 2;
    int options = 0;
    for (int option; first < call.argc() && (option = option(call.arg(first))) != 0; first++) {
      options |= option;
    }
    int words = call.argc() - first;
    int both = SortedSetAddition.NX | SortedSetAddition.XX;
    if (words == 0 || words % 3 != 0 || (options & both) == both) {
      throw CommandError.SYNTAX;
    }
    if (call.recorded()) call.hold(ZADD_BYTES * (words / 3));
    if (SortedSetAddition.run(call, reply, options, first, 3, Geo::hashAt)) {
      recordAsZadd(call, first, words / 3);
    }
  }

  private static int option(Slice word) {
    return SortedSetAddition.option(word)
        & (SortedSetAddition.NX | SortedSetAddition.XX | SortedSetAddition.CH);
  }

  private static final long ZADD_BYTES = 72; // of each place: two words, a slice, a number

  private static void recordAsZadd(Call call, int first, int places) {
    Object[] words = new Object[call.recorded() ? first + 2 * places : 0];
    for (int i = 0; i < words.length; i++) {
      int place = first + (i - first) / 2 * 3;
      words[i] =
          i == 0
              ? "zadd"
              : i < first
                  ? call.arg(i)
                  : (i - first) % 2 != 0 ? call.arg(place + 2) : (long) hashAt(call, place);
    }
    call.effect(words);
  }

  private static void geohash(Call call, Reply reply) {
    SortedSetValue sets = call.values().sortedSets();
    Key key = call.read(1, Entry.ZSET);
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      if (key.exists() && sets.find(key.entry(), call.arg(i))) {
        reply.bulk(Geohash.text(Geohash.hash(sets.score())));
      } else {
        reply.nil();
      }
    }
  }

  private static void geopos(Call call, Reply reply) {
    SortedSetValue sets = call.values().sortedSets();
    Key key = call.read(1, Entry.ZSET);
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      if (key.exists() && sets.find(key.entry(), call.arg(i))) {
        writePlace(reply, Geohash.hash(sets.score()));
      } else {
        reply.nilArray();
      }
    }
  }

  private static void writePlace(Reply reply, long hash) {
    reply.array(2);
    reply.writer().humanDouble(LongDouble.of(Geohash.longitude(hash)).human());
    reply.writer().humanDouble(LongDouble.of(Geohash.latitude(hash)).human());
  }

  private static void geodist(Call call, Reply reply) {
    if (call.argc() > 5) {
      throw CommandError.SYNTAX;
    }
    double unit = call.argc() == 5 ? unit(call, 4) : 1;
    SortedSetValue sets = call.values().sortedSets();
    Key key = call.read(1, Entry.ZSET);
    if (!key.exists() || !sets.find(key.entry(), call.arg(2))) {
      reply.nil();
      return;
    }
    long a = Geohash.hash(sets.score());
    if (!sets.find(key.entry(), call.arg(3))) {
      reply.nil();
      return;
    }
    long b = Geohash.hash(sets.score());
    double meters =
        Geohash.distance(
            Geohash.longitude(a), Geohash.latitude(a), Geohash.longitude(b), Geohash.latitude(b));
    writeDistance(reply, meters / unit);
  }

  /// With four digits behind the point.
  private static void writeDistance(Reply reply, double distance) {
    long scaled = (long) Math.rint(distance * 10_000);
    byte[] text = new byte[Numbers.LONG_CHARS + 6];
    int point = Numbers.format(scaled / 10_000, text, 0);
    int end = Numbers.format(10_000 + scaled % 10_000, text, point); // 1 and four digits
    text[point] = '.';
    reply.writer().bulk(text, 0, end);
  }

  /// Meters of a unit.
  private static double unit(Call call, int argument) {
    Slice name = call.arg(argument);
    if (name.is("M")) {
      return 1;
    }
    if (name.is("KM")) {
      return 1000;
    }
    if (name.is("FT")) {
      return 0.3048;
    }
    if (name.is("MI")) {
      return 1609.34;
    }
    throw new CommandError("ERR unsupported unit provided. please use M, KM, FT, MI");
  }

  // ── searching ──

  private static final int COORDINATES = 1, MEMBER = 2, OPTIONS = 4, STORES = 8;

  /// The commands that search: what tells the area, and whether they may store what they find.
  private enum Form {
    RADIUS(1, 6, COORDINATES | STORES),
    RADIUS_RO(1, 6, COORDINATES),
    RADIUS_BY_MEMBER(1, 5, MEMBER | STORES),
    RADIUS_BY_MEMBER_RO(1, 5, MEMBER),
    SEARCH(1, 2, OPTIONS),
    SEARCH_STORE(2, 3, OPTIONS | STORES);

    final int source;
    final int firstOption;
    private final int what;

    Form(int source, int firstOption, int what) {
      this.source = source;
      this.firstOption = firstOption;
      this.what = what;
    }

    boolean is(int what) {
      return (this.what & what) != 0;
    }
  }

  private static void search(Call call, Reply reply, Form form) {
    Key key = call.read(form.source, Entry.ZSET);
    Search search = new Search(call, form, key);
    search.read();
    if (search.storeAt == 0) {
      search.reply(reply);
    } else if (!key.exists() || !call.lacksMemory(search.mostBytes())) {
      search.store(reply);
    }
  }

  /// One search: first its arguments, in the order in which Redis finds fault with them, then what
  /// is found.
  private static final class Search {
    private final Call call;
    private final Form form;
    private final Key key;
    private final SortedSetValue sets;

    private boolean fromMember;
    private boolean fromPlace;
    private double longitude;
    private double latitude;
    private boolean byRadius;
    private boolean byBox;
    private double width; // or the radius
    private double height;
    private double unit = 1;
    private boolean withDistance;
    private boolean withHash;
    private boolean withPlace;
    private boolean any;
    private boolean sorted;
    private boolean farthestFirst;
    private long count; // 0: all
    int storeAt; // 0: not stored
    private boolean storesDistance;

    Search(Call call, Form form, Key key) {
      this.call = call;
      this.form = form;
      this.key = key;
      sets = call.values().sortedSets();
    }

    // ── the arguments ──

    void read() {
      if (form.is(COORDINATES)) {
        place(2);
        radius(4);
      } else if (form.is(MEMBER) && key.exists()) {
        member(2);
        radius(3);
      }
      storeAt = form == Form.SEARCH_STORE ? 1 : 0;
      Options o = call.options(form.firstOption);
      while (o.next()) {
        option(o);
      }
      check();
      if (count != 0 && !any) {
        sorted = true; // the nearest are wanted, unless the order was told
      }
    }

    private void place(int argument) {
      checkPlace(call, argument);
      longitude = call.arg(argument).toDouble();
      latitude = call.arg(argument + 1).toDouble();
    }

    private void member(int argument) {
      if (!key.exists()) {
        return; // mistakes in the arguments that follow are reported all the same
      }
      if (!sets.find(key.entry(), call.arg(argument))) {
        throw NO_PLACE;
      }
      long hash = Geohash.hash(sets.score());
      longitude = Geohash.longitude(hash);
      latitude = Geohash.latitude(hash);
    }

    private double length(int argument, String mistake) {
      double length = call.arg(argument).toDouble();
      if (Double.isNaN(length)) {
        throw new CommandError(mistake);
      }
      return length;
    }

    private void radius(int argument) {
      width = length(argument, "ERR need numeric radius");
      if (width < 0) {
        throw new CommandError("ERR radius cannot be negative");
      }
      unit = unit(call, argument + 1);
    }

    private void box(int argument) {
      width = length(argument, "ERR need numeric width");
      height = length(argument + 1, "ERR need numeric height");
      if (width < 0 || height < 0) {
        throw new CommandError("ERR height or width cannot be negative");
      }
      unit = unit(call, argument + 2);
    }

    private void option(Options o) {
      if (o.is("WITHDIST")) {
        withDistance = true;
      } else if (o.is("WITHHASH")) {
        withHash = true;
      } else if (o.is("WITHCOORD")) {
        withPlace = true;
      } else if (o.is("ANY")) {
        any = true;
      } else if (o.is("ASC")) {
        sorted = true;
        farthestFirst = false;
      } else if (o.is("DESC")) {
        sorted = true;
        farthestFirst = true;
      } else if (o.is("COUNT", 1)) {
        count = o.integer();
        if (count <= 0) {
          throw new CommandError("ERR COUNT must be > 0");
        }
      } else if (form.is(OPTIONS)) {
        areaOption(o);
      } else if (form.is(STORES) && o.is("STORE", 1)) {
        storesDistance = false;
        storeAt = o.take();
      } else if (form.is(STORES) && o.is("STOREDIST", 1)) {
        storesDistance = true;
        storeAt = o.take();
      } else {
        throw CommandError.SYNTAX;
      }
    }

    /// The options of GEOSEARCH and GEOSEARCHSTORE alone.
    private void areaOption(Options o) {
      if (o.is("FROMMEMBER", 1) && !fromPlace) {
        member(o.take());
        fromMember = true;
      } else if (o.is("FROMLONLAT", 2) && !fromMember) {
        place(o.take());
        o.take();
        fromPlace = true;
      } else if (o.is("BYRADIUS", 2) && !byBox) {
        radius(o.take());
        o.take();
        byRadius = true;
      } else if (o.is("BYBOX", 3) && !byRadius) {
        box(o.take());
        o.take();
        o.take();
        byBox = true;
      } else if (o.is("STOREDIST") && form.is(STORES)) {
        storesDistance = true;
      } else {
        throw CommandError.SYNTAX;
      }
    }

    private void check() {
      if (storeAt != 0 && (withDistance || withHash || withPlace)) {
        throw new CommandError(
            "ERR "
                + (form.is(OPTIONS) ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS")
                + " is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
      }
      if (form.is(OPTIONS) && !fromMember && !fromPlace) {
        throw new CommandError(
            "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + call.text(0));
      }
      if (form.is(OPTIONS) && !byRadius && !byBox) {
        throw new CommandError(
            "ERR exactly one of BYRADIUS and BYBOX can be specified for " + call.text(0));
      }
      if (any && count == 0) {
        throw new CommandError("ERR the ANY argument requires COUNT argument");
      }
    }

    // ── what is found ──

    private Geohash.Area area() {
      return byBox
          ? Geohash.Area.box(longitude, latitude, width, height, unit)
          : Geohash.Area.circle(longitude, latitude, width, unit);
    }

    /// Takes one place that is in the area: its distance in meters. It is the member at hand.
    @FunctionalInterface
    private interface Finder {
      void found(SortedSetValue at, double score, double meters);
    }

    /// Looks through the cells that cover the area, one after the other; with ANY only until there
    /// are enough. Answers how many places were found.
    private long find(Finder finder) {
      if (!key.exists()) {
        return 0;
      }
      Geohash.Area area = area();
      double[] from = new double[Geohash.CELLS];
      double[] to = new double[Geohash.CELLS];
      int cells = area.cells(from, to);
      long most = any ? count : Long.MAX_VALUE;
      long[] found = {0};
      SortedSetValue.Visitor visitor =
          at -> {
            double score = at.score();
            long hash = Geohash.hash(score);
            double meters = area.distance(Geohash.longitude(hash), Geohash.latitude(hash));
            if (meters >= 0 && found[0] < most) {
              found[0]++;
              finder.found(at, score, meters);
            }
          };
      for (int i = 0; i < cells && found[0] < most; i++) {
        Ranks ranks = sets.scoreRange(key.entry(), from[i], false, to[i], true);
        for (long rank = ranks.from(); rank < ranks.to() && found[0] < most; rank += AT_ONCE) {
          sets.visit(key.entry(), rank, Math.min(AT_ONCE, ranks.to() - rank), visitor);
        }
      }
      return found[0];
    }

    /// Members that are visited before it is asked whether there are enough.
    private static final int AT_ONCE = 64;

    void reply(Reply reply) {
      if (!sorted) {
        reply.deferArray();
        reply.close(
            find(
                (at, score, meters) -> {
                  begin(reply);
                  at.writeMember(reply.writer());
                  end(reply, score, meters);
                }));
        return;
      }
      Found found = sortedFound();
      reply.array(found.count);
      for (int i = 0; i < found.count; i++) {
        begin(reply);
        reply.bulk(found.member(i));
        end(reply, found.score(i), found.meters(i));
      }
    }

    private void begin(Reply reply) {
      int options = (withDistance ? 1 : 0) + (withHash ? 1 : 0) + (withPlace ? 1 : 0);
      if (options > 0) {
        reply.array(1 + options);
      }
    }

    private void end(Reply reply, double score, double meters) {
      if (withDistance) {
        writeDistance(reply, meters / unit);
      }
      if (withHash) {
        reply.integer(Math.abs(score) < 0x1p63 ? (long) score : Long.MIN_VALUE);
      }
      if (withPlace) {
        writePlace(reply, Geohash.hash(score));
      }
    }

    void store(Reply reply) {
      try (NewSortedSet draft = sets.draft(call.arg(storeAt))) {
        if (sorted && count != 0) {
          Found found = sortedFound();
          for (int i = 0; i < found.count; i++) {
            double score = storesDistance ? found.meters(i) / unit : found.score(i);
            draft.collect(found.member(i), score, Double::sum);
          }
        } else {
          find(
              (at, score, meters) ->
                  draft.collect(at, storesDistance ? meters / unit : score, Double::sum));
        }
        String event = form.is(OPTIONS) ? "geosearchstore" : "georadiusstore";
        SortedSets.store(call, reply, storeAt, draft, event, draft.length());
      }
    }

    /// About how many bytes a STORE form's result takes at most.
    long mostBytes() {
      long weight = call.weight(key.entry());
      long length = sets.length(key.entry());
      return count == 0 || count >= length ? weight : (long) ((double) weight / length * count);
    }

    private Found sortedFound() {
      Found found = new Found(call, farthestFirst, count == 0 ? Long.MAX_VALUE : count);
      find(found::add);
      found.sort();
      return found;
    }
  }

  /// Places that are to be sorted by distance: in arrays, without an object for each. If only so
  /// many are wanted, it never holds more than twice as many and some.
  private static final class Found {
    private static final int SPARE = 1024;
    private static final int BYTES_EACH = 8 + 8 + 4 + 2 * 4; // at the end two orders, too

    private final Call call;
    private final boolean farthestFirst;
    private final int wanted;
    int count;
    private double[] meters = new double[64];
    private double[] scores = new double[64];
    private int[] ends = new int[64]; // where its member ends
    private byte[] members = new byte[1024];
    private int[] order = {};
    private final Slice member = new Slice();

    Found(Call call, boolean farthestFirst, long wanted) {
      this.call = call;
      this.farthestFirst = farthestFirst;
      this.wanted = (int) Math.min(wanted, Integer.MAX_VALUE / 4);
    }

    void add(SortedSetValue at, double score, double distance) {
      if (count >= 2 * wanted + SPARE) {
        keepBest();
      }
      if (count == meters.length) {
        call.hold((long) BYTES_EACH * count);
        meters = Arrays.copyOf(meters, 2 * count);
        scores = Arrays.copyOf(scores, 2 * count);
        ends = Arrays.copyOf(ends, 2 * count);
      }
      int from = count == 0 ? 0 : ends[count - 1];
      int length = at.memberLength();
      if (members.length - from < length) {
        int more = Math.max(from + length - members.length, members.length);
        call.hold(more);
        members = Arrays.copyOf(members, members.length + more);
      }
      at.copyMember(members, from);
      meters[count] = distance;
      scores[count] = score;
      ends[count++] = from + length;
    }

    /// Those that are wanted, in the order that is wanted, which [#member] and so on count by.
    void sort() {
      order = new int[count];
      for (int i = 0; i < count; i++) {
        order[i] = i;
      }
      order = merged(order, new int[count]);
      count = Math.min(count, wanted);
    }

    /// Merge sort, from runs of one upwards: of equal distances the one that was found first stays
    /// the first.
    private int[] merged(int[] from, int[] to) {
      for (int run = 1; run < count; run *= 2) {
        for (int start = 0; start < count; start += 2 * run) {
          int middle = Math.min(start + run, count);
          int end = Math.min(middle + run, count);
          int left = start;
          int right = middle;
          for (int i = start; i < end; i++) {
            boolean takesLeft =
                left < middle && (right == end || !isBefore(from[right], from[left]));
            to[i] = takesLeft ? from[left++] : from[right++];
          }
        }
        int[] sorted = to;
        to = from;
        from = sorted;
      }
      return from;
    }

    private boolean isBefore(int a, int b) {
      return farthestFirst ? meters[a] > meters[b] : meters[a] < meters[b];
    }

    private void keepBest() {
      sort();
      double[] keptMeters = new double[meters.length];
      double[] keptScores = new double[meters.length];
      int[] keptEnds = new int[meters.length];
      byte[] keptMembers = new byte[members.length];
      int end = 0;
      for (int i = 0; i < count; i++) {
        Slice kept = member(i);
        kept.copyTo(keptMembers, end);
        end += kept.length;
        keptMeters[i] = meters(i);
        keptScores[i] = score(i);
        keptEnds[i] = end;
      }
      meters = keptMeters;
      scores = keptScores;
      ends = keptEnds;
      members = keptMembers;
    }

    double meters(int i) {
      return meters[order[i]];
    }

    double score(int i) {
      return scores[order[i]];
    }

    /// Good until the next call.
    Slice member(int i) {
      int at = order[i];
      int from = at == 0 ? 0 : ends[at - 1];
      return member.set(members, from, ends[at] - from);
    }
  }
}
