package dev.spinel.pubsub;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;

/// The fields of INFO stats about channels and patterns that have subscribers.
public final class Channels implements Section {
  private final PubSub pubSub;

  public Channels(PubSub pubSub) {
    this.pubSub = pubSub;
  }

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public void tell(Call call, Fields out) {
    out.field("pubsub_channels", pubSub.channels());
    out.field("pubsub_patterns", pubSub.patterns());
    out.field("pubsubshard_channels", pubSub.shardChannels());
  }
}
