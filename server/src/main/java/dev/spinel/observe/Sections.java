package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.keyspace.Database;
import java.util.TreeSet;

/// The small sections of INFO: all that they tell they find at the call, or it never changes.
public final class Sections {
  private Sections() {}

  /// What is always the same: `layout` is all there is to say, as of a feature that isn't there.
  public record Fixed(String title, boolean standard, String layout) implements Section {
    public Fixed(String title, String layout) {
      this(title, true, layout);
    }

    @Override
    public void tell(Call call, Fields out) {}
  }

  /// INFO cpu: seconds of the processor.
  public static final class Cpu implements Section {
    @Override
    public String title() {
      return "CPU";
    }

    @Override
    public void tell(Call call, Fields out) {
      tell(out);
    }

    /// Of this process, and of the calling thread.
    public static void tell(Fields out) {
      long[] process = ProcessFiles.processTicks();
      long[] thread = ProcessFiles.threadTicks();
      out.field("used_cpu_sys", seconds(process[1]));
      out.field("used_cpu_user", seconds(process[0]));
      out.field("used_cpu_sys_children", seconds(process[3]));
      out.field("used_cpu_user_children", seconds(process[2]));
      out.field("used_cpu_sys_main_thread", seconds(thread[1]));
      out.field("used_cpu_user_main_thread", seconds(thread[0]));
    }

    private static String seconds(long ticks) {
      int perSecond = ProcessFiles.TICKS_PER_SECOND;
      String rest = Long.toString(ticks % perSecond * (1_000_000 / perSecond));
      return ticks / perSecond + "." + "0".repeat(6 - rest.length()) + rest;
    }
  }

  /// INFO commandstats: each command that was called or refused.
  public static final class CommandStatistics implements Section {
    @Override
    public String title() {
      return "Commandstats";
    }

    @Override
    public boolean standard() {
      return false;
    }

    @Override
    public void tell(Call call, Fields out) {
      Engine engine = call.engine();
      long[][] counts = engine.commandStatistics();
      for (Command command : engine.table) {
        tell(command, counts[command.index], out);
        for (Command sub : command.subcommands()) {
          tell(sub, counts[sub.index], out);
        }
      }
    }

    private static void tell(Command command, long[] counts, Fields out) {
      long calls = counts[0];
      if (calls == 0 && counts[2] == 0 && counts[3] == 0) {
        return;
      }
      out.field(
          "cmdstat_" + command.name,
          "calls="
              + calls
              + ",usec="
              + counts[1]
              + ",usec_per_call="
              + Fields.decimal(calls == 0 ? 0 : (double) counts[1] / calls)
              + ",rejected_calls="
              + counts[2]
              + ",failed_calls="
              + counts[3]);
    }
  }

  /// INFO errorstats: how often each code of an error was replied.
  public static final class ErrorStatistics implements Section {
    @Override
    public String title() {
      return "Errorstats";
    }

    @Override
    public void tell(Call call, Fields out) {
      var errors = call.engine().errors();
      for (String code : new TreeSet<>(errors.keySet())) {
        var count = errors.get(code);
        if (count != null) {
          out.field("errorstat_" + code, "count=" + count.sum());
        }
      }
    }
  }

  /// INFO keyspace: the databases that hold keys.
  public static final class KeyCounts implements Section {
    @Override
    public String title() {
      return "Keyspace";
    }

    @Override
    public void tell(Call call, Fields out) {
      var keyspace = call.engine().keyspace;
      for (int number = keyspace.nextUsed(0); number >= 0; number = keyspace.nextUsed(number + 1)) {
        Database database = keyspace.database(number);
        long keys = database.size(call.seat(), keyspace.slots());
        if (keys != 0) {
          long expiring = database.expiring(call.seat(), keyspace.slots());
          out.field("db" + number, "keys=" + keys + ",expires=" + expiring + ",avg_ttl=0");
        }
      }
    }
  }
}
