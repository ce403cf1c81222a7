package dev.spinel.sentinel;

import org.jspecify.annotations.Nullable;

/// Looks names of hosts up.
public interface HostNames {
  /// The IP address of a host by its name, or null if there is none. Never called for addresses.
  @Nullable String ip(String name);
}
