package dev.spinel.pubsub;

import dev.spinel.engine.Recorder;
import dev.spinel.engine.Session;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/// Who listens to which names, of one kind. Names are spread over stripes, each with a lock;
/// telling happens under it, so that all listeners of a name hear one order. Any thread.
final class Subscribers {
  private static final int STRIPES = 64;
  private static final Session[][] NOBODY = {};

  private static final class Stripe {
    final ReentrantLock lock = new ReentrantLock();

    /// Who listens to a name, by thread: the sessions of one in the order in which they came. The
    /// arrays are never changed, as messages on their way are addressed to them. Under `lock`.
    final HashMap<Slice, Session[][]> listeners = new HashMap<>();

    volatile int size;
  }

  private final Stripe[] stripes = new Stripe[STRIPES];

  Subscribers() {
    for (int i = 0; i < STRIPES; i++) {
      stripes[i] = new Stripe();
    }
  }

  private final AtomicInteger names = new AtomicInteger();

  private void resize(Stripe stripe) {
    names.addAndGet(stripe.listeners.size() - stripe.size);
    stripe.size = stripe.listeners.size();
  }

  private Stripe stripe(Slice name) {
    int hash = name.hashCode();
    return stripes[(hash ^ hash >>> 16) & (STRIPES - 1)];
  }

  void add(Slice name, Session session) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[][] all = stripe.listeners.getOrDefault(name, NOBODY);
      int at = placeOf(session, all);
      Session[][] more = Arrays.copyOf(all, Math.max(all.length, at + 1));
      if (at == all.length) {
        more[at] = new Session[] {session};
      } else {
        more[at] = Arrays.copyOf(all[at], all[at].length + 1);
        more[at][all[at].length] = session;
      }
      stripe.listeners.put(name, more);
      resize(stripe);
    } finally {
      stripe.lock.unlock();
    }
  }

  void remove(Slice name, Session session) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[][] all = stripe.listeners.getOrDefault(name, NOBODY);
      int at = placeOf(session, all);
      if (at == all.length) {
        return;
      }
      Session[] left = Arrays.stream(all[at]).filter(one -> one != session).toArray(Session[]::new);
      Session[][] fewer = all.clone();
      fewer[at] = left;
      if (left.length == 0) {
        fewer[at] = fewer[all.length - 1];
        fewer = Arrays.copyOf(fewer, all.length - 1);
      }
      if (fewer.length == 0) {
        stripe.listeners.remove(name);
      } else {
        stripe.listeners.put(name, fewer);
      }
      resize(stripe);
    } finally {
      stripe.lock.unlock();
    }
  }

  /// Where those of the session's thread are; the end if there are none.
  private static int placeOf(Session session, Session[][] all) {
    for (int i = 0; i < all.length; i++) {
      if (all[i][0].outlet.inbox() == session.outlet.inbox()) {
        return i;
      }
    }
    return all.length;
  }

  /// Sends the message to all who listen to the name. Returns how many.
  int tell(Slice name, PubSub.Message message, Recorder by) {
    Stripe stripe = stripe(name);
    if (stripe.size == 0) {
      return 0;
    }
    stripe.lock.lock();
    try {
      Session[][] all = stripe.listeners.getOrDefault(name, NOBODY);
      for (Session[] ofOneThread : all) {
        message.send(ofOneThread, by);
      }
      return count(all);
    } finally {
      stripe.lock.unlock();
    }
  }

  int count(Slice name) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      return count(stripe.listeners.getOrDefault(name, NOBODY));
    } finally {
      stripe.lock.unlock();
    }
  }

  private static int count(Session[][] all) {
    int count = 0;
    for (Session[] ofOneThread : all) {
      count += ofOneThread.length;
    }
    return count;
  }

  /// Whether anybody listens to anything: racy, as good as the question having come earlier.
  boolean any() {
    return names.get() != 0;
  }

  int size() {
    return names.get();
  }

  List<Slice> names() {
    ArrayList<Slice> names = new ArrayList<>();
    for (Stripe stripe : stripes) {
      stripe.lock.lock();
      names.addAll(stripe.listeners.keySet());
      stripe.lock.unlock();
    }
    return names;
  }
}
