package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import java.nio.file.Path;

/// INFO server: the program, its process, its listeners.
public final class ServerSection implements Section {
  private final Identity identity;
  private final Config config;
  private final Listening listening;

  public ServerSection(Identity identity, Config config, Listening listening) {
    this.identity = identity;
    this.config = config;
    this.listening = listening;
  }

  @Override
  public String title() {
    return "Server";
  }

  @Override
  public void tell(Call call, Fields out) {
    tell(call.now(), config.get(Settings.CLUSTER_ENABLED) ? "cluster" : "standalone", out);
    long loops = config.get(Settings.EVENT_LOOPS);
    out.field("event_loops", loops == 0 ? Runtime.getRuntime().availableProcessors() : loops);
  }

  /// What every program tells.
  ///
  /// @param mode `standalone`, `cluster` or `sentinel`
  public void tell(long now, String mode, Fields out) {
    out.field("redis_version", Config.REDIS_VERSION);
    out.field("redis_git_sha1", "00000000");
    out.field("redis_git_dirty", 0);
    out.field("redis_build_id", "spinel-" + identity.version());
    out.field("redis_mode", mode);
    out.field("os", system());
    out.field("arch_bits", 64);
    out.field("monotonic_clock", "System.nanoTime");
    // The JDK's selector is epoll on Linux; tools know that word.
    String transport = listening.transport();
    out.field("multiplexing_api", transport.equals("nio") ? "epoll" : transport);
    out.field("atomicvar_api", "java");
    out.field("gcc_version", "0.0.0");
    out.field("process_id", ProcessHandle.current().pid());
    out.field("process_supervised", identity.supervisor());
    out.field("run_id", identity.runId());
    out.field("tcp_port", listening.port());
    long uptime = (now - identity.startedMillis()) / 1000;
    out.field("server_time_usec", now * 1000);
    out.field("uptime_in_seconds", uptime);
    out.field("uptime_in_days", uptime / 86_400);
    out.field("hz", config.get(Settings.HZ));
    out.field("configured_hz", config.get(Settings.HZ));
    out.field("lru_clock", now / 1000 & 0xffffff);
    out.field("executable", ProcessHandle.current().info().command().orElse(""));
    Path file = config.file();
    out.field("config_file", file == null ? "" : file.toString());
    out.field("io_threads_active", 0);
    int number = 0;
    for (String listener : listening.listeners()) {
      out.field("listener" + number++, listener);
    }
    out.field("spinel_version", identity.version());
    out.field("java_version", System.getProperty("java.version", ""));
    out.field("io_transport", transport);
  }

  private static String system() {
    String machine = System.getProperty("os.arch", "");
    return System.getProperty("os.name")
        + " "
        + System.getProperty("os.version")
        + " "
        + (machine.equals("amd64") ? "x86_64" : machine);
  }
}
