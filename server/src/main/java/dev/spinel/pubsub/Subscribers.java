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

/// Which sessions are subscribed to which names of one kind. Names are spread over stripes, each
/// with a lock. Messages are sent under that lock, so that all subscribers of a name get them in
/// one order. Any thread.
final class Subscribers {
  private static final int STRIPES = 64;
  private static final Session[][] NOBODY = {};

  private static final class Stripe {
    final ReentrantLock lock = new ReentrantLock();

    /// The subscribers of a name by thread, those of one thread in the order in which they
    /// subscribed. The arrays are never changed, as messages on their way are addressed to them.
    /// Under `lock`.
    final HashMap<Slice, Session[][]> subscribers = new HashMap<>();

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
    names.addAndGet(stripe.subscribers.size() - stripe.size);
    stripe.size = stripe.subscribers.size();
  }

  private Stripe stripe(Slice name) {
    int hash = name.hashCode();
    return stripes[(hash ^ hash >>> 16) & (STRIPES - 1)];
  }

  void add(Slice name, Session session) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[][] all = stripe.subscribers.getOrDefault(name, NOBODY);
      int at = placeOf(session, all);
      Session[][] more = Arrays.copyOf(all, Math.max(all.length, at + 1));
      if (at == all.length) {
        more[at] = new Session[] {session};
      } else {
        more[at] = Arrays.copyOf(all[at], all[at].length + 1);
        more[at][all[at].length] = session;
      }
      stripe.subscribers.put(name, more);
      resize(stripe);
    } finally {
      stripe.lock.unlock();
    }
  }

  void remove(Slice name, Session session) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[][] all = stripe.subscribers.getOrDefault(name, NOBODY);
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
        stripe.subscribers.remove(name);
      } else {
        stripe.subscribers.put(name, fewer);
      }
      resize(stripe);
    } finally {
      stripe.lock.unlock();
    }
  }

  /// Removes all subscribers of a name. Returns them, by thread.
  Session[][] removeAll(Slice name) {
    Stripe stripe = stripe(name);
    stripe.lock.lock();
    try {
      Session[][] all = stripe.subscribers.remove(name);
      resize(stripe);
      return all == null ? NOBODY : all;
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

  /// Sends the message to all subscribers of the name. Returns how many there are.
  int tell(Slice name, PubSub.Message message, Recorder by) {
    Stripe stripe = stripe(name);
    if (stripe.size == 0) {
      return 0;
    }
    stripe.lock.lock();
    try {
      Session[][] all = stripe.subscribers.getOrDefault(name, NOBODY);
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
      return count(stripe.subscribers.getOrDefault(name, NOBODY));
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

  /// Whether there are any subscribers. Read without a lock: the answer may be a moment old.
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
      names.addAll(stripe.subscribers.keySet());
      stripe.lock.unlock();
    }
    return names;
  }
}
