package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Saving data to the dump file, and the end of the server, which saves it for the last time.
public final class SaveCommands implements Family {
  private static final int BGSAVE = 0, LASTSAVE = 1, SAVE = 2, SHUTDOWN = 3;

  private static final CommandError SAVING_ALREADY =
      new CommandError("ERR Background save already in progress");
  private static final CommandError OTHERS_AT_WORK =
      new CommandError(
          "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE"
              + " in order to schedule a BGSAVE whenever possible.");
  private static final CommandError FAILED = new CommandError("ERR");
  private static final CommandError CANNOT_END =
      new CommandError("ERR Errors trying to SHUTDOWN. Check logs.");

  private final Runnable stop;
  private @Nullable Persistence persistence; // before the first session

  /// @param stop has the server stopped; returns before it is
  public SaveCommands(Runnable stop) {
    this.stop = stop;
  }

  /// Once it is made.
  void of(Persistence made) {
    persistence = made;
  }

  private Persistence persistence() {
    return Objects.requireNonNull(persistence);
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        BGSAVE,
        "BGSAVE [SCHEDULE]^3.2.2",
        "server 1.0.0 admin noscript no_async_loading",
        """
        Saves all databases to the dump file in the background.
        O(1)
        3.2.2 SCHEDULE
        """);
    t.command(
        LASTSAVE,
        "LASTSAVE",
        "server 1.0.0 loading stale fast @admin @dangerous nondeterministic_output",
        """
        Tells when data was last saved: seconds since 1970.
        O(1)
        """);
    t.command(
        SAVE,
        "SAVE",
        "server 1.0.0 admin noscript no_async_loading no_multi global",
        """
        Saves all databases to the dump file, and holds everybody up meanwhile.
        O(N), N keys in all databases
        """);
    t.command(
        SHUTDOWN,
        "SHUTDOWN [save-selector: NOSAVE | SAVE] [NOW]^7.0.0 [FORCE]^7.0.0 [ABORT]^7.0.0",
        "server 1.0.0 admin noscript loading stale no_multi allow_busy global",
        """
        Ends the server, saving first if it is so configured.
        O(N) when saving, N keys in all databases
        7.0.0 NOW, FORCE and ABORT
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case BGSAVE -> bgsave(call, reply);
      case LASTSAVE -> reply.integer(persistence().saving.lastSaveSeconds());
      case SAVE -> save(call, reply);
      case SHUTDOWN -> shutdown(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  /// Is answered once the data is settled: what the client changes after the reply is not saved.
  private void bgsave(Call call, Reply reply) {
    boolean schedule = call.argc() == 2 && call.is(1, "SCHEDULE");
    if (call.argc() > 1 && !schedule) {
      throw CommandError.SYNTAX;
    }
    if (call.waitedFor() != null) {
      reply.simple("Background saving started");
      return;
    }
    Saving saving = persistence().saving;
    switch (saving.background(schedule, call.inMulti())) {
      case SAVING_ALREADY -> throw SAVING_ALREADY;
      case OTHERS_AT_WORK -> throw OTHERS_AT_WORK;
      case SCHEDULED -> reply.simple("Background saving scheduled");
      case STARTED -> {
        BackgroundSave running = saving.running();
        if (running == null || !call.await(running.cut(), Call.FOR_EVER)) {
          reply.simple("Background saving started");
        }
      }
    }
  }

  private void save(Call call, Reply reply) {
    Saving saving = persistence().saving;
    if (saving.running() != null) {
      throw SAVING_ALREADY;
    }
    if (!saving.save(call.seat())) {
      throw FAILED;
    }
    reply.ok();
  }

  private void shutdown(Call call, Reply reply) {
    boolean save = false;
    boolean noSave = false;
    boolean force = false;
    boolean now = false;
    boolean abort = false;
    Options o = call.options(1);
    while (o.next()) {
      if (o.is("SAVE")) {
        save = true;
      } else if (o.is("NOSAVE")) {
        noSave = true;
      } else if (o.is("FORCE")) {
        force = true;
      } else if (o.is("NOW")) {
        now = true;
      } else if (o.is("ABORT")) {
        abort = true;
      } else {
        throw CommandError.SYNTAX;
      }
    }
    if (abort && (save || noSave || force || now) || save && noSave) {
      throw CommandError.SYNTAX;
    }
    if (abort) {
      if (!persistence().abortEnd()) {
        throw new CommandError("ERR No shutdown in progress.");
      }
      reply.ok();
      return;
    }
    if (call.waitedFor() instanceof DelayedEnd.TakenBack) {
      throw CANNOT_END;
    }
    CommandError busy = call.engine().busy().refusal();
    if (busy != null && !noSave) {
      throw busy;
    }
    Ending how = new Ending(save, noSave, force, now || busy != null);
    if (persistence().isEndDelayed(how, stop)) {
      call.await(persistence().endTakenBack(), Call.FOR_EVER);
      return;
    }
    if (!persistence().mayEnd(call.seat(), how)) {
      throw CANNOT_END;
    }
    call.session().closing = true;
    stop.run();
  }
}
